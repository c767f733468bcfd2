package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/exception"
	"joinery/internal/fault"
	"joinery/internal/policy"
	"joinery/internal/review"
)

// NewException is something that a person has to reconcile. Any part of Joinery
// may open one.
type NewException struct {
	// Kind is one of exception's kinds, or another lower-case word.
	Kind string
	// Subject is what it is about: there is at most one unresolved exception of a
	// subject. FieldSubject makes that of a field.
	Subject string
	// Title is a few words without values; Reason says what happened and what to do.
	Title, Reason string

	Connection, Worker, JoinerID, Field, Policy, Flow string
	Run, Node                                         string
	// Ours and Theirs are the two values, where it is about a field.
	Ours, Theirs any
	Detail       map[string]any
}

// FieldSubject is the subject of a field of a worker, whatever is wrong with it.
func FieldSubject(connection, worker, field string) string {
	return "field|" + connection + "|" + worker + "|" + field
}

// OpenedException tells what became of opening one.
type OpenedException struct {
	ID    string
	State exception.State
	// New says that there was none about the subject, or that one came back.
	New bool
}

// OpenException opens an exception, or finds the one there is about the subject and
// brings its values up to date. One that may stay so until a date is left alone.
func (db *DB) OpenException(ctx context.Context, by Actor, x NewException) (OpenedException, error) {
	var out OpenedException
	ours, err := valueText(x.Ours)
	if err != nil {
		return out, err
	}
	theirs, err := valueText(x.Theirs)
	if err != nil {
		return out, err
	}
	detail, err := json.Marshal(x.Detail)
	if err != nil || x.Detail == nil {
		detail = []byte("{}")
	}
	now := db.now()
	err = db.ptx(ctx, func(tx pgx.Tx) error {
		var before string
		err := tx.QueryRow(ctx, `SELECT state FROM exceptions WHERE subject = $1 AND state <> 'resolved' FOR UPDATE`, x.Subject).Scan(&before)
		if err != nil && err != pgx.ErrNoRows {
			return err
		}
		id := newID("ex_")
		err = tx.QueryRow(ctx, `INSERT INTO exceptions AS e (id, kind, subject, state, title, reason, connection, worker, joiner_id, field, policy, flow, run_id, node, ours, theirs, detail, opened_at, changed_at)
			VALUES ($1, $2, $3, 'open', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::jsonb, $15::jsonb, $16::jsonb, $17, $17)
			ON CONFLICT (subject) WHERE state <> 'resolved' DO UPDATE SET
				seen = e.seen + CASE WHEN e.run_id = excluded.run_id AND e.ours IS NOT DISTINCT FROM excluded.ours AND e.theirs IS NOT DISTINCT FROM excluded.theirs THEN 0 ELSE 1 END,
				state = CASE WHEN e.state = 'excepted' AND e.until <= $17 THEN 'open' ELSE e.state END,
				kind = CASE WHEN e.state = 'pushing' THEN e.kind ELSE excluded.kind END, reason = CASE WHEN e.state = 'pushing' THEN e.reason ELSE excluded.reason END,
				run_id = CASE WHEN excluded.run_id = '' OR e.state = 'pushing' THEN e.run_id ELSE excluded.run_id END, node = CASE WHEN excluded.run_id = '' OR e.state = 'pushing' THEN e.node ELSE excluded.node END,
				policy = CASE WHEN excluded.policy = '' THEN e.policy ELSE excluded.policy END, flow = CASE WHEN excluded.flow = '' THEN e.flow ELSE excluded.flow END,
				ours = CASE WHEN e.state = 'pushing' THEN e.ours ELSE excluded.ours END, theirs = CASE WHEN e.state = 'pushing' THEN e.theirs ELSE excluded.theirs END, changed_at = excluded.changed_at
			RETURNING id, state`, id, x.Kind, x.Subject, x.Title, x.Reason, x.Connection, x.Worker, x.JoinerID, x.Field, x.Policy, x.Flow, x.Run, x.Node, ours, theirs, string(detail), now).
			Scan(&out.ID, &out.State)
		if err != nil {
			return fmt.Errorf("open exception: %w", err)
		}
		out.New = out.ID == id || before == string(exception.Excepted) && out.State == exception.Open
		if !out.New {
			return nil
		}
		act := "exception.open"
		if out.ID != id {
			act = "exception.reopen"
		}
		return db.storyTx(ctx, tx, by, out.ID, act, x.Reason, map[string]any{"kind": x.Kind, "connection": x.Connection, "field": x.Field, "joiner": x.JoinerID, "run": x.Run})
	})
	return out, err
}

