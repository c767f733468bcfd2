package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/naming"
	"joinery/internal/policy"
	"joinery/internal/run"
)

// NameClaim asks for all names of a joiner at once.
type NameClaim struct {
	Run    run.ID
	Owner  string
	Epoch  int64
	Node   flow.NodeID
	Policy string
	// JoinerID is for whom, and Stamp the mark on that joiner's accounts.
	JoinerID, Stamp string
	Names           []naming.Name
	Keep            policy.Keep
	// For is what they are chosen anew for: names from elsewhere do not matter then.
	For string
}

// NamesClaimed is the answer to a claim.
type NamesClaimed struct {
	// Kept is false when the run is in other hands: nothing was claimed.
	Kept bool
	// Taken are names that are not free; then none of the set is held.
	Taken []naming.Name
	// Moved says that the joiner got other names meanwhile, in another run.
	Moved bool
}

// errNotAll ends a claim's transaction without keeping anything.
var errNotAll = fault.New(fault.Conflict, "Not all names are free.")

// ClaimNames holds a set of names for a joiner: all of them or none, in one
// transaction. Asking again for the same names changes nothing.
func (db *DB) ClaimNames(ctx context.Context, c NameClaim) (NamesClaimed, error) {
	if err := db.sameEquality(ctx, c.Names); err != nil {
		return NamesClaimed{}, err
	}
	// In one order everywhere, so that two claims never wait for each other in a ring.
	c.Names = slices.Clone(c.Names)
	slices.SortFunc(c.Names, func(a, b naming.Name) int {
		return slices.Compare([]string{a.Space, a.Key, a.Within}, []string{b.Space, b.Key, b.Within})
	})
	out, err := db.claimNames(ctx, c)
	if err == nil && len(out.Taken) > 0 {
		// What was held for too long is in nobody's way, swept or not.
		if _, err := db.lapse(ctx, c.Names); err != nil {
			return out, err
		}
	}
	return out, err
}

func (db *DB) claimNames(ctx context.Context, c NameClaim) (out NamesClaimed, err error) {
	err = db.htx(ctx, func(tx pgx.Tx) error {
		out = NamesClaimed{}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared(hashtextextended($1, `+runLocks+`)), pg_advisory_xact_lock(hashtextextended($2, `+nameLocks+`))`, c.Run, c.JoinerID); err != nil {
			return fmt.Errorf("lock joiner: %w", err)
		}
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM runs WHERE id = $1 AND lease_owner = $2 AND epoch = $3 AND state = 'running')`, c.Run, c.Owner, c.Epoch).Scan(&out.Kept)
		if err != nil || !out.Kept {
			return err
		}
		own, err := ownNames(ctx, tx, c.JoinerID, c.Run, c.For)
		if err != nil {
			return err
		}
		for _, n := range c.Names {
			if name, ok := own[n.Space]; ok && name != n.Name {
				out.Moved = true
				return nil
			}
		}
		return holdNames(ctx, tx, c, &out)
	})
	if err == errNotAll {
		err = nil
	}
	return out, err
}

// nameLocks tells the advisory locks of joiners whose names are chosen from others.
const nameLocks = "3"

