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
		f.add("nodes", "A flow may have up to %d nodes.", MaxNodes)
		return f.problems
	}
	if c.Limits.RunsPerHour < 0 || c.Limits.CreatesPerHour < 0 || c.Limits.GrantsPerHour < 0 {
		f.add("limits", "Limits cannot be below 0. Leave one out for no limit.")
	}
	for name := range c.Vars {
		if !slug.MatchString(name) {
			f.add("vars."+name, "Names of variables have lower-case letters, digits and underscores.")
		}
	}
	f.nodes()
	f.edges()
	f.trigger()
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

// value checks one value's form; what an expression gives is checked when it is compiled.
func (f *checker) value(path string, field form.Field, v any) {
	s, text := v.(string)
	if field.Expr && text && (strings.HasPrefix(s, "=") || strings.Contains(s, "{{")) {
		return
	}
	switch field.Kind {
	case form.Text, form.LongText, form.Expression:
		if !text {
			f.add(path, "Write a text.")
		}
	case form.Number:
		switch v.(type) {
		case float64, int, int64, uint64:
		default:
			f.add(path, "Write a number.")
		}
	case form.Bool:
		if _, ok := v.(bool); !ok {
			f.add(path, "Write true or false.")
		}
	case form.Select:
		f.choice(path, field, v)
	case form.Duration:
		if _, err := ParseDuration(s); !text || err != nil {
			f.add(path, "Write a duration such as 90s, 12h or 5d.")
		}
	case form.Mapping:
		if _, ok := v.(map[string]any); !ok {
			f.add(path, "Write names and values.")
		}
	case form.List:
		f.list(path, field, v)
	case form.Directory, form.HRIS:
		f.connection(path, field, v)
	case form.Cases:
		f.cases(path, v)
	case form.Fields:
		f.fields(path, v)
	}
}

func (f *checker) choice(path string, field form.Field, v any) {
	var values []string
	for _, o := range field.Options {
		if o.Value == v {
			return
		}
		values = append(values, o.Value)
	}
	f.add(path, "Choose one of: %s.", strings.Join(values, ", "))
}

func (f *checker) list(path string, field form.Field, v any) {
	list, ok := v.([]any)
	if s, text := v.(string); text && field.Expr {
		f.add(path, "Write a list, or an expression that gives one: =[%q].", s)
		return
	}
	if !ok {
		f.add(path, "Write a list.")
		return
	}
	for i, x := range list {
		if _, ok := x.(string); !ok {
			f.add(fmt.Sprintf("%s.%d", path, i), "Write a text.")
		} else if len(field.Options) > 0 {
			f.choice(fmt.Sprintf("%s.%d", path, i), field, x)
		}
	}
}

func (f *checker) connection(path string, field form.Field, v any) {
	key, ok := v.(string)
	if !ok {
		f.add(path, "Write the key of a connection.")
		return
	}
	if f.known.Connections == nil {
		return
	}
	capabilities, found := f.known.Connections[key]
	need, what := "directory", "accounts and groups"
	if field.Kind == form.HRIS {
		need, what = "workers", "workers"
	}
	switch {
	case !found:
		f.add(path, "There is no connection %q.%s", key, near(key, slices.Sorted(maps.Keys(f.known.Connections))))
	case !slices.Contains(capabilities, need):
		f.add(path, "The connection %s has no %s.", key, what)
	}
}

func (f *checker) cases(path string, v any) {
	list, ok := v.([]any)
	if !ok {
		f.add(path, "Write a list of cases, each with when and port.")
		return
	}
	for i, x := range list {
		at := fmt.Sprintf("%s.%d", path, i)
		m, ok := x.(map[string]any)
		if !ok {
			f.add(at, "A case has when (an expression) and port.")
			continue
		}
		if s, _ := m["when"].(string); strings.TrimSpace(strings.TrimPrefix(s, "=")) == "" {
			f.add(at+".when", "Write the condition of this case.")
		}
		port, _ := m["port"].(string)
		if !slug.MatchString(port) || port == ErrorPort || port == "default" {
			f.add(at+".port", "Name the way out with lower-case letters, digits and underscores; default and error are taken.")
		}
		for key := range m {
			if key != "when" && key != "port" {
				f.add(at+"."+key, "A case has when and port only.")
			}
		}
	}
}

func (f *checker) fields(path string, v any) {
	list, ok := v.([]any)
	if !ok {
		f.add(path, "Write a list of fields, each with key, label and kind.")
		return
	}
	for i, x := range list {
		at := fmt.Sprintf("%s.%d", path, i)
		m, _ := x.(map[string]any)
		key, _ := m["key"].(string)
		label, _ := m["label"].(string)
		kind, _ := m["kind"].(string)
		if !slug.MatchString(key) {
			f.add(at+".key", "Use lower-case letters, digits and underscores.")
		}
		if strings.TrimSpace(label) == "" {
			f.add(at+".label", "Write what the person reads.")
		}
		if kind != "text" && kind != "bool" && kind != "date" {
			f.add(at+".kind", "Choose one of: text, bool, date.")
		}
	}
}

// ParseDuration reads a Go duration with d for days: "90s", "1d12h".
func ParseDuration(text string) (time.Duration, error) {
	if days, rest, ok := strings.Cut(text, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err != nil || fmt.Sprint(n) != days {
			return 0, fault.New(fault.Invalid, "%q is not a duration.", text)
		}
		if rest == "" {
			return time.Duration(n) * 24 * time.Hour, nil
		}
		d, err := time.ParseDuration(rest)
		return time.Duration(n)*24*time.Hour + d, err
	}
	return time.ParseDuration(text)
}

func kinds(cat Catalog) []string {
	var out []string
	for _, s := range cat.Specs() {
		out = append(out, s.Kind)
	}
	return out
}
