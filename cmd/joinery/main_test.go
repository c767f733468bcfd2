package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

const testKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// shell runs commands against a database of its own.
type shell struct {
	t     *testing.T
	env   map[string]string
	owner string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	_, owner := pgtest.URLs(t)
	return &shell{t: t, owner: owner, env: map[string]string{"DATABASE_URL": owner, "JOINERY_MASTER_KEY": testKey, "JOINERY_DATA_DIR": t.TempDir(), "JOINERY_LOG_LEVEL": "error"}}
}

func (s *shell) run(in string, want int, args ...string) (out, errs string) {
	s.t.Helper()
	var o, e bytes.Buffer
	code := command(s.t.Context(), args, strings.NewReader(in), &o, &e, func(k string) string { return s.env[k] })
	require.Equal(s.t, want, code, "joinery %s\n%s%s", strings.Join(args, " "), o.String(), e.String())
	return o.String(), e.String()
}

func TestUsage(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, env: map[string]string{}}
	out, _ := s.run("", 0, "help")
	for _, c := range []string{"serve", "migrate", "user add", "token create", "apply", "export", "schema", "flow check", "flow backtest", "policy test", "author eval", "run start", "audit verify", "ready", "version", "--version"} {
		require.Contains(t, out, c)
	}
	s.run("", 0, "help", "serve")
	out, _ = s.run("", 0, "--version")
	require.Equal(t, version()+"\n", out)
	out, _ = s.run("", 0, "version")
	require.Regexp(t, `^joinery \S+\nbuilt from \S+ with go1\.\S+ for \S+\nnewest migration \d+\n$`, out)
	_, errs := s.run("", 2, "serv")
	require.Contains(t, errs, "joinery help")
	s.run("", 2, "user", "add", "--email", "a@x.example")
	s.run("", 2, "flow", "check", "/nowhere.yaml")
	s.run("", 2, "user", "add", "--email", "a@x.example", "--name", "A", "--role", "king")
}

func TestFlowCheck(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, env: map[string]string{}}
	out, _ := s.run("", 0, "flow", "check", "../../flows/employee-joiner/flow.yaml")
	require.Contains(t, out, "no problems")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("key: a\nname: A\ntrigger: x\nnodes:\n  - {id: y, type: brunch}\n"), 0o600))
	_, errs := s.run("", 1, "flow", "check", bad)
	require.Contains(t, errs, `nodes.y.type: There is no node type "brunch". Did you mean "branch"?`)
	require.Contains(t, errs, "trigger:")
	require.NoError(t, os.WriteFile(bad, []byte("key: a\nnam: A\n"), 0o600))
	_, errs = s.run("", 1, "flow", "check", bad)
	require.Contains(t, errs, "line 2")
}

