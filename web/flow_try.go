package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/engine"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/views/backtests"
	"joinery/views/runs"
	"joinery/views/ui"
)

// posted is the form that tries a flow.
type postedFlowTry struct {
	query, joiner, event, payload, until, signoffs string
	live                                           bool
	pins                                           []postedPin
}

// flowTryForm is GET /flows/:key/try.
func (s *Server) flowTryForm(c *fiber.Ctx, who auth.Actor) error {
	return s.tryPage(c, who, postedFlowTry{query: c.Query("q"), joiner: c.Query("joiner"), event: c.Query("event"), until: c.Query("until"), live: true, pins: askedPin(c.Query("pin"))}, nil, nil)
}

// flowTry is POST /flows/:key/try: the same page with what came of it.
func (s *Server) flowTry(c *fiber.Ctx, who auth.Actor) error {
	p := postedFlowTry{query: strings.TrimSpace(c.FormValue("q")), joiner: c.FormValue("joiner"), event: strings.TrimSpace(c.FormValue("event")), payload: c.FormValue("payload"),
		until: c.FormValue("until"), signoffs: c.FormValue("signoffs"), live: c.FormValue("live") != "", pins: postedPins(sentBy(c))}
	if c.FormValue("find") != "" || c.FormValue("more") != "" {
		return s.tryPage(c, who, p, nil, nil)
	}
	a, rev, err := s.newest(c, review.Flow)
	if err != nil {
		return err
	}
	f, err := flow.Decode([]byte(rev.Content))
	if err != nil {
		return err
	}
	ask := engine.Try{Content: []byte(rev.Content), Live: p.live, Trial: engine.Trial{Until: flow.NodeID(p.until)}}
	if ask.Pins, err = readPins(p.pins); err != nil {
		return s.tryPage(c, who, p, nil, err)
	}
	switch { // what was typed goes before what was picked
	case strings.TrimSpace(p.payload) != "":
		ask.Payload = json.RawMessage(p.payload)
	case p.event != "":
		ask.Event = p.event
	default:
		ask.Joiner = p.joiner
	}
	if p.signoffs != "" {
		words := map[flow.NodeID]string{}
		for _, n := range f.Nodes {
			words[n.ID] = p.signoffs
		}
		if ask.Signoffs, err = decisions(words); err != nil {
			return err
		}
	}
	got, err := s.tryFlow(c.UserContext(), who, a, ask)
	if err != nil {
		return s.tryPage(c, who, p, nil, err)
	}
	return s.tryPage(c, who, p, &got, nil)
}

func (s *Server) tryPage(c *fiber.Ctx, who auth.Actor, t postedFlowTry, got *engine.Tried, refused error) error {
	a, rev, err := s.newest(c, review.Flow)
	if err != nil {
		return err
	}
	f, err := flow.Decode([]byte(rev.Content))
	if err != nil {
		return err
	}
	p := backtests.TryPage{Head: ui.Head{Title: "Try " + a.Name, Text: fmt.Sprintf("Revision %d, for one person. Every step is worked out, nothing is written anywhere.", a.Head)}, Tabs: artifactTabs(review.Flow, a.Key, "Try"), Action: "/flows/" + a.Key + "/try"}
	if p.Who, err = s.tryWho(c, who, f, t); err != nil {
		return err
	}
	p.Payload = ui.Field{Name: "payload", Label: "Or a made-up one", Input: "code", Rows: 6, Value: t.payload, Placeholder: `{"worker": "4711", "joiner": {"first_name": "Ada", "last_name": "Lovelace"}}`, Help: "JSON with worker, event (type, changed) and joiner. It goes before the others."}
	p.How = tryHow(f, t)
	p.Pins, p.PinsOpen = s.tryPins(f, t.pins, refused), len(t.pins) > 0
	status := 0
	if refused != nil {
		n := refusal(refused)
		p.Notices, status = []ui.Notice{n}, http.StatusUnprocessableEntity
	}
	if got != nil {
		p.Result = s.tryResult(*got, who)
	}
	return s.show(c, who, frame{Title: "Try", Nav: "/flows", Crumbs: crumbsOf(review.Flow, ui.Link{Text: a.Name, URL: "/flows/" + a.Key}), Status: status}, backtests.Try(p))
}

// tryWho offers the people of the flow's HRIS, newest first or those that are found.
func (s *Server) tryWho(c *fiber.Ctx, who auth.Actor, f flow.Content, t postedFlowTry) ([]ui.Field, error) {
	if !who.Can(auth.RunRead) {
		return nil, nil
	}
	source, _ := f.Source()
	page, _, err := s.DB.Joiners(c.UserContext(), t.query, "", 50)
	if err != nil {
		return nil, err
	}
	pick := ui.Field{Name: "joiner", Label: "Joiner", Input: "select", Options: []ui.Option{{Value: "", Label: "Nobody yet"}}, Help: "With what Joinery last read of them."}
	there := t.joiner == ""
	add := func(j postgres.JoinerRow) {
		if j.Connection != source {
			return
		}
		there = there || j.ID == t.joiner
		pick.Options = append(pick.Options, ui.Option{Value: j.ID, Label: strings.TrimSuffix(joinerName(j.Label, j.Worker)+" · "+j.Department, " · "), Selected: j.ID == t.joiner})
	}
	for _, j := range page {
		add(j)
	}
	if !there {
		if d, err := s.DB.Joiner(c.UserContext(), t.joiner); err == nil {
			add(d.JoinerRow)
		}
	}
	return []ui.Field{{Name: "q", Label: "Find", Input: "search", Value: t.query, Placeholder: "Name or worker id"}, pick,
		{Name: "event", Label: "Or an event that came in", Value: t.event, Placeholder: "ev_…", Help: "Its id, from the page of the event."}}, nil
}

