package postgres

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// User is a person who may sign in.
type User struct {
	ID           string
	Email        string
	Name         string
	Roles        []auth.Role
	Active       bool
	LockedUntil  *time.Time
	CreatedAt    time.Time
	LastSignInAt *time.Time
}

// Actor gives the person as an actor.
func (u User) Actor() auth.Actor {
	return auth.Actor{Kind: auth.User, ID: u.ID, UserID: u.ID, Name: u.Name, Email: u.Email, Roles: u.Roles}
}

// NewUser is a person to be added.
type NewUser struct {
	Email, Name, Password string
	Roles                 []auth.Role
}

type userRow struct {
	ID, Email, Name, PasswordHash string
	Roles                         textArray
	Active                        bool
	FailedCount                   int
	LockedUntil, LastSignInAt     *time.Time
	CreatedAt                     time.Time
}

func (r userRow) user() User {
	return User{ID: r.ID, Email: r.Email, Name: r.Name, Roles: rolesOf(r.Roles), Active: r.Active, LockedUntil: r.LockedUntil, CreatedAt: r.CreatedAt, LastSignInAt: r.LastSignInAt}
}

func rolesOf(texts []string) []auth.Role {
	var out []auth.Role
	for _, t := range texts {
		if r, ok := auth.ParseRole(t); ok {
			out = append(out, r)
		}
	}
	return out
}

func roleTexts(roles []auth.Role) textArray {
	out := textArray{}
	for _, r := range auth.Roles() {
		if slices.Contains(roles, r) {
			out = append(out, string(r))
		}
	}
	return out
}

const userColumns = `id, email, name, password_hash, roles, active, failed_count, locked_until, created_at, last_sign_in_at`

// cleanUser checks what a person typed and gives it in stored form.
func cleanUser(u NewUser, withPassword bool) (NewUser, error) {
	var ps []fault.Problem
	add := func(path, detail string) { ps = append(ps, fault.Problem{Path: path, Detail: detail}) }
	u.Email, u.Name = strings.ToLower(strings.TrimSpace(u.Email)), strings.TrimSpace(u.Name)
	if a, err := mail.ParseAddress(u.Email); err != nil || a.Address != u.Email || len(u.Email) > 320 || !utf8.ValidString(u.Email) {
		add("email", "This is not an e-mail address.")
	}
	if n := utf8.RuneCountInString(u.Name); n == 0 || n > 200 || strings.ContainsRune(u.Name, 0) || !utf8.ValidString(u.Name) {
		add("name", "Write a name of 1 to 200 characters.")
	}
	if len(u.Roles) == 0 {
		add("roles", "Choose at least one role.")
	}
	for _, r := range u.Roles {
		if _, ok := auth.ParseRole(string(r)); !ok {
			add("roles", fmt.Sprintf("There is no role %q.", clip(string(r))))
		}
	}
	if withPassword {
		if err := auth.CheckPassword(u.Password, u.Email); err != nil {
			add("password", fault.Sentence(err))
		}
	}
	return u, fault.Refuse("The user was not saved.", ps)
}

// AddUser adds a person.
func (db *DB) AddUser(ctx context.Context, by Actor, h *auth.Hasher, u NewUser) (User, error) {
	u, err := cleanUser(u, true)
	if err != nil {
		return User{}, err
	}
	hash, err := h.Hash(ctx, u.Password)
	if err != nil {
		return User{}, err
	}
	var out User
	err = db.tx(ctx, func(tx *gorm.DB) error {
		out, err = insertUser(tx, by, u, hash, db.now())
		return err
	})
	return out, err
}

func insertUser(tx *gorm.DB, by Actor, u NewUser, hash string, now time.Time) (User, error) {
	var taken int64
	if err := tx.Raw(`SELECT count(*) FROM users WHERE email = ?`, u.Email).Scan(&taken).Error; err != nil {
		return User{}, fmt.Errorf("find user: %w", err)
	}
	if taken > 0 {
		return User{}, &fault.Error{Kind: fault.Conflict, Sentence: "There is a user with this e-mail address already.", Problems: []fault.Problem{{Path: "email", Detail: "There is a user with this e-mail address already."}}}
	}
	r := userRow{ID: newID("u_"), Email: u.Email, Name: u.Name, PasswordHash: hash, Roles: roleTexts(u.Roles), Active: true, CreatedAt: now}
	err := tx.Exec(`INSERT INTO users (id, email, name, password_hash, roles, created_at) VALUES (?, ?, ?, ?, ?, ?)`, r.ID, r.Email, r.Name, r.PasswordHash, r.Roles, r.CreatedAt).Error
	if err != nil {
		return User{}, fmt.Errorf("add user: %w", err)
	}
	return r.user(), appendAudit(tx, Act{Actor: by, Action: "user.add", Kind: "user", ID: r.ID, Detail: map[string]any{"roles": r.Roles}})
}

