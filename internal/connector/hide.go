package connector

import (
	"bytes"
	"encoding/base64"

	"joinery/internal/secret"
)

// Hide takes a secret out of what a system answered: one that repeats what it was
// sent must not carry a credential into a run's record or onto a page. user is the
// name it was sent with, where there is one.
func Hide(answer []byte, v secret.Value, user string) []byte {
	text := v.Reveal()
	if len(text) < 4 {
		return answer
	}
	forms := []string{text, base64.StdEncoding.EncodeToString([]byte(text))}
	if user != "" {
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(user+":"+text)))
	}
	for _, f := range forms {
		answer = bytes.ReplaceAll(answer, []byte(f), []byte(v.String()))
	}
	return answer
}
