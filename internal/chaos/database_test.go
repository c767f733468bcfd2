package chaos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // SQL by hand as the server's owner
	"github.com/stretchr/testify/require"

	"joinery/internal/faultproxy"
	"joinery/internal/pgserver"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// cluster is a PostgreSQL of a test's own, as durable as in production.
type cluster struct {
	t   *testing.T
	cfg pgserver.Config
	s   *pgserver.Server
}

func newCluster(t *testing.T, dir string) *cluster {
	t.Helper()
	need(t)
	if dir == "" {
		var err error
		dir, err = os.MkdirTemp("", "joinery-chaos-")
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	require.NoError(t, os.Chmod(dir, 0o711))
	c := &cluster{t: t, cfg: pgserver.Config{Dir: filepath.Join(dir, "pg")}}
	c.start()
	require.NoError(t, postgres.Migrate(t.Context(), c.s.URL(pgserver.Owner, "postgres"), true))
	return c
}

func (c *cluster) start() {
	c.t.Helper()
	var err error
	c.s, err = pgserver.Start(c.t.Context(), c.cfg)
	require.NoError(c.t, err)
	c.t.Cleanup(c.stop)
}

func (c *cluster) app() string { return c.s.URL(pgserver.App, "postgres") }

func (c *cluster) socket() string {
	u, err := url.Parse(c.app())
	require.NoError(c.t, err)
	return filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")
}

// stop shuts it down in order ("fast").
func (c *cluster) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_ = c.s.Stop(ctx)
}

func (c *cluster) pid() int {
	raw, err := os.ReadFile(filepath.Join(c.s.Dir(), "postmaster.pid"))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(string(raw), "\n", 2)[0]))
	return n
}

// signal ends it the hard way: SIGQUIT is "immediate", SIGKILL what it says.
func (c *cluster) signal(s syscall.Signal) {
	c.t.Helper()
	pid := c.pid()
	require.Positive(c.t, pid)
	require.NoError(c.t, syscall.Kill(pid, s))
	pgtest.Eventually(c.t, 20*time.Second, "the server is gone", func() bool {
		return syscall.Kill(pid, 0) != nil || processState(pid) == 'Z'
	})
	c.stop() // gives the folder's lock back
}

func (c *cluster) exec(statements ...string) {
	c.t.Helper()
	db, err := sql.Open("pgx", c.s.URL(pgserver.Owner, "postgres"))
	require.NoError(c.t, err)
	defer db.Close()
	for _, s := range statements {
		_, err := db.ExecContext(c.t.Context(), s)
		require.NoError(c.t, err, s)
	}
}

// door puts a proxy before the server and gives how nodes reach it through it.
func (c *cluster) door() (*faultproxy.Proxy, string) {
	c.t.Helper()
	p, err := faultproxy.New("unix", c.socket())
	require.NoError(c.t, err)
	c.t.Cleanup(p.Close)
	return p, through(p, "postgres")
}

func through(p *faultproxy.Proxy, database string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", pgserver.App, p.Addr(), database)
}

// load hires people from several senders while something breaks.
type load struct {
	w    *world
	stop atomic.Bool
	next atomic.Int64
	work sync.WaitGroup
	// statuses counts what senders were answered.
	mu       sync.Mutex
	statuses map[int]int
	ok       time.Time
}

func (w *world) load(senders int, at func() string) *load {
	l := &load{w: w, statuses: map[int]int{}}
	for range senders {
		l.work.Go(func() {
			for !l.stop.Load() {
				id := fmt.Sprint(l.next.Add(1))
				w.hris.Set(id, nil)
				for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
					status := w.send(at(), "hired-"+id, "worker.hired", id)
					l.mu.Lock()
					l.statuses[status]++
					if status/100 == 2 {
						l.ok = time.Now()
					}
					l.mu.Unlock()
					if status/100 == 2 {
						break
					}
				}
				time.Sleep(either(20*time.Millisecond, 200*time.Millisecond))
			}
		})
	}
	return l
}

// accepted waits until an event was accepted after now, and gives how long that took.
func (l *load) accepted(within time.Duration) time.Duration {
	l.w.t.Helper()
	began := time.Now()
	pgtest.Eventually(l.w.t, within, "events are accepted again", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.ok.After(began)
	})
	return time.Since(began)
}

