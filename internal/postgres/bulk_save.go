package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/bulk"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/review"
)

// List is a list of people that was uploaded to a flow.
type List struct {
	ID, Flow, Connection, File, Format string
	// Release is the flow's release that the list was started with; ReportOf the one
	// that the forecast is of.
	Release, ReportOf string
	Columns           []string
	Mapping           bulk.Mapping
	// State is draft, mapped, checking, checked, started, done or discarded.
	State string
	// Plan is how many people each stage starts; the last stage is who is left.
	Plan  []int
	Stage int
	// Onward goes on to the next stage by itself when nobody of the last one failed.
	// Stopped says why it did not.
	Onward  bool
	Stopped string
	Rows    int
	Bad     int
	// Looked is how many people the forecast has been through; Live says that it
	// asks the directories.
	Looked    int
	Live      bool
	BeatAt    *time.Time
	Report    *bulk.Report
	CheckedAt *time.Time
	Reason    string
	ByID      string
	ByName    string
	// Authors are the UserIDs of who had a part in what the list is; Lift is the second
	// person's approval.
	Authors   []string
	Lift      string
	CreatedAt time.Time
	ChangedAt time.Time
}

// States of a list.
const (
	ListDraft     = "draft"
	ListMapped    = "mapped"
	ListChecking  = "checking"
	ListChecked   = "checked"
	ListStarted   = "started"
	ListDone      = "done"
	ListDiscarded = "discarded"
)

// checkSilent is how long a forecast may show no progress before another may begin.
const checkSilent = 30 * time.Second

const listSQL = `SELECT id, flow, release_id, connection, file, format, columns, mapping, state, plan, stage, onward, stopped, rows, bad, looked, live, beat_at, report, report_of, checked_at, reason, by_id, by_name, authors, lift_id, created_at, changed_at FROM bulk_lists`

func scanList(row pgx.CollectableRow) (List, error) {
	var l List
	var mapping, report []byte
	err := row.Scan(&l.ID, &l.Flow, &l.Release, &l.Connection, &l.File, &l.Format, &l.Columns, &mapping, &l.State, &l.Plan, &l.Stage, &l.Onward, &l.Stopped, &l.Rows, &l.Bad, &l.Looked, &l.Live,
		&l.BeatAt, &report, &l.ReportOf, &l.CheckedAt, &l.Reason, &l.ByID, &l.ByName, &l.Authors, &l.Lift, &l.CreatedAt, &l.ChangedAt)
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(mapping, &l.Mapping); err != nil {
		return l, fmt.Errorf("read mapping: %w", err)
	}
	if report != nil {
		l.Report = &bulk.Report{}
		err = json.Unmarshal(report, l.Report)
	}
	return l, err
}

// List finds an uploaded list.
func (db *DB) List(ctx context.Context, id string) (List, error) {
	return findList(ctx, db.pool, id, "")
}

func findList(ctx context.Context, q querier, id, lock string) (List, error) {
	rows, err := q.Query(ctx, listSQL+` WHERE id = $1 `+lock, id)
	if err != nil {
		return List{}, asFault(fmt.Errorf("find list: %w", err))
	}
	l, err := pgx.CollectExactlyOneRow(rows, scanList)
	if errors.Is(err, pgx.ErrNoRows) {
		return List{}, fault.New(fault.NotFound, "There is no such list.")
	}
	return l, asFault(err)
}

// withList locks a list and runs a verb on it.
func (db *DB) withList(ctx context.Context, by Actor, id, action string, detail map[string]any, verb func(tx pgx.Tx, l *List) error) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		l, err := findList(ctx, tx, id, "FOR UPDATE")
		if err != nil {
			return err
		}
		if err := verb(tx, &l); err != nil {
			return err
		}
		if detail == nil {
			detail = map[string]any{}
		}
		detail["flow"], detail["people"] = l.Flow, l.Rows
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: action, Kind: "list", ID: id, Detail: detail})
	})
}

// CreateList keeps a list that was uploaded for a flow; nothing is started.
func (db *DB) CreateList(ctx context.Context, by Actor, flowKey, file, format string, s bulk.Sheet) (string, error) {
	id, _, err := db.CreateListOnce(ctx, by, Repeat{}, flowKey, file, format, s)
	return id, err
}

