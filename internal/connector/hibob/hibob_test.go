package hibob_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/hibob"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// clock is a hand-driven one.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 26, 23, 30, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) tick(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func open(t *testing.T, b *connectortest.Bob, change map[string]any) connector.Conn {
	t.Helper()
	s := b.Settings("hr")
	maps.Copy(s.Settings, change)
	return connectortest.OpenAt(t, hibob.Type{}, s, map[string]string{"token": b.Token}, b.Now)
}

func ada(more map[string]any) map[string]any {
	out := map[string]any{"root.firstName": "Ada", "root.surname": "Okafor", "root.email": "ada.private@home.example", "work.department": "260123", "work.title": "Engineer", "work.site": "77001",
		"work.manager": "3332883804594373380", "work.startDate": "2026-12-01", "internal.lifecycleStatus": "employed", "payroll.employment.type": "1", "work.employeeIdInCompany": 42}
	maps.Copy(out, more)
	return out
}

// Both of Bob's ways to write an employee come to the same, in the words of lists
// and with the dates of machines.
func TestWorker(t *testing.T) {
	t.Parallel()
	for name, nested := range map[string]bool{"by path": false, "nested": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := connectortest.StartBob(t, newClock().now)
			b.Nested = nested
			conn := open(t, b, map[string]any{"zones": map[string]any{"Berlin": "Europe/Berlin"}}).(connector.Workers)
			id := b.Hire(ada(nil))
			w, err := conn.Worker(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, id, w.ID)
			require.Equal(t, map[string]any{"first_name": "Ada", "last_name": "Okafor", "work_email": "ada.private@home.example", "department": "Engineering", "title": "Engineer", "location": "Berlin",
				"time_zone": "Europe/Berlin", "manager_id": "3332883804594373380", "start_date": "2026-12-01", "status": "planned", "worker_type": "employee", "employee_number": "42"}, w.Attributes)
			same, err := conn.Worker(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, w.Version, same.Version)
		})
	}
}

func TestWorker_Manager(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBob(t, newClock().now)
	id := b.Hire(ada(nil))
	b.Trouble(connectortest.Trouble{Path: "/v1/people/" + id, Status: 200, Body: `{"id":"` + id + `","work":{"reportsTo":{"id":"77","displayName":"Zoe"}},"humanReadable":{"work":{"reportsTo":"Zoe"}}}`})
	w, err := open(t, b, map[string]any{"fields": map[string]any{"manager_id": "work.reportsTo"}}).(connector.Workers).Worker(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "77", w.Attributes["manager_id"])
}

func TestStates(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBob(t, newClock().now) // half past midnight of the 27th in Berlin
	conn := open(t, b, map[string]any{"zones": map[string]any{"Berlin": "Europe/Berlin"}}).(connector.Workers)
	for name, c := range map[string]struct {
		fields map[string]any
		state  any
	}{
		"begins today there": {map[string]any{"work.startDate": "2026-11-27"}, "active"},
		"hired":              {map[string]any{"internal.lifecycleStatus": "hired"}, "planned"},
		"on leave":           {map[string]any{"internal.lifecycleStatus": "parentalLeave", "work.startDate": "2020-01-01"}, "active"},
		"garden leave":       {map[string]any{"internal.lifecycleStatus": "garden leave", "work.startDate": "2020-01-01"}, "terminated"},
		"left":               {map[string]any{"internal.lifecycleStatus": "terminated", "work.startDate": "2020-01-01", "internal.terminationDate": "2026-10-31"}, "terminated"},
		"never came":         {map[string]any{"internal.lifecycleStatus": "terminated", "internal.terminationDate": "2026-11-30"}, "rescinded"},
		"an unknown word":    {map[string]any{"internal.lifecycleStatus": "secondment"}, "secondment"},
	} {
		w, err := conn.Worker(t.Context(), b.Hire(ada(c.fields)))
		require.NoError(t, err, name)
		require.Equal(t, c.state, w.Attributes["status"], name)
	}
}

// What is not mapped is not asked for.
func TestS94_OnlyMappedFieldsAreRead(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBob(t, newClock().now)
	id := b.Hire(ada(nil))
	conn := open(t, b, map[string]any{"fields": map[string]any{"last_name": "root.surname", "shirt": "column_17.size"}}).(connector.Workers)
	b.Asked()
	_, err := conn.Worker(t.Context(), id)
	require.NoError(t, err)
	_, _, err = conn.Changed(t.Context(), time.Time{}, "")
	require.NoError(t, err)
	for _, a := range b.Asked() {
		fields := a.Body["fields"].([]any)
		require.Contains(t, [][]any{{"column_17.size", "root.id", "root.surname"}, {"root.id"}}, fields, a.Path)
	}
}

