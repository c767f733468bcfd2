package chaos

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/engine"
	"joinery/internal/naming"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

const namesPolicy = `
key: std
name: Standard names
type: naming
naming:
  spaces:
    - {space: login, kind: ad-login, connections: [dir]}
    - {space: upn, kind: upn, domain: x.example}
    - {space: mail, kind: mail, same_as: upn, domain: x.example}
    - {space: cn, kind: cn}
  candidates:
    - {space: login, pattern: "{f}{last}"}
    - {space: login, pattern: "{f}{last}{n}"}
    - {space: upn, pattern: "{first}.{last}"}
    - {space: upn, pattern: "{first}.{last}{n}"}
    - {space: cn, pattern: "{first} {last}"}
    - {space: cn, pattern: "{first} {last} ({worker})"}
  profiles: [{when: 'joiner.country == "DE"', profile: de}]
  highest: 999
cases:
  - {name: plain, joiner: {first_name: Ada, last_name: Byron}, expect: {login: abyron}}
`

// namesFlow makes accounts for all but those who leave before one is made.
const namesFlow = `
key: named
name: Named
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}, retry: {first: 200ms, max: 2s, attempts: 30}}
  - {id: names, type: name.generate, params: {policy: std}, retry: {first: 200ms, max: 2s, attempts: 30}}
  - {id: comes, type: branch, params: {when: joiner.title != "never came"}}
  - {id: create, type: account.ensure, params: {directory: dir, name: =steps.names.login, attributes: {displayName: =steps.names.cn, name.familyName: =joiner.last_name, name.givenName: =joiner.first_name}}, retry: {first: 200ms, max: 2s, attempts: 30}}
edges:
  - {from: hired.started, to: names}
  - {from: names.done, to: comes}
  - {from: comes.yes, to: create}
`

// alike are people whose names meet somewhere: case, marks, ß, initials, length.
var alike = [][3]string{
	{"Jörg", "Müller", "DE"}, {"Jorg", "Muller", ""}, {"J.", "Mueller", ""}, {"JÖRG", "MUELLER", "DE"}, {"Jo\u0308rg", "Mu\u0308ller", ""}, {"Jürgen", "Müller", "DE"},
	{"Johanna", "Strauß", ""}, {"Johann", "Strauss", ""}, {"Łukasz", "Żółć", ""}, {"Lukasz", "Zolc", ""}, {"Maximiliana", "Featherstonehaugh-Cholmondeley", ""}, {"Юлия", "Щербакова", ""}, {"Sukarno", "", ""},
}

