package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
)

// PollLease is how long a process may ask an HRIS without a word.
const PollLease = 2 * time.Minute

// Poll is one connection being asked what has changed.
type Poll struct {
	Connection string
	Watermark  time.Time
	BegunAt    time.Time
	// PassAt is when the look under way began; Cursor is its next page.
	PassAt time.Time
	Cursor string
	// AskedBy is who asked for it now; "" when it was due.
	AskedBy string
}

// PollStatus is a poll as pages show it.
type PollStatus struct {
	Poll
	DueAt     time.Time
	EndedAt   *time.Time
	Seen      int
	Found     int
	Recovered int64
	Failures  int
	Error     string
	Running   bool
	// Every is the shortest interval that a live flow asks for.
	Every time.Duration
	// LastHook is when the last webhook of this connection came.
	LastHook *time.Time
}

// WantedPolls tells which connections live flows want asked, and how often: the
// shortest interval counts.
func (db *DB) WantedPolls(ctx context.Context) (map[string]flow.Poll, error) {
	flows, err := db.liveFlows(ctx, db.pool)
	if err != nil {
		return nil, asFault(err)
	}
	out := map[string]flow.Poll{}
	for _, f := range flows {
		p, ok := f.content.Polls()
		if !ok || f.paused {
			continue
		}
		if had, ok := out[p.Connection]; ok {
			p.Every, p.All, p.Moves = min(p.Every, had.Every), p.All || had.All, p.Moves || had.Moves
		}
		out[p.Connection] = p
	}
	return out, nil
}

// TakePoll takes one due poll among those wanted, for one process; false when none
// is due. A poll that nobody has done before begins with what changes from now on,
// or with everybody.
func (db *DB) TakePoll(ctx context.Context, owner string, wanted map[string]flow.Poll) (p Poll, ok bool, err error) {
	now := db.now()
	var keys []string
	err = db.ptx(ctx, func(tx pgx.Tx) error {
		for key, w := range wanted {
			keys = append(keys, key)
			begin := now
			if w.All {
				begin = time.Unix(0, 0).UTC()
			}
			if _, err := tx.Exec(ctx, `INSERT INTO polls (connection, watermark, begun_at, due_at) VALUES ($1, $2, $2, $3) ON CONFLICT (connection) DO NOTHING`, key, begin, now); err != nil {
				return err
			}
		}
		var pass *time.Time
		err := tx.QueryRow(ctx, `UPDATE polls p SET lease_owner = $1, lease_until = clock_timestamp() + $4::interval, pass_at = coalesce(pass_at, $3)
			FROM (SELECT connection FROM polls WHERE connection = ANY ($2) AND due_at <= $3 AND (lease_until IS NULL OR lease_until < clock_timestamp()) ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED) d
			WHERE p.connection = d.connection RETURNING p.connection, p.watermark, p.begun_at, p.pass_at, p.cursor, p.asked_by`, owner, keys, now, PollLease).
			Scan(&p.Connection, &p.Watermark, &p.BegunAt, &pass, &p.Cursor, &p.AskedBy)
		if err == pgx.ErrNoRows {
			return nil
		}
		if err == nil {
			ok, p.PassAt = true, *pass
		}
		return err
	})
	return p, ok, err
}

// BeginPoll starts the counters of a look anew.
func (db *DB) BeginPoll(ctx context.Context, owner, connection string) error {
	_, err := db.pool.Exec(ctx, `UPDATE polls SET seen = 0, found = 0 WHERE connection = $1 AND lease_owner = $2`, connection, owner)
	return asFault(err)
}

// KeepPollPage keeps how far a look came, if it is still in these hands: how many
// workers it saw, how many events came of them, and how many of those a webhook
// should have told.
func (db *DB) KeepPollPage(ctx context.Context, owner string, p Poll, seen, found, recovered int) error {
	tag, err := db.pool.Exec(ctx, `UPDATE polls SET cursor = $3, lease_until = clock_timestamp() + $4::interval, seen = seen + $5, found = found + $6, recovered = recovered + $7 WHERE connection = $1 AND lease_owner = $2`,
		p.Connection, owner, p.Cursor, PollLease, seen, found, recovered)
	if err == nil && tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "Another process asks this HRIS now.")
	}
	return asFault(err)
}