// What the command prints is what the server publishes and the documentation shows.
func TestSchema(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, env: map[string]string{}}
	dir := filepath.Join(t.TempDir(), "schemas")
	out, _ := s.run("", 0, "schema", "--out", dir)
	require.Contains(t, out, "Wrote 3 schemas")
	for _, kind := range []string{"flow", "policy", "function"} {
		want, err := os.ReadFile("../../docs/schemas/" + kind + ".json")
		require.NoError(t, err)
		out, _ = s.run("", 0, "schema", kind)
		require.Equal(t, string(want), out)
		got, err := os.ReadFile(filepath.Join(dir, kind+".json"))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
	for _, args := range [][]string{{"schema"}, {"schema", "things"}, {"schema", "connection"}} {
		_, errs := s.run("", 2, args...)
		require.Contains(t, errs, "flow, policy, function", strings.Join(args, " "))
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		says string
	}{
		"own database without a key": {map[string]string{"DATABASE_URL": "postgres://x@127.0.0.1:1/x"}, "JOINERY_MASTER_KEY"},
		"short key":                  {map[string]string{"DATABASE_URL": "postgres://x@127.0.0.1:1/x", "JOINERY_MASTER_KEY": "AAAA"}, "exactly 32 bytes"},
		"two keys":                   {map[string]string{"JOINERY_MASTER_KEY": testKey, "JOINERY_MASTER_KEY_FILE": "/x"}, "not both"},
		"no such server":             {map[string]string{"DATABASE_URL": "postgres://x:topsecret@127.0.0.1:1/x", "JOINERY_MASTER_KEY": testKey}, "cannot be reached"},
		"bad address":                {map[string]string{"JOINERY_ADDR": "nonsense"}, "JOINERY_ADDR"},
		"bad base":                   {map[string]string{"JOINERY_BASE_URL": "joinery"}, "JOINERY_BASE_URL"},
		"half an administrator":      {map[string]string{"JOINERY_ADMIN_EMAIL": "a@x.example"}, "go together"},
		"bad proxy":                  {map[string]string{"JOINERY_TRUSTED_PROXIES": "nginx"}, "JOINERY_TRUSTED_PROXIES"},
		"bad log":                    {map[string]string{"JOINERY_LOG": "xml"}, "JOINERY_LOG"},
		"bad drain":                  {map[string]string{"JOINERY_DRAIN": "1m"}, "JOINERY_DRAIN"},
		"two databases":              {map[string]string{"DATABASE_URL": "postgres://x@127.0.0.1:1/x", "DATABASE_URL_FILE": "/x", "JOINERY_MASTER_KEY": testKey}, "not both"},
		"no database file":           {map[string]string{"DATABASE_URL_FILE": "/nowhere/x", "JOINERY_MASTER_KEY": testKey}, "cannot be read"},
		"bad level":                  {map[string]string{"JOINERY_LOG_LEVEL": "loud"}, "JOINERY_LOG_LEVEL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.env["JOINERY_DATA_DIR"] = t.TempDir()
			_, errs := (&shell{t: t, env: c.env}).run("", 1, "migrate")
			require.Contains(t, errs, c.says)
			require.NotContains(t, errs, "topsecret")
		})
	}
}

func TestMasterKeyFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(testKey+"\n"), 0o644))
	_, err := config{MasterKeyFile: file}.masterKey()
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(file, 0o600))
	key, err := config{MasterKeyFile: file}.masterKey()
	require.NoError(t, err)
	require.Len(t, key, 32)
	// systemd shows its credentials as readable by a group; nobody else has the folder.
	require.NoError(t, os.Chmod(file, 0o440))
	_, err = config{MasterKeyFile: file}.masterKey()
	require.ErrorContains(t, err, "chmod 600")
	_, err = config{MasterKeyFile: file, Credentials: t.TempDir()}.masterKey()
	require.ErrorContains(t, err, "chmod 600")
	_, err = config{MasterKeyFile: file, Credentials: filepath.Dir(file)}.masterKey()
	require.NoError(t, err)
	dir := t.TempDir()
	made, err := config{DataDir: dir}.masterKey()
	require.NoError(t, err)
	again, err := config{DataDir: dir}.masterKey()
	require.NoError(t, err)
	require.Equal(t, made, again, "it is made once and kept")
	info, err := os.Stat(filepath.Join(dir, "master.key"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestAdministration(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	out, _ := s.run("", 0, "migrate")
	require.Contains(t, out, fmt.Sprint("migration ", postgres.NewestMigration()))
	s.run("correct horse battery\n", 0, "user", "add", "--email", "ada@x.example", "--name", "Ada", "--role", "admin", "--password-stdin")
	_, errs := s.run("short\n", 1, "user", "add", "--email", "bo@x.example", "--name", "Bo", "--role", "builder", "--password-stdin")
	require.Contains(t, errs, "password: The password needs at least")
	out, _ = s.run("", 0, "user", "add", "--email", "bo@x.example", "--name", "Bo", "--role", "builder,operator")
	require.Contains(t, out, "Password: ")
	out, _ = s.run("", 0, "token", "create", "--name", "ci", "--role", "viewer", "--owner", "ada@x.example", "--expires", "30d")
	require.Regexp(t, `^jnr_[A-Za-z0-9_-]{43}\n$`, out)
	_, errs = s.run("", 1, "token", "create", "--name", "ci", "--role", "admin", "--owner", "bo@x.example")
	require.Contains(t, errs, "may not do all that the role admin may")
	s.run("", 0, "token", "create", "--name", "ci", "--role", "viewer", "--owner", "bo@x.example")
	s.run("", 2, "token", "create", "--name", "ci", "--role", "viewer", "--owner", "bo@x.example", "--expires", "soon")

	t.Run("apply and export round-trip", func(t *testing.T) {
		dir := t.TempDir()
		put := func(path, text string) {
			require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600))
		}
		put("connections/hr.yaml", "key: demo-hris\nname: HR\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n")
		put("connections/dir.yaml", "key: demo-scim\nname: Directory\ntype: scim\nsettings: {base_url: https://dir.example.com}\n")
		put("names.policy.yaml", "key: names\nname: Names\ntype: groups\ngroups: {rows: [{groups: [a]}]}\n")
		flowText, err := os.ReadFile("../../flows/employee-joiner/flow.yaml")
		require.NoError(t, err)
		put("flows/join.yaml", string(flowText))
		require.NoError(t, os.CopyFS(filepath.Join(dir, "policies"), os.DirFS("../../flows/employee-joiner/policies")))
		out, _ := s.run("", 0, "apply", "-f", dir, "--submit", "-m", "first", "--as", "bo@x.example")
		require.Contains(t, out, "flow employee-joiner: saved as revision 1")
		require.Contains(t, out, "submitted: http://localhost:8080/reviews/rv_")
		exported := t.TempDir()
		out, _ = s.run("", 0, "export", "--out", exported)
		require.Contains(t, out, "Wrote 8 files")
		out, _ = s.run("", 0, "apply", "-f", exported)
		require.Equal(t, 8, strings.Count(out, "unchanged"), out)
		put("flows/bad.yaml", "key: bad\nnam: x\n")
		put("flows/other.yaml", strings.Replace(string(flowText), "key: employee-joiner", "key: other", 1))
		_, errs := s.run("", 1, "apply", "-f", dir)
		require.Contains(t, errs, "Nothing was saved")
		require.Contains(t, errs, "bad.yaml")
		out, _ = s.run("", 0, "export", "--kind", "flows", "--out", t.TempDir())
		require.Contains(t, out, "Wrote 1 files", "a bad file keeps the good ones out too")
		out, _ = s.run("", 0, "apply", "-f", "../../flows/contractor")
		require.Contains(t, out, "flow contractor: saved as revision 1")
		require.Contains(t, out, "policy contractor-names: saved as revision 1")
		unready := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(unready, "half.yaml"), []byte("key: half\nname: Half\ntrigger: start\nnodes:\n  - {id: start, type: manual, params: {connection: demo-hris}}\n  - {id: alone, type: stop}\n"), 0o600))
		out, _ = s.run("", 1, "apply", "-f", unready, "--submit", "-m", "first", "--as", "bo@x.example")
		require.Contains(t, out, "flow half: saved as revision 1")
		require.Contains(t, out, "nodes.alone: Nothing leads to this node.")
		require.Contains(t, out, "not submitted: Revision 1 cannot be submitted before its problems are solved")
		s.run("", 2, "apply", "-f", filepath.Join(dir, "nowhere"))
		s.run("", 2, "export", "--kind", "things")
	})
	t.Run("run start", func(t *testing.T) {
		_, errs := s.run("", 1, "run", "start", "--flow", "employee-joiner", "--worker", "1")
		require.Contains(t, errs, "not live")
		_, errs = s.run("", 1, "run", "start", "--flow", "nothing", "--worker", "1")
		require.Contains(t, errs, "There is no flow")
		s.run("", 2, "run", "start", "--flow", "employee-joiner")
	})
}

