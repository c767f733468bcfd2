package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/fake"
	"joinery/internal/connector/ldap"
	"joinery/internal/connectortest"
	"joinery/internal/egress"
	"joinery/internal/engine"
	"joinery/internal/luavm"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/secret"
)

// child says what a child process of a test runs: an engine on a database.
type child struct {
	URL, Owner, File string
	Plan             []string
	// DieAfterCheckpoint kills the process after that many checkpoints; 0 never.
	DieAfterCheckpoint int32
	// DieAt kills the process when a run passes this place for the n-th time: "after
	// effect#1".
	DieAt    string
	Password string
	Outbox   string
}

const childVariable = "JOINERY_ENGINE_TEST_CHILD"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == luavm.SandboxCommand {
		os.Exit(luavm.Serve())
	}
	if text := os.Getenv(childVariable); text != "" {
		var c child
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := c.run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(shared{m}, goleak.IgnoreAnyFunction("joinery/internal/pgserver.startLocked.func1"), goleak.IgnoreTopFunction("os/exec.(*Cmd).watchCtx"),
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

// shared runs the tests and stops the real systems they shared.
type shared struct{ m *testing.M }

func (s shared) Run() int { return connectortest.Run(s.m) }

func childTypes(file string, plan []string) all.Catalog {
	wrap := func(t connector.Type) connector.Type { return fake.Mishaps{Type: t, File: file, Plan: plan} }
	return all.Of(wrap(fake.Directory{}), wrap(fake.HRIS{}), wrap(ldap.Type{}))
}

// run is the child: an engine until the process is told to end, or killed.
func (c child) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	types := childTypes(c.File, c.Plan)
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("JOINERY_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: c.URL, Conns: 6, Log: log, Artifacts: artifact.Kinds{Flows: node.All(), Connectors: types}})
	if err != nil {
		return err
	}
	defer db.Close()
	e := &engine.Engine{DB: db, Nodes: node.All(), Owner: c.Owner, Now: time.Now, Log: log, Mail: c.mail, Settle: time.Second,
		Pool: &connector.Pool{Catalog: types, Guard: &egress.Guard{}, Now: time.Now, Log: log,
			Secret: func(context.Context, string, string) (secret.Value, error) { return secret.New(c.Password), nil }}}
	functions, err := luavm.Open(luavm.Config{AllowReduced: true, Log: log})
	if err != nil {
		return err
	}
	defer functions.Close()
	e.Functions = functions
	var kept atomic.Int32
	e.OnKept(func() {
		if n := kept.Add(1); n == c.DieAfterCheckpoint {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	if c.DieAt != "" {
		var passed atomic.Int32
		where, nth, _ := strings.Cut(c.DieAt, "#")
		e.Reached = func(place string) {
			if place == where && fmt.Sprint(passed.Add(1)) == nth {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	}
	e.Run(ctx)
	return e.Pool.Close()
}

// mail keeps the id of each message that was handed over.
func (c child) mail(_ context.Context, _ node.Mail, id string) error {
	f, err := os.OpenFile(c.Outbox, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(id + "\n"); err != nil {
		return err
	}
	return f.Close()
}

// process is a running child.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func (c child) start(t *testing.T) *process {
	t.Helper()
	raw, err := json.Marshal(c)
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childVariable+"="+string(raw))
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(p.done) }()
	t.Cleanup(func() { p.kill() })
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// died waits for the child to end by itself.
func (p *process) died(t *testing.T, within time.Duration) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(max(within, pgtest.Hang)):
		p.kill()
		t.Fatalf("the child did not die within %s", within)
	}
}