func tryHow(f flow.Content, t postedFlowTry) []ui.Field {
	until := ui.Field{Name: "until", Label: "Run to", Input: "select", Options: []ui.Option{{Value: "", Label: "the end"}}, Help: "Nodes that are not needed for it may be half-built."}
	asks := false
	for _, id := range flow.Order(f) {
		n, ok := f.Find(id)
		if !ok {
			continue
		}
		asks = asks || n.Type == "signoff" || n.Type == "joiner.correlate"
		until.Options = append(until.Options, ui.Option{Value: string(id), Label: n.Title(), Selected: string(id) == t.until})
	}
	out := []ui.Field{until}
	if asks {
		out = append(out, ui.Field{Name: "signoffs", Label: "Where a person is asked", Input: "select", Options: []ui.Option{{Value: "approved", Label: "take the answer for yes"}, {Value: "rejected", Label: "take it for no", Selected: t.signoffs == "rejected"}, {Value: "expired", Label: "take it that nobody answers", Selected: t.signoffs == "expired"}}})
	}
	return append(out, ui.Field{Name: "live", Label: "Ask the directories what is there (read only)", Input: "check", Checked: t.live, Help: "Without it no account is there, and every group."})
}

func (s *Server) tryResult(got engine.Tried, who auth.Actor) *backtests.TryResult {
	r := &backtests.TryResult{}
	badge := runBadge(got.State)
	switch {
	case got.State == run.Failed:
		r.Notices = append(r.Notices, ui.Notice{Tone: "bad", Text: "A live run would need a person here. " + got.Reason})
	case got.State == run.Waiting:
		r.Notices = append(r.Notices, ui.Notice{Tone: "warn", Text: "It cannot be worked out further now. " + got.Reason})
	case got.Partial:
		r.Notices = append(r.Notices, ui.Notice{Tone: "info", Text: "Worked out up to the node you chose."})
	default:
		r.Notices = append(r.Notices, ui.Notice{Tone: "good", Text: "It would come through. Nothing was written."})
	}
	asked, unasked := got.Asked()
	if len(unasked) > 0 {
		r.Notices = append(r.Notices, ui.Notice{Tone: "info", Text: "Not asked, so only assumed: " + strings.Join(unasked, ", ") + "."})
	}
	r.Pairs = []ui.Pair{{Label: "Outcome", Badge: &badge}, {Label: "Joiner", Value: joinerName(got.Label, got.Ref.Worker)}}
	if got.Joiner != "" {
		r.Pairs[1].URL = "/joiners/" + got.Joiner
	}
	if !got.ReadAt.IsZero() {
		r.Pairs = append(r.Pairs, ui.Pair{Label: "As read", Value: s.moment(got.ReadAt)})
	}
	if len(asked) > 0 {
		r.Pairs = append(r.Pairs, ui.Pair{Label: "Asked now", Value: strings.Join(asked, ", ")})
	}
	r.Pairs = append(r.Pairs, ui.Pair{Label: "Took", Value: span(got.Took)})
	for _, st := range got.Steps {
		step := s.tryStep(got.Flow, st, who)
		r.Steps, r.Changes = append(r.Steps, step), append(r.Changes, step.Changes...)
	}
	return r
}

func (s *Server) tryStep(f flow.Content, st engine.ForecastStep, who auth.Actor) runs.Step {
	n, _ := f.Find(st.Node)
	spec, _ := s.Nodes.Spec(st.Type)
	raw, _ := json.Marshal(st.Output)
	out := runs.Step{ID: string(st.Node), Icon: spec.Icon, Title: n.Title(), Type: spec.Title + " · " + string(st.Node), Badge: stepBadge(st.State), Port: st.Port, Error: st.Error, Output: redacted(raw, who), Quiet: st.State == run.StepSkipped}
	for _, c := range st.Changes {
		out.Changes = append(out.Changes, runChange(c, who))
	}
	var notes []string
	if st.Pinned {
		notes = append(notes, "Its result is pinned.")
	}
	for _, w := range st.Passed {
		notes = append(notes, "A live run would wait "+strings.TrimSuffix(w, ".")+".")
	}
	for _, w := range st.People {
		notes = append(notes, "A live run would wait for "+strings.TrimSuffix(w, ".")+".")
	}
	if len(st.Asked) > 0 {
		notes = append(notes, "Asked now: "+strings.Join(st.Asked, ", ")+".")
	}
	if len(st.Unasked) > 0 {
		notes = append(notes, "Not asked: "+strings.Join(st.Unasked, ", ")+".")
	}
	out.Note = strings.Join(notes, " ")
	if st.State != run.StepSkipped {
		out.Attempts = []runs.Attempt{{Number: "1", When: s.moment(st.Began), Took: span(st.Took), Outcome: st.Port, Log: st.Log}}
	}
	return out
}
