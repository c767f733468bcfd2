package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
)

// Bad input gets a problem document with a sentence, never a 500.
func TestAPI_BadInput(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for name, c := range map[string]struct {
		method, path string
		body         string
		media        string
		want         int
	}{
		"malformed":          {"PUT", "/policies/names", `{"content":`, "", 400},
		"two documents":      {"PUT", "/policies/names", `{} {}`, "", 400},
		"unknown field":      {"PUT", "/policies/names", `{"contents":{}}`, "", 400},
		"wrong type":         {"PUT", "/policies/names", `{"base_revision":"x"}`, "", 400},
		"empty":              {"PUT", "/policies/names", ` `, "", 400},
		"no content":         {"PUT", "/policies/names", `{"message":"x"}`, "", 422},
		"null content":       {"PUT", "/policies/names", `{"content":null}`, "", 422},
		"list as content":    {"PUT", "/policies/names", `{"content":[]}`, "", 422},
		"field of no policy": {"PUT", "/policies/names", `{"content":{"key":"names","name":"x","type":"groups","color":"red"}}`, "", 422},
		"null character":     {"PUT", "/policies/names", `{"content":{"key":"names","name":"a\u0000b","type":"groups"}}`, "", 422},
		"not UTF-8":          {"PUT", "/policies/names", "{\"message\":\"\xff\"}", "", 400},
		"odd key":            {"PUT", "/policies/Names!", `{"content":{"key":"Names!","name":"x","type":"groups"}}`, "", 422},
		"form":               {"PUT", "/policies/names", `a=b`, "application/x-www-form-urlencoded", 415},
		"null":               {"PUT", "/policies/names", `null`, "", 400},
		"a list":             {"PUT", "/policies/names", `[]`, "", 400},
		"a field's case":     {"PUT", "/policies/names", `{"CONTENT":{"key":"names","name":"x","type":"groups"}}`, "", 400},
		"a worker's case":    {"POST", "/flows/x/runs", `{"WORKER":"1"}`, "", 400},
		"twice":              {"PUT", "/policies/names", `{"message":"x","message":"y"}`, "", 400},
		"no end":             {"PUT", "/policies/names", `{"message":"x"`, "", 400},
		"null for no reason": {"POST", "/runs/x/cancel", `null`, "", 400},
		"large content":      {"PUT", "/policies/names", `{"content":{"key":"names","name":"x","type":"groups","description":"` + strings.Repeat("x", 1200<<10) + `"}}`, "", 413},
		"bad cursor":         {"GET", "/runs?cursor=%25", "", "", 400},
		"cursor of nothing":  {"GET", "/policies?cursor=AA", "", "", 400},
		"bad limit":          {"GET", "/runs?limit=1000", "", "", 400},
		"bad time":           {"GET", "/runs?since=soon", "", "", 400},
		"unknown run":        {"GET", "/runs/nope", "", "", 404},
		"null in an id":      {"GET", "/runs/a%00b", "", "", 422},
		"broken id":          {"GET", "/joiners/%ff", "", "", 422},
		"unknown path":       {"GET", "/nothing", "", "", 404},
		"unknown method":     {"DELETE", "/runs/x", "", "", 405},
		"bad revision":       {"GET", "/policies/names/revisions/x", "", "", 404},
		"huge revision":      {"GET", "/policies/names/revisions/99999999999999999999", "", "", 404},
		"bad diff":           {"GET", "/policies/names/diff", "", "", 400},
		"huge diff":          {"GET", "/policies/names/diff?from=1&to=9999999999", "", "", 400},
		"huge base":          {"PUT", "/policies/names", `{"content":{"key":"names","name":"x","type":"groups"},"base_revision":99999999999999999999}`, "", 400},
		"nothing to review":  {"POST", "/policies/names/reviews", `{"revision":1}`, "", 404},
		"bad decision":       {"POST", "/signoffs/x", `{"decision":"perhaps"}`, "", 422},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest(c.method, "/api/v1"+c.path, strings.NewReader(c.body))
			req.Header.Set("Content-Type", "application/json")
			if c.media != "" {
				req.Header.Set("Content-Type", c.media)
			}
			req.Header.Set("Authorization", "Bearer "+a.tokens[auth.Admin])
			resp, err := a.app.Test(req, 30000)
			require.NoError(t, err)
			defer resp.Body.Close()
			raw, _ := io.ReadAll(resp.Body)
			require.Equal(t, c.want, resp.StatusCode, string(raw))
			require.Contains(t, resp.Header.Get("Content-Type"), "application/problem+json")
			var p obj
			require.NoError(t, json.Unmarshal(raw, &p))
			require.NotEmpty(t, p["detail"])
		})
	}
	a.call("", "GET", "/runs", nil, 401)
}

// What is too large is refused at its header, so the test speaks to a listener.
func TestAPI_TooLarge(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- a.app.Listener(ln) }()
	t.Cleanup(func() { require.NoError(t, a.app.Shutdown()); require.NoError(t, <-ended) })
	for name, c := range map[string]struct {
		path, token string
		size        int
		says        string
	}{
		"a policy":               {"/policies/names", a.tokens[auth.Admin], bodyLimit + 1, "2 MiB"},
		"a list":                 {"/flows/join/bulk", a.tokens[auth.Operator], bulkBodyLimit + 1, "16 MiB"},
		"a list without a token": {"/flows/join/bulk", "", bodyLimit + 1, "2 MiB"},
		"what looks like a list": {"/flows/join/bulk/more", a.tokens[auth.Operator], bodyLimit + 1, "2 MiB"},
	} {
		conn, err := net.Dial("tcp", ln.Addr().String())
		require.NoError(t, err)
		authorization := ""
		if c.token != "" {
			authorization = "Authorization: Bearer " + c.token + "\r\n"
		}
		_, err = fmt.Fprintf(conn, "POST /api/v1%s HTTP/1.1\r\nHost: localhost:8080\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n", c.path, authorization, c.size)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
		raw, err := io.ReadAll(conn)
		require.NoError(t, err, name)
		require.Contains(t, string(raw), "413 Request Entity Too Large", name)
		require.Contains(t, string(raw), "application/problem+json", name)
		require.Contains(t, string(raw), c.says, name)
		require.NoError(t, conn.Close())
	}
}

