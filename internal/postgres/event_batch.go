package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/run"
)

// acceptance is one batch under way.
type acceptance struct {
	db      *DB
	items   []Incoming
	ids     []string
	joiners []string
	known   map[string]bool // joiners that were there before
	runs    [][]newRun
	fresh   map[string]bool
	dup     map[string]Accepted // by connection and key
	now     time.Time
	echo    map[int][]string // by item: the own writes that it only tells of
	room    int              // places reserved in our hands
	open    mergeable
	// polled are the changes that polls have told of late, and when they looked.
	polled   covers
	polledAt map[told]time.Time
	// repeats says that events of the batch may have come before: a run of such an
	// event is never made, so no other may merge into it.
	repeats bool
}

type newRun struct {
	id string
	of liveFlow
	// owner is whose hands it goes into at once; "" queues it.
	owner string
	// merged says that the run was there before: the event merged into it.
	merged bool
}

func newAcceptance(db *DB, items []Incoming) *acceptance {
	b := &acceptance{db: db, items: items, ids: make([]string, len(items)), joiners: make([]string, len(items)), runs: make([][]newRun, len(items)),
		fresh: map[string]bool{}, dup: map[string]Accepted{}, now: db.now(), open: mergeable{}, polled: covers{}, polledAt: map[told]time.Time{}}
	for i := range items {
		b.ids[i] = newID("ev_")
	}
	return b
}

func (b *acceptance) refs() []joiner.Ref {
	out := make([]joiner.Ref, len(b.items))
	for i, it := range b.items {
		out[i] = joiner.Ref{Connection: it.Connection, Worker: it.Event.Worker}
	}
	return out
}

func (b *acceptance) plan(joiners map[joiner.Ref]string, known map[string]bool, flows []liveFlow) {
	b.known = known
	for i, it := range b.items {
		b.joiners[i] = joiners[joiner.Ref{Connection: it.Connection, Worker: it.Event.Worker}]
		if b.echo[i] != nil {
			continue
		}
		if runs := b.covered(i); runs != nil {
			for _, id := range runs {
				b.runs[i] = append(b.runs[i], newRun{id: id, merged: true})
			}
			continue
		}
		for _, f := range flows {
			if !flow.Match(f.content, it.Event, it.Connection) {
				continue
			}
			if id := b.open.into(b.joiners[i], f); id != "" {
				b.runs[i] = append(b.runs[i], newRun{id: id, of: f, merged: true})
				continue
			}
			r := newRun{id: newID("rn_"), of: f}
			b.runs[i] = append(b.runs[i], r)
			if !b.repeats && f.parked == "" && f.room < 0 {
				b.open[planned{b.joiners[i], f.key}] = r.id
			}
		}
	}
}

// covered gives the runs that have read the worker after the change that an event
// tells of, because a poll found it first; nil when there are none.
func (b *acceptance) covered(i int) []string {
	e, k := b.items[i].Event, told{b.joiners[i], b.items[i].Event.Type}
	if at, ok := b.polledAt[k]; !ok || b.items[i].Signer == PollSigner || e.At.IsZero() || e.At.After(at.Add(-clocksDiffer)) {
		return nil
	}
	return b.polled[k]
}

// clocksDiffer is how far the clocks of an HRIS and ours may differ.
const clocksDiffer = time.Minute

// by is who brought an event: the HRIS by its webhook, or we by asking.
func (it Incoming) by() auth.Actor {
	if it.Signer == PollSigner {
		return auth.Actor{Kind: auth.System, ID: "poll:" + it.Connection, Name: "Joinery"}
	}
	return auth.Actor{Kind: auth.Hook, ID: "hook:" + it.Connection, Name: it.Connection, Address: it.Address}
}

func once(it Incoming) string { return it.Connection + "\x00" + it.Event.Key }

func (b *acceptance) insertEvents(q *pgx.Batch, conflict string) error {
	var cols [10][]string
	var ats []*time.Time
	for i, it := range b.items {
		var runs []string
		for _, r := range b.runs[i] {
			runs = append(runs, r.id)
		}
		for k, v := range [...]string{b.ids[i], it.Connection, it.Event.Key, it.Event.Type, it.Event.Worker, it.Signer, b.joiners[i], textArray(runs).literal(), it.ReplayOf, textArray(it.Event.Changed).literal()} {
			cols[k] = append(cols[k], v)
		}
		if it.Event.At.IsZero() {
			ats = append(ats, nil)
		} else {
			ats = append(ats, &it.Event.At)
		}
	}
	q.Queue(`INSERT INTO events (id, connection, key, type, worker, signer, joiner_id, runs, replay_of, changed, at, received_at, state)
		SELECT a, b, c, d, e, f, g, h::text[], i, j::text[], k, $12, 'accepted'
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[])
			AS u (a, b, c, d, e, f, g, h, i, j, k)
		`+conflict+` RETURNING id`,
		cols[0], cols[1], cols[2], cols[3], cols[4], cols[5], cols[6], cols[7], cols[8], cols[9], ats, b.now).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			b.fresh[id] = true
		}
		return rows.Err()
	})
	return nil
}

