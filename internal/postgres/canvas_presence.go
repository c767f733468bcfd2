package postgres

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"joinery/internal/review"
)

// PresenceFor is how long somebody counts as there after their tab last spoke.
const PresenceFor = 20 * time.Second

// Presence is one tab in which an artifact is open.
type Presence struct {
	Tab    string
	UserID string
	Name   string
	// Node is what is chosen there; "" when nothing is.
	Node string
	// Edits says that the person may change it.
	Edits  bool
	SeenAt time.Time
}

// Attend notes that a tab has the artifact open, and tells who else has. Left says
// that the tab is being closed.
func (db *DB) Attend(ctx context.Context, by Actor, kind review.Kind, key string, p Presence, left bool) ([]Presence, error) {
	var out []Presence
	err := db.tx(ctx, func(tx *gorm.DB) error {
		if left {
			return tx.Exec(`DELETE FROM canvas_presence WHERE kind = ? AND key = ? AND tab = ? AND user_id = ?`, kind, key, p.Tab, by.UserID).Error
		}
		err := tx.Exec(`INSERT INTO canvas_presence (kind, key, tab, user_id, name, node, edits, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, now())
			ON CONFLICT (kind, key, tab) DO UPDATE SET user_id = excluded.user_id, name = excluded.name, node = excluded.node, edits = excluded.edits, seen_at = now()
			WHERE canvas_presence.user_id = excluded.user_id`, kind, key, p.Tab, by.UserID, by.Name, p.Node, p.Edits).Error
		if err != nil {
			return fmt.Errorf("note presence: %w", err)
		}
		if err := tx.Exec(`DELETE FROM canvas_presence WHERE seen_at < now() - interval '1 minute'`).Error; err != nil {
			return fmt.Errorf("forget presence: %w", err)
		}
		return tx.Raw(presenceSQL, kind, key, p.Tab, PresenceFor.Seconds()).Scan(&out).Error
	})
	return out, asFault(err)
}

const presenceSQL = `SELECT tab, user_id, name, node, edits, seen_at FROM canvas_presence WHERE kind = ? AND key = ? AND tab <> ? AND seen_at > now() - make_interval(secs => ?) ORDER BY name, tab LIMIT 50`

// Attending tells who has the artifact open.
func (db *DB) Attending(ctx context.Context, kind review.Kind, key string) ([]Presence, error) {
	var out []Presence
	err := db.gorm.WithContext(ctx).Raw(presenceSQL, kind, key, "", PresenceFor.Seconds()).Scan(&out).Error
	return out, asFault(err)
}
