package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/review"
	"joinery/internal/run"
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
		db.batchers.acceptor = NewBatcher(256, db.acceptAll)
		db.batches.add(db.batchers.acceptor.Close)
	})
	return db.batchers.acceptor
}

// acceptAll writes a batch. Joiner rows are locked first and in one order, so
// events of one joiner are accepted one after another whichever process they
// came to, and the runs' sequence is the order of acceptance.
func (db *DB) acceptAll(ctx context.Context, items []Incoming) ([]Accepted, error) {
	out := make([]Accepted, len(items))
	err := db.ptx(ctx, func(tx pgx.Tx) error {
		b := newAcceptance(db, items)
		joiners, err := lockJoiners(ctx, tx, b.refs())
		if err != nil {
			return err
		}
		flows, err := db.liveFlows(ctx, tx)
		if err != nil {
			return err
		}
		b.plan(joiners, flows)
		if err := b.insertEvents(ctx, tx); err != nil {
			return err
		}
		if err := b.insertRuns(ctx, tx); err != nil {
			return err
		}
		copy(out, b.results())
		return appendAuditTx(ctx, tx, b.acts()...)
	})
	return out, err
}

// lockJoiners finds or adds the joiners and locks their rows.
func lockJoiners(ctx context.Context, tx pgx.Tx, refs []joiner.Ref) (map[joiner.Ref]string, error) {
	slices.SortFunc(refs, func(a, b joiner.Ref) int { return strings.Compare(a.Stamp(), b.Stamp()) })
	refs = slices.Compact(refs)
	ids, conns, workers := make([]string, len(refs)), make([]string, len(refs)), make([]string, len(refs))
	for i, r := range refs {
		ids[i], conns[i], workers[i] = newID("j_"), r.Connection, r.Worker
	}
	rows, err := tx.Query(ctx, `INSERT INTO joiners (id, connection, worker) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
		ON CONFLICT (connection, worker) DO UPDATE SET worker = excluded.worker RETURNING id, connection, worker`, ids, conns, workers)
	if err != nil {
		return nil, fmt.Errorf("lock joiners: %w", err)
	}
	defer rows.Close()
	out := map[joiner.Ref]string{}
	for rows.Next() {
		var id string
		var r joiner.Ref
		if err := rows.Scan(&id, &r.Connection, &r.Worker); err != nil {
			return nil, err
		}
		out[r] = id
	}
	return out, rows.Err()
}

// liveFlow is a flow that may start runs.
type liveFlow struct {
	release  string
	key      string
	revision int
	paused   bool
	content  flow.Content
	// parked says why new runs park; "" when they do not.
	parked string
}

