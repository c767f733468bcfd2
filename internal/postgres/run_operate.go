package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/run"
)

// PausedConnections names the connections that are switched off.
func (db *DB) PausedConnections(ctx context.Context) (map[string]bool, error) {
	rows, err := db.pool.Query(ctx, `SELECT key FROM artifacts WHERE kind = 'connection' AND paused`)
	if err != nil {
		return nil, asFault(err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	out := map[string]bool{}
	for _, k := range keys {
		out[k] = true
	}
	return out, asFault(err)
}

// Barred names the people and tokens that may not start runs any more.
func (db *DB) Barred(ctx context.Context) (map[string]string, error) {
	may := []string{}
	for _, r := range auth.Roles() {
		if (auth.Actor{UserID: "anybody", Roles: []auth.Role{r}}).Can(auth.RunStart) {
			may = append(may, string(r))
		}
	}
	rows, err := db.pool.Query(ctx, `SELECT u.id, u.name FROM users u WHERE NOT (u.active AND u.roles && $1)
		UNION ALL SELECT t.id, t.name FROM api_tokens t LEFT JOIN users u ON u.id = t.owner_id WHERE t.revoked_at IS NOT NULL OR u.id IS NULL OR NOT (u.active AND u.roles && $1)`, may)
	if err != nil {
		return nil, asFault(err)
	}
	out := map[string]string{}
	var id, name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { out[id] = name; return nil })
	return out, asFault(err)
}

// operated is a run as its operators' verbs see it.
type operated struct {
	ID, Flow, Release string
	Revision          int
	State             run.State
	Undoing           bool
	// Begun is false of a run that a limit or its end kept from its first step.
	Begun bool
	Mode  run.Mode
}

// operate locks a run, runs a verb on it and writes the audit row.
func (db *DB) operate(ctx context.Context, by Actor, id, action, reason string, verb func(tx pgx.Tx, r operated) error) error {
	if len(reason) > 2000 {
		return fault.New(fault.Invalid, "A reason may have up to 2,000 characters.")
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		var r operated
		err := tx.QueryRow(ctx, `SELECT id, flow, release_id, revision, state, undoing, started_at IS NOT NULL, mode FROM runs WHERE id = $1 FOR UPDATE`, id).
			Scan(&r.ID, &r.Flow, &r.Release, &r.Revision, &r.State, &r.Undoing, &r.Begun, &r.Mode)
		if err == pgx.ErrNoRows {
			return fault.New(fault.NotFound, "There is no such run.")
		}
		if err != nil {
			return fmt.Errorf("lock run: %w", err)
		}
		if err := verb(tx, r); err != nil {
			return err
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: action, Kind: "run", ID: id, Detail: map[string]any{"flow": r.Flow, "was": r.State, "reason_given": reason != ""}})
	})
}

// CancelRun asks a run to end. A run under way ends after the steps that are
// under way; what they did stays.
func (db *DB) CancelRun(ctx context.Context, by Actor, id, reason string) error {
	why := "Canceled by " + by.Name + "."
	if r := strings.TrimSpace(reason); r != "" {
		why = "Canceled by " + by.Name + ": " + r
	}
	return db.operate(ctx, by, id, "run.cancel", reason, func(tx pgx.Tx, r operated) error {
		if r.State.Terminal() {
			return fault.New(fault.Conflict, "This run has ended already.")
		}
		if r.State == run.Running {
			_, err := tx.Exec(ctx, `UPDATE runs SET cancel_asked = $2 WHERE id = $1`, id, why)
			return err
		}
		for _, sql := range []string{
			`UPDATE runs SET state = 'canceled', reason = $2, wake_at = NULL, waiting_for = '', ended_at = $3, changed_at = now(), epoch = epoch + 1 WHERE id = $1`,
			`UPDATE steps SET state = 'canceled', wake_at = NULL, wait_for = '' WHERE run_id = $1 AND state IN ('pending', 'running', 'waiting') AND $2 <> '' AND $3::timestamptz IS NOT NULL`,
			`UPDATE signoffs SET state = 'canceled', decided_at = $3 WHERE run_id = $1 AND state = 'open' AND $2 <> ''`,
		} {
			if _, err := tx.Exec(ctx, sql, id, why, db.now()); err != nil {
				return fmt.Errorf("cancel run: %w", err)
			}
		}
		return nil
	})
}

// answersFor has whoever lets a run go that a person started answer for it from now on.
func answersFor(who string) string {
	return `started_by = CASE WHEN EXISTS (SELECT 1 FROM users WHERE id = started_by UNION ALL SELECT 1 FROM api_tokens WHERE id = started_by) THEN ` + who + ` ELSE started_by END`
}

