package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

const (
	// PollOverlap is how much of the time already seen each look asks for again:
	// what an HRIS shows late, and clocks that differ, must not lose a change.
	PollOverlap = 10 * time.Minute
	// verifyEvery is how often the record of a joiner whose run waits is looked at,
	// and how long one must be missing before a person is asked.
	verifyEvery = 24 * time.Hour
	verifyMost  = 500
	pollTick    = 5 * time.Second
	firstRetry  = time.Minute
)

// sweeping does beside the runs what nobody sends an event for.
func (e *Engine) sweeping(ctx context.Context) {
	tick := time.NewTicker(pollTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.work.Go(func() {
				if err := e.PollDue(ctx); err != nil && ctx.Err() == nil {
					e.Log.Warn("asking HRIS for changes failed", "err", err)
				}
			})
		}
	}
}

// PollDue asks every HRIS that is due what has changed, beside each other. Each is
// asked by one process at a time.
func (e *Engine) PollDue(ctx context.Context) error {
	wanted, err := e.DB.WantedPolls(ctx)
	if err != nil || len(wanted) == 0 {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	for {
		p, ok, err := e.DB.TakePoll(ctx, e.Owner, wanted)
		if err != nil || !ok {
			return err
		}
		all.Go(func() { e.poll(ctx, p, wanted[p.Connection]) })
	}
}

// poll asks one HRIS, page after page, and says when it is asked again.
func (e *Engine) poll(ctx context.Context, p postgres.Poll, w flow.Poll) {
	seen, found, err := e.ask(ctx, p, w)
	if ctx.Err() != nil {
		// Another process, or this one after its restart, goes on with the next page.
		back, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if err := e.DB.GiveBackPoll(back, e.Owner, p.Connection); err != nil {
			e.Log.Warn("giving a poll back failed; it is taken over when its lease ends", "connection", p.Connection, "err", err)
		}
		return
	}
	next, why := e.Now().Add(w.Every), ""
	outcome := "ok"
	if err != nil {
		outcome, why = string(fault.KindOf(err)), fault.Sentence(err)
		next = e.Now().Add(min(w.Every, 5*firstRetry))
		e.Log.Warn("asking an HRIS for changes failed; it is asked again", "connection", p.Connection, "kind", fault.KindOf(err))
	} else if found > 0 {
		e.Log.Info("changes found by asking", "connection", p.Connection, "seen", seen, "found", found)
	}
	e.Metrics.Poll(p.Connection, outcome)
	if err := e.DB.EndPoll(ctx, e.Owner, p, next, why); err != nil {
		e.Log.Warn("keeping a poll failed; it is repeated", "connection", p.Connection, "err", err)
	}
	if found > 0 {
		e.Kick()
	}
}

func (e *Engine) ask(ctx context.Context, p postgres.Poll, w flow.Poll) (seen, found int, err error) {
	l, err := e.look(ctx, p, w)
	if err != nil {
		return 0, 0, err
	}
	defer l.back()
	if p.Cursor == "" {
		if err := e.DB.BeginPoll(ctx, e.Owner, p.Connection); err != nil {
			return 0, 0, err
		}
	}
	since := p.Watermark.Add(-PollOverlap)
	if p.Watermark.Unix() <= 0 {
		since = time.Time{}
	}
	for {
		var page []joiner.Worker
		var next string
		err := l.call(ctx, opListWorkers, func(ctx context.Context) error { page, next, err = l.workers.Changed(ctx, since, p.Cursor); return err })
		if err != nil {
			return seen, found, err
		}
		n, err := l.page(ctx, page, false)
		found += n
		if err != nil {
			return seen, found, err
		}
		seen += len(page)
		p.Cursor = next
		if err := e.DB.KeepPollPage(ctx, e.Owner, p, len(page), n, l.recovered(n)); err != nil {
			return seen, found, err
		}
		if next == "" {
			break
		}
	}
	n, err := l.verify(ctx)
	return seen, found + n, err
}

// look is one HRIS opened to be asked.
type look struct {
	e       *Engine
	p       postgres.Poll
	want    flow.Poll
	workers connector.Workers
	back    func()
	// sends says that the HRIS sends webhooks: what is found then is what none told.
	sends bool
	// listening are the flows that each type of event starts.
	listening map[string][]string
	// remembers says that this look only remembers who is there: it is the first, at
	// an HRIS that cannot tell who changed.
	remembers bool
	// read is when the HRIS gave the page that is looked at.
	read time.Time
}

// look opens the live settings of a connection.
func (e *Engine) look(ctx context.Context, p postgres.Poll, want flow.Poll) (*look, error) {
	settings, hash, err := e.liveConnection(ctx, p.Connection)
	if err != nil {
		return nil, err
	}
	conn, back, err := e.Pool.Use(ctx, settings, hash)
	if err != nil {
		return nil, err
	}
	w, ok := conn.(connector.Workers)
	if !ok {
		back()
		return nil, fault.New(fault.Invalid, "The connection %s has no workers to read.", p.Connection)
	}
	t, _ := e.Pool.Catalog.Type(settings.Type)
	_, sends := t.(connector.Source)
	listening, err := e.DB.Listening(ctx, p.Connection)
	if err != nil {
		back()
		return nil, err
	}
	whole, ok := conn.(connector.Whole)
	remembers := ok && whole.GivesEverybody() && p.Watermark.Equal(p.BegunAt) && p.Watermark.Unix() > 0
	return &look{e, p, want, w, back, sends, listening, remembers, time.Time{}}, nil
}

// liveConnection gives the settings of a connection as they are live now.
func (e *Engine) liveConnection(ctx context.Context, key string) (connector.Settings, string, error) {
	a, err := e.DB.Artifact(ctx, review.Connection, key)
	switch {
	case err != nil:
		return connector.Settings{}, "", err
	case a.Live == nil:
		return connector.Settings{}, "", fault.New(fault.Invalid, "The connection %s is not live. Have it approved first.", key)
	case a.Paused:
		return connector.Settings{}, "", fault.New(fault.Unavailable, "The connection %s is paused.", key)
	}
	_, content, err := e.DB.Release(ctx, a.Live.ID)
	if err != nil {
		return connector.Settings{}, "", err
	}
	s, err := artifact.Settings(content)
	return s, a.Live.Hash, err
}

// call makes one call outside of any run: counted, and reported to the breaker.
func (l *look) call(ctx context.Context, operation string, call func(ctx context.Context) error) error {
	within, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	start := time.Now()
	err := call(within)
	var resting *connector.RestingError
	if errors.As(err, &resting) {
		return err
	}
	outcome := trouble(err)
	if outcome == "" {
		outcome = "ok"
	}
	l.e.Metrics.Call(l.p.Connection, operation, outcome, time.Since(start))
	l.e.Pool.Report(l.p.Connection, err)
	return err
}

// recovered is how many of the found changes a webhook should have told.
func (l *look) recovered(found int) int {
	if !l.sends {
		return 0
	}
	l.e.Metrics.Recovered(l.p.Connection, found)
	return found
}

// page compares workers with what was seen of them before, and tells what changed
// as the events that the HRIS would have sent. It gives how many it told.
func (l *look) page(ctx context.Context, page []joiner.Worker, verified bool) (found int, err error) {
	l.read = l.e.Now()
	ids := make([]string, len(page))
	for i, w := range page {
		ids[i] = w.ID
	}
	before, err := l.e.DB.Readings(ctx, l.p.Connection, ids)
	if err != nil {
		return 0, err
	}
	for _, w := range page {
		told, err := l.worker(ctx, w, before[w.ID], verified)
		if err != nil {
			return found, err
		}
		if told {
			found++
		}
	}
	return found, nil
}

func (l *look) worker(ctx context.Context, w joiner.Worker, r postgres.Reading, verified bool) (told bool, err error) {
	if joiner.CheckWorker(w.ID) != nil {
		l.e.Log.Warn("the HRIS gives a worker an id that cannot be used", "connection", l.p.Connection)
		return false, nil
	}
	now := joiner.See(w, l.e.MarkKey)
	event, changed, seen := joiner.Derive(r.Seen, now, l.e.Now(), l.p.BegunAt, l.want.Moves)
	if l.remembers && r.Seen == nil {
		event = ""
	}
	if event != "" {
		if told, err = l.tell(ctx, w, r, event, changed, seen); err != nil {
			return false, err
		}
		r.Number++
	}
	if event != "" || r.Seen == nil || verified || seen.Digest() != r.Seen.Digest() {
		err = l.e.DB.KeepReading(ctx, l.p.Connection, w.ID, seen, r.Number, verified)
	}
	return told, err
}

// tell accepts the event of a change, unless the flows it is for have read it
// already. The key follows from what was seen, so a look that is repeated tells
// nothing twice.
func (l *look) tell(ctx context.Context, w joiner.Worker, r postgres.Reading, event string, changed []string, seen joiner.Seen) (bool, error) {
	db := l.e.DB
	known, err := db.Known(ctx, l.p.Connection, w, l.listening[event], l.read)
	if err != nil || known {
		return false, err
	}
	if r.Seen == nil && (event == joiner.Rescinded || event == joiner.Terminated) {
		// Somebody who never came in has nothing that could end.
		if met, err := db.Met(ctx, l.p.Connection, w.ID); err != nil || !met {
			return false, err
		}
	}
	if event == joiner.Hired && r.Seen == nil {
		hired, err := db.Announced(ctx, l.p.Connection, w.ID, joiner.Hired)
		if err != nil {
			return false, err
		}
		if hired {
			event = joiner.Updated
		}
	}
	a, err := db.AcceptEvent(ctx, postgres.Incoming{Connection: l.p.Connection, Signer: postgres.PollSigner,
		Event: joiner.Event{Key: fmt.Sprintf("poll:%s:%d:%s", w.ID, r.Number+1, seen.Digest()), Type: event, Worker: w.ID, At: l.p.PassAt, Changed: changed}})
	return err == nil && !a.Duplicate, err
}

// verify looks at the records of joiners whose runs wait. One that is missing at
// two looks a day apart may be a rescinded hire: a person says.
func (l *look) verify(ctx context.Context) (found int, err error) {
	ids, err := l.e.DB.ToVerify(ctx, l.p.Connection, l.e.Now().Add(-verifyEvery), verifyMost)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		var w joiner.Worker
		err := l.call(ctx, opReadWorker, func(ctx context.Context) error { w, err = l.workers.Worker(ctx, id); return err })
		switch {
		case fault.Is(err, fault.NotFound):
			if err := l.missing(ctx, id); err != nil {
				return found, err
			}
			continue
		case err != nil:
			return found, err
		}
		n, err := l.page(ctx, []joiner.Worker{w}, true)
		if err != nil {
			return found, err
		}
		found += n
	}
	return found, nil
}

func (l *look) missing(ctx context.Context, id string) error {
	v, err := l.e.DB.Missing(ctx, l.p.Connection, id)
	if err != nil || v.Looks < 2 || l.e.Now().Sub(v.Since) < verifyEvery {
		return err
	}
	return l.e.DB.AskVanished(ctx, joiner.Ref{Connection: l.p.Connection, Worker: id}, v)
}
