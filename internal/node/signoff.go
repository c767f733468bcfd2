package node

import (
	"context"
	"time"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// SignoffType asks people and waits for an answer.
type SignoffType struct{}

var _ Type = SignoffType{}

// Spec describes the node.
func (SignoffType) Spec() flow.Spec {
	var roles []form.Option
	for _, r := range []auth.Role{auth.Operator, auth.Reviewer, auth.Admin} {
		roles = append(roles, form.Option{Value: string(r), Label: "Everyone with the role " + string(r)})
	}
	return flow.Spec{
		Kind: "signoff", Version: 1, Category: "people", Title: "Sign-off", Icon: "user-check",
		Help: "Puts a question to people and waits for an answer. The run holds nothing while it waits.",
		Fields: []form.Field{
			{Key: "title", Label: "Title", Kind: form.Text, Required: true, Expr: true, Placeholder: "Contractor access for {{ joiner.last_name }}"},
			{Key: "question", Label: "Question", Kind: form.LongText, Expr: true},
			{Key: "role", Label: "Who decides", Kind: form.Select, Default: string(auth.Operator), Options: roles},
			{Key: "person", Label: "Or one person", Kind: form.Text, Expr: true, Placeholder: "anna@example.com", Help: "The e-mail address of a user of this console. Then the role does not matter."},
			{Key: "deadline", Label: "Answer within", Kind: form.Duration, Placeholder: "3d", Help: "Empty: no deadline."},
			{Key: "on_deadline", Label: "After the deadline", Kind: form.Select, Default: "expire", Options: []form.Option{{Value: "expire", Label: "leave by expired"}, {Value: "escalate", Label: "ask the administrators too"}}},
			{Key: "fields", Label: "Fields of the answer", Kind: form.Fields, Help: "Optional: what the person fills in."},
		},
		Ports:   []flow.Port{{Name: "approved", Label: "approved"}, {Name: "rejected", Label: "rejected"}, {Name: "expired", Label: "no answer in time"}},
		Outputs: []flow.Output{{Name: "by", Type: "string"}, {Name: "comment", Type: "string"}, {Name: "form", Type: "map"}, {Name: "at", Type: "string", Help: "When it was answered, in UTC."}},
	}
}

// Run asks, and leaves by the answer.
func (SignoffType) Run(_ context.Context, call Call) (Result, error) {
	if d := call.Wake.Signoff; d != nil && !d.Expired {
		out := map[string]any{"by": d.By, "comment": d.Comment, "form": d.Form, "at": d.At.UTC().Format(time.RFC3339)}
		if d.Form == nil {
			out["form"] = map[string]any{}
		}
		if d.Approved {
			return Result{Port: "approved", Output: out}, nil
		}
		return Result{Port: "rejected", Output: out}, nil
	}
	s := &Signoff{Title: call.Params.Text("title"), Question: call.Params.Text("question"), Role: call.Params.Text("role"), User: call.Params.Text("person")}
	if s.Role == "" {
		s.Role = string(auth.Operator)
	}
	if d := call.Wake.Signoff; d != nil && d.Expired {
		if call.Params.Text("on_deadline") != "escalate" {
			return Result{Port: "expired"}, nil
		}
		s.Role, s.User = string(auth.Admin), ""
		call.Log("Nobody answered in time; the administrators are asked.")
	} else if text := call.Params.Text("deadline"); text != "" {
		within, err := flow.ParseDuration(text)
		if err != nil {
			return Result{}, fault.Wrap(fault.Invalid, err, "%q is not a duration.", text)
		}
		s.Deadline = call.Now().Add(within)
	}
	if list, ok := call.Params["fields"].([]any); ok {
		for _, x := range list {
			m, _ := x.(map[string]any)
			p := Params(m)
			s.Fields = append(s.Fields, SignoffField{Key: p.Text("key"), Label: p.Text("label"), Kind: p.Text("kind")})
		}
	}
	who := "the role " + s.Role
	if s.User != "" {
		who = s.User
	}
	w := &Wait{For: "a sign-off by " + who, Signoff: s}
	if !s.Deadline.IsZero() {
		w.For += " until " + s.Deadline.UTC().Format("2 Jan 2006 15:04 MST")
	}
	return Result{Wait: w}, nil
}
