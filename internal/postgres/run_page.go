package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/run"
)

// RunRow is a run as lists show it.
type RunRow struct {
	ID          string
	Flow        string
	Revision    int
	Release     string
	Mode        run.Mode
	State       run.State
	Reason      string
	WaitingFor  string
	WakeAt      *time.Time
	JoinerID    string
	JoinerLabel string
	Worker      string
	Connection  string
	EventID     string
	StartedBy   string
	CreatedAt   time.Time
	StartedAt   *time.Time
	EndedAt     *time.Time
	ChangedAt   time.Time
}

// RunFilter narrows a list of runs. Before is the id after which to go on.
type RunFilter struct {
	Flow, Joiner, Query, Mode string
	States                    []run.State
	Since                     time.Time
	Before                    string
	Limit                     int
}

const runSQL = `SELECT r.id, r.flow, r.revision, r.release_id, r.mode, r.state, r.reason, r.waiting_for, r.wake_at, r.joiner_id, j.label, j.worker, j.connection, r.event_id, r.started_by,
	r.created_at, r.started_at, r.ended_at, r.changed_at FROM runs r JOIN joiners j ON j.id = r.joiner_id`

func scanRun(row pgx.CollectableRow) (RunRow, error) {
	var r RunRow
	err := row.Scan(&r.ID, &r.Flow, &r.Revision, &r.Release, &r.Mode, &r.State, &r.Reason, &r.WaitingFor, &r.WakeAt, &r.JoinerID, &r.JoinerLabel, &r.Worker, &r.Connection, &r.EventID,
		&r.StartedBy, &r.CreatedAt, &r.StartedAt, &r.EndedAt, &r.ChangedAt)
	return r, err
}

// Runs lists runs, newest first.
func (db *DB) Runs(ctx context.Context, f RunFilter) (page []RunRow, next string, err error) {
	sql, args := runsSQL(f)
	rows, err := db.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list runs: %w", err))
	}
	return runPage(rows, f)
}

// RunList is one page of runs, newest first, with the flows that it may be narrowed to.
type RunList struct {
	Filter RunFilter
	Rows   []RunRow
	Next   string // what the next page comes before; "" on the last
	Flows  []FlowChoice
	read   bool
}

var _ Ahead = (*RunList)(nil)

func (l *RunList) queue(q *pgx.Batch) {
	sql, args := runsSQL(l.Filter)
	q.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		l.Rows, l.Next, err = runPage(rows, l.Filter)
		return err
	})
	q.Queue(flowChoices).Query(func(rows pgx.Rows) (err error) {
		l.Flows, err = pgx.CollectRows(rows, pgx.RowToStructByPos[FlowChoice])
		return err
	})
}

func (l *RunList) settle() { l.read = true }

// ReadRuns reads a list in one question, unless it was read ahead.
func (db *DB) ReadRuns(ctx context.Context, l *RunList) error {
	if l.read {
		return nil
	}
	q := &pgx.Batch{}
	l.queue(q)
	if err := db.pool.SendBatch(ctx, q).Close(); err != nil {
		return asFault(fmt.Errorf("list runs and flows: %w", err))
	}
	l.settle()
	return nil
}

// FlowChoice is a flow that a list may be narrowed to.
type FlowChoice struct{ Key, Name string }

const flowChoices = `SELECT key, name FROM artifacts WHERE kind = 'flow' ORDER BY key LIMIT 200`

// FlowChoices lists the flows that a list may be narrowed to.
func (db *DB) FlowChoices(ctx context.Context) ([]FlowChoice, error) {
	rows, err := db.pool.Query(ctx, flowChoices)
	if err != nil {
		return nil, asFault(fmt.Errorf("list flows: %w", err))
	}
	flows, err := pgx.CollectRows(rows, pgx.RowToStructByPos[FlowChoice])
	return flows, asFault(err)
}

