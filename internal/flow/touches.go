package flow

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"joinery/internal/form"
)

// Touch is one thing a node reads or writes outside of its run.
type Touch struct {
	// Connection is "" for what goes through none: mail, requests.
	Connection string
	Writes     bool
	What       string
}

// Touches tells in words what a node reads and writes. A node that writes writes
// where its first field of that kind leads; other connections are only looked into.
func Touches(n Node, spec Spec) []Touch {
	var out []Touch
	what := written(spec)
	wrote := false
	for _, f := range spec.Fields {
		key, _ := n.Params[f.Key].(string)
		if f.Kind != form.Directory && f.Kind != form.HRIS || key == "" || spec.Decides {
			continue // what decides by its policy is told of a directory and does not ask it
		}
		t := Touch{Connection: key, What: "accounts and groups"}
		if f.Kind == form.HRIS {
			t.What = "the worker's record"
		}
		if spec.Writes && !wrote && (f.Kind == form.Directory) == (spec.Category != "hris") {
			t.Writes, t.What, wrote = true, what, true
		}
		if i := slices.IndexFunc(out, func(o Touch) bool { return o.Connection == key }); i >= 0 {
			continue
		}
		out = append(out, t)
	}
	if spec.Writes && !wrote && (spec.Category == "message" || spec.Kind == "function") {
		out = append(out, Touch{Writes: true, What: what})
	}
	return out
}

// written says what a node type changes.
func written(spec Spec) string {
	switch {
	case spec.Kind == KindWriteBack:
		return "fields of the worker's record"
	case spec.Grants != "":
		return "memberships of the account in groups"
	case spec.Kind == "group.remove":
		return "memberships of the account in groups"
	case spec.Kind == "notify.email":
		return "an e-mail, by the mail server of this installation"
	case spec.Kind == "function":
		return "what the function plans, within its approved grants"
	case spec.Kind == "http.request":
		return "whatever the address does with the request"
	case spec.Enables:
		return "the account, and whether it is open"
	}
	return "the account"
}

var readName = regexp.MustCompile(`\b(joiner|event|vars|run)\.[a-z_][a-z0-9_]*|\bsteps\.[a-z][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?`)

// Reads lists the names that the expressions of a node hold, in their order.
func Reads(n Node, spec Spec) []string {
	var out []string
	bare := false
	var look func(v any)
	look = func(v any) {
		switch x := v.(type) {
		case string:
			if !bare && !strings.HasPrefix(x, "=") && !strings.Contains(x, "{{") {
				return
			}
			for _, name := range readName.FindAllString(x, -1) {
				if !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		case []any:
			for _, e := range x {
				look(e)
			}
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(x)) {
				look(x[k])
			}
		}
	}
	for _, f := range spec.Fields {
		if f.Expr || f.Kind == form.Expression || f.Kind == form.Cases {
			bare = f.Kind == form.Expression || f.Kind == form.Cases
			look(n.Params[f.Key])
		}
	}
	return out
}