func TestWorkerRefusals(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBob(t, newClock().now)
	id := b.Hire(ada(nil))
	conn := open(t, b, map[string]any{"timeout": "1s"}).(connector.Workers)
	for _, bad := range []string{"999", "", "ada@acme.example", "search", "../company/people/fields"} {
		_, err := conn.Worker(t.Context(), bad)
		require.True(t, fault.Is(err, fault.NotFound), "%q: %v", bad, err)
	}
	silent := make(chan struct{})
	defer close(silent)
	basic := "U0VSVklDRS00NzExOnRva2VuLWIyZjZhODFjOTM=" // the user and the token as they are sent
	for name, c := range map[string]struct {
		trouble connectortest.Trouble
		kind    fault.Kind
		says    string
		after   time.Duration
	}{
		"401":              {connectortest.Trouble{Status: 401}, fault.Forbidden, "does not accept the credential", 0},
		"403":              {connectortest.Trouble{Status: 403, Body: `{"error":"No, ` + b.Token + ` or ` + basic + `"}`}, fault.Invalid, "permission group needs the right", 0},
		"429":              {connectortest.Trouble{Status: 429, Header: map[string]string{"Retry-After": "30"}}, fault.Unavailable, "less often", 30 * time.Second},
		"429 with no time": {connectortest.Trouble{Status: 429}, fault.Unavailable, "less often", 15 * time.Second},
		"503":              {connectortest.Trouble{Status: 503}, fault.Unavailable, "problem of its own", 0},
		"400":              {connectortest.Trouble{Status: 400, Body: `{"key":"bad.field"}`}, fault.Invalid, "bad.field", 0},
		"login page":       {connectortest.Trouble{Status: 200, Body: "<html>"}, fault.Invalid, "not JSON", 0},
		"other one":        {connectortest.Trouble{Status: 200, Body: `{"employees":[{"id":"7"}]}`}, fault.Invalid, "another employee", 0},
		"nobody":           {connectortest.Trouble{Status: 200, Body: `{"employees":[]}`}, fault.NotFound, "may not see it", 0},
		"no id":            {connectortest.Trouble{Status: 200, Body: `{"employees":[{}]}`}, fault.Invalid, "without an id", 0},
		"silent":           {connectortest.Trouble{Wait: silent}, fault.Unavailable, "", 0},
	} {
		c.trouble.Path = "/v1/people/" + id
		b.Trouble(c.trouble)
		_, err := conn.Worker(t.Context(), id)
		require.True(t, fault.Is(err, c.kind), "%s: %v", name, err)
		require.Contains(t, fault.Sentence(err), c.says, name)
		require.Equal(t, c.after, fault.RetryAfter(err), name)
		for _, hidden := range []string{b.Token, basic} {
			require.NotContains(t, err.Error(), hidden, name)
		}
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := connectortest.StartBob(t, c.now)
	conn := open(t, b, nil).(connector.Workers)
	page, next, err := conn.Changed(t.Context(), time.Time{}, "")
	require.NoError(t, err)
	require.Empty(t, page)
	require.Empty(t, next)
	var want []string
	for range 830 {
		want = append(want, b.Hire(ada(nil)))
	}
	left := b.Hire(ada(map[string]any{"internal.lifecycleStatus": "terminated", "work.startDate": "2020-01-01"}))
	hidden := b.Hire(ada(nil))
	b.Hide(hidden)
	want = append(want, left)
	walk := func() (out []string, versions map[string]string) {
		versions = map[string]string{}
		for cursor, n := "", 0; n < 10; n++ {
			page, next, err := conn.Changed(t.Context(), time.Time{}, cursor)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), 400)
			for _, w := range page {
				out, versions[w.ID] = append(out, w.ID), w.Version
			}
			if next == "" {
				return out, versions
			}
			cursor = next
		}
		t.Fatal("the walk does not end")
		return nil, nil
	}
	b.Asked()
	got, before := walk()
	require.Equal(t, want, got, "everybody the service user may see, those who left too")
	require.Len(t, b.Asked(), 4, "the ids once, then three pages")
	b.Change(want[7], map[string]any{"work.title": "Chief"})
	c.tick(time.Minute)
	_, after := walk()
	for id := range after {
		require.Equal(t, id == want[7], before[id] != after[id], "the version tells who changed")
	}
}

