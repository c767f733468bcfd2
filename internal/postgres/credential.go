package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"gorm.io/gorm"

	"joinery/internal/artifact"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// Credential is one line of the inventory. It never holds the value.
type Credential struct {
	ID           string
	Connection   string
	Name         string
	Version      int
	OwnerID      string
	OwnerName    string
	OwnerEmail   string
	OwnerActive  bool
	DeputyName   string
	DeputyEmail  string
	Purpose      string
	CreatedAt    time.Time
	CreatedBy    string
	ExpiresAt    time.Time
	LastUsedAt   *time.Time
	OverlapUntil *time.Time
	Superseded   bool
	RevokedAt    *time.Time
	RevokedWhy   string
	// Flows are the keys of live flows that use the connection.
	Flows textArray
}

// NewCredential is a value to be sealed.
type NewCredential struct {
	Connection string
	Name       string
	Value      secret.Value
	Owner      string // e-mail
	Deputy     string // e-mail; "" for none
	Purpose    string
	ExpiresAt  time.Time
	// Overlap is how long the value before stays accepted (webhook secrets).
	Overlap time.Duration
}

var credentialName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

const (
	maxCredential = 64 << 10
	maxOverlap    = 30 * 24 * time.Hour
)

func (c NewCredential) check(now time.Time) error {
	var ps []fault.Problem
	add := func(path, detail string) { ps = append(ps, fault.Problem{Path: path, Detail: detail}) }
	if artifact.CheckKey(c.Connection) != nil {
		add("connection", "This is not the key of a connection.")
	}
	if c.Connection == author.CredentialPlace && c.Name != author.CredentialName {
		add("name", "The language model has one key only: "+author.CredentialName+".")
	}
	if !credentialName.MatchString(c.Name) {
		add("name", "Use lower-case letters, digits and underscores.")
	}
	switch {
	case c.Value.Empty():
		add("value", "Write the secret.")
	case len(c.Value.Reveal()) > maxCredential:
		add("value", "A secret may have up to 64 kB.")
	}
	if n := len([]rune(strings.TrimSpace(c.Purpose))); n == 0 || n > 500 {
		add("purpose", "Say in 1 to 500 characters what it is used for.")
	}
	switch {
	case c.ExpiresAt.IsZero():
		add("expires_at", "Say when it expires.")
	case !c.ExpiresAt.After(now):
		add("expires_at", "This moment is past.")
	case c.ExpiresAt.After(now.AddDate(5, 0, 0)):
		add("expires_at", "A credential may be valid for up to five years.")
	}
	if c.Overlap < 0 || c.Overlap > maxOverlap {
		add("overlap", "The value before may stay accepted for up to 30 days.")
	}
	return fault.Refuse("The credential was not stored.", ps)
}

