package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// Secret decrypts the current value of a connection's credential and records the
// use. A missing, expired or revoked one gives fault.Invalid with a sentence.
func (db *DB) Secret(ctx context.Context, connection, name string) (secret.Value, error) {
	all, err := db.sealed(ctx, connection, name)
	if err != nil {
		return secret.Value{}, err
	}
	for _, s := range all {
		if s.Superseded {
			continue
		}
		switch {
		case s.RevokedAt != nil:
			return secret.Value{}, fault.New(fault.Invalid, "The credential %s of the connection %s was revoked. Set a new one.", name, connection)
		case !s.ExpiresAt.After(db.now()):
			return secret.Value{}, fault.New(fault.Invalid, "The credential %s of the connection %s has expired. Rotate it.", name, connection)
		}
		v, err := db.sealer.Open(s.Sealed, place(s.ID))
		if err != nil {
			return secret.Value{}, err
		}
		db.used(ctx, s.ID)
		return v, nil
	}
	return secret.Value{}, fault.New(fault.Invalid, "The connection %s has no credential %s. Set it under Credentials.", connection, name)
}

// WebhookSigners gives the secrets that may have signed a delivery: the current
// one and, during a rotation, the one before.
func (db *DB) WebhookSigners(ctx context.Context, connection, name string) ([]connector.Signer, error) {
	all, err := db.openable(ctx, connection, name)
	if err != nil {
		return nil, err
	}
	var out []connector.Signer
	for _, s := range all {
		if s.RevokedAt != nil || !s.ExpiresAt.After(db.now()) {
			continue
		}
		v, err := db.sealer.Open(s.Sealed, place(s.ID))
		if err != nil {
			return nil, err
		}
		out = append(out, connector.Signer{ID: s.ID, Value: v})
	}
	return out, nil
}

// SignerUsed records that a webhook secret matched.
func (db *DB) SignerUsed(ctx context.Context, id string) { db.used(ctx, id) }

type sealedRow struct {
	ID         string
	Sealed     []byte
	Superseded bool
	ExpiresAt  time.Time
	RevokedAt  *time.Time
}

func (db *DB) openable(ctx context.Context, connection, name string) ([]sealedRow, error) {
	if db.sealer == nil {
		return nil, fault.New(fault.Internal, "No master key is set up.")
	}
	rows, err := db.pool.Query(ctx, `SELECT id, sealed, superseded, expires_at, revoked_at FROM credentials
		WHERE connection = $1 AND name = $2 AND (NOT superseded OR overlap_until > $3) ORDER BY version DESC LIMIT 3`, connection, name, db.now())
	if err != nil {
		return nil, asFault(err)
	}
	defer rows.Close()
	var out []sealedRow
	for rows.Next() {
		var r sealedRow
		if err := rows.Scan(&r.ID, &r.Sealed, &r.Superseded, &r.ExpiresAt, &r.RevokedAt); err != nil {
			return nil, asFault(err)
		}
		out = append(out, r)
	}
	return out, asFault(rows.Err())
}

// sealedFor is how long a sealed value is kept in memory between calls: another
// process's revocation holds here after that time, our own at once.
const (
	sealedFor   = 2 * time.Second
	sealedAhead = 500 * time.Millisecond // before that it is read anew, while calls go on with what is there
	sealedRead  = 10 * time.Second
)

type sealedRows struct {
	rows  []sealedRow
	until time.Time
}

// seals keeps sealed values. One reads for all that want the same: when a value came of
// age, each call of a busy connection would ask for it, and fill the sessions of pages.
type seals struct {
	kept  sync.Map // connection and name → sealedRows
	reads singleflight.Group
	turn  atomic.Int64 // what was asked before a change is not kept after it
}

func (s *seals) forget() {
	s.turn.Add(1)
	s.kept.Clear()
}

// sealed is openable for a connector's calls, which come many a second. Only what
// is sealed is kept; it is opened for each call.
func (db *DB) sealed(ctx context.Context, connection, name string) ([]sealedRow, error) {
	key := connection + "\x00" + name
	var kept sealedRows
	if v, ok := db.seals.kept.Load(key); ok {
		kept = v.(sealedRows)
	}
	left := time.Until(kept.until)
	if left > sealedAhead {
		return kept.rows, nil
	}
	turn := db.seals.turn.Load()
	read := db.seals.reads.DoChan(fmt.Sprintf("%s\x00%d", key, turn), func() (any, error) {
		// What one caller gives up may be what others wait for.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sealedRead)
		defer cancel()
		until := time.Now().Add(sealedFor)
		rows, err := db.openable(ctx, connection, name)
		if err == nil {
			db.seals.keep(key, turn, sealedRows{rows, until})
		}
		return rows, err
	})
	if left > 0 {
		return kept.rows, nil
	}
	select {
	case r := <-read:
		rows, _ := r.Val.([]sealedRow)
		return rows, r.Err
	case <-ctx.Done():
		return nil, asFault(ctx.Err())
	}
}

// keep keeps what was read in a turn, unless something changed since.
func (s *seals) keep(key string, turn int64, r sealedRows) {
	s.kept.Store(key, r)
	if s.turn.Load() != turn {
		s.kept.Delete(key)
	}
}

// lastUses remembers when a use was last written, so that a busy credential
// costs one write a minute.
type lastUses struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (db *DB) used(ctx context.Context, id string) {
	now := db.now()
	db.uses.mu.Lock()
	fresh := now.Sub(db.uses.at[id]) < time.Minute && !db.uses.at[id].IsZero()
	if !fresh {
		if db.uses.at == nil {
			db.uses.at = map[string]time.Time{}
		}
		db.uses.at[id] = now
	}
	db.uses.mu.Unlock()
	if fresh {
		return
	}
	if _, err := db.pool.Exec(ctx, `UPDATE credentials SET last_used_at = $2 WHERE id = $1`, id, now); err != nil {
		db.log.Warn("recording a credential's use failed", "credential", id, "err", err)
	}
}
