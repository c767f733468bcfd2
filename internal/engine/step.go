package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/run"
	"joinery/internal/trace"
)

// stepResult is one try at a step that ended.
type stepResult struct {
	node     flow.Node
	result   node.Result
	err      error
	input    json.RawMessage
	started  time.Time
	ended    time.Time
	boundary *boundary
	took     time.Duration // by the machine's clock
}

// launch starts one try at a step beside the carrier; the carrier itself runs one
// that is alone.
func (k *carrier) launch(ctx context.Context, id flow.NodeID, w node.Wake, alone bool) {
	n, _ := k.rel.content.Find(id)
	k.running[id] = true
	if k.foresees != nil {
		k.trial.begin(k, id)
	}
	t := &try{k: k, node: n, wake: w, scope: k.scope(), b: newBoundary(k, n)}
	if row := k.c.Steps[id]; row.State == run.StepWaiting && len(row.Output) > 0 {
		_ = json.Unmarshal(row.Output, &t.memory) // written by us
	}
	t.scope.Now = t.scope.Now.Truncate(time.Microsecond) // as the database keeps it
	if at, ok := k.c.Moments[id]; ok {
		t.scope.Now, t.b.told = at, at
	}
	if k.worker != nil {
		t.worker = *k.worker
	}
	t.b.guard = k.watch(t)
	if first := k.alone; first != nil {
		k.alone = nil
		go func() { k.results <- first.run(seated(ctx, nil)) }()
	}
	if alone {
		k.alone = t
		return
	}
	go func() { k.results <- t.run(seated(ctx, nil)) }()
}

func (k *carrier) scope() expr.Scope { return k.scopeWith(k.worker) }

// scopeWith is what expressions read, with a reading of the worker.
func (k *carrier) scopeWith(w *joiner.Worker) expr.Scope {
	now := k.now()
	s := expr.Scope{Steps: k.outputs(), Vars: k.rel.content.Vars, Now: now,
		Run: expr.Run{ID: string(k.c.ID), Flow: k.c.Flow, Mode: string(k.c.Mode), StartedAt: k.c.StartedAt}}
	if w != nil {
		s.Joiner = w.Attributes
		s.Zone = w.Zone()
	}
	if v := k.c.Event; v != nil {
		s.Event = expr.Event{Key: v.Key, Type: v.Type, Worker: v.Worker, At: v.At, Changed: v.Changed}
	}
	return s
}

func (k *carrier) now() time.Time {
	if k.foresees != nil {
		return k.sim.now
	}
	if k.sim != nil && k.sim.now.After(k.e.Now()) {
		return k.sim.now
	}
	return k.e.Now()
}

// try is one try at a step.
type try struct {
	k      *carrier
	node   flow.Node
	wake   node.Wake
	scope  expr.Scope
	worker joiner.Worker
	memory map[string]any
	b      *boundary
}

func (t *try) run(ctx context.Context) (r stepResult) {
	r = stepResult{node: t.node, started: t.k.e.Now(), boundary: t.b}
	begun := time.Now()
	ctx, span := t.k.e.Trace.Start(ctx, "step", t.node.Type, trace.Label{Key: "node", Value: string(t.node.ID)})
	defer func() {
		if p := recover(); p != nil {
			t.k.e.Log.Error("a node panicked", "run", t.k.c.ID, "node", t.node.ID, "panic", panicText(p), "stack", string(debug.Stack()))
			r.err = fault.New(fault.Internal, "This node failed on our side. The log has the details.")
		}
		t.b.close()
		r.ended, r.took = t.k.e.Now(), time.Since(begun)
		span.End(trouble(r.err))
	}()
	typ, ok := t.k.e.Nodes.Find(t.node.Type)
	if !ok {
		r.err = fault.New(fault.Invalid, "This version of Joinery has no node type %q.", t.node.Type)
		return r
	}
	params, err := t.k.rel.plan.Params(ctx, t.node.ID, t.scope)
	if err != nil {
		r.err = err
		return r
	}
	if r.input, err = json.Marshal(params); err != nil {
		r.err = fmt.Errorf("write input: %w", err)
		return r
	}
	if given, ok := t.k.trial.given(t, r.input); ok {
		r.result = given
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, run.Timeout(t.node))
	defer cancel()
	r.result, r.err = typ.Run(ctx, t.call(params))
	if r.err == nil && r.result.Wait != nil && r.result.Wait.Signoff != nil && (t.k.c.Round > 0 || t.wake.Reason == "event") && t.k.sim == nil {
		r.result, r.err = t.decidedBefore(ctx, typ, params, r.result)
	}
	for n := 0; n < mostPretended && r.err == nil && r.result.Wait != nil && t.k.sim != nil; n++ {
		t.memory = plainOutput(r.result.Output)
		r.result, r.err = t.pretendWait(ctx, typ, params, *r.result.Wait)
	}
	if r.err != nil && ctx.Err() == context.DeadlineExceeded && !fault.Is(r.err, fault.Invalid) {
		r.err = fault.Wrap(fault.Unavailable, r.err, "The step was not done within %s.", run.Timeout(t.node))
	}
	return r
}

