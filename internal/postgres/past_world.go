package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"joinery/internal/naming"
	"joinery/internal/policy"
)

// PastWorld tells what Joinery knew at an earlier moment: which accounts it had
// made or met, and who held which names. What some runs made counts as not made:
// they are foreseen anew. It only reads.
type PastWorld struct {
	db *DB
	// runs are those that are foreseen anew, stamps the marks of their joiners.
	runs, stamps []string
	mu           sync.Mutex
	accounts     map[[2]string][]pastAccount
}

type pastAccount struct {
	id    string
	first time.Time
	anew  bool
}

// PastWorld prepares to tell what was before some runs.
func (db *DB) PastWorld(runs, stamps []string) *PastWorld {
	return &PastWorld{db: db, runs: runs, stamps: stamps, accounts: map[[2]string][]pastAccount{}}
}

// HadAccount reports whether the person of a mark had an account in a connection at
// a moment: one of that id, or any. known is false when nothing is on record.
func (w *PastWorld) HadAccount(ctx context.Context, connection, stamp, id string, at time.Time) (there, known bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list, ok := w.accounts[[2]string{connection, stamp}]
	if !ok {
		if list, err = w.read(ctx, connection, stamp); err != nil {
			return false, false, err
		}
		w.accounts[[2]string{connection, stamp}] = list
	}
	for _, a := range list {
		if id != "" && a.id != id {
			continue
		}
		known = true
		there = there || !a.anew && !a.first.After(at)
	}
	return there, known, nil
}

func (w *PastWorld) read(ctx context.Context, connection, stamp string) (out []pastAccount, err error) {
	from, worker, _ := strings.Cut(stamp, ":")
	rows, err := w.db.pool.Query(ctx, `SELECT a.account_id, a.first_at, a.created AND a.run_id = ANY ($4) OR a.created AND EXISTS (SELECT 1 FROM intents i WHERE i.run_id = ANY ($4) AND i.operation = 'account.ensure' AND i.connection = a.connection AND i.receipt->>'account' = a.account_id)
		FROM joiners j JOIN joiner_accounts a ON a.joiner_id = j.id
		WHERE a.connection = $1 AND (j.connection = $2 AND j.worker = $3 OR j.person <> '' AND j.person = (SELECT p.person FROM joiners p WHERE p.connection = $2 AND p.worker = $3)) ORDER BY a.account_id`, connection, from, worker, w.runs)
	if err != nil {
		return nil, asFault(fmt.Errorf("read earlier accounts: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var a pastAccount
		if err := rows.Scan(&a.id, &a.first, &a.anew); err != nil {
			return nil, asFault(err)
		}
		out = append(out, a)
	}
	return out, asFault(rows.Err())
}

// PastNames answers a naming policy from what was held at a moment.
type PastNames struct {
	World           *PastWorld
	JoinerID, Stamp string
	At              time.Time
	ChosenFor       bool
}

var _ policy.Names = PastNames{}

// Holders tells who held each name; "" where it was free or the joiner's own.
func (n PastNames) Holders(ctx context.Context, names []naming.Name) ([]string, error) {
	out := make([]string, len(names))
	if len(names) == 0 {
		return out, nil
	}
	var spaces, keys, withins []string
	for _, x := range names {
		spaces, keys, withins = append(spaces, x.Space), append(keys, x.Key), append(withins, x.Within)
	}
	rows, err := n.World.db.pool.Query(ctx, `SELECT u.n, r.state, r.found_in, coalesce(j.connection, ''), coalesce(j.worker, '')
		FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS u (s, k, w, n)
		JOIN reservations r ON r.space = u.s AND r.key = u.k AND r.within = u.w AND r.state <> 'released'
		LEFT JOIN joiners j ON j.id = r.joiner_id
		WHERE (r.joiner_id <> $4 OR r.joiner_id = '') AND NOT r.run_id = ANY ($6)
			AND CASE WHEN r.state = 'found' THEN NOT r.stamp = ANY ($7) ELSE r.claimed_at <= $5 END AND NOT `+lapsed, spaces, keys, withins, n.JoinerID, n.At, n.World.runs, n.World.stamps)
	if err != nil {
		return nil, asFault(fmt.Errorf("find earlier holders: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var at int64
		var state, in, connection, worker string
		if err := rows.Scan(&at, &state, &in, &connection, &worker); err != nil {
			return nil, asFault(err)
		}
		out[at-1] = holder(state, in, connection, worker)
	}
	return out, asFault(rows.Err())
}

// Own gives the names that the joiner had.
func (n PastNames) Own(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	if n.JoinerID == "" || n.ChosenFor {
		return out, nil
	}
	rows, err := n.World.db.pool.Query(ctx, `SELECT DISTINCT ON (space) space, name FROM reservations WHERE joiner_id = $1 AND state IN ('held', 'confirmed', 'tombstone') AND claimed_at <= $2 AND NOT run_id = ANY ($3)
		ORDER BY space, state <> 'tombstone' DESC, changed_at DESC, id DESC`, n.JoinerID, n.At, n.World.runs)
	if err != nil {
		return nil, asFault(fmt.Errorf("find earlier names: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var space, name string
		if err := rows.Scan(&space, &name); err != nil {
			return nil, asFault(err)
		}
		out[space] = name
	}
	return out, asFault(rows.Err())
}

// Live looks nowhere.
func (PastNames) Live(context.Context, naming.Name, policy.SpaceRow, string) (string, error) {
	return "", nil
}

// Holder is who holds a name in a space.
func (n PastNames) Holder(ctx context.Context, space, name string) (string, error) {
	return Names{DB: n.World.db, JoinerID: n.JoinerID, Stamp: n.Stamp}.Holder(ctx, space, name)
}

// CameAfter reports whether a joiner became known after a moment: ids begin with
// their time.
func CameAfter(joinerID string, at time.Time) bool { return joinerID >= idAt("j_", at) }
