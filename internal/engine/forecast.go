package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// Prospect is one joiner whose run is foreseen.
type Prospect struct {
	Ref    joiner.Ref
	Worker joiner.Worker
	Event  *joiner.Event
	// JoinerID is set for one whom Joinery knows: names and accounts of theirs are
	// their own then.
	JoinerID string
	Trial    Trial
}

// Forecast is what a run would do. Nothing of it was done, and nothing is kept.
type Forecast struct {
	State  run.State
	Reason string
	Steps  []ForecastStep
	// Partial says that the run was to end at a node before its end, and did.
	Partial bool
}

// ForecastStep is one node's part in a run that did not happen.
type ForecastStep struct {
	Node    flow.NodeID
	Type    string
	State   run.StepState
	Port    string
	Error   string
	Output  map[string]any
	Changes []Change
	Log     []string
	// Began and Ended are the run's own time: a wait that is passed over takes as long
	// as it would have taken. Took is how long it took to work out.
	Began, Ended time.Time
	Took         time.Duration
	// Pinned says that the result was given; Passed is what a live run would have
	// waited for, People whom it would have asked.
	Pinned         bool
	Passed, People []string
	// Asked are look-ups in outside systems that were made now; Unasked those that
	// were not made.
	Asked, Unasked []string
}

// Forecaster foresees runs of one flow, one joiner after the other. What it
// foresaw for one counts for the next: a name that the first would get is taken
// for the second. It asks no outside system unless Live is set: then accounts and
// groups are read from the directories, and nothing is ever written.
type Forecaster struct {
	Engine *Engine
	// Live asks directories what is there; else nothing is, and every group is.
	Live bool
	// FromHRIS reads the joiners themselves from their HRIS if Live is set; else they
	// are what the prospect says.
	FromHRIS bool
	// People finds other workers of the same HRIS, such as managers; nil asks the
	// HRIS if Live is set, and finds nobody else.
	People func(ctx context.Context, connection, worker string) (joiner.Worker, bool, error)
	// Requests lets requests that only read be sent if Live is set. Content that nobody
	// approved must not: an address is a way to send data anywhere.
	Requests bool
	// Marks notes of each step which outside systems were asked, and asks each thing
	// once. Without it, look-ups go as in a simulated run.
	Marks bool
	// Veil changes what is read of workers before anything sees it, and takes personal
	// attributes out of what directories tell. It needs Marks.
	Veil func(joiner.Worker) joiner.Worker

	rel   *release
	sim   *pretence
	looks *looks
}

// Foresee prepares to foresee runs of a flow's release.
func (e *Engine) Foresee(ctx context.Context, releaseID string) (*Forecaster, error) {
	rel, err := e.release(ctx, releaseID)
	if err != nil {
		return nil, err
	}
	return &Forecaster{Engine: e, Requests: true, rel: rel, sim: newPretence(), looks: newLooks()}, nil
}

// ForeseeContent prepares to foresee runs of content that is not live: as if it
// were released now, with the newest releases of all it uses.
func (e *Engine) ForeseeContent(ctx context.Context, raw []byte) (*Forecaster, error) {
	pins, _, err := e.DB.PinsNow(ctx, review.Flow, raw)
	if err != nil {
		return nil, err
	}
	rel, err := e.prepare(ctx, raw, pins)
	if err != nil {
		return nil, err
	}
	return &Forecaster{Engine: e, rel: rel, sim: newPretence(), looks: newLooks()}, nil
}

// Flow is the content that is foreseen.
func (f *Forecaster) Flow() flow.Content { return f.rel.content }

