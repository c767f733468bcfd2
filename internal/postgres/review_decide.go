package postgres

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"joinery/internal/fault"
	"joinery/internal/review"
)

// decide locks a review's artifact, runs a rule on the review and keeps the new state.
func (db *DB) decide(ctx context.Context, id string, rule func(*review.Review) error, then func(tx *gorm.DB, r review.Review) error) error {
	return db.tx(ctx, func(tx *gorm.DB) error {
		r, err := loadReview(tx, id)
		if err != nil {
			return err
		}
		if _, _, err := lockArtifact(tx, r.rule.Kind, r.rule.Key); err != nil {
			return err
		}
		if r, err = loadReview(tx, id); err != nil {
			return err
		}
		if r.rule.Backtest, err = db.backtestOf(tx, r.rule.Kind, r.rule.Key, r.rule.Revision); err != nil {
			return err
		}
		if r.rule.Newer, err = newerOf(tx, r.rule); err != nil {
			return err
		}
		if r.rule.Second, err = db.secondOf(tx, r.rule); err != nil {
			return err
		}
		if err := rule(&r.rule); err != nil {
			return err
		}
		if r.rule.State == review.Open {
			return then(tx, r.rule)
		}
		if err := tx.Exec(`UPDATE reviews SET state = ?, decided_at = now() WHERE id = ?`, r.rule.State, id).Error; err != nil {
			return fmt.Errorf("decide review: %w", err)
		}
		return then(tx, r.rule)
	})
}

// ApproveReview records one person's yes to exactly one hash and releases the
// revision, in one transaction. Where a second reviewer is needed, the first yes is
// recorded only, and the release is empty.
func (db *DB) ApproveReview(ctx context.Context, by Actor, id, hash, comment string) (review.Release, error) {
	if len(comment) > 10_000 {
		return review.Release{}, fault.New(fault.Invalid, "A comment may have up to 10,000 characters.")
	}
	var out review.Release
	err := db.decide(ctx, id, func(r *review.Review) error { return r.Approve(by, hash) }, func(tx *gorm.DB, r review.Review) error {
		err := tx.Exec(`INSERT INTO approvals (id, review_id, kind, key, revision, hash, approver_id, approver_name, comment) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			newID("ap_"), id, r.Kind, r.Key, r.Revision, r.Hash, by.UserID, by.Name, strings.TrimSpace(comment)).Error
		if err != nil {
			return fmt.Errorf("record approval: %w", err)
		}
		if err := addComment(tx, by, id, "approved", comment); err != nil {
			return err
		}
		if err := appendAudit(tx, Act{Actor: by, Action: "review.approve", Kind: string(r.Kind), ID: r.Key, Detail: map[string]any{"review": id, "revision": r.Revision, "hash": r.Hash}}); err != nil {
			return err
		}
		if r.State == review.Open {
			return nil
		}
		out, err = db.release(tx, by, r.Kind, r.Key, r.Revision, review.ByApproval, "")
		return err
	})
	return out, err
}

// RequestChanges sends a revision back.
func (db *DB) RequestChanges(ctx context.Context, by Actor, id, comment string) error {
	return db.decide(ctx, id, func(r *review.Review) error { return r.RequestChanges(by, comment) }, func(tx *gorm.DB, r review.Review) error {
		if err := addComment(tx, by, id, "changes_requested", comment); err != nil {
			return err
		}
		return appendAudit(tx, Act{Actor: by, Action: "review.request_changes", Kind: string(r.Kind), ID: r.Key, Detail: map[string]any{"review": id, "revision": r.Revision}})
	})
}

// WithdrawReview closes a review without a decision.
func (db *DB) WithdrawReview(ctx context.Context, by Actor, id string) error {
	return db.decide(ctx, id, func(r *review.Review) error { return r.Withdraw(by) }, func(tx *gorm.DB, r review.Review) error {
		if err := addComment(tx, by, id, "withdrawn", ""); err != nil {
			return err
		}
		return appendAudit(tx, Act{Actor: by, Action: "review.withdraw", Kind: string(r.Kind), ID: r.Key, Detail: map[string]any{"review": id}})
	})
}