// mostPretended bounds how often one step of a simulated run passes a wait.
const mostPretended = 10

// plainOutput gives an output as a later try would read it.
func plainOutput(out map[string]any) (plain map[string]any) {
	raw, err := json.Marshal(out)
	if err == nil {
		_ = json.Unmarshal(raw, &plain) // just written
	}
	return plain
}

// pretendWait passes a wait at once: a simulated run shows what would come after.
func (t *try) pretendWait(ctx context.Context, typ node.Type, params node.Params, w node.Wait) (node.Result, error) {
	t.b.logf("A live run would wait here: %s.", w.For)
	call := t.call(params)
	if w.Signoff != nil {
		d := t.k.trial.answer(t.node.ID)
		d.At = call.Now()
		t.b.logf("%s", answered(d))
		t.k.trial.asks(t.node.ID, w)
		call.Wake = node.Wake{Reason: "signoff", Signoff: &d}
	} else {
		if t.k.foresees != nil {
			t.k.trial.passes(t.node.ID, w)
			t.b.until = w.Until
		}
		call.Wake = node.Wake{Reason: "time"}
		call.Now = func() time.Time { return w.Until }
	}
	return typ.Run(ctx, call)
}

func (t *try) call(params node.Params) node.Call {
	k := t.k
	return node.Call{
		Key: stepKey(k.c.ID, t.node.ID), Node: t.node.ID, Event: k.c.Event, Ref: k.c.Ref, Joiner: t.worker, Params: params, Wake: t.wake, Now: k.now,
		Run: node.RunInfo{ID: string(k.c.ID), Flow: k.c.Flow, Simulated: k.sim != nil, StartedAt: k.c.StartedAt, BaseURL: k.e.BaseURL},
		Log: t.b.logf, Policy: k.rel.policy, Functions: t.function, Connected: t.connected, People: known{t.b}, Adoption: adoption{t.b}, Names: t.b.names(), Granted: t.b.grants, Directory: t.b.directory, Workers: t.b.workers, HTTP: t.b.http, Mail: t.b.mail,
		HRIS: t.b.hris, Exception: t.b.exception, Settled: t.b.settledMatter, Memory: t.memory,
	}
}

func stepKey(id run.ID, n flow.NodeID) string {
	sum := sha256.Sum256([]byte(string(id) + "\x00" + string(n)))
	return hex.EncodeToString(sum[:16])
}