func TestS87_AuditVerify(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.run("correct horse battery\n", 0, "user", "add", "--email", "ada@x.example", "--name", "Ada", "--role", "admin", "--password-stdin")
	ctx := context.Background()
	db, err := postgres.Open(ctx, postgres.Config{URL: s.owner})
	require.NoError(t, err)
	defer db.Close()
	_, err = db.SealAudit(ctx)
	require.NoError(t, err)
	out, _ := s.run("", 0, "audit", "verify")
	require.Contains(t, out, "is whole: 1 records")

	// The server keeps a signed checkpoint outside of the database.
	tl := &tool{env: func(k string) string { return s.env[k] }, out: &bytes.Buffer{}, errs: &bytes.Buffer{}}
	h, err := tl.open(ctx)
	require.NoError(t, err)
	_, err = h.checkpoint(ctx, 0)
	require.NoError(t, err)
	h.close()
	root, err := pgx.Connect(ctx, s.owner)
	require.NoError(t, err)
	defer root.Close(ctx)
	_, err = root.Exec(ctx, `ALTER TABLE audit_events DISABLE TRIGGER USER; UPDATE audit_events SET action = 'nothing'`)
	require.NoError(t, err)
	_, errs := s.run("", 1, "audit", "verify")
	require.Contains(t, errs, "First broken record: number 1")
	_, err = root.Exec(ctx, `ALTER TABLE audit_chain DISABLE TRIGGER USER; DELETE FROM audit_chain; DELETE FROM audit_events`)
	require.NoError(t, err)
	_, errs = s.run("", 1, "audit", "verify")
	require.Contains(t, errs, "checkpoint", "a log that was emptied is noticed")
}

// The private database: made at the first start, stopped in order, and used by a
// second command while a server runs.
func TestPrivateDatabase(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	t.Parallel()
	dir, err := os.MkdirTemp("", "joinery-cmd-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &shell{t: t, env: map[string]string{"JOINERY_DATA_DIR": dir, "JOINERY_ADDR": "127.0.0.1:0", "JOINERY_BASE_URL": "http://localhost:1", "JOINERY_LOG_LEVEL": "error"}}
	out, _ := s.run("", 0, "migrate")
	require.Contains(t, out, fmt.Sprint("migration ", postgres.NewestMigration()))
	ctx, stop := context.WithCancel(t.Context())
	var printed lockedBuffer
	done := make(chan int, 1)
	go func() {
		done <- command(ctx, []string{"serve"}, strings.NewReader(""), &printed, &printed, func(k string) string { return s.env[k] })
	}()
	pgtest.Eventually(t, 30*time.Second, "the server says where it is", func() bool { return strings.Contains(printed.String(), "Joinery runs at") })
	require.Contains(t, printed.String(), "/setup?token=")
	s.run("correct horse battery\n", 0, "user", "add", "--email", "ada@x.example", "--name", "Ada", "--role", "admin", "--password-stdin")
	_, errs := s.run("", 1, "serve")
	require.Contains(t, errs, "Another Joinery already uses")
	stop()
	select {
	case code := <-done:
		require.Zero(t, code, printed.String())
	case <-time.After(30 * time.Second):
		t.Fatal("the server does not end")
	}
	s.run("", 0, "audit", "verify")
}

// The log is text for people or JSON for machines, one object a line; the level bounds it.
func TestLogFormats(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"": "level=INFO msg=hello run=rn_1", "text": "level=INFO msg=hello run=rn_1", "json": `"level":"INFO","msg":"hello","run":"rn_1"}`} {
		var errs bytes.Buffer
		tl := &tool{env: func(k string) string { return map[string]string{"JOINERY_LOG": format}[k] }, errs: &errs}
		log, err := tl.logger()
		require.NoError(t, err)
		log.Debug("not this")
		log.Info("hello", "run", "rn_1")
		require.Contains(t, errs.String(), want)
		require.NotContains(t, errs.String(), "not this")
	}
}
