package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"joinery/internal/backtest"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// Bounds of a backtest: how long the whole and one joiner may take, and after how
// many joiners it is kept how far it is.
const (
	backtestFor     = 10 * time.Minute
	backtestOneFor  = 30 * time.Second
	backtestPart    = 5
	forgetEvery     = time.Hour
	mostAskFailures = 5
)

// nextBacktest takes one that waits, if this process carries none.
func (e *Engine) nextBacktest(ctx context.Context) {
	if !e.backtests.CompareAndSwap(false, true) {
		return
	}
	id, err := e.DB.TakeBacktest(ctx, e.Owner)
	if err != nil || id == "" {
		if err != nil && ctx.Err() == nil {
			e.Log.Warn("taking a backtest failed", "err", err)
		}
		e.backtests.Store(false)
		return
	}
	e.checks.Go(func() {
		defer e.backtests.Store(false)
		hands, cancel := context.WithTimeout(context.WithoutCancel(ctx), backtestFor)
		defer cancel()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-e.ending:
				cancel()
			case <-stop:
			}
		}()
		e.CarryBacktest(hands, id)
	})
}

// CarryBacktest carries one out that TakeBacktest took. When ctx ends because the
// process does, it is given back; another one begins it anew.
func (e *Engine) CarryBacktest(ctx context.Context, id string) {
	err := e.backtest(ctx, id)
	if err == nil {
		return
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimFor)
	defer cancel()
	if e.stopping() {
		err = e.DB.GiveBackBacktest(end, id, e.Owner)
	} else {
		e.Log.Warn("a backtest did not come to its end", "backtest", id, "kind", fault.KindOf(err))
		why := fault.Sentence(err)
		for _, p := range fault.Problems(err) {
			why += " " + p.Path + ": " + p.Detail
		}
		if ctx.Err() != nil {
			why = fmt.Sprintf("It was not done within %s.", backtestFor)
		}
		err = e.DB.FailBacktest(end, id, e.Owner, why)
	}
	if err != nil {
		e.Log.Warn("ending a backtest failed", "backtest", id, "err", err)
	}
}

// tested are both revisions, ready to be foreseen.
type tested struct {
	e        *Engine
	b        postgres.Backtest
	was, is  *Forecaster // was is nil when nothing is live
	content  flow.Content
	world    *postgres.PastWorld
	failures int
}

func (e *Engine) backtest(ctx context.Context, id string) error {
	begun := time.Now()
	b, err := e.DB.Backtest(ctx, id)
	if err != nil {
		return err
	}
	runs, err := e.DB.PastRuns(ctx, b.Runs)
	if err != nil {
		return err
	}
	t, err := e.prepareTest(ctx, b, runs)
	if err != nil {
		return err
	}
	people := make([]postgres.BacktestPerson, 0, len(runs))
	lines := make([]backtest.Line, 0, len(runs))
	for i, r := range runs {
		if i%backtestPart == 0 {
			if going, err := e.DB.BacktestLooked(ctx, id, e.Owner, i); err != nil || !going {
				return err
			}
		}
		line, err := t.line(ctx, i+1, r)
		if err != nil {
			return err
		}
		lines = append(lines, line)
		people = append(people, postgres.BacktestPerson{Line: line, JoinerID: r.JoinerID})
	}
	_, err = e.DB.EndBacktest(ctx, id, e.Owner, backtest.Sum(lines, t.was == nil), people, time.Since(begun))
	return err
}

func (e *Engine) prepareTest(ctx context.Context, b postgres.Backtest, runs []postgres.PastRun) (*tested, error) {
	var ids, stamps []string
	for _, r := range runs {
		ids, stamps = append(ids, string(r.ID)), append(stamps, r.Ref.Stamp())
	}
	t := &tested{e: e, b: b, world: e.DB.PastWorld(ids, stamps)}
	rev, err := e.DB.Revision(ctx, "flow", b.Flow, b.Revision)
	if err != nil {
		return nil, err
	}
	rel, err := e.prepare(ctx, []byte(rev.Content), b.Pins)
	if err != nil {
		return nil, err
	}
	// Both sides see one state of the outside.
	looks := newLooks()
	forecaster := func(rel *release) *Forecaster {
		return &Forecaster{Engine: e, rel: rel, sim: newPretence(), looks: looks, Live: b.Live, Marks: true, Veil: e.veil,
			People: func(ctx context.Context, connection, worker string) (joiner.Worker, bool, error) {
				return e.DB.KnownWorker(ctx, connection, worker)
			}}
	}
	t.is, t.content = forecaster(rel), rel.content
	if b.Base != "" {
		base, err := e.release(ctx, b.Base)
		if err != nil {
			return nil, err
		}
		t.was = forecaster(base)
	}
	return t, nil
}

