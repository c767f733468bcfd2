package connectortest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"joinery/internal/connector"
	"joinery/internal/pgserver"
)

// Tryton is a running Tryton, an open-source ERP with an HR core, on PostgreSQL.
type Tryton struct {
	BaseURL  string
	Database string
	// Admin may do anything; User is the one for a connection: without any group,
	// which lets stock Tryton's users read employees and write parties.
	Admin, AdminPassword string
	User, Password       string

	process *process
	pg      *pgserver.Server
	http    *http.Client
	mu      sync.Mutex
	auth    string
	context map[string]any
}

const (
	trytonDB   = "hr"
	trytonPass = "adminpw-123"
	trytonUser = "joinery"
	trytonWord = "svcpw-12345-long"
	// trytonRecipe changes when what is seeded changes, so that old templates are left.
	trytonRecipe = "company party user_role company_work_time; Corp, Other Corp, joinery; 2"
)

var sharedTryton struct {
	once sync.Once
	s    *Tryton
	err  error
	dir  string
}

// SharedTryton gives the Tryton of this test process, started at first use; tests
// make employees of their own. The package's TestMain runs its tests with Run,
// which stops it. Where it cannot run, the test is skipped with the reason.
func SharedTryton(t testing.TB) *Tryton {
	t.Helper()
	Need(t)
	if why := NoTryton(); why != "" {
		t.Skip("SKIPPED, a real HR system is not proven here: " + why)
	}
	sharedTryton.once.Do(func() {
		if sharedTryton.dir, sharedTryton.err = os.MkdirTemp("", "joinery-tryton-"); sharedTryton.err == nil {
			// PostgreSQL does not run as root, so its account must come through here.
			if sharedTryton.err = os.Chmod(sharedTryton.dir, 0o711); sharedTryton.err == nil {
				sharedTryton.s, sharedTryton.err = newTryton(context.WithoutCancel(t.Context()), sharedTryton.dir)
			}
		}
	})
	if sharedTryton.err != nil {
		t.Fatal(sharedTryton.err)
	}
	return sharedTryton.s
}

// NoTryton says why Tryton cannot run on this machine; "" when it can.
func NoTryton() string {
	switch {
	case runtime.GOOS != "linux":
		return "Tryton is installed from Debian packages. Run the tests on a Debian machine to prove it."
	case find("trytond") == "" || find("trytond-admin") == "":
		return "install tryton-server and tryton-modules-company (make test does it on Debian)."
	}
	if out, err := exec.Command("/usr/bin/python3", "-c", "import psycopg2, pytz, passlib, trytond.modules.company, trytond.modules.party").CombinedOutput(); err != nil {
		return "a package of Tryton is missing (make test installs them on Debian): " + strings.TrimSpace(string(out))
	}
	return ""
}

func stopTryton() {
	if s := sharedTryton.s; s != nil {
		s.stop()
	}
	if sharedTryton.dir != "" {
		_ = os.RemoveAll(sharedTryton.dir)
	}
}

func (s *Tryton) stop() {
	if s.process != nil {
		s.process.stop()
	}
	s.http.CloseIdleConnections()
	_ = s.pg.Stop(context.Background())
}

// newTryton copies the prepared database and starts both servers.
func newTryton(ctx context.Context, dir string) (*Tryton, error) {
	template, err := trytonTemplate(ctx)
	if err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", template, filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy the database: %w: %s", err, out)
	}
	return startTryton(ctx, dir)
}

