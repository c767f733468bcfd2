package web

import (
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/views/settings"
	"joinery/views/ui"
)

// managerIndex is GET /managers: references to managers who have no account yet.
func (s *Server) managerIndex(c *fiber.Ctx, who auth.Actor) error {
	rows, err := s.DB.AwaitedAccounts(c.UserContext(), 200)
	if err != nil {
		return err
	}
	p := settings.ListPage{
		Head:  ui.Head{Title: "Managers not there yet", Text: "Joiners whose manager has no account yet. Each is filled in when that account appears; after the time the flow gives, a person has to look."},
		Table: ui.Table{Label: "References", Columns: ui.Columns("Joiner", "Manager", "Where", "Waits since", "Until")},
		Empty: ui.Empty{Icon: "network", Title: "Nobody waits for a manager", Text: "A step of the type Set manager waits here when the manager has no account yet."},
	}
	for _, r := range rows {
		where := r.Directory
		if r.Other != "" {
			where += " or " + r.Other
		}
		p.Table.Rows = append(p.Table.Rows, []ui.Cell{{Text: joinerName(r.Label, r.JoinerWorker), Sub: r.Flow, URL: "/runs/" + r.Run}, {Text: joinerName(r.ManagerLabel, r.Worker), Sub: r.HRIS + " " + r.Worker}, {Text: where},
			{Text: s.ago(r.Since), NoWrap: true}, {Text: s.moment(r.Deadline), NoWrap: true}})
	}
	if len(rows) == 200 {
		p.Pager.Text = "The 200 that end first."
	}
	return s.show(c, who, frame{Title: p.Head.Title, Nav: "/joiners", Crumbs: []ui.Link{{Text: "Joiners", URL: "/joiners"}}}, settings.List(p))
}
