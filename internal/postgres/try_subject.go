package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// TrySubject is a known joiner, and the event if one was chosen.
type TrySubject struct {
	JoinerID string
	Ref      joiner.Ref
	Worker   joiner.Worker
	ReadAt   time.Time
	Event    *joiner.Event
}

// TrySubject finds a joiner by id, or the one an event is about.
func (db *DB) TrySubject(ctx context.Context, joinerID, eventID string) (TrySubject, error) {
	var out TrySubject
	if eventID != "" {
		e := joiner.Event{}
		var id *string
		var at *time.Time
		err := db.pool.QueryRow(ctx, `SELECT joiner_id, key, type, worker, at, changed FROM events WHERE id = $1`, eventID).Scan(&id, &e.Key, &e.Type, &e.Worker, &at, &e.Changed)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return out, fault.New(fault.NotFound, "There is no such event.")
		case err != nil:
			return out, asFault(fmt.Errorf("find event: %w", err))
		case id == nil:
			return out, fault.New(fault.Conflict, "This event was not accepted, so it is about nobody Joinery knows. Choose another one.")
		}
		if at != nil {
			e.At = *at
		}
		joinerID, out.Event = *id, &e
	}
	var read *time.Time
	err := db.pool.QueryRow(ctx, `SELECT id, connection, worker, stamp, attributes, version, read_at FROM joiners WHERE id = $1`, joinerID).
		Scan(&out.JoinerID, &out.Ref.Connection, &out.Ref.Worker, &out.Ref.As, &out.Worker.Attributes, &out.Worker.Version, &read)
	if errors.Is(err, pgx.ErrNoRows) {
		return out, fault.New(fault.NotFound, "There is no such joiner.")
	}
	if read != nil {
		out.ReadAt = *read
	}
	out.Worker.ID = out.Ref.Worker
	return out, asFault(err)
}

// KnownWorker finds a worker as Joinery read it last.
func (db *DB) KnownWorker(ctx context.Context, connection, worker string) (joiner.Worker, bool, error) {
	w := joiner.Worker{ID: worker}
	var read *time.Time
	err := db.pool.QueryRow(ctx, `SELECT attributes, read_at FROM joiners WHERE connection = $1 AND worker = $2`, connection, worker).Scan(&w.Attributes, &read)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, false, nil
	}
	return w, err == nil && read != nil, asFault(err)
}

// RecordTry puts on record that somebody tried a flow with a joiner's data.
func (db *DB) RecordTry(ctx context.Context, by Actor, flow, hash, joinerID, until string, personal bool) error {
	detail := map[string]any{"content": hash, "personal": personal}
	if joinerID != "" {
		detail["joiner"] = joinerID
	}
	if until != "" {
		detail["until"] = until
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "flow.try", Kind: "flow", ID: flow, Detail: detail})
	})
}
