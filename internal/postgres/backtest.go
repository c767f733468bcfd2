package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"joinery/internal/backtest"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/review"
)

// Backtest is a test of a flow's revision against past joiners.
type Backtest struct {
	ID, Flow     string
	Revision     int
	Hash, Root   string
	Pins         []review.Pin
	Base         string // release; "" when nothing was live
	BaseRevision int
	Joiners      int
	Runs         []string
	Live         bool
	State        string
	Looked       int
	Error        string
	Report       *backtest.Report
	ReportHash   string
	Milliseconds int64
	ByName       string
	CreatedAt    time.Time
	EndedAt      *time.Time
}

// Ended reports whether nothing more comes of it.
func (b Backtest) Ended() bool {
	return b.State != review.BacktestQueued && b.State != review.BacktestRunning
}

const backtestSQL = `SELECT b.id, b.flow, b.revision, b.hash, b.root, b.pins, b.base_release, coalesce((SELECT l.revision FROM releases l WHERE l.id = b.base_release), 0), b.joiners, b.runs, b.live, b.state, b.looked, b.error, b.report, b.report_hash, b.milliseconds, b.by_name, b.created_at, b.ended_at FROM backtests b`

func scanBacktest(row pgx.CollectableRow) (Backtest, error) {
	var b Backtest
	var pins string
	var report *string
	err := row.Scan(&b.ID, &b.Flow, &b.Revision, &b.Hash, &b.Root, &pins, &b.Base, &b.BaseRevision, &b.Joiners, &b.Runs, &b.Live, &b.State, &b.Looked, &b.Error, &report, &b.ReportHash, &b.Milliseconds, &b.ByName, &b.CreatedAt, &b.EndedAt)
	if err != nil {
		return b, err
	}
	b.Pins = readPins(pins)
	if report != nil {
		b.Report = &backtest.Report{}
		err = json.Unmarshal([]byte(*report), b.Report)
	}
	return b, err
}

// Backtest finds one.
func (db *DB) Backtest(ctx context.Context, id string) (Backtest, error) {
	rows, err := db.pool.Query(ctx, backtestSQL+` WHERE b.id = $1`, id)
	if err != nil {
		return Backtest{}, asFault(fmt.Errorf("find backtest: %w", err))
	}
	b, err := pgx.CollectExactlyOneRow(rows, scanBacktest)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, fault.New(fault.NotFound, "There is no such backtest.")
	}
	return b, asFault(err)
}

// Backtests lists those of a flow, newest first; revision 0 means any.
func (db *DB) Backtests(ctx context.Context, flow string, revision int) ([]Backtest, error) {
	rows, err := db.pool.Query(ctx, backtestSQL+` WHERE b.flow = $1 AND ($2 = 0 OR b.revision = $2) ORDER BY b.id DESC LIMIT 100`, flow, revision)
	if err != nil {
		return nil, asFault(fmt.Errorf("list backtests: %w", err))
	}
	out, err := pgx.CollectRows(rows, scanBacktest)
	return out, asFault(err)
}

