package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/form"
	"joinery/internal/review"
	"joinery/views/ui"
)

// nodeField makes an input out of a declared field, as policies show it.
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
	case form.List:
		if len(f.Options) > 0 {
			out.Input = "checks"
			for _, o := range f.Options {
				out.Options = append(out.Options, ui.Option{Value: o.Value, Label: o.Label, Selected: hasText(v, o.Value)})
			}
			return out, nil
		}
		out.Input, out.Rows, out.Help = "code", max(2, strings.Count(out.Value, "\n")+2), strings.TrimSpace(f.Help+" One a line.")
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
	case form.Function:
		return s.functionField(c, out)
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
	out.Input, out.Links = "select", []ui.Link{{Text: "New", URL: "/connections/new"}}
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
	} else if known {
		out.Links = append([]ui.Link{{Text: "Open", URL: "/connections/" + out.Value}}, out.Links...)
	}
	return out, nil
}

// functionField offers the functions there are, and says which are not live yet.
func (s *Server) functionField(c *fiber.Ctx, out ui.Field) (ui.Field, error) {
	all, _, err := s.DB.Artifacts(c.UserContext(), review.Function, "", "", 200)
	if err != nil {
		return out, err
	}
	out.Input, out.Links, out.Options = "select", []ui.Link{{Text: "New", URL: "/functions/new"}}, []ui.Option{{Label: "Choose a function"}}
	known := false
	for _, a := range all {
		label := a.Name + " (" + a.Key + ")"
		if a.Live == nil {
			label += ", not live yet"
		}
		known = known || a.Key == out.Value
		out.Options = append(out.Options, ui.Option{Value: a.Key, Label: label, Selected: a.Key == out.Value})
	}
	if out.Value != "" && !known {
		out.Options = append(out.Options, ui.Option{Value: out.Value, Label: out.Value + " (is not there)", Selected: true})
	} else if known {
		out.Links = append([]ui.Link{{Text: "Open", URL: "/functions/" + out.Value}}, out.Links...)
	}
	return out, nil
}

// policyField offers the policies of the type that the field needs.
func (s *Server) policyField(c *fiber.Ctx, f form.Field, out ui.Field) (ui.Field, error) {
	all, _, err := s.DB.Artifacts(c.UserContext(), review.Policy, "", "", 200)
	if err != nil {
		return out, err
	}
	out.Input, out.Links, out.Options = "select", []ui.Link{{Text: "New", URL: "/policies/new?type=" + f.Of}}, []ui.Option{{Label: "Choose a policy"}}
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
	} else if known {
		out.Links = append([]ui.Link{{Text: "Open", URL: "/policies/" + out.Value}}, out.Links...)
	}
	return out, nil
}
