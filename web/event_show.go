package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/sections"
	"joinery/views/settings"
	"joinery/views/ui"
)

// eventIndex is GET /events.
func (s *Server) eventIndex(c *fiber.Ctx, who auth.Actor) error {
	word, notices := pickWord(c.Query("state"), "state", eventStates())
	f := postgres.EventFilter{Connection: c.Query("connection"), State: word, Type: c.Query("type"), Query: strings.TrimSpace(c.Query("q")), Before: c.Query("before"), Limit: 50}
	rows, next, err := s.DB.Events(c.UserContext(), f)
	if err != nil {
		return err
	}
	q := url.Values{}
	for k, v := range map[string]string{"connection": f.Connection, "state": f.State, "type": f.Type, "q": f.Query} {
		if v != "" {
			q.Set(k, v)
		}
	}
	state := ui.Field{Name: "state", Label: "State", Input: "select", Options: []ui.Option{{Label: "Any state"}}}
	for _, v := range eventStates() {
		state.Options = append(state.Options, ui.Option{Value: v, Label: eventBadge(v).Text, Selected: v == f.State})
	}
	p := settings.ListPage{
		Notices: notices,
		Head:    ui.Head{Title: "Events", Text: "What HRIS systems sent. An event is a hint: each run reads the worker again."},
		Filters: &ui.Filters{Action: "/events", Fields: []ui.Field{{Name: "q", Label: "Joiner, worker id or event key", Input: "search", Value: f.Query}, state, {Name: "type", Label: "Type", Input: "search", Value: f.Type, Placeholder: "worker.hired"}, {Name: "connection", Label: "Connection", Input: "search", Value: f.Connection}}},
		Table:   ui.Table{Label: "Events", Columns: ui.Columns("Event", "About", "State", "Runs", "Came in")},
		Empty:   ui.Empty{Icon: "inbox", Title: "No events", Text: "Nothing matches. The address for webhooks is on each HRIS connection's page."},
	}
	if len(q) > 0 {
		p.Filters.ClearURL = "/events"
	}
	for _, e := range rows {
		p.Table.Rows = append(p.Table.Rows, s.eventCells(e))
	}
	if f.Before != "" {
		p.Pager.PrevURL = "/events?" + q.Encode()
	}
	if next != "" {
		q.Set("before", next)
		p.Pager.NextURL = "/events?" + q.Encode()
	}
	if len(rows) > 0 {
		p.Pager.Text = plural(len(rows), "event", "events")
	}
	return s.show(c, who, frame{Title: "Events"}, settings.List(p))
}

func (s *Server) eventCells(e postgres.EventRow) []ui.Cell {
	title := e.Type
	if title == "" {
		title = "Not readable"
	}
	about := "nobody"
	if e.Worker != "" {
		about = joinerName(e.JoinerLabel, e.Worker)
	}
	runs := "none"
	if len(e.Runs) > 0 {
		runs = plural(len(e.Runs), "run", "runs")
	}
	badges := []ui.Badge{eventBadge(e.State)}
	if e.EchoOf != "" {
		badges = append(badges, ui.Badge{Tone: "neutral", Text: "Our own echo"})
	}
	if e.Repeats > 0 {
		badges = append(badges, ui.Badge{Tone: "neutral", Text: fmt.Sprintf("came %d times", e.Repeats+1)})
	}
	return []ui.Cell{{Text: title, Sub: e.Connection, URL: "/events/" + e.ID}, {Text: about}, {Badges: badges, Sub: e.Reason}, {Text: runs}, {Text: s.ago(e.ReceivedAt), NoWrap: true}}
}

func eventBadge(state string) ui.Badge {
	return ui.Badge{Tone: stateBadge(state).Tone, Text: map[string]string{"accepted": "Accepted", "dead": "Dead letter", "replayed": "Replayed"}[state]}
}

