package postgres

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// NeedsSetup reports whether there is no administrator yet.
func (db *DB) NeedsSetup(ctx context.Context) (bool, error) {
	var n int
	err := db.pool.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM users WHERE 'admin' = ANY (roles) LIMIT 1) u`).Scan(&n)
	return n == 0, asFault(err)
}

// HasUsers reports whether anybody could sign in.
func (db *DB) HasUsers(ctx context.Context) (bool, error) {
	var found bool
	err := db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM users WHERE active)`).Scan(&found)
	return found, asFault(err)
}

// NewSetupLink makes the one-time token of the set-up page, valid for an hour.
// Earlier ones end.
func (db *DB) NewSetupLink(ctx context.Context) (string, error) {
	token := randomText()
	err := db.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec(`DELETE FROM setup_links`).Error; err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO setup_links (token_hash, expires_at) VALUES (?, ?)`, digest(token), db.now().Add(time.Hour)).Error
	})
	return token, err
}

// Setup makes the first administrator with the one-time token.
func (db *DB) Setup(ctx context.Context, h *auth.Hasher, token string, u NewUser) (User, error) {
	u.Roles = []auth.Role{auth.Admin}
	u, err := cleanUser(u, true)
	if err != nil {
		return User{}, err
	}
	hash, err := h.Hash(ctx, u.Password)
	if err != nil {
		return User{}, err
	}
	var out User
	err = db.firstUser(ctx, func(tx *gorm.DB) error {
		res := tx.Exec(`UPDATE setup_links SET used_at = ? WHERE token_hash = ? AND used_at IS NULL AND expires_at > ?`, db.now(), digest(token), db.now())
		if res.Error != nil {
			return fmt.Errorf("use set-up link: %w", res.Error)
		}
		if res.RowsAffected == 0 {
			return fault.New(fault.Forbidden, "This set-up link is used, expired or not the newest. Start Joinery again: it prints a new one.")
		}
		out, err = insertUser(tx, auth.Actor{Kind: auth.System, ID: "setup", Name: "Set-up"}, u, hash, db.now())
		return err
	})
	return out, err
}

// SetupFirstAdmin makes the first administrator from the environment. It gives
// false when there is one already.
func (db *DB) SetupFirstAdmin(ctx context.Context, h *auth.Hasher, email, password string) (bool, error) {
	if need, err := db.NeedsSetup(ctx); err != nil || !need {
		return false, err
	}
	u, err := cleanUser(NewUser{Email: email, Name: "Administrator", Password: password, Roles: []auth.Role{auth.Admin}}, true)
	if err != nil {
		return false, err
	}
	hash, err := h.Hash(ctx, password)
	if err != nil {
		return false, err
	}
	err = db.firstUser(ctx, func(tx *gorm.DB) error {
		_, err := insertUser(tx, auth.Actor{Kind: auth.System, ID: "setup", Name: "Set-up"}, u, hash, db.now())
		return err
	})
	if fault.Is(err, fault.Conflict) {
		return false, nil
	}
	return err == nil, err
}

// firstUser runs f when there is no administrator yet; two at once make one.
func (db *DB) firstUser(ctx context.Context, f func(tx *gorm.DB) error) error {
	return db.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec(`SELECT pg_advisory_xact_lock(7402915)`).Error; err != nil {
			return err
		}
		var n int64
		if err := tx.Raw(`SELECT count(*) FROM users WHERE 'admin' = ANY (roles)`).Scan(&n).Error; err != nil {
			return err
		}
		if n > 0 {
			return fault.New(fault.Conflict, "Joinery is set up already. Sign in.")
		}
		return f(tx)
	})
}
