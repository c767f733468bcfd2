package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// resident is how much memory the process holds, in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("needs /proc")
	}
	var size, pages int64
	_, err = fmt.Sscan(string(raw), &size, &pages)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}

// Not parallel: it measures the process.
func TestS17_OddForms(t *testing.T) {
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "ada@example.com", auth.Admin)
	token := b.token(t)
	many := strings.Builder{}
	for i := range 100_000 {
		fmt.Fprintf(&many, "f%d=x&", i)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // growth, not the collector's slack
	debug.FreeOSMemory()
	before, most := resident(t), int64(0)
	for name, body := range map[string]string{
		"a huge index": "a[999999999]=x", "a negative index": "a[-1]=x", "deep names": "a" + strings.Repeat("[b]", 10_000) + "=x", "100,000 fields": many.String(), "no names": strings.Repeat("&=", 100_000),
		"one name often": strings.Repeat("name=x&", 100_000), "broken escapes": "name=%zz%&email=%", "no UTF-8": "name=\xff\xfe&email=%ff", "a null": "name=a%00b&email=a%00@x.example",
	} {
		a := b.ask(t, post, "/users", "application/x-www-form-urlencoded", body, map[string]string{"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": token})
		require.Equal(t, 4, a.status/100, "%s: %d", name, a.status)
		most = max(most, resident(t)-before)
	}
	for name, body := range map[string]string{
		"deep lists": strings.Repeat("[", 500_000), "deep objects": strings.Repeat(`{"content":`, 100_000), "deep content": `{"content":` + strings.Repeat(`{"a":`, 20_000) + `1` + strings.Repeat("}", 20_000) + `}`, "a huge number": `{"base_revision":1e999}`,
		"twice": `{"content":{}}{"content":{}}`, "many keys": `{"content":{` + strings.Repeat(`"a":1,`, 100_000) + `"b":1}}`,
	} {
		a := b.ask(t, put, "/api/v1/policies/odd", "application/json", body, map[string]string{"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": token})
		require.Equal(t, 4, a.status/100, "%s: %d %.200s", name, a.status, a.body)
		most = max(most, resident(t)-before)
	}
	t.Logf("forms and documents: %d MB", most>>20)
	require.Less(t, most, int64(50<<20))
	for name, body := range map[string]string{"laughs": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
		"deep yaml": strings.Repeat("[", 300_000), "deep braces": strings.Repeat("{a: ", 100_000), "deep lines": strings.Repeat("- ", 100_000) + "x"} {
		begin := time.Now()
		a := b.ask(t, post, "/policies", "application/x-www-form-urlencoded", url.Values{"text": {body}, "_csrf": {token}}.Encode(), here)
		require.Equal(t, 4, a.status/100, "%s: %d", name, a.status)
		require.Less(t, time.Since(begin), pgtest.Hang, name)
		most = max(most, resident(t)-before)
	}
	t.Logf("texts: %d MB", most>>20)
	require.Less(t, most, int64(128<<20), "a megabyte of text in its tokens")
}

// A field of the form counts, its first value, and never one of the address.
func TestS20_FieldsAreReadAlike(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "ada@example.com", auth.Admin)
	body := fields("name", "First", "name", "Second", "email", "first@example.com", "email", "second@example.com", "password", goodPassword, "roles", "viewer", "_csrf", b.token(t)).Encode()
	a := b.ask(t, post, "/users?name=Third&email=third@example.com&roles=admin", "application/x-www-form-urlencoded", body, here)
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	u, err := k.server.DB.FindUserByEmail(t.Context(), "first@example.com")
	require.NoError(t, err)
	require.Equal(t, "First", u.Name)
	require.Equal(t, []auth.Role{auth.Viewer}, u.Roles)
	a = b.ask(t, post, "/users?_csrf="+b.token(t), "application/x-www-form-urlencoded", fields("name", "x").Encode(), here)
	require.Equal(t, http.StatusForbidden, a.status, "a token in an address is none: addresses are kept in logs")
}