// Reads lag: the connection says so, and shows the change when the lag is over.
func TestUpdateWorker_ReadsLag(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := connectortest.StartBob(t, c.now)
	conn := open(t, b, nil)
	id := b.Hire(ada(nil))
	require.NoError(t, conn.(connector.WriteBack).UpdateWorker(t.Context(), id, map[string]any{joiner.WorkEmail: "ada@acme.example", joiner.Phone: "+49 30 1"}))
	require.Equal(t, "ada@acme.example", b.Stored(id, "root.email"))
	require.Equal(t, "+49 30 1", b.Stored(id, "work.workPhone"))
	require.Equal(t, "Okafor", b.Stored(id, "root.surname"), "what was not sent stays")
	read := func() any {
		w, err := conn.(connector.Workers).Worker(t.Context(), id)
		require.NoError(t, err)
		return w.Attributes["work_email"]
	}
	require.Equal(t, "ada.private@home.example", read(), "the stand-in lags as Bob does")
	lag := conn.(connector.Lagging).ReadLag()
	require.Equal(t, 20*time.Second, lag)
	c.tick(lag)
	require.Equal(t, "ada@acme.example", read())
	require.Equal(t, 90*time.Second, open(t, b, map[string]any{"lag": "90s"}).(connector.Lagging).ReadLag())
}

func TestUpdateWorker(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBob(t, newClock().now)
	id := b.Hire(ada(nil))
	b.Hire(ada(map[string]any{"root.email": "taken@acme.example"}))
	fields := map[string]any{"work_email": "root.email", "phone": "work.workPhone", "title": "work.title", "badge": "internal.badge", "ghost": "work.ghost", "display_name": "root.displayName"}
	back := open(t, b, map[string]any{"fields": fields}).(connector.WriteBack)

	require.NoError(t, back.UpdateWorker(t.Context(), id, map[string]any{"phone": "1", "display_name": "Ada O."}))
	b.Asked()
	require.NoError(t, back.UpdateWorker(t.Context(), id, map[string]any{"phone": "1"}), "304: it is so already")
	asked := b.Asked()
	require.Len(t, asked, 1, "what fields there are is asked once")
	require.Equal(t, map[string]any{"work": map[string]any{"workPhone": "1"}}, asked[0].Body)
	require.NoError(t, back.UpdateWorker(t.Context(), id, map[string]any{"phone": nil}))
	require.Nil(t, b.Stored(id, "work.workPhone"))

	for name, c := range map[string]struct {
		set  map[string]any
		kind fault.Kind
		says string
	}{
		"a field with a history": {map[string]any{"title": "Chief", "phone": "2"}, fault.Invalid, "keeps its history"},
		"a list":                 {map[string]any{"badge": "x", "phone": "2"}, fault.Invalid, "it is a list"},
		"no such field":          {map[string]any{"ghost": "x", "phone": "2"}, fault.Invalid, "no field of this id"},
		"not mapped":             {map[string]any{"shoe_size": "39", "phone": "2"}, fault.Invalid, "shoe_size"},
		"a taken address":        {map[string]any{"work_email": "taken@acme.example", "phone": "2"}, fault.Invalid, "already exists"},
		"no address":             {map[string]any{"work_email": nil}, fault.Invalid, "not removed"},
	} {
		err := back.UpdateWorker(t.Context(), id, c.set)
		require.True(t, fault.Is(err, c.kind), "%s: %v", name, err)
		require.Contains(t, fault.Sentence(err), c.says, name)
	}
	require.Nil(t, b.Stored(id, "work.workPhone"), "nothing was written beside what was refused")
	for _, set := range []map[string]any{{"phone": "1"}, {"work_email": "x@acme.example"}} {
		err := back.UpdateWorker(t.Context(), "999", set)
		require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	}
}

// A custom field is asked for by its id and written where Bob says it stands.
func TestUpdateWorker_CustomField(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBob(t, newClock().now)
	id := b.Hire(ada(nil))
	back := open(t, b, map[string]any{"fields": map[string]any{"phone": "work.workPhone", "login": "column_17"}}).(connector.WriteBack)
	require.NoError(t, back.UpdateWorker(t.Context(), id, map[string]any{"login": "aokafor"}))
	require.Equal(t, "aokafor", b.Stored(id, "column_17"))
}

