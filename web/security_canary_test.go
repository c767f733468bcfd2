package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/connector/hrisrest"
	"joinery/internal/connector/scim"
	"joinery/internal/egress"
	"joinery/internal/engine"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/pgserver"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/trace"
)

// What must not be found where it does not belong: secrets nowhere at all,
// personal values in no log, number, record, address or error page.
var (
	secrets  = map[string]string{"hr token": "hr-canary-71d0f3aa", "webhook secret": hookKey, "scim token": "scim-canary-0b9c44e1", "scim2 password": "basic-canary-5f6e7d8c", "person's password": "canary otters under a bridge"}
	personal = map[string]string{"birth date": "1987-03-14", "national id": "NI-CANARY-4455", "bank account": "DE89CANARY37040044", "private mail": "canary.private@mail.example", "phone": "+49-CANARY-555", "last name": "Kanarienvogelsang"}
)

// echo repeats what it was sent, as careless systems do in their errors.
func echo(status int, field string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Set-Cookie", "token="+r.Header.Get("Authorization"))
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{field: fmt.Sprintf("refused %s with %s: %s", r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), body)})
	}
}

func TestS56_S60_S93_Canaries(t *testing.T) {
	t.Parallel()
	hr := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/bad") {
			echo(400, "message")(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"id": strings.TrimPrefix(r.URL.Path, "/workers/"), "first_name": "Pia", "last_name": personal["last name"], "birth_date": personal["birth date"], "national_id": personal["national id"], "bank_account": personal["bank account"], "personal_email": personal["private mail"], "phone": personal["phone"], "start_date": "2026-12-01", "department": "Engineering"})
	}))
	t.Cleanup(hr.Close)
	broken := httptest.NewServer(echo(403, "detail"))
	t.Cleanup(broken.Close)
	down := httptest.NewServer(echo(500, "detail"))
	t.Cleanup(down.Close)

	var log lockedBuffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	types := all.Of(hrisrest.Type{}, scim.Type{}, fake.Directory{})
	kinds := artifact.Kinds{Flows: node.All(), Connectors: types}
	db := pgtest.Open(t, postgres.Config{Artifacts: kinds, Log: logger})
	guard, err := egress.New("127.0.0.1")
	require.NoError(t, err)
	s := &Server{DB: db, Hasher: auth.NewHasher(2), Log: logger, Now: time.Now, BaseURL: "http://localhost:8080", Version: "test", Catalog: types, Nodes: node.All(),
		Pool: &connector.Pool{Catalog: types, Guard: guard, Secret: db.Secret, Now: time.Now, Log: logger}, Kick: func() {}}
	var spans lockedBuffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(&spans, r.Body) }))
	t.Cleanup(collector.Close)
	s.Trace, err = trace.Open(t.Context(), collector.URL, "test", logger)
	require.NoError(t, err)
	app, err := s.App()
	require.NoError(t, err)
	k := &console{server: s, app: app}
	w := &world{console: k, t: t, marker: "plain"}
	w.ada = k.person(t, "ada@example.com", auth.Admin)
	viewer := k.person(t, "vic@example.com", auth.Viewer)
	_, err = db.AddUser(t.Context(), auth.Engine(), s.Hasher, postgres.NewUser{Email: "c@example.com", Name: "C", Password: secrets["person's password"], Roles: []auth.Role{auth.Viewer}})
	require.NoError(t, err)
	k.stranger().post(t, "/sign-in", fields("email", "c@example.com", "password", secrets["person's password"]))
	k.stranger().post(t, "/sign-in", fields("email", "c@example.com", "password", secrets["person's password"]+"x"))
	w.boWho, w.reWho = k.actor(t, "ada@example.com"), auth.Actor{Kind: auth.User, ID: "u_re", UserID: "u_re", Name: "Re", Roles: []auth.Role{auth.Reviewer}}
	file := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, fake.Change(file, func(s *fake.State) { s.Groups["all"] = nil }))
	// The HRIS names the personal fields, too.
	mapping := `{first_name: first_name, last_name: last_name, birth_date: birth_date, national_id: national_id, bank_account: bank_account, personal_email: personal_email, phone: phone, start_date: start_date, department: department}`
	w.live(review.Connection, fmt.Sprintf("key: hr\nname: HR\ntype: hris-rest\nsettings: {base_url: %q, fields: %s}\n", hr.URL, mapping))
	w.live(review.Connection, fmt.Sprintf("key: dir\nname: Dir\ntype: fake-directory\nsettings: {path: %q}\n", file))
	w.live(review.Connection, fmt.Sprintf("key: scim\nname: SCIM\ntype: scim\nsettings: {base_url: %q}\n", broken.URL))
	w.live(review.Connection, fmt.Sprintf("key: scim2\nname: SCIM2\ntype: scim\nsettings: {base_url: %q, auth: basic, user: joinery}\n", down.URL))
	for _, c := range [][3]string{{"hr", "token", "hr token"}, {"hr", "webhook_secret", "webhook secret"}, {"scim", "token", "scim token"}, {"scim2", "password", "scim2 password"}} {
		w.credential(c[0], c[1], secrets[c[2]])
	}
	for _, dir := range []string{"dir", "scim", "scim2"} {
		w.live(review.Flow, fmt.Sprintf("key: to-%[1]s\nname: To %[1]s\ntrigger: by_hand\nnodes:\n  - {id: by_hand, type: manual, params: {connection: hr}}\n  - {id: make, type: account.ensure, retry: {attempts: 1}, params: {directory: %[1]s, name: =Lower(joiner.last_name), attributes: {displayName: =joiner.last_name, birth: =joiner.birth_date, bank: =joiner.bank_account, mail: =joiner.personal_email}}}\nedges: [{from: by_hand.started, to: make}]\n", dir))
	}
	eng := &engine.Engine{DB: db, Nodes: node.All(), Owner: "test", Now: time.Now, Log: logger, Pool: s.Pool, Trace: s.Trace}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); eng.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done; _ = s.Pool.Close() })
	for _, f := range []string{"to-dir", "to-scim", "to-scim2"} {
		for _, worker := range []string{"4711", "bad"} {
			_, err := db.StartRun(t.Context(), w.boWho, f, worker, run.Live)
			require.NoError(t, err)
		}
	}
	eng.Kick()
	pgtest.Eventually(t, 30*time.Second, "the runs end", func() bool {
		return k.value(t, `SELECT count(*)::text FROM runs WHERE state IN ('succeeded', 'failed')`) == "6"
	})
	require.Equal(t, "1", k.value(t, `SELECT count(*)::text FROM runs WHERE state = 'succeeded'`))
	require.Contains(t, k.value(t, `SELECT string_agg(error, ' ') FROM steps`), "It says: refused Bearer •••••• with", "the words are there, the secret is not")
	body := `{"type":"worker.hired","data":{"worker_id":"4712"}}`
	w.hookSecret = hookKey
	require.Equal(t, 202, k.stranger().ask(t, post, "/hooks/hr", "application/json", body, w.signed("evt_1", []byte(body))).status)
	k.stranger().ask(t, post, "/hooks/hr", "application/json", body, map[string]string{"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": hookKey})
	for _, c := range []string{"hr", "scim", "scim2"} {
		w.ada.post(t, "/connections/"+c+"/test", nil)
	}
	_, err = db.SealAudit(t.Context())
	require.NoError(t, err)

	require.NoError(t, s.Trace.Close(t.Context()))
	require.Contains(t, spans.String(), "account.ensure", "spans were sent")
	places := map[string]string{"log": log.String(), "traces": spans.String(), "metrics": w.ada.get(t, "/metrics").body, "audit records": k.value(t, `SELECT string_agg(e::text, E'\n') FROM audit_events e`)}
	shown := map[string]string{}
	for who, b := range map[string]*browser{"viewer": viewer, "administrator": w.ada} {
		for _, route := range k.server.routes() {
			if route.method != get || strings.HasSuffix(route.path, "/live") {
				continue
			}
			for _, at := range addresses(w, route.path) {
				shown[who+" "+at] = b.get(t, at).body
				require.NotContains(t, at, personal["last name"])
			}
		}
	}
	name, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	require.NoError(t, err)
	program := "pg_dump"
	if len(name) > 0 {
		program = name[len(name)-1]
	}
	backup, err := exec.Command(program, "--inserts", "--dbname", pgtest.Server(t).URL(pgserver.Owner, k.value(t, `SELECT current_database()`))).Output()
	require.NoError(t, err)
	require.Contains(t, string(backup), personal["national id"], "the search can find something")
	for what, secret := range secrets {
		forms := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("joinery:" + secret)), fmt.Sprintf("%x", secret)}
		for _, form := range forms {
			for where, text := range places {
				require.NotContains(t, text, form, "%s in the %s", what, where)
			}
			for where, text := range shown {
				require.NotContains(t, text, form, "%s on the page of %s", what, where)
			}
			require.False(t, bytes.Contains(backup, []byte(form)), "%s in the backup", what)
		}
	}
	seen := 0
	for what, value := range personal {
		for where, text := range places {
			require.NotContains(t, strings.ToLower(text), strings.ToLower(value), "%s in the %s", what, where)
		}
		for where, text := range shown {
			if strings.HasPrefix(where, "viewer ") && what != "last name" {
				require.NotContains(t, text, value, "%s on the page of %s", what, where)
			}
			if strings.HasPrefix(where, "administrator ") && strings.Contains(text, value) {
				seen++
			}
		}
	}
	require.Positive(t, seen, "those who may see them do")
	require.Equal(t, []string{joiner.PersonalEmail, joiner.Phone, "birth_date", "national_id", "home_address", "bank_account", "gender"}, joiner.Personal())
}

// addresses gives every address of a route, with every id there is.
func addresses(w *world, path string) []string {
	area, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, "/api/v1"), "/"), "/")
	table := map[string]string{"runs": "runs", "events": "events", "joiners": "joiners", "users": "users", "credentials": "credentials", "reviews": "reviews", "signoffs": "signoffs", "exceptions": "exceptions"}[area]
	ids := []string{""}
	switch {
	case strings.Contains(path, ":id") && table != "":
		ids = strings.Fields(w.value(`SELECT coalesce(string_agg(id, ' '), 'none') FROM ` + table))
	case strings.Contains(path, ":key"):
		kind, _ := review.ParseKind(area)
		ids = strings.Fields(w.value(`SELECT coalesce(string_agg(key, ' '), 'none') FROM artifacts WHERE kind = $1`, string(kind)))
	}
	var out []string
	for _, id := range ids {
		at := strings.NewReplacer(":id", id, ":key", id, ":node", "make", ":name", "token", ":invariant", "new", ":template", "employee", ":n", "1").Replace(path)
		if strings.HasSuffix(path, "/diff") {
			at += "?from=1&to=1"
		}
		if path == "/palette" {
			at += "?q=a"
		}
		out = append(out, at)
	}
	return out
}
