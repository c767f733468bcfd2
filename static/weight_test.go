package static

import (
	"bytes"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"
)

// All that the canvas may load, with its rarely needed parts, stays below 250 kB; the
// editor of functions below 180 kB.
func TestCanvas_Weight(t *testing.T) { weight(t, "flow", 250_000) }

func TestEditor_Weight(t *testing.T) { weight(t, "function", 180_000) }

func weight(t *testing.T, part string, most int) {
	t.Parallel()
	a, err := Load()
	require.NoError(t, err)
	total := 0
	for name, asset := range a.byName {
		if !strings.HasPrefix(name, part) && name != "style.css" && name != "app.js" {
			continue
		}
		var b bytes.Buffer
		w := brotli.NewWriterLevel(&b, 9)
		_, err := w.Write(asset.Body)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		total += b.Len()
	}
	require.Greater(t, total, 50_000, "%s is not there", part)
	require.Less(t, total, most)
	t.Logf("%s, its styles and the console's script: %d bytes", part, total)
}
