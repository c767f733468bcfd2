package postgres

import (
	"context"
	"fmt"

	"joinery/internal/metric"
)

// Metrics reads what operators watch. Every query is answered from an index over
// what is open now, whatever has ended over the years; every number is there
// even when it is 0, so that an alert on it works.
func (db *DB) Metrics(ctx context.Context) ([]metric.Reading, error) {
	var out []metric.Reading
	for _, q := range []struct{ name, help, label, sql string }{
		{"joinery_runs", "Runs that have not ended, by state.", "state", `SELECT s, (SELECT count(*) FROM runs WHERE state = s AND state IN ('queued', 'running', 'waiting', 'parked')) FROM unnest(ARRAY['queued', 'running', 'waiting', 'parked']) s`},
		{"joinery_due_runs_age_seconds", "How long the oldest run that could be carried has waited for it.", "", `SELECT '', coalesce(extract(epoch FROM $1::timestamptz - (SELECT r.wake_at FROM runs r WHERE r.state IN ('queued', 'waiting') AND r.wake_at <= $1
			AND (r.mode = 'simulate' OR NOT EXISTS (SELECT 1 FROM runs o WHERE o.flow = r.flow AND o.joiner_id = r.joiner_id AND o.seq < r.seq AND o.state IN ('queued', 'running', 'waiting', 'parked') AND o.mode = 'live'))
			ORDER BY r.wake_at LIMIT 1)), 0)`},
		{"joinery_events", "Deliveries that wait for a person.", "state", `SELECT 'dead', count(*) FROM events WHERE state = 'dead'`},
		{"joinery_reviews", "Open reviews.", "state", `SELECT 'open', count(*) FROM reviews WHERE state = 'open'`},
		{"joinery_exceptions", "Exceptions that are not resolved, by state.", "state", `SELECT s, (SELECT count(*) FROM exceptions WHERE state = s AND state <> 'resolved') FROM unnest(ARRAY['open', 'asked', 'pushing', 'excepted']) s`},
		{"joinery_signoffs", "Open sign-offs.", "state", `SELECT 'open', count(*) FROM signoffs WHERE state = 'open'`},
		{"joinery_audit_records", "Audit records that are not sealed yet.", "state", `SELECT 'unsealed', count(*) FROM audit_unsealed`},
		{"joinery_audit_unsealed_age_seconds", "How long the oldest audit record has waited to be sealed.", "", `SELECT '', coalesce(greatest(0, extract(epoch FROM clock_timestamp() - (SELECT e.at FROM audit_events e WHERE e.id = (SELECT min(event_id) FROM audit_unsealed)))), 0)`},
		{"joinery_credentials", "Credentials that end within 30 days.", "state", `SELECT 'expiring', count(*) FROM credentials WHERE NOT superseded AND revoked_at IS NULL AND expires_at < now() + interval '30 days'`},
	} {
		var args []any
		if q.name == "joinery_due_runs_age_seconds" {
			args = []any{db.now()}
		}
		rows, err := db.pool.Query(ctx, q.sql, args...)
		if err != nil {
			return nil, asFault(fmt.Errorf("count %s: %w", q.name, err))
		}
		for rows.Next() {
			m := metric.Reading{Name: q.name, Help: q.help, Label: q.label}
			if err := rows.Scan(&m.Key, &m.Value); err != nil {
				rows.Close()
				return nil, asFault(err)
			}
			out = append(out, m)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, asFault(err)
		}
	}
	return out, nil
}

// PoolUse tells how the connections to the database are used; it asks nobody.
func (db *DB) PoolUse() []metric.Reading {
	s := db.pool.Stat()
	conns := func(state string, n int32) metric.Reading {
		return metric.Reading{Name: "joinery_database_connections", Help: "Connections to the database by state.", Label: "state", Key: state, Value: float64(n)}
	}
	return []metric.Reading{
		conns("used", s.AcquiredConns()), conns("idle", s.IdleConns()), conns("opening", s.ConstructingConns()),
		{Name: "joinery_database_connections_max", Help: "The most connections to the database that this process opens.", Value: float64(s.MaxConns())},
		{Name: "joinery_database_waits_total", Help: "How often a connection was waited for.", Value: float64(s.EmptyAcquireCount()), Counter: true},
		{Name: "joinery_database_wait_seconds_total", Help: "How long connections were waited for.", Value: s.EmptyAcquireWaitTime().Seconds(), Counter: true},
	}
}
