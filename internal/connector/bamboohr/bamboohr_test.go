package bamboohr_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/bamboohr"
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

func open(t *testing.T, b *connectortest.BambooHR, change map[string]any) connector.Conn {
	t.Helper()
	s := b.Settings("hr")
	for k, v := range change {
		s.Settings[k] = v
	}
	return connectortest.OpenAt(t, bamboohr.Type{}, s, map[string]string{"api_key": b.Key}, b.Now)
}

func ada(more map[string]string) map[string]string {
	out := map[string]string{"firstName": "Ada", "lastName": "Okafor", "department": "Engineering", "jobTitle": "Engineer", "location": "Lagos", "country": "NG", "hireDate": "2026-12-01",
		"employmentHistoryStatus": "Full-Time", "status": "Active", "employeeNumber": "0042", "supervisorEId": "7", "homeEmail": "ada@home.example"}
	for k, v := range more {
		out[k] = v
	}
	return out
}

func TestWorker(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBambooHR(t, newClock().now)
	conn := open(t, b, map[string]any{"zones": map[string]any{"Lagos": "Africa/Lagos"}, "zone": "Europe/Berlin"})
	w, err := conn.(connector.Workers).Worker(t.Context(), b.Hire(ada(nil)))
	require.NoError(t, err)
	require.Equal(t, "101", w.ID)
	require.Equal(t, map[string]any{"first_name": "Ada", "last_name": "Okafor", "department": "Engineering", "title": "Engineer", "location": "Lagos", "country": "NG", "start_date": "2026-12-01",
		"worker_type": "employee", "status": "planned", "employee_number": "0042", "manager_id": "7", "personal_email": "ada@home.example", "time_zone": "Africa/Lagos"}, w.Attributes)
	require.Equal(t, time.Date(2026, 11, 26, 23, 30, 0, 0, time.UTC), w.ChangedAt)
	require.NotEmpty(t, w.Version)
}

// What is not mapped is not asked for.
func TestS94_OnlyMappedFieldsAreRead(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBambooHR(t, newClock().now)
	id := b.Hire(ada(nil))
	conn := open(t, b, map[string]any{"fields": map[string]any{"last_name": "lastName", "shirt": "4340.4"}, "changed_at": ""})
	b.Asked()
	w, err := conn.(connector.Workers).Worker(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"last_name": "Okafor"}, w.Attributes)
	asked := b.Asked()
	require.Len(t, asked, 1)
	q, err := url.ParseQuery(asked[0].Query)
	require.NoError(t, err)
	require.Equal(t, url.Values{"fields": {"4340.4,lastName"}}, q)
}

func TestStates(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBambooHR(t, newClock().now) // 23:30 UTC on 26 November: the 27th in Lagos
	conn := open(t, b, map[string]any{"zones": map[string]any{"Lagos": "Africa/Lagos", "Lima": "America/Lima"}}).(connector.Workers)
	for name, c := range map[string]struct {
		fields map[string]string
		state  any
	}{
		"not begun":           {map[string]string{"hireDate": "2026-11-28"}, "planned"},
		"begun today there":   {map[string]string{"hireDate": "2026-11-27"}, "active"},
		"not begun there":     {map[string]string{"hireDate": "2026-11-27", "location": "Lima"}, "planned"},
		"unknown zone is UTC": {map[string]string{"hireDate": "2026-11-27", "location": "Moon"}, "planned"},
		"no first day":        {map[string]string{"hireDate": "0000-00-00"}, "active"},
		"left":                {map[string]string{"hireDate": "2020-01-01", "status": "Inactive", "terminationDate": "2026-11-01"}, "terminated"},
		"left, no date":       {map[string]string{"hireDate": "2020-01-01", "status": "Inactive"}, "terminated"},
		"left the first day":  {map[string]string{"hireDate": "2026-11-03", "status": "Inactive", "terminationDate": "2026-11-03"}, "terminated"},
		"never came":          {map[string]string{"hireDate": "2026-12-01", "status": "Inactive"}, "rescinded"},
		"ended before":        {map[string]string{"hireDate": "2026-11-03", "status": "Inactive", "terminationDate": "2026-11-02"}, "rescinded"},
	} {
		w, err := conn.Worker(t.Context(), b.Hire(ada(c.fields)))
		require.NoError(t, err, name)
		require.Equal(t, c.state, w.Attributes["status"], name)
	}
}