func startTryton(ctx context.Context, dir string) (*Tryton, error) {
	pg, err := pgserver.Start(ctx, pgserver.Config{Dir: dir, Fast: true})
	if err != nil {
		return nil, err
	}
	s := &Tryton{Database: trytonDB, Admin: "admin", AdminPassword: trytonPass, User: trytonUser, Password: trytonWord, pg: pg,
		http: &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{}}}
	var last error
	for range 3 { // a free port may be taken before trytond listens
		port, err := freePort()
		if err != nil {
			s.stop()
			return nil, err
		}
		s.BaseURL = "http://" + hostPort(port)
		conf := filepath.Join(dir, "trytond.conf")
		if err := writeTrytonConf(conf, pg, port); err != nil {
			s.stop()
			return nil, err
		}
		if s.process, err = start(dir, find("trytond"), "-c", conf, "-d", trytonDB); err != nil {
			s.stop()
			return nil, err
		}
		if last = s.process.ready(ctx, accepts(port)); last == nil {
			return s, nil
		}
		s.process.stop()
	}
	s.process = nil
	s.stop()
	return nil, last
}

func writeTrytonConf(path string, pg *pgserver.Server, port int) error {
	u, err := url.Parse(pg.URL(pgserver.Owner, ""))
	if err != nil {
		return err
	}
	q := u.Query()
	text := fmt.Sprintf("[database]\nuri = postgresql:///?host=%s&user=%s\n[web]\nlisten = %s\n[session]\nauthentications = password\nmax_age = 86400\ntimeout = 86400\n",
		q.Get("host"), pgserver.Owner, hostPort(port))
	return os.WriteFile(path, []byte(text), 0o600)
}

// trytonTemplate gives the data folder of a database with Tryton's modules, a
// company and the connection's user. Making it takes 10 s, so it is kept in the
// user's cache.
func trytonTemplate(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	version, err := exec.CommandContext(ctx, find("trytond"), "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask Tryton for its version: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	building, err := os.MkdirTemp("", "joinery-tryton-template-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(building) }()
	if err := os.Chmod(building, 0o711); err != nil {
		return "", err
	}
	pg, err := pgserver.Major()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(string(version) + trytonRecipe + pg))
	dir := filepath.Join(cache, "joinery-test", "tryton-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(filepath.Join(dir, "PG_VERSION")); err == nil {
		return dir, nil
	}
	if err := makeTryton(ctx, building); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	beside := dir + "-" + filepath.Base(building)
	defer func() { _ = os.RemoveAll(beside) }()
	if out, err := exec.CommandContext(ctx, "cp", "-a", filepath.Join(building, "data"), beside).CombinedOutput(); err != nil {
		return "", fmt.Errorf("keep the database: %w: %s", err, out)
	}
	if err := os.Rename(beside, dir); err != nil {
		if _, statErr := os.Stat(filepath.Join(dir, "PG_VERSION")); statErr != nil {
			return "", err
		}
	}
	return dir, nil
}

// makeTryton builds the database in dir and stops both servers again.
func makeTryton(ctx context.Context, dir string) error {
	pg, err := pgserver.Start(ctx, pgserver.Config{Dir: dir, Fast: true})
	if err != nil {
		return err
	}
	conf, pass := filepath.Join(dir, "trytond.conf"), filepath.Join(dir, "pw")
	err = func() error {
		if err := writeTrytonConf(conf, pg, 1); err != nil {
			return err
		}
		if err := os.WriteFile(pass, []byte(trytonPass), 0o600); err != nil {
			return err
		}
		if err := trytonSQL(ctx, pg, "postgres", "CREATE DATABASE "+trytonDB); err != nil {
			return err
		}
		fill := exec.CommandContext(ctx, find("trytond-admin"), "-c", conf, "-d", trytonDB, "--email", "admin@joinery.test", "-u", "company", "party", "user_role", "company_work_time", "--activate-dependencies", "-l", "en")
		fill.Env = append(os.Environ(), "TRYTONPASSFILE="+pass)
		if out, err := fill.CombinedOutput(); err != nil {
			return fmt.Errorf("set Tryton up: %w: %s", err, out)
		}
		return nil
	}()
	if stopErr := pg.Stop(ctx); err == nil {
		err = stopErr
	}
	if err != nil {
		return err
	}
	s, err := startTryton(ctx, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	return s.seed(ctx)
}

// trytonSQL runs a statement with the library that Tryton uses itself.
func trytonSQL(ctx context.Context, pg *pgserver.Server, database, statement string) error {
	const script = "import sys, psycopg2\nc = psycopg2.connect(sys.argv[1])\nc.autocommit = True\nc.cursor().execute(sys.argv[2])"
	if out, err := exec.CommandContext(ctx, "/usr/bin/python3", "-c", script, pg.URL(pgserver.Owner, database), statement).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", statement, err, out)
	}
	return nil
}

