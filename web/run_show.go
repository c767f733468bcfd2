package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/engine"
	"joinery/internal/exception"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/run"
	"joinery/views/runs"
	"joinery/views/ui"
)

var runsCrumb = []ui.Link{{Text: "Runs", URL: "/runs"}}

// runShow is GET /runs/:id.
func (s *Server) runShow(c *fiber.Ctx, who auth.Actor) error {
	d, err := s.DB.RunDetail(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	p := runs.Page{Head: s.runHead(d), Tabs: runTabs(d.ID, "Steps"), Body: s.runBody(d, who)}
	if !d.State.Terminal() {
		p.LiveURL = "/runs/" + d.ID + "/live"
	}
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: runsCrumb}, runs.Show(p))
}

// runLive is GET /runs/:id/live.
func (s *Server) runLive(c *fiber.Ctx, who auth.Actor) error {
	id := strings.Clone(c.Params("id"))
	if _, _, err := s.DB.RunVersion(c.UserContext(), id); err != nil {
		return err
	}
	return s.live(c, func(ctx context.Context) (templ.Component, bool, error) {
		d, err := s.DB.RunDetail(ctx, id)
		if err != nil {
			return nil, false, err
		}
		return runs.Part(s.runBody(d, who)), d.State.Terminal(), nil
	})
}

func (s *Server) runHead(d postgres.RunDetail) ui.Head {
	h := ui.Head{Title: joinerName(d.JoinerLabel, d.Worker), Text: "Through the flow " + d.Flow + ", revision " + fmt.Sprint(d.Revision) + "."}
	if d.Mode == run.Simulate {
		h.Badges = append(h.Badges, ui.Badge{Tone: "violet", Text: "Simulated: nothing is written"})
	}
	return h
}

func (s *Server) runBody(d postgres.RunDetail, who auth.Actor) runs.Body {
	d = eyes(d, who)
	b := runs.Body{}
	switch {
	case d.State == run.Failed:
		b.Notices = append(b.Notices, ui.Notice{Tone: "bad", Text: "This run needs a person. " + d.Reason})
	case d.State == run.Parked:
		b.Notices = append(b.Notices, ui.Notice{Tone: "warn", Text: "This run is parked. " + d.Reason})
	case d.State == run.Waiting:
		b.Notices = append(b.Notices, ui.Notice{Tone: "info", Text: waitsFor(d.WaitingFor)})
	case d.Reason != "":
		b.Notices = append(b.Notices, ui.Notice{Tone: "info", Text: d.Reason})
	}
	for _, x := range d.Exceptions {
		if x.State != exception.Resolved {
			b.Notices = append(b.Notices, ui.Notice{Tone: "warn", Text: "A person has to reconcile: " + x.Title + ".", Link: &ui.Link{Text: "Look at the exception", URL: "/exceptions/" + x.ID}})
		}
	}
	badge := runBadge(d.State)
	b.Pairs = []ui.Pair{{Label: "State", Badge: &badge}, {Label: "Joiner", Value: joinerName(d.JoinerLabel, d.Worker), URL: "/joiners/" + d.JoinerID}, {Label: "Flow", Value: d.Flow, URL: "/flows/" + d.Flow},
		{Label: "Revision", Value: fmt.Sprint(d.Revision), URL: fmt.Sprintf("/flows/%s/revisions/%d", d.Flow, d.Revision)}, {Label: "Release", Value: d.Release, Code: true, Copy: true}}
	if d.EventID != "" {
		b.Pairs = append(b.Pairs, ui.Pair{Label: "Event", Value: "the event that started it", URL: "/events/" + d.EventID})
	} else {
		b.Pairs = append(b.Pairs, ui.Pair{Label: "Started", Value: "by hand"})
	}
	b.Pairs = append(b.Pairs, ui.Pair{Label: "Came in", Value: s.moment(d.CreatedAt)})
	if d.EndedAt != nil {
		b.Pairs = append(b.Pairs, ui.Pair{Label: "Ended", Value: s.moment(*d.EndedAt)})
	}
	if d.WakeAt != nil && d.State == run.Waiting {
		b.Pairs = append(b.Pairs, ui.Pair{Label: "Goes on", Value: s.moment(*d.WakeAt)})
	}
	b.Pairs = append(b.Pairs, ui.Pair{Label: "Run", Value: d.ID, Code: true, Copy: true})
	for _, g := range d.Signoffs {
		if g.State == "open" {
			b.Signoffs = append(b.Signoffs, runs.Signoff{Title: g.Title, Question: g.Question, For: "Asked: " + asked(g), URL: "/signoffs/" + g.ID})
		}
	}
	b.Actions, b.Dangers = runActions(d, who)
	for _, st := range d.Steps {
		b.Steps = append(b.Steps, s.runStep(d, st, who))
	}
	return b
}