// pages reads a list one by one and finds all of it, each once.
func (a *api) pages(path string, want int) {
	a.t.Helper()
	seen := map[any]bool{}
	for at := path + "?limit=1"; at != ""; {
		p := a.call(auth.Admin, "GET", at, nil, 200)
		require.Len(a.t, p["items"], 1, path)
		for _, i := range p["items"].([]any) {
			id := i.(obj)["id"]
			if id == nil {
				id = i.(obj)["key"]
			}
			require.False(a.t, seen[id], "%s: %v came twice", path, id)
			seen[id] = true
		}
		at = ""
		if next, ok := p["next"].(string); ok {
			at = path + "?limit=1&cursor=" + next
		}
	}
	require.Len(a.t, seen, want, path)
}

// A cursor is good for the list that gave it, and for no other.
func TestAPI_Cursors(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.hris("hr2")
	a.manual("join", "hr", nil)
	a.manual("join2", "hr", nil)
	a.bulk("text/csv", "worker\n1\n2\n3\n", 202)
	for _, w := range []string{"1", "2"} {
		_, err := a.db.AcceptEvent(t.Context(), postgres.Incoming{Connection: "hr", Event: joiner.Event{Key: w, Type: "worker.hired", Worker: w}})
		require.NoError(t, err)
	}
	_, err := a.db.SealAudit(t.Context())
	require.NoError(t, err)
	lists := map[string]int{"/runs": 3, "/events": 2, "/joiners": 3, "/reviews": 4, "/flows": 2, "/connections": 2}
	cursors := map[string]string{}
	for path, n := range lists {
		a.pages(path, n)
		cursors[path] = a.call(auth.Admin, "GET", path+"?limit=1", nil, 200)["next"].(string)
	}
	cursors["/audit"] = a.call(auth.Auditor, "GET", "/audit?limit=1", nil, 200)["next"].(string)
	a.call(auth.Auditor, "GET", "/audit?limit=1&cursor="+cursors["/audit"], nil, 200)
	paths := []string{"/runs", "/events", "/joiners", "/reviews", "/flows", "/connections", "/functions", "/policies", "/audit", "/credentials", "/signoffs", "/flows/join/revisions"}
	for _, path := range paths {
		bad := []string{"xxx", "eHh4", "cnVuOg", "cnVuOnJuXw==", runCursor.write("rn_\x00"), runCursor.write("' OR 1=1"), revisionCursor.write("0"), revisionCursor.write("-1"), auditCursor.write("99999999999999999999"), strings.Repeat("A", 3000)}
		for of, cursor := range cursors {
			if of != path {
				bad = append(bad, cursor)
			}
		}
		for _, cursor := range bad {
			p := a.call(auth.Admin, "GET", path+"?cursor="+url.QueryEscape(cursor), nil, 400)
			require.Contains(t, p["detail"], "This cursor is not one that this list gave", path)
		}
	}
}

// A word that a filter does not know is refused with those that it knows; pages
// show the list and say so.
func TestAPI_FilterWords(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for path, says := range map[string]string{
		"/runs?state=asleep": "queued, running, waiting, parked, succeeded, failed, canceled or compensated", "/runs?state=queued,asleep": "queued, running", "/runs?mode=dry": "live or simulate",
		"/events?state=lost": "accepted, dead or replayed", "/reviews?state=shut": "open, changes_requested, approved or closed", "/signoffs?limit=0": "1 to 200", "/signoffs?limit=201": "1 to 200", "/credentials?limit=x": "1 to 200",
	} {
		require.Contains(t, a.call(auth.Admin, "GET", path, nil, 400)["detail"], says, path)
	}
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "vic@example.com", auth.Viewer)
	for path, says := range map[string]string{"/runs?state=asleep": "queued, running", "/runs?mode=dry": "live or simulate", "/events?state=lost": "accepted, dead or replayed", "/reviews?state=shut": "open, changes_requested"} {
		page := b.get(t, path)
		require.Equal(t, http.StatusOK, page.status, path)
		require.Contains(t, page.body, "so all are shown:", path)
		require.Contains(t, page.body, says, path)
	}
	require.NotContains(t, b.get(t, "/runs?state=failed&mode=live&since=2026-12-01").body, "are shown")
	require.Contains(t, b.get(t, "/runs?since=2026-99-99").body, "Since is no date, so all days are shown")
	require.Contains(t, b.get(t, "/runs").body, "No runs yet")
	require.Contains(t, b.get(t, "/runs?state=failed").body, "No run matches these filters.")
	ann := k.person(t, "ann@example.com", auth.Admin)
	for path, says := range map[string]string{"/audit?since=nonsense": "From is no date", "/audit?until=2026-2-30": "To is no date"} {
		require.Contains(t, ann.get(t, path).body, says, path)
	}
	require.NotContains(t, ann.get(t, "/audit?since=2026-11-01&until=2026-12-01").body, "is no date")
	require.Equal(t, http.StatusNotFound, b.get(t, "/policies/names/revisions?before=999999999999").status)
}
