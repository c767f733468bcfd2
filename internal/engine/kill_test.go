package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"joinery/flows"
	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/connector/ldap"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// scene is one joiner of employee-joiner-ldap on a database of its own, against
// a real slapd that the cases share.
type scene struct {
	t      *testing.T
	db     *postgres.DB
	child  child
	slapd  *connectortest.Slapd
	worker string
}

func newScene(t *testing.T, slapd *connectortest.Slapd, n int) *scene {
	t.Helper()
	app, _ := pgtest.URLs(t)
	s := &scene{t: t, slapd: slapd, worker: fmt.Sprintf("w%d", n)}
	dir := t.TempDir()
	s.child = child{URL: app, File: filepath.Join(dir, "state.json"), Outbox: filepath.Join(dir, "mails"), Password: slapd.Password}
	types := childTypes(s.child.File, nil)
	kinds := artifact.Kinds{Flows: node.All(), Connectors: types}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 3, Artifacts: kinds})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	s.db = db
	settings, err := json.Marshal(slapd.Settings("corp-ldap"))
	require.NoError(t, err)
	text, err := flows.Flow("employee-joiner-ldap")
	require.NoError(t, err)
	s.live(kinds, review.Connection, fmt.Sprintf(`{"key":"hris","name":"HR","type":"fake-hris","settings":{"path":%q}}`, s.child.File))
	s.live(kinds, review.Connection, string(settings))
	s.live(kinds, review.Flow, string(text))
	s.person(nil)
	return s
}

func (s *scene) live(kinds artifact.Kinds, kind review.Kind, text string) {
	s.t.Helper()
	doc, err := kinds.ReadText(kind, "", []byte(text))
	require.NoError(s.t, err)
	_, err = s.db.SaveRevision(s.t.Context(), anna, postgres.Save{Doc: doc})
	require.NoError(s.t, err)
	r, err := s.db.OpenReview(s.t.Context(), anna, kind, doc.Key, 0, "")
	require.NoError(s.t, err, "%v", fault.Problems(err))
	_, err = s.db.ApproveReview(s.t.Context(), ben, r.ID, r.Hash, "")
	require.NoError(s.t, err)
}

func (s *scene) person(change map[string]any) {
	s.t.Helper()
	a := map[string]any{"first_name": "Kim", "last_name": "Case" + s.worker, "department": "Sales", "title": "Seller", "worker_type": "employee", "status": "planned", "start_date": time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly), "time_zone": "UTC"}
	maps.Copy(a, change)
	require.NoError(s.t, fake.Change(s.child.File, func(st *fake.State) {
		st.Workers[s.worker] = joiner.Worker{ID: s.worker, Attributes: a}
	}))
}

func (s *scene) event(key, kind string) {
	s.t.Helper()
	_, err := s.db.AcceptEvent(s.t.Context(), postgres.Incoming{Connection: "hris", Event: joiner.Event{Key: key, Type: kind, Worker: s.worker}})
	require.NoError(s.t, err)
}

func (s *scene) until(within time.Duration, states ...run.State) postgres.RunDetail {
	s.t.Helper()
	var last postgres.RunDetail
	for end := time.Now().Add(max(within, pgtest.Hang)); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		rows, _, err := s.db.Runs(s.t.Context(), postgres.RunFilter{})
		if err != nil || len(rows) == 0 {
			continue
		}
		if last, err = s.db.RunDetail(s.t.Context(), rows[0].ID); err == nil && slices.Contains(states, last.State) {
			return last
		}
	}
	for _, st := range last.Steps {
		s.t.Logf("%s %s %s %s", st.Node, st.State, st.Port, st.Error)
	}
	s.t.Fatalf("the run is %s (%s) and not %v after %s", last.State, last.Reason, states, within)
	return last
}

// accounts reads the directory as its administrator: every entry with the mark.
func (s *scene) accounts() []*goldap.Entry {
	s.t.Helper()
	root, err := s.slapd.Root()
	require.NoError(s.t, err)
	defer root.Close()
	found, err := root.Search(goldap.NewSearchRequest(s.slapd.PeopleBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false, "(employeeNumber=hris:"+s.worker+")", []string{"*", "+"}, nil))
	require.NoError(s.t, err)
	return found.Entries
}

