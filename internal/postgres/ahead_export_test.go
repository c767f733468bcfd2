package postgres

import "github.com/jackc/pgx/v5"

// Turns is how often a session for pages was taken.
func Turns(db *DB) int64 { return db.pool.Stat().AcquireCount() }

// Broken is something to read ahead that the database refuses.
type Broken struct{ Settled bool }

func (b *Broken) queue(q *pgx.Batch) { q.Queue("SELECT 1 / 0") }
func (b *Broken) settle()            { b.Settled = true }
