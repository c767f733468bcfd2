package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/postgres"
)

type migrateCmd struct{}

// Run brings the database up to date.
func (migrateCmd) Run(ctx context.Context, t *tool) error {
	h, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	have, _, err := h.db.SchemaState(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "The database is at migration %d.\n", have)
	return nil
}

type userAddCmd struct {
	Email         string   `required:"" help:"E-mail address; the user signs in with it."`
	Name          string   `required:"" help:"Name."`
	Role          []string `required:"" help:"Role: viewer, builder, reviewer, operator, auditor or admin. Several with commas."`
	PasswordStdin bool     `help:"Read the password from standard input. Without it, one is made and printed."`
}

// Run adds a user.
func (c userAddCmd) Run(ctx context.Context, t *tool) error {
	roles, err := parseRoles(c.Role)
	if err != nil {
		return err
	}
	password, made := "", false
	if c.PasswordStdin {
		raw, err := io.ReadAll(io.LimitReader(t.in, 4096))
		if err != nil {
			return err
		}
		password = strings.TrimRight(string(raw), "\r\n")
	} else {
		password, made = randomPassword(), true
	}
	h, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	u, err := h.db.AddUser(ctx, cli(), h.hasher, postgres.NewUser{Email: c.Email, Name: c.Name, Password: password, Roles: roles})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Added %s (%s).\n", u.Email, u.ID)
	if made {
		fmt.Fprintf(t.out, "Password: %s\n", password)
	}
	return nil
}

// cli is the actor of commands that administer this machine.
func cli() auth.Actor {
	who := os.Getenv("SUDO_USER")
	if who == "" {
		who = os.Getenv("USER")
	}
	if who == "" {
		who = "command line"
	}
	return auth.Actor{Kind: auth.System, ID: "cli", Name: "Command line (" + who + ")"}
}

func parseRoles(texts []string) ([]auth.Role, error) {
	var out []auth.Role
	for _, text := range texts {
		for _, name := range split(text) {
			r, ok := auth.ParseRole(name)
			if !ok {
				return nil, usageError{fault.New(fault.Invalid, "There is no role %q. The roles are: viewer, builder, reviewer, operator, auditor, admin.", name)}
			}
			out = append(out, r)
		}
	}
	return out, nil
}

type tokenCreateCmd struct {
	Name    string   `required:"" help:"What uses this token."`
	Role    []string `required:"" help:"Role of the token; the owner must have it."`
	Owner   string   `required:"" help:"E-mail address of the owner."`
	Expires string   `default:"90d" help:"How long it is valid: 12h, 90d. At most 366 days."`
}

// Run makes a token and prints its secret once.
func (c tokenCreateCmd) Run(ctx context.Context, t *tool) error {
	roles, err := parseRoles(c.Role)
	if err != nil {
		return err
	}
	within, err := flow.ParseDuration(c.Expires)
	if err != nil || within <= 0 {
		return usageError{fault.New(fault.Invalid, "--expires is a duration such as 12h or 90d.")}
	}
	h, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	secret, _, err := h.db.CreateToken(ctx, cli(), postgres.NewToken{Name: c.Name, Roles: roles, OwnerEmail: c.Owner, ExpiresAt: time.Now().Add(within)})
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, secret)
	return nil
}
