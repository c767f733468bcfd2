package web

import (
	"context"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/review"
	"joinery/views/ui"
)

// touches say in words what a node reads and writes, and in which connection.
func (s *Server) touches(ctx context.Context, e editing) ([]ui.Pair, error) {
	var out []ui.Pair
	for _, t := range flow.Touches(e.node, e.spec) {
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
