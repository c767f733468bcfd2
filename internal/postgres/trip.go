package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// trips is one transaction of the hot path in as few round trips as can be: the
// first takes BEGIN with it and the last COMMIT. A round trip is two changes of
// process, and those are what a busy machine is short of.
type trips struct {
	conn *pgxpool.Conn
	q    *pgx.Batch
	open bool
}

// Queue adds a statement to the next trip.
func (t *trips) Queue(sql string, args ...any) *pgx.QueuedQuery { return t.q.Queue(sql, args...) }

// send makes a trip with what is queued.
func (t *trips) send(ctx context.Context) error {
	q := t.q
	t.q = &pgx.Batch{}
	t.open = true
	t.conn.Conn().PgConn().Frontend().Send(roomFor(q))
	return t.conn.SendBatch(ctx, q).Close()
}

// trip runs f in one transaction. What f leaves queued goes with the commit; last,
// when somebody listens, is told between the two.
func (db *DB) trip(ctx context.Context, last string, f func(t *trips) error) error {
	conn, err := db.hot.Acquire(ctx)
	if err != nil {
		return asFault(err)
	}
	defer conn.Release() // a connection still in a transaction is closed by the pool
	t := &trips{conn: conn, q: &pgx.Batch{}}
	t.Queue("begin")
	if err = f(t); err == nil {
		err = db.commit(ctx, t, last)
	}
	if err != nil && t.open && !conn.Conn().IsClosed() {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = conn.Exec(undo, "rollback") // where that fails too, the connection ends and the server rolls back
	}
	return asFault(err)
}

func (db *DB) commit(ctx context.Context, t *trips, last string) error {
	if db.tell != nil {
		if t.q.Len() > 0 {
			if err := t.send(ctx); err != nil {
				return err
			}
		}
		db.reached(last)
	}
	committed := false
	t.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		committed = tag.String() == "COMMIT"
		return nil
	})
	if err := t.send(ctx); err != nil {
		return err
	}
	if !committed {
		return fmt.Errorf("commit: %w", pgx.ErrTxCommitRollback)
	}
	return nil
}

// querier is a transaction, or a connection within one.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}
