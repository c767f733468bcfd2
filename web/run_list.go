package web

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/internal/run"
	"joinery/views/settings"
	"joinery/views/ui"
)

// runIndex is GET /runs.
func (s *Server) runIndex(c *fiber.Ctx, who auth.Actor) error {
	l, ok := c.Locals(keyAhead).(*postgres.RunList)
	if !ok {
		l = &postgres.RunList{Filter: runFilter(c)}
	}
	if err := s.DB.ReadRuns(c.UserContext(), l); err != nil {
		return err
	}
	p := s.runListPage(l.Filter, l.Rows, l.Next, l.Flows)
	_, notices := pickWord(c.Query("state"), "state", runStates())
	_, more := pickWord(c.Query("mode"), "mode", runModes())
	_, last := pickDay(c.Query("since"), "Since")
	p.Notices = append(append(notices, more...), last...)
	return s.show(c, who, frame{Title: "Runs"}, settings.List(p))
}

// runFilter is what the address asks for.
func runFilter(c *fiber.Ctx) postgres.RunFilter {
	state, _ := pickWord(c.Query("state"), "state", runStates())
	mode, _ := pickWord(c.Query("mode"), "mode", runModes())
	since, _ := pickDay(c.Query("since"), "Since")
	f := postgres.RunFilter{Flow: c.Query("flow"), Joiner: c.Query("joiner"), Query: strings.TrimSpace(c.Query("q")), Mode: mode, Since: since, Before: c.Query("before"), Limit: 50}
	if state != "" {
		f.States = []run.State{run.State(state)}
	}
	return f
}

func (s *Server) runListPage(f postgres.RunFilter, rows []postgres.RunRow, next string, flows []postgres.FlowChoice) settings.ListPage {
	q := url.Values{}
	state := ""
	if len(f.States) == 1 {
		state = string(f.States[0])
	}
	for k, v := range map[string]string{"flow": f.Flow, "joiner": f.Joiner, "q": f.Query, "mode": f.Mode, "state": state, "since": dateOf(f.Since, 0)} {
		if v != "" {
			q.Set(k, v)
		}
	}
	p := settings.ListPage{
		Head:    ui.Head{Title: "Runs", Text: "One run is one joiner through one release of one flow."},
		Filters: &ui.Filters{Action: "/runs", Fields: []ui.Field{{Name: "q", Label: "Joiner, worker id or run id", Input: "search", Value: f.Query}, stateField(state), flowField(f.Flow, flows), modeField(f.Mode), {Name: "since", Label: "Since", Input: "date", Value: dateOf(f.Since, 0)}}},
		Table:   ui.Table{Label: "Runs", Columns: ui.Columns("Joiner", "Flow", "State", "What", "Started")},
		Empty:   ui.Empty{Icon: "history", Title: "No runs yet", Text: "A run starts when an HRIS sends an event that a live flow listens to, or by hand on the flow's page."},
	}
	if len(q) > 0 {
		p.Filters.ClearURL = "/runs"
		p.Empty = ui.Empty{Icon: "history", Title: "No runs", Text: "No run matches these filters."}
	}
	for _, r := range rows {
		p.Table.Rows = append(p.Table.Rows, s.runCells(r))
	}
	if f.Before != "" {
		p.Pager.PrevURL = "/runs?" + q.Encode()
	}
	if next != "" {
		q.Set("before", next)
		p.Pager.NextURL = "/runs?" + q.Encode()
	}
	if len(rows) > 0 {
		p.Pager.Text = plural(len(rows), "run", "runs")
	}
	return p
}

func (s *Server) runCells(r postgres.RunRow) []ui.Cell {
	badges := []ui.Badge{runBadge(r.State)}
	if r.Mode == run.Simulate {
		badges = append(badges, ui.Badge{Tone: "violet", Text: "Simulated"})
	}
	return []ui.Cell{{Text: joinerName(r.JoinerLabel, r.Worker), Sub: r.Connection + " " + r.Worker, URL: "/runs/" + r.ID}, {Text: r.Flow, Sub: fmt.Sprintf("revision %d", r.Revision)}, {Badges: badges},
		{Text: runWhat(r)}, {Text: s.ago(r.CreatedAt), NoWrap: true}}
}

// runWhat tells in one line where a run is.
func runWhat(r postgres.RunRow) string {
	switch {
	case r.Reason != "":
		return r.Reason
	case r.WaitingFor != "":
		return "waits for " + strings.TrimPrefix(strings.TrimPrefix(r.WaitingFor, "until "), "another try: ")
	case r.State == run.Queued:
		return "is next in line"
	case r.EndedAt != nil && r.StartedAt != nil:
		return "took " + span(r.EndedAt.Sub(*r.StartedAt))
	}
	return ""
}

func stateField(state string) ui.Field {
	f := ui.Field{Name: "state", Label: "State", Input: "select", Options: []ui.Option{{Label: "Any state"}}}
	for _, st := range []run.State{run.Queued, run.Running, run.Waiting, run.Parked, run.Succeeded, run.Failed, run.Canceled, run.Compensated} {
		f.Options = append(f.Options, ui.Option{Value: string(st), Label: runBadge(st).Text, Selected: string(st) == state})
	}
	return f
}

func flowField(key string, flows []postgres.FlowChoice) ui.Field {
	f := ui.Field{Name: "flow", Label: "Flow", Input: "select", Options: []ui.Option{{Label: "Any flow"}}}
	for _, a := range flows {
		f.Options = append(f.Options, ui.Option{Value: a.Key, Label: a.Name, Selected: a.Key == key})
	}
	return f
}

func modeField(mode string) ui.Field {
	return ui.Field{Name: "mode", Label: "Mode", Input: "select", Options: []ui.Option{{Label: "Any mode"}, {Value: "live", Label: "Live", Selected: mode == "live"}, {Value: "simulate", Label: "Simulated", Selected: mode == "simulate"}}}
}
