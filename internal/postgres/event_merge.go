package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/joiner"
)

// planned names what has one plan: a joiner in a flow.
type planned struct{ joiner, flow string }

// mergeable are the runs that a newer event of their joiner merges into: those that
// wait, and those that have not begun. They look at the worker again, so a run of
// its own would only do the same once more.
type mergeable map[planned]string

// queue reads and locks the runs of the joiners in a batch, so that none of them
// goes on before the event is kept. The newest run wins: it reads last.
func (m mergeable) queue(q *pgx.Batch, refs []joiner.Ref) {
	conns, workers := make([]string, len(refs)), make([]string, len(refs))
	for i, r := range refs {
		conns[i], workers[i] = r.Connection, r.Worker
	}
	q.Queue(`SELECT r.id, r.joiner_id, r.flow FROM unnest($1::text[], $2::text[]) AS u (c, w) JOIN joiners j ON j.connection = u.c AND j.worker = u.w
		JOIN runs r ON r.joiner_id = j.id WHERE r.mode = 'live' AND r.state IN ('queued', 'waiting') AND NOT r.undoing AND r.cancel_asked = ''
		ORDER BY r.id FOR NO KEY UPDATE OF r`, conns, workers).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var id string
			var p planned
			if err := rows.Scan(&id, &p.joiner, &p.flow); err != nil {
				return err
			}
			m[p] = id
		}
		return rows.Err()
	})
}

// covers are events made by a poll, of which a webhook may come late.
type covers map[told][]string

type told struct{ joiner, kind string }

// lateFor is how late a webhook may be to count as the one of a change that a poll
// has told: senders try for a day.
const lateFor = "25 hours"

// queue reads what polls have told about the joiners of a batch: the moment of the
// look, and the runs that read the worker after it.
func (c covers) queue(q *pgx.Batch, refs []joiner.Ref, at map[told]time.Time) {
	conns, workers := make([]string, len(refs)), make([]string, len(refs))
	for i, r := range refs {
		conns[i], workers[i] = r.Connection, r.Worker
	}
	q.Queue(`SELECT e.joiner_id, e.type, e.at, e.runs FROM unnest($1::text[], $2::text[]) AS u (c, w) JOIN joiners j ON j.connection = u.c AND j.worker = u.w
		JOIN events e ON e.joiner_id = j.id WHERE e.state = 'accepted' AND e.signer = $3 AND e.received_at > now() - $4::interval ORDER BY e.at`, conns, workers, PollSigner, lateFor).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var k told
			var when *time.Time
			var runs []string
			if err := rows.Scan(&k.joiner, &k.kind, &when, &runs); err != nil {
				return err
			}
			if when != nil {
				c[k], at[k] = runs, *when
			}
		}
		return rows.Err()
	})
}

// into gives the run that an event of a joiner merges into; "" when it gets its own.
// A flow that asks which event it was gets a run for each.
func (m mergeable) into(joiner string, f liveFlow) string {
	if f.asks {
		return ""
	}
	return m[planned{joiner, f.key}]
}