// Users lists all people by name.
func (db *DB) Users(ctx context.Context) ([]User, error) {
	var rows []userRow
	if err := db.gorm.WithContext(ctx).Raw(`SELECT ` + userColumns + ` FROM users ORDER BY active DESC, lower(name), id LIMIT 2000`).Scan(&rows).Error; err != nil {
		return nil, asFault(fmt.Errorf("list users: %w", err))
	}
	out := make([]User, len(rows))
	for i, r := range rows {
		out[i] = r.user()
	}
	return out, nil
}

// FindUser finds a person by id.
func (db *DB) FindUser(ctx context.Context, id string) (User, error) {
	r, err := findUser(db.gorm.WithContext(ctx), `id = ?`, id)
	return r.user(), err
}

// FindUserByEmail finds a person by e-mail address.
func (db *DB) FindUserByEmail(ctx context.Context, email string) (User, error) {
	r, err := findUser(db.gorm.WithContext(ctx), `email = ?`, strings.ToLower(strings.TrimSpace(email)))
	return r.user(), err
}

func findUser(tx *gorm.DB, where string, args ...any) (userRow, error) {
	var rows []userRow
	if err := tx.Raw(`SELECT `+userColumns+` FROM users WHERE `+where, args...).Scan(&rows).Error; err != nil {
		return userRow{}, asFault(fmt.Errorf("find user: %w", err))
	}
	if len(rows) == 0 {
		return userRow{}, fault.New(fault.NotFound, "There is no such user.")
	}
	return rows[0], nil
}

// UserChange is what changes; nil keeps.
type UserChange struct {
	Name   *string
	Roles  []auth.Role
	Active *bool
}

// ChangeUser changes a person. The last active administrator stays one.
func (db *DB) ChangeUser(ctx context.Context, by Actor, id string, c UserChange) (User, error) {
	var out User
	err := db.tx(ctx, func(tx *gorm.DB) error {
		// One change of people at a time, so that two administrators cannot remove each other.
		if err := tx.Exec(`SELECT pg_advisory_xact_lock(7402914)`).Error; err != nil {
			return err
		}
		r, err := findUser(tx, `id = ? FOR UPDATE`, id)
		if err != nil {
			return err
		}
		u := NewUser{Email: r.Email, Name: r.Name, Roles: rolesOf(r.Roles)}
		if c.Name != nil {
			u.Name = *c.Name
		}
		if c.Roles != nil {
			u.Roles = c.Roles
		}
		if u, err = cleanUser(u, false); err != nil {
			return err
		}
		was := r
		r.Name, r.Roles = u.Name, roleTexts(u.Roles)
		if c.Active != nil {
			r.Active = *c.Active
		}
		if err := keepAdmin(tx, was, r); err != nil {
			return err
		}
		if err := tx.Exec(`UPDATE users SET name = ?, roles = ?, active = ?, failed_count = 0, locked_until = NULL WHERE id = ?`, r.Name, r.Roles, r.Active, id).Error; err != nil {
			return fmt.Errorf("change user: %w", err)
		}
		if !r.Active {
			if err := tx.Exec(`DELETE FROM sessions WHERE user_id = ?`, id).Error; err != nil {
				return fmt.Errorf("end sessions: %w", err)
			}
		}
		out = r.user()
		return appendAudit(tx, Act{Actor: by, Action: "user.change", Kind: "user", ID: id, Detail: map[string]any{"roles": r.Roles, "roles_before": was.Roles, "active": r.Active}})
	})
	return out, err
}

func keepAdmin(tx *gorm.DB, was, is userRow) error {
	lost := was.Active && slices.Contains(was.Roles, string(auth.Admin)) && !(is.Active && slices.Contains(is.Roles, string(auth.Admin)))
	if !lost {
		return nil
	}
	var others int64
	if err := tx.Raw(`SELECT count(*) FROM users WHERE active AND 'admin' = ANY (roles) AND id <> ?`, was.ID).Scan(&others).Error; err != nil {
		return err
	}
	if others == 0 {
		return fault.New(fault.Conflict, "This is the last active administrator. Make somebody else one first.")
	}
	return nil
}

// SetPassword gives a person a new password and ends the sessions, except one.
func (db *DB) SetPassword(ctx context.Context, by Actor, h *auth.Hasher, id, password, keepSession string) error {
	u, err := db.FindUser(ctx, id)
	if err != nil {
		return err
	}
	if err := auth.CheckPassword(password, u.Email); err != nil {
		return problem("password", fault.Sentence(err))
	}
	hash, err := h.Hash(ctx, password)
	if err != nil {
		return err
	}
	return db.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec(`UPDATE users SET password_hash = ?, failed_count = 0, locked_until = NULL WHERE id = ?`, hash, id).Error; err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		if err := tx.Exec(`DELETE FROM sessions WHERE user_id = ? AND id_hash <> ?`, id, digest(keepSession)).Error; err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return appendAudit(tx, Act{Actor: by, Action: "user.password", Kind: "user", ID: id})
	})
}

// PasswordMatches checks a signed-in person's own password.
func (db *DB) PasswordMatches(ctx context.Context, h *auth.Hasher, id, password string) (bool, error) {
	r, err := findUser(db.gorm.WithContext(ctx), `id = ?`, id)
	if err != nil {
		return false, err
	}
	return h.Matches(ctx, password, r.PasswordHash)
}
