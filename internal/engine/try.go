package engine

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// Try asks what a flow would do for one person. Exactly one of Joiner, Event and
// Payload says for whom.
type Try struct {
	// Content is the flow, saved or not. Approved says that exactly this is live.
	Content  []byte
	Approved bool
	// Joiner is the id of one that is known, Event that of an event that came in.
	Joiner, Event string
	Payload       json.RawMessage
	// Live asks directories what is there, and the HRIS for other workers. Without it
	// no account is there, and every group.
	Live bool
	// Personal says that whoever asks may see personal attributes.
	Personal bool
	Trial
}

// Tried is what came of it.
type Tried struct {
	Forecast
	Flow   flow.Content
	Ref    joiner.Ref
	Joiner string // id; "" for a made-up one
	Label  string
	Worker joiner.Worker
	// ReadAt is when the joiner's attributes were read from the HRIS.
	ReadAt time.Time
	Took   time.Duration
}

// tryFor bounds one try.
const tryFor = 20 * time.Second

// Try foresees one run and keeps nothing of it.
func (e *Engine) Try(ctx context.Context, t Try) (Tried, error) {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	raw, err := e.triable(ctx, t)
	if err != nil {
		return Tried{}, err
	}
	f, err := e.ForeseeContent(ctx, raw)
	if err != nil {
		return Tried{}, err
	}
	f.Live, f.Marks, f.Requests = t.Live, true, t.Live && t.Approved
	if !t.Personal {
		f.Veil = e.veil
	}
	out := Tried{Flow: f.rel.content}
	maps.DeleteFunc(t.Pins, func(id flow.NodeID, _ Pin) bool { _, ok := out.Flow.Find(id); return !ok })
	p, err := e.subject(ctx, t, &out)
	if err != nil {
		return out, err
	}
	f.People = func(ctx context.Context, connection, worker string) (joiner.Worker, bool, error) {
		return e.DB.KnownWorker(ctx, connection, worker)
	}
	if out.Forecast, err = f.Run(ctx, p); err != nil && ctx.Err() != nil {
		err = fault.Wrap(fault.Unavailable, err, "The flow was not worked out within %s: a system it asks answers slowly. Try it without asking the systems, or run it to an earlier node.", tryFor)
	}
	out.Partial = out.Partial || t.Until != "" && out.State == run.Succeeded
	out.Took = time.Since(begun)
	return out, err
}

// triable is the part of the content that is tried: what is not needed may still be
// half-built.
func (e *Engine) triable(ctx context.Context, t Try) ([]byte, error) {
	c, err := flow.Decode(t.Content)
	if err != nil {
		return nil, err
	}
	if err := CheckTrial(c, e.Nodes, t.Trial); err != nil {
		return nil, err
	}
	if t.Until != "" {
		c = flow.Upto(c, t.Until)
	}
	raw, err := c.JSON()
	if err != nil {
		return nil, err
	}
	problems, err := e.DB.Problems(ctx, review.Flow, raw)
	if err != nil {
		return nil, err
	}
	return raw, fault.Refuse("The flow cannot be tried before these problems are solved.", problems)
}

func (e *Engine) veil(w joiner.Worker) joiner.Worker { return joiner.Veil(w, e.MarkKey) }

// subject finds for whom a flow is tried.
func (e *Engine) subject(ctx context.Context, t Try, out *Tried) (Prospect, error) {
	given := 0
	for _, is := range []bool{t.Joiner != "", t.Event != "", len(t.Payload) > 0} {
		if is {
			given++
		}
	}
	source, ok := out.Flow.Source()
	switch {
	case given != 1:
		return Prospect{}, fault.New(fault.Invalid, "Choose one: a joiner, an event that came in, or a payload.")
	case !ok:
		return Prospect{}, fault.New(fault.Invalid, "The flow does not say which HRIS its workers come from. Fill that in at its start.")
	}
	p := Prospect{Trial: t.Trial}
	if len(t.Payload) > 0 {
		w, event, err := flow.ReadPayload(out.Flow, t.Payload)
		if err != nil {
			return p, err
		}
		p.Ref, p.Worker, p.Event = joiner.Ref{Connection: source, Worker: w.ID}, w, event
	} else {
		known, err := e.DB.TrySubject(ctx, t.Joiner, t.Event)
		if err != nil {
			return p, err
		}
		if known.Ref.Connection != source {
			return p, fault.New(fault.Invalid, "This joiner comes from %s, and the flow reads its workers from %s. Choose somebody from there.", known.Ref.Connection, source)
		}
		p.Ref, p.Worker, p.JoinerID, p.Event = known.Ref, known.Worker, known.JoinerID, eventOf(known, out.Flow)
		out.Joiner, out.ReadAt = known.JoinerID, known.ReadAt
		if !t.Personal {
			p.Trial.MatchBy, p.Worker = p.Worker.Attributes, e.veil(p.Worker)
		}
	}
	out.Ref, out.Worker, out.Label = p.Ref, p.Worker, p.Worker.Label()
	return p, nil
}

// eventOf is the event a run is foreseen with: the one that was chosen, or else the
// first one that the flow listens to.
func eventOf(known postgres.TrySubject, c flow.Content) *joiner.Event {
	if known.Event != nil {
		return known.Event
	}
	if _, listens, ok := c.Listens(); ok && len(listens) > 0 {
		return &joiner.Event{Key: "tried", Type: listens[0], Worker: known.Ref.Worker}
	}
	return nil
}

// Changes lists the changes of all steps in the order of the flow.
func (f Forecast) Changes() []Change {
	var out []Change
	for _, s := range f.Steps {
		out = append(out, s.Changes...)
	}
	return out
}

// Asked lists which systems were asked, Unasked which were not, each once.
func (f Forecast) Asked() (asked, unasked []string) {
	a, u := map[string]bool{}, map[string]bool{}
	for _, s := range f.Steps {
		for _, x := range s.Asked {
			a[x] = true
		}
		for _, x := range s.Unasked {
			u[x] = true
		}
	}
	return slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(u))
}
