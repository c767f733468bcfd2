package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"joinery/internal/artifact"
	"joinery/internal/review"
)

// fill puts a company's keys, connections and domain into a shipped text.
func fill(kinds artifact.Kinds, kind review.Kind, text []byte, c Choice, own names, key, name string) (artifact.Doc, error) {
	raw, err := yaml.YAMLToJSON(text)
	if err != nil {
		return artifact.Doc{}, fmt.Errorf("read shipped text: %w", err)
	}
	var content map[string]any
	if err := json.Unmarshal(raw, &content); err != nil {
		return artifact.Doc{}, fmt.Errorf("read shipped text: %w", err)
	}
	if kind == review.Function {
		ownCalls(content, c.Connections)
	} else {
		replace(content, own)
	}
	if c.Domain != "" {
		content = atHome(content, c.Domain).(map[string]any)
	}
	content["key"] = key
	if name = strings.TrimSpace(name); name != "" {
		content["name"] = name
	}
	if raw, err = json.Marshal(content); err != nil {
		return artifact.Doc{}, fmt.Errorf("write content: %w", err)
	}
	return kinds.Read(kind, key, raw)
}

// names are what a company calls its own.
type names struct{ connections, policies, functions map[string]string }

// Fields that hold the keys of connections, of policies and of functions, in flows,
// their invariants, and policies.
var (
	connectionFields = []string{"connection", "connections", "directory", "other_directory", "mailbox_directory", "never_accounts", "source", "by_directory"}
	policyFields     = []string{"policy", "calendar"}
	functionFields   = []string{"function"}
)

// replace changes keys of connections, policies and functions, wherever they stand.
func replace(v any, own names) {
	switch x := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			switch {
			case slices.Contains(connectionFields, k):
				x[k] = named(x[k], own.connections)
			case slices.Contains(policyFields, k):
				x[k] = named(x[k], own.policies)
			case slices.Contains(functionFields, k):
				x[k] = named(x[k], own.functions)
			}
			replace(x[k], own)
		}
	case []any:
		for _, e := range x {
			replace(e, own)
		}
	}
}

// ownCalls puts a company's connections into what a function asks and plans: its code, its
// grants, and the answers and changes of its cases.
func ownCalls(function map[string]any, connections map[string]string) {
	var quoted []string // replaced at once: one's own may be called as another place
	for from, to := range connections {
		quoted = append(quoted, `"`+from+`"`, `"`+to+`"`)
	}
	source, _ := function["source"].(string)
	function["source"] = strings.NewReplacer(quoted...).Replace(source)
	manifest, _ := function["manifest"].(map[string]any)
	grants, _ := manifest["grants"].([]any)
	for i, g := range grants {
		parts := strings.SplitN(fmt.Sprint(g), ":", 3)
		if to, ok := connections[parts[min(1, len(parts)-1)]]; ok {
			parts[1] = to
		}
		grants[i] = strings.Join(parts, ":")
	}
	cases, _ := function["cases"].([]any)
	for _, k := range cases {
		k, _ := k.(map[string]any)
		for _, list := range []string{"stubs", "plan"} {
			calls, _ := k[list].([]any)
			for _, c := range calls {
				if c, ok := c.(map[string]any); ok {
					c["args"] = named(c["args"], connections)
				}
			}
		}
	}
}

// named replaces a key, each of a list of keys, or the names of an object's fields.
func named(v any, by map[string]string) any {
	switch x := v.(type) {
	case string:
		if to, ok := by[x]; ok {
			return to
		}
	case []any:
		for i := range x {
			if s, ok := x[i].(string); ok {
				x[i] = named(s, by)
			}
		}
	case map[string]any:
		out := map[string]any{}
		for k, e := range x {
			if to, ok := by[k]; ok {
				k = to
			}
			out[k] = e
		}
		return out
	}
	return v
}

// atHome puts a company's own mail domain into every text.
func atHome(v any, domain string) any {
	switch x := v.(type) {
	case string:
		return strings.ReplaceAll(x, Domain, domain)
	case []any:
		for i := range x {
			x[i] = atHome(x[i], domain)
		}
	case map[string]any:
		for k := range x {
			x[k] = atHome(x[k], domain)
		}
	}
	return v
}
