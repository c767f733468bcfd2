package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"joinery/internal/fault"
	"joinery/internal/review"
)

// Artifact is one artifact as lists and pages show it.
type Artifact struct {
	Kind      review.Kind
	Key       string
	Name      string
	Head      int
	HeadHash  string
	HeadBy    string
	UpdatedAt time.Time
	Layout    string
	Paused    bool
	PausedWhy string
	// Live is the release in force; nil when there is none.
	Live *review.Release
	// OpenReview is the id of the review under way; "" when there is none.
	OpenReview string
	// Unratified says the live release has no approval and no second person's word yet.
	Unratified bool
}

// Revision is one immutable saved content.
type Revision struct {
	Kind       review.Kind
	Key        string
	Number     int
	Content    string
	Hash       string
	Message    string
	AuthorID   string
	AuthorName string
	Via        string
	// Restored is the revision this one brought back; 0 when it is none.
	Restored int
	At       time.Time
	// Approved says another person approved exactly this content.
	Approved bool
	// Released says it is or was live.
	Released bool
}

const artifactSQL = `SELECT a.kind, a.key, a.name, a.head, a.layout, a.paused, a.paused_why, a.updated_at,
	coalesce(r.hash, '') AS head_hash, coalesce(r.author_name, '') AS head_by,
	coalesce((SELECT id FROM reviews v WHERE v.kind = a.kind AND v.key = a.key AND v.state = 'open'), '') AS open_review,
	l.id AS live_id, l.revision AS live_revision, l.hash AS live_hash, l.how AS live_how, l.reason AS live_reason, l.by_name AS live_by,
	l.at AS live_at, l.pins AS live_pins, l.root AS live_root,
	(l.how = 'breakglass' AND NOT EXISTS (SELECT 1 FROM ratifications f WHERE f.release_id = l.id)) AS unratified
	FROM artifacts a
	LEFT JOIN revisions r ON r.kind = a.kind AND r.key = a.key AND r.revision = a.head
	LEFT JOIN LATERAL (SELECT * FROM releases l WHERE l.kind = a.kind AND l.key = a.key ORDER BY seq DESC LIMIT 1) l ON true`

type artifactRow struct {
	Kind, Key, Name, Layout, PausedWhy, HeadHash, HeadBy, OpenReview  string
	Head                                                              int
	Paused                                                            bool
	UpdatedAt                                                         time.Time
	LiveID, LiveHash, LiveHow, LiveReason, LiveBy, LivePins, LiveRoot *string
	LiveRevision                                                      *int
	LiveAt                                                            *time.Time
	Unratified                                                        *bool
}

func (r artifactRow) artifact() Artifact {
	a := Artifact{Kind: review.Kind(r.Kind), Key: r.Key, Name: r.Name, Head: r.Head, HeadHash: r.HeadHash, HeadBy: r.HeadBy, UpdatedAt: r.UpdatedAt,
		Layout: r.Layout, Paused: r.Paused, PausedWhy: r.PausedWhy, OpenReview: r.OpenReview, Unratified: r.Unratified != nil && *r.Unratified}
	if r.LiveID != nil {
		a.Live = &review.Release{ID: *r.LiveID, Kind: a.Kind, Key: a.Key, Revision: *r.LiveRevision, Hash: *r.LiveHash, How: review.How(*r.LiveHow),
			Reason: *r.LiveReason, By: *r.LiveBy, At: *r.LiveAt, Pins: readPins(*r.LivePins), Root: *r.LiveRoot}
	}
	return a
}

func readPins(text string) []review.Pin {
	var out []review.Pin
	_ = json.Unmarshal([]byte(text), &out) // the release trigger saw that it is JSON
	return out
}

// Artifacts lists artifacts of a kind by key, after a key. next is "" at the end.
func (db *DB) Artifacts(ctx context.Context, kind review.Kind, q, after string, limit int) (page []Artifact, next string, err error) {
	limit = pageSize(limit)
	var rows []artifactRow
	err = db.gorm.WithContext(ctx).Raw(artifactSQL+` WHERE a.kind = ? AND a.key > ? AND (? = '' OR a.key ILIKE ? OR a.name ILIKE ?) ORDER BY a.key LIMIT ?`,
		kind, after, q, like(q), like(q), limit+1).Scan(&rows).Error
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list artifacts: %w", err))
	}
	for i, r := range rows {
		if i == limit {
			next = page[limit-1].Key
			break
		}
		page = append(page, r.artifact())
	}
	return page, next, nil
}

// Artifact finds one.
func (db *DB) Artifact(ctx context.Context, kind review.Kind, key string) (Artifact, error) {
	return findArtifact(db.gorm.WithContext(ctx), kind, key)
}

func findArtifact(tx *gorm.DB, kind review.Kind, key string) (Artifact, error) {
	var rows []artifactRow
	if err := tx.Raw(artifactSQL+` WHERE a.kind = ? AND a.key = ?`, kind, key).Scan(&rows).Error; err != nil {
		return Artifact{}, asFault(fmt.Errorf("find artifact: %w", err))
	}
	if len(rows) == 0 {
		return Artifact{}, noArtifact(kind, key)
	}
	return rows[0].artifact(), nil
}

func noArtifact(kind review.Kind, key string) error {
	return fault.New(fault.NotFound, "There is no %s with the key %q.", kind, clip(key))
}

