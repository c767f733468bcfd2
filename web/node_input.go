package web

import (
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/views/ui"
)

// blanks is how many empty lines readers without script get.
const blanks = 5

// nodeInput makes the input of one field of a node. Defaults are told and not filled
// in, so that what nobody writes stays unwritten. Lines are those that were sent, if
// the form was.
func (s *Server) nodeInput(c *fiber.Ctx, x form.Field, v any, f sent) (ui.Field, error) {
	if hasEntries(x) {
		return entriesField(x, v, f), nil
	}
	base := x
	base.Default = nil
	out, err := s.nodeField(c, base, v)
	if err != nil {
		return out, err
	}
	switch x.Kind {
	case form.Select:
		out.Options = append([]ui.Option{{Value: "", Label: standardOption(x), Selected: out.Value == ""}}, out.Options...)
	case form.Bool:
		if !x.Expr {
			out.Checked = v == true || v == nil && x.Default == true
			return out, nil
		}
	}
	if out.Placeholder == "" && x.Default != nil {
		out.Placeholder = plainText(x.Default)
	}
	switch {
	case x.Kind == form.Expression:
		out.Input, out.Rows, out.Expr = "lines", 1, "expression"
	case x.Expr && x.Kind == form.LongText:
		out.Expr = "field"
	case x.Expr && out.Input == "":
		out.Input, out.Rows, out.Expr = "lines", 1, "field"
	}
	return out, nil
}

// standardOption is the choice of saying nothing.
func standardOption(x form.Field) string {
	for _, o := range x.Options {
		if o.Value == x.Default {
			return "As usual: " + o.Label
		}
	}
	return "Choose"
}

// entriesField makes the lines of a field.
func entriesField(x form.Field, v any, f sent) ui.Field {
	name := "p_" + x.Key
	out := ui.Field{Name: name, Label: x.Label, Help: x.Help, Required: x.Required, Input: "entries"}
	if x.ShowWhen != nil {
		out.ShowField, out.ShowIn, out.Required = "p_"+x.ShowWhen.Field, strings.Join(x.ShowWhen.In, " "), false
	}
	all, whole := v.(string)
	e := &ui.Entries{Columns: entryColumns(x), Add: "Add a line"}
	var ids []string
	var texts [][]string
	empty := ""
	if f != nil && len(f.lines(name)) > 0 {
		for _, id := range f.lines(name) {
			var cells []string
			for _, key := range entryKeys(x) {
				cells = append(cells, f.text(name+"."+id+"."+key))
			}
			if strings.TrimSpace(strings.Join(cells, "")) != "" {
				ids, texts = append(ids, id), append(texts, cells)
			} else {
				empty = id // somebody may stand in it
			}
		}
	} else {
		texts = entryTexts(x, v)
		for i := range texts {
			ids = append(ids, itoa(i))
		}
	}
	for i, cells := range texts {
		e.Lines = append(e.Lines, entryLine(x, ids[i], cells))
	}
	fresh := len(texts)
	for slices.Contains(ids, itoa(fresh)) {
		fresh++
	}
	if empty == "" {
		empty = itoa(fresh)
	}
	e.Lines = append(e.Lines, entryLine(x, empty, nil))
	for i := range blanks {
		e.More = append(e.More, entryLine(x, "m"+itoa(i), nil))
	}
	e.Blank = entryLine(x, "BLANK", nil)
	if oneForAll(x) {
		one := "One expression gives all of them"
		e.One = &ui.Field{Name: name + ".one", Label: one, Input: "check", Checked: whole || f.has(name+".one")}
		e.All = &ui.Field{Name: name + ".all", Label: "Expression", Input: "lines", Rows: 1, Expr: "field", Value: all, Placeholder: x.Placeholder, ShowField: name + ".one", ShowIn: "true"}
		if !strings.HasPrefix(x.Placeholder, "=") {
			e.All.Placeholder = ""
		}
	}
	out.Entries = e
	return out
}

func entryKeys(x form.Field) []string {
	switch x.Kind {
	case form.Mapping:
		return []string{"name", "value"}
	case form.Cases:
		return []string{"port", "when"}
	case form.Fields:
		return []string{"key", "label", "kind"}
	}
	return []string{"value"}
}

func entryColumns(x form.Field) []string {
	switch x.Kind {
	case form.Mapping:
		return []string{"Name", "Value"}
	case form.Cases:
		return []string{"Way out", "Condition"}
	case form.Fields:
		return []string{"Key", "What the person reads", "Kind"}
	}
	return []string{"Value"}
}

