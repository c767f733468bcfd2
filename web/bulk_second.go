package web

import (
	"context"
	"strings"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	pages "joinery/views/bulk"
	"joinery/views/ui"
)

// bulkSecond shows whether a list needs a second person, and lets them decide.
func (s *Server) bulkSecond(ctx context.Context, l postgres.List, b *pages.Body, at, live string, who auth.Actor) error {
	second, err := s.DB.Second(ctx, l.ID, live)
	if err != nil {
		return err
	}
	switch {
	case second.Stands:
		text := "Agreed to by " + second.Lift.DecidedBy + ", as the second person, with this forecast and release."
		if second.Lift.Comment != "" {
			text += " “" + second.Lift.Comment + "”"
		}
		b.Notices = append(b.Notices, ui.Notice{Tone: "good", Text: text, Link: &ui.Link{Text: "The approval", URL: "/limits/" + second.Lift.ID}})
		return nil
	case len(second.Why) == 0:
		return nil
	}
	b.Start = nil
	text := "This list needs a second person before it starts. " + strings.Join(second.Why, " ")
	if second.Lift != nil {
		text = "A second person agreed to another forecast or release of this list, so it has to be agreed to again. " + strings.Join(second.Why, " ")
	}
	b.Notices = append(b.Notices, ui.Notice{Tone: "warn", Text: text})
	switch err := bulk.Second(who, l.Authors); {
	case second.Hash == "" || l.State == postgres.ListChecked && l.ReportOf != live:
		b.Notices = append(b.Notices, ui.Notice{Tone: "info", Text: "Look ahead first: that is what the second person agrees to."})
	case err != nil:
		b.Notices = append(b.Notices, ui.Notice{Tone: "info", Text: fault.Sentence(err) + " Send them the address of this page."})
	default:
		b.Second = &pages.Form{Title: "Agree as the second person", Text: "You agree to these rows, this forecast (names that collide, groups and the licences that follow) and the live release of the flow. If any of them changes, your yes no longer counts. The runs then go past the limits named here.",
			Action: at + "/approve", Submit: "Agree to this list", Fields: []ui.Field{{Name: "hash", Label: "What you agree to", Value: second.Hash, ReadOnly: true}, {Name: "comment", Label: "Comment", Help: "What you looked at. It goes on record."}}}
	}
	return nil
}