// EndPoll ends a look: the watermark moves to where it began. A failed one keeps
// the watermark and starts over at the next time. Until the first look is done the
// watermark is where all began; after it, later, be it by a microsecond.
func (db *DB) EndPoll(ctx context.Context, owner string, p Poll, next time.Time, failed string) error {
	_, err := db.pool.Exec(ctx, `UPDATE polls SET watermark = CASE WHEN $4 = '' THEN greatest(coalesce(pass_at, watermark), begun_at + interval '1 microsecond') ELSE watermark END, pass_at = NULL, cursor = '', due_at = $3, error = $4,
		failures = CASE WHEN $4 = '' THEN 0 ELSE failures + 1 END, ended_at = $5, asked_by = '', lease_owner = '', lease_until = NULL WHERE connection = $1 AND lease_owner = $2`,
		p.Connection, owner, next, failed, db.now())
	return asFault(err)
}

// GiveBackPoll lets another turn go on with a look that has more pages.
func (db *DB) GiveBackPoll(ctx context.Context, owner, connection string) error {
	_, err := db.pool.Exec(ctx, `UPDATE polls SET lease_owner = '', lease_until = NULL WHERE connection = $1 AND lease_owner = $2`, connection, owner)
	return asFault(err)
}

// PollNow makes a poll due.
func (db *DB) PollNow(ctx context.Context, by Actor, connection string) error {
	wanted, err := db.WantedPolls(ctx)
	if err != nil {
		return err
	}
	if _, ok := wanted[connection]; !ok {
		return fault.New(fault.Conflict, "No live flow asks this connection what has changed. Give a flow the trigger “Changes found by asking”, or fill in “Also ask every” in its event trigger.")
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO polls (connection, watermark, begun_at, due_at, asked_by) VALUES ($1, $2, $2, $2, $3)
			ON CONFLICT (connection) DO UPDATE SET due_at = least(polls.due_at, excluded.due_at), asked_by = excluded.asked_by`, connection, db.now(), by.Name)
		if err != nil {
			return fmt.Errorf("ask for a poll: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "connection.poll", Kind: "connection", ID: connection})
	})
}

// PollOf gives how the asking of a connection goes; false when nobody asks it.
func (db *DB) PollOf(ctx context.Context, connection string) (PollStatus, bool, error) {
	var s PollStatus
	wanted, err := db.WantedPolls(ctx)
	if err != nil {
		return s, false, err
	}
	w, ok := wanted[connection]
	s.Connection, s.Every = connection, w.Every
	var pass *time.Time
	err = db.pool.QueryRow(ctx, `SELECT watermark, begun_at, pass_at, cursor, due_at, asked_by, ended_at, seen, found, recovered, failures, error, coalesce(lease_until > clock_timestamp(), false),
		(SELECT max(received_at) FROM (SELECT received_at FROM events WHERE connection = $1 AND state = 'accepted' AND signer <> $2 ORDER BY id DESC LIMIT 1) e)
		FROM polls WHERE connection = $1`, connection, PollSigner).
		Scan(&s.Watermark, &s.BegunAt, &pass, &s.Cursor, &s.DueAt, &s.AskedBy, &s.EndedAt, &s.Seen, &s.Found, &s.Recovered, &s.Failures, &s.Error, &s.Running, &s.LastHook)
	if err == pgx.ErrNoRows {
		s.DueAt = db.now()
		return s, ok, nil
	}
	return s, ok, asFault(err)
}

// Unwatched lists live flows that would have to learn of a record that vanishes from a
// connection, where nothing asks that connection; none when something does.
func (db *DB) Unwatched(ctx context.Context, connection string) ([]string, error) {
	flows, err := db.liveFlows(ctx, db.pool)
	if err != nil {
		return nil, asFault(err)
	}
	var out []string
	for _, f := range flows {
		if p, ok := f.content.Polls(); ok && p.Connection == connection && !f.paused {
			return nil, nil
		}
		if from, ok := f.content.Source(); ok && from == connection && f.content.WatchesRecord() {
			out = append(out, f.key)
		}
	}
	return out, nil
}

// PollSigner is what an event has for its signer that nobody sent.
const PollSigner = "poll"

// Reading is what is remembered of a worker.
type Reading struct {
	Seen   *joiner.Seen
	Number int64
	ReadAt time.Time
}

// Readings gives what is remembered of workers.
func (db *DB) Readings(ctx context.Context, connection string, workers []string) (map[string]Reading, error) {
	rows, err := db.pool.Query(ctx, `SELECT worker, seen, number, read_at FROM readings WHERE connection = $1 AND worker = ANY ($2)`, connection, workers)
	if err != nil {
		return nil, asFault(err)
	}
	defer rows.Close()
	out := map[string]Reading{}
	for rows.Next() {
		var id string
		var raw []byte
		r := Reading{Seen: &joiner.Seen{}}
		if err := rows.Scan(&id, &raw, &r.Number, &r.ReadAt); err != nil {
			return nil, asFault(err)
		}
		if err := json.Unmarshal(raw, r.Seen); err != nil {
			return nil, fmt.Errorf("read a reading: %w", err)
		}
		if r.Seen.Marks == nil {
			r.Seen = nil // never read, only missed
		}
		out[id] = r
	}
	return out, asFault(rows.Err())
}

// KeepReading remembers a worker after a look.
func (db *DB) KeepReading(ctx context.Context, connection, worker string, s joiner.Seen, number int64, verified bool) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write a reading: %w", err)
	}
	_, err = db.pool.Exec(ctx, `INSERT INTO readings (connection, worker, seen, number, read_at, verified_at) VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN $5::timestamptz END)
		ON CONFLICT (connection, worker) DO UPDATE SET seen = excluded.seen, number = excluded.number, read_at = excluded.read_at, missing = 0, missing_since = NULL, gone = false, verified_at = coalesce(excluded.verified_at, readings.verified_at)`,
		connection, worker, string(raw), number, db.now(), verified)
	return asFault(err)
}

// Announced reports whether an event of a type has ever told of a worker.
func (db *DB) Announced(ctx context.Context, connection, worker, kind string) (bool, error) {
	var is bool
	err := db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM joiners j JOIN events e ON e.joiner_id = j.id WHERE j.connection = $1 AND j.worker = $2 AND e.state = 'accepted' AND e.type = $3)`, connection, worker, kind).Scan(&is)
	return is, asFault(err)
}

