package author

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// leastSecret is how long a secret has to be to be looked for: shorter ones are met by
// chance.
const leastSecret = 6

// HoldsSecret says whether a text holds a secret, as it is or in an encoding of which
// everybody knows how to get it back.
func HoldsSecret(text, secret string) bool {
	secret = strings.TrimSpace(secret)
	if len(secret) < leastSecret {
		return false
	}
	for _, form := range encoded(secret) {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

// encoded gives a secret as it may be written: plain, backwards, in hexadecimal, and in
// base64 wherever in a longer text it begins.
func encoded(secret string) []string {
	low := hex.EncodeToString([]byte(secret))
	out := []string{secret, backwards(secret), low, strings.ToUpper(low)}
	for shift := range 3 {
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString(append(make([]byte, shift), secret...))
			// Characters at both ends also hold bits of what stands beside the secret.
			from, to := (shift*8+5)/6, (shift+len(secret))*8/6
			if form := text[from:to]; len(form) >= leastSecret {
				out = append(out, form)
			}
		}
	}
	return out
}

func backwards(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}
