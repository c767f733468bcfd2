package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
)

// AloneSetting is the setting with what one person may set going.
const AloneSetting = "alone"

// AloneLimits are the limits that hold, and those that somebody proposed: whoever
// would let one person do more needs a second person as well.
type AloneLimits struct {
	Alone    bulk.Alone  `json:"alone"`
	Proposed *bulk.Alone `json:"proposed,omitempty"`
	ByID     string      `json:"by_id,omitempty"`
	ByName   string      `json:"by_name,omitempty"`
}

// Alone gives the limits of what one person may set going.
func (db *DB) Alone(ctx context.Context) (AloneLimits, error) { return alone(ctx, db.pool, "") }

func alone(ctx context.Context, q querier, lock string) (AloneLimits, error) {
	l := AloneLimits{Alone: bulk.Cautious()}
	var raw []byte
	err := q.QueryRow(ctx, `SELECT value FROM settings WHERE key = $1 `+lock, AloneSetting).Scan(&raw)
	if err == pgx.ErrNoRows {
		return l, nil
	}
	if err != nil {
		return l, asFault(fmt.Errorf("read limits: %w", err))
	}
	return l, json.Unmarshal(raw, &l)
}

// SetAlone changes the limits. What lets one person do less holds at once; what
// lets them do more is proposed, until another administrator agrees.
func (db *DB) SetAlone(ctx context.Context, by Actor, want bulk.Alone) (proposed bool, err error) {
	if err := want.Check(); err != nil {
		return false, err
	}
	return proposed, db.changeAlone(ctx, by, "setting.save", func(l *AloneLimits) error {
		if proposed = want.Allows(l.Alone); proposed {
			l.Proposed, l.ByID, l.ByName = &want, by.UserID, by.Name
			return nil
		}
		*l = AloneLimits{Alone: want}
		return nil
	})
}

// AgreeAlone makes proposed limits hold. want is what the second person saw.
func (db *DB) AgreeAlone(ctx context.Context, by Actor, want bulk.Alone) error {
	return db.changeAlone(ctx, by, "setting.agree", func(l *AloneLimits) error {
		switch {
		case l.Proposed == nil || *l.Proposed != want:
			return fault.New(fault.Conflict, "These limits are not proposed any more. Look at them again.")
		case by.UserID == l.ByID || by.UserID == "" || by.Lent:
			return fault.New(fault.Forbidden, "You proposed these limits, so another administrator has to agree.")
		}
		*l = AloneLimits{Alone: want}
		return nil
	})
}

func (db *DB) changeAlone(ctx context.Context, by Actor, action string, change func(*AloneLimits) error) error {
	if !by.Can(auth.SettingsManage) {
		return fault.New(fault.Forbidden, "Only an administrator changes these limits.")
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('settings|' || $1, 1))`, AloneSetting); err != nil {
			return err
		}
		l, err := alone(ctx, tx, "FOR UPDATE")
		if err != nil {
			return err
		}
		if err := change(&l); err != nil {
			return err
		}
		raw, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("write limits: %w", err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO settings (key, value, updated_by) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now(), updated_by = excluded.updated_by`, AloneSetting, string(raw), by.ID)
		if err != nil {
			return fmt.Errorf("save limits: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: action, Kind: "setting", ID: AloneSetting, Detail: map[string]any{"alone": l.Alone, "proposed": l.Proposed}})
	})
}
