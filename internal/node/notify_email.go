package node

import (
	"context"
	"net/mail"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// NotifyEmail sends a message.
type NotifyEmail struct{}

var _ Type = NotifyEmail{}

// Spec describes the node.
func (NotifyEmail) Spec() flow.Spec {
	return flow.Spec{
		Kind: "notify.email", Version: 1, Category: "message", Title: "Send e-mail", Icon: "mail", Writes: true,
		Help: "Sends a message through the mail server of this installation. A repeated try carries the same message id.",
		Fields: []form.Field{
			{Key: "to", Label: "To", Kind: form.List, Required: true, Expr: true, Placeholder: "it@example.com"},
			{Key: "cc", Label: "Copy to", Kind: form.List, Expr: true},
			{Key: "subject", Label: "Subject", Kind: form.Text, Required: true, Expr: true},
			{Key: "text", Label: "Text", Kind: form.LongText, Required: true, Expr: true},
		},
		Ports: []flow.Port{{Name: "sent", Label: "sent"}},
	}
}

// Run sends the message.
func (NotifyEmail) Run(ctx context.Context, call Call) (Result, error) {
	m := Mail{Subject: call.Params.Text("subject"), Text: call.Params.Text("text")}
	for key, list := range map[string]*[]string{"to": &m.To, "cc": &m.Cc} {
		for _, text := range call.Params.List(key) {
			if text = strings.TrimSpace(text); text == "" {
				continue
			}
			if _, err := mail.ParseAddress(text); err != nil {
				return Result{}, fault.Wrap(fault.Invalid, err, "%q is not an e-mail address.", text)
			}
			*list = append(*list, text)
		}
	}
	switch {
	case len(m.To) == 0:
		return Result{}, fault.New(fault.Invalid, "There is nobody to send the message to.")
	case len(m.To)+len(m.Cc) > 50:
		return Result{}, fault.New(fault.Invalid, "A message goes to up to 50 people.")
	case strings.ContainsAny(m.Subject, "\r\n"):
		return Result{}, fault.New(fault.Invalid, "The subject holds a line break.")
	}
	if err := call.Mail(ctx, m); err != nil {
		return Result{}, err
	}
	return Result{Port: "sent"}, nil
}