func TestWorkerRefusals(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBambooHR(t, newClock().now)
	id := b.Hire(ada(nil))
	conn := open(t, b, map[string]any{"timeout": "1s"}).(connector.Workers)
	for _, bad := range []string{"999", "0", "", "abc", "directory", "1/2", "../meta/fields", "١"} {
		_, err := conn.Worker(t.Context(), bad)
		require.True(t, fault.Is(err, fault.NotFound), "%q: %v", bad, err)
	}
	path := "/api/v1/employees/" + id
	silent := make(chan struct{})
	defer close(silent)
	for name, c := range map[string]struct {
		trouble connectortest.Trouble
		kind    fault.Kind
		says    string
		after   time.Duration
	}{
		"401":           {connectortest.Trouble{Status: 401}, fault.Forbidden, "does not accept the credential", 0},
		"403":           {connectortest.Trouble{Status: 403, Header: map[string]string{"X-BambooHR-Error-Message": "No. " + b.Key}}, fault.Invalid, "needs the right", 0},
		"429":           {connectortest.Trouble{Status: 429, Header: map[string]string{"Retry-After": "30"}}, fault.Unavailable, "less often", 30 * time.Second},
		"429 with date": {connectortest.Trouble{Status: 429, Header: map[string]string{"Retry-After": "Thu, 26 Nov 2026 23:31:00 GMT"}}, fault.Unavailable, "less often", time.Minute},
		"503":           {connectortest.Trouble{Status: 503, Header: map[string]string{"Retry-After": "7"}}, fault.Unavailable, "problem of its own", 7 * time.Second},
		"500":           {connectortest.Trouble{Status: 500, Body: "<html>" + b.Key}, fault.Unavailable, "problem of its own", 0},
		"redirect":      {connectortest.Trouble{Status: 302, Header: map[string]string{"Location": "https://elsewhere.example"}}, fault.Invalid, "another address", 0},
		"login page":    {connectortest.Trouble{Status: 200, Body: "<html>Sign in</html>"}, fault.Invalid, "not JSON", 0},
		"other one":     {connectortest.Trouble{Status: 200, Body: `{"id":"7"}`}, fault.Invalid, "another employee", 0},
		"a list":        {connectortest.Trouble{Status: 200, Body: `[]`}, fault.Invalid, "not an employee", 0},
		"long value":    {connectortest.Trouble{Status: 200, Body: `{"id":"` + id + `","lastName":"` + strings.Repeat("x", 3000) + `"}`}, fault.Invalid, "longer than", 0},
		"odd date":      {connectortest.Trouble{Status: 200, Body: `{"id":"` + id + `","hireDate":"01/12/2026"}`}, fault.Invalid, "not a date", 0},
		"broken text":   {connectortest.Trouble{Status: 200, Body: "{\"id\":\"\xff\"}"}, fault.Invalid, "UTF-8", 0},
		"silent":        {connectortest.Trouble{Wait: silent}, fault.Unavailable, "", 0},
	} {
		c.trouble.Path = path
		b.Trouble(c.trouble)
		_, err := conn.Worker(t.Context(), id)
		require.True(t, fault.Is(err, c.kind), "%s: %v", name, err)
		require.Contains(t, fault.Sentence(err), c.says, name)
		require.Equal(t, c.after, fault.RetryAfter(err), name)
		require.NotContains(t, err.Error(), b.Key, name)
	}
	_, err := conn.Worker(t.Context(), id)
	require.NoError(t, err, "it answers again")
}