// take turns a try's end into what is kept of it.
func (k *carrier) take(r stepResult) (postgres.Checkpoint, error) {
	var lost lostError
	if errors.As(r.err, &lost) {
		return postgres.Checkpoint{}, r.err
	}
	if errors.Is(r.err, context.Canceled) {
		return postgres.Checkpoint{}, r.err
	}
	old := k.c.Steps[r.node.ID]
	row := postgres.StepRow{Node: r.node.ID, Type: r.node.Type, Input: r.input, Attempts: old.Attempts + 1, StartedAt: &r.started, Note: old.Note}
	cp := postgres.Checkpoint{Receipts: r.boundary.receipts, Acts: r.boundary.acts, Writes: r.boundary.writes, Names: r.boundary.called, Calls: r.boundary.calls}
	for i := range cp.Calls {
		cp.Calls[i].Number = row.Attempts
	}
	row.Changes = r.boundary.changed(old.Changes)
	told := r.boundary.told
	if !told.IsZero() {
		k.c.Moments[r.node.ID] = told
	}
	if breach := r.boundary.guard.stopped(); breach != nil {
		r.err = breach
	}
	outcome := ""
	var breach *breachError
	var parks *parkError
	var later *waitError
	switch {
	case errors.As(r.err, &breach):
		row.Error, row.ErrorKind = fault.Sentence(breach.cause), string(fault.KindOf(breach.cause))
		row.State, row.Port, row.EndedAt = run.StepFailed, flow.ErrorPort, &r.ended
		k.ending = &node.Result{End: "failed", Reason: k.hide(row.Error)}
		cp.Acts = append(cp.Acts, k.act("run.invariant", map[string]any{"node": r.node.ID}))
		outcome = "failed"
	case errors.As(r.err, &parks):
		k.parking = parks.why
		if old.State == "" {
			cp.Forget = append(cp.Forget, r.node.ID)
			delete(k.c.Steps, r.node.ID)
		}
		cp.Attempts = []postgres.AttemptRow{k.attempt(r, row.Attempts, "parked")}
		return cp, nil
	case errors.As(r.err, &later):
		row.Attempts = old.Attempts
		row.State, row.WakeAt, row.WaitFor = run.StepWaiting, &later.until, later.what
		outcome = "waits"
	case r.err != nil:
		outcome = k.failed(&row, r)
	default:
		var err error
		if outcome, err = k.passed(&row, &cp, r); err != nil {
			return cp, err
		}
	}
	if r.err != nil && row.State == run.StepWaiting && old.State == run.StepWaiting {
		row.Output = old.Output // what the step knows must outlast a try that failed
	}
	if !told.IsZero() && row.State != run.StepWaiting {
		delete(k.c.Moments, r.node.ID)
		cp.Moments = []postgres.FunctionMoment{{Node: r.node.ID}}
	}
	row.Error = k.hide(row.Error)
	if k.foresees != nil {
		k.trial.end(k, r)
	}
	tried := k.attempt(r, old.Attempts+1, outcome) // a wait is overwritten by the try that it was for
	if old.State == "" && row.State == run.StepSucceeded {
		row.Log = append([]string{}, tried.Log...) // the only try is in the step's own row
	} else {
		cp.Attempts = []postgres.AttemptRow{tried}
	}
	cp.Steps = append(cp.Steps, k.set(row))
	return cp, nil
}

func (k *carrier) attempt(r stepResult, number int, outcome string) postgres.AttemptRow {
	a := postgres.AttemptRow{Node: r.node.ID, Number: number, StartedAt: r.started, EndedAt: r.ended, Outcome: outcome}
	for _, line := range r.boundary.lines() {
		a.Log = append(a.Log, k.hide(line))
	}
	if k.foresees != nil {
		return a
	}
	k.e.Metrics.Step(r.node.Type, r.outcome(outcome), r.took)
	if r.err != nil {
		a.Error = k.hide(fault.Sentence(r.err))
		// Without the words: they may name a person. They are on the run's page.
		k.e.Log.Info("step did not pass", "run", k.c.ID, "node", r.node.ID, "attempt", number, "outcome", outcome, "kind", fault.KindOf(r.err))
	}
	return a
}

// hide takes personal values out of words that everybody with an eye on runs
// reads: systems like to repeat what they were sent.
func (k *carrier) hide(text string) string {
	if k.worker == nil || text == "" {
		return text
	}
	return joiner.HideValues(text, joiner.PersonalValues(k.worker.Attributes))
}

// hideIn does that for all words of a checkpoint: lists of runs show them to everybody
// who may read runs, and they come from as many places as runs can stop at.
func (k *carrier) hideIn(cp *postgres.Checkpoint) {
	cp.Reason, cp.WaitingFor = k.hide(cp.Reason), k.hide(cp.WaitingFor)
	for i := range cp.Steps {
		cp.Steps[i].WaitFor, cp.Steps[i].Note = k.hide(cp.Steps[i].WaitFor), k.hide(cp.Steps[i].Note)
	}
}

