package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// tokenPrefix makes a leaked token easy to find and to recognise.
const tokenPrefix = "jnr_"

// APIToken is a token in the inventory; its secret is shown once and never stored.
type APIToken struct {
	ID, Name, Hint                 string
	Roles                          []auth.Role
	OwnerID, OwnerName, OwnerEmail string
	OwnerActive                    bool
	CreatedBy                      string
	CreatedAt, ExpiresAt           time.Time
	LastUsedAt, RevokedAt          *time.Time
}

// NewToken is a token to be made.
type NewToken struct {
	Name       string
	Roles      []auth.Role
	OwnerEmail string
	ExpiresAt  time.Time
}

// CreateToken makes a token that acts for its owner, with some of the owner's roles.
func (db *DB) CreateToken(ctx context.Context, by Actor, t NewToken) (string, APIToken, error) {
	var ps []fault.Problem
	add := func(path, detail string) { ps = append(ps, fault.Problem{Path: path, Detail: detail}) }
	if n := len([]rune(strings.TrimSpace(t.Name))); n == 0 || n > 200 {
		add("name", "Write a name of 1 to 200 characters: what uses this token?")
	}
	switch {
	case !t.ExpiresAt.After(db.now()):
		add("expires", "Say when the token expires.")
	case t.ExpiresAt.After(db.now().AddDate(0, 0, 366)):
		add("expires", "A token is valid for up to 366 days.")
	}
	owner, err := db.FindUserByEmail(ctx, t.OwnerEmail)
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && !owner.Active:
		add("owner", "There is no active user with this e-mail address.")
	case err != nil:
		return "", APIToken{}, err
	default:
		if len(t.Roles) == 0 {
			add("roles", "Choose at least one role.")
		}
		for _, r := range t.Roles {
			if !auth.Within(r, owner.Roles) {
				add("roles", fmt.Sprintf("The owner may not do all that the role %s may, so the token cannot have it.", r))
			}
		}
	}
	if err := fault.Refuse("The token was not made.", ps); err != nil {
		return "", APIToken{}, err
	}
	secret := tokenPrefix + randomText()
	out := APIToken{ID: newID("t_"), Name: strings.TrimSpace(t.Name), Hint: secret[len(secret)-4:], Roles: t.Roles, OwnerID: owner.ID, OwnerName: owner.Name, OwnerEmail: owner.Email, OwnerActive: true,
		CreatedBy: by.ID, CreatedAt: db.now(), ExpiresAt: t.ExpiresAt}
	err = db.tx(ctx, func(tx *gorm.DB) error {
		err := tx.Exec(`INSERT INTO api_tokens (id, name, hash, hint, roles, owner_id, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			out.ID, out.Name, digest(secret), out.Hint, roleTexts(t.Roles), owner.ID, by.ID, out.CreatedAt, t.ExpiresAt).Error
		if err != nil {
			return fmt.Errorf("make token: %w", err)
		}
		return appendAudit(tx, Act{Actor: by, Action: "token.create", Kind: "token", ID: out.ID, Detail: map[string]any{"owner": owner.ID, "roles": roleTexts(t.Roles), "expires_at": t.ExpiresAt.UTC().Format(time.RFC3339)}})
	})
	if err != nil {
		return "", APIToken{}, err
	}
	return secret, out, nil
}

// ActorByToken gives the actor behind a token: the owner, with those of the
// token's roles that the owner's still cover.
func (db *DB) ActorByToken(ctx context.Context, secret, address string) (auth.Actor, error) {
	if !strings.HasPrefix(secret, tokenPrefix) || len(secret) != len(tokenPrefix)+43 {
		return auth.Actor{}, noToken()
	}
	now := db.now()
	var a auth.Actor
	var roles, owned []string
	var used *time.Time
	var madeBy string
	err := db.pool.QueryRow(ctx, `SELECT t.id, t.name, t.roles, t.last_used_at, t.created_by, u.id, u.email, u.roles FROM api_tokens t JOIN users u ON u.id = t.owner_id
		WHERE t.hash = $1 AND t.expires_at > $2 AND t.revoked_at IS NULL AND u.active`, digest(secret), now).Scan(&a.ID, &a.Name, &roles, &used, &madeBy, &a.UserID, &a.Email, &owned)
	if err == pgx.ErrNoRows {
		return auth.Actor{}, noToken()
	}
	if err != nil {
		return auth.Actor{}, asFault(fmt.Errorf("find token: %w", err))
	}
	a.Kind, a.Address = auth.Token, address
	// One made on the machine itself is as good as its owner's: whoever has the machine has more than that.
	a.Lent = strings.HasPrefix(madeBy, "u_") && madeBy != a.UserID
	for _, r := range rolesOf(roles) {
		if auth.Within(r, rolesOf(owned)) {
			a.Roles = append(a.Roles, r)
		}
	}
	if used == nil || now.Sub(*used) > time.Minute {
		if _, err := db.pool.Exec(ctx, `UPDATE api_tokens SET last_used_at = $2 WHERE id = $1`, a.ID, now); err != nil {
			db.log.Warn("noting a token's use failed", "err", err)
		}
	}
	return a, nil
}

func noToken() error {
	return fault.New(fault.Unauthenticated, "The token is not valid: unknown, expired or revoked.")
}

// Tokens lists the tokens, those in force first.
func (db *DB) Tokens(ctx context.Context) ([]APIToken, error) {
	var rows []struct {
		ID, Name, Hint, OwnerID, OwnerName, OwnerEmail, CreatedBy string
		Roles                                                     textArray
		OwnerActive                                               bool
		CreatedAt, ExpiresAt                                      time.Time
		LastUsedAt, RevokedAt                                     *time.Time
	}
	err := db.gorm.WithContext(ctx).Raw(`SELECT t.id, t.name, t.hint, t.roles, t.owner_id, u.name AS owner_name, u.email AS owner_email, u.active AS owner_active, t.created_by, t.created_at, t.expires_at,
		t.last_used_at, t.revoked_at FROM api_tokens t JOIN users u ON u.id = t.owner_id ORDER BY t.revoked_at IS NOT NULL, t.id DESC LIMIT 1000`).Scan(&rows).Error
	if err != nil {
		return nil, asFault(fmt.Errorf("list tokens: %w", err))
	}
	out := make([]APIToken, len(rows))
	for i, r := range rows {
		out[i] = APIToken{r.ID, r.Name, r.Hint, rolesOf(r.Roles), r.OwnerID, r.OwnerName, r.OwnerEmail, r.OwnerActive, r.CreatedBy, r.CreatedAt, r.ExpiresAt, r.LastUsedAt, r.RevokedAt}
	}
	return out, nil
}

// RevokeToken ends a token at once.
func (db *DB) RevokeToken(ctx context.Context, by Actor, id string) error {
	return db.tx(ctx, func(tx *gorm.DB) error {
		res := tx.Exec(`UPDATE api_tokens SET revoked_at = ?, revoked_by = ? WHERE id = ? AND revoked_at IS NULL`, db.now(), by.ID, id)
		if res.Error != nil {
			return fmt.Errorf("revoke token: %w", res.Error)
		}
		if res.RowsAffected == 0 {
			return fault.New(fault.NotFound, "There is no such token in force.")
		}
		return appendAudit(tx, Act{Actor: by, Action: "token.revoke", Kind: "token", ID: id})
	})
}