// CreateListOnce is CreateList for a sender who may send the same list again: then
// again is true and id is the list of the first time.
func (db *DB) CreateListOnce(ctx context.Context, by Actor, r Repeat, flowKey, file, format string, s bulk.Sheet) (id string, again bool, err error) {
	live, err := db.Artifact(ctx, review.Flow, flowKey)
	if err != nil {
		return "", false, err
	}
	if live.Live == nil {
		return "", false, fault.New(fault.Conflict, "The flow %s is not live, so it cannot run. Have a revision approved first.", flowKey)
	}
	_, raw, err := db.Release(ctx, live.Live.ID)
	if err != nil {
		return "", false, err
	}
	content, err := flow.Decode(raw)
	if err != nil {
		return "", false, err
	}
	connection, ok := content.Source()
	if !ok {
		return "", false, fault.New(fault.Invalid, "The flow %s does not say which HRIS its workers come from.", flowKey)
	}
	mapping, err := json.Marshal(bulk.Guess(s.Columns))
	if err != nil {
		return "", false, fmt.Errorf("write mapping: %w", err)
	}
	id = newID("bl_")
	err = db.ptx(ctx, func(tx pgx.Tx) error {
		if again, err = r.known(ctx, db, tx, by, &id); again || err != nil {
			return err
		}
		if err := r.keep(ctx, tx, by, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO bulk_lists (id, flow, connection, file, format, columns, mapping, state, rows, by_id, by_name, authors) VALUES ($1, $2, $3, $4, $5, $6, $7, 'draft', $8, $9, $10, $11)`,
			id, flowKey, connection, clipText(file, 200), format, s.Columns, mapping, len(s.Rows), by.ID, by.Name, []string{by.UserID})
		if err != nil {
			return fmt.Errorf("keep list: %w", err)
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"bulk_rows"}, []string{"list_id", "n", "line", "cells"}, pgx.CopyFromSlice(len(s.Rows), func(i int) ([]any, error) {
			return []any{id, i + 1, s.Rows[i].Line, s.Rows[i].Values}, nil
		}))
		if err != nil {
			return fmt.Errorf("keep rows: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "bulk.upload", Kind: "list", ID: id, Detail: map[string]any{"flow": flowKey, "people": len(s.Rows)}})
	})
	return id, again, err
}

func clipText(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// Sheet gives a list's rows as they came in, from the first on; most 0 gives all.
// They are gone once the list was started or discarded.
func (db *DB) Sheet(ctx context.Context, id string, most int) (bulk.Sheet, error) {
	l, err := db.List(ctx, id)
	if err != nil {
		return bulk.Sheet{}, err
	}
	limit := ""
	if most > 0 {
		limit = fmt.Sprintf(" LIMIT %d", most)
	}
	rows, err := db.pool.Query(ctx, `SELECT line, cells FROM bulk_rows WHERE list_id = $1 AND cells IS NOT NULL ORDER BY n`+limit, id)
	if err != nil {
		return bulk.Sheet{}, asFault(fmt.Errorf("read rows: %w", err))
	}
	s := bulk.Sheet{Columns: l.Columns}
	s.Rows, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r bulk.Row, err error) { return r, row.Scan(&r.Line, &r.Values) })
	return s, asFault(err)
}

// MapList says what a list's columns are; every row becomes a worker, or is marked
// with what is wrong.
func (db *DB) MapList(ctx context.Context, by Actor, id string, m bulk.Mapping) error {
	s, err := db.Sheet(ctx, id, 0)
	if err != nil {
		return err
	}
	if err := m.Check(s.Columns); err != nil {
		return err
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write mapping: %w", err)
	}
	return db.withList(ctx, by, id, "bulk.map", nil, func(tx pgx.Tx, l *List) error {
		if err := l.before("its columns can be named", db.now()); err != nil {
			return err
		}
		if err := addAuthor(ctx, tx, by, l); err != nil {
			return err
		}
		bad, err := writePeople(ctx, tx, id, m.People(s))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE bulk_lists SET mapping = $2, bad = $3, state = 'mapped', report = NULL, report_of = '', looked = 0, changed_at = now() WHERE id = $1`, id, raw, bad)
		return err
	})
}

// before refuses what can only be done before a list is started.
func (l *List) before(what string, now time.Time) error {
	switch l.State {
	case ListDraft, ListMapped, ListChecked:
		return nil
	case ListChecking:
		if l.Silent(now) {
			return nil
		}
		return fault.New(fault.Conflict, "The forecast of this list is under way. Wait until it is done.")
	case ListDiscarded:
		return fault.New(fault.Conflict, "This list was discarded.")
	}
	return fault.New(fault.Conflict, "This list was started already; before that, %s.", what)
}

func writePeople(ctx context.Context, tx pgx.Tx, id string, people func(func(bulk.Person) bool)) (bad int, err error) {
	const part = 2000
	var ns []int32
	var workers, attributes, problems []string
	n := 0
	flush := func() error {
		if len(ns) == 0 {
			return nil
		}
		_, err := tx.Exec(ctx, `UPDATE bulk_rows r SET worker = u.w, attributes = u.a::jsonb, problem = u.p, foreseen = '', foreseen_why = ''
			FROM unnest($2::int[], $3::text[], $4::text[], $5::text[]) u (n, w, a, p) WHERE r.list_id = $1 AND r.n = u.n`, id, ns, workers, attributes, problems)
		ns, workers, attributes, problems = ns[:0], workers[:0], attributes[:0], problems[:0]
		return err
	}
	for p := range people {
		n++
		raw, err := json.Marshal(p.Worker.Attributes)
		if err != nil {
			return 0, fmt.Errorf("write attributes: %w", err)
		}
		if p.Problem != "" {
			bad++
		}
		ns, workers, attributes, problems = append(ns, int32(n)), append(workers, strings.ToValidUTF8(p.Worker.ID, "")), append(attributes, string(raw)), append(problems, p.Problem)
		if len(ns) == part {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	return bad, flush()
}

// DiscardList throws a list away before it is started.
func (db *DB) DiscardList(ctx context.Context, by Actor, id string) error {
	return db.withList(ctx, by, id, "bulk.discard", nil, func(tx pgx.Tx, l *List) error {
		if err := l.before("it can be discarded", db.now()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE bulk_lists SET state = 'discarded', report = NULL, changed_at = now() WHERE id = $1`, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM bulk_rows WHERE list_id = $1`, id)
		return err
	})
}

// FromFile reports whether a connection's people come from uploaded lists.
func (db *DB) FromFile(ctx context.Context, connection string) (bool, error) {
	all, err := db.connectionCapabilities(ctx)
	for _, c := range all[connection] {
		if c == string(connector.CapUpload) {
			return true, err
		}
	}
	return false, err
}
