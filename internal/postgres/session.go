package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// Session is a signed-in person.
type Session struct {
	Actor     auth.Actor
	CSRF      string
	ExpiresAt time.Time
}

// ActorBySession gives the person behind a session's token. Roles are read each
// time, so a change of them counts at once. Sessions live by the database's clock:
// a node whose own clock is wrong lengthens none.
func (db *DB) ActorBySession(ctx context.Context, token, address string) (Session, error) {
	if len(token) != 43 {
		return Session{}, noSession()
	}
	var s Session
	var roles []string
	var note bool
	err := db.pool.QueryRow(ctx, `SELECT u.id, u.name, u.email, u.roles, s.csrf, s.expires_at, s.last_seen_at < now() - interval '1 minute' FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id_hash = $1 AND s.expires_at > now() AND s.last_seen_at > now() - make_interval(secs => $2) AND u.active`, digest(token), sessionIdle.Seconds()).
		Scan(&s.Actor.ID, &s.Actor.Name, &s.Actor.Email, &roles, &s.CSRF, &s.ExpiresAt, &note)
	if err == pgx.ErrNoRows {
		return Session{}, noSession()
	}
	if err != nil {
		return Session{}, asFault(fmt.Errorf("find session: %w", err))
	}
	s.Actor.Kind, s.Actor.UserID, s.Actor.Roles, s.Actor.Address = auth.User, s.Actor.ID, rolesOf(roles), address
	if note {
		if _, err := db.pool.Exec(ctx, `UPDATE sessions SET last_seen_at = now() WHERE id_hash = $1`, digest(token)); err != nil {
			db.log.Warn("noting a session's use failed", "err", err)
		}
	}
	return s, nil
}

func noSession() error { return fault.New(fault.Unauthenticated, "Sign in first.") }

// SignOut ends a session.
func (db *DB) SignOut(ctx context.Context, by Actor, token string) error {
	return db.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec(`DELETE FROM sessions WHERE id_hash = ?`, digest(token)).Error; err != nil {
			return fmt.Errorf("sign out: %w", err)
		}
		return appendAudit(tx, Act{Actor: by, Action: "sign_out", Kind: "user", ID: by.UserID})
	})
}

// EndSessions ends all sessions of a person.
func (db *DB) EndSessions(ctx context.Context, by Actor, userID string) error {
	return db.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec(`DELETE FROM sessions WHERE user_id = ?`, userID).Error; err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return appendAudit(tx, Act{Actor: by, Action: "user.end_sessions", Kind: "user", ID: userID})
	})
}
