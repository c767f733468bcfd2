package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// Incoming is one verified event from an HRIS.
type Incoming struct {
	Connection string
	Event      joiner.Event
	// Signer is the credential whose secret signed it.
	Signer  string
	Address string
	// ReplayOf is the dead letter this came from.
	ReplayOf string
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
		db.batchers.acceptor = NewBatcher(256, func(in Incoming) string { return in.Connection + "\x00" + in.Event.Worker }, counted(db, "event", db.acceptAll))
		db.batches.add(db.batchers.acceptor.Close)
	})
	return db.batchers.acceptor
}

// acceptAll writes a batch. Joiner rows are locked first and in one order, so
// events of one joiner are accepted one after another whichever process they
// came to, and the runs' sequence is the order of acceptance.
func (db *DB) acceptAll(ctx context.Context, items []Incoming) ([]Accepted, error) {
	out := make([]Accepted, len(items))
	err := db.htx(ctx, func(tx pgx.Tx) error {
		b := newAcceptance(db, items)
		joiners, known, err := lockJoiners(ctx, tx, b.refs())
		if err != nil {
			return err
		}
		flows, err := db.liveFlows(ctx, tx)
		if err != nil {
			return err
		}
		b.plan(joiners, known, flows)
		if err := b.insertEvents(ctx, tx); err != nil {
			return err
		}
		q := &pgx.Batch{}
		b.insertRuns(q)
		if err := queueAudit(q, b.acts()...); err != nil {
			return err
		}
		if q.Len() > 0 {
			if err := tx.SendBatch(ctx, q).Close(); err != nil {
				return fmt.Errorf("insert runs: %w", err)
			}
		}
		copy(out, b.results())
		db.reached(BeforeAccept)
		return nil
	})
	return out, err
}

// lockJoiners finds or adds the joiners and locks their rows; known are those that
// were there before.
func lockJoiners(ctx context.Context, tx pgx.Tx, refs []joiner.Ref) (all map[joiner.Ref]string, known map[string]bool, err error) {
	slices.SortFunc(refs, func(a, b joiner.Ref) int { return strings.Compare(a.Stamp(), b.Stamp()) })
	refs = slices.Compact(refs)
	ids, conns, workers := make([]string, len(refs)), make([]string, len(refs)), make([]string, len(refs))
	for i, r := range refs {
		ids[i], conns[i], workers[i] = newID("j_"), r.Connection, r.Worker
	}
	rows, err := tx.Query(ctx, `INSERT INTO joiners (id, connection, worker) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
		ON CONFLICT (connection, worker) DO UPDATE SET worker = excluded.worker RETURNING id, connection, worker, xmax <> 0`, ids, conns, workers)
	if err != nil {
		return nil, nil, fmt.Errorf("lock joiners: %w", err)
	}
	defer rows.Close()
	all, known = map[joiner.Ref]string{}, map[string]bool{}
	for rows.Next() {
		var id string
		var r joiner.Ref
		var before bool
		if err := rows.Scan(&id, &r.Connection, &r.Worker, &before); err != nil {
			return nil, nil, err
		}
		all[r] = id
		known[id] = before
	}
	return all, known, rows.Err()
}
