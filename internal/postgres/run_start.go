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

// Start is what is started by hand: a run of one flow for each worker.
type Start struct {
	Flow    string
	Mode    run.Mode
	Workers []string
	// Connection is the HRIS the workers are known to come from; "" when they are
	// only ids, which then are the flow's own HRIS's.
	Connection string
	// Many says that the workers are a list somebody sent: more than one person may
	// bring in waits for a second person, like lists of people do.
	Many bool
	// Repeat is the sender's key, by which the same start is known when it comes again.
	Repeat Repeat
}

// Started is what came of a start: the runs in the order of the workers, and the
// request that waits for a second person, if it was more than one person may start.
type Started struct {
	IDs  []run.ID
	Lift string
	Why  string
	// Again says that this is the answer to an earlier sending of the same request.
	Again bool `json:"-"`
}

// StartRun starts a run by hand for one worker.
func (db *DB) StartRun(ctx context.Context, by Actor, key, worker string, mode run.Mode) (run.ID, error) {
	out, err := db.StartRuns(ctx, by, Start{Flow: key, Mode: mode, Workers: []string{worker}})
	if err != nil {
		return "", err
	}
	return out.IDs[0], nil
}

// StartRuns starts a run for each worker, all of them or none. Runs past the flow's
// limit are parked; a list past what one person may bring in parks whole.
func (db *DB) StartRuns(ctx context.Context, by Actor, s Start) (out Started, err error) {
	for _, w := range s.Workers {
		if err := joiner.CheckWorker(w); err != nil {
			return out, err
		}
	}
	if s.Mode != run.Live && s.Mode != run.Simulate {
		return out, fault.New(fault.Invalid, "A run is live or simulate.")
	}
	ids := make([]run.ID, len(s.Workers))
	for i := range ids {
		ids[i] = run.ID(newID("rn_"))
	}
	err = db.ptx(ctx, func(tx pgx.Tx) error {
		again, err := s.Repeat.known(ctx, db, tx, by, &out)
		if again || err != nil {
			out.Again = again
			return err
		}
		f, err := db.startable(ctx, tx, s.Flow)
		if err != nil {
			return err
		}
		connection, ok := f.content.Source()
		if !ok {
			return fault.New(fault.Invalid, "The flow %s does not say which HRIS its workers come from.", s.Flow)
		}
		if s.Connection != "" && s.Connection != connection {
			return problem("joiner", fmt.Sprintf("This joiner comes from %s, and the flow %s reads its workers from %s. Start a flow that reads %s.", s.Connection, s.Flow, connection, s.Connection))
		}
		refs := make([]joiner.Ref, len(s.Workers))
		for i, w := range s.Workers {
			refs[i] = joiner.Ref{Connection: connection, Worker: w}
		}
		joiners, err := lockJoiners(ctx, tx, slices.Clone(refs))
		if err != nil {
			return err
		}
		out = Started{IDs: ids}
		if s.Many && s.Mode == run.Live {
			if out.Why, err = db.tooMany(ctx, tx, by, s.Flow, len(ids)); err != nil {
				return err
			}
		}
		f.parked = out.Why
		if err := db.insertStarted(ctx, tx, by, f, s.Mode, ids, refs, joiners); err != nil {
			return err
		}
		if out.Why != "" {
			if out.Lift, err = db.askLift(ctx, tx, by, s.Flow, textsOf(ids), out.Why, fmt.Sprintf("A list of %d workers, sent by a program.", len(ids))); err != nil {
				return err
			}
		}
		return s.Repeat.keep(ctx, tx, by, out)
	})
	return out, err
}

func textsOf(ids []run.ID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

// startable finds the live release of a flow that is to be started by hand.
func (db *DB) startable(ctx context.Context, tx pgx.Tx, key string) (liveFlow, error) {
	flows, err := db.liveFlows(ctx, tx)
	if err != nil {
		return liveFlow{}, err
	}
	i := slices.IndexFunc(flows, func(f liveFlow) bool { return f.key == key })
	if i >= 0 {
		return flows[i], nil
	}
	if _, err := db.Artifact(ctx, review.Flow, key); err != nil {
		return liveFlow{}, err
	}
	return liveFlow{}, fault.New(fault.Conflict, "The flow %s is not live, so it cannot run. Have a revision approved first.", key)
}

// insertStarted writes the runs in one statement and their audit rows in parts,
// so that a very long list needs no more memory than a long one.
func (db *DB) insertStarted(ctx context.Context, tx pgx.Tx, by Actor, f liveFlow, mode run.Mode, ids []run.ID, refs []joiner.Ref, joiners map[joiner.Ref]string) error {
	const part = 5000
	of, states, reasons := make([]string, len(ids)), make([]string, len(ids)), make([]string, len(ids))
	for i, r := range refs {
		of[i], states[i] = joiners[r], string(run.Queued)
		if why := f.parkedAfter(i); why != "" && mode == run.Live {
			states[i], reasons[i] = string(run.Parked), why
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO runs (id, flow, release_id, revision, mode, state, reason, joiner_id, started_by, wake_at, created_at)
		SELECT i, $5, $6, $7, $8, s, w, j, $9, $10, $10 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS u (i, s, w, j, n) ORDER BY n`,
		ids, states, reasons, of, f.key, f.release, f.revision, mode, by.ID, db.now())
	if err != nil {
		return fmt.Errorf("start runs: %w", err)
	}
	acts := make([]Act, 0, min(part, len(ids)))
	for i, id := range ids {
		acts = append(acts, Act{Actor: by, Action: "run.start", Kind: "run", ID: string(id), Detail: map[string]any{"flow": f.key, "release": f.release, "mode": mode, "joiner": of[i]}})
		if len(acts) == part || i == len(ids)-1 {
			if err := appendAuditTx(ctx, tx, acts...); err != nil {
				return err
			}
			acts = acts[:0]
		}
	}
	return nil
}