func runsSQL(f RunFilter) (string, []any) {
	limit := pageSize(f.Limit)
	states := []string{}
	for _, s := range f.States {
		states = append(states, string(s))
	}
	var since *time.Time
	if !f.Since.IsZero() {
		since = &f.Since
	}
	where, args := " WHERE true", []any{}
	add := func(sql string, v any) {
		args = append(args, v)
		where += fmt.Sprintf(" AND "+sql, len(args))
	}
	if f.Flow != "" {
		add("r.flow = $%d", f.Flow)
	}
	if f.Joiner != "" {
		add("r.joiner_id = $%d", f.Joiner)
	}
	if f.Mode != "" {
		add("r.mode = $%d", f.Mode)
	}
	if len(states) > 0 {
		add("r.state = ANY ($%d)", states)
	}
	if since != nil {
		add("r.created_at >= $%d", since)
		// Ids begin with their time (by another clock, hence the day), so the reading ends there.
		add("r.id >= $%d", idAt("rn_", since.Add(-24*time.Hour)))
	}
	if f.Before != "" {
		add("r.id < $%d", f.Before)
	}
	args = append(args, limit+1)
	sql := runSQL + where + fmt.Sprintf(" ORDER BY r.id DESC LIMIT $%d", len(args))
	if f.Query != "" {
		// Each joiner's runs by their own index: with few matches among millions of
		// runs, reading from the newest would read them all.
		n := len(args) + 1
		args = append(args, begins(f.Query), words(f.Query), strings.TrimSpace(f.Query))
		// Only ids are read for all of them, which the index holds; the rest for one page.
		sql = fmt.Sprintf(`SELECT x.* FROM (SELECT y.id FROM (SELECT unnest(%s) AS id UNION SELECT joiner_id FROM runs WHERE id = $%d) m
				CROSS JOIN LATERAL (SELECT r.id FROM runs r%s AND r.joiner_id = m.id ORDER BY r.id DESC LIMIT $%[5]d) y ORDER BY y.id DESC LIMIT $%[5]d) z
			CROSS JOIN LATERAL (%[4]s WHERE r.id = z.id) x ORDER BY z.id DESC`,
			matching(n), n+2, where, runSQL, n-1)
	}
	return sql, args
}

func runPage(rows pgx.Rows, f RunFilter) (page []RunRow, next string, err error) {
	page, err = pgx.CollectRows(rows, scanRun)
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list runs: %w", err))
	}
	if limit := pageSize(f.Limit); len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}

// AttemptLine is one try as pages show it.
type AttemptLine struct {
	Node      flow.NodeID
	Number    int
	StartedAt time.Time
	EndedAt   time.Time
	Outcome   string
	Error     string
	Log       []string
}

// SignoffLine is a question as pages show it.
type SignoffLine struct {
	ID       string
	RunID    string
	Flow     string
	Joiner   string
	Node     flow.NodeID
	Title    string
	Question string
	Role     string
	Person   string
	Deadline *time.Time
	Fields   []SignoffFieldRow
	State    string
	By       string
	Comment  string
	At       time.Time
	// Compare is two records side by side; nil when there are none.
	Compare *ComparedRecords
	// Personal are the joiner's personal values; see RunDetail.
	Personal []string
}

// ComparedRecords are what a sign-off shows side by side.
type ComparedRecords struct {
	Left     string `json:"left"`
	Right    string `json:"right"`
	RightURL string `json:"right_url"`
	Rows     []struct {
		Label string `json:"label"`
		Left  string `json:"left"`
		Right string `json:"right"`
		Same  bool   `json:"same"`
	} `json:"rows"`
}

// SignoffFieldRow is one field of an answer.
type SignoffFieldRow struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	Kind  string `json:"kind"`
}

// RunDetail is all a run page shows.
type RunDetail struct {
	RunRow
	Content  flow.Content
	Steps    []StepRow
	Attempts []AttemptLine
	// Calls are the calls of functions, without their tapes.
	Calls    []FunctionCall
	Signoffs []SignoffLine
	// Exceptions are those that this run opened or met last.
	Exceptions []ExceptionRow
	// Newer is the flow's live revision when the run stopped by an earlier release; 0 else.
	Newer int
	// Personal are the joiner's personal values, to be hidden from those who may
	// not see them wherever a flow put them.
	Personal []string
}

// RunDetail finds a run with its steps, in the order of the flow.
func (db *DB) RunDetail(ctx context.Context, id string) (RunDetail, error) {
	rows, err := db.pool.Query(ctx, runSQL+` WHERE r.id = $1`, id)
	if err != nil {
		return RunDetail{}, asFault(err)
	}
	head, err := pgx.CollectExactlyOneRow(rows, scanRun)
	if err == pgx.ErrNoRows {
		return RunDetail{}, fault.New(fault.NotFound, "There is no such run.")
	}
	if err != nil {
		return RunDetail{}, asFault(err)
	}
	d := RunDetail{RunRow: head}
	if head.State == run.Failed || head.State == run.Canceled {
		err := db.pool.QueryRow(ctx, `SELECT coalesce((SELECT revision FROM live_releases WHERE kind = 'flow' AND key = $1 AND id <> $2), 0)`, head.Flow, head.Release).Scan(&d.Newer)
		if err != nil {
			return d, asFault(err)
		}
	}
	_, raw, err := storedRelease(db.gorm.WithContext(ctx), head.Release)
	if err != nil {
		return d, err
	}
	if d.Content, err = flow.Decode(raw); err != nil {
		return d, err
	}
	var now, then map[string]any // what is known of the joiner, and what this run read
	if err := db.pool.QueryRow(ctx, `SELECT j.attributes, coalesce(r.worker->'attributes', '{}') FROM runs r JOIN joiners j ON j.id = r.joiner_id WHERE r.id = $1`, id).Scan(&now, &then); err != nil {
		return d, asFault(err)
	}
	d.Personal = joiner.PersonalValues(now, then)
	if d.Exceptions, _, err = db.Exceptions(ctx, ExceptionFilter{State: "any", Joiner: head.JoinerID, Run: id, Limit: 20}); err != nil {
		return d, err
	}
	steps, err := db.pool.Query(ctx, `SELECT `+stepColumns+` FROM steps WHERE run_id = $1`, id)
	if err != nil {
		return d, asFault(err)
	}
	byNode := map[flow.NodeID]StepRow{}
	for steps.Next() {
		s, err := scanStep(steps)
		if err != nil {
			steps.Close()
			return d, err
		}
		byNode[s.Node] = s
	}
	steps.Close()
	if err := steps.Err(); err != nil {
		return d, asFault(err)
	}
	for _, n := range flow.Order(d.Content) {
		s, ok := byNode[n]
		if !ok {
			node, _ := d.Content.Find(n)
			s = StepRow{Node: n, Type: node.Type, State: run.StepPending}
		}
		d.Steps = append(d.Steps, s)
	}
	if d.Attempts, err = db.attempts(ctx, id); err != nil {
		return d, err
	}
	if slices.ContainsFunc(d.Content.Nodes, func(n flow.Node) bool { return n.Type == "function" }) {
		if d.Calls, err = db.FunctionCalls(ctx, id); err != nil {
			return d, err
		}
	}
	d.Signoffs, err = db.signoffs(ctx, `s.run_id = $1`, 200, id)
	return d, err
}

