package secret

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func TestSealer(t *testing.T) {
	t.Parallel()
	s, err := NewSealer(key(1))
	require.NoError(t, err)
	sealed, err := s.Seal(New("hunter2"), "credentials|sealed|a")
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "hunter2")

	t.Run("opens in its place", func(t *testing.T) {
		v, err := s.Open(sealed, "credentials|sealed|a")
		require.NoError(t, err)
		require.Equal(t, "hunter2", v.Reveal())
	})
	t.Run("does not open in another row", func(t *testing.T) {
		_, err := s.Open(sealed, "credentials|sealed|b")
		require.True(t, fault.Is(err, fault.Internal))
	})
	t.Run("every flipped bit is noticed", func(t *testing.T) {
		for i := range sealed {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			_, err := s.Open(bad, "credentials|sealed|a")
			require.Error(t, err, "byte %d", i)
		}
		for i := range sealed {
			_, err := s.Open(sealed[:i], "credentials|sealed|a")
			require.Error(t, err, "cut at %d", i)
		}
	})
	t.Run("an earlier master key still opens", func(t *testing.T) {
		next, err := NewSealer(key(2), key(1))
		require.NoError(t, err)
		v, err := next.Open(sealed, "credentials|sealed|a")
		require.NoError(t, err)
		require.Equal(t, "hunter2", v.Reveal())
		other, err := NewSealer(key(3))
		require.NoError(t, err)
		_, err = other.Open(sealed, "credentials|sealed|a")
		require.ErrorContains(t, err, "another master key")
	})
	t.Run("equal values seal differently", func(t *testing.T) {
		again, err := s.Seal(New("hunter2"), "credentials|sealed|a")
		require.NoError(t, err)
		require.NotEqual(t, sealed, again)
	})
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "short", "AAAA", "!!!!"} {
		_, err := ParseKey(bad)
		require.Error(t, err)
	}
	raw, err := ParseKey("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	require.NoError(t, err)
	require.Len(t, raw, KeySize)
}

func TestValuePrintsDots(t *testing.T) {
	t.Parallel()
	v := New("hunter2")
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.NotContains(t, fmt.Sprintf(f, v), "hunter2")
		require.NotContains(t, fmt.Sprintf(f, struct{ V Value }{v}), "hunter2")
	}
}
