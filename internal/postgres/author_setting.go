package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// AuthorDefaults are what the environment says of the model, until an administrator
// saves something else.
type AuthorDefaults struct {
	BaseURL, Model string
	// Key is sent to BaseURL only, while the inventory has none.
	Key secret.Value
}

// AuthorSetting gives the setting that holds.
func (db *DB) AuthorSetting(ctx context.Context) (author.Setting, error) {
	s := author.DefaultSetting()
	saved, err := db.Setting(ctx, author.SettingKey, &s)
	if err == nil && !saved {
		s.BaseURL, s.Model = db.author.BaseURL, db.author.Model
	}
	return s, err
}

// SaveAuthorSetting keeps a setting. When the address changes, the key that is there is
// not sent to the new one: it has to be set again.
func (db *DB) SaveAuthorSetting(ctx context.Context, by Actor, want author.Setting) error {
	if !by.Can(auth.SettingsManage) {
		return fault.New(fault.Forbidden, "Only an administrator sets up the language model.")
	}
	want.BaseURL, want.Model = strings.TrimRight(strings.TrimSpace(want.BaseURL), "/"), strings.TrimSpace(want.Model)
	if err := fault.Refuse("The setting was not saved.", want.Check()); err != nil {
		return err
	}
	was, err := db.AuthorSetting(ctx)
	if err != nil {
		return err
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('settings|' || $1, 1))`, author.SettingKey); err != nil {
			return err
		}
		want.KeyAfter = was.KeyAfter
		if want.Origin() != was.Origin() && was.BaseURL != "" {
			err := tx.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM credentials WHERE connection = $1 AND name = $2`, author.CredentialPlace, author.CredentialName).Scan(&want.KeyAfter)
			if err != nil {
				return err
			}
		}
		raw, err := json.Marshal(want)
		if err != nil {
			return fmt.Errorf("write setting: %w", err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO settings (key, value, updated_by) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now(), updated_by = excluded.updated_by`,
			author.SettingKey, string(raw), by.ID)
		if err != nil {
			return fmt.Errorf("save setting: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "setting.save", Kind: "setting", ID: author.SettingKey,
			Detail: map[string]any{"policy": want.Policy, "to": want.Origin(), "model": want.Model, "mutation": want.Mutation}})
	})
}

// AuthorKey gives the model's key for the address of a setting, and records the use.
// Trouble of the kind BadKey says why there is none.
func (db *DB) AuthorKey(ctx context.Context, s author.Setting) (secret.Value, error) {
	if s.NoKey {
		return secret.Value{}, nil
	}
	var version int
	err := db.pool.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM credentials WHERE connection = $1 AND name = $2 AND NOT superseded`, author.CredentialPlace, author.CredentialName).Scan(&version)
	if err != nil {
		return secret.Value{}, asFault(fmt.Errorf("find the model's key: %w", err))
	}
	switch {
	case version == 0 && !db.author.Key.Empty() && s.Origin() == (author.Setting{BaseURL: db.author.BaseURL}).Origin():
		return db.author.Key, nil
	case version == 0:
		return secret.Value{}, author.NoKeyTrouble("No key for the language model is set.")
	case version <= s.KeyAfter:
		return secret.Value{}, author.NoKeyTrouble("The address of the model changed after its key was set, so the key is not sent there.")
	}
	v, err := db.Secret(ctx, author.CredentialPlace, author.CredentialName)
	if fault.Is(err, fault.Invalid) {
		return secret.Value{}, author.NoKeyTrouble("The key of the language model has expired or was revoked.")
	}
	return v, err
}

// RecordModelTried keeps who tried which model, and what came of it.
func (db *DB) RecordModelTried(ctx context.Context, by Actor, s author.Setting, found map[string]any) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "author.try", Kind: "setting", ID: author.SettingKey, Detail: map[string]any{"to": s.Origin(), "model": s.Model, "found": found}})
	})
}
