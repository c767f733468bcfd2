package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"joinery/internal/fault"
	"joinery/internal/review"
)

// ReviewRow is a review as lists show it.
type ReviewRow struct {
	ID           string
	Kind         review.Kind
	Key          string
	Name         string
	Revision     int
	Hash         string
	BaseRevision int
	State        review.State
	Message      string
	OpenedByName string
	OpenedAt     time.Time
	DecidedAt    *time.Time
	Checks       checkList
}

// checkList is a column with the checks of a review, as JSON.
type checkList []review.Check

var (
	_ driver.Valuer = checkList{}
	_ sql.Scanner   = (*checkList)(nil)
)

// Value writes the JSON. GORM takes a slice for another table unless it has this.
func (c checkList) Value() (driver.Value, error) {
	raw, err := json.Marshal(c)
	return string(raw), err
}

// Scan reads the JSON.
func (c *checkList) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("checks of a review are text, not %T", src)
	}
	return json.Unmarshal([]byte(text), c)
}

// ReviewComment is one line of the conversation.
type ReviewComment struct {
	AuthorID   string
	AuthorName string
	// What is comment, changes_requested, approved, withdrawn or superseded.
	What string
	Body string
	At   time.Time
}

// ReviewDetail is all a review page shows.
type ReviewDetail struct {
	review.Review
	Name         string
	OpenedByName string
	Message      string
	BaseRevision int
	// Content is what the review is about; BaseContent what was live when it was opened.
	Content     string
	BaseContent string
	AuthorNames []string
	Comments    []ReviewComment
	// Release is the id of the release that came of it; "" before approval.
	Release string
}

const reviewListSQL = `SELECT v.id, v.kind, v.key, a.name, v.revision, v.hash, v.base_revision, v.state, v.message, v.opened_by_name, v.opened_at, v.decided_at, v.checks
	FROM reviews v JOIN artifacts a ON a.kind = v.kind AND a.key = v.key`

// Reviews lists reviews, newest first, before an id. state "" means all.
func (db *DB) Reviews(ctx context.Context, state review.State, before string, limit int) (page []ReviewRow, next string, err error) {
	limit = pageSize(limit)
	var rows []ReviewRow
	err = db.gorm.WithContext(ctx).Raw(reviewListSQL+` WHERE (? = '' OR v.state = ?) AND (? = '' OR v.id < ?) ORDER BY v.id DESC LIMIT ?`,
		state, state, before, before, limit+1).Scan(&rows).Error
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list reviews: %w", err))
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].ID
	}
	return rows, next, nil
}

// ReviewsOf lists the reviews of one artifact, newest first.
func (db *DB) ReviewsOf(ctx context.Context, kind review.Kind, key string) ([]ReviewRow, error) {
	var rows []ReviewRow
	err := db.gorm.WithContext(ctx).Raw(reviewListSQL+` WHERE v.kind = ? AND v.key = ? ORDER BY v.id DESC LIMIT 100`, kind, key).Scan(&rows).Error
	return rows, asFault(err)
}

// Review finds a review with its conversation.
func (db *DB) Review(ctx context.Context, id string) (ReviewDetail, error) {
	tx := db.gorm.WithContext(ctx)
	r, err := loadReview(tx, id)
	if err != nil {
		return ReviewDetail{}, err
	}
	if r.rule.Backtest, err = db.backtestOf(tx, r.rule.Kind, r.rule.Key, r.rule.Revision); err != nil {
		return ReviewDetail{}, err
	}
	if r.rule.Newer, err = newerOf(tx, r.rule); err != nil {
		return ReviewDetail{}, err
	}
	if r.rule.Second, err = db.secondOf(tx, r.rule); err != nil {
		return ReviewDetail{}, err
	}
	d := ReviewDetail{Review: r.rule, Name: r.Name, OpenedByName: r.OpenedByName, Message: r.Message, BaseRevision: r.BaseRevision}
	rev, err := findRevision(tx, r.rule.Kind, r.rule.Key, r.rule.Revision)
	if err != nil {
		return ReviewDetail{}, err
	}
	d.Content = rev.Content
	if d.BaseRevision > 0 {
		base, err := findRevision(tx, r.rule.Kind, r.rule.Key, d.BaseRevision)
		if err != nil {
			return ReviewDetail{}, err
		}
		d.BaseContent = base.Content
	}
	for _, q := range []struct {
		into any
		sql  string
		args []any
	}{
		{&d.Comments, `SELECT author_id, author_name, what, body, at FROM review_comments WHERE review_id = ? ORDER BY id`, []any{id}},
		{&d.AuthorNames, `SELECT DISTINCT author_name FROM revisions WHERE kind = ? AND key = ? AND author_id = ANY (?::text[]) AND revision <= ? ORDER BY 1`,
			[]any{r.rule.Kind, r.rule.Key, textArray(r.rule.Authors), r.rule.Revision}},
		{&d.Release, `SELECT coalesce((SELECT l.id FROM releases l JOIN approvals p ON p.kind = l.kind AND p.key = l.key AND p.revision = l.revision
			WHERE p.review_id = ? AND l.how = 'approval' ORDER BY l.seq DESC LIMIT 1), '')`, []any{id}},
	} {
		if err := tx.Raw(q.sql, q.args...).Scan(q.into).Error; err != nil {
			return ReviewDetail{}, asFault(fmt.Errorf("read review: %w", err))
		}
	}
	return d, nil
}

