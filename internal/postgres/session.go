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
	s, _, err := db.session(ctx, token, address, []string{}, nil)
	return s, err
}

// ActorAndWaiting gives with the person what waits for people, counted in the same
// question where the person's roles let them decide any of it. What a page will read
// goes with it; ahead is nil where nothing does.
func (db *DB) ActorAndWaiting(ctx context.Context, token, address string, ahead Ahead) (Session, Waiting, error) {
	return db.session(ctx, token, address, deciders(), ahead)
}

func (db *DB) session(ctx context.Context, token, address string, count []string, ahead Ahead) (s Session, w Waiting, err error) {
	if len(token) != 43 {
		return s, w, noSession()
	}
	var roles []string
	var note bool
	scan := func(row pgx.Row) error {
		return row.Scan(&s.Actor.ID, &s.Actor.Name, &s.Actor.Email, &roles, &s.CSRF, &s.ExpiresAt, &note, &w.Reviews, &w.Exceptions)
	}
	err = db.oneRow(ctx, ahead, scan, `SELECT u.id, u.name, u.email, u.roles, s.csrf, s.expires_at, s.last_seen_at < now() - interval '1 minute',
			CASE WHEN u.roles && $3::text[] THEN `+openReviews+` ELSE 0 END, CASE WHEN u.roles && $3::text[] THEN `+openExceptions+` ELSE 0 END
		FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id_hash = $1 AND s.expires_at > now() AND s.last_seen_at > now() - make_interval(secs => $2) AND u.active`, digest(token), sessionIdle.Seconds(), count)
	if err == pgx.ErrNoRows {
		return Session{}, Waiting{}, noSession()
	}
	if err != nil {
		return Session{}, Waiting{}, asFault(fmt.Errorf("find session: %w", err))
	}
	s.Actor.Kind, s.Actor.UserID, s.Actor.Roles, s.Actor.Address = auth.User, s.Actor.ID, rolesOf(roles), address
	if note {
		if _, err := db.pool.Exec(ctx, `UPDATE sessions SET last_seen_at = now() WHERE id_hash = $1`, digest(token)); err != nil {
			db.log.Warn("noting a session's use failed", "err", err)
		}
	}
	return s, w, nil
}

// deciders are the roles that may decide something that waits.
func deciders() (out []string) {
	for _, r := range auth.Roles() {
		if a := (auth.Actor{UserID: "-", Roles: []auth.Role{r}}); a.Can(auth.ReviewDecide) || a.Can(auth.SignoffDecide) {
			out = append(out, string(r))
		}
	}
	return out
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
