package luavm

import (
	"strings"
	"testing"

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
