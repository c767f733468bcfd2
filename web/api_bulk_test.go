package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

func (a *api) bulk(media, body string, want int) obj {
	a.t.Helper()
	req := httptest.NewRequest("POST", "/api/v1/flows/join/bulk", strings.NewReader(body))
	req.Header.Set("Content-Type", media)
	req.Header.Set("Authorization", "Bearer "+a.tokens[auth.Operator])
	return a.send(req, want)
}

func (a *api) runs() int {
	a.t.Helper()
	var n int
	require.NoError(a.t, a.db.RawScan(a.t.Context(), &n, `SELECT count(*) FROM runs`))
	return n
}

func TestAPI_Bulk(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("join", "hr", nil)
	const csv, lines = "text/csv", "application/jsonl"
	for name, c := range map[string]struct {
		media, body string
		want        []string
	}{
		"csv":                       {csv, "worker\na1\na2\n", []string{"a1", "a2"}},
		"csv of a spreadsheet":      {csv, "\ufeffworker\r\nb1\r\n\"b,2\"\r\n", []string{"b1", "b,2"}},
		"json lines":                {lines, "{\"worker\":\"c1\"}\n\n{\"worker\": \" c2 \"}", []string{"c1", "c2"}},
		"json lines with a mark":    {lines, "\ufeff{\"worker\":\"d1\"}\r\n", []string{"d1"}},
		"a line longer than 64 KiB": {"application/x-ndjson", "{\"worker\":\"e1\"}\n{\"worker\":\"e2\"" + strings.Repeat(" ", 70<<10) + "}\n{\"worker\":\"e3\"}", []string{"e1", "e2", "e3"}},
	} {
		out := a.bulk(c.media, c.body, 202)
		require.Len(t, out["ids"], len(c.want), name)
		require.Equal(t, json.Number(fmt.Sprint(len(c.want))), out["runs"], name)
		require.Empty(t, out["repeated"], name)
		for i, id := range out["ids"].([]any) {
			r := a.call(auth.Viewer, "GET", "/runs/"+id.(string), nil, 200)
			require.Equal(t, c.want[i], r["joiner"].(obj)["worker"], "%s: ids come in the order of the lines", name)
			require.Equal(t, "live", r["mode"], name)
		}
	}
	out := a.bulk(lines, "{\"worker\":\"f1\"}\n{\"worker\":\"f2\"}\n{\"worker\":\"f1\"}\n", 202)
	require.Len(t, out["ids"], 2)
	require.Contains(t, fmt.Sprint(out["repeated"]), "The worker f1 is in line 1 already")
	require.Contains(t, fmt.Sprint(out["repeated"]), "line 3")
	var turned int
	require.NoError(t, a.db.RawScan(t.Context(), &turned, `SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY id) AS i, row_number() OVER (ORDER BY seq) AS s FROM runs) x WHERE i <> s`))
	require.Zero(t, turned, "runs are carried in the order of the lines")
	var started int
	require.NoError(t, a.db.RawScan(t.Context(), &started, `SELECT count(*) FROM audit_events WHERE action = 'run.start' AND object_id IN (SELECT id FROM runs)`))
	require.Equal(t, a.runs(), started, "each run has the record of who started it")
}

