package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/sections"
	"joinery/views/ui"
)

// limitShow is GET /limits/:id.
func (s *Server) limitShow(c *fiber.Ctx, who auth.Actor) error { return s.liftPage(c, who, nil) }

func (s *Server) liftPage(c *fiber.Ctx, who auth.Actor, refused error) error {
	l, err := s.DB.Lift(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	what := sections.Section{Title: "What is asked", List: l.Why, Pairs: []ui.Pair{{Label: "Flow", Value: l.Flow, URL: "/flows/" + l.Flow}, {Label: "People", Value: itoa(l.People)}, {Label: "Asked", Value: s.moment(l.AskedAt) + " by " + l.AskedBy}}}
	if l.Reason != "" {
		what.Pairs = append(what.Pairs, ui.Pair{Label: "Reason", Value: l.Reason})
	}
	if l.List != "" {
		what.Pairs = append(what.Pairs, ui.Pair{Label: "List", Value: "The list and its forecast", URL: "/bulk/" + l.List})
	}
	what.Pairs = append(what.Pairs, ui.Pair{Label: "Hash", Value: l.Hash, Code: true})
	p := sections.Page{Head: ui.Head{Title: liftTitle(l), Badges: []ui.Badge{liftBadge(l)}}, Wide: []sections.Section{what}}
	if l.DecidedAt != nil {
		said := sections.Section{Title: "Decided", Pairs: []ui.Pair{{Label: "By", Value: l.DecidedBy}, {Label: "When", Value: s.moment(*l.DecidedAt)}}}
		if l.Comment != "" {
			said.Pairs = append(said.Pairs, ui.Pair{Label: "Comment", Value: l.Comment})
		}
		p.Wide = append(p.Wide, said)
	} else {
		p.Wide = append(p.Wide, decideLift(l, who)...)
	}
	if l.Kind == postgres.LiftParked {
		rows, err := s.liftRuns(c, l)
		if err != nil {
			return err
		}
		p.Wide = append(p.Wide, rows)
	}
	status := 0
	if refused != nil {
		p.Notices, status = []ui.Notice{refusal(refused)}, http.StatusUnprocessableEntity
	}
	return s.show(c, who, frame{Title: p.Head.Title, Nav: "/runs", Crumbs: []ui.Link{{Text: "Limits", URL: "/limits"}}, Status: status}, sections.Show(p))
}

func decideLift(l postgres.Lift, who auth.Actor) []sections.Section {
	at := "/limits/" + l.ID
	hash := []ui.Pair{{Label: "hash", Value: l.Hash}}
	no := ui.Danger{Button: "Refuse", Title: "Refuse", Text: "The runs stay parked. Nothing is lost.", Post: at + "/refuse", Values: hash, Fields: []ui.Field{{Name: "comment", ID: "refuse-comment", Label: "Why", Required: true}}}
	if err := bulk.Second(who, l.Authors); err != nil {
		out := sections.Section{Title: "Decide", Text: fault.Sentence(err)}
		if who.Can(auth.LimitLift) {
			no.Button, no.Title = "Take the request back", "Take the request back"
			out.Dangers = []ui.Danger{no}
		}
		return []sections.Section{out}
	}
	return []sections.Section{{Title: "Decide", Text: "Agree only if you know why so many come. The runs then go on past the limits of the flow and its connections; what comes after them is held to the limits as before.",
		Form:    &sections.Form{Action: at + "/approve", Submit: "Agree: let these runs go", Primary: true, Fields: []ui.Field{{Name: "hash", Input: "hidden", Value: l.Hash}, {Name: "comment", Label: "Comment", Help: "What you looked at. It goes on record."}}},
		Dangers: []ui.Danger{no}}}
}

func (s *Server) liftRuns(c *fiber.Ctx, l postgres.Lift) (sections.Section, error) {
	const shown = 100
	t := ui.Table{Label: "Runs", Columns: []ui.Column{{Title: "Joiner"}, {Title: "State"}, {Title: "What"}}}
	for _, id := range l.Runs[:min(shown, len(l.Runs))] {
		d, err := s.DB.RunDetail(c.UserContext(), id)
		if err != nil {
			return sections.Section{}, err
		}
		t.Rows = append(t.Rows, []ui.Cell{{Text: joinerName(d.JoinerLabel, d.Worker), URL: "/runs/" + id}, {Badges: []ui.Badge{runBadge(d.State)}}, {Text: d.Reason}})
	}
	title := "Runs"
	if len(l.Runs) > shown {
		title = "Runs, the first " + itoa(shown) + " of " + itoa(len(l.Runs))
	}
	return sections.Section{Title: title, Table: &t}, nil
}

// limitDecide is POST /limits/:id/approve and /refuse.
func (s *Server) limitDecide(approve bool) func(c *fiber.Ctx, who auth.Actor) error {
	return func(c *fiber.Ctx, who auth.Actor) error {
		err := s.DB.DecideLift(c.UserContext(), who, c.Params("id"), approve, c.FormValue("hash"), c.FormValue("comment"))
		if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
			return s.liftPage(c, who, err)
		}
		if err != nil {
			return err
		}
		if !approve {
			return s.done(c, "/limits", "Refused. The runs stay parked.")
		}
		s.kick()
		return s.done(c, "/limits/"+c.Params("id"), "Agreed. The runs go on.")
	}
}

// bulkApprove is POST /bulk/:id/approve.
func (s *Server) bulkApprove(c *fiber.Ctx, who auth.Actor) error {
	return s.listActed(c, who, "Agreed. The list can be started.", s.DB.ApproveList(c.UserContext(), who, c.Params("id"), c.FormValue("hash"), c.FormValue("comment")))
}
