package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector/all"
	"joinery/internal/node"
	"joinery/static"
)

// An icon that is not in the sprite is an empty square, and nothing says so.
func TestIcons_AllAreInTheSprite(t *testing.T) {
	t.Parallel()
	assets, err := static.Load()
	require.NoError(t, err)
	sprite, ok := assets.Find("icons.svg")
	require.True(t, ok)
	named := map[string]string{}
	for _, spec := range node.All().Specs() {
		named[spec.Icon] = "node " + spec.Kind
	}
	for _, typ := range all.New().Types() {
		named[typ.Info().Icon] = "connector " + typ.Info().Kind
	}
	literal := regexp.MustCompile(`(?:Icon:\s*|Icon\(|icon:\s*)"([a-z0-9-]+)"`)
	for _, dir := range []string{".", "../views"} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".templ") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			raw, err := os.ReadFile(path)
			for _, m := range literal.FindAllSubmatch(raw, -1) {
				named[string(m[1])] = path
			}
			return err
		}))
	}
	for _, i := range navOf(map[string]bool{}) {
		named[i.icon] = "navigation"
	}
	for icon, by := range named {
		require.True(t, strings.Contains(string(sprite.Body), `<symbol id="`+icon+`"`), "%s names the icon %q: add it to static/src/icons.txt and run make generate", by, icon)
	}
}

// What a first visit loads besides the page stays small.
func TestAssets_AreSmall(t *testing.T) {
	t.Parallel()
	assets, err := static.Load()
	require.NoError(t, err)
	total := 0
	for _, name := range []string{"style.css", "app.js", "icons.svg"} {
		a, ok := assets.Find(name)
		require.True(t, ok)
		total += len(a.Brotli())
	}
	for _, name := range []string{"inter.woff2", "jetbrains-mono.woff2"} {
		a, ok := assets.Find(name)
		require.True(t, ok)
		total += len(a.Body)
	}
	require.Less(t, total, 120<<10)
}
