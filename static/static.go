// Package static holds what browsers load: the stylesheet, the script, icons and
// fonts, built from src by build.mjs and committed, so that Go alone builds Joinery.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
)

//go:embed dist
var files embed.FS

// Asset is one file, ready to send.
type Asset struct {
	Type string
	Body []byte
	// Brotli and Gzip give it compressed, nil when that would not be smaller. Each
	// is made at its first use: a process must be ready before anybody looks at it.
	Brotli, Gzip func() []byte
	Version      string
	// Fixed says that the name itself holds a hash of the content.
	Fixed bool
}

var hashed = regexp.MustCompile(`-[A-Z0-9]{8}\.js$`)

// Assets are all files by name.
type Assets struct{ byName map[string]Asset }

var types = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
	".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8"}

// Load reads all files once, at start.
func Load() (*Assets, error) {
	entries, err := fs.ReadDir(files, "dist")
	if err != nil {
		return nil, fmt.Errorf("read assets: %w", err)
	}
	a := &Assets{byName: map[string]Asset{}}
	var late []string
	for _, e := range entries {
		if path.Ext(e.Name()) == ".css" {
			late = append(late, e.Name()) // names fonts by version, so it comes after them
			continue
		}
		if err := a.add(e.Name(), nil); err != nil {
			return nil, err
		}
	}
	for _, name := range late {
		if err := a.add(name, a.versioned); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *Assets) add(name string, rewrite func([]byte) []byte) error {
	body, err := files.ReadFile("dist/" + name)
	if err != nil {
		return fmt.Errorf("read asset %s: %w", name, err)
	}
	if rewrite != nil {
		body = rewrite(body)
	}
	sum := sha256.Sum256(body)
	asset := Asset{Type: types[path.Ext(name)], Body: body, Version: hex.EncodeToString(sum[:6]), Fixed: hashed.MatchString(name)}
	if asset.Type == "" {
		return fmt.Errorf("asset %s: its type is not known", name)
	}
	asset.Brotli, asset.Gzip = func() []byte { return nil }, func() []byte { return nil }
	if path.Ext(name) != ".woff2" {
		asset.Brotli = sync.OnceValue(func() []byte { return smaller(body, brotlied(body)) })
		asset.Gzip = sync.OnceValue(func() []byte { return smaller(body, gzipped(body)) })
	}
	a.byName[name] = asset
	return nil
}

// versioned gives the fonts a stylesheet names the version that lets them be cached for good.
func (a *Assets) versioned(css []byte) []byte {
	for name := range a.byName {
		if strings.HasSuffix(name, ".woff2") {
			css = bytes.ReplaceAll(css, []byte("./"+name), []byte(strings.TrimPrefix(a.URL(name), "/static/")))
		}
	}
	return css
}

// URL gives the address of a file with its version; it panics for a file that
// does not exist, which is a mistake in our own pages.
func (a *Assets) URL(name string) string {
	asset, ok := a.byName[name]
	if !ok {
		panic("static: there is no asset " + name)
	}
	return "/static/" + name + "?v=" + asset.Version
}

// Find gives a file by name.
func (a *Assets) Find(name string) (Asset, bool) {
	asset, ok := a.byName[name]
	return asset, ok
}

// everyPage is how large the files are at most that every page loads. They are packed
// as tightly as can be, which takes a tenth of a second; the canvas would take some.
const everyPage = 64 << 10

func brotlied(body []byte) []byte {
	var b bytes.Buffer
	level := 9
	if len(body) <= everyPage {
		level = brotli.BestCompression
	}
	w := brotli.NewWriterLevel(&b, level)
	_, _ = w.Write(body) // into memory: it cannot fail
	_ = w.Close()
	return b.Bytes()
}

func gzipped(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}

func smaller(body, packed []byte) []byte {
	if len(packed) >= len(body) {
		return nil
	}
	return packed
}