func TestChanged(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := connectortest.StartBambooHR(t, c.now)
	conn := open(t, b, nil).(connector.Workers)
	none, next, err := conn.Changed(t.Context(), time.Time{}, "")
	require.NoError(t, err)
	require.Empty(t, none)
	require.Empty(t, next)

	var want []string
	for range 60 {
		want = append(want, b.Hire(ada(nil)))
		c.tick(time.Second)
	}
	b.Change(want[3], map[string]string{"jobTitle": "Chief"}) // now the newest
	c.tick(time.Second)
	b.Delete(want[4])
	b.Hide(want[5])
	order := append([]string{}, want[:3]...)
	order = append(order, want[6:]...)
	order = append(order, want[3], want[4])
	walk := func(since time.Time) (out []string, states map[string]any, pages int) {
		states = map[string]any{}
		last := time.Time{}
		for cursor := ""; ; {
			page, next, err := conn.Changed(t.Context(), since, cursor)
			require.NoError(t, err)
			for _, w := range page {
				require.False(t, w.ChangedAt.Before(last), "oldest first")
				last = w.ChangedAt
				out, states[w.ID] = append(out, w.ID), w.Attributes["status"]
			}
			pages++
			if next == "" {
				return out, states, pages
			}
			require.NotEqual(t, cursor, next)
			cursor = next
		}
	}
	b.Asked()
	got, states, pages := walk(time.Time{})
	require.Equal(t, order, got)
	require.Equal(t, "rescinded", states[want[4]], "who was deleted")
	require.Equal(t, 6, pages)
	asks := 0
	for _, a := range b.Asked() {
		if a.Path == "/api/v1/employees/changed" {
			asks++
		}
	}
	require.Equal(t, 1, asks, "one list serves the whole walk")

	since := c.now().Add(-10 * time.Second)
	got, _, _ = walk(since)
	require.Len(t, got, 11, "the ten newest hires and the changed one, with the deleted one")
	_, err = open(t, b, nil).(connector.Workers).Worker(t.Context(), want[4])
	require.True(t, fault.Is(err, fault.NotFound))
}

// A user who may see nobody is told, instead of a sweep that finds nobody.
func TestChangedWithoutAnyRight(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBambooHR(t, newClock().now)
	b.Hide(b.Hire(ada(nil)))
	_, _, err := open(t, b, nil).(connector.Workers).Changed(t.Context(), time.Time{}, "")
	require.ErrorContains(t, err, "needs the right")
}

func TestChangedOddAnswers(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBambooHR(t, newClock().now)
	conn := open(t, b, nil).(connector.Workers)
	for body, says := range map[string]string{
		`{"latest":"x","employees":[]}`:  "",
		`{"latest":"x","employees":[1]}`: "not the map",
		`{"latest":"x"}`:                 "no list of changed",
		`{"employees":{"1":{"id":"1","action":"Updated","lastChanged":"today"}}}`: "without a number or a time",
		`{"employees":{"../x":{"lastChanged":"2026-01-01T00:00:00+0000"}}}`:       "without a number or a time",
	} {
		b.Trouble(connectortest.Trouble{Status: 200, Body: body})
		_, _, err := conn.Changed(t.Context(), time.Time{}, "")
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says)
	}
}