// liveFlows reads which flows are live; their contents are kept by release,
// because a release never changes.
func (db *DB) liveFlows(ctx context.Context, tx pgx.Tx) ([]liveFlow, error) {
	rows, err := tx.Query(ctx, `SELECT l.id, l.key, l.revision, a.paused FROM live_releases l JOIN artifacts a ON a.kind = l.kind AND a.key = l.key WHERE l.kind = 'flow' ORDER BY l.key`)
	if err != nil {
		return nil, fmt.Errorf("read live flows: %w", err)
	}
	var out []liveFlow
	for rows.Next() {
		var f liveFlow
		if err := rows.Scan(&f.release, &f.key, &f.revision, &f.paused); err != nil {
			rows.Close()
			return nil, err
		}
		out = append(out, f)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].content, err = db.flowContent(ctx, tx, out[i]); err != nil {
			return nil, err
		}
		if out[i].parked, err = parkedWhy(ctx, tx, out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (db *DB) flowContent(ctx context.Context, tx pgx.Tx, f liveFlow) (flow.Content, error) {
	if c, ok := db.batchers.contents.Load(f.release); ok {
		return c.(flow.Content), nil
	}
	var raw string
	if err := tx.QueryRow(ctx, `SELECT content FROM revisions WHERE kind = 'flow' AND key = $1 AND revision = $2`, f.key, f.revision).Scan(&raw); err != nil {
		return flow.Content{}, fmt.Errorf("read flow: %w", err)
	}
	c, err := flow.Decode([]byte(raw))
	if err != nil {
		return flow.Content{}, fmt.Errorf("read flow %s: %w", f.key, err)
	}
	db.batchers.contents.Store(f.release, c)
	return c, nil
}

// parkedWhy tells whether new live runs of a flow must wait for a person.
func parkedWhy(ctx context.Context, tx pgx.Tx, f liveFlow) (string, error) {
	if f.paused {
		return "The flow is paused.", nil
	}
	most := f.content.Limits.RunsPerHour
	if most <= 0 {
		return "", nil
	}
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM runs WHERE flow = $1 AND mode = 'live' AND created_at > now() - interval '1 hour' AND state <> 'parked'`, f.key).Scan(&n)
	if err != nil {
		return "", fmt.Errorf("count runs: %w", err)
	}
	if n >= most {
		return fmt.Sprintf("The flow has started %d runs within an hour, and its limit is %d. Resume this run when that is right.", n, most), nil
	}
	return "", nil
}

// acceptance is one batch under way.
type acceptance struct {
	db      *DB
	items   []Incoming
	ids     []string
	joiners []string
	runs    [][]newRun
	fresh   map[string]bool
	dup     map[string]Accepted // by connection and key
	now     time.Time
}

type newRun struct {
	id, flow, release, parked string
	revision                  int
}

func newAcceptance(db *DB, items []Incoming) *acceptance {
	b := &acceptance{db: db, items: items, ids: make([]string, len(items)), joiners: make([]string, len(items)), runs: make([][]newRun, len(items)),
		fresh: map[string]bool{}, dup: map[string]Accepted{}, now: db.now()}
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

func (b *acceptance) plan(joiners map[joiner.Ref]string, flows []liveFlow) {
	for i, it := range b.items {
		b.joiners[i] = joiners[joiner.Ref{Connection: it.Connection, Worker: it.Event.Worker}]
		for _, f := range flows {
			if flow.Match(f.content, it.Event, it.Connection) {
				b.runs[i] = append(b.runs[i], newRun{id: newID("rn_"), flow: f.key, release: f.release, revision: f.revision, parked: f.parked})
			}
		}
	}
}

func once(it Incoming) string { return it.Connection + "\x00" + it.Event.Key }

func (b *acceptance) insertEvents(ctx context.Context, tx pgx.Tx) error {
	var cols [10][]string
	var ats []*time.Time
	for i, it := range b.items {
		var runs []string
		for _, r := range b.runs[i] {
			runs = append(runs, r.id)
		}
		changed, err := json.Marshal(append([]string{}, it.Event.Changed...))
		if err != nil {
			return err
		}
		for k, v := range []string{b.ids[i], it.Connection, it.Event.Key, it.Event.Type, it.Event.Worker, it.Signer, b.joiners[i], strings.Join(runs, ","), it.ReplayOf, string(changed)} {
			cols[k] = append(cols[k], v)
		}
		if it.Event.At.IsZero() {
			ats = append(ats, nil)
		} else {
			ats = append(ats, &it.Event.At)
		}
	}
	rows, err := tx.Query(ctx, `INSERT INTO events (id, connection, key, type, worker, signer, joiner_id, runs, replay_of, changed, at, received_at, state)
		SELECT a, b, c, d, e, f, g, CASE WHEN h = '' THEN '{}' ELSE string_to_array(h, ',') END, i, ARRAY(SELECT jsonb_array_elements_text(j::jsonb)), k, $12, 'accepted'
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[])
			AS u (a, b, c, d, e, f, g, h, i, j, k)
		ON CONFLICT (connection, key) WHERE state = 'accepted' DO NOTHING RETURNING id`,
		cols[0], cols[1], cols[2], cols[3], cols[4], cols[5], cols[6], cols[7], cols[8], cols[9], ats, b.now)
	if err != nil {
		return fmt.Errorf("insert events: %w", err)
	}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			rows.Close()
			return err
		}
		b.fresh[id] = true
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return fmt.Errorf("insert events: %w", err)
	}
	return b.findFirst(ctx, tx)
}

// findFirst reads the results of the events that came again.
func (b *acceptance) findFirst(ctx context.Context, tx pgx.Tx) error {
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

func (b *acceptance) insertRuns(ctx context.Context, tx pgx.Tx) error {
	var cols [8][]string
	var revisions []int32
	var nudged []string
	for i := range b.items {
		if !b.fresh[b.ids[i]] {
			continue
		}
		nudged = append(nudged, b.joiners[i])
		for _, r := range b.runs[i] {
			state := run.Queued
			if r.parked != "" {
				state = run.Parked
			}
			for k, v := range []string{r.id, r.flow, r.release, string(state), r.parked, b.joiners[i], b.ids[i], "hook:" + b.items[i].Connection} {
				cols[k] = append(cols[k], v)
			}
			revisions = append(revisions, int32(r.revision))
		}
	}
	if len(nudged) > 0 {
		_, err := tx.Exec(ctx, `UPDATE runs SET nudged = true, wake_reason = 'event', wake_at = CASE WHEN state = 'waiting' THEN $2 ELSE wake_at END
			WHERE joiner_id = ANY ($1) AND mode = 'live' AND state IN ('waiting', 'running')`, nudged, b.now)
		if err != nil {
			return fmt.Errorf("nudge runs: %w", err)
		}
	}
	if len(cols[0]) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO runs (id, flow, release_id, state, reason, joiner_id, event_id, started_by, revision, mode, wake_at, created_at)
		SELECT a, b, c, d, e, f, g, h, i, 'live', $10, $10 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int[]) AS u (a, b, c, d, e, f, g, h, i)`,
		cols[0], cols[1], cols[2], cols[3], cols[4], cols[5], cols[6], cols[7], revisions, b.now)
	if err != nil {
		return fmt.Errorf("insert runs: %w", err)
	}
	return nil
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

func (b *acceptance) acts() []Act {
	var out []Act
	for i, it := range b.items {
		if !b.fresh[b.ids[i]] {
			continue
		}
		by := auth.Actor{Kind: auth.Hook, ID: "hook:" + it.Connection, Name: it.Connection, Address: it.Address}
		runs := []string{}
		for _, r := range b.runs[i] {
			runs = append(runs, r.id)
		}
		out = append(out, Act{Actor: by, Action: "event.accept", Kind: "event", ID: b.ids[i],
			Detail: map[string]any{"connection": it.Connection, "type": it.Event.Type, "joiner": b.joiners[i], "signer": it.Signer, "runs": runs}})
	}
	return out
}

// StartRun starts a run by hand for one worker.
func (db *DB) StartRun(ctx context.Context, by Actor, key, worker string, mode run.Mode) (run.ID, error) {
	if err := checkEvent(joiner.Event{Key: "by hand", Type: "by hand", Worker: worker}); err != nil {
		return "", err
	}
	if mode != run.Live && mode != run.Simulate {
		return "", fault.New(fault.Invalid, "A run is live or simulate.")
	}
	id := newID("rn_")
	err := db.ptx(ctx, func(tx pgx.Tx) error {
		flows, err := db.liveFlows(ctx, tx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(flows, func(f liveFlow) bool { return f.key == key })
		if i < 0 {
			if _, err := db.Artifact(ctx, review.Flow, key); err != nil {
				return err
			}
			return fault.New(fault.Conflict, "The flow %s is not live, so it cannot run. Have a revision approved first.", key)
		}
		f := flows[i]
		connection, ok := f.content.Source()
		if !ok {
			return fault.New(fault.Invalid, "The flow %s does not say which HRIS its workers come from.", key)
		}
		state := run.Queued
		if f.parked != "" && mode == run.Live {
			state = run.Parked
		} else {
			f.parked = ""
		}
		joiners, err := lockJoiners(ctx, tx, []joiner.Ref{{Connection: connection, Worker: worker}})
		if err != nil {
			return err
		}
		j := joiners[joiner.Ref{Connection: connection, Worker: worker}]
		_, err = tx.Exec(ctx, `INSERT INTO runs (id, flow, release_id, revision, mode, state, reason, joiner_id, started_by, wake_at, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`, id, f.key, f.release, f.revision, mode, state, f.parked, j, by.ID, db.now())
		if err != nil {
			return fmt.Errorf("start run: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "run.start", Kind: "run", ID: id, Detail: map[string]any{"flow": key, "release": f.release, "mode": mode, "joiner": j}})
	})
	return run.ID(id), err
}
