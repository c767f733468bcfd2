package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/connector/hrisrest"
	"joinery/internal/exception"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

// world is a console with something of everything in it, for tests that walk all
// routes.
type world struct {
	*console
	t            *testing.T
	ada, bo, re  *browser // administrator; builder and operator; reviewer and operator
	adaID, boID  string
	boWho, reWho auth.Actor
	hookSecret   string
	marker       string // a text in every field that people write
}

// newWorld makes two revisions of an artifact of each kind live for the console
// (c-…) and for the API (a-…), and a third one a draft.
func newWorld(t *testing.T, marker string) *world {
	t.Helper()
	w := &world{console: newConsole(t, "http://localhost:8080"), t: t, hookSecret: hookKey, marker: marker}
	w.ada = w.person(t, "ada@example.com", auth.Admin)
	w.bo = w.person(t, "bo@example.com", auth.Builder, auth.Operator)
	w.re = w.person(t, "re@example.com", auth.Reviewer, auth.Operator)
	w.adaID, w.boID = w.user("ada@example.com").ID, w.user("bo@example.com").ID
	w.boWho, w.reWho = w.user("bo@example.com").Actor(), w.user("re@example.com").Actor()
	w.live(review.Connection, w.text(review.Connection, "hr", 1))
	for _, door := range []string{"c-", "a-"} {
		for _, k := range []review.Kind{review.Connection, review.Policy, review.Function, review.Flow} {
			key := door + string(k)
			w.live(k, w.text(k, key, 1))
			w.live(k, w.text(k, key, 2))
			w.save(k, w.text(k, key, 3))
		}
	}
	w.credential("hr", "webhook_secret", w.hookSecret)
	return w
}

func (w *world) user(email string) postgres.User {
	u, err := w.server.DB.FindUserByEmail(w.t.Context(), email)
	require.NoError(w.t, err)
	return u
}

// text is the n-th content of an artifact.
func (w *world) text(k review.Kind, key string, n int) string {
	name := fmt.Sprintf("%s %s %d", w.marker, key, n)
	q := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	switch k {
	case review.Connection:
		return fmt.Sprintf("key: %s\nname: %s\ndescription: %s\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n", key, q(name), q(w.marker))
	case review.Policy:
		return fmt.Sprintf("key: %s\nname: %s\ntype: groups\ngroups: {rows: [{groups: [%s]}]}\n", key, q(name), q("{first}"+w.marker))
	case review.Function:
		return fmt.Sprintf("key: %s\nname: %s\nsource: %s\ncases: [{name: joins, input: {first: ada}, output: {login: ada}}]\n", key, q(name), q("-- "+w.marker+"\nreturn { login = input.first }\n"))
	}
	return fmt.Sprintf("key: %s\nname: %s\ndescription: %s\ntrigger: by_hand\nnodes:\n  - {id: by_hand, type: manual, params: {connection: hr}}\n  - {id: ok, type: signoff, name: %s, params: {title: %s}}\nedges: [{from: by_hand.started, to: ok}]\n",
		key, q(name), q(w.marker), q("Ask "+w.marker), q("May "+w.marker))
}

func (w *world) content(k review.Kind, key string, n int) json.RawMessage {
	doc, err := w.server.kinds().ReadText(k, key, []byte(w.text(k, key, n)))
	require.NoError(w.t, err)
	return json.RawMessage(doc.Content)
}

func (w *world) save(k review.Kind, text string) (key string, number int) {
	doc, err := w.server.kinds().ReadText(k, "", []byte(text))
	require.NoError(w.t, err)
	s, err := w.server.DB.SaveRevision(w.t.Context(), w.boWho, postgres.Save{Doc: doc, Message: "because " + w.marker, Base: postgres.AnyBase, Via: "console"})
	require.NoError(w.t, err)
	return doc.Key, s.Revision
}

func (w *world) review(k review.Kind, key string, n int) review.Review {
	r, err := w.server.DB.OpenReview(w.t.Context(), w.boWho, k, key, n, "please "+w.marker)
	require.NoError(w.t, err)
	return r
}

func (w *world) live(k review.Kind, text string) {
	key, n := w.save(k, text)
	r := w.review(k, key, n)
	_, err := w.server.DB.ApproveReview(w.t.Context(), w.reWho, r.ID, r.Hash, "good "+w.marker)
	require.NoError(w.t, err)
}

func (w *world) credential(connection, name, value string) string {
	c, err := w.server.DB.SetCredential(w.t.Context(), w.user("ada@example.com").Actor(), postgres.NewCredential{Connection: connection, Name: name, Value: secret.New(value), Owner: "ada@example.com", Purpose: "hooks " + w.marker, ExpiresAt: time.Now().AddDate(0, 6, 0)})
	require.NoError(w.t, err)
	return c.ID
}