// Joiners who would all like the same names come in at once, to two processes that
// are killed again and again: each gets a set of their own that fits together, and
// what nobody used is free after its time.
func TestFault_R10_R11_NamesThatCollideUnderKills(t *testing.T) {
	need(t)
	t.Parallel()
	w := newWorld(t)
	w.live(review.Policy, namesPolicy)
	w.live(review.Flow, namesFlow)
	w.live(review.Flow, strings.Replace(joinFlow, "[worker.hired, worker.updated]", "[worker.updated]", 1))
	random := dice(t, 77)
	people, kills := either(60, 500), either(6, 50)

	var mu sync.Mutex
	nodes, names := [2]*process{}, [2]string{}
	begin := func(i, n int) {
		var at []string
		if n%2 == 1 { // every second one dies just where names are held
			at = []string{fmt.Sprintf("%s#%d:kill", []string{engine.AfterClaim, engine.BeforeClaim, postgres.BeforeCommit, engine.AfterEffect}[n/2%4], 1+random.IntN(6))}
		}
		owner := fmt.Sprintf("p%d", n)
		p := w.node(owner, at...).start(t)
		mu.Lock()
		nodes[i], names[i] = p, owner
		mu.Unlock()
	}
	begin(0, 0)
	begin(1, 2)
	to := func() string { mu.Lock(); defer mu.Unlock(); return nodes[random.IntN(2)].url }

	next := make(chan int)
	var senders sync.WaitGroup
	for range 12 {
		senders.Go(func() {
			for i := range next {
				who := alike[i%len(alike)]
				change := map[string]any{"first_name": who[0], "last_name": who[1], "country": who[2], "title": ""}
				if i%5 == 4 {
					change["title"] = "never came"
				}
				id := fmt.Sprint(i)
				w.hris.Set(id, change)
				w.deliver("hired-"+id, "worker.hired", id, to)
			}
		})
	}
	senders.Go(func() {
		defer close(next)
		for i := range people {
			next <- i
		}
	})
	for n := range kills {
		time.Sleep(time.Duration(100+random.IntN(900)) * time.Millisecond)
		i := n % 2
		mu.Lock()
		old, owner := nodes[i], names[i]
		mu.Unlock()
		old.kill()
		w.loseLeases(owner)
		begin(i, n+3)
	}
	senders.Wait()
	// The last ones live.
	for i := range 2 {
		mu.Lock()
		old, owner := nodes[i], names[i]
		mu.Unlock()
		old.kill()
		w.loseLeases(owner)
		begin(i, 1000+2*i)
	}
	w.rested(either(2*time.Minute, 8*time.Minute), people)
	w.check()
	require.Equal(t, people, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
	w.checkNames(people)
	t.Logf("%d kills over %d joiners", kills, people)
}

func (w *world) checkNames(people int) {
	t := w.t
	t.Helper()
	used := map[string]map[string]postgres.NameRow{} // worker → space → name
	keys := map[string]string{}
	equality := map[string]naming.Equality{"login": naming.Folded, "upn": naming.Folded, "mail": naming.Mail, "cn": naming.Folded}
	for before := ""; ; {
		rows, after, err := w.db.Names(t.Context(), postgres.NameFilter{Before: before, Limit: 200})
		require.NoError(t, err)
		for _, r := range rows {
			if r.State == "released" || r.State == "found" {
				continue
			}
			key := r.Space + " " + equality[r.Space].Key(r.Name)
			require.Empty(t, keys[key], "%s is held twice, by workers %s and %s", key, keys[key], r.Worker)
			keys[key] = r.Worker
			if used[r.Worker] == nil {
				used[r.Worker] = map[string]postgres.NameRow{}
			}
			_, twice := used[r.Worker][r.Space]
			require.False(t, twice, "worker %s has two names in %s", r.Worker, r.Space)
			used[r.Worker][r.Space] = r
		}
		if before = after; after == "" {
			break
		}
	}
	require.Len(t, used, people)
	for worker, set := range used {
		require.Len(t, set, 4, "the set of worker %s", worker)
		require.Equal(t, set["upn"].Name, set["mail"].Name, "one local part")
		var raw string
		require.NoError(t, w.db.RawScan(t.Context(), &raw, `SELECT output::text FROM steps s JOIN runs r ON r.id = s.run_id JOIN joiners j ON j.id = r.joiner_id WHERE j.worker = $1 AND s.node = 'names'`, worker))
		var out struct{ Names map[string]string }
		require.NoError(t, json.Unmarshal([]byte(raw), &out))
		for space, n := range out.Names {
			require.Equal(t, set[space].Name, n, "what the run of worker %s says", worker)
		}
	}
	accounts := map[string]bool{}
	for _, a := range w.accounts() {
		if worker, ours := strings.CutPrefix(a.Stamp, "hr:"); ours {
			require.False(t, accounts[naming.Folded.Key(a.Name)], "two accounts are called %s", a.Name)
			accounts[naming.Folded.Key(a.Name)] = true
			require.Equal(t, used[worker]["login"].Name, a.Name)
			for space, n := range used[worker] {
				require.Equal(t, "confirmed", n.State, "%s of worker %s", space, worker)
			}
		}
	}
	require.Len(t, accounts, people-people/5)
	// Who never came leaves nothing behind once the hold is over.
	require.Equal(t, 4*(people/5), w.count(`SELECT count(*) FROM reservations WHERE state = 'held'`))
	require.NoError(t, w.db.RawExec(t.Context(), `UPDATE reservations SET until = now() - interval '1 second' WHERE until IS NOT NULL`))
	_, err := w.db.SweepNames(t.Context())
	require.NoError(t, err)
	require.Zero(t, w.count(`SELECT count(*) FROM reservations WHERE state = 'held'`), "leaked holds")
	require.Equal(t, 4*len(accounts), w.count(`SELECT count(*) FROM reservations WHERE state = 'confirmed'`))
}
