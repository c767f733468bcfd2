package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// Incoming is one verified event from an HRIS.
type Incoming struct {
	Connection string
	Event      joiner.Event
	// Signer is the credential whose secret signed it, or PollSigner.
	Signer  string
	Address string
	// ReplayOf is the dead letter this came from.
	ReplayOf string
	// Read says that it is of our own reading of the HRIS and came in no delivery.
	Read bool
	// Trace is the traceparent of the request it came with; "" when nothing is traced.
	Trace string
}

// Accepted tells what became of an event.
type Accepted struct {
	Event     string   `json:"event"`
	Runs      []string `json:"runs"`
	Duplicate bool     `json:"duplicate"`
}

// AcceptEvent keeps an event and starts a run of every live flow that listens,
// in one transaction that concurrent events share. A key seen before on this
// connection changes nothing and gives the first one's result.
func (db *DB) AcceptEvent(ctx context.Context, in Incoming) (Accepted, error) {
	if err := checkEvent(in.Event); err != nil {
		return Accepted{}, err
	}
	return db.accept().Do(ctx, in)
}

func checkEvent(e joiner.Event) error {
	for _, f := range []struct {
		name, text string
		most       int
	}{{"key", e.Key, 500}, {"type", e.Type, 100}, {"worker id", e.Worker, 200}} {
		switch {
		case f.text == "":
			return fault.New(fault.Invalid, "The event has no %s.", f.name)
		case len(f.text) > f.most:
			return fault.New(fault.Invalid, "The event's %s is longer than %d bytes.", f.name, f.most)
		case !utf8.ValidString(f.text) || strings.ContainsRune(f.text, 0):
			return fault.New(fault.Invalid, "The event's %s holds characters that cannot be stored.", f.name)
		}
	}
	if len(e.Changed) > 200 {
		return fault.New(fault.Invalid, "The event names more than 200 changed fields.")
	}
	for _, c := range e.Changed {
		if !utf8.ValidString(c) || strings.ContainsRune(c, 0) || len(c) > 200 {
			return fault.New(fault.Invalid, "The event names a changed field that cannot be stored.")
		}
	}
	return nil
}

func (db *DB) accept() *Batcher[Incoming, Accepted] {
	db.batchers.accept.Do(func() {
		db.batchers.acceptor = NewBatcher(256, counted(db, "event", db.acceptAll))
		db.batches.add(db.batchers.acceptor.Close)
	})
	return db.batchers.acceptor
}

// acceptAll writes a batch. Joiner rows are locked first and in one order, so
// events of one joiner are accepted one after another whichever process they
// came to, and the runs' sequence is the order of acceptance.
//
// It takes things for granted and lets the transaction fail where they are not so:
// first that all joiners are new and the live flows those of the batch before (one
// trip), then that no event came before (two trips), then nothing (three).
func (db *DB) acceptAll(ctx context.Context, items []Incoming) ([]Accepted, error) {
	if flows := db.sameFlows(items); flows != nil {
		out, err := db.acceptOnce(ctx, items, func(b *acceptance, t *trips) error { b.assume(t.q, flows); return nil })
		if !isCode(err, uniqueViolation, divisionByZero) {
			return out, err
		}
		db.flows.skip.Store(skipAssuming)
	}
	out, err := db.acceptOnce(ctx, items, func(b *acceptance, t *trips) error { return b.begin(ctx, t) })
	if isCode(err, uniqueViolation) {
		return db.acceptAgain(ctx, items)
	}
	return out, err
}

// acceptOnce writes a batch in which no event came before.
func (db *DB) acceptOnce(ctx context.Context, items []Incoming, begin func(b *acceptance, t *trips) error) ([]Accepted, error) {
	direct := db.hands.Load()
	asked := time.Now()
	b := newAcceptance(db, items)
	err := db.trip(ctx, BeforeAccept, func(t *trips) error {
		if err := begin(b, t); err != nil {
			return err
		}
		if direct != nil {
			b.take(direct)
		}
		if err := b.insertEvents(t.q, ""); err != nil {
			return err
		}
		b.insertRuns(t.q, every)
		b.noteEchoes(t.q, every)
		return queueAudit(t.q, b.acts(every)...)
	})
	if direct != nil {
		direct.Take(b.taken(err == nil), b.room, asked)
	}
	if err != nil {
		return nil, err
	}
	return b.results(), nil
}

const uniqueViolation = "23505"