// SetCredential seals a value. When there is one of this name already it is
// rotated: the one before ends at once, or after the overlap.
func (db *DB) SetCredential(ctx context.Context, by Actor, c NewCredential) (Credential, error) {
	if db.sealer == nil {
		return Credential{}, fault.New(fault.Internal, "No master key is set up.")
	}
	if err := c.check(db.now()); err != nil {
		return Credential{}, err
	}
	id := newID("cr_")
	sealed, err := db.sealer.Seal(c.Value, place(id))
	if err != nil {
		return Credential{}, fmt.Errorf("seal credential: %w", err)
	}
	err = db.tx(ctx, func(tx *gorm.DB) error {
		if c.Connection != author.CredentialPlace {
			if _, _, err := lockArtifact(tx, "connection", c.Connection); err != nil {
				return err
			}
		}
		owner, err := activePerson(tx, "owner", c.Owner)
		if err != nil {
			return err
		}
		var deputy *string
		if strings.TrimSpace(c.Deputy) != "" {
			d, err := activePerson(tx, "deputy", c.Deputy)
			if err != nil {
				return err
			}
			if d == owner {
				return problem("deputy", "The deputy must be another person than the owner.")
			}
			deputy = &d
		}
		version, err := supersedeCredential(tx, c, db.now())
		if err != nil {
			return err
		}
		err = tx.Exec(`INSERT INTO credentials (id, connection, name, version, sealed, owner_id, deputy_id, purpose, created_at, created_by, expires_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, id, c.Connection, c.Name, version, sealed, owner, deputy, strings.TrimSpace(c.Purpose), db.now(), by.UserID, c.ExpiresAt).Error
		if err != nil {
			return fmt.Errorf("store credential: %w", err)
		}
		action := "credential.set"
		if version > 1 {
			action = "credential.rotate"
		}
		return appendAudit(tx, Act{Actor: by, Action: action, Kind: "credential", ID: id,
			Detail: map[string]any{"connection": c.Connection, "name": c.Name, "version": version, "owner": owner, "expires_at": c.ExpiresAt.UTC().Format(time.RFC3339)}})
	})
	if err != nil {
		return Credential{}, err
	}
	db.seals.forget()
	return db.Credential(ctx, id)
}

// supersedeCredential ends the current value of this name and gives the next version.
func supersedeCredential(tx *gorm.DB, c NewCredential, now time.Time) (int, error) {
	var version int
	if err := tx.Raw(`SELECT coalesce(max(version), 0) FROM credentials WHERE connection = ? AND name = ?`, c.Connection, c.Name).Scan(&version).Error; err != nil {
		return 0, fmt.Errorf("find credential: %w", err)
	}
	// Older values end no later than the one before: a rotation without overlap ends them all.
	err := tx.Exec(`UPDATE credentials SET superseded = true, overlap_until = least(overlap_until, ?) WHERE connection = ? AND name = ?`,
		now.Add(c.Overlap), c.Connection, c.Name).Error
	if err != nil {
		return 0, fmt.Errorf("supersede credential: %w", err)
	}
	return version + 1, nil
}

func activePerson(tx *gorm.DB, field, email string) (string, error) {
	var ids []string
	if err := tx.Raw(`SELECT id FROM users WHERE email = lower(?) AND active`, strings.TrimSpace(email)).Scan(&ids).Error; err != nil {
		return "", fmt.Errorf("find %s: %w", field, err)
	}
	if len(ids) == 0 {
		return "", problem(field, "There is no active user with this e-mail address.")
	}
	return ids[0], nil
}

func problem(path, detail string) error {
	return fault.Refuse(detail, []fault.Problem{{Path: path, Detail: detail}})
}

func place(id string) string { return "credentials|sealed|" + id }

// RotateCredential seals a new value for an existing credential, keeping its
// owner, deputy and purpose.
func (db *DB) RotateCredential(ctx context.Context, by Actor, id string, value secret.Value, expires time.Time, overlap time.Duration) (Credential, error) {
	c, err := db.Credential(ctx, id)
	if err != nil {
		return Credential{}, err
	}
	return db.SetCredential(ctx, by, NewCredential{Connection: c.Connection, Name: c.Name, Value: value, Owner: c.OwnerEmail, Deputy: c.DeputyEmail,
		Purpose: c.Purpose, ExpiresAt: expires, Overlap: overlap})
}

// RevokeCredential ends a value at once.
func (db *DB) RevokeCredential(ctx context.Context, by Actor, id, why string) error {
	if len([]rune(strings.TrimSpace(why))) < 5 || len(why) > 500 {
		return problem("reason", "Give a reason of 5 to 500 characters.")
	}
	defer db.seals.forget()
	return db.tx(ctx, func(tx *gorm.DB) error {
		res := tx.Exec(`UPDATE credentials SET revoked_at = ?, revoked_by = ?, revoked_why = ? WHERE id = ? AND revoked_at IS NULL`, db.now(), by.UserID, strings.TrimSpace(why), id)
		if res.Error != nil {
			return fmt.Errorf("revoke credential: %w", res.Error)
		}
		if res.RowsAffected == 0 {
			if _, err := db.Credential(ctx, id); err != nil {
				return err
			}
			return fault.New(fault.Conflict, "This credential is revoked already.")
		}
		return appendAudit(tx, Act{Actor: by, Action: "credential.revoke", Kind: "credential", ID: id})
	})
}

const credentialSQL = `SELECT c.id, c.connection, c.name, c.version, c.owner_id, o.name AS owner_name, o.email AS owner_email, o.active AS owner_active,
	coalesce(d.name, '') AS deputy_name, coalesce(d.email, '') AS deputy_email, c.purpose, c.created_at, c.created_by, c.expires_at, c.last_used_at,
	c.overlap_until, c.superseded, c.revoked_at, c.revoked_why,
	ARRAY(SELECT l.key FROM live_releases l WHERE l.kind = 'flow' AND l.pins::jsonb @> jsonb_build_array(jsonb_build_object('kind', 'connection', 'key', c.connection)) ORDER BY 1) AS flows
	FROM credentials c JOIN users o ON o.id = c.owner_id LEFT JOIN users d ON d.id = c.deputy_id`

const credentialOrder = ` ORDER BY c.connection, c.name, c.version DESC`

// inInventory is what the inventory shows: what is current, and what is still
// accepted or was ended within the last 30 days.
func (db *DB) inInventory(tx *gorm.DB, connection, more string, args ...any) ([]Credential, error) {
	var out []Credential
	all := append([]any{connection, connection, db.now(), db.now().AddDate(0, 0, -30)}, args...)
	err := tx.Raw(credentialSQL+` WHERE (? = '' OR c.connection = ?) AND (NOT c.superseded OR c.overlap_until > ?)
		AND (c.revoked_at IS NULL OR c.revoked_at > ?)`+more, all...).Scan(&out).Error
	return out, asFault(err)
}

// Credentials is the whole inventory, or that of one connection.
func (db *DB) Credentials(ctx context.Context, connection string) ([]Credential, error) {
	return db.inInventory(db.gorm.WithContext(ctx), connection, credentialOrder)
}

// CredentialPage is a page of the inventory; after is the id after which to go on.
func (db *DB) CredentialPage(ctx context.Context, connection, after string, limit int) (page []Credential, next string, err error) {
	limit = pageSize(limit)
	page, err = db.inInventory(db.gorm.WithContext(ctx), connection, ` AND (? = '' OR (c.connection, c.name, -c.version) > (SELECT a.connection, a.name, -a.version FROM credentials a WHERE a.id = ?))`+
		credentialOrder+` LIMIT ?`, after, after, limit+1)
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, err
}

// Credential finds one.
func (db *DB) Credential(ctx context.Context, id string) (Credential, error) {
	var out []Credential
	if err := db.gorm.WithContext(ctx).Raw(credentialSQL+` WHERE c.id = ?`, id).Scan(&out).Error; err != nil {
		return Credential{}, asFault(err)
	}
	if len(out) == 0 {
		return Credential{}, fault.New(fault.NotFound, "There is no such credential.")
	}
	return out[0], nil
}
