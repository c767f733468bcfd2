package static

import (
	"bytes"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"
)

// All that the canvas may load, with its rarely needed parts, stays below 250 kB.
func TestCanvas_Weight(t *testing.T) {
	t.Parallel()
	a, err := Load()
	require.NoError(t, err)
	total := 0
	for name, asset := range a.byName {
		if !strings.HasPrefix(name, "flow") && name != "style.css" && name != "app.js" {
			continue
		}
		var b bytes.Buffer
		w := brotli.NewWriterLevel(&b, 9)
		_, err := w.Write(asset.Body)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		total += b.Len()
	}
	require.Greater(t, total, 50_000, "the canvas is not there")
	require.Less(t, total, 250_000)
	t.Logf("the canvas, its styles and the console's script: %d bytes", total)
}