// One line that is not right keeps all from starting, and each is named.
func TestAPI_BulkIsAllOrNothing(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("join", "hr", nil)
	const csv, lines = "text/csv", "application/jsonl"
	for name, c := range map[string]struct {
		media, body string
		status      int
		says        []string
	}{
		"null in an id":         {lines, "{\"worker\":\"a\"}\n{\"worker\":\"b\\u0000\"}\n", 422, []string{"line 2: ", "cannot be stored"}},
		"half a character":      {lines, "{\"worker\":\"a\"}\n{\"worker\":\"b\\ud800\"}\n", 422, []string{"line 2: ", "cannot be stored"}},
		"broken UTF-8":          {csv, "worker\na\nb\xff\n", 422, []string{"line 3: ", "cannot be stored"}},
		"broken UTF-8 in JSON":  {lines, "{\"worker\":\"a\"}\n{\"worker\":\"b\xff\"}", 422, []string{"line 2: ", "UTF-8"}},
		"a field more":          {lines, "{\"worker\":\"f1\",\"mode\":\"simulate\"}", 422, []string{"line 1: ", `"mode"`}},
		"another case":          {lines, "{\"WORKER\":\"f1\"}", 422, []string{"line 1: ", `"WORKER"`}},
		"twice in a line":       {lines, "{\"worker\":\"f1\",\"worker\":\"f2\"}", 422, []string{"line 1: ", "twice"}},
		"null":                  {lines, "{\"worker\":\"a\"}\nnull\n", 422, []string{"line 2: "}},
		"no worker":             {lines, "{}\n{\"worker\":null}\n{\"worker\":7}\n{\"worker\":\"\"}\nnope", 422, []string{"line 1: ", "line 2: ", "line 3: ", "line 4: ", "line 5: "}},
		"two objects in a line": {lines, "{\"worker\":\"a\"} {\"worker\":\"b\"}", 422, []string{"line 1: "}},
		"two fields in a row":   {csv, "worker\na\nb,c\nd\n", 422, []string{"line 3: This line has 2 fields"}},
		"two columns":           {csv, "worker,mode\na,simulate\n", 400, []string{"2 columns"}},
		"an open quote":         {csv, "worker\na\n\"b\nc\n", 422, []string{"line 3: ", "quotes"}},
		"a long id":             {csv, "worker\n" + strings.Repeat("x", 201), 422, []string{"line 2: ", "longer than 200"}},
		"another heading":       {csv, "name\n11\n", 400, []string{"heading worker"}},
		"nothing":               {csv, "worker\n", 400, []string{"empty"}},
		"no lines":              {lines, "\n\n", 400, []string{"empty"}},
		"another type":          {"text/plain", "11", 415, []string{"text/csv"}},
		"too many":              {csv, "worker\n" + strings.Repeat("x\n", 100_001), 413, []string{"100,000"}},
		"many wrong":            {csv, "worker\n" + strings.Repeat("x,y\n", 300), 422, []string{"300 lines", "line 101: "}},
	} {
		got := sayings(a.bulk(c.media, c.body, c.status))
		for _, s := range c.says {
			require.Contains(t, got, s, name)
		}
		require.Less(t, len(got), 20_000, name)
	}
	require.Zero(t, a.runs(), "nothing has started")

	// A flow that is not live starts none of them either.
	a.call(auth.Builder, "PUT", "/flows/draft", obj{"content": obj{"key": "draft", "name": "Draft", "trigger": "x", "nodes": []any{}}}, 201)
	_, err := a.db.StartRuns(t.Context(), auth.Engine(), postgres.Start{Flow: "draft", Mode: run.Live, Workers: []string{"a"}})
	require.ErrorContains(t, err, "not live")
}

// What is past the limit of runs within an hour parks, in one list too.
func TestAPI_BulkKeepsTheLimit(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("join", "hr", obj{"limits": obj{"runs_per_hour": 3}})
	a.call(auth.Operator, "POST", "/flows/join/runs", obj{"worker": "first"}, 202)
	a.bulk("text/csv", "worker\n1\n2\n3\n4\n", 202)
	require.Len(t, a.call(auth.Viewer, "GET", "/runs?state=queued", nil, 200)["items"], 3)
	parked := a.call(auth.Viewer, "GET", "/runs?state=parked", nil, 200)["items"].([]any)
	require.Len(t, parked, 2)
	require.Contains(t, parked[0].(obj)["reason"], "its limit is 3")
	require.Equal(t, "4", parked[0].(obj)["joiner"].(obj)["worker"])

	// A person lets one of them go on.
	id := parked[0].(obj)["id"].(string)
	require.Contains(t, sayings(a.call(auth.Operator, "POST", "/runs/"+id+"/resume", nil, 422)), "Say why")
	require.Equal(t, "queued", a.call(auth.Operator, "POST", "/runs/"+id+"/resume", obj{"reason": "a large intake"}, 202)["state"])
	a.call(auth.Operator, "POST", "/runs/"+id+"/resume", obj{"reason": "again"}, 409)
}

