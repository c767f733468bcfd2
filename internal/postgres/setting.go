package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
)

// Setting reads a setting; false when it was never saved.
func (db *DB) Setting(ctx context.Context, key string, into any) (bool, error) {
	var raw []byte
	err := db.pool.QueryRow(ctx, `SELECT value FROM settings WHERE key = $1`, key).Scan(&raw)
	if err == pgx.ErrNoRows {
		return false, nil
	}
	if err != nil {
		return false, asFault(fmt.Errorf("read setting: %w", err))
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, fmt.Errorf("read setting %s: %w", key, err)
	}
	return true, nil
}

// SaveSetting keeps a setting.
func (db *DB) SaveSetting(ctx context.Context, by Actor, key string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write setting: %w", err)
	}
	return db.tx(ctx, func(tx *gorm.DB) error {
		err := tx.Exec(`INSERT INTO settings (key, value, updated_by) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now(), updated_by = excluded.updated_by`, key, string(raw), by.ID).Error
		if err != nil {
			return fmt.Errorf("save setting: %w", err)
		}
		return appendAudit(tx, Act{Actor: by, Action: "setting.save", Kind: "setting", ID: key})
	})
}