// eventShow is GET /events/:id.
func (s *Server) eventShow(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.DB.Event(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	badge := eventBadge(e.State)
	title := e.Type
	if title == "" {
		title = "Delivery that could not be used"
	}
	p := sections.Page{Head: ui.Head{Title: title, Badges: []ui.Badge{badge}, Text: "From " + e.Connection + ", " + s.moment(e.ReceivedAt) + "."}}
	pairs := []ui.Pair{{Label: "Connection", Value: e.Connection, URL: "/connections/" + e.Connection}, {Label: "Sender's key", Value: e.Key, Code: true, Copy: true}, {Label: "Worker", Value: e.Worker}}
	if e.JoinerID != "" {
		pairs = append(pairs, ui.Pair{Label: "Joiner", Value: joinerName(e.JoinerLabel, e.Worker), URL: "/joiners/" + e.JoinerID})
	}
	if e.At != nil {
		pairs = append(pairs, ui.Pair{Label: "Happened", Value: s.moment(*e.At)})
	}
	if len(e.Changed) > 0 {
		pairs = append(pairs, ui.Pair{Label: "Changed", Value: strings.Join(e.Changed, ", ")})
	}
	signed := "not signed, or by nobody we know"
	if e.Signer != "" {
		signed = "by credential " + e.Signer
	}
	if e.Signer == postgres.PollSigner {
		signed = "found by asking the HRIS"
	}
	pairs = append(pairs, ui.Pair{Label: "Signed", Value: signed}, ui.Pair{Label: "Came", Value: plural(e.Repeats+1, "time", "times")})
	p.Wide = append(p.Wide, sections.Section{Title: "Event", Pairs: pairs})
	if e.EchoOf != "" {
		p.Head.Badges = append(p.Head.Badges, ui.Badge{Tone: "neutral", Text: "Our own echo"})
		p.Notices = append(p.Notices, ui.Notice{Text: "This event only tells of what Joinery wrote itself, so it started no run. Replay it if a run is wanted all the same."})
	}
	if e.Reason != "" {
		p.Notices = append(p.Notices, ui.Notice{Tone: "bad", Text: e.Reason})
	}
	if len(e.Body) > 0 && who.Can(auth.PersonalRead) {
		p.Wide = append(p.Wide, sections.Section{Title: "What came", Code: strings.ToValidUTF8(string(e.Body), "�")})
	}
	runs := ui.Table{Label: "Runs", Columns: ui.Columns("Run", "State", "What")}
	for _, id := range e.Runs {
		if d, err := s.DB.RunDetail(c.UserContext(), id); err == nil {
			cells := s.runCells(d.RunRow)
			runs.Rows = append(runs.Rows, []ui.Cell{{Text: d.Flow, URL: "/runs/" + id}, cells[2], cells[3]})
		}
	}
	if e.State == "accepted" {
		p.Wide = append(p.Wide, sections.Section{Title: "Runs", Table: &runs, Empty: &ui.Empty{Icon: "play", Title: "No run", Text: "No live flow listened to this event when it came."}})
	}
	if who.Can(auth.RunOperate) && (e.State == "accepted" || e.State == "dead" && len(e.Body) > 0) {
		text := "Starts new runs of the flows that are live now."
		if e.State == "dead" {
			text = "Reads the delivery again with the settings that are live now. Use it after you mended them."
		}
		p.Head.Actions = []ui.Button{{Text: "Replay", Icon: "rotate-ccw", Post: "/events/" + e.ID + "/replay", Confirm: "Replay this event? " + text}}
	}
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: []ui.Link{{Text: "Events", URL: "/events"}}}, sections.Show(p))
}

// eventReplay is POST /events/:id/replay.
func (s *Server) eventReplay(c *fiber.Ctx, who auth.Actor) error {
	out, err := s.replay(c, who, c.Params("id"))
	if err != nil {
		return err
	}
	to := "/events/" + c.Params("id")
	if len(out) == 1 {
		to = "/events/" + out[0].Event
	}
	return s.done(c, to, "The event was replayed.")
}

// replay reads a dead letter again, or starts new runs for an accepted event.
func (s *Server) replay(c *fiber.Ctx, who auth.Actor, id string) ([]postgres.Accepted, error) {
	ctx := c.UserContext()
	r, err := repeatOf(c)
	if err != nil {
		return nil, err
	}
	e, err := s.DB.Event(ctx, id)
	if err != nil {
		return nil, err
	}
	defer s.kick()
	if e.State == "accepted" {
		a, err := s.DB.ReplayEvent(ctx, who, id, r)
		repeated(c, a.Duplicate)
		return []postgres.Accepted{a}, err
	}
	if e.State != "dead" || len(e.Body) == 0 {
		return nil, fault.New(fault.Conflict, "This delivery cannot be replayed: it is replayed already, or its body was not kept because it was not signed. Ask the sender to send it again.")
	}
	s.hooks.forget(e.Connection) // what was mended a moment ago must count
	door, err := s.hooks.door(ctx, s, e.Connection)
	if err != nil {
		return nil, err
	}
	d := connector.Delivery{Header: http.Header{"Webhook-Id": {e.Key}}, Body: slices.Clone(e.Body), At: e.ReceivedAt}
	events, err := door.source.Events(door.settings.Settings, d)
	if err != nil {
		return nil, err
	}
	var out []postgres.Accepted
	var ids []string
	for _, ev := range events {
		a, err := s.DB.AcceptEvent(ctx, postgres.Incoming{Connection: e.Connection, Event: ev, Signer: e.Signer, Address: who.Address, ReplayOf: id})
		if err != nil {
			return nil, err
		}
		out, ids = append(out, a), append(ids, a.Event)
	}
	return out, s.DB.MarkReplayed(ctx, who, id, ids)
}