// acceptAgain is acceptAll for a batch with events that came before.
func (db *DB) acceptAgain(ctx context.Context, items []Incoming) ([]Accepted, error) {
	var out []Accepted
	err := db.trip(ctx, BeforeAccept, func(t *trips) error {
		b := newAcceptance(db, items)
		b.repeats = true
		if err := b.begin(ctx, t); err != nil {
			return err
		}
		if err := b.insertEvents(t.q, `ON CONFLICT (connection, key) WHERE state = 'accepted' DO NOTHING`); err != nil {
			return err
		}
		if err := t.send(ctx); err != nil {
			return fmt.Errorf("accept events: %w", err)
		}
		if err := b.findFirst(ctx, t.conn); err != nil {
			return err
		}
		b.insertRuns(t.q, b.isFresh)
		b.noteEchoes(t.q, b.isFresh)
		out = b.results()
		return queueAudit(t.q, b.acts(b.isFresh)...)
	})
	return out, err
}

// begin locks the joiners, reads the live flows and plans the runs.
func (b *acceptance) begin(ctx context.Context, t *trips) error {
	l := newJoinerLock(b.refs())
	l.queue(t.q)
	b.open.queue(t.q, l.refs)
	b.polled.queue(t.q, l.refs, b.polledAt)
	var flows []liveFlow
	t.Queue(liveFlowsSQL).Query(func(rows pgx.Rows) (err error) {
		flows, err = scanLiveFlows(rows)
		return err
	})
	if err := t.send(ctx); err != nil {
		return fmt.Errorf("lock joiners: %w", err)
	}
	if err := b.db.judgeFlows(ctx, t.conn, flows); err != nil {
		return err
	}
	b.db.flows.last.Store(&flows)
	if len(l.echo) > 0 {
		if err := b.findEchoes(ctx, t.conn, l.ids, l.echo); err != nil {
			return err
		}
	}
	b.plan(l.ids, l.known, flows)
	return nil
}

// joinerLock finds or adds joiners and locks their rows.
type joinerLock struct {
	refs  []joiner.Ref
	ids   map[joiner.Ref]string
	known map[string]bool // by id: those that were there before
	// echo tells, by id, until when events may be our own echo.
	echo map[string]time.Time
}

func newJoinerLock(refs []joiner.Ref) *joinerLock {
	slices.SortFunc(refs, func(a, b joiner.Ref) int { return strings.Compare(a.Stamp(), b.Stamp()) })
	return &joinerLock{refs: slices.Compact(refs), ids: map[joiner.Ref]string{}, known: map[string]bool{}, echo: map[string]time.Time{}}
}

// add queues the joiners as new ones; the transaction fails where one was known.
func (l *joinerLock) add(q *pgx.Batch) {
	var ids, conns, workers []string
	for _, r := range l.refs {
		id := newID("j_")
		l.ids[r] = id
		ids, conns, workers = append(ids, id), append(conns, r.Connection), append(workers, r.Worker)
	}
	q.Queue(`INSERT INTO joiners (id, connection, worker) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])`, ids, conns, workers)
}

func (l *joinerLock) queue(q *pgx.Batch) {
	ids, conns, workers := make([]string, len(l.refs)), make([]string, len(l.refs)), make([]string, len(l.refs))
	for i, r := range l.refs {
		ids[i], conns[i], workers[i] = newID("j_"), r.Connection, r.Worker
	}
	q.Queue(`INSERT INTO joiners (id, connection, worker) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
		ON CONFLICT (connection, worker) DO UPDATE SET worker = excluded.worker RETURNING id, connection, worker, xmax <> 0, echo_until`, ids, conns, workers).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var id string
			var r joiner.Ref
			var before bool
			var echo *time.Time
			if err := rows.Scan(&id, &r.Connection, &r.Worker, &before, &echo); err != nil {
				return err
			}
			if echo != nil {
				l.echo[id] = *echo
			}
			l.ids[r], l.known[id] = id, before
		}
		return rows.Err()
	})
}

// lockJoiners finds or adds the joiners and locks their rows.
func lockJoiners(ctx context.Context, tx pgx.Tx, refs []joiner.Ref) (map[joiner.Ref]string, error) {
	l, q := newJoinerLock(refs), &pgx.Batch{}
	l.queue(q)
	if err := tx.SendBatch(ctx, q).Close(); err != nil {
		return nil, fmt.Errorf("lock joiners: %w", err)
	}
	return l.ids, nil
}
