package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/review"
	"joinery/internal/run"
)

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