func (db *DB) attempts(ctx context.Context, id string) ([]AttemptLine, error) {
	rows, err := db.pool.Query(ctx, `SELECT node, number, started_at, ended_at, outcome, error, log FROM attempts WHERE run_id = $1
		UNION ALL SELECT node, 1, started_at, ended_at, port, '', log FROM steps WHERE run_id = $1 AND log IS NOT NULL AND started_at IS NOT NULL AND ended_at IS NOT NULL ORDER BY started_at, number`, id)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (AttemptLine, error) {
		var a AttemptLine
		err := row.Scan(&a.Node, &a.Number, &a.StartedAt, &a.EndedAt, &a.Outcome, &a.Error, &a.Log)
		return a, err
	})
	return out, asFault(err)
}

func (db *DB) signoffs(ctx context.Context, where string, limit int, args ...any) ([]SignoffLine, error) {
	rows, err := db.pool.Query(ctx, `SELECT s.id, s.run_id, r.flow, j.label, s.node, s.title, s.question, s.role, s.person, s.deadline, s.fields, s.state, s.decided_name, s.comment, coalesce(s.decided_at, s.created_at), s.compare, j.attributes, coalesce(r.worker->'attributes', '{}')
		FROM signoffs s JOIN runs r ON r.id = s.run_id JOIN joiners j ON j.id = r.joiner_id WHERE `+where+fmt.Sprintf(` ORDER BY s.id DESC LIMIT %d`, limit), args...)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (SignoffLine, error) {
		var s SignoffLine
		var fields, compare []byte
		var now, then map[string]any
		err := row.Scan(&s.ID, &s.RunID, &s.Flow, &s.Joiner, &s.Node, &s.Title, &s.Question, &s.Role, &s.Person, &s.Deadline, &fields, &s.State, &s.By, &s.Comment, &s.At, &compare, &now, &then)
		s.Personal = joiner.PersonalValues(now, then)
		if err == nil {
			err = json.Unmarshal(fields, &s.Fields)
		}
		if err == nil && string(compare) != "{}" {
			s.Compare = &ComparedRecords{}
			err = json.Unmarshal(compare, s.Compare)
		}
		return s, err
	})
	return out, asFault(err)
}

// OpenSignoffs lists the questions that wait for an answer, newest first.
func (db *DB) OpenSignoffs(ctx context.Context) ([]SignoffLine, error) {
	page, _, err := db.OpenSignoffPage(ctx, "", 200)
	return page, err
}

// OpenSignoffPage lists them in pages; before is the id after which to go on.
func (db *DB) OpenSignoffPage(ctx context.Context, before string, limit int) (page []SignoffLine, next string, err error) {
	limit = pageSize(limit)
	page, err = db.signoffs(ctx, `s.state = 'open' AND ($1 = '' OR s.id < $1)`, limit+1, before)
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, err
}

// Signoff finds one question.
func (db *DB) Signoff(ctx context.Context, id string) (SignoffLine, error) {
	all, err := db.signoffs(ctx, `s.id = $1`, 1, id)
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "There is no such sign-off.")
	}
	if err != nil {
		return SignoffLine{}, err
	}
	return all[0], nil
}

// RunVersion tells cheaply whether a run changed since it was shown.
func (db *DB) RunVersion(ctx context.Context, id string) (time.Time, run.State, error) {
	var at time.Time
	var s run.State
	err := db.pool.QueryRow(ctx, `SELECT changed_at, state FROM runs WHERE id = $1`, id).Scan(&at, &s)
	return at, s, asFault(err)
}
