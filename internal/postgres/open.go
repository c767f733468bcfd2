// Package postgres keeps everything Joinery knows. Reads are queries shaped for
// a page; writes are verbs, one transaction each, that call a pure rule and
// append their audit row. Rows are private to this package.
package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	gormpg "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"joinery/internal/artifact"
	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/metric"
	"joinery/internal/secret"
)

// appRole is the role the server runs as; it owns nothing and has no DDL.
const appRole = "joinery_app"

// Config says which database, and with what clock.
type Config struct {
	URL string
	// Conns bounds the pool; 0 means 30.
	Conns int
	Log   *slog.Logger
	Now   func() time.Time
	// Artifacts reads and judges artifact content; change control needs it.
	Artifacts artifact.Kinds
	// Sealer seals credentials; without it none can be stored or read.
	Sealer *secret.Sealer
	// Reached is told each place a write passes. Only tests set it.
	Reached func(place string)
	// Metrics counts shared commits; nil counts nothing.
	Metrics *metric.Set
	// Author says which language model the environment names.
	Author AuthorDefaults
}

// Places on the way of a write.
const (
	BeforeAccept = "before accept" // events are written, and not committed
	BeforeCommit = "before commit" // checkpoints are written, and not committed
)

// DB is the database. Its methods are safe for concurrent use.
type DB struct {
	pool *pgxpool.Pool
	// hot is for what every run needs: claims, intents, checkpoints, intake. Pages
	// cannot keep it waiting, and its plans stay right when empty tables grow.
	hot  *pgxpool.Pool
	gorm *gorm.DB
	sql  *sql.DB
	log  *slog.Logger
	// own is the injected clock; clock, once there, the database's.
	own   func() time.Time
	clock atomic.Pointer[anchor]

	artifacts artifact.Kinds
	sealer    *secret.Sealer
	uses      lastUses
	seals     seals
	alarms    sync.Map // releases found changed, by id
	spaces    sync.Map // name space → its equality
	hands     atomic.Pointer[Hands]
	flows     lastFlows
	day       atomic.Pointer[day]
	batchers  batchers
	batches   batches
	tell      func(place string)
	metrics   *metric.Set
	author    AuthorDefaults
	outgoing  outgoing
}

// Open connects as joinery_app: directly when the URL says so, else by SET ROLE
// when the signed-in role may.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	pc, err := poolConfig(cfg)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fault.Wrap(fault.Unavailable, err, "The database at %s cannot be reached: %s.", describe(pc), connectTrouble(err))
	}
	hot, err := pgxpool.NewWithConfig(ctx, hotConfig(pc))
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	if cfg.Artifacts.Programs == nil {
		cfg.Artifacts.Programs = expr.NewPrograms(artifact.KeepPrograms)
	}
	var db *DB
	sqlDB := stdlib.OpenDBFromPool(pool)
	g, err := gorm.Open(gormpg.New(gormpg.Config{Conn: sqlDB}), &gorm.Config{
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true,
		NowFunc:                func() time.Time { return db.now() },
	})
	if err != nil {
		pool.Close()
		hot.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	db = &DB{pool: pool, hot: hot, gorm: g, sql: sqlDB, log: cfg.Log, own: cfg.Now, artifacts: cfg.Artifacts, sealer: cfg.Sealer, tell: cfg.Reached, metrics: cfg.Metrics, author: cfg.Author}
	return db, nil
}

func (db *DB) now() time.Time {
	if a := db.clock.Load(); a != nil {
		return a.now()
	}
	return db.own()
}

// Programs keeps the compiled expressions of the policies that are judged here.
func (db *DB) Programs() *expr.Programs { return db.artifacts.Programs }

// Close ends the batches and the pool.
func (db *DB) Close() {
	db.batches.close()
	_ = db.sql.Close()
	db.pool.Close()
	db.hot.Close()
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return asFault(db.pool.Ping(ctx)) }

// reached tells a test where a write is.
func (db *DB) reached(place string) {
	if db.tell != nil {
		db.tell(place)
	}
}

func poolConfig(cfg Config) (*pgxpool.Config, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		// The parse error may repeat the password.
		return nil, fault.New(fault.Invalid, "DATABASE_URL is not a PostgreSQL address. It looks like postgres://user:password@host:5432/database.")
	}
	pc.MaxConns = 30
	if cfg.Conns > 0 {
		pc.MaxConns = int32(cfg.Conns)
	}
	pc.ConnConfig.ConnectTimeout = 10 * time.Second
	pc.ConnConfig.RuntimeParams["application_name"] = "joinery"
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pc.ConnConfig.RuntimeParams["jit"] = "off"
	// Pages read few rows; to start a worker costs more than they take.
	pc.ConnConfig.RuntimeParams["max_parallel_workers_per_gather"] = "0"
	pc.AfterConnect = becomeApp
	return pc, nil
}

// hotConns is one for each batcher, and a few for claims and leases.
const hotConns = 3 + 4

// hotConfig is for statements that look rows up by key, prepared once and kept: a
// plan made while a table was empty would read the whole table for ever after.
func hotConfig(pc *pgxpool.Config) *pgxpool.Config {
	hot := pc.Copy()
	hot.MaxConns, hot.MinConns, hot.MinIdleConns = hotConns, 0, 0
	hot.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if err := knowColumns(ctx, conn); err != nil {
			return err
		}
		standBack(conn)
		return becomeApp(ctx, conn)
	}
	for _, off := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_bitmapscan"} {
		hot.ConnConfig.RuntimeParams[off] = "off"
	}
	return hot
}

// becomeApp drops the session to joinery_app where the signed-in role is a member
// of it. A role that is not keeps its own rights; the system page says so.
func becomeApp(ctx context.Context, conn *pgx.Conn) error {
	var can bool
	// A network that goes silent in the middle of a transaction must not keep rows
	// locked for hours: the server finds out, and lets go.
	_, err := conn.Exec(ctx, `SET idle_in_transaction_session_timeout = '15s'; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = '15s'`)
	if err != nil {
		return err
	}
	err = conn.QueryRow(ctx, `SELECT current_user <> $1 AND EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1
		AND pg_has_role(current_user, oid, 'MEMBER'))`, appRole).Scan(&can)
	if err != nil || !can {
		return err
	}
	_, err = conn.Exec(ctx, "SET ROLE "+appRole)
	return err
}

func describe(pc *pgxpool.Config) string {
	return fmt.Sprintf("%s:%d/%s", pc.ConnConfig.Host, pc.ConnConfig.Port, pc.ConnConfig.Database)
}

// tx runs f in one transaction through GORM.
func (db *DB) tx(ctx context.Context, f func(tx *gorm.DB) error) error {
	return asFault(db.gorm.WithContext(ctx).Transaction(f))
}

// ptx runs f in one transaction through pgx.
func (db *DB) ptx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return asFault(pgx.BeginFunc(ctx, db.pool, f))
}

// htx is ptx for the hot path.
func (db *DB) htx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return asFault(pgx.BeginFunc(ctx, db.hot, f))
}