// findFirst reads the results of the events that came again.
func (b *acceptance) findFirst(ctx context.Context, tx querier) error {
	var conns, keys []string
	for i, it := range b.items {
		if !b.fresh[b.ids[i]] {
			conns, keys = append(conns, it.Connection), append(keys, it.Event.Key)
		}
	}
	if len(conns) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `UPDATE events e SET repeats = repeats + n FROM (SELECT c, k, count(*)::int AS n FROM unnest($1::text[], $2::text[]) u (c, k) GROUP BY c, k ORDER BY c, k) u
		WHERE e.connection = u.c AND e.key = u.k AND e.state = 'accepted' RETURNING e.id, e.connection, e.key, e.runs`, conns, keys)
	if err != nil {
		return fmt.Errorf("find first event: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a Accepted
		var conn, key string
		if err := rows.Scan(&a.Event, &conn, &key, &a.Runs); err != nil {
			return err
		}
		a.Duplicate = true
		b.dup[conn+"\x00"+key] = a
	}
	return rows.Err()
}

// isFresh and every say which items of a batch count as new.
func (b *acceptance) isFresh(i int) bool { return b.fresh[b.ids[i]] }

func every(int) bool { return true }

func (b *acceptance) insertRuns(q *pgx.Batch, counts func(int) bool) {
	var cols [10][]string
	var revisions []int32
	var nudged []string
	started := map[string]int{} // by flow: a batch must not carry a flow past its limit
	for i := range b.items {
		if !counts(i) {
			continue
		}
		if b.known[b.joiners[i]] && b.echo[i] == nil {
			nudged = append(nudged, b.joiners[i])
		}
		for _, r := range b.runs[i] {
			if r.merged {
				continue
			}
			state, parked := run.Queued, r.of.parkedAfter(started[r.of.key])
			if parked != "" {
				state = run.Parked
			} else if r.owner != "" {
				state = run.Running
			}
			started[r.of.key]++
			for k, v := range [...]string{r.id, r.of.key, r.of.release, string(state), parked, b.joiners[i], b.ids[i], b.items[i].by().ID, b.items[i].Trace, r.owner} {
				cols[k] = append(cols[k], v)
			}
			revisions = append(revisions, int32(r.of.revision))
		}
	}
	if len(nudged) > 0 {
		q.Queue(`UPDATE runs SET nudged = true, wake_reason = 'event', wake_at = CASE WHEN state = 'waiting' THEN $2 ELSE wake_at END
			WHERE id IN (SELECT id FROM runs WHERE joiner_id = ANY ($1) AND mode = 'live' AND state IN ('waiting', 'running', 'queued') ORDER BY id FOR NO KEY UPDATE)`, nudged, b.now)
	}
	if len(cols[0]) == 0 {
		return
	}
	q.Queue(`INSERT INTO runs (id, flow, release_id, state, reason, joiner_id, event_id, started_by, traceparent, lease_owner, revision, mode, wake_at, lease_until, epoch, started_at, created_at)
		SELECT a, b, c, d, e, f, g, h, i, j, k, 'live', CASE WHEN j = '' THEN $12::timestamptz END, CASE WHEN j <> '' THEN clock_timestamp() + interval '20 seconds' END,
			CASE WHEN j = '' THEN 0 ELSE 1 END, CASE WHEN j <> '' THEN $12::timestamptz END, $12 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::int[]) AS u (a, b, c, d, e, f, g, h, i, j, k)`,
		cols[0], cols[1], cols[2], cols[3], cols[4], cols[5], cols[6], cols[7], cols[8], cols[9], revisions, b.now)
}

func (b *acceptance) results() []Accepted {
	out := make([]Accepted, len(b.items))
	for i, it := range b.items {
		if !b.fresh[b.ids[i]] {
			out[i] = b.dup[once(it)]
			continue
		}
		out[i] = Accepted{Event: b.ids[i], Runs: []string{}}
		for _, r := range b.runs[i] {
			out[i].Runs = append(out[i].Runs, r.id)
		}
	}
	return out
}

func (b *acceptance) acts(counts func(int) bool) []Act {
	var out []Act
	for i, it := range b.items {
		if !counts(i) {
			continue
		}
		by := it.by()
		runs, merged := []string{}, []string{}
		for _, r := range b.runs[i] {
			if r.merged {
				merged = append(merged, r.id)
				continue
			}
			runs = append(runs, r.id)
		}
		detail := map[string]any{"connection": it.Connection, "type": it.Event.Type, "joiner": b.joiners[i], "signer": it.Signer, "runs": runs, "merged": merged}
		if of := b.echo[i]; of != nil {
			detail["echo_of"] = of
		}
		out = append(out, Act{Actor: by, Action: "event.accept", Kind: "event", ID: b.ids[i], Detail: detail})
	}
	return out
}
