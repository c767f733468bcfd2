package web

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
)

// keyed sends a request with an idempotency key and gives the answer and whether it
// was said to be one of before.
func (a *api) keyed(role auth.Role, path, media, body, key string, want ...int) (string, bool) {
	a.t.Helper()
	req := httptest.NewRequest("POST", "/api/v1"+path, strings.NewReader(body))
	req.Header.Set("Content-Type", media)
	req.Header.Set("Authorization", "Bearer "+a.tokens[role])
	req.Header.Set(repeatHeader, key)
	resp, err := a.app.Test(req, 60000)
	if !assert.NoError(a.t, err) {
		return "", false
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	assert.NoError(a.t, err)
	assert.Contains(a.t, want, resp.StatusCode, "%s", raw)
	return string(raw), resp.Header.Get(repeatedHeader) == "true"
}

// A request whose answer got lost is sent again with the same key: it is answered as
// the first time and does nothing, however many are sent at once.
func TestAPI_SentAgain(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("join", "hr", nil)
	const js, csv = "application/json", "text/csv"
	for name, c := range map[string]struct {
		path, media, body, other string
		runs                     int
	}{
		"a run":          {"/flows/join/runs", js, `{"worker":"1"}`, `{"worker":"2"}`, 1},
		"a simulation":   {"/flows/join/runs", js, `{"worker":"1","mode":"simulate"}`, `{"worker":"1","mode":"live"}`, 1},
		"many":           {"/flows/join/bulk", csv, "worker\n3\n4\n4\n", "worker\n3\n", 2},
		"too many alone": {"/flows/join/bulk", csv, "worker\n" + numbered("many", 26), "worker\n" + numbered("many", 27), 26},
	} {
		before := a.runs()
		first, again := a.keyed(auth.Operator, c.path, c.media, c.body, name[:1]+"-"+fmt.Sprint(len(name)), 202)
		require.False(t, again, name)
		require.Equal(t, before+c.runs, a.runs(), name)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if second, again := a.keyed(auth.Operator, c.path, c.media, c.body, name[:1]+"-"+fmt.Sprint(len(name)), 202, 409); again {
					assert.JSONEq(t, first, second, name)
				} else {
					assert.Contains(t, second, "at this moment", name)
				}
			})
		}
		all.Wait()
		require.Equal(t, before+c.runs, a.runs(), name)
		said, _ := a.keyed(auth.Operator, c.path, c.media, c.other, name[:1]+"-"+fmt.Sprint(len(name)), 422)
		require.Contains(t, said, "with another request before", name)
		require.Equal(t, before+c.runs, a.runs(), name)
	}
	// The very first ones may come at once, too.
	before, ids := a.runs(), sync.Map{}
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if out, _ := a.keyed(auth.Operator, "/flows/join/runs", js, `{"worker":"9"}`, "at-once", 202, 409); !strings.Contains(out, "at this moment") {
				ids.Store(out, true)
			}
		})
	}
	all.Wait()
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	require.Equal(t, 1, n, "one id for all that got an answer")
	require.Equal(t, before+1, a.runs())

	// Another token's key is another key; what was refused did nothing, so its key is free.
	a.keyed(auth.Admin, "/flows/join/runs", js, `{"worker":"9"}`, "at-once", 202)
	require.Equal(t, before+2, a.runs())
	a.keyed(auth.Operator, "/flows/none/runs", js, `{"worker":"9"}`, "refused", 404)
	a.keyed(auth.Operator, "/flows/join/runs", js, `{"worker":"10"}`, "refused", 202)
	for _, bad := range []string{strings.Repeat("k", 201), "two words", "ä"} {
		said, _ := a.keyed(auth.Operator, "/flows/join/runs", js, `{"worker":"9"}`, bad, 400)
		require.Contains(t, said, "Idempotency-Key is up to 200")
	}
	require.NoError(t, a.db.RawExec(t.Context(), `UPDATE api_repeats SET at = at - interval '25 hours'`))
	_, again := a.keyed(auth.Operator, "/flows/join/runs", js, `{"worker":"11"}`, "at-once", 202)
	require.False(t, again, "a day later it is forgotten")
	var kept int
	require.NoError(t, a.db.RawScan(t.Context(), &kept, `SELECT count(*) FROM api_repeats`))
	require.Equal(t, 1, kept, "and so are the others")
}

// A list is kept once, and its columns stay as they were set; an event is replayed once.
func TestAPI_SentAgainListsAndReplays(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("join", "hr", nil)
	const body = "id,given,family\n1,Ada,L\n"
	first, _ := a.keyed(auth.Operator, "/flows/join/lists", "text/csv", body, "l", 201)
	second, again := a.keyed(auth.Operator, "/flows/join/lists", "text/csv", body, "l", 201)
	require.True(t, again)
	require.JSONEq(t, first, second)
	require.Len(t, a.call(auth.Viewer, "GET", "/lists", nil, 200)["items"], 1)

	got, err := a.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: "e", Type: "worker.hired", Worker: "1", At: time.Now()}})
	require.NoError(t, err)
	one, _ := a.keyed(auth.Operator, "/events/"+got.Event+"/replay", "", "", "r", 202)
	two, again := a.keyed(auth.Operator, "/events/"+got.Event+"/replay", "", "", "r", 202)
	require.True(t, again)
	require.JSONEq(t, strings.Replace(one, `"duplicate":false`, `"duplicate":true`, 1), two)
	require.Len(t, a.call(auth.Viewer, "GET", "/events", nil, 200)["items"], 2, "the event and one replay")
}

func numbered(of string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d\n", of, i)
	}
	return b.String()
}
