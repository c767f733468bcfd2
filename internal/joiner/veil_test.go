package joiner

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVeil(t *testing.T) {
	t.Parallel()
	w := Worker{ID: "1", Attributes: map[string]any{"first_name": "Ada", "personal_email": "ada@home.example", "phone": "+49 170 1234567", "birth_date": "1990-05-04", "gender": "female", "bank_account": []any{"x"}, "home_address": ""}}
	v := Veil(w, []byte("key"))
	require.Equal(t, "Ada", v.Attributes["first_name"], "a work name is no personal attribute")
	require.Equal(t, "1900-01-01", v.Attributes["birth_date"])
	require.Equal(t, "xxxxxx", v.Attributes["gender"])
	require.Regexp(t, `^hidden-[0-9a-f]{8}@hidden\.example$`, v.Attributes["personal_email"])
	require.Regexp(t, `^\+\d\d \d{3} \d{7}$`, v.Attributes["phone"])
	require.NotEqual(t, w.Attributes["phone"], v.Attributes["phone"])
	require.NotContains(t, v.Attributes, "bank_account", "what has no shape is left out")
	require.Empty(t, v.Attributes["home_address"], "an empty value stays empty")
	require.Equal(t, v, Veil(w, []byte("key")), "the same value has the same stand-in")
	require.NotEqual(t, v, Veil(w, []byte("other")), "who does not have the key cannot make it")
	require.Equal(t, "ada@home.example", w.Attributes["personal_email"], "the worker itself is left alone")
}
