package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/egress"
	"joinery/internal/engine"
	"joinery/internal/metric"
	nodes "joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/secret"
	"joinery/web"
)

// node is one process of an installation: the web server and the engine, wired
// as the program wires them. A test starts it as a child and breaks it.
type node struct {
	URL, Owner, Outbox string
	// At is "place#n:what": at the nth time the place is reached the process is
	// killed ("kill"), stopped ("stop", until SIGCONT) or rests ("wait").
	At []string
	// Shift is how wrong this node's clock is. OwnClock lets it live by it, which
	// the program never does.
	Shift    time.Duration
	OwnClock bool
	// Speed is how much faster its clock runs from SIGUSR1 on; it lives by its own then.
	Speed int
	Slots int
	// Beats lets it note in the database that it is there.
	Beats bool
	// Settle is how long the directory may hide what was made; 0 is the product's own.
	Settle time.Duration
}

func key() []byte { return bytes.Repeat([]byte{7}, secret.KeySize) }

func kinds() artifact.Kinds { return artifact.Kinds{Flows: nodes.All(), Connectors: all.New()} }

// run is the child.
func (n node) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() { // the test holds the other end: a node must not outlive it
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("JOINERY_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", n.Owner)
	}
	now := n.clock(ctx)
	sealer, err := secret.NewSealer(key())
	if err != nil {
		return err
	}
	places, counts := &places{at: n.At}, metric.New("test", "")
	db, err := postgres.Open(ctx, postgres.Config{URL: n.URL, Conns: 8, Log: log, Now: now, Artifacts: kinds(), Sealer: sealer, Reached: places.reached})
	if err != nil {
		return err
	}
	defer db.Close()
	if !n.OwnClock {
		if _, err := db.SyncClock(ctx); err != nil {
			return err
		}
	}
	pool := &connector.Pool{Catalog: all.New(), Guard: &egress.Guard{}, Secret: db.Secret, Now: db.Now, Log: log}
	e := &engine.Engine{DB: db, Nodes: nodes.All(), Pool: pool, Owner: n.Owner, Now: db.Now, Log: log, Slots: n.Slots, Settle: n.Settle, Reached: places.reached, Mail: n.mail, BaseURL: "http://localhost", Metrics: counts}
	site := &web.Server{DB: db, Hasher: auth.NewHasher(1), Log: log, Now: db.Now, BaseURL: "http://localhost", Catalog: all.New(), Nodes: nodes.All(), Pool: pool, Kick: e.Kick, Version: "test", Reached: places.reached, Metrics: counts, Beat: e.Beat, InHand: e.InHand}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	// As in the product, engine and site end beside each other.
	front, stop := context.WithCancel(ctx)
	defer stop()
	back, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var parts sync.WaitGroup
	parts.Go(func() { seal(back, db) })
	if n.Beats {
		parts.Go(func() { beat(back, db, n.Owner) })
	}
	if !n.OwnClock {
		parts.Go(func() { db.KeepClock(back) })
	}
	var working sync.WaitGroup
	working.Go(func() { e.Run(front) })
	err = site.Serve(ctx, ln)
	stop()
	working.Wait()
	end()
	parts.Wait()
	_ = pool.Close()
	return err
}

// clock gives the node's own clock.
func (n node) clock(ctx context.Context) func() time.Time {
	var began atomic.Pointer[time.Time]
	if n.Speed > 0 {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGUSR1)
		go func() {
			select {
			case <-told:
				now := time.Now()
				began.Store(&now)
			case <-ctx.Done():
			}
		}()
	}
	return func() time.Time {
		if at := began.Load(); at != nil {
			return at.Add(n.Shift + time.Duration(n.Speed)*time.Since(*at))
		}
		return time.Now().Add(n.Shift)
	}
}

func seal(ctx context.Context, db *postgres.DB) {
	for ctx.Err() == nil {
		_, _ = db.SealAudit(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// mail keeps the id of each message that was handed over.
func (n node) mail(_ context.Context, _ nodes.Mail, id string) error {
	f, err := os.OpenFile(n.Outbox, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(id + "\n"); err != nil {
		return err
	}
	return f.Close()
}

// places does at the places of a process what a test wants.
type places struct {
	mu   sync.Mutex
	seen map[string]int
	at   []string
}

func (p *places) reached(place string) {
	p.mu.Lock()
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	p.seen[place]++
	now := place + "#" + strconv.Itoa(p.seen[place]) + ":"
	what := ""
	for _, a := range p.at {
		if rest, ok := strings.CutPrefix(a, now); ok {
			what = rest
		}
	}
	p.mu.Unlock()
	switch what {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal needs a moment
	case "stop":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		stoodStill()
	case "wait":
		time.Sleep(time.Second)
	}
}

// stoodStill waits until this process was stopped and goes on: the signal needs a
// moment, on a busy machine a long one. Time that jumps shows that it was.
func stoodStill() {
	last := time.Now()
	for range 1000 {
		time.Sleep(5 * time.Millisecond)
		if now := time.Now(); now.Sub(last) > time.Second {
			return
		}
		last = time.Now()
	}
}

// process is a running node.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	done chan struct{}
}

// start starts a node of this test binary.
func (n node) start(t *testing.T) *process { t.Helper(); return n.startBinary(t, os.Args[0]) }

func (n node) startBinary(t *testing.T, binary string) *process {
	t.Helper()
	raw, err := json.Marshal(n)
	require.NoError(t, err)
	cmd := exec.Command(binary, "-test.run=^$")
	// Memory is collected as it is in production, whatever the tests around it do.
	cmd.Env = append(os.Environ(), childVariable+"="+string(raw), "GOGC=100")
	cmd.Stderr = os.Stderr
	_, err = cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{t: t, cmd: cmd, done: make(chan struct{})}
	said := make(chan string, 1)
	go func() {
		in := bufio.NewScanner(out)
		if in.Scan() {
			said <- in.Text()
		}
		close(said)
		for in.Scan() {
		}
		_ = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	select {
	case at := <-said:
		p.url = "http://" + at
	case <-time.After(60 * time.Second):
		t.Fatal("a node did not start")
	}
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// died waits for the node to end by itself.
func (p *process) died(within time.Duration) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(max(within, pgtest.Hang)):
		p.kill()
		p.t.Fatalf("the node did not die within %s", within)
	}
}
