package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/joiner"
	"joinery/internal/policy"
)

// mayEcho reports whether an event could tell of our own write. A body that nobody
// signed is not believed: it could hide a change. A person who replays an event
// wants its runs.
func (it Incoming) mayEcho() bool {
	return it.Event.Type == "worker.updated" && it.ReplayOf == "" && (it.Signer != "" || it.Read)
}

// findEchoes finds the events of a batch that are our own echo. Only joiners with
// a recent write-back are looked up; until tells them, read with their rows.
func (b *acceptance) findEchoes(ctx context.Context, q querier, ids map[joiner.Ref]string, until map[string]time.Time) error {
	var of []string
	for _, it := range b.items {
		id := ids[joiner.Ref{Connection: it.Connection, Worker: it.Event.Worker}]
		if it.mayEcho() && until[id].After(b.now) && !slices.Contains(of, id) {
			of = append(of, id)
		}
	}
	if len(of) == 0 {
		return nil
	}
	rows, err := q.Query(ctx, `SELECT joiner_id, id, field, hash, echo_key FROM write_backs WHERE joiner_id = ANY ($1) AND echo_until > $2 ORDER BY at, id`, of, b.now)
	if err != nil {
		return fmt.Errorf("find own writes: %w", err)
	}
	defer rows.Close()
	writes := map[string][]policy.OwnWrite{}
	for rows.Next() {
		var id string
		var w policy.OwnWrite
		if err := rows.Scan(&id, &w.ID, &w.Field, &w.Hash, &w.Told); err != nil {
			return err
		}
		writes[id] = append(writes[id], w)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	b.matchEchoes(ids, writes)
	return nil
}

// matchEchoes goes through the batch in its order: one event uses up one write.
func (b *acceptance) matchEchoes(ids map[joiner.Ref]string, writes map[string][]policy.OwnWrite) {
	for i, it := range b.items {
		own := writes[ids[joiner.Ref{Connection: it.Connection, Worker: it.Event.Worker}]]
		if !it.mayEcho() || len(own) == 0 {
			continue
		}
		of, echo := policy.Echo(it.Event, own)
		if !echo {
			continue
		}
		if b.echo == nil {
			b.echo = map[int][]string{}
		}
		b.echo[i] = of
		for n := range own {
			if slices.Contains(of, own[n].ID) && own[n].Told == "" {
				own[n].Told = it.Event.Key
			}
		}
	}
}

// noteEchoes records which events told of which writes.
func (b *acceptance) noteEchoes(q *pgx.Batch, counts func(int) bool) {
	told := 0
	for i, of := range b.echo {
		if !counts(i) {
			continue
		}
		told++
		q.Queue(`UPDATE events SET echo_of = $2 WHERE id = $1`, b.ids[i], of[0])
		q.Queue(`UPDATE write_backs SET echo_key = $2 WHERE id = ANY ($1) AND echo_key = ''`, of, b.items[i].Event.Key)
	}
	b.db.metrics.Echo(told)
}