// ResumeRun lets a parked run go.
func (db *DB) ResumeRun(ctx context.Context, by Actor, id, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return problem("reason", "Say why this run may go on.")
	}
	return db.operate(ctx, by, id, "run.resume", reason, func(tx pgx.Tx, r operated) error {
		if r.State != run.Parked {
			return fault.New(fault.Conflict, "Only a parked run is resumed; this one is %s.", r.State)
		}
		if err := db.alone(ctx, tx, by, r); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE runs SET state = 'queued', reason = '', wake_at = $2, wake_reason = '', changed_at = now(), `+answersFor("$3")+` WHERE id = $1`, id, db.now(), by.ID)
		return err
	})
}

// alone refuses to let a run go that a limit stopped, when that is more than one
// person may do.
func (db *DB) alone(ctx context.Context, tx pgx.Tx, by Actor, r operated) error {
	over, err := db.countAlone(ctx, tx, by, r.Flow, []string{r.ID})
	if err == nil && over != "" {
		return fault.New(fault.Conflict, "%s Ask a second person on the page Limits.", over)
	}
	return err
}

// ResumeFlow lets every run go that parked because its flow was paused.
func (db *DB) ResumeFlow(ctx context.Context, key string) error {
	_, err := db.pool.Exec(ctx, `UPDATE runs SET state = 'queued', reason = '', wake_at = $2, changed_at = now() WHERE flow = $1 AND state = 'parked' AND reason = 'The flow is paused.'`, key, db.now())
	return asFault(err)
}

// RetryRun runs a failed run again from the steps that failed; what follows them
// is forgotten, what succeeded stays. The joiner is read again first, because what was
// mended may be in the HRIS.
func (db *DB) RetryRun(ctx context.Context, by Actor, id string) error {
	return db.again(ctx, by, id, "run.retry", "", func(steps map[flow.NodeID]run.Step, c flow.Content) ([]flow.NodeID, error) {
		var from []flow.NodeID
		for _, n := range c.Nodes {
			s := steps[n.ID]
			if s.State == run.StepFailed && s.Port == flow.ErrorPort && !run.HandlesError(c, n.ID) || s.State == run.StepCanceled {
				from = append(from, n.ID)
			}
		}
		if len(from) == 0 {
			// The run was ended by a stop node or before its first step.
			for _, n := range c.Nodes {
				if n.Type == "stop" && steps[n.ID].State == run.StepSucceeded {
					from = append(from, n.ID)
				}
			}
		}
		return from, nil
	})
}

// RetryRunNewest runs a failed or canceled run again by the live release of its
// flow. What is done and the same in it stays.
func (db *DB) RetryRunNewest(ctx context.Context, by Actor, id string) error {
	return db.operate(ctx, by, id, "run.retry_newest", "", func(tx pgx.Tx, r operated) error {
		if r.State != run.Failed && r.State != run.Canceled || r.Undoing {
			return fault.New(fault.Conflict, "Only a failed or canceled run is retried; this one is %s.", r.State)
		}
		if !r.Begun && r.Mode == run.Live {
			if err := db.alone(ctx, tx, by, r); err != nil {
				return err
			}
		}
		f, err := db.startable(ctx, tx, r.Flow)
		if err != nil {
			return err
		}
		was, steps, err := db.graph(ctx, tx, r)
		if err != nil {
			return err
		}
		forget, err := run.Newest(was, f.content, steps)
		if err != nil {
			return err
		}
		changed, err := changedPolicies(ctx, tx, r.Release, f.release)
		if err != nil {
			return err
		}
		for _, n := range f.content.Nodes {
			for _, key := range []string{"policy", "calendar"} {
				if p, _ := n.Params[key].(string); changed[p] && steps[n.ID].Settled() {
					forget = append(forget, run.After(f.content, n.ID)...)
				}
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE runs SET release_id = $2, revision = $3 WHERE id = $1`, id, f.release, f.revision); err != nil {
			return fmt.Errorf("move run to the newest release: %w", err)
		}
		// What the run ended with is decided anew.
		for node, s := range steps {
			if n, ok := f.content.Find(node); ok && n.Type == "stop" && s.State == run.StepSucceeded {
				forget = append(forget, node)
			}
		}
		return requeue(ctx, tx, db, id, forget, false)
	})
}

