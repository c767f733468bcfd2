package postgres

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// Bounds of signing in. Both counts are shared by all processes.
const (
	failuresToLock    = 5
	lockFirst         = 30 * time.Second
	lockMost          = 15 * time.Minute
	failuresByAddress = 20
	addressWindow     = 10 * time.Minute
	sessionIdle       = 8 * time.Hour
	sessionMost       = 12 * time.Hour
)

// SignedIn is a fresh session. Token goes into the cookie; only its hash is stored.
type SignedIn struct {
	Token     string
	CSRF      string
	Actor     auth.Actor
	ExpiresAt time.Time
}

func refused() error {
	return fault.New(fault.Unauthenticated, "The e-mail address or the password is not right, or the account is locked for a while after failed tries.")
}

// SignIn checks a password and opens a session. Unknown address, wrong password
// and locked account look and take alike.
func (db *DB) SignIn(ctx context.Context, h *auth.Hasher, email, password, address, agent string) (SignedIn, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if len(email) > 320 || len(password) > 1024 || strings.ContainsRune(email, 0) {
		return SignedIn{}, refused()
	}
	now := db.now()
	var failures int64
	err := db.gorm.WithContext(ctx).Raw(`SELECT count(*) FROM sign_in_failures WHERE address = ? AND at > ?`, address, now.Add(-addressWindow)).Scan(&failures).Error
	if err != nil {
		return SignedIn{}, asFault(err)
	}
	if failures >= failuresByAddress {
		return SignedIn{}, &fault.Error{Kind: fault.TooMany, Sentence: "Too many failed sign-ins from this address. Wait ten minutes and try again.", RetryAfter: addressWindow}
	}
	user, err := findUser(db.gorm.WithContext(ctx), `email = ?`, email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return SignedIn{}, err
	}
	hash := user.PasswordHash
	if !user.Active {
		hash = ""
	}
	ok, err := h.Matches(ctx, password, hash)
	if err != nil {
		return SignedIn{}, err
	}
	if !ok {
		return SignedIn{}, db.signInFailed(ctx, user.ID, address)
	}
	fresh := ""
	if auth.Outdated(hash) {
		if fresh, err = h.Hash(ctx, password); err != nil {
			return SignedIn{}, err
		}
	}
	return db.openSession(ctx, user.ID, fresh, address, agent)
}

// signInFailed counts a failed try, in the row itself, so that parallel guesses
// all count.
func (db *DB) signInFailed(ctx context.Context, userID, address string) error {
	now := db.now()
	err := db.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec(`INSERT INTO sign_in_failures (address, at) VALUES (?, ?)`, address, now).Error; err != nil {
			return err
		}
		if err := tx.Exec(`DELETE FROM sign_in_failures WHERE at < ?`, now.Add(-24*time.Hour)).Error; err != nil {
			return err
		}
		by := auth.Actor{Kind: auth.System, ID: "sign-in", Name: "Sign-in", Address: address}
		// For an unknown address it changes no row, but takes about as long.
		err := tx.Exec(`UPDATE users SET failed_count = failed_count + 1, locked_until = CASE WHEN failed_count + 1 < ? THEN locked_until
			ELSE ?::timestamptz + make_interval(secs => least(? * power(2, least(failed_count + 1 - ?, 6)), ?)) END WHERE id = ?`,
			failuresToLock, now, lockFirst.Seconds(), failuresToLock, lockMost.Seconds(), userID).Error
		if err != nil {
			return err
		}
		return appendAudit(tx, Act{Actor: by, Action: "sign_in.failed", Kind: "user", ID: userID})
	})
	if err != nil {
		return err
	}
	return refused()
}

// openSession opens a session unless the account is locked. The row is locked
// meanwhile, so a guess under way cannot slip past the lock-out. A fresh hash
// takes the place of an outdated one.
func (db *DB) openSession(ctx context.Context, userID, fresh, address, agent string) (SignedIn, error) {
	now := db.now()
	out := SignedIn{Token: randomText(), CSRF: randomText()}
	locked := false
	err := db.tx(ctx, func(tx *gorm.DB) error {
		u, err := findUser(tx, `id = ? FOR UPDATE`, userID)
		if err != nil {
			return err
		}
		if locked = !u.Active || u.LockedUntil != nil && u.LockedUntil.After(now); locked {
			return nil
		}
		out.Actor = u.user().Actor()
		out.Actor.Address = address
		if err := tx.Exec(`UPDATE users SET failed_count = 0, locked_until = NULL, last_sign_in_at = ?, password_hash = coalesce(nullif(?, ''), password_hash) WHERE id = ?`, now, fresh, u.ID).Error; err != nil {
			return err
		}
		if err := tx.Exec(`DELETE FROM sessions WHERE expires_at < now() OR last_seen_at < now() - make_interval(secs => ?)`, sessionIdle.Seconds()).Error; err != nil {
			return err
		}
		if len(agent) > 300 {
			agent = agent[:300]
		}
		err = tx.Raw(`INSERT INTO sessions (id_hash, user_id, csrf, created_at, last_seen_at, expires_at, address, agent) VALUES (?, ?, ?, now(), now(), now() + make_interval(secs => ?), ?, ?) RETURNING expires_at`,
			digest(out.Token), u.ID, out.CSRF, sessionMost.Seconds(), address, strings.ToValidUTF8(strings.ReplaceAll(agent, "\x00", ""), "")).Scan(&out.ExpiresAt).Error
		if err != nil {
			return fmt.Errorf("open session: %w", err)
		}
		return appendAudit(tx, Act{Actor: out.Actor, Action: "sign_in.ok", Kind: "user", ID: u.ID})
	})
	if err == nil && locked {
		err = refused()
	}
	if err != nil {
		return SignedIn{}, err
	}
	return out, nil
}

// randomText gives 32 random bytes as 43 characters.
func randomText() string {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		panic(err) // the system has no randomness: nothing may go on
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func digest(token string) bytea {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
