package postgres

import (
	"context"
	"fmt"
	"time"
)

// The time of all processes is the database's: a machine whose clock is wrong
// must neither begin what is not due nor refuse what was signed just now. Between
// two looks the machine's steady clock counts on, which no one can set.
const (
	clockEvery = 15 * time.Second
	// clockSlack is how far the two may drift apart before the time is corrected:
	// a correction makes time jump.
	clockSlack = 100 * time.Millisecond
	// clockWrong is how wrong a machine's own clock may be before it is worth a word.
	clockWrong = time.Minute
)

// anchor ties a moment of the steady clock to the database's time.
type anchor struct{ database, local time.Time }

func (a *anchor) now() time.Time { return a.database.Add(time.Since(a.local)) }

// Now is the time: the database's once SyncClock was called, else the injected one.
func (db *DB) Now() time.Time { return db.now() }

// SyncClock asks the database for its time and lives by it from now on. It gives
// how far this machine's own clock is ahead.
func (db *DB) SyncClock(ctx context.Context) (ahead time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	before := time.Now()
	var there time.Time
	if err := db.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&there); err != nil {
		return 0, asFault(fmt.Errorf("ask the database for the time: %w", err))
	}
	took := time.Since(before)
	next := &anchor{database: there.UTC().Add(took / 2), local: time.Now()}
	if old := db.clock.Load(); old == nil || next.now().Sub(old.now()).Abs() > clockSlack+took {
		db.clock.Store(next)
	}
	return db.own().Sub(next.now()), nil
}

// KeepClock follows the database's time until ctx ends.
func (db *DB) KeepClock(ctx context.Context) {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	wrong := false
	for {
		ahead, err := db.SyncClock(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			db.log.Warn("asking the database for the time failed", "err", err)
		case err == nil && ahead.Abs() > clockWrong && !wrong:
			wrong = true
			db.log.Warn("this machine's clock is wrong; the database's is used", "err", fmt.Errorf("it is %s ahead of the database's", ahead.Round(time.Second)))
		case err == nil && ahead.Abs() <= clockWrong:
			wrong = false
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