// line foresees one joiner by both revisions.
func (t *tested) line(ctx context.Context, n int, r postgres.PastRun) (backtest.Line, error) {
	p := Prospect{Ref: r.Ref, Worker: t.e.veil(r.Worker), Event: r.Event, JoinerID: r.JoinerID,
		Trial: Trial{At: r.At, Run: r.ID, MatchBy: r.Worker.Attributes, Past: &Past{Steps: r.Steps, World: t.world}, Signoffs: map[flow.NodeID]node.Decision{}}}
	said, err := t.e.DB.SignoffDecisions(ctx, r.ID)
	if err != nil {
		return backtest.Line{}, err
	}
	for id, d := range said {
		p.Trial.Signoffs[id] = node.Decision{Approved: d.Approved, By: d.By, Comment: d.Comment, Form: d.Form, At: d.At}
	}
	line := backtest.Line{N: n, Run: string(r.ID), Differences: []backtest.Difference{}}
	was := backtest.Side{Starts: true, State: string(run.Succeeded)}
	if t.was != nil {
		if was, err = t.side(ctx, t.was, p); err != nil {
			return line, err
		}
		line.Strange = strange(r, was, t.b.Flow)
	}
	is, err := t.side(ctx, t.is, p)
	if err != nil {
		return line, err
	}
	line.Differences = append(line.Differences, backtest.Compare(was, is)...)
	line.Fails, line.FailedBefore = is.State == string(run.Failed), was.State == string(run.Failed)
	line.End = is.End()
	line.Asked, line.Unasked = both(was.Asked, is.Asked), both(was.Unasked, is.Unasked)
	return line, nil
}

func both(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// side foresees one joiner by one revision.
func (t *tested) side(ctx context.Context, f *Forecaster, p Prospect) (backtest.Side, error) {
	if p.Event != nil && !flow.Match(f.rel.content, *p.Event, p.Ref.Connection) {
		return backtest.Side{}, nil
	}
	one, cancel := context.WithTimeout(ctx, backtestOneFor)
	defer cancel()
	got, err := f.Run(one, p)
	if err != nil && ctx.Err() == nil && one.Err() != nil {
		err = nil
		got.State, got.Reason = run.Waiting, fmt.Sprintf("it was not worked out within %s", backtestOneFor)
	}
	if err != nil {
		return backtest.Side{}, err
	}
	if got.State == run.Waiting {
		// A system that does not answer would do so for everybody: the report would say nothing.
		if t.failures++; t.failures > mostAskFailures {
			return backtest.Side{}, fault.New(fault.Unavailable, "Systems that had to be asked did not answer for %d joiners: %s.", t.failures, strings.TrimSuffix(got.Reason, "."))
		}
	}
	return sideOf(got, f.rel.content), nil
}

// strange tells in what the live revision, foreseen, would differ from what is on
// record; "" where it would not.
func strange(r postgres.PastRun, was backtest.Side, key string) string {
	if r.Flow != key || !was.Starts {
		return ""
	}
	if r.State == run.Succeeded && was.State == string(run.Failed) {
		return "On record the run came through; the live revision, worked out today, would not."
	}
	if r.State == run.Failed && was.State == string(run.Succeeded) {
		return "On record the run needed a person; the live revision, worked out today, would come through."
	}
	for _, id := range sortedNodes(r.Steps) {
		s := r.Steps[id]
		var out struct {
			Name string `json:"name"`
		}
		var params node.Params
		if s.Type != "account.ensure" || s.Port != "created" || json.Unmarshal(s.Output, &out) != nil || json.Unmarshal(s.Input, &params) != nil {
			continue
		}
		where := params.Text("directory")
		if i := slices.IndexFunc(was.Effects, func(x backtest.Effect) bool { return x.Kind == backtest.Login && x.Where == where }); i >= 0 && was.Effects[i].Value != out.Name {
			return fmt.Sprintf("On record the account in %s is called %s; the live revision, worked out today, would call it %s.", where, out.Name, was.Effects[i].Value)
		}
	}
	return ""
}

func sortedNodes(steps map[flow.NodeID]postgres.StepRow) []flow.NodeID {
	out := make([]flow.NodeID, 0, len(steps))
	for id := range steps {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}