const revisionSQL = `SELECT r.kind, r.key, r.revision AS number, r.content, r.hash, r.message, r.author_id, r.author_name, r.via, r.restored, r.at,
	EXISTS (SELECT 1 FROM approvals p WHERE p.kind = r.kind AND p.key = r.key AND p.revision = r.revision) AS approved,
	EXISTS (SELECT 1 FROM releases l WHERE l.kind = r.kind AND l.key = r.key AND l.revision = r.revision) AS released
	FROM revisions r`

// Revision finds one revision; number 0 means the newest.
func (db *DB) Revision(ctx context.Context, kind review.Kind, key string, number int) (Revision, error) {
	return findRevision(db.gorm.WithContext(ctx), kind, key, number)
}

func findRevision(tx *gorm.DB, kind review.Kind, key string, number int) (Revision, error) {
	if number < 0 || number > math.MaxInt32 { // what the column cannot hold is not there
		return Revision{}, noRevision(kind, key, number)
	}
	var rows []Revision
	err := tx.Raw(revisionSQL+` WHERE r.kind = ? AND r.key = ? AND (? = 0 OR r.revision = ?) ORDER BY r.revision DESC LIMIT 1`, kind, key, number, number).Scan(&rows).Error
	if err != nil {
		return Revision{}, asFault(fmt.Errorf("find revision: %w", err))
	}
	if len(rows) == 0 {
		if number == 0 {
			return Revision{}, noArtifact(kind, key)
		}
		return Revision{}, noRevision(kind, key, number)
	}
	return rows[0], nil
}

func noRevision(kind review.Kind, key string, number int) error {
	return fault.New(fault.NotFound, "The %s %s has no revision %d.", kind, clip(key), number)
}

// Revisions lists an artifact's revisions, newest first, below a number (0 = from
// the newest). The contents are left out. next is 0 at the end.
func (db *DB) Revisions(ctx context.Context, kind review.Kind, key string, before, limit int) (page []Revision, next int, err error) {
	if _, err := db.Artifact(ctx, kind, key); err != nil {
		return nil, 0, err
	}
	limit, before = pageSize(limit), max(0, min(before, math.MaxInt32))
	err = db.gorm.WithContext(ctx).Raw(`SELECT kind, key, number, hash, message, author_id, author_name, via, restored, at, approved, released FROM (`+
		revisionSQL+` WHERE r.kind = ? AND r.key = ? AND (? = 0 OR r.revision < ?) ORDER BY r.revision DESC LIMIT ?) x`, kind, key, before, before, limit+1).Scan(&page).Error
	if err != nil {
		return nil, 0, asFault(fmt.Errorf("list revisions: %w", err))
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].Number
	}
	return page, next, nil
}

// SetPaused switches an artifact off and on without a new release: a paused
// flow starts no run, runs that need a paused connection wait. why is needed to pause.
func (db *DB) SetPaused(ctx context.Context, by Actor, kind review.Kind, key string, paused bool, why string) error {
	return db.tx(ctx, func(tx *gorm.DB) error {
		res := tx.Exec(`UPDATE artifacts SET paused = ?, paused_why = ? WHERE kind = ? AND key = ? AND paused <> ?`, paused, why, kind, key, paused)
		if res.Error != nil {
			return fmt.Errorf("pause: %w", res.Error)
		}
		if res.RowsAffected == 0 {
			_, err := findArtifact(tx, kind, key)
			return err
		}
		action := "resume"
		if paused {
			action = "pause"
		}
		return appendAudit(tx, Act{Actor: by, Action: string(kind) + "." + action, Kind: string(kind), ID: key})
	})
}

// SaveLayout keeps where the boxes of a flow stand, for what is newest.
func (db *DB) SaveLayout(ctx context.Context, kind review.Kind, key, layout string) error {
	if !json.Valid([]byte(layout)) || len(layout) > 1<<18 {
		return fault.New(fault.Invalid, "The layout is not JSON, or too large.")
	}
	return asFault(db.gorm.WithContext(ctx).Exec(`WITH a AS (UPDATE artifacts SET layout = ? WHERE kind = ? AND key = ? RETURNING kind, key, head, layout)
		INSERT INTO revision_layouts (kind, key, revision, layout) SELECT kind, key, head, layout FROM a WHERE head > 0
		ON CONFLICT (kind, key, revision) DO UPDATE SET layout = excluded.layout`, layout, kind, key).Error)
}

// LayoutAt gives where the boxes of a flow stood while a revision was the newest; ""
// when nobody had placed any by then.
func (db *DB) LayoutAt(ctx context.Context, kind review.Kind, key string, revision int) (layout string, err error) {
	err = db.gorm.WithContext(ctx).Raw(`SELECT layout FROM revision_layouts WHERE kind = ? AND key = ? AND revision <= ? ORDER BY revision DESC LIMIT 1`, kind, key, revision).Scan(&layout).Error
	return layout, asFault(err)
}

func newID(prefix string) string { return prefix + uuid.Must(uuid.NewV7()).String() }

// idAt is below every id made at that moment or later (RFC 9562: the first 48 bits
// of a version 7 UUID are its time in milliseconds).
func idAt(prefix string, at time.Time) string {
	ms := fmt.Sprintf("%012x", at.UnixMilli())
	return prefix + ms[:8] + "-" + ms[8:]
}