// Run foresees one joiner's run.
func (f *Forecaster) Run(ctx context.Context, p Prospect) (Forecast, error) {
	now := p.Trial.At
	if now.IsZero() {
		now = f.Engine.Now()
	}
	f.sim.now = now
	id := p.Trial.Run
	if id == "" {
		id = run.ID("foreseen " + p.Ref.Stamp())
	}
	c := postgres.Claimed{ID: id, Flow: f.rel.content.Key, Mode: run.Simulate, JoinerID: p.JoinerID, Ref: p.Ref, Event: p.Event, StartedAt: now, Steps: map[flow.NodeID]postgres.StepRow{}}
	k := &carrier{e: f.Engine, c: c, rel: f.rel, sim: f.sim, foresees: f, foreseen: p.Worker, trial: newTrialed(f.rel.content, p.Trial, now), running: map[flow.NodeID]bool{}, read: map[flow.NodeID]map[string]any{}, results: make(chan stepResult), logs: map[flow.NodeID][]string{}}
	if err := k.forward(ctx); err != nil {
		return Forecast{}, err
	}
	switch {
	case ctx.Err() != nil:
		return Forecast{}, ctx.Err()
	case k.left == "":
		return Forecast{}, fault.New(fault.Unavailable, "Joinery is about to stop. Ask again in a moment.")
	}
	out := Forecast{State: k.left, Reason: k.reason}
	if until := p.Trial.Until; until != "" && (run.Step{State: k.c.Steps[until].State}).Settled() && k.left == run.Waiting {
		out.State, out.Partial = run.Succeeded, true
	}
	for _, id := range flow.Order(f.rel.content) {
		row, ok := k.c.Steps[id]
		if !ok || !k.trial.wants(id) {
			continue
		}
		s := ForecastStep{Node: id, Type: row.Type, State: row.State, Port: row.Port, Error: row.Error, Output: k.outputs()[string(id)], Log: k.logs[id]}
		k.trial.tell(&s)
		if len(row.Changes) > 0 {
			if err := json.Unmarshal(row.Changes, &s.Changes); err != nil {
				return out, fmt.Errorf("read changes of %s: %w", id, err)
			}
		}
		out.Steps = append(out.Steps, s)
	}
	return out, nil
}

// keptInMind takes a checkpoint of a run that is only foreseen: it is written nowhere.
func (k *carrier) keptInMind(cp *postgres.Checkpoint) {
	for _, a := range cp.Attempts {
		k.logs[a.Node] = append(k.logs[a.Node], a.Log...)
	}
	for _, s := range cp.Steps {
		k.logs[s.Node] = append(k.logs[s.Node], s.Log...)
	}
	if cp.State != "" {
		k.left, k.reason = cp.State, cmp.Or(cp.Reason, cp.WaitingFor)
	}
}

// assumedWorkers is the HRIS of a forecast: it knows the joiner, and whom the
// forecaster finds.
type assumedWorkers struct {
	k   *carrier
	key string
}

var _ connector.Workers = assumedWorkers{}

func (w assumedWorkers) Worker(ctx context.Context, id string) (joiner.Worker, error) {
	f := w.k.foresees
	if w.key == w.k.c.Ref.Connection && id == w.k.c.Ref.Worker {
		return w.k.foreseen, nil
	}
	if f.People != nil {
		found, ok, err := f.People(ctx, w.key, id)
		if err != nil || ok {
			return found, err
		}
	}
	return joiner.Worker{}, fault.New(fault.NotFound, "There is no worker %s in %s.", id, w.key)
}

func (w assumedWorkers) Changed(context.Context, time.Time, string) ([]joiner.Worker, string, error) {
	return nil, "", nil
}

// assumedDirectory is a directory of a forecast that asks nobody: no account is
// there, and every group is.
type assumedDirectory struct{ connector.Directory }

func (assumedDirectory) FindAccount(context.Context, connector.Lookup) (connector.Account, bool, error) {
	return connector.Account{}, false, nil
}

func (assumedDirectory) FindGroup(_ context.Context, name string) (connector.Group, bool, error) {
	return connector.Group{ID: name, Name: name}, true, nil
}

// foreseenHTTP stands for a request that a forecast does not send.
func (b *boundary) foreseenHTTP(r node.Request) node.Response {
	b.logf("A run would ask %s.", r.URL)
	if b.k.foresees.Live {
		b.logf("Only an approved revision sends requests. Pin an output to this node to go on with an answer.")
	}
	b.k.trial.unasked(b.node.ID, "a request to "+hostOf(r.URL))
	return node.Response{Status: 200}
}
