package web

import (
	"fmt"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/views/settings"
	"joinery/views/ui"
)

// bulkIndex is GET /bulk.
func (s *Server) bulkIndex(c *fiber.Ctx, who auth.Actor) error {
	flow := c.Query("flow")
	lists, next, err := s.DB.Lists(c.UserContext(), flow, c.Query("before"), 50)
	if err != nil {
		return err
	}
	flows, err := s.DB.FlowChoices(c.UserContext())
	if err != nil {
		return err
	}
	p := settings.ListPage{
		Head:    ui.Head{Title: "Bulk", Text: "Lists of people that were brought in together: looked at first, then started in stages."},
		Filters: &ui.Filters{Action: "/bulk", Fields: []ui.Field{flowField(flow, flows)}},
		Table:   ui.Table{Label: "Lists", Columns: []ui.Column{{Title: "List"}, {Title: "Flow"}, {Title: "State"}, {Title: "People", Num: true}, {Title: "Uploaded"}}},
		Empty:   ui.Empty{Icon: "upload", Title: "No lists", Text: "Open a flow and choose “Bring in a list” to upload one."},
	}
	if flow != "" {
		p.Filters.ClearURL = "/bulk"
	}
	switch {
	case !who.Can(auth.RunStart):
		p.Empty.Text = "Whoever may start live runs brings one in, from the page of a flow."
	case flow != "":
		p.Empty.Text, p.Empty.Action = "None through this flow yet.", &ui.Button{Text: "Bring in a list", Icon: "upload", URL: "/flows/" + flow + "/bulk"}
	default:
		p.Empty.Action = &ui.Button{Text: "Choose a flow", Icon: "workflow", URL: "/flows"}
	}
	for _, l := range lists {
		p.Table.Rows = append(p.Table.Rows, []ui.Cell{{Text: l.File, URL: "/bulk/" + l.ID, Sub: "by " + l.ByName}, {Text: l.Flow, URL: "/flows/" + l.Flow}, {Badges: []ui.Badge{listBadge(l)}}, {Text: itoa(l.Rows), Num: true}, {Text: s.ago(l.CreatedAt), NoWrap: true}})
	}
	if next != "" {
		p.Pager.NextURL = "/bulk?before=" + next
		if flow != "" {
			p.Pager.NextURL += "&flow=" + flow
		}
	}
	return s.show(c, who, frame{Title: "Bulk"}, settings.List(p))
}

func listBadge(l postgres.List) ui.Badge {
	switch l.State {
	case postgres.ListDraft:
		return ui.Badge{Text: "Columns not named"}
	case postgres.ListMapped:
		return ui.Badge{Tone: "info", Text: "Ready to be looked at"}
	case postgres.ListChecking:
		return ui.Badge{Tone: "info", Text: "Forecast under way"}
	case postgres.ListChecked:
		return ui.Badge{Tone: "info", Text: "Ready to start"}
	case postgres.ListStarted:
		if l.Stopped != "" {
			return ui.Badge{Tone: "warn", Text: fmt.Sprintf("Stopped after stage %d", l.Stage)}
		}
		return ui.Badge{Tone: "info", Text: fmt.Sprintf("Stage %d started", l.Stage)}
	case postgres.ListDone:
		return ui.Badge{Tone: "good", Text: "All started"}
	}
	return ui.Badge{Text: "Discarded"}
}