// EndSessions makes Tryton forget the sessions of the connection's user, as it
// does by itself when they rest.
func (s *Tryton) EndSessions(ctx context.Context) error {
	return trytonSQL(ctx, s.pg, s.Database, "DELETE FROM ir_session WHERE create_uid IN (SELECT id FROM res_user WHERE login = '"+s.User+"')")
}

// Call runs a method as the administrator, with the context of his preferences.
func (s *Tryton) Call(ctx context.Context, method string, params ...any) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.auth == "" {
		got, err := s.post(ctx, "common.db.login", "", []any{s.Admin, map[string]any{"password": s.AdminPassword}})
		if err != nil {
			return nil, err
		}
		pair := got.([]any)
		s.auth = "Session " + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s:%v:%v", s.Admin, pair[0], pair[1]))
	}
	if s.context == nil {
		got, err := s.post(ctx, "model.res.user.get_preferences", s.auth, []any{true, map[string]any{}})
		if err != nil {
			return nil, err
		}
		s.context = got.(map[string]any)
	}
	return s.post(ctx, method, s.auth, append(params, s.context))
}

func (s *Tryton) post(ctx context.Context, method, auth string, params []any) (any, error) {
	body, err := json.Marshal(map[string]any{"id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.BaseURL+"/"+s.Database+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var out struct {
		Result any
		Error  []any
	}
	dec := json.NewDecoder(resp.Body)
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", method, resp.Status, err)
	}
	if out.Error != nil {
		return nil, fmt.Errorf("%s: %v", method, out.Error)
	}
	return out.Result, nil
}

// TrytonDay writes a day as Tryton's protocol does.
func TrytonDay(day string) map[string]any {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return map[string]any{"__class__": "date", "year": t.Year(), "month": int(t.Month()), "day": t.Day()}
}

// Settings are a connection's settings for this server.
func (s *Tryton) Settings(key string) connector.Settings {
	return connector.Settings{Key: key, Name: "Tryton", Type: "tryton", Private: []string{"127.0.0.1"},
		Settings: map[string]any{"base_url": s.BaseURL, "database": s.Database, "user": s.User}}
}

// seed makes two companies, Corp (in Berlin) and Other Corp, and the user of a
// connection.
func (s *Tryton) seed(ctx context.Context) error {
	currency, err := s.Make(ctx, "currency.currency", map[string]any{"name": "Euro", "code": "EUR", "symbol": "€"})
	if err != nil {
		return err
	}
	var first int
	for _, c := range []struct{ name, zone string }{{"Corp", "Europe/Berlin"}, {"Other Corp", ""}} {
		party, err := s.Make(ctx, "party.party", map[string]any{"name": c.name})
		if err != nil {
			return err
		}
		values := map[string]any{"party": party, "currency": currency}
		if c.zone != "" {
			values["timezone"] = c.zone
		}
		company, err := s.Make(ctx, "company.company", values)
		if err != nil {
			return err
		}
		if first == 0 {
			first = company
		}
	}
	_, err = s.Make(ctx, "res.user", map[string]any{"name": "Joinery", "login": trytonUser, "password": trytonWord, "companies": []any{[]any{"add", []any{first}}}, "company": first})
	return err
}

// Make creates a record and gives its id.
func (s *Tryton) Make(ctx context.Context, model string, values map[string]any) (int, error) {
	got, err := s.Call(ctx, "model."+model+".create", []any{values})
	if err != nil {
		return 0, err
	}
	ids, _ := got.([]any)
	if len(ids) != 1 {
		return 0, fmt.Errorf("create %s: %v", model, got)
	}
	n, err := ids[0].(json.Number).Int64()
	return int(n), err
}
