package web

import (
	"context"
	"slices"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/function"
	"joinery/internal/policy"
	"joinery/internal/review"
	"joinery/views/ui"
)

// touches say in words what a node reads and writes, and in which connection.
func (s *Server) touches(ctx context.Context, e editing) ([]ui.Pair, error) {
	var out []ui.Pair
	all, err := s.touchedByParts(ctx, e)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		p := ui.Pair{Label: map[bool]string{true: "Writes", false: "Reads"}[t.Writes], Value: t.What}
		if t.Connection != "" {
			p.URL = "/connections/" + t.Connection
			a, err := s.DB.Artifact(ctx, review.Connection, t.Connection)
			switch {
			case fault.Is(err, fault.NotFound):
				p.Value, p.URL = p.Value+" in "+t.Connection+", which is not there", ""
			case err != nil:
				return nil, err
			default:
				p.Value += " in " + a.Name
				if a.Paused {
					p.Badge = &ui.Badge{Tone: "warn", Text: "Paused"}
				} else if a.Live == nil {
					p.Badge = &ui.Badge{Tone: "warn", Text: "Not approved yet"}
				}
			}
		}
		out = append(out, p)
	}
	if names := flow.Reads(e.node, e.spec); len(names) > 0 {
		out = append(out, ui.Pair{Label: "Uses", Value: strings.Join(names, ", "), Code: true})
	}
	return out, nil
}

// touchedByParts are what a node reads and writes itself, and by its policy or function.
func (s *Server) touchedByParts(ctx context.Context, e editing) ([]flow.Touch, error) {
	out := flow.Touches(e.node, e.spec)
	for _, x := range e.spec.Fields {
		key, _ := e.node.Params[x.Key].(string)
		kind := map[form.Kind]review.Kind{form.Policy: review.Policy, form.Function: review.Function}[x.Kind]
		if kind == "" || key == "" {
			continue
		}
		rev, err := s.DB.Revision(ctx, kind, key, 0)
		if fault.Is(err, fault.NotFound) {
			continue // a problem says so at the field
		}
		if err != nil {
			return nil, err
		}
		if kind == review.Function {
			out = append(out, grantTouches([]byte(rev.Content))...)
			continue
		}
		what := map[string]string{"name.generate": "names that are taken", "joiner.correlate": "accounts"}[e.spec.Kind]
		if p, err := s.kinds().Policy([]byte(rev.Content)); err == nil && what != "" {
			out = append(out, policyTouches(p, what)...)
		}
	}
	return out, nil
}

// policyTouches are the connections that a policy has the node look into.
func policyTouches(p policy.Content, what string) []flow.Touch {
	rules, ok := p.Rules()
	if !ok {
		return nil
	}
	var out []flow.Touch
	for _, key := range rules.Connections() {
		if !slices.ContainsFunc(out, func(t flow.Touch) bool { return t.Connection == key }) {
			out = append(out, flow.Touch{Connection: key, What: what})
		}
	}
	return out
}

// grantTouches are what the grants of a function let it do.
func grantTouches(content []byte) []flow.Touch {
	f, err := function.Decode(content)
	if err != nil {
		return nil
	}
	var out []flow.Touch
	for _, text := range f.Manifest.Grants {
		g, ok := function.ParseGrant(text)
		if !ok {
			continue
		}
		out = append(out, flow.Touch{Connection: g.Connection, What: g.What(), Writes: g.Writes()})
	}
	return out
}