func TestUpdateWorker(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBambooHR(t, newClock().now)
	conn := open(t, b, nil)
	back := conn.(connector.WriteBack)
	id, other := b.Hire(ada(nil)), b.Hire(ada(map[string]string{"workEmail": "taken@acme.example"}))

	require.NoError(t, back.UpdateWorker(t.Context(), id, map[string]any{joiner.WorkEmail: "ada@acme.example", joiner.Phone: "2015550123", joiner.StartDate: "2026-12-08"}))
	require.Equal(t, "ada@acme.example", b.Employee(id)["workEmail"])
	require.Equal(t, "201-555-0123", b.Employee(id)["workPhone"], "BambooHR writes it its own way, which is no failure")
	require.Equal(t, "Engineering", b.Employee(id)["department"], "the rest is as it was")
	require.NoError(t, back.UpdateWorker(t.Context(), id, map[string]any{joiner.WorkEmail: "ada@acme.example"}), "again")
	require.NoError(t, back.UpdateWorker(t.Context(), id, map[string]any{joiner.WorkEmail: nil}), "no value")
	require.Empty(t, b.Employee(id)["workEmail"])
	_, lags := conn.(connector.Lagging)
	require.False(t, lags, "BambooHR shows at once what was written")

	err := back.UpdateWorker(t.Context(), id, map[string]any{joiner.WorkEmail: "taken@acme.example"})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "already in use")
	err = back.UpdateWorker(t.Context(), "999", map[string]any{joiner.WorkEmail: "x@acme.example"})
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	b.Asked()
	err = back.UpdateWorker(t.Context(), other, map[string]any{joiner.WorkEmail: "y@acme.example", "shoe_size": "39"})
	require.ErrorContains(t, err, "shoe_size")
	require.Empty(t, b.Asked(), "nothing is written in part")
}

// What HR wrote since the worker was read is not overwritten.
func TestUpdateWorkerFrom(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBambooHR(t, newClock().now)
	back := open(t, b, nil).(connector.CarefulWriteBack)
	id := b.Hire(ada(map[string]string{"workPhone": "201-555-0123"}))
	set := map[string]any{joiner.WorkEmail: "ada@acme.example", joiner.Phone: "2015550199"}
	require.NoError(t, back.UpdateWorkerFrom(t.Context(), id, set, map[string]any{joiner.WorkEmail: nil, joiner.Phone: "201-555-0123"}))
	b.Change(id, map[string]string{"workEmail": "okafor@acme.example"})
	err := back.UpdateWorkerFrom(t.Context(), id, map[string]any{joiner.WorkEmail: "a.okafor@acme.example"}, map[string]any{joiner.WorkEmail: "ada@acme.example"})
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.Equal(t, "okafor@acme.example", b.Employee(id)["workEmail"])
}

// BambooHR answers 200 whatever it ignores, so what was written is read again.
func TestUpdateWorker_IgnoredFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(b *connectortest.BambooHR)
		fields  map[string]any
		says    string
	}{
		"may not change":   {func(b *connectortest.BambooHR) { b.Permit("workEmail", false) }, nil, "did not take it"},
		"no such field":    {func(*connectortest.BambooHR) {}, map[string]any{"work_email": "werkEmail", "title": "jobTitle"}, "no field of this name"},
		"may not be shown": {func(b *connectortest.BambooHR) { b.Hide("workEmail") }, nil, "does not show it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := connectortest.StartBambooHR(t, newClock().now)
			c.prepare(b)
			change := map[string]any{}
			if c.fields != nil {
				change["fields"] = c.fields
			}
			id := b.Hire(ada(nil))
			err := open(t, b, change).(connector.WriteBack).UpdateWorker(t.Context(), id, map[string]any{joiner.WorkEmail: "ada@acme.example", joiner.Title: "Chief"})
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			require.Contains(t, fault.Sentence(err), c.says)
			require.Len(t, fault.Problems(err), 1)
			require.Equal(t, "work_email", fault.Problems(err)[0].Path)
			require.NotContains(t, err.Error(), "ada@acme.example", "values are nobody's business here")
			require.Equal(t, "Chief", b.Employee(id)["jobTitle"], "what it takes is there")
		})
	}
}