func (s *scene) groups() []string {
	s.t.Helper()
	var out []string
	for _, dn := range s.accounts()[0].GetAttributeValues("memberOf") {
		name, _, _ := strings.Cut(strings.TrimPrefix(dn, "cn="), ",")
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// right checks what must be true whatever was killed.
func (s *scene) right(d postgres.RunDetail, enabled bool) {
	s.t.Helper()
	entries := s.accounts()
	require.Len(s.t, entries, 1, "exactly one account")
	require.Equal(s.t, []string{"all-staff", "sales"}, s.groups())
	require.Equal(s.t, enabled, entries[0].GetAttributeValue("pwdAccountLockedTime") == "", "enabled")
	require.Equal(s.t, run.Succeeded, d.State)
	j, err := s.db.Joiner(s.t.Context(), d.JoinerID)
	require.NoError(s.t, err)
	require.Len(s.t, j.Accounts, 1)
	require.Equal(s.t, []string{"all-staff", "sales"}, j.Accounts[0].Groups)
	require.Equal(s.t, enabled, j.Accounts[0].Enabled)
}

// takeOver lets a second process go on; quick moves the dead one's lease back, so
// that only some cases wait for it.
func (s *scene) takeOver(quick bool) time.Duration {
	s.t.Helper()
	next := s.child
	next.Owner, next.Plan, next.DieAfterCheckpoint = "second", nil, 0
	next.start(s.t)
	if quick {
		require.NoError(s.t, s.db.RawExec(s.t.Context(), `UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running' AND lease_owner = 'first'`))
	}
	return 0
}

func TestKilledAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("needs slapd and PostgreSQL")
	}
	t.Parallel()
	slapd := connectortest.StartSlapd(t, "contractors", "finance")
	type kill struct {
		name       string
		plan       string
		checkpoint int32
		slow       bool
	}
	var all []kill
	for _, op := range []string{"EnsureAccount#1", "EnsureMember#1", "EnsureMember#2", "SetEnabled#1"} {
		for _, when := range []string{fake.DieBefore, fake.DieAfter} {
			all = append(all, kill{name: op + ":" + when, plan: op + ":" + when, slow: op == "EnsureAccount#1" && when == fake.DieAfter || op == "SetEnabled#1" && when == fake.DieBefore})
		}
	}
	for n := range int32(6) {
		all = append(all, kill{name: fmt.Sprintf("checkpoint %d", n+1), checkpoint: n + 1, slow: n == 4})
	}
	for i, k := range all {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, slapd, i+1)
			s.event("hired", "worker.hired")
			first := s.child
			first.Owner, first.DieAfterCheckpoint = "first", k.checkpoint
			if k.plan != "" {
				first.Plan = []string{k.plan}
			}
			first.start(t).died(t, 60*time.Second)
			began := time.Now()
			s.takeOver(!k.slow)
			d := s.until(90*time.Second, run.Succeeded, run.Failed)
			if k.slow {
				took := time.Since(began)
				t.Logf("taken over and done after %s", took.Round(100*time.Millisecond))
				require.Less(t, took, 30*time.Second)
			}
			require.Equal(t, "created", step(t, d, "create").Port, "what the killed process made counts as created")
			s.right(d, true)
		})
	}
	// The nodes that change an account that was there: update, and disable after a rescinded hire.
	for i, when := range []string{fake.DieBefore, fake.DieAfter} {
		t.Run("UpdateAccount:"+when, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, slapd, 100+i)
			s.before()
			s.event("hired", "worker.hired")
			first := s.child
			first.Owner, first.Plan = "first", []string{"UpdateAccount#1:" + when}
			first.start(t).died(t, 60*time.Second)
			s.takeOver(true)
			d := s.until(60*time.Second, run.Succeeded, run.Failed)
			require.Equal(t, "existed", step(t, d, "create").Port)
			require.Equal(t, "Seller", s.accounts()[0].GetAttributeValue("title"))
			s.right(d, true)
		})
		t.Run("disable:"+when, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, slapd, 200+i)
			s.person(map[string]any{"start_date": time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly)})
			s.event("hired", "worker.hired")
			first := s.child
			first.Owner, first.Plan = "first", []string{"SetEnabled#1:" + when}
			p := first.start(t)
			s.until(60*time.Second, run.Waiting)
			s.person(map[string]any{"status": "rescinded"})
			s.event("gone", "worker.rescinded")
			p.died(t, 60*time.Second)
			s.takeOver(true)
			s.right(s.until(60*time.Second, run.Succeeded, run.Failed), false)
		})
	}
}