// changedPolicies names the policies that two releases of a flow pin otherwise:
// what was worked out by them is worked out again.
func changedPolicies(ctx context.Context, tx pgx.Tx, was, now string) (map[string]bool, error) {
	rows, err := tx.Query(ctx, `SELECT p->>'key' FROM (SELECT jsonb_array_elements(pins::jsonb) AS p FROM releases WHERE id = $2) n WHERE p->>'kind' = 'policy'
		AND NOT EXISTS (SELECT 1 FROM (SELECT jsonb_array_elements(pins::jsonb) AS q FROM releases WHERE id = $1) w WHERE q = p)`, was, now)
	if err != nil {
		return nil, fmt.Errorf("compare policies: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	out := map[string]bool{}
	for _, k := range keys {
		out[k] = true
	}
	return out, err
}

// SkipStep goes on after a failed step as if it had left by a port.
func (db *DB) SkipStep(ctx context.Context, by Actor, id string, nodeID flow.NodeID, port, reason string) error {
	if len([]rune(strings.TrimSpace(reason))) < 5 {
		return problem("reason", "Say in at least 5 characters why this step may be skipped.")
	}
	return db.operate(ctx, by, id, "run.skip_step", reason, func(tx pgx.Tx, r operated) error {
		c, steps, err := db.graph(ctx, tx, r)
		if err != nil {
			return err
		}
		if r.State != run.Failed || steps[nodeID].State != run.StepFailed {
			return fault.New(fault.Conflict, "Only a failed step of a failed run can be skipped.")
		}
		if !slices.ContainsFunc(c.Edges, func(e flow.Edge) bool { return e.From == string(nodeID)+"."+port }) && port != "" {
			return problem("port", "Nothing is connected to this port.")
		}
		note := fmt.Sprintf("Skipped by %s: %s", by.Name, strings.TrimSpace(reason))
		if _, err := tx.Exec(ctx, `UPDATE steps SET state = 'succeeded', port = $3, note = $4 WHERE run_id = $1 AND node = $2`, id, nodeID, port, note); err != nil {
			return fmt.Errorf("skip step: %w", err)
		}
		return requeue(ctx, tx, db, id, canceled(steps), false)
	})
}

func canceled(steps map[flow.NodeID]run.Step) []flow.NodeID {
	var out []flow.NodeID
	for id, s := range steps {
		if s.State == run.StepCanceled {
			out = append(out, id)
		}
	}
	return out
}

// CompensateRun undoes what an ended run did.
func (db *DB) CompensateRun(ctx context.Context, by Actor, id, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return problem("reason", "Say why this run is undone.")
	}
	return db.operate(ctx, by, id, "run.compensate", reason, func(tx pgx.Tx, r operated) error {
		switch {
		case r.Mode != run.Live:
			return fault.New(fault.Conflict, "A simulated run did nothing, so there is nothing to undo.")
		case r.State == run.Compensated:
			return fault.New(fault.Conflict, "This run is undone already.")
		case !r.State.Terminal() && r.State != run.Parked:
			return fault.New(fault.Conflict, "This run is still %s. Cancel it first.", r.State)
		}
		return requeue(ctx, tx, db, id, nil, true)
	})
}

func (db *DB) again(ctx context.Context, by Actor, id, action, reason string, which func(map[flow.NodeID]run.Step, flow.Content) ([]flow.NodeID, error)) error {
	return db.operate(ctx, by, id, action, reason, func(tx pgx.Tx, r operated) error {
		if r.State != run.Failed && r.State != run.Canceled {
			return fault.New(fault.Conflict, "Only a failed or canceled run is retried; this one is %s.", r.State)
		}
		if r.Undoing {
			return requeue(ctx, tx, db, id, nil, true)
		}
		if !r.Begun && r.Mode == run.Live {
			if err := db.alone(ctx, tx, by, r); err != nil {
				return err
			}
		}
		c, steps, err := db.graph(ctx, tx, r)
		if err != nil {
			return err
		}
		from, err := which(steps, c)
		if err != nil {
			return err
		}
		var forget []flow.NodeID
		for _, n := range from {
			forget = append(forget, run.After(c, n)...)
		}
		return requeue(ctx, tx, db, id, forget, false)
	})
}

func (db *DB) graph(ctx context.Context, tx pgx.Tx, r operated) (flow.Content, map[flow.NodeID]run.Step, error) {
	kept, err := db.flowContent(ctx, tx, liveFlow{release: r.Release, key: r.Flow, revision: r.Revision})
	c := kept.content
	if err != nil {
		return c, nil, err
	}
	rows, err := tx.Query(ctx, `SELECT node, state, port FROM steps WHERE run_id = $1`, r.ID)
	if err != nil {
		return c, nil, err
	}
	defer rows.Close()
	steps := map[flow.NodeID]run.Step{}
	for rows.Next() {
		var id flow.NodeID
		var s run.Step
		if err := rows.Scan(&id, &s.State, &s.Port); err != nil {
			return c, nil, err
		}
		steps[id] = s
	}
	return c, steps, rows.Err()
}

func requeue(ctx context.Context, tx pgx.Tx, db *DB, id string, forget []flow.NodeID, undoing bool) error {
	nodes := make([]string, len(forget))
	for i, n := range forget {
		nodes[i] = string(n)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM steps WHERE run_id = $1 AND node = ANY ($2)`, id, nodes); err != nil {
		return fmt.Errorf("forget steps: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM function_moments WHERE run_id = $1 AND node = ANY ($2)`, id, nodes); err != nil {
		return fmt.Errorf("forget moments of functions: %w", err)
	}
	_, err := tx.Exec(ctx, `UPDATE runs SET state = 'queued', reason = '', wake_at = $2, wake_reason = CASE WHEN $3 THEN '' ELSE 'retry' END, cancel_asked = '', undoing = $3, ended_at = NULL, changed_at = now() WHERE id = $1`,
		id, db.now(), undoing)
	if err != nil {
		return fmt.Errorf("queue run: %w", err)
	}
	return nil
}