// a list that a program sends needs a second person where one in the browser
// does: the twenty-sixth within a day waits, whole lists too, until somebody agrees.
func TestAPI_R22_BulkNeedsASecondPerson(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("join", "hr", nil)
	workers := func(from, to int) string {
		var b strings.Builder
		b.WriteString("worker\n")
		for i := from; i <= to; i++ {
			fmt.Fprintf(&b, "w%d\n", i)
		}
		return b.String()
	}
	states := func(state string) int {
		return len(a.call(auth.Viewer, "GET", "/runs?limit=100&state="+state, nil, 200)["items"].([]any))
	}
	require.NotContains(t, a.bulk("text/csv", workers(1, 25), 202), "second_person")
	require.Equal(t, 25, states("queued"))
	out := a.bulk("text/csv", workers(26, 27), 202)
	require.Len(t, out["ids"], 2)
	require.Contains(t, out["second_person"].(obj)["why"], "27 people within a day, and one person may bring in 25")
	require.Equal(t, 2, states("parked"), "the whole list waits")
	require.Equal(t, 25, states("queued"))
	require.Contains(t, sayings(a.bulk("text/csv", workers(28, 60), 409)), "A second person is asked")
	require.Equal(t, 27, a.runs())

	id := out["second_person"].(obj)["request"].(string)
	hash := a.call(auth.Viewer, "GET", "/limits/"+id, nil, 200)["hash"]
	require.Contains(t, sayings(a.call(auth.Operator, "POST", "/limits/"+id+"/approve", obj{"hash": hash}, 403)), "somebody else has to decide")
	require.Equal(t, 2, states("parked"))
	a.call(auth.Reviewer, "POST", "/limits/"+id+"/approve", obj{"hash": hash}, 200)
	require.Equal(t, 27, states("queued"))

	// Lists in the browser count what programs sent.
	sheet, err := bulk.Read(bulk.CSV, []byte(workers(70, 70)))
	require.NoError(t, err)
	olga := auth.Actor{ID: "u_olga", UserID: "u_olga", Name: "Olga", Roles: []auth.Role{auth.Operator}}
	list, err := a.db.CreateList(t.Context(), olga, "join", "one.csv", bulk.CSV, sheet)
	require.NoError(t, err)
	require.NoError(t, a.db.MapList(t.Context(), olga, list, bulk.Guess(sheet.Columns)))
	second, err := a.db.Second(t.Context(), list, "")
	require.NoError(t, err)
	require.Equal(t, []string{"With it, lists of this flow bring in 26 people within a day, and one person may bring in 25."}, second.Why)
	require.Contains(t, sayings(a.bulk("text/csv", workers(100, 100+5000), 409)), "/flows/join/lists")
}

func TestAPI_BulkOfHundredThousand(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("join", "hr", nil)
	ada, eve := auth.Actor{ID: "u_ada", UserID: "u_ada", Roles: []auth.Role{auth.Admin}}, auth.Actor{ID: "u_eve", UserID: "u_eve", Roles: []auth.Role{auth.Admin}}
	most := bulk.Alone{People: 100_000}
	_, err := a.db.SetAlone(t.Context(), ada, most)
	require.NoError(t, err)
	require.NoError(t, a.db.AgreeAlone(t.Context(), eve, most))
	const n = 100_000
	var body bytes.Buffer
	for i := range n {
		fmt.Fprintf(&body, "{\"worker\":\"employee-%06d\"}\n", i)
	}
	require.Greater(t, body.Len(), bodyLimit, "more than other requests may send")
	start := time.Now()
	out := a.bulk("application/jsonl", body.String(), 202)
	t.Logf("%d runs started in %s", n, time.Since(start).Round(time.Millisecond))
	require.Len(t, out["ids"], n)
	require.Equal(t, n, a.runs())
}
