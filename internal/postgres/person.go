package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/run"
)

// KnownPerson is a joiner that another may be.
type KnownPerson struct {
	JoinerID string
	Ref      joiner.Ref
	Label    string
	Worker   joiner.Worker
	// Sets are the sets of attributes that are equal.
	Sets []string
	// Same says that both are known to be one person already; Apart that a person has
	// said that they are two.
	Same, Apart bool
	// Accounts are the person's accounts, by connection.
	Accounts map[string]string
	// Stamp is the mark on them.
	Stamp string
}

// MatchMark is a joiner's mark for a set of attributes.
type MatchMark struct{ Fields, Mark string }

// markMost is how many joiners are marked in one go.
const markMost = 1000

// ToMark lists joiners that have no marks for a set of attributes yet, in the order
// of their ids; it gives nothing when all have.
func (db *DB) ToMark(ctx context.Context, fields, after string) (map[string]map[string]any, string, error) {
	rows, err := db.pool.Query(ctx, `SELECT id, attributes FROM joiners j WHERE id > greatest($3, (SELECT marked FROM match_sets WHERE fields = $1))
		AND NOT EXISTS (SELECT 1 FROM match_marks m WHERE m.joiner_id = j.id AND m.fields = $1) ORDER BY id LIMIT $2`, fields, markMost, after)
	if err != nil {
		return nil, "", asFault(fmt.Errorf("list joiners to mark: %w", err))
	}
	defer rows.Close()
	out, last := map[string]map[string]any{}, ""
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&last, &raw); err != nil {
			return nil, "", asFault(err)
		}
		var a map[string]any
		if err := json.Unmarshal(raw, &a); err != nil {
			return nil, "", fmt.Errorf("read joiner: %w", err)
		}
		out[last] = a
	}
	return out, last, asFault(rows.Err())
}

