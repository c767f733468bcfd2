package bench

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// createDatabase makes a fresh database; one of an earlier measurement goes.
func createDatabase(ctx context.Context, url, name string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("make a database: %w", err)
	}
	defer func() { _ = c.Close(ctx) }()
	for _, q := range []string{`DROP DATABASE IF EXISTS %s WITH (FORCE)`, `CREATE DATABASE %s`} {
		if _, err := c.Exec(ctx, fmt.Sprintf(q, pgx.Identifier{name}.Sanitize())); err != nil {
			return fmt.Errorf("make a database: %w", err)
		}
	}
	return nil
}
