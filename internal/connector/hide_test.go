package connector_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/secret"
)

// A secret is found in base64 whatever stands before and after it; nothing else is touched.
func TestHide_FindsEncodedSecrets(t *testing.T) {
	t.Parallel()
	const token = "s3cr?t~ÿcanary"
	v := secret.New(token)
	for before := range 7 {
		for after := range 4 {
			for _, alphabet := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
				text := alphabet.EncodeToString([]byte(strings.Repeat("u", before) + token + strings.Repeat(":", after)))
				got := string(connector.Hide(fmt.Appendf(nil, `{"authorization":"Basic %s","id":"c2FmZQ=="}`, text), v))
				require.Equal(t, `{"authorization":"Basic `+v.String()+`","id":"c2FmZQ=="}`, got)
			}
		}
	}
	require.Equal(t, `{"name":"Ada","mail":"YWRhQGV4YW1wbGUuY29t"}`, string(connector.Hide([]byte(`{"name":"Ada","mail":"YWRhQGV4YW1wbGUuY29t"}`), v)))
}
