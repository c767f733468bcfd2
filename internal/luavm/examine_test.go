package luavm

import (
	"context"
	"strings"
	"testing"

	"joinery/internal/fault"
	"joinery/internal/function"
)

// Every kind of grant that the library knows is told in plain words, and what can be
// made to need a second reviewer is a kind that there is, writing or not as it says.
func TestGrants_AreToldInWords(t *testing.T) {
	effects := map[string]Effect{}
	for _, f := range Catalogue() {
		if f.Capability == "" {
			continue
		}
		g := function.Grant{Capability: f.Capability, Connection: "corp-ldap", Operation: f.Operation}
		effects[g.Kind()] = f.Effect
		if says := g.Says(); !strings.Contains(says, "corp-ldap") || strings.HasPrefix(says, "does ") || f.Effect == Plans && !strings.HasPrefix(says, "writes ") {
			t.Errorf("%s: %q", g.Kind(), says)
		}
	}
	for _, s := range function.Sensitives() {
		if e, ok := effects[s.Kind]; !ok || s.Writes != (e == Plans) {
			t.Errorf("%s: the library has it as %q", s.Kind, e)
		}
	}
	for kind, e := range effects {
		listed := false
		for _, s := range function.Sensitives() {
			listed = listed || s.Kind == kind
		}
		if e == Plans && !listed {
			t.Errorf("%s writes, and no setting can ask for a second reviewer", kind)
		}
	}
}

// Who cannot wait for an examination is told so, and finds what it showed later: the same
// content is examined once.
func TestJudge_ExamineIsKept(t *testing.T) {
	t.Parallel()
	j := &Judge{Pool: open(t, Config{})}
	c := function.Content{Key: "a", Name: "A", Source: "return function(input) return {n = 1} end", Cases: []function.Case{{Name: "one", Output: map[string]any{"n": 1}}}}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Examine(gone, c); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("who is gone: %v", err)
	}
	first, err := j.Examine(t.Context(), c)
	if err != nil || first.Tried != 1 || len(first.Survivors) != 0 {
		t.Fatalf("%+v %v", first, err)
	}
	j.Pool = nil // it would be needed to examine anew
	if again, err := j.Examine(t.Context(), c); err != nil || again.Tried != 1 {
		t.Fatalf("%+v %v", again, err)
	}
}