// KeepMarks keeps marks of joiners, and up to whom the set is marked. Ids of the last
// minute are looked at again: processes do not make them in one order.
func (db *DB) KeepMarks(ctx context.Context, fields string, marks map[string]string, last string) error {
	ids, values := make([]string, 0, len(marks)), make([]string, 0, len(marks))
	for id, m := range marks {
		ids, values = append(ids, id), append(values, m)
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO match_marks (joiner_id, fields, mark) SELECT i, $3, m FROM unnest($1::text[], $2::text[]) AS u (i, m) ORDER BY i
			ON CONFLICT (joiner_id, fields) DO UPDATE SET mark = excluded.mark`, ids, values, fields); err != nil {
			return fmt.Errorf("keep marks: %w", err)
		}
		_, err := tx.Exec(ctx, `INSERT INTO match_sets (fields, marked) VALUES ($1, $2) ON CONFLICT (fields) DO UPDATE SET marked = greatest(match_sets.marked, excluded.marked)`, fields, min(last, idAt("j_", time.Now().Add(-time.Minute))))
		return err
	})
}

// MatchPeople finds the joiners with a mark equal to one of a joiner's, best known
// first; up to 50.
func (db *DB) MatchPeople(ctx context.Context, joinerID string, marks []MatchMark) ([]KnownPerson, error) {
	fields, values := make([]string, len(marks)), make([]string, len(marks))
	for i, m := range marks {
		fields[i], values[i] = m.Fields, m.Mark
	}
	rows, err := db.pool.Query(ctx, `WITH hits AS (SELECT m.joiner_id, array_agg(m.fields) AS sets FROM unnest($2::text[], $3::text[]) AS u (f, k) JOIN match_marks m ON m.fields = u.f AND m.mark = u.k AND m.mark <> ''
			WHERE m.joiner_id <> $1 GROUP BY m.joiner_id ORDER BY count(*) DESC, m.joiner_id LIMIT 50)
		SELECT j.id, j.connection, j.worker, j.label, j.attributes, h.sets, coalesce(j.person <> '' AND j.person = me.person, false),
			EXISTS (SELECT 1 FROM match_apart a WHERE (a.joiner_id, a.other_id) IN (($1, j.id), (j.id, $1))),
			coalesce((SELECT jsonb_object_agg(c, a) FROM (SELECT DISTINCT ON (x.connection) x.connection AS c, x.account_id AS a FROM joiner_accounts x WHERE x.joiner_id = j.id ORDER BY x.connection, x.changed_at DESC) l), '{}'),
			CASE WHEN j.stamp <> '' THEN j.stamp ELSE j.connection || ':' || j.worker END
		FROM hits h JOIN joiners j ON j.id = h.joiner_id LEFT JOIN (SELECT person FROM joiners WHERE id = $1) me ON true ORDER BY j.id`, joinerID, fields, values)
	if err != nil {
		return nil, asFault(fmt.Errorf("match people: %w", err))
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (KnownPerson, error) {
		var p KnownPerson
		var attributes, accounts []byte
		if err := row.Scan(&p.JoinerID, &p.Ref.Connection, &p.Ref.Worker, &p.Label, &attributes, &p.Sets, &p.Same, &p.Apart, &accounts, &p.Stamp); err != nil {
			return p, err
		}
		p.Worker.ID = p.Ref.Worker
		if err := json.Unmarshal(attributes, &p.Worker.Attributes); err != nil {
			return p, err
		}
		return p, json.Unmarshal(accounts, &p.Accounts)
	})
	return out, asFault(err)
}

// Joined is how two records became one person.
type Joined struct {
	Run             run.ID
	Owner           string
	Epoch           int64
	Joiner, Earlier string
	Rule            string
	Weight          float64
	By              string // who decided; "" when the rules did
}

// samePerson holds for joiners a and b of one person.
const samePerson = `EXISTS (SELECT 1 FROM joiners pa JOIN joiners pb ON pb.person = pa.person WHERE pa.person <> '' AND pa.id = %s AND pb.id = %s)`

// JoinPerson makes a joiner the same person as an earlier one, if the run is still in
// these hands: it gets the mark of the earlier one's accounts and its names. It gives
// that mark. Doing it again changes nothing.
func (db *DB) JoinPerson(ctx context.Context, j Joined) (stamp string, err error) {
	err = db.ptx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id, person, CASE WHEN stamp <> '' THEN stamp ELSE connection || ':' || worker END FROM joiners WHERE id = ANY ($1) ORDER BY (connection || ':' || worker) COLLATE "C" FOR NO KEY UPDATE`, []string{j.Joiner, j.Earlier})
		if err != nil {
			return fmt.Errorf("lock joiners: %w", err)
		}
		type row struct{ ID, Person, Stamp string }
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		if err != nil || len(all) != 2 {
			return fault.Wrap(fault.NotFound, err, "One of the two joiners is not there any more.")
		}
		of := map[string]row{all[0].ID: all[0], all[1].ID: all[1]}
		me, earlier := of[j.Joiner], of[j.Earlier]
		if stamp = earlier.Stamp; me.Person != "" && me.Person == earlier.Person && me.Stamp == stamp {
			return nil
		}
		var ours bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM runs WHERE id = $1 AND lease_owner = $2 AND epoch = $3 AND state = 'running')`, j.Run, j.Owner, j.Epoch).Scan(&ours); err != nil || !ours {
			return fault.Wrap(fault.Conflict, err, "The run is in other hands.")
		}
		person := earlier.Person
		if person == "" {
			person = newID("p_")
		}
		if _, err := tx.Exec(ctx, `UPDATE joiners SET person = $2, stamp = CASE WHEN id = $3 THEN $4 ELSE stamp END WHERE id = ANY ($1)`, []string{j.Joiner, j.Earlier}, person, j.Joiner, stamp); err != nil {
			return fmt.Errorf("join person: %w", err)
		}
		// The accounts are the person's; which groups Joinery gave stays with the earlier
		// record: they do not come back.
		if _, err := tx.Exec(ctx, `INSERT INTO joiner_accounts (joiner_id, connection, account_id, name, enabled, created, run_id)
			SELECT $1, connection, account_id, name, enabled, false, $3 FROM joiner_accounts WHERE joiner_id = $2 ON CONFLICT DO NOTHING`, j.Joiner, j.Earlier, j.Run); err != nil {
			return fmt.Errorf("join accounts: %w", err)
		}
		if err := moveNames(ctx, tx, auth.Engine(), j.Earlier, j.Joiner); err != nil {
			return err
		}
		return appendAuditTx(ctx, tx, Act{Actor: auth.Engine(), Action: "joiner.join", Kind: "joiner", ID: j.Joiner,
			Detail: map[string]any{"earlier": j.Earlier, "person": person, "rule": j.Rule, "weight": j.Weight, "decided_by": j.By, "run": j.Run}})
	})
	return stamp, err
}

// KeepApart records that a person has said that two joiners are two people.
func (db *DB) KeepApart(ctx context.Context, joinerID, other, by string) error {
	return db.ptx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO match_apart (joiner_id, other_id, by_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, joinerID, other, by)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return appendAuditTx(ctx, tx, Act{Actor: auth.Engine(), Action: "joiner.apart", Kind: "joiner", ID: joinerID, Detail: map[string]any{"other": other, "decided_by": by}})
	})
}

// StampOf is the mark on the accounts of a record: that of an earlier record where
// both are one person.
func (db *DB) StampOf(ctx context.Context, ref joiner.Ref) (string, error) {
	stamp := ""
	err := db.pool.QueryRow(ctx, `SELECT coalesce((SELECT stamp FROM joiners WHERE connection = $1 AND worker = $2), '')`, ref.Connection, ref.Worker).Scan(&stamp)
	if stamp == "" {
		stamp = ref.Stamp()
	}
	return stamp, asFault(err)
}

// ApartFrom lists what a person has said a joiner is not: ids of joiners, and names
// of accounts that begin with "account:".
func (db *DB) ApartFrom(ctx context.Context, joinerID string) ([]string, error) {
	rows, err := db.pool.Query(ctx, `SELECT other_id FROM match_apart WHERE joiner_id = $1`, joinerID)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, asFault(err)
}

// AdoptedBefore reports whether a run of the joiner adopted an account, and did not
// give it back.
func (db *DB) AdoptedBefore(ctx context.Context, joinerID, connection, account string) (yes bool, err error) {
	err = db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM runs r JOIN intents i ON i.run_id = r.id WHERE r.joiner_id = $1 AND i.operation = 'account.adopt' AND i.connection = $2 AND i.target = $3 AND i.undone_at IS NULL)`, joinerID, connection, account).Scan(&yes)
	return yes, asFault(err)
}