// ApprovalRow is one person's yes to a revision.
type ApprovalRow struct {
	ReviewID     string
	ApproverName string
	Comment      string
	At           time.Time
}

// ApprovalsOf lists who said yes to a revision.
func (db *DB) ApprovalsOf(ctx context.Context, kind review.Kind, key string, number int) ([]ApprovalRow, error) {
	var rows []ApprovalRow
	err := db.gorm.WithContext(ctx).Raw(`SELECT review_id, approver_name, comment, at FROM approvals WHERE kind = ? AND key = ? AND revision = ? ORDER BY id`, kind, key, number).Scan(&rows).Error
	return rows, asFault(err)
}

type loadedReview struct {
	rule         review.Review
	Name         string
	OpenedByName string
	Message      string
	BaseRevision int
}

// loadReview reads a review with what its rule needs.
func loadReview(tx *gorm.DB, id string) (loadedReview, error) {
	var rows []struct {
		ID, Kind, Key, Name, Hash, Head, Base, Live, State, Message, Checks, OpenedBy, OpenedByName string
		Revision, BaseRevision                                                                      int
		OpenedAt                                                                                    time.Time
	}
	err := tx.Raw(`SELECT v.id, v.kind, v.key, a.name, v.revision, v.hash, v.base, v.base_revision, v.state, v.message, v.checks, v.opened_by, v.opened_by_name, v.opened_at,
		encode(sha256(convert_to(r.content, 'UTF8')), 'hex') AS head,
		coalesce((SELECT hash FROM live_releases l WHERE l.kind = v.kind AND l.key = v.key), '') AS live
		FROM reviews v JOIN artifacts a ON a.kind = v.kind AND a.key = v.key
		JOIN revisions r ON r.kind = v.kind AND r.key = v.key AND r.revision = v.revision WHERE v.id = ?`, id).Scan(&rows).Error
	if err != nil {
		return loadedReview{}, asFault(fmt.Errorf("read review: %w", err))
	}
	if len(rows) == 0 {
		return loadedReview{}, fault.New(fault.NotFound, "There is no such review.")
	}
	w := rows[0]
	out := loadedReview{Name: w.Name, OpenedByName: w.OpenedByName, Message: w.Message, BaseRevision: w.BaseRevision,
		rule: review.Review{ID: w.ID, Kind: review.Kind(w.Kind), Key: w.Key, Revision: w.Revision, Hash: w.Hash, Head: w.Head, Base: w.Base, Live: w.Live,
			State: review.State(w.State), OpenedBy: w.OpenedBy, OpenedAt: w.OpenedAt}}
	if err := json.Unmarshal([]byte(w.Checks), &out.rule.Checks); err != nil {
		return loadedReview{}, fmt.Errorf("read checks of a review: %w", err)
	}
	err = tx.Raw(`SELECT DISTINCT r.author_id FROM revisions r WHERE r.kind = ? AND r.key = ? AND r.revision <= ? AND wrote(r.kind, r.key, ?, r.author_id) ORDER BY 1`,
		w.Kind, w.Key, w.Revision, w.Revision).Scan(&out.rule.Authors).Error
	return out, asFault(err)
}