// before makes the joiner's account as an earlier run would have left it.
func (s *scene) before() {
	s.t.Helper()
	conn := connectortest.Open(s.t, ldap.Type{}, s.slapd.Settings("corp-ldap"), map[string]string{"bind_password": s.slapd.Password})
	_, err := conn.(connector.Directory).EnsureAccount(s.t.Context(), connector.Ensure{Stamp: "hris:" + s.worker, Name: "kim.case" + s.worker, Attributes: map[string]any{"cn": "Kim", "sn": "Case", "title": "Old"}})
	require.NoError(s.t, err)
}

// Twenty kills at random moments over a batch of joiners: nothing lost, nothing twice.
func TestRandomKills(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	t.Parallel()
	h, c := batch(t, 40)
	for n := range 20 {
		next := c
		next.Owner = fmt.Sprint("p", n)
		p := next.start(t)
		select {
		case <-p.done:
		case <-time.After(time.Duration(150+rand.IntN(500)) * time.Millisecond):
		}
		p.kill()
		require.NoError(t, h.RawExec(t.Context(), `UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running'`))
	}
	last := c
	last.Owner = "last"
	last.start(t)
	allDone(t, h, c, 40)
}

// Two processes share the work of one database; killing one loses nothing.
func TestTwoProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	t.Parallel()
	h, c := batch(t, 60)
	a, b := c, c
	a.Owner, b.Owner = "a", "b"
	pa := a.start(t)
	b.start(t)
	pgtest.Eventually(t, 60*time.Second, "both have made accounts", func() bool {
		st := look(t, c)
		return len(st.Accounts) > 5
	})
	pa.kill()
	allDone(t, h, c, 60)
}

// batch is a database with n joiners hired, on fake systems in a file.
func batch(t *testing.T, n int) (*postgres.DB, child) {
	t.Helper()
	app, _ := pgtest.URLs(t)
	dir := t.TempDir()
	c := child{URL: app, File: filepath.Join(dir, "state.json"), Outbox: filepath.Join(dir, "mails")}
	kinds := artifact.Kinds{Flows: node.All(), Connectors: childTypes(c.File, nil)}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 6, Artifacts: kinds})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	s := &scene{t: t, db: db}
	s.live(kinds, review.Connection, fmt.Sprintf(`{"key":"hr","name":"HR","type":"fake-hris","settings":{"path":%q}}`, c.File))
	s.live(kinds, review.Connection, fmt.Sprintf(`{"key":"dir","name":"Directory","type":"fake-directory","settings":{"path":%q}}`, c.File))
	s.live(kinds, review.Flow, joinerFlow)
	require.NoError(t, fake.Change(c.File, func(st *fake.State) {
		st.Groups["all-staff"], st.Groups["engineering"] = nil, nil
		for i := range n {
			id := fmt.Sprint(i)
			st.Workers[id] = joiner.Worker{ID: id, Attributes: map[string]any{"first_name": "Ada", "last_name": "No" + id, "department": "Engineering"}}
		}
	}))
	for i := range n {
		_, err := db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: fmt.Sprint("e", i), Type: "worker.hired", Worker: fmt.Sprint(i)}})
		require.NoError(t, err)
	}
	return db, c
}

func look(t *testing.T, c child) (out fake.State) {
	t.Helper()
	require.NoError(t, fake.Change(c.File, func(s *fake.State) { out = *s }))
	return out
}

func allDone(t *testing.T, db *postgres.DB, c child, n int) {
	t.Helper()
	pgtest.Eventually(t, 90*time.Second, "all runs succeeded", func() bool {
		var left int
		err := db.RawScan(context.Background(), &left, `SELECT count(*) FROM runs WHERE state <> 'succeeded'`)
		return err == nil && left == 0
	})
	s := look(t, c)
	require.Len(t, s.Accounts, n)
	for stamp, made := range s.Creates {
		require.Equal(t, 1, made, stamp)
	}
	require.Len(t, s.Groups["all-staff"], n)
	require.Len(t, s.Groups["engineering"], n)
}