func TestTestConnection(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBambooHR(t, newClock().now)
	all := func(fs []connector.Finding) string {
		text, err := json.Marshal(fs)
		require.NoError(t, err)
		require.NotContains(t, string(text), b.Key)
		return string(text)
	}
	conn := open(t, b, nil)
	fs := conn.Test(t.Context())
	for _, f := range fs {
		require.True(t, f.OK, "%+v", f)
	}
	require.Contains(t, all(fs), "no employee yet")
	id := b.Hire(ada(nil))
	b.Trouble(connectortest.Trouble{Path: "/api/v1/employees/" + id, Status: 200, Body: `{"id":"` + id + `","lastName":"O","hireDate":"2026-12-01","status":"Sabbatical"}`})
	require.Contains(t, all(conn.Test(t.Context())), "Sabbatical")

	b.Hide("lastName")
	require.Contains(t, all(conn.Test(t.Context())), "shows no lastName")
	wrong := open(t, b, map[string]any{"fields": map[string]any{"last_name": "lastName", "badge": "badgeNumber", "shirt": "4340.4"}})
	require.Contains(t, all(wrong.Test(t.Context())), "no field badgeNumber (for badge)")
	require.NotContains(t, all(wrong.Test(t.Context())), "4340.4", "a field known by its number")

	s := b.Settings("hr")
	fs = connectortest.OpenAt(t, bamboohr.Type{}, s, map[string]string{"api_key": "wrong-key-123"}, b.Now).Test(t.Context())
	require.Len(t, fs, 1)
	require.False(t, fs[0].OK)
	require.NotContains(t, all(fs), "wrong-key-123")
	b.Trouble(connectortest.Trouble{Path: "/api/v1/employees/changed", Status: 503})
	require.Contains(t, all(conn.Test(t.Context())), "problem of its own")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	ok := connector.WithDefaults(bamboohr.Type{}.Info().Settings, map[string]any{"company": "acme"})
	require.Empty(t, bamboohr.Type{}.Check(ok))
	for path, bad := range map[string]map[string]any{
		"company":    {"company": "https://acme.bamboohr.com/home"},
		"base_url":   {"base_url": "https://key:x@acme.bamboohr.com"},
		"timeout":    {"timeout": "2m"},
		"changed_at": {"changed_at": "last changed"},
		"fields":     {"fields": map[string]any{"Work Email": "workEmail"}},
		"statuses":   {"statuses": map[string]any{"Active": "here"}},
		"zone":       {"zone": "Berlin"},
		"zones":      {"zones": map[string]any{"Lagos": "Local"}},
		"types":      {"types": map[string]any{"employee.created": "hired"}},
	} {
		in := connector.WithDefaults(bamboohr.Type{}.Info().Settings, bad)
		if in["company"] == nil {
			in["company"] = "acme"
		}
		problems := bamboohr.Type{}.Check(in)
		require.Len(t, problems, 1, path)
		require.Equal(t, path, problems[0].Path)
	}
	require.Empty(t, bamboohr.Type{}.Check(connector.WithDefaults(bamboohr.Type{}.Info().Settings, map[string]any{"company": "Acme.bamboohr.com"})), "the whole name is understood")
}

func TestHRIS(t *testing.T) {
	t.Parallel()
	b := connectortest.StartBambooHR(t, newClock().now)
	connectortest.RunHRIS(t, connectortest.HRIS{
		Open: func(t testing.TB, timeout time.Duration) connector.Conn {
			s := b.Settings("hr")
			s.Settings["timeout"] = timeout.String()
			return connectortest.OpenAt(t, bamboohr.Type{}, s, map[string]string{"api_key": b.Key}, b.Now)
		},
		Trouble: b.Trouble, Hire: func() string { return b.Hire(ada(nil)) }, Path: func(id string) string { return "/api/v1/employees/" + id },
		Update: map[string]any{joiner.Title: "Chief"}, Stored: func(id, _ string) any { return b.Employee(id)["jobTitle"] },
		Secrets: []string{b.Key, base64.StdEncoding.EncodeToString([]byte(b.Key + ":x"))},
	})
}
