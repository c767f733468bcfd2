package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/connector/hrisrest"
	"joinery/internal/egress"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// api is a server with a token for each role. Every answer is checked against the
// OpenAPI document.
type api struct {
	t      *testing.T
	db     *postgres.DB
	s      *Server
	app    *fiber.App
	tokens map[auth.Role]string
	ops    []apiOp
	schema *jsonschema.Compiler
	file   string
}

func newAPI(t *testing.T) *api {
	t.Helper()
	types := all.Of(fake.Directory{}, fake.HRIS{}, hrisrest.Type{})
	db := pgtest.Open(t, postgres.Config{Artifacts: artifact.Kinds{Flows: node.All(), Connectors: types}})
	a := &api{t: t, db: db, tokens: map[auth.Role]string{}, file: filepath.Join(t.TempDir(), "state.json")}
	a.s = &Server{DB: db, Hasher: auth.NewHasher(2), Now: time.Now, BaseURL: "http://example.com", Catalog: types, Nodes: node.All(), Version: "test", // the host of httptest.NewRequest
		Pool: &connector.Pool{Catalog: types, Guard: &egress.Guard{}, Secret: db.Secret, Now: time.Now, Log: slog.New(slog.DiscardHandler)}}
	app, err := a.s.App()
	require.NoError(t, err)
	a.app, a.ops = app, a.s.apiOps()
	for _, r := range auth.Roles() {
		u, err := db.AddUser(t.Context(), auth.Engine(), a.s.Hasher, postgres.NewUser{Email: string(r) + "@x.example", Name: "The " + string(r), Password: "correct horse battery", Roles: []auth.Role{r}})
		require.NoError(t, err)
		secret, _, err := db.CreateToken(t.Context(), u.Actor(), postgres.NewToken{Name: "test", Roles: []auth.Role{r}, OwnerEmail: u.Email, ExpiresAt: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		a.tokens[r] = secret
	}
	raw, err := json.Marshal(a.s.openAPI())
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	a.schema = jsonschema.NewCompiler()
	a.schema.DefaultDraft(jsonschema.Draft2020)
	require.NoError(t, a.schema.AddResource("openapi.json", document))
	return a
}

// call sends a request as a role and checks the answer's status and shape.
func (a *api) call(role auth.Role, method, path string, body any, want int) map[string]any {
	a.t.Helper()
	var in io.Reader
	media := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		require.NoError(a.t, err)
		in = bytes.NewReader(raw)
	}
	req := httptest.NewRequest(method, "/api/v1"+path, in)
	if in != nil {
		req.Header.Set("Content-Type", media)
	}
	if role != "" {
		req.Header.Set("Authorization", "Bearer "+a.tokens[role])
	}
	return a.send(req, want)
}

func (a *api) send(req *http.Request, want int) map[string]any {
	a.t.Helper()
	resp, err := a.app.Test(req, 30000)
	require.NoError(a.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(a.t, err)
	require.Equal(a.t, want, resp.StatusCode, "%s %s: %s", req.Method, req.URL.Path, raw)
	require.Less(a.t, resp.StatusCode, 500)
	name := "Problem"
	if want < 400 {
		op, ok := a.find(req.Method, req.URL.Path)
		require.True(a.t, ok, "%s %s is not in the document", req.Method, req.URL.Path)
		name = op.out
		require.True(a.t, want == op.status || want == 200 && op.out == "Saved", "the document says %d", op.status)
	}
	schema, err := a.schema.Compile("openapi.json#/components/schemas/" + name)
	require.NoError(a.t, err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(a.t, err, string(raw))
	require.NoError(a.t, schema.Validate(v), "%s %s: %s", req.Method, req.URL.Path, raw)
	out, _ := v.(map[string]any)
	return out
}

// find gives the operation of a path.
func (a *api) find(method, path string) (apiOp, bool) {
	have := strings.Split(path, "/")
next:
	for _, op := range a.ops {
		want := strings.Split(op.path, "/")
		if op.method != method || len(want) != len(have) {
			continue
		}
		for i := range want {
			if want[i] != have[i] && !strings.HasPrefix(want[i], ":") {
				continue next
			}
		}
		return op, true
	}
	return apiOp{}, false
}

type obj = map[string]any

func policyContent(pattern string) obj {
	return obj{"key": "names", "name": "Names", "type": "naming", "rules": []any{obj{"pattern": pattern}}}
}

// The whole story of a change, by token.
func TestAPI_ChangeControl(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	saved := a.call(auth.Builder, "PUT", "/policies/names", obj{"content": policyContent("a"), "message": "first", "base_revision": 0}, 201)
	require.EqualValues(t, json.Number("1"), saved["revision"])
	a.call(auth.Builder, "PUT", "/policies/names", obj{"content": policyContent("a"), "base_revision": 1}, 200)
	a.call(auth.Builder, "PUT", "/policies/names", obj{"content": policyContent("b"), "base_revision": 0}, 409)
	a.call(auth.Builder, "PUT", "/policies/other", obj{"content": policyContent("b")}, 422)
	got := a.call(auth.Viewer, "GET", "/policies/names", nil, 200)
	require.Nil(t, got["live"])
	require.Equal(t, "a", got["content"].(obj)["rules"].([]any)[0].(obj)["pattern"])

	r := a.call(auth.Builder, "POST", "/policies/names/reviews", obj{"revision": 1, "message": "please"}, 201)
	require.Equal(t, "open", r["state"])
	id, hash := r["id"].(string), r["hash"].(string)
	require.Equal(t, saved["hash"], hash)
	a.call(auth.Builder, "POST", "/reviews/"+id+"/approve", obj{"hash": hash}, 403)
	a.call(auth.Reviewer, "POST", "/reviews/"+id+"/approve", obj{"hash": strings.Repeat("0", 64)}, 409)
	a.call(auth.Reviewer, "POST", "/reviews/"+id+"/comments", obj{"body": "looks right"}, 201)
	a.call(auth.Viewer, "POST", "/reviews/"+id+"/comments", obj{"body": "me too"}, 403)
	rel := a.call(auth.Reviewer, "POST", "/reviews/"+id+"/approve", obj{"hash": hash, "comment": "yes"}, 200)
	require.NotEmpty(t, rel["release"])
	got = a.call(auth.Viewer, "GET", "/policies/names", nil, 200)
	require.Equal(t, hash, got["live"].(obj)["hash"])

	// An administrator's own work needs another person too, also by token.
	own := a.call(auth.Admin, "PUT", "/policies/names", obj{"content": policyContent("c"), "base_revision": 1}, 201)
	r = a.call(auth.Admin, "POST", "/policies/names/reviews", obj{"revision": 2}, 201)
	a.call(auth.Admin, "POST", "/reviews/"+r["id"].(string)+"/approve", obj{"hash": own["hash"]}, 403)
	a.call(auth.Reviewer, "POST", "/reviews/"+r["id"].(string)+"/request-changes", obj{"comment": ""}, 422)
	changed := a.call(auth.Reviewer, "POST", "/reviews/"+r["id"].(string)+"/request-changes", obj{"comment": "why c?"}, 200)
	require.Equal(t, "changes_requested", changed["state"])
	open := a.call(auth.Viewer, "GET", "/reviews?state=open", nil, 200)
	require.Empty(t, open["items"])
	r = a.call(auth.Builder, "POST", "/policies/names/reviews", obj{"revision": 2}, 201)
	a.call(auth.Reviewer, "POST", "/reviews/"+r["id"].(string)+"/approve", obj{"hash": own["hash"]}, 200)
	back := a.call(auth.Reviewer, "POST", "/policies/names/rollback", obj{"revision": 1, "reason": "c breaks names"}, 200)
	require.Equal(t, "rollback", back["how"])
	a.call(auth.Builder, "POST", "/policies/names/restore", obj{"revision": 1, "base_revision": 2}, 201)
	a.call(auth.Viewer, "GET", "/policies/names/diff?from=1&to=2", nil, 200)
	a.call(auth.Viewer, "GET", "/policies/names/revisions/2", nil, 200)
	first := a.call(auth.Viewer, "GET", "/policies/names/revisions?limit=2", nil, 200)
	require.Len(t, first["items"], 2)
	second := a.call(auth.Viewer, "GET", "/policies/names/revisions?limit=2&cursor="+first["next"].(string), nil, 200)
	require.Len(t, second["items"], 1)
	require.Nil(t, second["next"])
	_, err := a.db.SealAudit(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, a.call(auth.Auditor, "GET", "/audit?after=0", nil, 200)["items"])
	a.call(auth.Viewer, "GET", "/audit", nil, 403)
}

func (a *api) live(kind, key string, content obj) {
	a.t.Helper()
	a.call(auth.Builder, "PUT", "/"+kind+"/"+key, obj{"content": content}, 201)
	r := a.call(auth.Builder, "POST", "/"+kind+"/"+key+"/reviews", obj{"revision": 1}, 201)
	a.call(auth.Reviewer, "POST", "/reviews/"+r["id"].(string)+"/approve", obj{"hash": r["hash"]}, 200)
}

func TestAPI_RunsAndCredentials(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.live("connections", "hr", obj{"key": "hr", "name": "HR", "type": "fake-hris", "settings": obj{"path": a.file}})
	flowContent := obj{"key": "join", "name": "Join", "trigger": "hired", "nodes": []any{obj{"id": "hired", "type": "hris.event", "params": obj{"connection": "hr", "events": []any{"worker.hired"}}}}}
	bad := a.call(auth.Builder, "PUT", "/flows/bad", obj{"content": obj{"key": "bad", "name": "Bad", "trigger": "x", "nodes": []any{}}}, 201)
	require.NotEmpty(t, bad["problems"])
	a.call(auth.Builder, "POST", "/flows/bad/reviews", obj{"revision": 1}, 422)
	a.live("flows", "join", flowContent)
	a.call(auth.Viewer, "POST", "/flows/join/runs", obj{"worker": "1", "mode": "simulate"}, 403)
	a.call(auth.Builder, "POST", "/flows/join/runs", obj{"worker": "1", "mode": "live"}, 403)
	a.call(auth.Operator, "POST", "/flows/join/runs", obj{"mode": "live"}, 422)
	a.call(auth.Operator, "POST", "/flows/nope/runs", obj{"worker": "1"}, 404)
	id := a.call(auth.Operator, "POST", "/flows/join/runs", obj{"worker": "1", "mode": "live"}, 202)["id"].(string)
	run := a.call(auth.Viewer, "GET", "/runs/"+id, nil, 200)
	require.Equal(t, "queued", run["state"])
	require.Len(t, run["steps"], 1)
	a.call(auth.Viewer, "GET", "/runs?flow=join&state=queued,running&q=1", nil, 200)
	a.call(auth.Viewer, "GET", "/runs?state=asleep", nil, 400)
	canceled := a.call(auth.Operator, "POST", "/runs/"+id+"/cancel", obj{"reason": "test"}, 202)
	require.Equal(t, "canceled", canceled["state"])
	a.call(auth.Operator, "POST", "/runs/"+id+"/cancel", nil, 409)
	a.call(auth.Operator, "POST", "/runs/"+id+"/retry", nil, 202)
	a.call(auth.Operator, "POST", "/runs/"+id+"/compensate", obj{"reason": "test"}, 409)
	joiner := run["joiner"].(obj)["id"].(string)
	a.call(auth.Viewer, "GET", "/joiners", nil, 200)
	a.call(auth.Viewer, "GET", "/joiners/"+joiner, nil, 200)
	a.call(auth.Operator, "POST", "/flows/join/runs", obj{"joiner": joiner, "mode": "simulate"}, 202)
	a.call(auth.Viewer, "GET", "/events", nil, 200)
	a.call(auth.Viewer, "GET", "/signoffs", nil, 200)
	a.call(auth.Operator, "POST", "/signoffs/so_x", obj{"decision": "approved"}, 404)
	found := a.call(auth.Builder, "POST", "/connections/hr/test", nil, 200)
	require.Equal(t, true, found["ok"])

	bulk := func(media, body string, want int) map[string]any {
		req := httptest.NewRequest("POST", "/api/v1/flows/join/bulk", strings.NewReader(body))
		req.Header.Set("Content-Type", media)
		req.Header.Set("Authorization", "Bearer "+a.tokens[auth.Operator])
		return a.send(req, want)
	}
	require.Len(t, bulk("text/csv", "worker\n11\n12\n", 202)["ids"], 2)
	require.Len(t, bulk("application/jsonl", "{\"worker\":\"13\"}\n\n{\"worker\":\"14\"}\n", 202)["ids"], 2)
	require.Len(t, bulk("application/jsonl", "{\"worker\":\"13\"}\n{\"worker\":\"\"}\nnope\n", 422)["problems"], 2)
	bulk("text/csv", "name\n11\n", 400)
	bulk("text/plain", "11", 415)

	in := obj{"value": "whsec_secret-value-1", "owner": "builder@x.example", "purpose": "hooks", "expires_at": time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339)}
	a.call(auth.Builder, "PUT", "/connections/hr/credentials/webhook_secret", in, 403)
	set := a.call(auth.Admin, "PUT", "/connections/hr/credentials/webhook_secret", in, 201)
	require.NotContains(t, fmt.Sprint(set), "secret-value")
	in["owner"] = "nobody@x.example"
	wrong := a.call(auth.Admin, "PUT", "/connections/hr/credentials/webhook_secret", in, 422)
	require.Equal(t, "owner", wrong["problems"].([]any)[0].(obj)["path"])
	require.NotContains(t, fmt.Sprint(wrong), "secret-value")
	rotated := a.call(auth.Admin, "POST", "/credentials/"+set["id"].(string)+"/rotate", obj{"value": "whsec_secret-value-2", "expires_at": in["expires_at"], "overlap_hours": 1}, 201)
	require.Len(t, a.call(auth.Builder, "GET", "/credentials", nil, 200)["items"], 2)
	gone := a.call(auth.Admin, "POST", "/credentials/"+rotated["id"].(string)+"/revoke", obj{"reason": "leaked"}, 200)
	require.Equal(t, "revoked", gone["state"])
}

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
		"field of no policy": {"PUT", "/policies/names", `{"content":{"key":"names","name":"x","type":"naming","color":"red"}}`, "", 422},
		"null character":     {"PUT", "/policies/names", `{"content":{"key":"names","name":"a\u0000b","type":"naming"}}`, "", 422},
		"not UTF-8":          {"PUT", "/policies/names", "{\"message\":\"\xff\"}", "", 400},
		"odd key":            {"PUT", "/policies/Names!", `{"content":{"key":"Names!","name":"x","type":"naming"}}`, "", 422},
		"form":               {"PUT", "/policies/names", `a=b`, "application/x-www-form-urlencoded", 415},
		"too large":          {"PUT", "/policies/names", `{"message":"` + strings.Repeat("x", 3<<20) + `"}`, "", 413},
		"large content":      {"PUT", "/policies/names", `{"content":{"key":"names","name":"x","type":"naming","description":"` + strings.Repeat("x", 1200<<10) + `"}}`, "", 413},
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
		"huge base":          {"PUT", "/policies/names", `{"content":{"key":"names","name":"x","type":"naming"},"base_revision":99999999999999999999}`, "", 400},
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
			if err != nil && c.want == 413 {
				return // the server closes the connection on a body that is too large
			}
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

// The document is whole: each operation names schemas that are there.
func TestAPI_Document(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	schemas := apiSchemas()
	seen := map[string]bool{}
	for _, op := range a.ops {
		for _, name := range []string{op.in, op.out} {
			if name != "" && name != "Lines" {
				require.Contains(t, schemas, name, op.path)
				_, err := a.schema.Compile("openapi.json#/components/schemas/" + name)
				require.NoError(t, err)
			}
		}
		require.NotEmpty(t, op.summary)
		require.False(t, seen[operationID(op)], operationID(op))
		seen[operationID(op)] = true
	}
	req := httptest.NewRequest("GET", "/api/v1/openapi.json", nil)
	resp, err := a.app.Test(req, 10000)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode, "it needs no token")
}