// end lets the senders finish what they have begun and gives how many people there are.
func (l *load) end() int {
	l.stop.Store(true)
	l.work.Wait()
	return int(l.next.Load())
}

// only sees that senders were told nothing but yes and "try again".
func (l *load) only() {
	l.w.t.Helper()
	for status := range l.statuses {
		require.Contains(l.w.t, []int{0, http.StatusAccepted, http.StatusServiceUnavailable}, status, "what senders are told")
	}
}

// The database is restarted in order, stopped at once, and killed, under load.
func TestFault_F11_R13_PostgresRestarts(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "")
	w := worldAt(t, c.app())
	n := w.node("one").start(t)
	l := w.load(4, n.at)
	for name, how := range map[string]syscall.Signal{"fast": syscall.SIGINT, "immediate": syscall.SIGQUIT, "killed": syscall.SIGKILL} {
		l.accepted(20 * time.Second)
		time.Sleep(either(time.Second, 10*time.Second)) // under load
		c.signal(how)
		time.Sleep(500 * time.Millisecond)
		c.start()
		took := l.accepted(10 * time.Second)
		t.Logf("%s: events are accepted again %s after the server answers", name, took.Round(time.Millisecond))
	}
	people := l.end()
	l.only()
	require.Positive(t, l.statuses[http.StatusServiceUnavailable], "503 while the database is away")
	w.rested(either(2*time.Minute, 8*time.Minute), people)
	w.check()
	require.Equal(t, people, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
	t.Logf("%d people, answers %v", people, l.statuses)
}

