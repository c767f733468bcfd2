package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"joinery/internal/fault"
	"joinery/internal/review"
)

// OpenReview submits a revision. A review of an earlier revision that is still
// open is closed as superseded. fault.Invalid with problems when the content is
// not fit to go live; fault.Conflict when it is live already.
func (db *DB) OpenReview(ctx context.Context, by Actor, kind review.Kind, key string, number int, message string) (review.Review, error) {
	if by.UserID == "" {
		return review.Review{}, fault.New(fault.Forbidden, "Only a person can submit a revision.")
	}
	if len(message) > 2000 {
		return review.Review{}, fault.New(fault.Invalid, "The message may have up to 2,000 characters.")
	}
	rev, err := db.Revision(ctx, kind, key, number)
	if err != nil {
		return review.Review{}, err
	}
	problems, err := db.Problems(ctx, kind, []byte(rev.Content))
	if err != nil {
		return review.Review{}, err
	}
	if err := fault.Refuse(fmt.Sprintf("Revision %d cannot be submitted before its problems are solved.", rev.Number), problems); err != nil {
		return review.Review{}, err
	}
	if kind == review.Function {
		if err := db.passGates(ctx, rev); err != nil {
			return review.Review{}, err
		}
	}
	checks, err := json.Marshal([]review.Check{{Name: "content", Passed: true, Detail: "No problems were found."}})
	if err != nil {
		return review.Review{}, err
	}
	var out review.Review
	err = db.tx(ctx, func(tx *gorm.DB) error {
		if _, _, err := lockArtifact(tx, kind, key); err != nil {
			return err
		}
		a, err := findArtifact(tx, kind, key)
		if err != nil {
			return err
		}
		base, baseRevision := "", 0
		if a.Live != nil {
			base, baseRevision = a.Live.Hash, a.Live.Revision
		}
		if base == rev.Hash {
			return fault.New(fault.Conflict, "This content is live already.")
		}
		if a.OpenReview != "" {
			if err := supersede(tx, by, a.OpenReview, rev.Number); err != nil {
				return err
			}
		}
		id := newID("rv_")
		err = tx.Exec(`INSERT INTO reviews (id, kind, key, revision, hash, base, base_revision, state, message, checks, opened_by, opened_by_name)
			VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?)`, id, kind, key, rev.Number, rev.Hash, base, baseRevision, strings.TrimSpace(message), string(checks), by.UserID, by.Name).Error
		if err != nil {
			return fmt.Errorf("open review: %w", err)
		}
		if kind == review.Function {
			if err := askExamination(tx, key, rev.Number, rev.Hash); err != nil {
				return err
			}
		}
		loaded, err := loadReview(tx, id)
		if err != nil {
			return err
		}
		out = loaded.rule
		return appendAudit(tx, Act{Actor: by, Action: "review.open", Kind: string(kind), ID: key, Detail: map[string]any{"review": id, "revision": rev.Number, "hash": rev.Hash}})
	})
	return out, err
}

// supersede closes an open review because a newer revision is submitted. Opening
// the same revision again compares it with what is live now.
func supersede(tx *gorm.DB, by Actor, id string, number int) error {
	if err := tx.Exec(`UPDATE reviews SET state = 'closed', decided_at = now() WHERE id = ?`, id).Error; err != nil {
		return fmt.Errorf("supersede review: %w", err)
	}
	return addComment(tx, by, id, "superseded", fmt.Sprintf("Revision %d was submitted.", number))
}

func addComment(tx *gorm.DB, by Actor, reviewID, what, body string) error {
	err := tx.Exec(`INSERT INTO review_comments (id, review_id, author_id, author_name, what, body) VALUES (?, ?, ?, ?, ?, ?)`,
		newID("rc_"), reviewID, by.UserID, by.Name, what, strings.TrimSpace(body)).Error
	if err != nil {
		return fmt.Errorf("add comment: %w", err)
	}
	return nil
}

// CommentReview adds to the conversation.
func (db *DB) CommentReview(ctx context.Context, by Actor, id, body string) error {
	if err := review.CheckComment(body); err != nil {
		return err
	}
	return db.tx(ctx, func(tx *gorm.DB) error {
		r, err := loadReview(tx, id)
		if err != nil {
			return err
		}
		if err := addComment(tx, by, id, "comment", body); err != nil {
			return err
		}
		return appendAudit(tx, Act{Actor: by, Action: "review.comment", Kind: string(r.rule.Kind), ID: r.rule.Key, Detail: map[string]any{"review": id}})
	})
}