func asked(g postgres.SignoffLine) string {
	out := "everyone with the role " + g.Role
	if g.Person != "" {
		out = g.Person
	}
	if g.Deadline != nil {
		out += ", until " + g.Deadline.UTC().Format("2 Jan 2006, 15:04") + " UTC"
	}
	return out
}

// runActions are what the reader may do with a run in its state.
func runActions(d postgres.RunDetail, who auth.Actor) (acts []ui.Button, dangers []ui.Danger) {
	if !who.Can(auth.RunOperate) {
		return nil, nil
	}
	at := "/runs/" + d.ID
	reason := ui.Field{Name: "reason", Label: "Reason", Required: true}
	switch d.State {
	case run.Failed, run.Canceled:
		acts = append(acts, ui.Button{Text: "Retry from where it stopped", Icon: "rotate-ccw", Tone: "primary", Post: at + "/retry"})
		if d.Newer > 0 {
			acts = append(acts, ui.Button{Text: fmt.Sprintf("Retry by revision %d, the live one", d.Newer), Icon: "rotate-ccw", Post: at + "/retry-newest"})
		}
	case run.Parked:
		dangers = append(dangers, ui.Danger{Button: "Let it go on", Title: "Let this run go on", Text: "It goes on although a limit or a pause stopped it. Your reason is kept.", Post: at + "/resume", Fields: []ui.Field{reason}})
	}
	if !d.State.Terminal() {
		dangers = append(dangers, ui.Danger{Button: "Cancel", Title: "Cancel this run", Text: "Steps that have not begun do not run. What was done stays; undo it afterwards if it should not.", Post: at + "/cancel", Fields: []ui.Field{reason}})
	}
	if d.Mode == run.Live && (d.State.Terminal() && d.State != run.Compensated || d.State == run.Parked) && hasChanges(d) {
		dangers = append(dangers, ui.Danger{Button: "Undo", Title: "Undo what this run did", Text: "In reverse order: accounts it made are disabled, not deleted; memberships and changed values go back to what they were. Messages cannot be taken back.",
			Word: "undo", Post: at + "/compensate", Fields: []ui.Field{reason}})
	}
	return acts, dangers
}

func hasChanges(d postgres.RunDetail) bool {
	for _, st := range d.Steps {
		if len(st.Changes) > len("[]") {
			return true
		}
	}
	return false
}

