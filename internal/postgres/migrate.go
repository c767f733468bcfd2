package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"joinery/internal/fault"
	"joinery/migrations"
)

// Migrate brings the schema up to date as its owner. Several nodes may do it at
// once: one migrates, the others wait. loginApp also lets joinery_app sign in by
// itself (the private server, where the socket is the lock).
func Migrate(ctx context.Context, ownerURL string, loginApp bool) error {
	cfg, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return fault.New(fault.Invalid, "DATABASE_URL is not a PostgreSQL address. It looks like postgres://user:password@host:5432/database.")
	}
	cfg.RuntimeParams["application_name"] = "joinery migrate"
	cfg.ConnectTimeout = 10 * time.Second
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return fault.Wrap(fault.Unavailable, err, "The database at %s:%d/%s cannot be reached: %s.", cfg.Host, cfg.Port, cfg.Database, connectTrouble(err))
	}
	if err := ensureAppRole(ctx, db, loginApp); err != nil {
		return err
	}
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	if err := refuseNewer(ctx, db); err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fault.Wrap(fault.Internal, err, "The database could not be brought up to date: %v.", err)
	}
	return nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// ensureAppRole makes joinery_app. Roles belong to the whole cluster, so another
// database's migration may make it at the same moment.
func ensureAppRole(ctx context.Context, db *sql.DB, login bool) error {
	var exists bool
	if err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)`, appRole).Scan(&exists); err != nil {
		return asFault(err)
	}
	if !exists {
		_, err := db.ExecContext(ctx, "CREATE ROLE "+appRole)
		if err != nil && !isCode(err, "42710", "23505") {
			return fault.Wrap(fault.Forbidden, err, "The role %s does not exist and this database user may not create it. Let an administrator run: CREATE ROLE %s; GRANT %s TO <this user>;", appRole, appRole, appRole)
		}
	}
	if login {
		if _, err := db.ExecContext(ctx, "ALTER ROLE "+appRole+" LOGIN"); err != nil && !isCode(err, "XX000") {
			return asFault(err)
		}
	}
	// Membership lets the server drop to the role by SET ROLE. A superuser needs none.
	if _, err := db.ExecContext(ctx, "GRANT "+appRole+" TO CURRENT_USER"); err != nil && !isCode(err, "42501", "0LP01", "XX000", "23505") {
		return asFault(err)
	}
	return nil
}

func isCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, c := range codes {
		if pg.Code == c {
			return true
		}
	}
	return false
}

// refuseNewer keeps an older program away from a newer schema.
func refuseNewer(ctx context.Context, db *sql.DB) error {
	have, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	if newest := NewestMigration(); have > newest {
		return fault.New(fault.Conflict, "The database was migrated to version %d by a newer Joinery; this one knows %d. Start the newer version.", have, newest)
	}
	return nil
}

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func schemaVersion(ctx context.Context, db queryer) (int64, error) {
	var have sql.NullInt64
	err := db.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&have)
	if isCode(err, "42P01") {
		return 0, nil
	}
	return have.Int64, asFault(err)
}

// SchemaState says which migration the database is at and which this program knows.
func (db *DB) SchemaState(ctx context.Context) (have, want int64, err error) {
	have, err = schemaVersion(ctx, db.sql)
	return have, NewestMigration(), err
}

var migrationName = regexp.MustCompile(`^(\d+)_`)

// NewestMigration is the number of the newest migration this program knows.
func NewestMigration() int64 {
	entries, _ := fs.ReadDir(migrations.Files, ".")
	var newest int64
	for _, e := range entries {
		if m := migrationName.FindStringSubmatch(e.Name()); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64)
			newest = max(newest, n)
		}
	}
	return newest
}

// RunsAsApp reports whether sessions run as joinery_app.
func (db *DB) RunsAsApp(ctx context.Context) (bool, error) {
	var role string
	err := db.pool.QueryRow(ctx, `SELECT current_user`).Scan(&role)
	return role == appRole, asFault(err)
}
