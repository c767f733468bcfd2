package web

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// plainName is a name that can be written behind a point.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// mostKeys bounds what is shown of one map of a sample.
const mostKeys = 60

// dataPart shows what the expressions of a node can read, with the sample's values.
func (s *Server) dataPart(e editing, sm sample) artifacts.Data {
	out := artifacts.Data{Sample: sm.field, Note: sm.note}
	groups := map[string]int{}
	for _, n := range sampledNames(e.flow, s.Nodes, e.node.ID, sm.scope) {
		title := groupOf(n.Path)
		i, ok := groups[title]
		if !ok {
			i = len(out.Groups)
			groups[title] = i
			g := artifacts.DataGroup{Title: title, Open: title == "joiner"}
			if id, ok := strings.CutPrefix(title, "steps."); ok {
				node, _ := e.flow.Find(flow.NodeID(id))
				g.Text = node.Title()
			}
			out.Groups = append(out.Groups, g)
		}
		out.Groups[i].Items = append(out.Groups[i].Items, artifacts.DataItem{Path: strings.TrimPrefix(strings.TrimPrefix(n.Path, title), "."), Insert: n.Insert, Type: typeWord(n.Type), Help: n.Help, Value: n.Value, Deep: n.Deep})
		if last := &out.Groups[i].Items[len(out.Groups[i].Items)-1]; last.Path == "" {
			last.Path = n.Path
		}
	}
	for _, h := range expr.Helpers() {
		out.Helpers = append(out.Helpers, ui.Pair{Label: h.Signature, Value: h.Text + "\n" + h.Example + " → " + h.Result})
	}
	return out
}

// groupOf is the heading a name stands under.
func groupOf(path string) string {
	root, rest, dotted := strings.Cut(path, ".")
	if root == "steps" {
		id, _, _ := strings.Cut(rest, ".")
		return "steps." + id
	}
	if !dotted {
		return "time"
	}
	return root
}

// sampledName is a name with its value in a sample.
type sampledName struct {
	flow.Name
	Value string
	// Deep says that it is a part of the name before.
	Deep bool
}

// sampledNames are the names that a node can read, and what a sample holds beyond
// what is declared: attributes of the HRIS's own, and the parts of maps.
func sampledNames(c flow.Content, cat flow.Catalog, at flow.NodeID, scope expr.Scope) []sampledName {
	var out []sampledName
	known := joiner.Known()
	more := slices.DeleteFunc(slices.Sorted(maps.Keys(scope.Joiner)), func(k string) bool { return slices.Contains(known, k) })
	for _, n := range flow.Names(c, cat, at) {
		if n.Insert == "" {
			n.Insert = n.Path
		}
		if more != nil && !strings.HasPrefix(n.Path, "joiner.") {
			for _, k := range more {
				own := flow.Name{Path: "joiner." + k, Type: expr.TypeOf(scope.Joiner[k]), Help: "An attribute that this HRIS sends.", Insert: "joiner." + k}
				if !plainName.MatchString(k) {
					own.Insert = fmt.Sprintf("Attribute(joiner, %q)", k)
				}
				out = append(out, sampledName{Name: own.Holding(scope.Joiner[k]), Value: shownValue(scope.Joiner[k])})
			}
			more = nil
		}
		v := valueAt(scope, n.Path)
		out = append(out, sampledName{Name: n.Holding(v), Value: shownSample(v)})
		m, ok := v.(map[string]any)
		if !ok {
			continue
		}
		for i, k := range slices.Sorted(maps.Keys(m)) {
			if i == mostKeys {
				break
			}
			part := flow.Name{Path: n.Path + "." + k, Type: expr.TypeOf(m[k]), Insert: fmt.Sprintf("Attribute(%s, %q)", n.Path, k)}
			out = append(out, sampledName{Name: part.Holding(m[k]), Value: shownValue(m[k]), Deep: true})
		}
	}
	return out
}

// shownSample writes the value of a name: what is absent has none.
func shownSample(v any) string {
	if v == nil {
		return "—"
	}
	return shownValue(v)
}

// valueAt gives what a scope holds at a name; nil when there is nothing.
func valueAt(s expr.Scope, path string) any {
	parts := strings.Split(path, ".")
	switch {
	case path == "now":
		return s.Now
	case path == "today":
		if s.Zone != nil {
			return s.Now.In(s.Zone).Format("2006-01-02")
		}
		return s.Now.UTC().Format("2006-01-02")
	case len(parts) < 2:
		return nil
	}
	var at any
	switch parts[0] {
	case "joiner":
		at = s.Joiner
	case "vars":
		at = s.Vars
	case "event":
		if s.Event.Type == "" {
			return nil
		}
		at = map[string]any{"type": s.Event.Type, "key": s.Event.Key, "worker": s.Event.Worker, "at": s.Event.At, "changed": anyList(s.Event.Changed)}
	case "run":
		at = map[string]any{"id": s.Run.ID, "flow": s.Run.Flow, "mode": s.Run.Mode, "started_at": s.Run.StartedAt}
	case "steps":
		step, ok := s.Steps[parts[1]]
		if !ok {
			return nil
		}
		at, parts = step, parts[1:]
	}
	for _, p := range parts[1:] {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[p]
	}
	return at
}

func anyList(in []string) []any {
	out := make([]any, len(in))
	for i, s := range in {
		out[i] = s
	}
	return out
}

// typeWord says a type to people.
func typeWord(t expr.Type) string {
	switch t {
	case expr.String:
		return "text"
	case expr.Bool:
		return "yes or no"
	case expr.Number:
		return "number"
	case expr.Timestamp:
		return "moment"
	case expr.List:
		return "list"
	case expr.Map:
		return "names with values"
	}
	return "any value"
}
