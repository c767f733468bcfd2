package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"joinery/internal/fault"
	"joinery/internal/naming"
	"joinery/internal/policy"
	"joinery/internal/run"
)

// lapsed is true of a reservation r whose time is over. A hold stands while its
// run is under way, however long that takes.
const lapsed = `(coalesce(r.until < clock_timestamp(), false) AND (r.state <> 'held' OR NOT EXISTS (SELECT 1 FROM runs u WHERE u.id = r.run_id AND u.state IN ('queued', 'running', 'waiting', 'parked'))))`

// Names answers a naming policy from what is held here. It only reads, and looks
// into no system.
type Names struct {
	DB *DB
	// JoinerID is whose names are their own; "" for nobody's. Stamp is the mark on
	// that joiner's accounts.
	JoinerID, Stamp string
	// Run and For say that only names which this run chose anew for the same are the
	// joiner's own choice; with For "" all are.
	Run run.ID
	For string
}

var _ policy.Names = Names{}

// NamesOf gives the lookups of one worker of an HRIS, who need not be known yet.
func (db *DB) NamesOf(ctx context.Context, connection, worker string) (Names, error) {
	n := Names{DB: db, Stamp: connection + ":" + worker}
	err := db.pool.QueryRow(ctx, `SELECT id FROM joiners WHERE connection = $1 AND worker = $2`, connection, worker).Scan(&n.JoinerID)
	if err == pgx.ErrNoRows {
		err = nil
	}
	return n, asFault(err)
}

// Holders tells who holds each name; "" where it is free or the joiner's own.
func (n Names) Holders(ctx context.Context, names []naming.Name) ([]string, error) {
	return n.holders(ctx, names, true)
}

func (n Names) holders(ctx context.Context, names []naming.Name, found bool) ([]string, error) {
	out := make([]string, len(names))
	if len(names) == 0 {
		return out, nil
	}
	var spaces, keys, withins []string
	for _, x := range names {
		spaces, keys, withins = append(spaces, x.Space), append(keys, x.Key), append(withins, x.Within)
	}
	rows, err := n.DB.hot.Query(ctx, `SELECT u.n, r.state, r.found_in, coalesce(j.connection, ''), coalesce(j.worker, '')
		FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS u (s, k, w, n)
		JOIN reservations r ON r.space = u.s AND r.key = u.k AND r.within = u.w AND r.state <> 'released'
		LEFT JOIN joiners j ON j.id = r.joiner_id
		WHERE (r.joiner_id <> $4 OR r.joiner_id = '') AND NOT `+fmt.Sprintf(samePerson, "r.joiner_id", "$4")+` AND NOT (r.state = 'found' AND (r.stamp <> '' AND r.stamp = $5 OR NOT $6)) AND NOT `+lapsed, spaces, keys, withins, n.JoinerID, n.Stamp, found)
	if err != nil {
		return nil, asFault(fmt.Errorf("find holders: %w", err))
	}
	var at int64
	var state, in, connection, worker string
	_, err = pgx.ForEachRow(rows, []any{&at, &state, &in, &connection, &worker}, func() error {
		out[at-1] = holder(state, in, connection, worker)
		return nil
	})
	return out, asFault(err)
}

// holder says in words who holds a name.
func holder(state, in, connection, worker string) string {
	who := fmt.Sprintf("worker %s of %s", worker, connection)
	switch state {
	case "found":
		return "in use in " + in
	case "confirmed":
		return "used by " + who
	case "tombstone":
		return "kept for " + who
	}
	return "held for " + who
}

// Own gives the names that the joiner has: those of this run before others, and
// names in use before those that are only kept.
func (n Names) Own(ctx context.Context) (map[string]string, error) {
	if n.JoinerID == "" {
		return nil, nil
	}
	return ownNames(ctx, n.DB.hot, n.JoinerID, n.Run, n.For)
}

func ownNames(ctx context.Context, q querier, joinerID string, id run.ID, chosenFor string) (map[string]string, error) {
	rows, err := q.Query(ctx, `SELECT DISTINCT ON (space) space, name FROM reservations WHERE joiner_id = ANY (ARRAY(SELECT $1 UNION SELECT o.id FROM joiners me JOIN joiners o ON o.person = me.person WHERE me.id = $1 AND me.person <> '')) AND joiner_id <> '' AND state IN ('held', 'confirmed', 'tombstone') AND ($3 = '' OR run_id = $2 AND chosen_for = $3)
		ORDER BY space, run_id = $2 DESC, state <> 'tombstone' DESC, changed_at DESC, id DESC`, joinerID, id, chosenFor)
	if err != nil {
		return nil, asFault(fmt.Errorf("find own names: %w", err))
	}
	out := map[string]string{}
	var space, name string
	_, err = pgx.ForEachRow(rows, []any{&space, &name}, func() error { out[space] = name; return nil })
	return out, asFault(err)
}

// FormerNames lists by space the names of a policy that a joiner had in use, oldest
// first; the one in use now is among them.
func (db *DB) FormerNames(ctx context.Context, joinerID, policy string) (map[string][]string, error) {
	rows, err := db.hot.Query(ctx, `SELECT space, name FROM reservations WHERE joiner_id = $1 AND joiner_id <> '' AND policy = $2 AND state IN ('confirmed', 'tombstone') ORDER BY claimed_at, id`, joinerID, policy)
	if err != nil {
		return nil, asFault(fmt.Errorf("find former names: %w", err))
	}
	out := map[string][]string{}
	var space, name string
	_, err = pgx.ForEachRow(rows, []any{&space, &name}, func() error { out[space] = append(out[space], name); return nil })
	return out, asFault(err)
}

// Live looks nowhere.
func (Names) Live(context.Context, naming.Name, policy.SpaceRow, string) (string, error) {
	return "", nil
}

// Holder tells who holds a name in a space that is known; "" when it is free.
func (n Names) Holder(ctx context.Context, space, name string) (string, error) {
	var by naming.Equality
	err := n.DB.pool.QueryRow(ctx, `SELECT equality FROM name_spaces WHERE space = $1`, space).Scan(&by)
	if err == pgx.ErrNoRows {
		return "", nil
	}
	if err != nil {
		return "", asFault(err)
	}
	out, err := n.Holders(ctx, []naming.Name{{Space: space, Name: name, Key: by.Key(name), Equality: by}})
	if err != nil {
		return "", err
	}
	return out[0], nil
}

// RefuseOthersNames refuses names that are held for somebody else. Names that were
// only found in use are the directory's own business.
func (n Names) RefuseOthersNames(ctx context.Context, names []naming.Name) error {
	holders, err := n.holders(ctx, names, false)
	if err != nil {
		return err
	}
	for i, h := range holders {
		if h != "" {
			return &fault.Error{Kind: fault.Conflict, Key: "name", Sentence: fmt.Sprintf("The name %s is %s. Choose names by the policy again, or release it on the page Names.", names[i].Name, h)}
		}
	}
	return nil
}
