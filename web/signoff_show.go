package web

import (
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/views/sections"
	"joinery/views/ui"
)

// signoffShow is GET /signoffs/:id.
func (s *Server) signoffShow(c *fiber.Ctx, who auth.Actor) error {
	g, err := s.DB.Signoff(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	g = questionFor(g, who)
	p := sections.Page{Head: ui.Head{Title: g.Title, Text: g.Question}}
	if g.Compare != nil {
		p.Wide = append(p.Wide, comparedSection(*g.Compare))
	}
	about := sections.Section{Title: "About", Pairs: []ui.Pair{{Label: "Joiner", Value: g.Joiner}, {Label: "Run", Value: g.Flow, URL: "/runs/" + g.RunID}, {Label: "Asked", Value: asked(g)}}}
	if g.Compare != nil && g.Compare.RightURL != "" {
		about.Pairs = append(about.Pairs, ui.Pair{Label: "Known record", Value: g.Compare.Right, URL: g.Compare.RightURL})
	}
	switch {
	case g.State != "open":
		about.Pairs = append(about.Pairs, ui.Pair{Label: "Answer", Value: g.State}, ui.Pair{Label: "By", Value: g.By}, ui.Pair{Label: "Comment", Value: g.Comment})
	case postgres.MayDecide(who, g.Role, g.Person):
		form := &sections.Form{Action: "/signoffs/" + g.ID + "?decision=approved", Submit: "Approve", Primary: true, More: []sections.FormButton{{Text: "Reject", Action: "/signoffs/" + g.ID + "?decision=rejected"}}}
		if g.Compare != nil {
			form.Submit, form.More[0].Text, form.CancelURL = "The same person", "Somebody new", "/runs/"+g.RunID
		}
		for _, f := range g.Fields {
			input := map[string]string{"bool": "check", "date": "date"}[f.Kind]
			form.Fields = append(form.Fields, ui.Field{Name: "field_" + f.Key, Label: f.Label, Input: input})
		}
		form.Fields = append(form.Fields, ui.Field{Name: "comment", Label: "Comment", Input: "lines", Rows: 3})
		answer := sections.Section{Title: "Your answer", Form: form}
		if g.Compare != nil {
			answer.Text = "The same person gets the earlier accounts and names. Of personal values it is only told whether they are equal. Cancel decides later: the run waits, and nothing has been made."
		}
		p.Wide = append(p.Wide, answer)
	default:
		p.Notices = append(p.Notices, ui.Notice{Text: "This is not addressed to you."})
	}
	p.Wide = append(p.Wide, about)
	return s.show(c, who, frame{Title: g.Title, Nav: "/runs", Crumbs: runsCrumb}, sections.Show(p))
}

// signoffDecide is POST /signoffs/:id.
func (s *Server) signoffDecide(c *fiber.Ctx, who auth.Actor) error {
	g, err := s.DB.Signoff(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	form := map[string]any{}
	for _, f := range g.Fields {
		v := c.FormValue("field_" + f.Key)
		if f.Kind == "bool" {
			form[f.Key] = v != ""
		} else {
			form[f.Key] = v
		}
	}
	approved := c.Query("decision") == "approved"
	id, err := s.DB.DecideSignoff(c.UserContext(), who, g.ID, approved, c.FormValue("comment"), form)
	if err != nil {
		return err
	}
	s.kick()
	return s.done(c, "/runs/"+string(id), "Your answer is recorded.")
}

// comparedSection puts two records side by side; what differs is marked in words.
func comparedSection(c postgres.ComparedRecords) sections.Section {
	t := &ui.Table{Label: "Two records side by side", Columns: ui.Columns("Attribute", c.Left, c.Right, "")}
	for _, r := range c.Rows {
		is := ui.Badge{Tone: "good", Text: "Equal"}
		switch {
		case r.Left == "" || r.Right == "" || r.Left == "not given" || r.Right == "not given":
			is = ui.Badge{Tone: "neutral", Text: "One only"}
		case !r.Same:
			is = ui.Badge{Tone: "warn", Text: "Differs"}
		}
		t.Rows = append(t.Rows, []ui.Cell{{Text: r.Label}, {Text: r.Left}, {Text: r.Right}, {Badges: []ui.Badge{is}}})
	}
	return sections.Section{Title: "Side by side", Table: t}
}