// AskBacktest puts a backtest of a revision before the engine: with the parts that
// would go live with it now, against the live revision and the joiners of now. Joiners
// 0 takes as many as the flow asks for.
func (db *DB) AskBacktest(ctx context.Context, by Actor, key string, revision, joiners int, live bool) (string, error) {
	if by.UserID == "" {
		return "", fault.New(fault.Forbidden, "Only a person can ask for a backtest.")
	}
	rev, err := db.Revision(ctx, review.Flow, key, revision)
	if err != nil {
		return "", err
	}
	content, err := flow.Decode([]byte(rev.Content))
	if err != nil {
		return "", err
	}
	if joiners == 0 {
		joiners = content.Backtest.Least()
	}
	if joiners < 1 || joiners > flow.MostBacktest {
		return "", problem("joiners", fmt.Sprintf("Write a number from 1 to %d.", flow.MostBacktest))
	}
	problems, err := db.Problems(ctx, review.Flow, []byte(rev.Content))
	if err != nil {
		return "", err
	}
	if err := fault.Refuse(fmt.Sprintf("Revision %d cannot be tested before its problems are solved.", rev.Number), problems); err != nil {
		return "", err
	}
	a, err := db.Artifact(ctx, review.Flow, key)
	if err != nil {
		return "", err
	}
	pins, root, err := db.PinsNow(ctx, review.Flow, []byte(rev.Content))
	if err != nil {
		return "", err
	}
	text, _, err := review.BillOfMaterials(rev.Hash, pins)
	if err != nil {
		return "", err
	}
	base := ""
	if a.Live != nil {
		base = a.Live.ID
	}
	source, _ := content.Source()
	runs, err := db.pastRuns(ctx, key, source, base != "", joiners)
	if err != nil {
		return "", err
	}
	id := newID("bt_")
	return id, db.ptx(ctx, func(tx pgx.Tx) error {
		var open string
		err := tx.QueryRow(ctx, `SELECT id FROM backtests WHERE flow = $1 AND state IN ('queued', 'running') LIMIT 1`, key).Scan(&open)
		if err == nil {
			return fault.New(fault.Conflict, "A backtest of this flow is under way already. Wait for it, or cancel it.")
		} else if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO backtests (id, flow, revision, hash, root, pins, base_release, joiners, runs, live, state, by_id, by_name, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', $11, $12, $13)`,
			id, key, rev.Number, rev.Hash, root, text, base, joiners, runs, live, by.UserID, by.Name, db.now())
		if err != nil {
			return fmt.Errorf("ask for a backtest: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "backtest.ask", Kind: "flow", ID: key, Detail: map[string]any{"backtest": id, "revision": rev.Number, "hash": rev.Hash, "root": root, "joiners": joiners, "runs": len(runs)}})
	})
}

// pastRuns chooses the first run of each of the joiners who came last, oldest first:
// by this flow, or by any flow of their HRIS when this one was never live.
func (db *DB) pastRuns(ctx context.Context, key, source string, own bool, n int) ([]string, error) {
	rows, err := db.pool.Query(ctx, `SELECT id FROM (SELECT id FROM (SELECT DISTINCT ON (r.joiner_id) r.id, r.joiner_id FROM
			(SELECT r.id, r.joiner_id FROM runs r JOIN joiners j ON j.id = r.joiner_id WHERE j.connection = $2 AND ($3 = false OR r.flow = $1) AND r.mode = 'live' AND r.worker IS NOT NULL AND r.started_at IS NOT NULL
				ORDER BY r.id DESC LIMIT $4 * 5) r ORDER BY r.joiner_id, r.id) one ORDER BY id DESC LIMIT $4) last ORDER BY id`, key, source, own, n)
	if err != nil {
		return nil, asFault(fmt.Errorf("choose past runs: %w", err))
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if out == nil {
		out = []string{}
	}
	return out, asFault(err)
}

// CancelBacktest ends one that is not done.
func (db *DB) CancelBacktest(ctx context.Context, by Actor, id string) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		var key string
		err := tx.QueryRow(ctx, `UPDATE backtests SET state = 'canceled', ended_at = $2 WHERE id = $1 AND state IN ('queued', 'running') RETURNING flow`, id, db.now()).Scan(&key)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.Conflict, "This backtest is not under way any more.")
		}
		if err != nil {
			return err
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "backtest.cancel", Kind: "flow", ID: key, Detail: map[string]any{"backtest": id}})
	})
}

// backtestOf is what is asked of a revision and the newest backtest of its content:
// with the parts that would go live now, if there is one.
func (db *DB) backtestOf(tx *gorm.DB, kind review.Kind, key string, number int) (review.Backtest, error) {
	var out review.Backtest
	if kind != review.Flow {
		return out, nil
	}
	rev, err := findRevision(tx, kind, key, number)
	if err != nil {
		return out, err
	}
	content, err := flow.Decode([]byte(rev.Content))
	if err != nil {
		return out, nil // what cannot be read is refused elsewhere
	}
	out.Required, out.Joiners = content.Backtest.Required, content.Backtest.Least()
	pins, err := db.pins(tx, kind, []byte(rev.Content))
	if err != nil {
		out.Why = fault.Sentence(err)
	} else if _, out.Now, err = review.BillOfMaterials(rev.Hash, pins); err != nil {
		return out, err
	}
	var rows []struct {
		ID, State, Error, Root string
		Joiners                int
	}
	err = tx.Raw(`SELECT id, state, error, root, joiners FROM backtests WHERE flow = ? AND hash = ? ORDER BY (root = ? AND state = 'done' AND joiners >= ?) DESC, id DESC LIMIT 1`, key, rev.Hash, out.Now, out.Joiners).Scan(&rows).Error
	if err != nil {
		return out, asFault(fmt.Errorf("find backtest: %w", err))
	}
	if len(rows) == 1 {
		out.ID, out.State, out.Error, out.Root, out.Asked = rows[0].ID, rows[0].State, rows[0].Error, rows[0].Root, rows[0].Joiners
	}
	return out, nil
}