// injections are what would change a query that is put together from text.
var injections = []string{`'`, `\`, `' OR '1'='1`, `'; DROP TABLE users; --`, `1) OR (1=1`, `' UNION SELECT password_hash FROM users --`, `'||(SELECT pg_sleep(5))||'`, `%' OR '%'='`, "a\x00b", `99999999999999999999`}

// Every parameter of every list and every id is a value and never SQL.
func TestS97_SQLInjection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	var log lockedBuffer
	w.server.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pages := w.pages()
	params := strings.Fields("q state before after cursor limit since until actor action kind id flow joiner connection type mode role from to next token n")
	before, begin, asked := w.digest(), time.Now(), 0
	try := func(at string) string {
		asked++
		a := w.ada.send(t, get, at, nil, nil)
		require.Less(t, a.status, 500, "%s: %.300s", at, a.body)
		require.NotContains(t, a.body, "$argon2id$", at)
		return a.body
	}
	for n, bad := range injections {
		value := url.QueryEscape(bad)
		for route, at := range pages {
			if strings.HasPrefix(route, "/static/") || strings.HasSuffix(route, "z") {
				continue
			}
			path, _, _ := strings.Cut(at, "?")
			all := "?"
			for i, p := range params {
				all += p + "=" + value + "&"
				if i%len(injections) == n { // each parameter once alone, too
					try(path + "?" + p + "=" + value)
				}
			}
			try(path + all)
			if strings.Contains(route, ":") {
				try(strings.NewReplacer(":id", url.PathEscape(bad), ":key", url.PathEscape(bad), ":node", url.PathEscape(bad), ":name", url.PathEscape(bad), ":invariant", url.PathEscape(bad), ":template", url.PathEscape(bad), ":n", "1").Replace(route))
			}
		}
		try("/api/v1/runs?cursor=" + b64(bad))
		try("/api/v1/joiners?q=" + value + "&cursor=" + b64(bad))
	}
	require.Equal(t, before, w.digest())
	require.Less(t, time.Since(begin)/time.Duration(asked), time.Second, "nothing slept")
	require.NotContains(t, log.String(), "SQLSTATE")
	require.NotContains(t, log.String(), "pg_sleep")
	// A condition that is always true finds nothing more than it should.
	require.NotContains(t, try("/api/v1/joiners?q="+url.QueryEscape(`zzz' OR '1'='1`)), `"worker"`)
	require.Contains(t, try("/api/v1/joiners?q=w-"), `"worker"`)
	require.NotContains(t, try("/api/v1/joiners?q="+url.QueryEscape(`zzz%`)), `"worker"`)
}

// A list to be imported is judged by what it holds, and bounded; only flows are offered
// as files, named by their key, so there are no cells for a spreadsheet to run.
func TestS22_ImportsAndExports(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "=1+1")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("worker\n1\n"))
	_ = z.Close()
	header := map[string]string{"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": w.bo.token(t)}
	before := w.digest()
	for name, c := range map[string]struct{ media, body string }{
		"gzip": {"text/csv", packed.String()}, "zip": {"text/csv", "PK\x03\x04worker\n1\n"}, "a picture": {"text/csv", "\x89PNG\r\n\x1a\nworker\n1"}, "another type": {"application/zip", "worker\n1\n"}, "no heading": {"text/csv", "1\n2\n"},
		"too many": {"text/csv", "worker\n" + strings.Repeat("1\n", maxBulk+1)}, "a field of 300": {"text/csv", "worker\n" + strings.Repeat("x", 300) + "\n"}, "quotes left open": {"text/csv", "worker\n\"1\n"}, "html": {"text/html", "<b>worker</b>"},
	} {
		a := w.bo.ask(t, post, "/api/v1/flows/a-flow/bulk", c.media, c.body, header)
		require.Equal(t, 4, a.status/100, "%s: %d %s", name, a.status, a.body)
	}
	require.Equal(t, before, w.digest(), "all or nothing")
	for route, at := range w.pages() {
		a := w.ada.get(t, at)
		require.Regexp(t, `^$|^attachment; filename="c-flow\.(zip|yaml)"$`, a.header.Get("Content-Disposition"), route)
		require.NotContains(t, a.header.Get("Content-Type"), "csv", route)
	}
}

// What people and systems write stays one record: in the log and in the audit log.
func TestS90_LogInjection(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	var log lockedBuffer
	k.server.Log = slog.New(slog.NewJSONHandler(&log, nil))
	b := k.person(t, "ada@example.com", auth.Admin)
	evil := "x\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\r\n\x1b[31mred CEF:0|a|b=c|\\ \u2028 \u202e"
	who := k.value(t, `SELECT id FROM users`)
	_, err := k.server.DB.ChangeUser(t.Context(), auth.Actor{Kind: auth.User, ID: who, UserID: who, Name: evil, Address: "10.0.0.1"}, who, postgres.UserChange{Name: &evil})
	require.NoError(t, err)
	at := url.PathEscape(evil)
	for _, path := range []string{"/" + at, "/users/" + at, "/runs?q=" + url.QueryEscape(evil), "/api/v1/flows/" + at, "/hooks/" + at} {
		b.ask(t, get, path, "", "", map[string]string{"User-Agent": "x\tforged", "X-Request-Id": "abc def\" forged", "Referer": at, "X-Forwarded-For": at})
	}
	b.post(t, "/sign-in", fields("email", evil+"@example.com", "password", evil))
	records := 0
	for lines := bufio.NewScanner(strings.NewReader(log.String())); lines.Scan(); records++ {
		var one map[string]any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &one), lines.Text())
		require.NotEqual(t, "forged", one["msg"])
		require.NotContains(t, lines.Text(), "\x1b")
		require.NotContains(t, one["request"], "forged")
	}
	require.GreaterOrEqual(t, records, 8)
	_, err = k.server.DB.SealAudit(t.Context())
	require.NoError(t, err)
	a := b.get(t, "/api/v1/audit?limit=200")
	var page struct{ Items []apiAudit }
	require.NoError(t, json.Unmarshal([]byte(a.body), &page))
	require.Equal(t, k.value(t, `SELECT count(*)::text FROM audit_chain`), fmt.Sprint(len(page.Items)))
	names := ""
	for _, i := range page.Items {
		names += i.Name
	}
	require.Contains(t, names, "forged", "the name is there, as a value")
	report, err := k.server.DB.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	require.Nil(t, report.Broken)
}
