package postgres

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
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

func writeSteps(q *pgx.Batch, items []Checkpoint) error {
	var text [11][]string
	var input, output, logs []*string
	var attempts []int32
	var wakes, starts, ends []*time.Time
	for _, c := range items {
		for _, s := range c.Steps {
			changes := string(s.Changes)
			if changes == "" {
				changes = "[]"
			}
			for i, v := range []string{string(c.Run), string(s.Node), s.Type, string(s.State), s.Port, changes, s.Error, s.ErrorKind, s.WaitFor, s.Note} {
				text[i] = append(text[i], v)
			}
			log, err := logText(s.Log)
			if err != nil {
				return err
			}
			logs = append(logs, log)
			input, output = append(input, jsonText(s.Input)), append(output, jsonText(s.Output))
			attempts = append(attempts, int32(s.Attempts))
			wakes, starts, ends = append(wakes, s.WakeAt), append(starts, s.StartedAt), append(ends, s.EndedAt)
		}
	}
	if len(attempts) == 0 {
		return nil
	}
	q.Queue(`INSERT INTO steps (run_id, node, type, state, port, changes, error, error_kind, wait_for, note, input, output, attempts, wake_at, started_at, ended_at, log)
		SELECT a, b, c, d, e, f::jsonb, g, h, i, j, k::jsonb, l::jsonb, m, n, o, p, CASE WHEN q IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(q::jsonb)) END
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::int[],
			$14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::text[]) AS u (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q)
		ON CONFLICT (run_id, node) DO UPDATE SET state = excluded.state, port = excluded.port, changes = excluded.changes, error = excluded.error, error_kind = excluded.error_kind,
			wait_for = excluded.wait_for, note = excluded.note, input = excluded.input, output = excluded.output, attempts = excluded.attempts, wake_at = excluded.wake_at,
			started_at = coalesce(steps.started_at, excluded.started_at), ended_at = excluded.ended_at, log = excluded.log`,
		text[0], text[1], text[2], text[3], text[4], text[5], text[6], text[7], text[8], text[9], input, output, attempts, wakes, starts, ends, logs)
	return nil
}

func jsonText(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	// PostgreSQL's jsonb cannot hold a null character; nothing we show needs one.
	s := strings.ReplaceAll(string(raw), `\u0000`, "")
	return &s
}

func logText(lines []string) (*string, error) {
	if lines == nil {
		return nil, nil
	}
	raw, err := json.Marshal(lines)
	return jsonText(raw), err
}

func writeAttempts(q *pgx.Batch, items []Checkpoint) error {
	var runs, nodes, outcomes, errs, logs []string
	var numbers []int32
	var starts, ends []time.Time
	for _, c := range items {
		for _, a := range c.Attempts {
			log, err := json.Marshal(append([]string{}, a.Log...))
			if err != nil {
				return err
			}
			runs, nodes, outcomes, errs, logs = append(runs, string(c.Run)), append(nodes, string(a.Node)), append(outcomes, a.Outcome), append(errs, a.Error), append(logs, strings.ReplaceAll(string(log), `\u0000`, ""))
			numbers, starts, ends = append(numbers, int32(a.Number)), append(starts, a.StartedAt), append(ends, a.EndedAt)
		}
	}
	if len(runs) == 0 {
		return nil
	}
	q.Queue(`INSERT INTO attempts (run_id, node, number, started_at, ended_at, outcome, error, log)
		SELECT a, b, c, d, e, f, g, ARRAY(SELECT jsonb_array_elements_text(h::jsonb)) FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::text[]) AS u (a, b, c, d, e, f, g, h)
		ON CONFLICT (run_id, node, number) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome, error = excluded.error, log = excluded.log`,
		runs, nodes, numbers, starts, ends, outcomes, errs, logs)
	return nil
}
