package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// replan adds to a checkpoint which steps go over again because the HRIS says
// something else about the joiner now. It is kept with the new reading, so a
// process that dies between forgets neither. A wait that the news cancels decides
// alone: the flow says what follows from that.
func (k *carrier) replan(ctx context.Context, cp *postgres.Checkpoint, old, now joiner.Worker) error {
	if sameReading(old, now) {
		return nil
	}
	var over []flow.NodeID
	for _, n := range k.rel.content.Nodes {
		row, ok := k.c.Steps[n.ID]
		if !ok {
			continue
		}
		if row.State == run.StepWaiting {
			if k.cancels(ctx, n, now) {
				return nil
			}
			continue
		}
		if k.stale(ctx, n, row, old, now) {
			for _, id := range run.After(k.rel.content, n.ID) {
				if !slices.Contains(over, id) {
					over = append(over, id)
				}
			}
		}
	}
	if len(over) == 0 {
		return nil
	}
	cp.Steps = nil
	for _, id := range over {
		if row, ok := k.c.Steps[id]; ok && row.State != run.StepPending {
			// What it changed stays on record; its result does not.
			cp.Steps = append(cp.Steps, k.set(postgres.StepRow{Node: id, Type: row.Type, State: run.StepPending, Changes: row.Changes, Attempts: row.Attempts,
				Note: fmt.Sprintf("Gone over again: what the HRIS says has changed (round %d).", k.c.Round+2)}))
		}
	}
	k.c.Round++
	cp.Round = k.c.Round
	cp.Acts = append(cp.Acts, k.act("run.replan", map[string]any{"round": k.c.Round + 1, "steps": len(cp.Steps)}))
	return nil
}

// sameReading reports whether two readings of a worker say the same.
func sameReading(a, b joiner.Worker) bool {
	return reflect.DeepEqual(plainValue(a.Attributes), plainValue(b.Attributes))
}

func plainValue(v any) (out any) {
	raw, err := json.Marshal(v)
	if err != nil || json.Unmarshal(raw, &out) != nil {
		return v
	}
	return out
}

// cancels reports whether a waiting step would stop waiting because of a reading.
func (k *carrier) cancels(ctx context.Context, n flow.Node, w joiner.Worker) bool {
	p, err := k.rel.plan.Params(ctx, n.ID, k.scopeWith(&w))
	return err == nil && p.Bool("cancel_when")
}

// stale reports whether a step that is done would have other fields now. Waits
// that have passed stay passed, a decision stands while its question is the same,
// and what reads the worker itself is as new as the reading.
func (k *carrier) stale(ctx context.Context, n flow.Node, row postgres.StepRow, old, now joiner.Worker) bool {
	if row.State != run.StepSucceeded && row.State != run.StepFailed {
		return false
	}
	spec, ok := k.e.Nodes.Spec(n.Type)
	if !ok || spec.Trigger || spec.Ends || spec.Category == "message" || n.Type == "wait.until" || n.Type == "hris.read" {
		return false
	}
	if slices.ContainsFunc(spec.Fields, func(f form.Field) bool { return f.Kind == form.Policy }) {
		return true
	}
	before, err1 := k.rel.plan.Params(ctx, n.ID, k.scopeWith(&old))
	after, err2 := k.rel.plan.Params(ctx, n.ID, k.scopeWith(&now))
	if err1 != nil || err2 != nil {
		return (err1 == nil) != (err2 == nil)
	}
	return !reflect.DeepEqual(plainValue(before), plainValue(after))
}

// tidy takes back the memberships that this run gave and its newest plan does not
// give: what others gave stays. When that cannot be done now it gives false, and
// the checkpoint says when it is tried again.
func (k *carrier) tidy(ctx context.Context, cp *postgres.Checkpoint) bool {
	if k.c.Round <= k.c.Tidied || k.sim != nil {
		return true
	}
	err := k.takeBackGroups(ctx)
	if err == nil {
		k.c.Tidied, cp.Tidied = k.c.Round, k.c.Round
		return true
	}
	k.e.Log.Warn("taking memberships back failed", "run", k.c.ID, "kind", fault.KindOf(err))
	at := k.e.Now().Add(tidyAgain)
	cp.State, cp.WakeAt, cp.WaitingFor = run.Waiting, &at, fault.Sentence(err)
	return false
}

// tidyAgain is when taking memberships back is tried again.
const tidyAgain = time.Minute

func (k *carrier) takeBackGroups(ctx context.Context) error {
	effects, err := k.e.DB.Undoable(ctx, k.c.ID)
	if err != nil {
		return err
	}
	outputs := k.outputs()
	for _, e := range effects {
		var r receiptBody
		if e.Operation != opAdd || json.Unmarshal(e.Receipt, &r) != nil || !r.Changed || k.given(outputs, e.Connection, r) {
			continue
		}
		_, why, err := k.undoOne(ctx, e)
		if err != nil {
			return err
		}
		if why != "" {
			k.e.Log.Warn("a membership is not taken back: an invariant of the flow forbids it", "run", k.c.ID, "node", e.Node)
			continue
		}
		if err := k.e.DB.MarkUndone(ctx, k.c.ID, k.e.Owner, k.c.Epoch, e.Key, true); err != nil {
			return err
		}
	}
	return nil
}

// given reports whether a step of the newest plan gives a membership.
func (k *carrier) given(outputs map[string]map[string]any, connection string, r receiptBody) bool {
	for id, row := range k.c.Steps {
		n, ok := k.rel.content.Find(id)
		if !ok || row.State != run.StepSucceeded || n.Params["directory"] != connection {
			continue
		}
		out := node.Params(outputs[string(id)])
		if slices.Contains(out.List("added"), r.Group) || n.Type != "group.remove" && slices.Contains(out.List("already"), r.Group) {
			return true
		}
	}
	return false
}

// decidedBefore answers a question that a person has answered in an earlier round
// of this run, or while news from HR had the step look again, when it is asked in
// the same words.
func (t *try) decidedBefore(ctx context.Context, typ node.Type, params node.Params, asked node.Result) (node.Result, error) {
	all, err := t.k.e.DB.SignoffDecisions(ctx, t.k.c.ID)
	if err != nil {
		return asked, err
	}
	d, ok := all[t.node.ID]
	if s := asked.Wait.Signoff; !ok || d.Title != s.Title || d.Question != s.Question {
		return asked, nil
	}
	t.b.logf("%s has answered this question already.", d.By)
	call := t.call(params)
	call.Wake = node.Wake{Reason: "signoff", Signoff: &node.Decision{Approved: d.Approved, By: d.By, Comment: d.Comment, Form: d.Form, At: d.At}}
	return typ.Run(ctx, call)
}

// sentBefore reports whether this step has sent its message in an earlier round.
func (b *boundary) sentBefore(ctx context.Context) (bool, error) {
	if b.k.c.Round == 0 {
		return false, nil
	}
	effects, err := b.k.e.DB.Undoable(ctx, b.k.c.ID)
	if err != nil {
		return false, err
	}
	sent := slices.ContainsFunc(effects, func(e postgres.Effect) bool {
		return e.Node == b.node.ID && e.Operation == opMail && string(e.Receipt) != "{}"
	})
	if sent {
		b.logf("The message was sent before and is not sent again.")
	}
	return sent, nil
}