// behindProxy is a world with a node that reaches its database through a proxy.
func behindProxy(t *testing.T, name string) (*faultproxy.Proxy, *world, node) {
	t.Helper()
	app, _ := pgtest.URLs(t)
	u, err := url.Parse(app)
	require.NoError(t, err)
	p, err := faultproxy.New("unix", filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432"))
	require.NoError(t, err)
	t.Cleanup(p.Close)
	w := worldAt(t, app)
	n := w.node(name)
	n.URL = through(p, strings.TrimPrefix(u.Path, "/"))
	return p, w, n
}

// Connections to the database are cut exactly at a COMMIT: before the server gets
// it, or after it has committed and before we are told.
func TestFault_F12_R14_CutAtCommit(t *testing.T) {
	need(t)
	t.Parallel()
	p, w, n := behindProxy(t, "one")
	first := n.start(t)
	random := dice(t, 12)
	var mu sync.Mutex
	before, after := 0, 0
	// On the wire a commit is a simple query, or a statement that was prepared under
	// the digest of its text; its answer is the tag COMMIT.
	sum := sha256.Sum256([]byte("commit"))
	simple, prepared, done := []byte("commit\x00"), []byte("stmtcache_"+hex.EncodeToString(sum[:24])), []byte("COMMIT\x00")
	p.Judge(func(c faultproxy.Chunk) faultproxy.Verdict {
		asks := c.ToServer && (bytes.Contains(c.Bytes, simple) || bytes.Contains(c.Bytes, prepared))
		told := !c.ToServer && bytes.Contains(c.Bytes, done)
		if !asks && !told || random.IntN(4) != 0 {
			return faultproxy.Pass
		}
		mu.Lock()
		defer mu.Unlock()
		if asks {
			before++
		} else {
			after++
		}
		return faultproxy.Cut
	})
	l := w.load(2, first.at)
	wanted := either(80, 1000)
	pgtest.Eventually(t, either(2*time.Minute, 15*time.Minute), "enough cuts", func() bool { mu.Lock(); defer mu.Unlock(); return before+after >= wanted })
	people := l.end()
	p.Judge(nil)
	l.only()
	w.rested(either(3*time.Minute, 8*time.Minute), people)
	w.check()
	require.Equal(t, people, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
	require.Len(t, w.accounts(), people)
	t.Logf("%d cuts before and %d after the commit, over %d people", before, after, people)
}

// The network to the database swallows everything and tells nobody. The node lets
// its runs go before their leases end; another one carries on.
func TestFault_F12_R29_DatabaseBehindASilentNetwork(t *testing.T) {
	need(t)
	t.Parallel()
	p, w, n := behindProxy(t, "lonely")
	one := n.start(t)
	w.dir.Plan(func(c call) answer { return answer{wait: 300 * time.Millisecond} })
	w.many(0, 10, one.at)
	pgtest.Eventually(t, 20*time.Second, "accounts are being made", func() bool { return w.dir.count(call.creates) > 3 })
	p.Mute()
	w.dir.Plan(nil)
	began := time.Now()
	two := w.node("other").start(t)
	status := w.send(one.url, "hired-99", "worker.hired", "99")
	require.Contains(t, []int{0, http.StatusServiceUnavailable}, status)
	w.many(10, 12, two.at)
	w.rested(60*time.Second, 12)
	t.Logf("the other one had done all after %s", time.Since(began).Round(time.Second))
	calls := len(w.dir.calls())
	p.Up()
	p.CutAll()
	w.many(12, 14, one.at)
	w.rested(60*time.Second, 14)
	require.Greater(t, len(w.dir.calls()), calls)
	w.check()
	require.Equal(t, 14, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
	require.Len(t, w.accounts(), 14)
}

// copyOf makes a standby of a running server with pg_basebackup and starts it.
func (c *cluster) copyOf(t *testing.T) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "joinery-chaos-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o711))
	home := filepath.Join(dir, "pg")
	require.NoError(t, os.MkdirAll(home, 0o700))
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_basebackup")
	if len(found) == 0 {
		t.Skip("pg_basebackup is not installed, so there is no second server to fail over to")
	}
	cmd := exec.Command(found[len(found)-1], "-D", filepath.Join(home, "data"), "-h", filepath.Dir(c.socket()), "-U", pgserver.Owner, "-R", "-X", "stream", "-c", "fast")
	cmd.Dir = dir
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		require.NoError(t, err)
		uid, err := strconv.Atoi(u.Uid)
		require.NoError(t, err)
		gid, err := strconv.Atoi(u.Gid)
		require.NoError(t, err)
		require.NoError(t, os.Chown(home, uid, gid))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	s := &cluster{t: t, cfg: pgserver.Config{Dir: home}}
	s.start()
	return s
}

// The database fails over to a standby. With synchronous replication nothing is
// lost; without, the events of the lost tail are taken again when their sender
// (or a sweep) tells them again, and accounts that nobody remembers are adopted.
func TestFault_F13_F14_R15_R36_Failover(t *testing.T) {
	need(t)
	t.Parallel()
	t.Run("synchronous", func(t *testing.T) {
		t.Parallel()
		a := newCluster(t, "")
		b := a.copyOf(t)
		a.exec("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
		p, app := a.door()
		w := worldAt(t, app)
		n := w.node("one").start(t)
		l := w.load(4, n.at)
		l.accepted(20 * time.Second)
		time.Sleep(3 * time.Second)
		a.signal(syscall.SIGKILL)
		b.exec("SELECT pg_promote()")
		p.To("unix", b.socket())
		p.CutAll()
		t.Logf("events are accepted again after %s", l.accepted(20*time.Second).Round(time.Millisecond))
		people := l.end()
		l.only()
		w.rested(either(2*time.Minute, 8*time.Minute), people)
		w.check()
		require.Equal(t, people, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
		require.Len(t, w.accounts(), people)
	})
	t.Run("asynchronous, the tail is lost", func(t *testing.T) {
		t.Parallel()
		a := newCluster(t, "")
		p, app := a.door()
		w := worldAt(t, app)
		b := a.copyOf(t)
		n := w.node("one").start(t)
		w.many(0, 5, n.at)
		w.rested(60*time.Second, 5)
		var seen, want string
		require.NoError(t, w.db.RawScan(t.Context(), &want, `SELECT pg_current_wal_flush_lsn()::text`))
		pgtest.Eventually(t, 20*time.Second, "the standby has it", func() bool {
			db, err := sql.Open("pgx", b.s.URL(pgserver.Owner, "postgres"))
			require.NoError(t, err)
			defer db.Close()
			return db.QueryRow(`SELECT CASE WHEN pg_last_wal_replay_lsn() >= $1::pg_lsn THEN 'yes' ELSE 'no' END`, want).Scan(&seen) == nil && seen == "yes"
		})
		b.stop() // the standby hears nothing of what follows
		w.many(5, 15, n.at)
		w.rested(60*time.Second, 15)
		require.Len(t, w.accounts(), 15)
		a.signal(syscall.SIGKILL)
		b.start()
		b.exec("SELECT pg_promote()")
		p.To("unix", b.socket())
		p.CutAll()
		pgtest.Eventually(t, 30*time.Second, "the standby serves", func() bool { return w.count(`SELECT count(*) FROM runs`) >= 0 })
		require.Equal(t, 5, w.count(`SELECT count(*) FROM runs`), "what was acknowledged and lost")
		w.again(n, 15)
	})
}

// again tells every event once more, as a sweep does, to a database that lost
// some: the accounts are adopted by their marks, and none is made twice.
func (w *world) again(n *process, people int) {
	w.t.Helper()
	had := w.accounts()
	creates := w.dir.count(call.creates)
	w.mu.Lock()
	w.acked, w.forgot = map[string]string{}, true
	w.mu.Unlock()
	w.many(0, people, n.at)
	w.rested(either(2*time.Minute, 8*time.Minute), people)
	w.check()
	require.Equal(w.t, people, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
	require.Equal(w.t, had, w.accounts(), "the accounts are the same")
	require.Equal(w.t, creates, w.dir.count(call.creates), "no account was asked for again")
	require.Positive(w.t, w.count(`SELECT count(*) FROM steps WHERE node = 'create' AND port = 'existed'`), "accounts that were adopted")
}

// The database is set back to its last backup while accounts were made after it.
func TestFault_F33_R36_RestoredFromABackup(t *testing.T) {
	need(t)
	t.Parallel()
	a := newCluster(t, "")
	p, app := a.door()
	w := worldAt(t, app)
	n := w.node("one").start(t)
	w.many(0, 6, n.at)
	w.rested(60*time.Second, 6)
	backup := a.copyOf(t) // pg_basebackup
	backup.stop()
	w.many(6, 14, n.at)
	w.rested(60*time.Second, 14)
	a.signal(syscall.SIGQUIT)
	// The backup becomes the server.
	require.NoError(t, os.Remove(filepath.Join(backup.s.Dir(), "standby.signal")))
	backup.start()
	p.To("unix", backup.socket())
	p.CutAll()
	pgtest.Eventually(t, 30*time.Second, "the backup serves", func() bool { return w.count(`SELECT count(*) FROM runs`) == 6 })
	w.again(n, 14)
}

// The database's disk is full. The node stays up and says 503; when there is
// space again the database is started by whoever keeps it, and all goes on.
func TestFault_F25_R25_DatabaseDiskFull(t *testing.T) {
	need(t)
	t.Parallel()
	dir, err := os.MkdirTemp("", "joinery-chaos-")
	require.NoError(t, err)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=160m,mode=711"); err != nil {
		t.Skipf("a small file system cannot be mounted here (%v), so a full disk is not tested", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH); _ = os.RemoveAll(dir) })
	c := newCluster(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	var keeping sync.WaitGroup
	keeping.Go(func() { c.s.Keep(ctx) })
	t.Cleanup(func() { cancel(); keeping.Wait() })
	w := worldAt(t, c.app())
	n := w.node("one").start(t)
	l := w.load(2, n.at)
	l.accepted(20 * time.Second)
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	pgtest.Eventually(t, 90*time.Second, "the database cannot write", func() bool {
		fill(t, ballast)
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.statuses[http.StatusServiceUnavailable] > 10
	})
	require.Equal(t, 200, status(n.url+"/healthz"), "the node is there")
	require.NoError(t, os.Remove(ballast))
	t.Logf("events are accepted again %s after there is space", l.accepted(30*time.Second).Round(100*time.Millisecond))
	people := l.end()
	l.only()
	w.rested(either(2*time.Minute, 8*time.Minute), people)
	w.check()
	require.Equal(t, people, w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`))
}

// fill takes what is left of the file system.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer f.Close()
	block := make([]byte, 256<<10)
	for err == nil {
		_, err = f.Write(block)
	}
}

func status(url string) int {
	resp, err := http.Get(url)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}