// outcome is what metrics call the end of a try: ports are of the flow's making
// and too many.
func (r stepResult) outcome(kept string) string {
	switch {
	case r.err == nil && r.result.Wait == nil && kept == r.result.Port:
		return "passed"
	case kept == "parked" || kept == "waits" || kept == "retries":
		return kept
	}
	return "failed"
}

// passed keeps a result: a port, a wait, or the run's end.
func (k *carrier) passed(row *postgres.StepRow, cp *postgres.Checkpoint, r stepResult) (string, error) {
	res := r.result
	if res.Output != nil {
		raw, err := json.Marshal(res.Output)
		if err != nil {
			return "", fmt.Errorf("write output of %s: %w", r.node.ID, err)
		}
		if row.Output = raw; len(raw) > 1<<20 {
			row.State, row.Port, row.Output = run.StepFailed, flow.ErrorPort, nil
			row.Error, row.ErrorKind = "The step's output is larger than 1 MiB.", string(fault.TooLarge)
			return "failed", nil
		}
	}
	if res.As != "" {
		k.c.Ref.As = res.As
	}
	if res.Joiner != nil {
		k.worker, cp.Worker = res.Joiner, res.Joiner
		cp.Leaves = k.leaves()
	}
	if res.Wait != nil {
		row.State, row.WaitFor, row.Attempts = run.StepWaiting, res.Wait.For, row.Attempts-1
		if !res.Wait.Until.IsZero() {
			row.WakeAt = &res.Wait.Until
		}
		if a := res.Wait.Account; a != nil {
			cp.Awaited = &postgres.AwaitedRow{Node: r.node.ID, HRIS: a.HRIS, Worker: a.Worker, Directory: a.Directory, Other: a.Other, Since: a.Since, Deadline: a.Deadline}
		}
		if s := res.Wait.Signoff; s != nil {
			row.WakeAt = nil
			sign := &postgres.SignoffRow{Node: r.node.ID, Title: s.Title, Question: s.Question, Role: s.Role, Person: s.User, Since: r.started}
			if !s.Deadline.IsZero() {
				row.WakeAt, sign.Deadline = &s.Deadline, &s.Deadline
			}
			sign.Fields, _ = json.Marshal(s.Fields)
			if s.Compare != nil {
				sign.Compare, _ = json.Marshal(s.Compare)
			}
			cp.Signoff = sign
		}
		return "waits", nil
	}
	row.State, row.Port, row.EndedAt = run.StepSucceeded, res.Port, &r.ended
	if k.sim != nil && k.now().Before(r.boundary.until) {
		k.sim.now = r.boundary.until
	}
	if res.End != "" {
		k.ending = &res
		row.Note = res.Reason
	}
	return res.Port, nil
}

// failed decides whether the step tries again, goes on, or stops the run.
func (k *carrier) failed(row *postgres.StepRow, r stepResult) string {
	row.Error, row.ErrorKind = fault.Sentence(r.err), string(fault.KindOf(r.err))
	for _, p := range fault.Problems(r.err) {
		row.Error += " " + p.Path + ": " + p.Detail
	}
	if fault.Is(r.err, fault.Unavailable) && k.sim == nil {
		if wait, again := run.Backoff(r.node.Retry, row.Attempts, fault.RetryAfter(r.err), nil); again {
			at := k.e.Now().Add(wait)
			row.State, row.WakeAt, row.WaitFor = run.StepWaiting, &at, "another try: "+row.Error
			return "retries"
		}
	}
	row.EndedAt = &r.ended
	if r.node.OnError == "continue" && !run.HandlesError(k.rel.content, r.node.ID) {
		if spec, ok := k.e.Nodes.Spec(r.node.Type); ok && len(spec.Ports) > 0 {
			row.State, row.Port = run.StepFailed, spec.Ports[0].Name
			return row.Port
		}
	}
	row.State, row.Port = run.StepFailed, flow.ErrorPort
	return "failed"
}

// panicText tells what broke. Words of the runtime are ours; any other value may
// hold what a person or a system wrote, so only its type is told.
func panicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", p)
}
