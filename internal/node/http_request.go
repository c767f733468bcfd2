package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// HTTPRequest calls an allowed address.
type HTTPRequest struct{}

var _ Type = HTTPRequest{}

var httpMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// Spec describes the node.
func (HTTPRequest) Spec() flow.Spec {
	var methods []form.Option
	for _, m := range httpMethods {
		methods = append(methods, form.Option{Value: m, Label: m})
	}
	return flow.Spec{
		Kind: "http.request", Version: 1, Reads: true, Category: "message", Title: "HTTP request", Icon: "globe", Writes: true,
		Help: "Calls an address that the administrators allow flows to call (Settings). A repeated try carries the same Idempotency-Key.",
		Fields: []form.Field{
			{Key: "method", Label: "Method", Kind: form.Select, Default: "POST", Options: methods},
			{Key: "url", Label: "Address", Kind: form.Text, Required: true, Expr: true, Placeholder: "https://api.example.com/joiners"},
			{Key: "headers", Label: "Headers", Kind: form.Mapping, Expr: true},
			{Key: "body", Label: "Body", Kind: form.LongText, Expr: true, Result: "any", Help: "A text, or an =expression: a map or list is sent as JSON."},
		},
		Ports:   []flow.Port{{Name: "ok", Label: "answered 2xx"}, {Name: "refused", Label: "answered 4xx"}},
		Outputs: []flow.Output{{Name: "status", Type: "number"}, {Name: "body", Type: "string"}, {Name: "json", Type: "any"}},
	}
}

// Run makes the request. 429 and 5xx are tried again, not before the host wants it.
func (HTTPRequest) Run(ctx context.Context, call Call) (Result, error) {
	r := Request{Method: call.Params.Text("method"), URL: strings.TrimSpace(call.Params.Text("url")), Header: http.Header{}}
	if r.Method == "" {
		r.Method = "POST"
	}
	if !slices.Contains(httpMethods, r.Method) {
		return Result{}, fault.New(fault.Invalid, "The method %q is not one of %s.", r.Method, strings.Join(httpMethods, ", "))
	}
	for name, v := range call.Params.Map("headers") {
		r.Header.Set(name, fmt.Sprint(v))
	}
	switch v := call.Params["body"].(type) {
	case nil:
	case string:
		r.Body = []byte(v)
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			return Result{}, fault.Wrap(fault.Invalid, err, "The body cannot be written as JSON.")
		}
		r.Body = raw
		if r.Header.Get("Content-Type") == "" {
			r.Header.Set("Content-Type", "application/json")
		}
	}
	res, err := call.HTTP(ctx, r)
	if err != nil {
		return Result{}, err
	}
	out := map[string]any{"status": res.Status, "body": strings.ToValidUTF8(string(res.Body), "�"), "json": nil}
	var parsed any
	if json.Unmarshal(res.Body, &parsed) == nil {
		out["json"] = parsed
	}
	switch {
	case res.Status >= 200 && res.Status < 300:
		return Result{Port: "ok", Output: out}, nil
	case res.Status >= 400 && res.Status < 500 && res.Status != http.StatusTooManyRequests && res.Status != http.StatusRequestTimeout:
		return Result{Port: "refused", Output: out}, nil
	case res.Status >= 300 && res.Status < 400:
		return Result{}, fault.New(fault.Invalid, "The address answered %d with a redirect, which is not followed. Write the final address.", res.Status)
	}
	f := fault.New(fault.Unavailable, "The address answered %d.", res.Status)
	if res.Status == http.StatusTooManyRequests {
		f.Sentence = "The address answered that it is called too often (429)."
	}
	f.RetryAfter = egress.RetryAfter(res.Header, call.Now())
	return Result{}, f
}
