package web

import (
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/review"
	"joinery/views/ui"
)

// nodeField makes an input out of a declared field.
func (s *Server) nodeField(c *fiber.Ctx, f form.Field, v any) (ui.Field, error) {
	out := ui.Field{Name: "p_" + f.Key, Label: f.Label, Help: f.Help, Required: f.Required, Placeholder: f.Placeholder, Value: nodeValue(f, v)}
	if v == nil && f.Default != nil {
		out.Value = plainText(f.Default)
	}
	if f.ShowWhen != nil {
		out.ShowField, out.ShowIn = "p_"+f.ShowWhen.Field, strings.Join(f.ShowWhen.In, " ")
		out.Required = false
	}
	switch f.Kind {
	case form.LongText:
		out.Input, out.Rows = "lines", 5
	case form.Mapping:
		out.Input, out.Rows, out.Help = "code", max(3, strings.Count(out.Value, "\n")+2), strings.TrimSpace(f.Help+" One a line: name: value. Or one =expression that gives all of them.")
	case form.List:
		if len(f.Options) > 0 {
			out.Input = "checks"
			for _, o := range f.Options {
				out.Options = append(out.Options, ui.Option{Value: o.Value, Label: o.Label, Selected: hasText(v, o.Value)})
			}
			return out, nil
		}
		out.Input, out.Rows, out.Help = "code", max(2, strings.Count(out.Value, "\n")+2), strings.TrimSpace(f.Help+" One a line.")
	case form.Cases:
		out.Input, out.Rows, out.Help = "code", max(3, strings.Count(out.Value, "\n")+2), strings.TrimSpace(f.Help+" One a line: way out: condition.")
	case form.Fields:
		out.Input, out.Rows, out.Help = "code", max(2, strings.Count(out.Value, "\n")+2), strings.TrimSpace(f.Help+" One a line: key | label | text, bool or date.")
	case form.Select:
		out.Input = "select"
		for _, o := range f.Options {
			out.Options = append(out.Options, ui.Option{Value: o.Value, Label: o.Label, Selected: o.Value == out.Value})
		}
	case form.Bool:
		if f.Expr {
			out.Help = strings.TrimSpace(f.Help + " true, false, or an =expression.")
			break
		}
		out.Input, out.Checked, out.Required = "check", v == true || v == nil && f.Default == true, false
	case form.Directory, form.HRIS:
		return s.connectionField(c, f, out)
	case form.Policy:
		return s.policyField(c, f, out)
	}
	return out, nil
}

func hasText(v any, want string) bool {
	list, _ := v.([]any)
	for _, x := range list {
		if x == want {
			return true
		}
	}
	return false
}

// connectionField offers the connections that can do what the field needs.
func (s *Server) connectionField(c *fiber.Ctx, f form.Field, out ui.Field) (ui.Field, error) {
	all, _, err := s.DB.Artifacts(c.UserContext(), review.Connection, "", "", 200)
	if err != nil {
		return out, err
	}
	need := "directory"
	if f.Kind == form.HRIS {
		need = "workers"
	}
	out.Input = "select"
	out.Options = []ui.Option{{Label: "Choose a connection"}}
	known := false
	for _, a := range all {
		rev, err := s.DB.Revision(c.UserContext(), review.Connection, a.Key, 0)
		if err != nil {
			return out, err
		}
		for _, can := range s.kinds().Capabilities([]byte(rev.Content)) {
			if can == need {
				known = known || a.Key == out.Value
				out.Options = append(out.Options, ui.Option{Value: a.Key, Label: a.Name + " (" + a.Key + ")", Selected: a.Key == out.Value})
			}
		}
	}
	if out.Value != "" && !known {
		out.Options = append(out.Options, ui.Option{Value: out.Value, Label: out.Value + " (is not there)", Selected: true})
	}
	return out, nil
}

// policyField offers the policies of the type that the field needs.
func (s *Server) policyField(c *fiber.Ctx, f form.Field, out ui.Field) (ui.Field, error) {
	all, _, err := s.DB.Artifacts(c.UserContext(), review.Policy, "", "", 200)
	if err != nil {
		return out, err
	}
	out.Input, out.Options = "select", []ui.Option{{Label: "Choose a policy"}}
	known := false
	for _, a := range all {
		rev, err := s.DB.Revision(c.UserContext(), review.Policy, a.Key, 0)
		if err != nil {
			return out, err
		}
		if s.kinds().PolicyType([]byte(rev.Content)) == f.Of {
			known = known || a.Key == out.Value
			out.Options = append(out.Options, ui.Option{Value: a.Key, Label: a.Name + " (" + a.Key + ")", Selected: a.Key == out.Value})
		}
	}
	if out.Value != "" && !known {
		out.Options = append(out.Options, ui.Option{Value: out.Value, Label: out.Value + " (is not there)", Selected: true})
	}
	return out, nil
}

