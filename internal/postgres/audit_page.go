package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/audit"
)

// AuditFilter narrows the audit log. Before is the id after which to go on.
type AuditFilter struct {
	Actor, Action, Kind, ID string
	Since, Until            time.Time
	Before                  int64
	Limit                   int
}

// AuditRow is one audit record as pages show it.
type AuditRow struct {
	ID int64
	// Seq is its place in the chain; 0 until it is sealed.
	Seq                           int64
	At                            time.Time
	ActorKind, ActorID, ActorName string
	Address, Action               string
	Kind, ObjectID                string
	Detail                        string
	Hash                          string
}

const auditSQL = `SELECT e.id, coalesce(c.seq, 0), e.at, e.actor_kind, e.actor_id, e.actor_name, e.address, e.action, e.object_kind, e.object_id, e.detail, coalesce(c.hash, '')
	FROM audit_events e LEFT JOIN audit_chain c ON c.event_id = e.id`

func scanAudit(row pgx.CollectableRow) (AuditRow, error) {
	var r AuditRow
	err := row.Scan(&r.ID, &r.Seq, &r.At, &r.ActorKind, &r.ActorID, &r.ActorName, &r.Address, &r.Action, &r.Kind, &r.ObjectID, &r.Detail, &r.Hash)
	return r, err
}

