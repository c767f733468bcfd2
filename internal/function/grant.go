package function

import (
	"fmt"
	"slices"
	"strings"
)

// Grant is the permission to use one capability of one connection.
type Grant struct{ Capability, Connection, Operation string }

// ParseGrant reads capability:connection:operation.
func ParseGrant(s string) (Grant, bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return Grant{}, false
	}
	return Grant{parts[0], parts[1], parts[2]}, true
}

// Kind is the grant without its connection: what settings speak of.
func (g Grant) Kind() string { return g.Capability + ":" + g.Operation }

// doing says what a kind of grant is for, with a place for the connection. Words of
// writing come first in none of them, so that "now also" and "no longer" fit.
var doing = map[string]string{
	"directory:accounts.find": "reads accounts in %s",
	"directory:names.taken":   "asks whether logins are taken in %s",
	"directory:groups.find":   "asks whether groups exist in %s",
	"hris:workers.get":        "reads workers in %s",
	"directory:groups.add":    "writes groups in %s: puts the joiner in",
	"directory:groups.remove": "writes groups in %s: takes the joiner out",
	"directory:accounts.set":  "writes attributes of the joiner's account in %s",
}

// Says is what a grant is for, in plain words.
func (g Grant) Says() string {
	if text, ok := doing[g.Kind()]; ok {
		return fmt.Sprintf(text, g.Connection)
	}
	return fmt.Sprintf("does %s with %s", g.Kind(), g.Connection)
}

// callKinds are the kinds of grants that calls of the library need.
var callKinds = map[string]string{
	"directory.find_account": "directory:accounts.find", "directory.username_taken": "directory:names.taken", "directory.group_exists": "directory:groups.find", "hris.get_worker": "hris:workers.get",
	"plan.add_group": "directory:groups.add", "plan.remove_group": "directory:groups.remove", "plan.set": "directory:accounts.set",
}

// CallGrant is the grant that a call of the library needs for a connection; false for
// calls that need none.
func CallGrant(call, connection string) (Grant, bool) {
	kind, ok := callKinds[call]
	capability, operation, _ := strings.Cut(kind, ":")
	return Grant{capability, connection, operation}, ok
}

// Grant is what a planned change needs; false where it names no connection.
func (p Planned) Grant() (Grant, bool) {
	if len(p.Args) == 0 {
		return Grant{}, false
	}
	connection, ok := p.Args[0].(string)
	if !ok {
		return Grant{}, false
	}
	return CallGrant(p.Do, connection)
}

// What is what a grant is about, without its connection.
func (g Grant) What() string {
	if text, ok := about[g.Kind()]; ok {
		return text
	}
	return g.Kind()
}

var about = map[string]string{
	"directory:accounts.find": "accounts", "directory:names.taken": "whether logins are taken", "directory:groups.find": "whether groups exist", "hris:workers.get": "workers",
	"directory:groups.add": "groups of the joiner", "directory:groups.remove": "groups that the joiner loses", "directory:accounts.set": "attributes of the joiner's account",
}

// Writes tells whether a grant lets a function plan a change.
func (g Grant) Writes() bool {
	return slices.ContainsFunc(Sensitives(), func(s Sensitive) bool { return s.Kind == g.Kind() && s.Writes })
}

// Sensitive is a kind of grant that can be made to need a second reviewer.
type Sensitive struct {
	Kind, Says string
	Writes     bool
}

// Sensitives lists the kinds of grants that write, or that read what is known of people.
func Sensitives() []Sensitive {
	return []Sensitive{
		{"directory:accounts.set", "Writes attributes of accounts", true},
		{"directory:groups.add", "Puts people into groups", true},
		{"directory:groups.remove", "Takes people out of groups", true},
		{"hris:workers.get", "Reads workers of an HRIS", false},
		{"directory:accounts.find", "Reads accounts of a directory", false},
	}
}

// NeedSecond says which grants of a manifest are of kinds that need a second reviewer.
func NeedSecond(m Manifest, kinds []string) []string {
	var out []string
	for _, text := range m.Grants {
		if g, ok := ParseGrant(text); ok && slices.Contains(kinds, g.Kind()) {
			out = append(out, g.Says())
		}
	}
	return out
}

// Changed says in plain words what a manifest lets a function do that another one did
// not, what it no longer does, and which limits moved.
func Changed(before, now Manifest) (more, less []string) {
	for _, text := range now.Grants {
		if g, ok := ParseGrant(text); ok && !slices.Contains(before.Grants, text) {
			more = append(more, "Now also "+g.Says()+".")
		}
	}
	for _, text := range before.Grants {
		if g, ok := ParseGrant(text); ok && !slices.Contains(now.Grants, text) {
			less = append(less, "No longer "+g.Says()+".")
		}
	}
	for _, l := range []struct {
		what     string
		was, now int
	}{
		{"milliseconds of computing", before.Limits.Milliseconds, now.Limits.Milliseconds},
		{"megabytes of memory", before.Limits.MemoryMB, now.Limits.MemoryMB},
		{"questions to systems", before.Limits.HostCalls, now.Limits.HostCalls},
	} {
		if l.was == l.now {
			continue
		}
		text := fmt.Sprintf("The limit of %s is %s now; it was %s.", l.what, orUsual(l.now), orUsual(l.was))
		if l.now == 0 || l.was != 0 && l.now < l.was {
			less = append(less, text)
		} else {
			more = append(more, text)
		}
	}
	return more, less
}

func orUsual(n int) string {
	if n == 0 {
		return "the usual one"
	}
	return fmt.Sprint(n)
}
