package postgres

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/run"
)

func forgetSteps(q *pgx.Batch, items []Checkpoint) error {
	var runs, nodes []string
	for _, c := range items {
		for _, n := range c.Forget {
			runs, nodes = append(runs, string(c.Run)), append(nodes, string(n))
		}
	}
	if len(runs) == 0 {
		return nil
	}
	q.Queue(`DELETE FROM steps s USING unnest($1::text[], $2::text[]) u (r, n) WHERE s.run_id = u.r AND s.node = u.n`, runs, nodes)
	return nil
}

// writeSteps writes the steps that are surely not there yet apart from the others:
// looking for the row to change costs as much again as writing one.
func writeSteps(q *pgx.Batch, items []Checkpoint) error {
	var fresh, old stepColumnsOf
	for _, c := range items {
		for _, s := range c.Steps {
			if s.New {
				fresh.add(c.Run, s)
			} else {
				old.add(c.Run, s)
			}
		}
	}
	fresh.queue(q, "")
	old.queue(q, `ON CONFLICT (run_id, node) DO UPDATE SET state = excluded.state, port = excluded.port, changes = excluded.changes, error = excluded.error, error_kind = excluded.error_kind,
			wait_for = excluded.wait_for, note = excluded.note, input = excluded.input, output = excluded.output, attempts = excluded.attempts, wake_at = excluded.wake_at,
			started_at = coalesce(steps.started_at, excluded.started_at), ended_at = excluded.ended_at, log = excluded.log`)
	return nil
}

// stepColumnsOf are steps as columns.
type stepColumnsOf struct {
	text                [10][]string
	input, output, logs []*string
	attempts            []int32
	wakes, starts, ends []*time.Time
}

func (t *stepColumnsOf) add(id run.ID, s StepRow) {
	changes := string(s.Changes)
	if changes == "" {
		changes = "[]"
	}
	for i, v := range [...]string{string(id), string(s.Node), s.Type, string(s.State), s.Port, changes, s.Error, s.ErrorKind, s.WaitFor, s.Note} {
		t.text[i] = append(t.text[i], v)
	}
	t.logs = append(t.logs, logText(s.Log))
	t.input, t.output = append(t.input, jsonText(s.Input)), append(t.output, jsonText(s.Output))
	t.attempts = append(t.attempts, int32(s.Attempts))
	t.wakes, t.starts, t.ends = append(t.wakes, s.WakeAt), append(t.starts, s.StartedAt), append(t.ends, s.EndedAt)
}

func (t *stepColumnsOf) queue(q *pgx.Batch, conflict string) {
	if len(t.attempts) == 0 {
		return
	}
	q.Queue(`INSERT INTO steps (run_id, node, type, state, port, changes, error, error_kind, wait_for, note, input, output, attempts, wake_at, started_at, ended_at, log)
		SELECT a, b, c, d, e, f::jsonb, g, h, i, j, k::jsonb, l::jsonb, m, n, o, p, q::text[]
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::int[],
			$14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::text[]) AS u (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q)
		`+conflict,
		t.text[0], t.text[1], t.text[2], t.text[3], t.text[4], t.text[5], t.text[6], t.text[7], t.text[8], t.text[9], t.input, t.output, t.attempts, t.wakes, t.starts, t.ends, t.logs)
}

func jsonText(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	// PostgreSQL's jsonb cannot hold a null character; nothing we show needs one.
	s := string(raw)
	if strings.Contains(s, `\u0000`) {
		s = strings.ReplaceAll(s, `\u0000`, "")
	}
	return &s
}

// logText is a log as an array's text; nil when there is none.
func logText(lines []string) *string {
	if lines == nil {
		return nil
	}
	text := textArray(lines).literal()
	return &text
}

func writeAttempts(q *pgx.Batch, items []Checkpoint) error {
	var runs, nodes, outcomes, errs, logs []string
	var numbers []int32
	var starts, ends []time.Time
	for _, c := range items {
		for _, a := range c.Attempts {
			runs, nodes, outcomes, errs, logs = append(runs, string(c.Run)), append(nodes, string(a.Node)), append(outcomes, a.Outcome), append(errs, a.Error), append(logs, textArray(a.Log).literal())
			numbers, starts, ends = append(numbers, int32(a.Number)), append(starts, a.StartedAt), append(ends, a.EndedAt)
		}
	}
	if len(runs) == 0 {
		return nil
	}
	q.Queue(`INSERT INTO attempts (run_id, node, number, started_at, ended_at, outcome, error, log)
		SELECT a, b, c, d, e, f, g, h::text[] FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::text[]) AS u (a, b, c, d, e, f, g, h)
		ON CONFLICT (run_id, node, number) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome, error = excluded.error, log = excluded.log`,
		runs, nodes, numbers, starts, ends, outcomes, errs, logs)
	return nil
}