// run makes a run and puts it into a state, with a failed first step where that
// belongs to it.
func (w *world) run(state run.State) string {
	id, err := w.server.DB.StartRun(w.t.Context(), w.boWho, "c-flow", "w-"+fmt.Sprint(time.Now().UnixNano()), run.Live)
	require.NoError(w.t, err)
	w.exec(`UPDATE runs SET state = $2, reason = $3, wake_at = NULL WHERE id = $1`, string(id), string(state), "because "+w.marker)
	if state == run.Failed {
		w.exec(`INSERT INTO steps (run_id, node, type, state, port, error, output, note) VALUES ($1, 'by_hand', 'manual', 'failed', 'error', $2, jsonb_build_object('said', $2::text), $2)`, string(id), w.marker)
		w.exec(`INSERT INTO function_calls (run_id, node, number, function, revision, hash, at, tape) VALUES ($1, 'ok', 1, 'c-function', 1, 'gone', now(), jsonb_build_object('input', jsonb_build_object('said', $2::text))::text)`, string(id), w.marker)
	}
	return string(id)
}

func (w *world) signoff() string {
	id := w.run(run.Waiting)
	w.exec(`INSERT INTO signoffs (id, run_id, node, title, question, role, state) VALUES ('sg_' || $1, $1, 'ok', $2, $2, 'operator', 'open')`, id, w.marker)
	return "sg_" + id
}

// exception is one about two values of a field, with the marker in all its words.
func (w *world) exception() string {
	out, err := w.server.DB.OpenException(w.t.Context(), w.boWho, postgres.NewException{Kind: exception.WriteBack, Subject: fmt.Sprint("field|hr|", time.Now().UnixNano()), Title: "T " + w.marker, Reason: "R " + w.marker, Connection: "hr", Worker: "w1",
		JoinerID: w.value(`SELECT coalesce(min(id), '') FROM joiners`), Field: "work_email", Policy: "c-policy", Ours: "ours " + w.marker, Theirs: "theirs " + w.marker})
	require.NoError(w.t, err)
	return out.ID
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, w.server.DB.RawExec(context.Background(), sql, args...))
}

func (w *world) value(sql string, args ...any) string {
	w.t.Helper()
	return w.console.value(w.t, sql, args...)
}

// value reads one text by SQL.
func (k *console) value(t *testing.T, sql string, args ...any) string {
	t.Helper()
	var out string
	require.NoError(t, k.server.DB.RawScan(context.Background(), &out, sql, args...), sql)
	return out
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// tables are all tables with what people and runs left in them.
const tables = `artifacts revisions reviews review_comments approvals releases ratifications users sessions setup_links sign_in_failures api_tokens settings credentials joiners events runs steps attempts intents signoffs joiner_accounts reservations name_spaces write_backs exceptions exception_acts audit_events audit_chain`

// digest changes with any row, apart from when something was last seen.
func (w *world) digest() string {
	var parts []string
	for table := range strings.FieldsSeq(tables) {
		parts = append(parts, fmt.Sprintf(`SELECT coalesce(string_agg(md5((to_jsonb(t) - 'last_seen_at' - 'last_used_at')::text), '' ORDER BY md5((to_jsonb(t) - 'last_seen_at' - 'last_used_at')::text)), '') AS d FROM %s t`, table))
	}
	return w.value(`SELECT md5(string_agg(d, '|')) FROM (` + strings.Join(parts, " UNION ALL ") + `) x`)
}

// holds names the tables in which a text is found.
func (w *world) holds(text string) string {
	var parts []string
	for table := range strings.FieldsSeq(tables) {
		parts = append(parts, fmt.Sprintf(`SELECT '%s' AS found FROM %s t WHERE position($1 in t::text) > 0`, table, table))
	}
	return w.value(`SELECT coalesce(string_agg(DISTINCT found, ' '), '') FROM (`+strings.Join(parts, " UNION ALL ")+`) x`, text)
}

// ask sends any body as this browser.
func (b *browser) ask(t testing.TB, method, path, media, body string, header map[string]string) answer {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Host = b.console.server.base.Host
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	for k, v := range header {
		if k == ":host" {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	for k, v := range b.cookies {
		req.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	resp, err := b.console.app.Test(req, 30_000)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, string(raw), resp.Header}
}

// signed gives the headers of a webhook delivery.
func (w *world) signed(id string, body []byte) map[string]string {
	header, err := hrisrest.Sign(w.hookSecret, id, time.Now(), body)
	require.NoError(w.t, err)
	return header
}

// component is a part of a page that does as it likes.
func component(f func() error) templ.Component {
	return templ.ComponentFunc(func(context.Context, io.Writer) error { return f() })
}

func fields(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}
