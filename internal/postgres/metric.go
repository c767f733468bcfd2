package postgres

import (
	"context"
	"fmt"
)

// Metric is one number with one label.
type Metric struct {
	Name, Help, Label, Key string
	Value                  float64
}

// Metrics counts what operators watch.
func (db *DB) Metrics(ctx context.Context) ([]Metric, error) {
	var out []Metric
	for _, q := range []struct{ name, help, label, sql string }{
		{"runs", "Runs by state; ended ones of the last 24 hours only.", "state", `SELECT state, count(*) FROM runs WHERE state IN ('queued', 'running', 'waiting', 'parked') OR ended_at > now() - interval '1 day' GROUP BY state`},
		{"events", "Events of the last 24 hours by state.", "state", `SELECT state, count(*) FROM events WHERE received_at > now() - interval '1 day' GROUP BY state`},
		{"due_runs_age_seconds", "How long the oldest due run has waited to be carried.", "state", `SELECT state, coalesce(extract(epoch FROM now() - min(wake_at)), 0) FROM runs WHERE state = 'queued' AND wake_at < now() GROUP BY state`},
		{"reviews", "Open reviews.", "state", `SELECT state, count(*) FROM reviews WHERE state = 'open' GROUP BY state`},
		{"signoffs", "Open sign-offs.", "state", `SELECT state, count(*) FROM signoffs WHERE state = 'open' GROUP BY state`},
		{"audit_records", "Audit records that are not sealed yet.", "state", `SELECT 'unsealed', count(*) FROM audit_unsealed`},
		{"credentials", "Credentials that end within 30 days.", "state", `SELECT 'expiring', count(*) FROM credentials WHERE NOT superseded AND revoked_at IS NULL AND expires_at < now() + interval '30 days'`},
	} {
		rows, err := db.pool.Query(ctx, q.sql)
		if err != nil {
			return nil, asFault(fmt.Errorf("count %s: %w", q.name, err))
		}
		for rows.Next() {
			m := Metric{Name: q.name, Help: q.help, Label: q.label}
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