func TestTestConnection(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBob(t, newClock().now)
	all := func(fs []connector.Finding) string {
		text, err := json.Marshal(fs)
		require.NoError(t, err)
		require.NotContains(t, string(text), b.Token)
		return string(text)
	}
	conn := open(t, b, nil)
	require.Contains(t, all(conn.Test(t.Context())), "shows no employee")
	b.Hire(ada(nil))
	for _, f := range conn.Test(t.Context()) {
		require.True(t, f.OK, "%+v", f)
	}
	b.Hide("work.startDate")
	require.Contains(t, all(conn.Test(t.Context())), "leaves out without a word")
	require.Contains(t, all(open(t, b, map[string]any{"fields": map[string]any{"last_name": "root.surname", "badge": "work.badge"}}).Test(t.Context())), "no field work.badge (for badge)")
	fs := connectortest.OpenAt(t, hibob.Type{}, b.Settings("hr"), map[string]string{"token": "wrong-token-1"}, b.Now).Test(t.Context())
	require.Len(t, fs, 1)
	require.False(t, fs[0].OK)
	require.NotContains(t, all(fs), "wrong-token-1")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for path, bad := range map[string]map[string]any{
		"":         {},
		"base_url": {"base_url": "api.hibob.com"},
		"user":     {"user": "SERVICE-1:token"},
		"timeout":  {"timeout": "2m"},
		"lag":      {"lag": "10m"},
		"fields":   {"fields": map[string]any{"title": "work title"}},
		"statuses": {"statuses": map[string]any{"employed": "here"}},
		"zone":     {"zone": "Berlin"},
		"types":    {"types": map[string]any{"employee.left": "left"}},
	} {
		in := connector.WithDefaults(hibob.Type{}.Info().Settings, bad)
		if in["user"] == nil {
			in["user"] = "SERVICE-1"
		}
		problems := hibob.Type{}.Check(in)
		if path == "" {
			require.Empty(t, problems)
			continue
		}
		require.Len(t, problems, 1, path)
		require.Equal(t, path, problems[0].Path)
	}
}

func TestHRIS(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBob(t, newClock().now)
	connectortest.RunHRIS(t, connectortest.HRIS{
		Open: func(t testing.TB, timeout time.Duration) connector.Conn {
			s := b.Settings("hr")
			s.Settings["timeout"] = timeout.String()
			return connectortest.OpenAt(t, hibob.Type{}, s, map[string]string{"token": b.Token}, b.Now)
		},
		Trouble: b.Trouble, Hire: func() string { return b.Hire(ada(nil)) }, Path: func(id string) string { return "/v1/people/" + id },
		Update: map[string]any{joiner.Phone: "+49 30 1"}, Stored: func(id, _ string) any { return b.Stored(id, "work.workPhone") },
		Secrets: []string{b.Token, base64.StdEncoding.EncodeToString([]byte(b.User + ":" + b.Token))},
	})
}

// HR edits a field after it was read: nothing is written, also not the fields beside it.
func TestUpdateWorkerFrom(t *testing.T) {
	t.Parallel()
	at := time.Now()
	b := connectortest.StartBob(t, func() time.Time { return at })
	back := connectortest.OpenAt(t, hibob.Type{}, b.Settings("bob"), map[string]string{"token": b.Token}, func() time.Time { return at }).(connector.CarefulWriteBack)
	id := b.Hire(map[string]any{"root.firstName": "Ada", "root.surname": "Okafor", "root.email": "ada@home.example", "work.startDate": "2026-12-01"})
	at = at.Add(time.Hour)
	was, set := map[string]any{joiner.WorkEmail: "ada@home.example", joiner.FirstName: "Ada"}, map[string]any{joiner.WorkEmail: "ada@acme.example", joiner.FirstName: "Ada M."}
	b.Change(id, map[string]any{"root.email": "typed.by.hr@acme.example"})
	at = at.Add(time.Hour)
	err := back.UpdateWorkerFrom(t.Context(), id, set, was)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.Contains(t, fault.Sentence(err), "work_email changed in Bob meanwhile")
	require.Equal(t, "typed.by.hr@acme.example", b.Stored(id, "root.email"))
	require.Equal(t, "Ada", b.Stored(id, "root.firstName"))

	was[joiner.WorkEmail] = "typed.by.hr@acme.example"
	require.NoError(t, back.UpdateWorkerFrom(t.Context(), id, set, was))
	require.Equal(t, "ada@acme.example", b.Stored(id, "root.email"))
	at = at.Add(time.Hour)
	require.NoError(t, back.UpdateWorkerFrom(t.Context(), id, set, was), "what an earlier try wrote is no conflict")
}
