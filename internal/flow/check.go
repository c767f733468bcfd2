package flow

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/form"
)

// MaxNodes bounds a flow.
const MaxNodes = 200

// Known is what a check may know of the surroundings.
type Known struct {
	// Connections gives the capabilities of each connection there is; nil means
	// that connections are not checked.
	Connections map[string][]string
	// Policies gives the type of each policy there is; nil means that policies are
	// not checked.
	Policies map[string]string
	// Functions lists the functions there are; nil means that functions are not checked.
	Functions map[string]bool
	// Contracts gives the fields that each write-back policy lets flows write, by
	// policy and connection; nil means that they are not checked.
	Contracts map[string]map[string][]string
}

var (
	nodeID = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	slug   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
)

// Check finds everything that keeps a flow from going live. Paths are fields of
// the content with nodes named by id: "nodes.create.params.directory".
func Check(c Content, cat Catalog, k Known) []fault.Problem {
	f := &checker{c: c, cat: cat, known: k}
	if strings.TrimSpace(c.Name) == "" {
		f.add("name", "Name is needed.")
	}
	if len(c.Nodes) > MaxNodes {
		f.add("nodes", "The flow has %d nodes, and %d are the most. Remove %d, or make two flows of it.", len(c.Nodes), MaxNodes, len(c.Nodes)-MaxNodes)
		return f.problems
	}
	if c.Limits.RunsPerHour < 0 || c.Limits.CreatesPerHour < 0 || c.Limits.GrantsPerHour < 0 || c.Limits.WriteBacksPerHour < 0 {
		f.add("limits", "Limits cannot be below 0. Leave one out for no limit.")
	}
	for name := range c.Vars {
		if !slug.MatchString(name) {
			f.add("vars."+name, "Names of variables have lower-case letters, digits and underscores.")
		}
	}
	f.backtest()
	f.nodes()
	f.edges()
	f.trigger()
	f.invariants()
	f.graph()
	if len(f.problems) == 0 || !f.broken {
		_, problems := Compile(c, cat)
		f.problems = append(f.problems, problems...)
	}
	slices.SortStableFunc(f.problems, func(a, b fault.Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Detail, b.Detail))
	})
	return slices.Compact(f.problems)
}

type checker struct {
	c        Content
	cat      Catalog
	known    Known
	problems []fault.Problem
	// broken says that node ids cannot be relied on.
	broken bool
}

func (f *checker) add(path, format string, args ...any) {
	f.problems = append(f.problems, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
}

func (f *checker) nodes() {
	seen := map[NodeID]bool{}
	for i, n := range f.c.Nodes {
		at := "nodes." + string(n.ID)
		switch {
		case !nodeID.MatchString(string(n.ID)):
			f.add(fmt.Sprintf("nodes.%d.id", i), "An id has lower-case letters, digits and underscores, and starts with a letter.")
			f.broken = true
			continue
		case seen[n.ID]:
			f.add(at, "Two nodes have this id. Give one of them another.")
			f.broken = true
			continue
		}
		seen[n.ID] = true
		spec, ok := f.cat.Spec(n.Type)
		if !ok {
			f.add(at+".type", "There is no node type %q.%s", n.Type, near(n.Type, kinds(f.cat)))
			continue
		}
		f.params(n, spec)
		f.contract(n)
		f.tries(n)
	}
}

func (f *checker) tries(n Node) {
	at := "nodes." + string(n.ID)
	if n.Timeout != "" {
		if d, err := time.ParseDuration(n.Timeout); err != nil || d <= 0 || d > 10*time.Minute {
			f.add(at+".timeout", "Write a duration up to 10m, such as 30s.")
		}
	}
	if n.OnError != "" && n.OnError != "stop" && n.OnError != "continue" {
		f.add(at+".on_error", "Write stop or continue.")
	}
	if r := n.Retry; r != nil {
		if r.Attempts < 0 || r.Attempts > 100 {
			f.add(at+".retry.attempts", "Write a number from 1 to 100.")
		}
		for path, text := range map[string]string{"first": r.First, "max": r.Max} {
			if text == "" {
				continue
			}
			if d, err := time.ParseDuration(text); err != nil || d <= 0 || d > 24*time.Hour {
				f.add(at+".retry."+path, "Write a duration up to 24h, such as 2s.")
			}
		}
	}
}

func (f *checker) params(n Node, spec Spec) {
	at := "nodes." + string(n.ID) + ".params."
	var names []string
	for _, field := range spec.Fields {
		names = append(names, field.Key)
		v, given := n.Params[field.Key]
		if !given || empty(v) {
			if field.Required && field.Default == nil && f.shown(n, spec, field) {
				f.add(at+field.Key, "%s is needed.", field.Label)
			}
			continue
		}
		f.value(at+field.Key, field, v)
	}
	if len(spec.NeedsOne) > 0 && !slices.ContainsFunc(spec.NeedsOne, func(key string) bool { return !empty(n.Params[key]) }) {
		f.add(at+spec.NeedsOne[0], "Fill one of these in: %s.", strings.Join(spec.NeedsOne, ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(n.Params)) {
		if !slices.Contains(names, key) {
			f.add(at+key, "%s has no field %q.%s", spec.Title, key, near(key, names))
		}
	}
}

func (f *checker) shown(n Node, spec Spec, field form.Field) bool {
	if field.ShowWhen == nil {
		return true
	}
	v, _ := n.Params[field.ShowWhen.Field].(string)
	if v == "" {
		for _, other := range spec.Fields {
			if d, ok := other.Default.(string); ok && other.Key == field.ShowWhen.Field {
				v = d
			}
		}
	}
	return slices.Contains(field.ShowWhen.In, v)
}

func empty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(x) == ""
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return false
}

func kinds(cat Catalog) []string {
	var out []string
	for _, s := range cat.Specs() {
		out = append(out, s.Kind)
	}
	return out
}