// storyTx adds to an exception's story and to the audit log. The audit log gets no
// words of the story: they may hold values.
func (db *DB) storyTx(ctx context.Context, tx pgx.Tx, by Actor, id, act, text string, detail map[string]any) error {
	if err := db.storyOnly(ctx, tx, by, id, strings.TrimPrefix(act, "exception."), text); err != nil {
		return err
	}
	return appendAuditTx(ctx, tx, Act{Actor: by, Action: act, Kind: "exception", ID: id, Detail: detail})
}

func (db *DB) storyOnly(ctx context.Context, tx pgx.Tx, by Actor, id, act, text string) error {
	if _, err := tx.Exec(ctx, `INSERT INTO exception_acts (exception_id, at, actor_id, actor_name, act, text) VALUES ($1, $2, $3, $4, $5, $6)`, id, db.now(), by.ID, by.Name, act, text); err != nil {
		return fmt.Errorf("write exception's story: %w", err)
	}
	return nil
}

// Resolution is what a person does with an exception. Seen is the hash of the two
// values they looked at; "" does not compare.
type Resolution struct {
	exception.Wish
	Seen string
}

// ResolveException carries out an act, in one transaction with its audit record,
// and wakes the run that waits for it.
func (db *DB) ResolveException(ctx context.Context, by Actor, id string, r Resolution) (exception.State, error) {
	x, err := db.Exception(ctx, id)
	if err != nil {
		return "", err
	}
	consent, err := db.pushConsent(ctx, x, r.Act)
	if err != nil {
		return "", err
	}
	owner, err := db.exceptionOwner(ctx, r.Owner)
	if err != nil {
		return "", err
	}
	var next exception.State
	err = db.ptx(ctx, func(tx pgx.Tx) error {
		now := x
		if err := tx.QueryRow(ctx, exceptionSQL+` WHERE e.id = $1 FOR UPDATE OF e`, id).Scan(now.scan()...); err != nil {
			return err
		}
		if r.Seen != "" && r.Seen != now.Hash() {
			return fault.New(fault.Conflict, "The values changed after you opened this page. Look at them again.")
		}
		var err error
		if next, err = now.Rule().Next(by, r.Wish, consent, db.now()); err != nil {
			return err
		}
		return db.applyResolution(ctx, tx, by, now, r, next, owner)
	})
	return next, err
}

// pushConsent finds what the live contract says of writing the field again.
func (db *DB) pushConsent(ctx context.Context, x ExceptionRow, act exception.Act) (exception.Consent, error) {
	if act != exception.Push && act != exception.Refuse || !x.Rule().Values {
		return exception.Consent{}, nil
	}
	row, found, err := db.LiveContract(ctx, x.Policy, x.Connection, x.Field)
	if err != nil {
		return exception.Consent{}, err
	}
	if !found {
		if act == exception.Refuse {
			return exception.Consent{}, nil
		}
		return exception.Consent{}, fault.New(fault.Conflict, "No live contract allows writing %s to %s any more (policy %s). Accept HR's value, or have the contract approved again.", x.Field, x.Connection, x.Policy)
	}
	return exception.Consent{Needed: row.Approve != policy.ApproveContract, Role: row.Role}, nil
}

// PushConsent tells what the live contract says of pushing an exception's value;
// allowed is false when no contract lets it be written any more.
func (db *DB) PushConsent(ctx context.Context, x ExceptionRow) (c exception.Consent, allowed bool, err error) {
	if !x.Rule().Values {
		return c, false, nil
	}
	row, found, err := db.LiveContract(ctx, x.Policy, x.Connection, x.Field)
	return exception.Consent{Needed: row.Approve != policy.ApproveContract, Role: row.Role}, found, err
}