func holdNames(ctx context.Context, tx pgx.Tx, c NameClaim, out *NamesClaimed) error {
	var ids, spaces, keys, withins, names []string
	for _, n := range c.Names {
		ids, spaces, keys, withins, names = append(ids, newID("nm_")), append(spaces, n.Space), append(keys, n.Key), append(withins, n.Within), append(names, n.Name)
	}
	rows, err := tx.Query(ctx, `INSERT INTO reservations AS r (id, space, key, within, name, set_id, joiner_id, stamp, run_id, node, policy, state, until, hold_for, keep_for, rescind_for, chosen_for, claimed_at, changed_at)
		SELECT i, s, k, w, n, $6, $7, $8, $9, $10, $11, 'held', clock_timestamp() + make_interval(secs => $12), $12, $13, $14, $15, clock_timestamp(), clock_timestamp()
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS u (i, s, k, w, n) ORDER BY s, k COLLATE "C", w COLLATE "C"
		ON CONFLICT (space, key, within) WHERE state <> 'released' DO UPDATE SET name = excluded.name, set_id = excluded.set_id, joiner_id = excluded.joiner_id, run_id = excluded.run_id, node = excluded.node,
			policy = excluded.policy, state = CASE WHEN r.state = 'confirmed' THEN 'confirmed' ELSE 'held' END, until = CASE WHEN r.state = 'confirmed' THEN NULL ELSE excluded.until END,
			hold_for = excluded.hold_for, keep_for = excluded.keep_for, rescind_for = excluded.rescind_for, chosen_for = excluded.chosen_for, reason = '', found_in = '', changed_at = excluded.changed_at
			WHERE r.joiner_id = excluded.joiner_id OR `+fmt.Sprintf(samePerson, "r.joiner_id", "excluded.joiner_id")+` OR r.state = 'found' AND r.stamp <> '' AND r.stamp = excluded.stamp
		RETURNING space, key, within, xmax::text = '0'`,
		ids, spaces, keys, withins, names, newID("ns_"), c.JoinerID, c.Stamp, c.Run, c.Node, c.Policy, c.Keep.Hold.Seconds(), int64(c.Keep.AfterLeaving.Seconds()), int64(c.Keep.AfterRescinding.Seconds()), c.For)
	if err != nil {
		return fmt.Errorf("hold names: %w", err)
	}
	got, fresh := map[naming.Name]bool{}, 0
	var n naming.Name
	var inserted bool
	_, err = pgx.ForEachRow(rows, []any{&n.Space, &n.Key, &n.Within, &inserted}, func() error {
		got[n] = true
		if inserted {
			fresh++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("hold names: %w", err)
	}
	for _, n := range c.Names {
		if !got[naming.Name{Space: n.Space, Key: n.Key, Within: n.Within}] {
			out.Taken = append(out.Taken, n)
		}
	}
	if len(out.Taken) > 0 {
		return errNotAll
	}
	if fresh == 0 {
		return nil
	}
	return appendAuditTx(ctx, tx, Act{Actor: auth.Engine(), Action: "names.hold", Kind: "joiner", ID: c.JoinerID,
		Detail: map[string]any{"run": c.Run, "node": c.Node, "policy": c.Policy, "spaces": spaces, "new": fresh}})
}

// sameEquality refuses names of a space that tells names apart otherwise than it
// did before: two keys of the same name would not meet.
func (db *DB) sameEquality(ctx context.Context, names []naming.Name) error {
	for _, n := range names {
		by, known := db.spaces.Load(n.Space)
		if !known {
			if _, err := db.pool.Exec(ctx, `INSERT INTO name_spaces (space, equality) VALUES ($1, $2) ON CONFLICT (space) DO NOTHING`, n.Space, n.Equality); err != nil {
				return asFault(fmt.Errorf("know name space: %w", err))
			}
			var now naming.Equality
			if err := db.pool.QueryRow(ctx, `SELECT equality FROM name_spaces WHERE space = $1`, n.Space).Scan(&now); err != nil {
				return asFault(fmt.Errorf("know name space: %w", err))
			}
			db.spaces.Store(n.Space, now)
			by = now
		}
		if by != n.Equality {
			return fault.New(fault.Invalid, "The name space %s tells names apart by %q, and this policy by %q. Name another space in the policy, or give it the same kind and equality.", n.Space, by, n.Equality)
		}
	}
	return nil
}

// FoundName records that a name is in use in a system although nobody holds it, so
// that the next who would like it knows at once. It is forgotten after a day.
func (db *DB) FoundName(ctx context.Context, n naming.Name, connection, stamp string) error {
	if err := db.sameEquality(ctx, []naming.Name{n}); err != nil {
		return err
	}
	id := newID("nm_")
	_, err := db.hot.Exec(ctx, `INSERT INTO reservations AS r (id, space, key, within, name, set_id, stamp, found_in, state, until) VALUES ($1, $2, $3, $4, $5, $1, $6, $7, 'found', clock_timestamp() + make_interval(secs => $8))
		ON CONFLICT (space, key, within) WHERE state <> 'released' DO UPDATE SET until = excluded.until, found_in = excluded.found_in, stamp = excluded.stamp, changed_at = now() WHERE r.state = 'found'`,
		id, n.Space, n.Key, n.Within, n.Name, stamp, connection, foundFor.Seconds())
	return asFault(err)
}

// foundFor is how long a name that was found in use is taken for such without
// looking again.
const foundFor = 24 * time.Hour
