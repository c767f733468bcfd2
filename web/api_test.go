package web

import (
	"bytes"
	"context"
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
	"joinery/internal/engine"
	"joinery/internal/joiner"
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
		req.Header.Set("Content-Type", "application/json")
	}
	if role != "" {
		req.Header.Set("Authorization", "Bearer "+a.tokens[role])
	}
	return a.send(req, want)
}

// send checks the request, unless it is meant to be refused, the status and the
// answer against the document.
func (a *api) send(req *http.Request, want int) map[string]any {
	a.t.Helper()
	op, ok := a.find(req.Method, req.URL.Path)
	require.True(a.t, ok, "%s %s is not in the document", req.Method, req.URL.Path)
	described := operation(op)
	if want < 400 {
		a.checkRequest(req, described)
	}
	resp, err := a.app.Test(req, 60000)
	require.NoError(a.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(a.t, err)
	require.Equal(a.t, want, resp.StatusCode, "%s %s: %s", req.Method, req.URL.Path, raw)
	require.Less(a.t, resp.StatusCode, 500)
	response, ok := described["responses"].(doc)[fmt.Sprint(want)].(doc)
	require.True(a.t, ok, "%s %s: the document does not name %d", req.Method, req.URL.Path, want)
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	content, ok := response["content"].(doc)[media].(doc)
	require.True(a.t, ok, "%s %s: the document does not name %s", req.Method, req.URL.Path, media)
	v := a.checkJSON(raw, content["schema"].(doc), req.Method+" "+req.URL.Path)
	out, _ := v.(map[string]any)
	return out
}

// checkRequest holds a request that is to be taken against the document.
func (a *api) checkRequest(req *http.Request, described doc) {
	a.t.Helper()
	at := req.Method + " " + req.URL.Path
	query := map[string]doc{}
	params, _ := described["parameters"].([]any)
	for _, p := range params {
		if p := p.(doc); p["in"] == "query" {
			query[p["name"].(string)] = p
			require.True(a.t, p["required"] != true || req.URL.Query().Has(p["name"].(string)), "%s needs %s", at, p["name"])
		}
	}
	for name, values := range req.URL.Query() {
		require.Contains(a.t, query, name, "%s: the document knows no such parameter", at)
		schema := query[name]["schema"].(doc)
		raw := []byte(values[0])
		if schema["type"] != "integer" {
			raw, _ = json.Marshal(values[0])
		}
		a.checkJSON(raw, schema, at+"?"+name)
	}
	var raw []byte
	if req.Body != nil {
		var err error
		raw, err = io.ReadAll(req.Body)
		require.NoError(a.t, err)
		req.Body = io.NopCloser(bytes.NewReader(raw))
	}
	body, ok := described["requestBody"].(doc)
	if !ok {
		require.Empty(a.t, raw, "%s takes no body", at)
		return
	}
	if len(raw) == 0 {
		require.NotEqual(a.t, true, body["required"], "%s needs a body", at)
		return
	}
	content, ok := body["content"].(doc)[req.Header.Get("Content-Type")].(doc)
	require.True(a.t, ok, "%s takes no %s", at, req.Header.Get("Content-Type"))
	if req.Header.Get("Content-Type") == "application/json" {
		a.checkJSON(raw, content["schema"].(doc), at)
	}
}

// checkJSON validates against a schema, which is one of the document's by name or
// stands there itself.
func (a *api) checkJSON(raw []byte, schema doc, at string) any {
	a.t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(a.t, err, "%s: %s", at, raw)
	address, named := schema["$ref"].(string)
	compiler := a.schema
	if named {
		address = "openapi.json" + address
	} else {
		text, err := json.Marshal(schema)
		require.NoError(a.t, err)
		inline, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(a.t, err)
		compiler, address = jsonschema.NewCompiler(), "inline.json"
		require.NoError(a.t, compiler.AddResource(address, inline))
	}
	compiled, err := compiler.Compile(address)
	require.NoError(a.t, err)
	require.NoError(a.t, compiled.Validate(v), "%s: %s", at, raw)
	return v
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
	return obj{"key": "names", "name": "Names", "type": "groups", "groups": obj{"rows": []any{obj{"groups": []any{pattern}}}}}
}

func (a *api) live(kind, key string, content obj) {
	a.t.Helper()
	a.call(auth.Builder, "PUT", "/"+kind+"/"+key, obj{"content": content}, 201)
	r := a.call(auth.Builder, "POST", "/"+kind+"/"+key+"/reviews", obj{"revision": 1}, 201)
	a.call(auth.Reviewer, "POST", "/reviews/"+r["id"].(string)+"/approve", obj{"hash": r["hash"]}, 200)
}

// sayings joins what a problem document says.
func sayings(p obj) string {
	out := []string{fmt.Sprint(p["detail"])}
	problems, _ := p["problems"].([]any)
	for _, x := range problems {
		out = append(out, fmt.Sprint(x.(obj)["path"], ": ", x.(obj)["detail"]))
	}
	return strings.Join(out, " | ")
}

// carried starts an engine that carries the API's runs.
func (a *api) carried() {
	a.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	e := &engine.Engine{DB: a.db, Nodes: node.All(), Owner: a.t.Name(), Now: time.Now, Log: slog.New(slog.DiscardHandler), Pool: a.s.Pool}
	a.s.Kick = e.Kick
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	a.t.Cleanup(func() { cancel(); <-done; _ = a.s.Pool.Close() })
}

// until waits for a run's state and gives the run.
func (a *api) until(id, state string) obj {
	a.t.Helper()
	var r obj
	pgtest.Eventually(a.t, 20*time.Second, "run "+state, func() bool {
		r = a.call(auth.Viewer, "GET", "/runs/"+id, nil, 200)
		return r["state"] == state
	})
	return r
}

func (a *api) hris(key string) {
	a.t.Helper()
	a.live("connections", key, obj{"key": key, "name": "HR", "type": "fake-hris", "settings": obj{"path": a.file}})
}

func (a *api) worker(id string) {
	a.t.Helper()
	require.NoError(a.t, fake.Change(a.file, func(s *fake.State) {
		s.Workers[id] = joiner.Worker{ID: id, Attributes: map[string]any{"first_name": "Ada", "last_name": "Lovelace" + id, "status": "planned", "worker_type": "employee", "start_date": "2026-12-01", "time_zone": "UTC"}}
	}))
}

// manual is a flow that is started by hand for workers of one HRIS.
func (a *api) manual(key, hris string, more obj) {
	a.t.Helper()
	content := obj{"key": key, "name": key, "trigger": "by_hand", "nodes": []any{obj{"id": "by_hand", "type": "manual", "params": obj{"connection": hris}}}}
	for k, v := range more {
		if k == "nodes" {
			v = append(content["nodes"].([]any), v.([]any)...)
		}
		content[k] = v
	}
	a.live("flows", key, content)
}
