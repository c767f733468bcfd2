package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/canon"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/function"
	"joinery/internal/joiner"
	"joinery/internal/luavm"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/functions"
	"joinery/views/ui"
)

// recordedCall is a call of a function as it is on record.
type recordedCall struct {
	run  postgres.RunDetail
	call postgres.FunctionCall
	tape luavm.Tape
}

func (s *Server) recordedCall(c *fiber.Ctx) (recordedCall, error) {
	var out recordedCall
	n, err := strconv.Atoi(c.Params("n"))
	if err != nil || n < 1 {
		return out, fault.New(fault.NotFound, "There is no such try of the step.")
	}
	if out.run, err = s.DB.RunDetail(c.UserContext(), c.Params("id")); err != nil {
		return out, err
	}
	if out.call, err = s.DB.FunctionCall(c.UserContext(), out.run.ID, flow.NodeID(c.Params("node")), n); err != nil {
		return out, err
	}
	if err := json.Unmarshal([]byte(out.call.Tape), &out.tape); err != nil {
		return out, fault.Wrap(fault.Internal, err, "The record of this call cannot be read.")
	}
	return out, nil
}

// callShow is GET /runs/:id/steps/:node/calls/:n: one call of a function as it is on record.
func (s *Server) callShow(c *fiber.Ctx, who auth.Actor) error {
	r, err := s.recordedCall(c)
	if err != nil {
		return err
	}
	return s.callPage(c, who, r, nil)
}

// callReplay is POST to the same address: the call once more, with the recorded
// answers. No system is asked and nothing is kept.
func (s *Server) callReplay(c *fiber.Ctx, who auth.Actor) error {
	r, err := s.recordedCall(c)
	if err != nil {
		return err
	}
	v, err := s.replayCall(c.UserContext(), r)
	if err != nil {
		return err
	}
	return s.callPage(c, who, r, &v)
}

// replayed is what a replay came to; missing says why it could not be.
type replayed struct {
	luavm.Replayed
	missing string
}

func (s *Server) replayCall(ctx context.Context, r recordedCall) (replayed, error) {
	rev, err := s.DB.Revision(ctx, review.Function, r.call.Function, r.call.Revision)
	if fault.Is(err, fault.NotFound) {
		return replayed{missing: fmt.Sprintf("Revision %d of the function %s, which this call ran, is not here any more, so the call cannot be replayed.", r.call.Revision, r.call.Function)}, nil
	}
	if err != nil {
		return replayed{}, err
	}
	if hash, err := canon.Hash([]byte(rev.Content)); err != nil || hash != r.call.Hash {
		return replayed{missing: fmt.Sprintf("Revision %d of the function %s is not the code that this call ran: its hash is another. Tell whoever runs this server; audit verify finds what was changed.", r.call.Revision, r.call.Function)}, nil
	}
	content, err := function.Decode([]byte(rev.Content))
	if err != nil {
		return replayed{}, err
	}
	var out replayed
	err = s.withFunctions(ctx, func(ctx context.Context, pool *luavm.Pool) error {
		out.Replayed, err = pool.Replay(ctx, content.Source, r.tape)
		return err
	})
	if err != nil {
		return out, err
	}
	if now := luavm.LimitsOf(content.Manifest.Limits); now != r.tape.Limits {
		out.Notes = append(out.Notes, "The limits of functions are others today; the replay took those of then.")
	}
	return out, nil
}

func (s *Server) callPage(c *fiber.Ctx, who auth.Actor, r recordedCall, v *replayed) error {
	n, _ := r.run.Content.Find(r.call.Node)
	at := fmt.Sprintf("/runs/%s/steps/%s/calls/%d", r.run.ID, r.call.Node, r.call.Number)
	e := eyesOn{who, r.run.Personal}.andAnswers(r.tape.Asked)
	p := functions.CallPage{Head: ui.Head{Title: "Call of " + r.call.Function, Text: fmt.Sprintf("In the step %s, try %d. What the code was given and what it gave.", n.Title(), r.call.Number)},
		Replay: ui.Button{Text: "Replay this call", Icon: "rotate-ccw", Tone: "primary", Post: at},
		Pairs: []ui.Pair{{Label: "Function", Value: r.call.Function, URL: "/functions/" + r.call.Function}, {Label: "Revision", Value: itoa(r.call.Revision), URL: fmt.Sprintf("/functions/%s/revisions/%d", r.call.Function, r.call.Revision)},
			{Label: "Hash", Value: r.call.Hash, Code: true, Copy: true}, {Label: "Clock", Value: r.tape.Now.UTC().Format(time.RFC3339)}, {Label: "Seed of chance", Value: ui.Short(r.tape.Seed), Code: true},
			{Label: "Steps of the machine", Value: fmt.Sprintf("%d of %d", r.tape.End.Steps, r.tape.Limits.Steps)}, {Label: "Took", Value: span(r.tape.End.Took.Round(100 * time.Microsecond))}},
		Input: e.json(r.tape.Input)}
	if r.tape.DryRun {
		p.Pairs = append(p.Pairs, ui.Pair{Label: "Mode", Value: "simulated"})
	}
	p.Outcome = outcomeView(recordedOutcome(r.tape), e, false)
	if v != nil {
		p.Result = replayView(*v, e)
	}
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: append(runsCrumb, ui.Link{Text: joinerName(r.run.JoinerLabel, r.run.Worker), URL: "/runs/" + r.run.ID})}, functions.Call(p))
}

// recordedOutcome is a recorded ending as the runtime tells one.
func recordedOutcome(t luavm.Tape) luavm.Outcome {
	return luavm.Outcome{Kind: t.End.Kind, Result: t.End.Result, Plan: t.End.Plan, Log: t.Log, Asked: t.Asked, Code: t.End.Code, Message: t.End.Message, Line: t.End.Line, Steps: t.End.Steps, Peak: t.End.Peak, Took: t.End.Took}.Under(t.Limits)
}

func replayView(v replayed, e eyesOn) *functions.ReplayResult {
	out := &functions.ReplayResult{}
	switch {
	case v.missing != "":
		out.Notice = ui.Notice{Tone: "bad", Text: v.missing}
	case v.Same():
		out.Notice = ui.Notice{Tone: "good", Text: "Same result: the code asked the same, ended the same, and gave, planned and logged the same."}
	default:
		out.Notice = ui.Notice{Tone: "warn", Text: "Not the same. " + plural(len(v.Differences), "thing differs", "things differ") + " from the record."}
	}
	for _, d := range v.Differences {
		out.Differences = append(out.Differences, functions.ReplayDifference{What: d.What, Then: e.text(d.Then), Now: e.text(d.Now)})
	}
	out.Notes = v.Notes
	return out
}

// eyesOn shows values of a run as a reader may see them.
type eyesOn struct {
	who      auth.Actor
	personal []string
}

func (e eyesOn) text(s string) string {
	if e.who.Can(auth.PersonalRead) {
		return s
	}
	if len(s) > 0 && (s[0] == '{' || s[0] == '[') {
		if shown := redacted(json.RawMessage(s), e.who); shown != "" {
			s = shown
		}
	}
	return joiner.HideValues(s, e.personal)
}

func (e eyesOn) json(raw json.RawMessage) string {
	if !e.who.Can(auth.PersonalRead) {
		raw = withoutValues(raw, e.personal)
	}
	return redacted(raw, e.who)
}
