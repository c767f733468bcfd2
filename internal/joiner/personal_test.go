package joiner

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPersonalValues(t *testing.T) {
	t.Parallel()
	got := PersonalValues(map[string]any{"phone": 491701234567.0, "personal_email": " Pia@Private.example ", "gender": "f", "department": "Engineering",
		"home_address": map[string]any{"street": "Birkenweg 12", "country": "Germany", "codes": []any{"D-79100 Freiburg"}}}, map[string]any{"phone": "+49 170 7654321", "personal_email": "Pia@Private.example"})
	require.Equal(t, []string{"Pia@Private.example", "D-79100 Freiburg", "+49 170 7654321", "491701234567", "Birkenweg 12"}, got, "the longest first, each once, a country's name is no secret")
}

func TestHideValues(t *testing.T) {
	t.Parallel()
	values := []string{"Pia@Private.example", "Birkenweg 12"}
	for text, want := range map[string]string{
		"to pia@private.EXAMPLE, PIA@PRIVATE.EXAMPLE and Pia@Private.example": "to (hidden), (hidden) and (hidden)",
		"at birkenweg 12b":         "at (hidden)b",
		"nothing of it":            "nothing of it",
		"":                         "",
		"İİ Pia@Private.example İ": "İİ (hidden) İ",
		"ẞ birkenweg 12 ẞ":         "ẞ (hidden) ẞ",
	} {
		require.Equal(t, want, HideValues(text, values), text)
	}
	require.Equal(t, "x", HideValues("x", []string{""}))
}
