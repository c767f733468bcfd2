package web

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// nodeForm makes the form of a node, with what is wrong and what its expressions
// give at each place. What was sent is shown as it was typed.
func (s *Server) nodeForm(c *fiber.Ctx, e editing, f sent, r read, problems []fault.Problem, sm sample) (artifacts.NodeForm, error) {
	at := "/flows/" + e.a.Key + "/canvas/"
	p := artifacts.NodeForm{Node: string(e.node.ID), Title: e.node.Title(), Type: e.spec.Title, Icon: e.spec.Icon, Help: e.spec.Help, PanelURL: at + "panel", CompleteURL: at + "complete", Changed: f != nil}
	marks, rest := r.marks(e, problems)
	previews(c.UserContext(), e, r, s.Nodes, sm.scope, marks)
	for _, x := range e.spec.Fields {
		input, err := s.nodeInput(c, x, e.node.Params[x.Key], f)
		if err != nil {
			return p, err
		}
		if shownByDefault(e.spec, x) {
			input.ShowIn += " " // what is not said counts as the default
		}
		p.Fields = append(p.Fields, input)
	}
	p.Problems, p.Exits, p.About, p.Tries = rest, exitFields(e), aboutFields(e), triesFields(e)
	for _, part := range [][]ui.Field{p.Fields, p.Exits, p.About, p.Tries} {
		marked(part, marks)
	}
	var err error
	if p.Touches, err = s.touches(c.UserContext(), e); err != nil {
		return p, err
	}
	p.Data = s.dataPart(e, sm)
	return p, nil
}

// mark is what is told at one input.
type mark struct {
	Error   string `json:"error,omitempty"`
	Preview string `json:"preview,omitempty"`
	Bad     bool   `json:"bad,omitempty"`
}

func marked(fields []ui.Field, marks map[string]mark) {
	for i := range fields {
		f := &fields[i]
		if m, ok := marks[f.Name]; ok {
			f.Error, f.Preview, f.PreviewBad = m.Error, m.Preview, m.Bad
		}
		if f.Entries == nil {
			continue
		}
		for _, l := range f.Entries.Lines {
			marked(l.Cells, marks)
		}
		if f.Entries.All != nil {
			all := []ui.Field{*f.Entries.All}
			marked(all, marks)
			f.Entries.All = &all[0]
		}
	}
}

// readContent tells where the entries of a node stand in the form that shows it as
// it is saved.
func readContent(e editing) read {
	r := read{node: e.node, at: map[string][]entryAt{}, wrong: map[string]string{}}
	for _, x := range e.spec.Fields {
		switch v := e.node.Params[x.Key].(type) {
		case map[string]any:
			for i, k := range slices.Sorted(maps.Keys(v)) {
				r.at[x.Key] = append(r.at[x.Key], entryAt{k, itoa(i)})
			}
		case []any:
			for i := range v {
				r.at[x.Key] = append(r.at[x.Key], entryAt{itoa(i), itoa(i)})
			}
		}
	}
	return r
}

// marks places problems at the inputs they belong to; rest are those of the node as
// a whole.
func (r read) marks(e editing, problems []fault.Problem) (map[string]mark, []string) {
	out, rest := map[string]mark{}, []string(nil)
	add := func(name, detail string) {
		m := out[name]
		m.Error = strings.TrimSpace(m.Error + " " + detail)
		out[name] = m
	}
	for _, name := range slices.Sorted(maps.Keys(r.wrong)) {
		add(name, r.wrong[name])
	}
	for _, p := range problems {
		path, ok := strings.CutPrefix(p.Path, "nodes."+string(e.node.ID))
		if !ok || path != "" && path[0] != '.' {
			continue
		}
		if name := r.input(e.spec, strings.TrimPrefix(path, ".")); name != "" {
			add(name, p.Detail)
		} else {
			rest = append(rest, p.Detail)
		}
	}
	return out, rest
}

// input gives the name of the input that a path of the node is typed into; "" when
// there is none.
func (r read) input(spec flow.Spec, path string) string {
	switch path {
	case "timeout", "on_error", "id", "name":
		return path
	case "retry.attempts", "retry.first", "retry.max":
		return strings.TrimPrefix(path, "retry.")
	}
	key, ok := strings.CutPrefix(path, "params.")
	key, entry, _ := strings.Cut(key, ".")
	i := slices.IndexFunc(spec.Fields, func(x form.Field) bool { return x.Key == key })
	if !ok || i < 0 {
		return ""
	}
	x, name := spec.Fields[i], "p_"+key
	if !hasEntries(x) {
		return name
	}
	if _, whole := r.node.Params[key].(string); whole {
		return name + ".all"
	}
	if entry == "" {
		return name
	}
	for _, at := range r.at[key] {
		cell, ok := strings.CutPrefix(entry, at.name)
		if !ok || cell != "" && cell[0] != '.' || x.Kind == form.Mapping && cell != "" {
			continue
		}
		if cell = strings.TrimPrefix(cell, "."); !slices.Contains(entryKeys(x), cell) {
			cell = entryKeys(x)[0]
			if x.Kind == form.Mapping {
				cell = "value"
			}
		}
		return name + "." + at.line + "." + cell
	}
	return name
}

// previews adds what the expressions give for the sample.
func previews(ctx context.Context, e editing, r read, cat flow.Catalog, scope expr.Scope, marks map[string]mark) {
	plan, _ := flow.CompileNode(e.flow, cat, e.node.ID)
	if plan == nil {
		return
	}
	for _, p := range plan.Preview(ctx, e.node.ID, scope) {
		name := r.input(e.spec, "params."+p.Path)
		m := marks[name]
		if name == "" || m.Error != "" {
			continue
		}
		m.Preview, m.Bad = shownValue(p.Value), p.Error != ""
		if m.Bad {
			m.Preview = p.Error
		}
		marks[name] = m
	}
}

// shownValue writes a value of a sample, not longer than a line or two.
func shownValue(v any) string {
	switch x := v.(type) {
	case nil:
		return "nothing"
	case string:
		if x == "" {
			return "empty"
		}
	case map[string]any:
		if raw, err := json.Marshal(x); err == nil {
			return clipText(string(raw), 200)
		}
	case []any:
		if len(x) == 0 {
			return "an empty list"
		}
	}
	return clipText(expr.Text(v), 200)
}

// nodeProblems judges the flow as the form has it.
func (s *Server) nodeProblems(c *fiber.Ctx, e editing) ([]fault.Problem, error) {
	return s.problems(c.UserContext(), review.Flow, contentOf(e.flow))
}

// shownByDefault tells whether a field that depends on another one is shown while
// nothing is said there.
func shownByDefault(spec flow.Spec, x form.Field) bool {
	return x.ShowWhen != nil && slices.ContainsFunc(spec.Fields, func(f form.Field) bool {
		text, ok := f.Default.(string)
		return ok && f.Key == x.ShowWhen.Field && slices.Contains(x.ShowWhen.In, text)
	})
}
