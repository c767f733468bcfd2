package luavm

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

var record = flag.Bool("record", false, "ask lua5.1 for the expected outputs of the stored programs again")

// printed runs a program whose answers go through out(…).
func printed(source string) (string, error) {
	proto, err := compileMutant(source, 0)
	if err != nil {
		return "", err
	}
	m := newMachine(Limits{}.Within())
	defer m.state.Close()
	var b strings.Builder
	m.set("out", func(L *lua.LState) int {
		for i := 1; i <= L.GetTop(); i++ {
			if i > 1 {
				b.WriteByte('\t')
			}
			b.WriteString(show(L.Get(i)))
		}
		b.WriteByte('\n')
		return 0
	})
	out := m.protect(m.state, m.state.NewFunctionFromProto(proto))
	if m.budget.ended != "" {
		return b.String(), fmt.Errorf("ended: %s", m.budget.ended)
	}
	if out.failed {
		return b.String(), fmt.Errorf("%s", show(out.value))
	}
	return b.String(), nil
}

var signs = regexp.MustCompile(`-(nan|0(?:[^.]|$))`)

const pucPrelude = `local out = function(...)
  local t = {} for i = 1, select("#", ...) do local v = select(i, ...)
    t[i] = (type(v) == "table" or type(v) == "function") and type(v) or tostring(v) end
  io.write(table.concat(t, "\t"), "\n") end local io, os, debug = nil, nil, nil
`

func puc(t testing.TB, source string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "lua5.1", "-")
	cmd.Stdin = strings.NewReader(pucPrelude + source)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	// The sign of NaN is the processor's, and gopher-lua keeps no sign of zero.
	text := signs.ReplaceAllString(out.String(), "$1")
	if err != nil {
		return text + "error\n"
	}
	return text
}

func ours(source string) string {
	out, err := printed(source)
	out = signs.ReplaceAllString(out, "$1")
	if err != nil {
		return out + "error\n"
	}
	return out
}

type stored struct {
	Source string `json:"source"`
	Want   string `json:"want"`
}

const corpusFile = "testdata/differential.jsonl"

// TestDifferential runs stored programs whose answers PUC Lua 5.1.5 gave.
// `go test ./internal/luavm -run TestDifferential -record` makes them anew.
func TestDifferential(t *testing.T) {
	if *record {
		recordCorpus(t)
	}
	raw, err := os.ReadFile(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	n, wrong := 0, 0
	for line := range bytes.Lines(raw) {
		var s stored
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		n++
		if got := ours(s.Source); got != s.Want {
			if wrong++; wrong <= 5 {
				t.Errorf("program:\n%s\ngot:\n%swant:\n%s", s.Source, got, s.Want)
			}
		}
	}
	if n < 500 {
		t.Errorf("%d programs are stored, want 500 or more", n)
	}
	if wrong > 0 {
		t.Errorf("%d of %d programs differ from PUC Lua", wrong, n)
	}
}

func recordCorpus(t *testing.T) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for seed := range uint64(520) {
		for _, source := range []string{program(seed), patterns(seed)} {
			_ = enc.Encode(stored{source, puc(t, source)})
		}
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(corpusFile, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDifferential_Fresh compares programs that nobody stored, where PUC Lua is installed.
func TestDifferential_Fresh(t *testing.T) {
	if _, err := exec.LookPath("lua5.1"); err != nil {
		t.Skip("lua5.1 is not installed; the stored programs are compared all the same")
	}
	n := uint64(150)
	if v := os.Getenv("JOINERY_LUA_PROGRAMS"); v != "" {
		fmt.Sscan(v, &n)
	}
	base := uint64(time.Now().UnixNano())
	wrong := 0
	for i := range n {
		source := program(base + i)
		if i%2 == 1 {
			source = patterns(base + i)
		}
		if got, want := ours(source), puc(t, source); got != want {
			if wrong++; wrong <= 3 {
				t.Errorf("seed %d\n%s\ngot:\n%swant:\n%s", base+i, source, got, want)
			}
		}
	}
	t.Logf("%d of %d programs differ", wrong, n)
}
