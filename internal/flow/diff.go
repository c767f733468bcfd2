package flow

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Differences says in sentences what changed from one content to another, the
// way a reviewer would ask: what is new, what is gone, what leads elsewhere, and
// which connections are used more or less than before.
func Differences(before, after Content, cat Catalog) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, f := range []struct{ name, a, b string }{{"name", before.Name, after.Name}, {"description", before.Description, after.Description}, {"start", string(before.Trigger), string(after.Trigger)}} {
		if f.a != f.b && (before.Key != "") {
			add("The %s changed from “%s” to “%s”.", f.name, f.a, f.b)
		}
	}
	for _, n := range after.Nodes {
		old, ok := before.Find(n.ID)
		if !ok {
			add("New: %s (%s).", n.Title(), n.Type)
			continue
		}
		out = append(out, nodeDifferences(old, n)...)
	}
	for _, n := range before.Nodes {
		if _, ok := after.Find(n.ID); !ok {
			add("Gone: %s (%s).", n.Title(), n.Type)
		}
	}
	for _, e := range after.Edges {
		if !slices.Contains(before.Edges, e) {
			add("%s now leads to %s.", e.From, e.To)
		}
	}
	for _, e := range before.Edges {
		if !slices.Contains(after.Edges, e) {
			add("%s does not lead to %s any more.", e.From, e.To)
		}
	}
	out = append(out, invariantDifferences(before.Invariants, after.Invariants)...)
	if !reflect.DeepEqual(before.Vars, after.Vars) && before.Key != "" {
		add("The variables changed.")
	}
	if before.Limits != after.Limits {
		add("The limits changed: runs %d → %d, accounts %d → %d, memberships %d → %d, write-backs %d → %d per hour (0 is none).", before.Limits.RunsPerHour, after.Limits.RunsPerHour,
			before.Limits.CreatesPerHour, after.Limits.CreatesPerHour, before.Limits.GrantsPerHour, after.Limits.GrantsPerHour,
			before.Limits.WriteBacksPerHour, after.Limits.WriteBacksPerHour)
	}
	out = append(out, backtestDifferences(before.Backtest, after.Backtest)...)
	return append(out, grantDifferences(before, after, cat)...)
}

func nodeDifferences(old, n Node) []string {
	var out []string
	if old.Type != n.Type {
		out = append(out, fmt.Sprintf("%s is now a %s; it was a %s.", n.Title(), n.Type, old.Type))
	}
	if old.Name != n.Name {
		out = append(out, fmt.Sprintf("%s was called %s.", n.Title(), old.Title()))
	}
	names := map[string]bool{}
	for k := range old.Params {
		names[k] = true
	}
	for k := range n.Params {
		names[k] = true
	}
	var changed []string
	for _, k := range slices.Sorted(maps.Keys(names)) {
		if !reflect.DeepEqual(old.Params[k], n.Params[k]) {
			changed = append(changed, k)
		}
	}
	if !reflect.DeepEqual(old.Retry, n.Retry) || old.Timeout != n.Timeout || old.OnError != n.OnError {
		changed = append(changed, "tries and time limit")
	}
	if len(changed) > 0 {
		out = append(out, fmt.Sprintf("%s: %s changed.", n.Title(), strings.Join(changed, ", ")))
	}
	return out
}

// grantDifferences tells which connections a flow may write to or read more or
// less than before.
func grantDifferences(before, after Content, cat Catalog) []string {
	grants := func(c Content) map[string]bool {
		out := map[string]bool{}
		for _, u := range c.Uses(cat) {
			how := "reads"
			if u.Writes {
				how = "writes to"
			}
			out[how+" "+u.Connection] = true
		}
		return out
	}
	a, b := grants(before), grants(after)
	var out []string
	for _, g := range slices.Sorted(maps.Keys(b)) {
		if !a[g] {
			out = append(out, "It now "+g+".")
		}
	}
	for _, g := range slices.Sorted(maps.Keys(a)) {
		if !b[g] {
			out = append(out, "It no longer "+g+".")
		}
	}
	return out
}

// invariantDifferences tells what the flow must never do now, and what it may do
// that it might not before: the latter is what a reviewer must not miss.
func invariantDifferences(before, after []Invariant) []string {
	find := func(list []Invariant, name string) (Invariant, bool) {
		i := slices.IndexFunc(list, func(v Invariant) bool { return v.Name == name })
		if i < 0 {
			return Invariant{}, false
		}
		return list[i], true
	}
	var out []string
	for _, v := range after {
		old, there := find(before, v.Name)
		switch {
		case !there:
			out = append(out, fmt.Sprintf("New invariant: %s (%s).", v.Name, v.words()))
		case !reflect.DeepEqual(old, v):
			out = append(out, fmt.Sprintf("The invariant “%s” changed: it was %s, and is %s.", v.Name, old.words(), v.words()))
		}
	}
	for _, v := range before {
		if _, there := find(after, v.Name); !there {
			out = append(out, fmt.Sprintf("The invariant “%s” is gone: %s is not kept from happening any more.", v.Name, v.words()))
		}
	}
	return out
}

// words tells an invariant in one line.
func (v Invariant) words() string {
	var parts []string
	if len(v.NeverGroups) > 0 {
		parts = append(parts, "never the groups "+strings.Join(v.NeverGroups, ", "))
	}
	if v.Directory != "" {
		parts = append(parts, "in "+v.Directory)
	}
	if len(v.NeverAccounts) > 0 {
		parts = append(parts, "never an account in "+strings.Join(v.NeverAccounts, ", "))
	}
	if when := strings.TrimSpace(strings.TrimPrefix(v.When, "=")); when != "" {
		parts = append(parts, "when "+when)
	}
	return strings.Join(parts, ", ")
}