// entryTexts writes a value as the texts of lines.
func entryTexts(x form.Field, v any) [][]string {
	var out [][]string
	if m, ok := v.(map[string]any); ok {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			out = append(out, []string{k, scalarText(m[k])})
		}
	}
	list, _ := v.([]any)
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			out = append(out, []string{plainText(e)})
			continue
		}
		var cells []string
		for _, key := range entryKeys(x) {
			cells = append(cells, plainText(m[key]))
		}
		out = append(out, cells)
	}
	return out
}

func entryLine(x form.Field, id string, texts []string) ui.Line {
	var out ui.Line
	columns := entryColumns(x)
	for i, key := range entryKeys(x) {
		cell := ui.Field{Name: "p_" + x.Key + "." + id + "." + key, Label: columns[i]}
		if i < len(texts) {
			cell.Value = texts[i]
		}
		switch key {
		case "value":
			cell.Input, cell.Rows = "lines", 1
			if x.Expr {
				cell.Expr = "field"
			}
			if x.Kind == form.List && id == "0" && !strings.HasPrefix(x.Placeholder, "=") {
				cell.Placeholder = x.Placeholder
			}
		case "when":
			cell.Input, cell.Rows, cell.Expr = "lines", 1, "expression"
		case "kind":
			cell.Input = "select"
			for _, o := range []string{"text", "bool", "date"} {
				cell.Options = append(cell.Options, ui.Option{Value: o, Label: map[string]string{"text": "Text", "bool": "Yes or no", "date": "Date"}[o], Selected: o == cell.Value})
			}
		}
		out.Cells = append(out.Cells, cell)
	}
	return out
}

// exitFields are the ways out, each with the nodes it leads to and room for one more.
func exitFields(e editing) []ui.Field {
	if e.spec.Ends {
		return nil
	}
	var out []ui.Field
	for _, port := range append(flow.PortsOf(e.node, e.spec), flow.Port{Name: flow.ErrorPort, Label: "on error"}) {
		end := "The end"
		if port.Name == flow.ErrorPort {
			end = "The run fails, and a person looks"
		}
		var led []flow.NodeID
		for _, x := range e.flow.Edges {
			if x.From == string(e.node.ID)+"."+port.Name {
				led = append(led, x.To)
			}
		}
		f := ui.Field{ID: "x_" + port.Name, Name: "x_" + port.Name, Label: port.Name, Help: port.Label, Input: "select", Options: e.targets(at(led, 0), end)}
		if port.Name == port.Label || port.Name == flow.ErrorPort {
			f.Help = ""
		}
		out = append(out, f)
		for i := range led {
			out = append(out, ui.Field{ID: "x_" + port.Name + "-" + itoa(i+1), Name: "x_" + port.Name, Label: port.Name + ", and at the same time", Input: "select", Options: e.targets(at(led, i+1), "Nothing more")})
		}
	}
	return out
}

func at(list []flow.NodeID, i int) flow.NodeID {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// targets offers the nodes that a port may lead to.
func (e editing) targets(chosen flow.NodeID, none string) []ui.Option {
	out := []ui.Option{{Value: "", Label: none}}
	for _, n := range e.flow.Nodes {
		if n.ID != e.node.ID && n.ID != e.flow.Trigger || n.ID == chosen {
			out = append(out, ui.Option{Value: string(n.ID), Label: n.Title(), Selected: n.ID == chosen})
		}
	}
	return out
}

func aboutFields(e editing) []ui.Field {
	return []ui.Field{
		{Name: "name", Label: "Name", Value: e.node.Name, Help: "What people call this node."},
		{Name: "id", Label: "Id", Value: string(e.node.ID), Required: true, Help: "Expressions read its results as steps.<id>. When it changes, the expressions of other nodes follow."},
	}
}

func triesFields(e editing) []ui.Field {
	attempts, first, most := "", "", ""
	if r := e.node.Retry; r != nil {
		first, most = r.First, r.Max
		if r.Attempts > 0 {
			attempts = itoa(r.Attempts)
		}
	}
	return []ui.Field{
		{Name: "attempts", Label: "Tries", Value: attempts, Placeholder: "8", Help: "Only trouble that may pass is tried again: no answer, busy, too many calls."},
		{Name: "first", Label: "Wait before the second try", Value: first, Placeholder: "2s", Help: "It doubles each time."},
		{Name: "max", Label: "Longest wait between tries", Value: most, Placeholder: "15m"},
		{Name: "timeout", Label: "Time limit of one try", Value: e.node.Timeout, Placeholder: "30s"},
		{Name: "on_error", Label: "Then", Input: "select", Options: []ui.Option{{Value: "", Label: "take the way “error”, or fail the run"}, {Value: "continue", Label: "go on as if nothing happened", Selected: e.node.OnError == "continue"}}},
	}
}