// AuditPage lists audit records, newest first.
func (db *DB) AuditPage(ctx context.Context, f AuditFilter) (page []AuditRow, next int64, err error) {
	limit := pageSize(f.Limit)
	where, args := " WHERE true", []any{}
	add := func(sql string, v any) {
		args = append(args, v)
		where += fmt.Sprintf(" AND "+sql, len(args))
	}
	if f.Actor != "" {
		add("(e.actor_id = $%[1]d OR e.actor_name ILIKE '%%' || $%[1]d || '%%')", f.Actor)
	}
	if f.Action != "" {
		add("(e.action = $%[1]d OR starts_with(e.action, $%[1]d || '.'))", f.Action)
	}
	if f.Kind != "" {
		add("e.object_kind = $%d", f.Kind)
	}
	if f.ID != "" {
		add("e.object_id = $%d", f.ID)
	}
	if !f.Since.IsZero() {
		add("e.at >= $%d", f.Since)
	}
	if !f.Until.IsZero() {
		add("e.at < $%d", f.Until)
	}
	if f.Before > 0 {
		add("e.id < $%d", f.Before)
	}
	args = append(args, limit+1)
	rows, err := db.pool.Query(ctx, auditSQL+where+fmt.Sprintf(" ORDER BY e.id DESC LIMIT $%d", len(args)), args...)
	if err != nil {
		return nil, 0, asFault(fmt.Errorf("list audit: %w", err))
	}
	page, err = pgx.CollectRows(rows, scanAudit)
	if err != nil {
		return nil, 0, asFault(fmt.Errorf("list audit: %w", err))
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}

// AuditAfter lists sealed records in the order of the chain.
func (db *DB) AuditAfter(ctx context.Context, seq int64, limit int) ([]AuditRow, error) {
	rows, err := db.pool.Query(ctx, auditSQL+` WHERE c.seq > $1 ORDER BY c.seq LIMIT $2`, seq, pageSize(limit))
	if err != nil {
		return nil, asFault(fmt.Errorf("export audit: %w", err))
	}
	out, err := pgx.CollectRows(rows, scanAudit)
	return out, asFault(err)
}

// SealMost is about the most that one SealAudit links: what was written together is linked together.
const SealMost = 5000

// SealAudit links what is not sealed yet into the chain; it gives how many.
func (db *DB) SealAudit(ctx context.Context) (int, error) {
	var n int
	err := db.pool.QueryRow(ctx, `SELECT audit_seal($1)`, SealMost).Scan(&n)
	return n, asFault(err)
}

// AuditHead gives the end of the chain; seq 0 when it is empty.
func (db *DB) AuditHead(ctx context.Context) (audit.Checkpoint, error) {
	c := audit.Checkpoint{At: db.now().UTC().Format(time.RFC3339)}
	err := db.pool.QueryRow(ctx, `SELECT seq, hash FROM audit_chain ORDER BY seq DESC LIMIT 1`).Scan(&c.Seq, &c.Hash)
	if err == pgx.ErrNoRows {
		return c, nil
	}
	return c, asFault(err)
}

// Bounds of one checkpoint's links, and of how far back a process looks that does not
// know where the last one ended.
const (
	mostLinks = 20_000
	backLinks = 200_000
)

// AuditCheckpoints gives checkpoints of the chain's end after a record, each with the
// links of the records up to it; none when nothing came since.
func (db *DB) AuditCheckpoints(ctx context.Context, after int64) ([]audit.Checkpoint, error) {
	head, err := db.AuditHead(ctx)
	if err != nil || head.Seq <= after {
		return nil, err
	}
	after = max(after, head.Seq-backLinks)
	var out []audit.Checkpoint
	for after < head.Seq {
		rows, err := db.pool.Query(ctx, `SELECT seq, hash FROM audit_chain WHERE seq > $1 AND seq <= $2 ORDER BY seq`, after, min(after+mostLinks, head.Seq))
		if err != nil {
			return nil, asFault(err)
		}
		c := audit.Checkpoint{At: head.At}
		var links strings.Builder
		_, err = pgx.ForEachRow(rows, []any{&c.Seq, &c.Hash}, func() error {
			links.WriteString(c.Hash[:min(audit.LinkSize, len(c.Hash))])
			return nil
		})
		if err != nil || c.Seq <= after {
			return out, asFault(err)
		}
		c.Links, after = links.String(), c.Seq
		out = append(out, c)
	}
	return out, nil
}

// VerifyAudit recomputes the whole chain from the stored texts, in one snapshot.
func (db *DB) VerifyAudit(ctx context.Context, checkpoints []audit.Checkpoint) (audit.Report, error) {
	v := audit.NewVerifier(checkpoints)
	var unsealed, stray int64
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM audit_events e WHERE NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.event_id = e.id)`).Scan(&unsealed); err != nil {
			return err
		}
		// Whatever came through the door waits for the sealer; what does not was put beside it.
		if err := tx.QueryRow(ctx, `SELECT coalesce(min(id), 0) FROM audit_events e WHERE NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.event_id = e.id)
			AND NOT EXISTS (SELECT 1 FROM audit_unsealed u WHERE u.event_id = e.id)`).Scan(&stray); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT c.seq, c.event_id, coalesce(to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), ''), coalesce(e.actor_kind, ''), coalesce(e.actor_id, ''), coalesce(e.actor_name, ''),
			coalesce(e.address, ''), coalesce(e.action, ''), coalesce(e.object_kind, ''), coalesce(e.object_id, ''), coalesce(e.detail, ''), c.prev, c.hash
			FROM audit_chain c LEFT JOIN audit_events e ON e.id = c.event_id ORDER BY c.seq`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r audit.Record
			if err := rows.Scan(&r.Seq, &r.EventID, &r.At, &r.ActorKind, &r.ActorID, &r.ActorName, &r.Address, &r.Action, &r.ObjectKind, &r.ObjID, &r.Detail, &r.Prev, &r.Hash); err != nil {
				return err
			}
			if err := v.Add(r); err != nil {
				return nil // named in the report
			}
		}
		return rows.Err()
	})
	report := v.End()
	report.Unsealed = unsealed
	if report.Broken == nil && stray > 0 {
		report.Broken = &audit.Broken{Seq: report.Records + 1, Event: stray, Detail: "it is in the log, but neither sealed nor waiting to be: it was put there by hand"}
	}
	if err != nil && !errors.Is(err, audit.ErrBroken) {
		return report, asFault(fmt.Errorf("verify audit: %w", err))
	}
	return report, nil
}