func exitFields(e editing) []ui.Field {
	if e.spec.Ends {
		return nil
	}
	var out []ui.Field
	ports := append(flow.PortsOf(e.node, e.spec), flow.Port{Name: flow.ErrorPort, Label: "on error"})
	for _, port := range ports {
		f := ui.Field{Name: "x_" + port.Name, Label: port.Name, Help: port.Label, Input: "select", Options: []ui.Option{{Value: "", Label: "The end"}}}
		if port.Name == port.Label {
			f.Help = ""
		}
		if port.Name == flow.ErrorPort {
			f.Options[0].Label, f.Help = "The run fails, and a person looks", ""
		}
		targets := 0
		for _, n := range e.flow.Nodes {
			if n.ID == e.node.ID || n.ID == e.flow.Trigger {
				continue
			}
			leads := false
			for _, x := range e.flow.Edges {
				leads = leads || x.From == string(e.node.ID)+"."+port.Name && x.To == n.ID
			}
			if leads {
				targets++
			}
			f.Options = append(f.Options, ui.Option{Value: string(n.ID), Label: n.Title(), Selected: leads})
		}
		if targets > 1 {
			// Several at once are kept as they are; they are changed in the YAML.
			f = ui.Field{Name: "keep_" + port.Name, Label: port.Name, Value: "leads to several nodes at once; change that in the YAML", ReadOnly: true}
		}
		out = append(out, f)
	}
	return out
}

func aboutFields(e editing) []ui.Field {
	return []ui.Field{
		{Name: "name", Label: "Name", Value: e.node.Name, Help: "What people call this node."},
		{Name: "id", Label: "Id", Value: string(e.node.ID), Required: true, Help: "Expressions read its results as steps.<id>."},
		{Name: "message", Label: "What changes and why", Help: "The reviewer reads this."},
	}
}

func triesFields(e editing) []ui.Field {
	attempts, first := "", ""
	if r := e.node.Retry; r != nil {
		first = r.First
		if r.Attempts > 0 {
			attempts = itoa(r.Attempts)
		}
	}
	return []ui.Field{
		{Name: "attempts", Label: "Tries", Value: attempts, Placeholder: "8", Help: "Only trouble that may pass is tried again: no answer, busy, too many calls."},
		{Name: "first", Label: "Wait before the second try", Value: first, Placeholder: "2s", Help: "It doubles each time, up to 15 minutes."},
		{Name: "timeout", Label: "Time limit of one try", Value: e.node.Timeout, Placeholder: "30s"},
		{Name: "on_error", Label: "Then", Input: "select", Options: []ui.Option{{Value: "", Label: "take the way “error”, or fail the run"}, {Value: "continue", Label: "go on as if nothing happened", Selected: e.node.OnError == "continue"}}},
	}
}

func expressionNames(e editing, cat flow.Catalog) []ui.Pair {
	out := []ui.Pair{{Label: "joiner", Value: "first_name, last_name, preferred_name, department, title, location, start_date, worker_type, status, manager_id, …"}, {Label: "event", Value: "type, worker, at, changed"}}
	before := flow.Before(e.flow)[e.node.ID]
	for _, id := range flow.Order(e.flow) {
		n, _ := e.flow.Find(id)
		spec, ok := cat.Spec(n.Type)
		if !ok || !before[id] {
			continue
		}
		var names []string
		for _, o := range spec.Outputs {
			names = append(names, o.Name)
		}
		if m, ok := n.Params[spec.OutputsFrom].(map[string]any); ok {
			names = append(names, slices.Sorted(maps.Keys(m))...)
		}
		if len(names) > 0 {
			out = append(out, ui.Pair{Label: "steps." + string(id), Value: strings.Join(names, ", ")})
		}
	}
	return append(out, ui.Pair{Label: "helpers", Value: "Lower, Upper, NormalizeDiacritics, StripSpaces, Left, Replace, RegexReplace, Coalesce, IIF, Switch, Join, FormatDateTime, DateAdd, IsPresent, …"})
}
