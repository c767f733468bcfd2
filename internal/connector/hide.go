package connector

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"

	"joinery/internal/secret"
)

// Hide takes a secret out of what a system answered: one that repeats what it was sent
// must not carry a credential into a run's record or onto a page. It finds the text as
// it is, as JSON and addresses write it, and in base64, also with a user before it.
func Hide(answer []byte, v secret.Value) []byte {
	text := v.Reveal()
	if len(text) < 4 {
		return answer
	}
	quoted, _ := json.Marshal(text)
	for _, form := range []string{text, string(quoted[1 : len(quoted)-1]), url.QueryEscape(text), url.PathEscape(text)} {
		answer = bytes.ReplaceAll(answer, []byte(form), []byte(v.String()))
	}
	if len(text) < leastSecret {
		return answer
	}
	for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			answer = hideRun(answer, encodedCore(alphabet, text, before), v.String())
		}
	}
	return answer
}

// encodedCore is what base64 makes of a text with so many bytes before it, without the
// letters that depend on what stands around it.
func encodedCore(alphabet *base64.Encoding, text string, before int) []byte {
	encoded := alphabet.EncodeToString(append(make([]byte, before), text...))
	return []byte(encoded[(before*8+5)/6 : (before+len(text))*8/6])
}

// hideRun puts dots in the place of every run of base64 that holds the core.
func hideRun(answer, core []byte, dots string) []byte {
	for from := 0; ; {
		at := bytes.Index(answer[from:], core)
		if at < 0 {
			return answer
		}
		at += from
		end := at + len(core)
		for at > from && inBase64(answer[at-1]) {
			at--
		}
		for end < len(answer) && inBase64(answer[end]) {
			end++
		}
		answer = append(append(bytes.Clone(answer[:at]), dots...), answer[end:]...)
		from = at + len(dots)
	}
}

func inBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_' || c == '='
}