// LiveContract gives the row of a field in the live release of a write-back policy.
func (db *DB) LiveContract(ctx context.Context, key, connection, field string) (policy.WriteBackField, bool, error) {
	var none policy.WriteBackField
	if key == "" {
		return none, false, nil
	}
	content, found, err := db.LiveContent(ctx, review.Policy, key)
	if err != nil || !found {
		return none, false, err
	}
	c, err := policy.Decode(content)
	if err != nil || c.WriteBack == nil {
		return none, false, err
	}
	row, found := c.WriteBack.Find(connection, field)
	return row, found, nil
}

// LiveContent gives the content of the live release of an artifact.
func (db *DB) LiveContent(ctx context.Context, kind review.Kind, key string) ([]byte, bool, error) {
	a, err := db.Artifact(ctx, kind, key)
	if fault.Is(err, fault.NotFound) || err == nil && a.Live == nil {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	_, content, err := db.Release(ctx, a.Live.ID)
	return content, err == nil, err
}

type exceptionOwner struct{ id, name string }

// exceptionOwner finds an active user by id or e-mail address.
func (db *DB) exceptionOwner(ctx context.Context, who string) (exceptionOwner, error) {
	var o exceptionOwner
	if who = strings.TrimSpace(who); who == "" {
		return o, nil
	}
	err := db.pool.QueryRow(ctx, `SELECT id, name FROM users WHERE (id = $1 OR lower(email) = lower($1)) AND active`, who).Scan(&o.id, &o.name)
	if err == pgx.ErrNoRows {
		return o, problem("owner", "There is no active user with this e-mail address.")
	}
	return o, asFault(err)
}

func (db *DB) applyResolution(ctx context.Context, tx pgx.Tx, by Actor, x ExceptionRow, r Resolution, next exception.State, owner exceptionOwner) error {
	now, reason := db.now(), strings.TrimSpace(r.Reason)
	set := func(sql string, args ...any) error {
		_, err := tx.Exec(ctx, `UPDATE exceptions SET changed_at = $2, state = $3, `+sql+` WHERE id = $1`, append([]any{x.ID, now, string(next)}, args...)...)
		if err != nil {
			return fmt.Errorf("resolve exception: %w", err)
		}
		return nil
	}
	var err error
	text := reason
	switch r.Act {
	case exception.AcceptHR, exception.Close:
		err = set(`resolution = $4, resolved_by = $5, resolved_name = $6, resolved_at = $2, comment = $7, until = NULL`, string(r.Act), by.UserID, by.Name, reason)
		if err == nil && r.Act == exception.AcceptHR {
			_, err = tx.Exec(ctx, `UPDATE write_backs SET state = 'released', check_at = NULL WHERE joiner_id = $1 AND connection = $2 AND field = $3 AND state NOT IN ('undone', 'replaced', 'released')`, x.JoinerID, x.Connection, x.Field)
		}
	case exception.Push:
		err = set(`push_at = $4, push_tries = 0, push_phase = '', push_key = $5, until = NULL`, now, newID("push:"))
	case exception.Refuse:
		err = set(`push_at = NULL`)
	case exception.Until:
		text = "Until " + r.Until.UTC().Format("2 Jan 2006") + ", " + owner.name + " answers for it: " + reason
		err = set(`until = $4, owner_id = $5, owner_name = $6, comment = $7`, r.Until, owner.id, owner.name, reason)
	case exception.Assign:
		text = strings.TrimSpace(owner.name + ". " + reason)
		err = set(`owner_id = $4, owner_name = $5`, owner.id, owner.name)
	}
	if err != nil {
		return err
	}
	act := "exception." + string(r.Act)
	if next == exception.Asked {
		act = "exception.ask_push"
	}
	if err := db.storyTx(ctx, tx, by, x.ID, act, text, map[string]any{"kind": x.Kind, "connection": x.Connection, "field": x.Field, "joiner": x.JoinerID, "was": x.State, "owner": owner.id, "reason_given": reason != ""}); err != nil {
		return err
	}
	return db.wakeWaiting(ctx, tx, x.RunID)
}

// wakeWaiting wakes the run that opened an exception, in case it waits for it.
func (db *DB) wakeWaiting(ctx context.Context, tx pgx.Tx, runID string) error {
	if runID == "" {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE runs SET nudged = true, wake_reason = 'event', wake_at = CASE WHEN state = 'waiting' THEN $2 ELSE wake_at END WHERE id = $1 AND mode = 'live' AND state IN ('waiting', 'running')`, runID, db.now())
	if err != nil {
		return fmt.Errorf("wake run: %w", err)
	}
	return nil
}

// EndException resolves an exception whose matter is settled: our value was pushed
// and read back, or the two values agree again by themselves.
func (db *DB) EndException(ctx context.Context, by Actor, id, resolution, text string) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		var runID string
		err := tx.QueryRow(ctx, `UPDATE exceptions SET state = 'resolved', resolution = $2, resolved_by = $3, resolved_name = $4, resolved_at = $5, changed_at = $5, push_at = NULL, push_phase = ''
			WHERE id = $1 AND state <> 'resolved' RETURNING run_id`, id, resolution, by.UserID, by.Name, db.now()).Scan(&runID)
		if err == pgx.ErrNoRows {
			return nil
		}
		if err != nil {
			return fmt.Errorf("end exception: %w", err)
		}
		if err := db.storyTx(ctx, tx, by, id, "exception.resolved", text, map[string]any{"resolution": resolution}); err != nil {
			return err
		}
		return db.wakeWaiting(ctx, tx, runID)
	})
}

// LapseExceptions opens exceptions again whose date has come.
func (db *DB) LapseExceptions(ctx context.Context, by Actor) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE exceptions SET state = 'open', changed_at = $1, until = NULL WHERE id IN (SELECT id FROM exceptions WHERE state = 'excepted' AND until <= $1 ORDER BY until LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING id`, db.now())
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := db.storyTx(ctx, tx, by, id, "exception.reopen", "The date until which it might stay so has come.", nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// PushStep is how a push goes on: see DuePushes.
type PushStep struct {
	ID string
	// Phase is "sending" or "sent"; At is when to go on.
	Phase string
	At    time.Time
	Tries int
}

// DuePushes takes exceptions whose value is to be written again. Each is put off
// by a minute, so that another process goes on when this one dies.
func (db *DB) DuePushes(ctx context.Context, most int) ([]ExceptionRow, error) {
	now := db.now()
	rows, err := db.pool.Query(ctx, `UPDATE exceptions SET push_at = $2 WHERE id IN (SELECT id FROM exceptions WHERE state = 'pushing' AND push_at <= $1 ORDER BY push_at LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING id`, now, now.Add(time.Minute), most)
	if err != nil {
		return nil, asFault(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, asFault(err)
	}
	var out []ExceptionRow
	for _, id := range ids {
		x, err := db.Exception(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// GoOnPushing keeps how far a push is.
func (db *DB) GoOnPushing(ctx context.Context, s PushStep) error {
	_, err := db.pool.Exec(ctx, `UPDATE exceptions SET push_phase = $2, push_at = $3, push_tries = $4 WHERE id = $1 AND state = 'pushing'`, s.ID, s.Phase, s.At, s.Tries)
	return asFault(err)
}

// PushFailed opens an exception again whose value could not be written, with what
// the HRIS says now.
func (db *DB) PushFailed(ctx context.Context, by Actor, id, reason string, theirs any) error {
	text, err := valueText(theirs)
	if err != nil {
		return err
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE exceptions SET state = 'open', push_at = NULL, push_phase = '', reason = $2, theirs = $3::jsonb, changed_at = $4 WHERE id = $1 AND state = 'pushing'`, id, reason, text, db.now())
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return db.storyTx(ctx, tx, by, id, "exception.push_failed", reason, nil)
	})
}