func (s *Server) runStep(d postgres.RunDetail, st postgres.StepRow, who auth.Actor) runs.Step {
	n, _ := d.Content.Find(st.Node)
	spec, _ := s.Nodes.Spec(st.Type)
	state := st.State
	if state == run.StepPending && d.State == run.Running && reached(d, st.Node) {
		state = run.StepRunning
	}
	out := runs.Step{ID: string(st.Node), Icon: spec.Icon, Title: n.Title(), Type: spec.Title + " · " + string(st.Node), Badge: stepBadge(state), Port: st.Port, Error: st.Error, WaitFor: st.WaitFor, Note: st.Note,
		Input: redacted(st.Input, who), Output: redacted(st.Output, who), Quiet: state == run.StepSkipped || state == run.StepPending}
	if st.State != run.StepWaiting {
		out.WaitFor = ""
	} else if st.WaitFor != "" && !strings.HasPrefix(st.WaitFor, "until") {
		out.WaitFor = "for " + st.WaitFor
		if st.WakeAt != nil && st.ErrorKind != "" {
			out.WaitFor = "for another try at " + st.WakeAt.UTC().Format("15:04:05") + " UTC"
		}
	}
	if st.StartedAt != nil && st.EndedAt != nil && st.EndedAt.Sub(*st.StartedAt) >= time.Millisecond {
		out.Took = span(st.EndedAt.Sub(*st.StartedAt))
	}
	var changes []engine.Change
	if json.Unmarshal(st.Changes, &changes) == nil {
		for _, c := range changes {
			out.Changes = append(out.Changes, runChange(c, who))
		}
	}
	for _, f := range d.Calls {
		if f.Node == st.Node {
			out.Calls = append(out.Calls, ui.Link{Text: fmt.Sprintf("Call of %s in try %d: look at it, replay it", f.Function, f.Number), URL: fmt.Sprintf("/runs/%s/steps/%s/calls/%d", d.ID, f.Node, f.Number)})
		}
	}
	out.State, out.Mark = string(state), out.Badge.Text
	if out.Took != "" {
		out.Mark += " · " + out.Took
	}
	tries := 0
	for _, a := range d.Attempts {
		if a.Node == st.Node {
			if a.Outcome != "waits" {
				tries++
			}
			out.Attempts = append(out.Attempts, runs.Attempt{Number: fmt.Sprint(a.Number), When: a.StartedAt.UTC().Format("2 Jan 15:04:05") + " UTC", Took: span(a.EndedAt.Sub(a.StartedAt).Round(time.Millisecond)), Outcome: a.Outcome, Error: a.Error, Log: a.Log})
		}
	}
	if tries > 1 {
		out.Mark += fmt.Sprintf(" · %d tries", tries)
	}
	if d.State == run.Failed && st.State == run.StepFailed && !run.HandlesError(d.Content, st.Node) && who.Can(auth.RunOperate) {
		out.Skip = skipForm(d, n, spec)
	}
	return out
}

// reached reports whether a step that has no record yet can be under way.
func reached(d postgres.RunDetail, id flow.NodeID) bool {
	steps := map[flow.NodeID]run.Step{}
	for _, st := range d.Steps {
		if st.State != run.StepPending {
			steps[st.Node] = run.Step{State: st.State, Port: st.Port}
		}
	}
	for _, n := range run.Next(d.Content, steps).Start {
		if n == id {
			return true
		}
	}
	return false
}

func runChange(c engine.Change, who auth.Actor) runs.Change {
	out := runs.Change{Sentence: c.Sentence, Planned: c.Planned}
	for _, a := range c.Attributes {
		value := settingText(redactOne(a.Attribute, a.After, who))
		if a.Before != nil {
			value = settingText(redactOne(a.Attribute, a.Before, who)) + " → " + value
		}
		out.Attributes = append(out.Attributes, ui.Pair{Label: a.Attribute, Value: value})
	}
	return out
}

func redactOne(name string, v any, who auth.Actor) any {
	m, _ := redact(map[string]any{name: v}, who).(map[string]any)
	return m[name]
}

func skipForm(d postgres.RunDetail, n flow.Node, spec flow.Spec) *ui.Danger {
	f := ui.Field{Name: "port", Label: "Go on by", Input: "select"}
	for _, p := range flow.PortsOf(n, spec) {
		f.Options = append(f.Options, ui.Option{Value: p.Name, Label: p.Name})
	}
	return &ui.Danger{Button: "Skip this step", Title: "Go on without this step", Text: "The run goes on as if the step had left by the way you choose. Your reason is kept.", Post: "/runs/" + d.ID + "/skip",
		Values: []ui.Pair{{Label: "node", Value: string(n.ID)}}, Fields: []ui.Field{f, {Name: "reason", Label: "Reason", Required: true}}}
}

// waitsFor says what a run waits for, which is a moment or a thing.
func waitsFor(what string) string {
	if strings.HasPrefix(what, "until ") {
		return "Waits " + what + "."
	}
	return "Waits for " + what + "."
}