// Met reports whether a live run was ever about a worker.
func (db *DB) Met(ctx context.Context, connection, worker string) (bool, error) {
	var is bool
	err := db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM joiners j JOIN runs r ON r.joiner_id = j.id WHERE j.connection = $1 AND j.worker = $2 AND r.mode = 'live')`, connection, worker).Scan(&is)
	return is, asFault(err)
}

// Listening tells which live flows each type of event of a connection starts.
func (db *DB) Listening(ctx context.Context, connection string) (map[string][]string, error) {
	flows, err := db.liveFlows(ctx, db.pool)
	if err != nil {
		return nil, asFault(err)
	}
	out := map[string][]string{}
	for _, f := range flows {
		for _, kind := range joiner.EventTypes() {
			if flow.Match(f.content, joiner.Event{Type: kind}, connection) {
				out[kind] = append(out[kind], f.key)
			}
		}
	}
	return out, nil
}

// Known reports whether all of some flows have read just this of a worker, or are
// about to read: then there is nothing to tell them. What a flow has read counts and
// not when an event came, because the clocks of an HRIS and ours may differ. A run
// under way may have read it before we did, at read, and not have kept that yet.
func (db *DB) Known(ctx context.Context, connection string, w joiner.Worker, flows []string, read time.Time) (bool, error) {
	if len(flows) == 0 {
		return false, nil
	}
	raw, err := json.Marshal(w.Attributes)
	if err != nil {
		return false, fmt.Errorf("write a worker: %w", err)
	}
	var n int
	err = db.pool.QueryRow(ctx, `SELECT count(*) FROM (SELECT DISTINCT ON (r.flow) r.state, r.worker, r.started_at FROM joiners j JOIN runs r ON r.joiner_id = j.id
		WHERE j.connection = $1 AND j.worker = $2 AND r.mode = 'live' AND r.flow = ANY ($3) ORDER BY r.flow, r.id DESC) l
		WHERE l.worker->'attributes' = $4::jsonb OR l.worker IS NULL AND (l.state IN ('queued', 'parked') OR l.state = 'running' AND l.started_at >= $5)`, connection, w.ID, flows, jsonText(raw), read).Scan(&n)
	return n == len(flows), asFault(err)
}
