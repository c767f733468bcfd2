package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/review"
)

// How long who examines may be silent before another process begins anew, and how
// often that is done.
const (
	examinationSilent = 30 * time.Second
	examinationTries  = 3
)

// Examination is what the governed runtime showed of one content of a function, or
// how far that is.
type Examination struct {
	Hash, Key string
	Revision  int
	// State is queued, running, done or failed; Error why it failed.
	State, Error string
	Report       function.Examination
	EndedAt      *time.Time
	Took         time.Duration
}

// States of an examination.
const (
	ExaminationQueued  = "queued"
	ExaminationRunning = "running"
	ExaminationDone    = "done"
	ExaminationFailed  = "failed"
)

// askExamination asks for an examination of a revision, unless its content has one.
func askExamination(tx *gorm.DB, key string, revision int, hash string) error {
	err := tx.Exec(`INSERT INTO examinations (hash, key, revision, state) VALUES (?, ?, ?, 'queued')
		ON CONFLICT (hash) DO UPDATE SET state = 'queued', owner = '', tries = 0, error = '' WHERE examinations.state = 'failed'`, hash, key, revision).Error
	if err != nil {
		return fmt.Errorf("ask for an examination: %w", err)
	}
	return nil
}

// AskExamination asks for the examination of what a review is about again.
func (db *DB) AskExamination(ctx context.Context, by Actor, id string) error {
	return db.tx(ctx, func(tx *gorm.DB) error {
		r, err := loadReview(tx, id)
		if err != nil {
			return err
		}
		if r.rule.Kind != review.Function {
			return fault.New(fault.Invalid, "Only functions are examined.")
		}
		if err := askExamination(tx, r.rule.Key, r.rule.Revision, r.rule.Hash); err != nil {
			return err
		}
		return appendAudit(tx, Act{Actor: by, Action: "function.examine", Kind: string(review.Function), ID: r.rule.Key, Detail: map[string]any{"review": id, "hash": r.rule.Hash}})
	})
}

// Examination finds the one of a content by its hash; false when none was asked for.
func (db *DB) Examination(ctx context.Context, hash string) (e Examination, found bool, err error) {
	var report string
	var took int64
	err = db.pool.QueryRow(ctx, `SELECT hash, key, revision, state, error, coalesce(report, '{}'), ended_at, milliseconds FROM examinations WHERE hash = $1`, hash).
		Scan(&e.Hash, &e.Key, &e.Revision, &e.State, &e.Error, &report, &e.EndedAt, &took)
	if errors.Is(err, pgx.ErrNoRows) {
		return e, false, nil
	}
	if err != nil {
		return e, false, asFault(fmt.Errorf("read examination: %w", err))
	}
	e.Took = time.Duration(took) * time.Millisecond
	return e, true, json.Unmarshal([]byte(report), &e.Report)
}

// TakeExamination takes one that waits, or whose carrier is gone, with what is to be
// examined; false when there is none.
func (db *DB) TakeExamination(ctx context.Context, owner string) (hash string, content []byte, err error) {
	_, err = db.pool.Exec(ctx, `UPDATE examinations SET state = 'failed', error = 'It was begun several times, and the process ended each time.', ended_at = $1
		WHERE state = 'running' AND tries >= $2 AND beat_at < clock_timestamp() - $3::interval`, db.now(), examinationTries, examinationSilent)
	if err != nil {
		return "", nil, asFault(fmt.Errorf("give up examinations: %w", err))
	}
	var text string
	err = db.pool.QueryRow(ctx, `UPDATE examinations e SET state = 'running', owner = $1, beat_at = clock_timestamp(), tries = tries + 1
		WHERE hash = (SELECT hash FROM examinations WHERE state = 'queued' OR state = 'running' AND beat_at < clock_timestamp() - $2::interval ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING hash, (SELECT content FROM revisions r WHERE r.kind = 'function' AND r.key = e.key AND r.revision = e.revision)`, owner, examinationSilent).Scan(&hash, &text)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, nil
	}
	return hash, []byte(text), asFault(err)
}

// BeatExamination says that it is still under way; false when it is in other hands.
func (db *DB) BeatExamination(ctx context.Context, hash, owner string) (bool, error) {
	tag, err := db.pool.Exec(ctx, `UPDATE examinations SET beat_at = clock_timestamp() WHERE hash = $1 AND owner = $2 AND state = 'running'`, hash, owner)
	return err == nil && tag.RowsAffected() == 1, asFault(err)
}

// GiveBackExamination lets another process begin it at once.
func (db *DB) GiveBackExamination(ctx context.Context, hash, owner string) error {
	_, err := db.pool.Exec(ctx, `UPDATE examinations SET state = 'queued', owner = '', tries = tries - 1 WHERE hash = $1 AND owner = $2 AND state = 'running'`, hash, owner)
	return asFault(err)
}

// FailExamination ends one that cannot be carried out.
func (db *DB) FailExamination(ctx context.Context, hash, owner, why string) error {
	_, err := db.pool.Exec(ctx, `UPDATE examinations SET state = 'failed', error = $3, ended_at = $4 WHERE hash = $1 AND owner = $2 AND state = 'running'`, hash, owner, clipText(why, 1000), db.now())
	return asFault(err)
}

// EndExamination keeps what it showed, with a record of it.
func (db *DB) EndExamination(ctx context.Context, hash, owner string, report function.Examination, took time.Duration) error {
	text, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("write examination: %w", err)
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		var key string
		err := tx.QueryRow(ctx, `UPDATE examinations SET state = 'done', report = $3, milliseconds = $4, ended_at = $5 WHERE hash = $1 AND owner = $2 AND state = 'running' RETURNING key`,
			hash, owner, string(text), took.Milliseconds(), db.now()).Scan(&key)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // it is in other hands
		}
		if err != nil {
			return fmt.Errorf("end examination: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: auth.Engine(), Action: "function.examined", Kind: string(review.Function), ID: key,
			Detail: map[string]any{"hash": hash, "cases": len(report.Cases), "missed_lines": len(report.Missed), "changes": report.Tried, "survivors": len(report.Survivors)}})
	})
}

// RecordScratch puts on record that somebody tried input of their own on what a review
// is about. The input itself is not kept.
func (db *DB) RecordScratch(ctx context.Context, by Actor, key, reviewID, hash, kind string) error {
	return db.tx(ctx, func(tx *gorm.DB) error {
		return appendAudit(tx, Act{Actor: by, Action: "function.scratch", Kind: string(review.Function), ID: key, Detail: map[string]any{"review": reviewID, "hash": hash, "ended": kind}})
	})
}

// FlowsUsing names the flows whose newest revision uses an artifact.
func (db *DB) FlowsUsing(ctx context.Context, kind review.Kind, key string) ([]string, error) {
	var rows []struct{ Name, Content string }
	err := db.gorm.WithContext(ctx).Raw(`SELECT a.name, r.content FROM artifacts a JOIN revisions r ON r.kind = a.kind AND r.key = a.key AND r.revision = a.head
		WHERE a.kind = 'flow' AND strpos(r.content, ?) > 0 ORDER BY a.key`, `"`+key+`"`).Scan(&rows).Error
	if err != nil {
		return nil, asFault(fmt.Errorf("find flows that use it: %w", err))
	}
	var out []string
	for _, w := range rows {
		uses, err := db.artifacts.Uses(review.Flow, []byte(w.Content))
		if err != nil {
			return nil, err
		}
		for _, u := range uses {
			if u.Kind == kind && u.Key == key {
				out = append(out, w.Name)
			}
		}
	}
	return out, nil
}
