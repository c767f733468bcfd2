package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/peoplefile"
	"joinery/internal/egress"
	"joinery/internal/engine"
	"joinery/internal/fault"
	"joinery/internal/first"
	"joinery/internal/luavm"
	"joinery/internal/mail"
	"joinery/internal/metric"
	"joinery/internal/node"
	"joinery/internal/pgserver"
	"joinery/internal/postgres"
	"joinery/internal/secret"
	"joinery/internal/trace"
	"joinery/web"
)

// house is everything, wired together.
type house struct {
	cfg     config
	key     []byte
	db      *postgres.DB
	private *pgserver.Server
	// ours says that we started the private server and must stop it.
	ours  bool
	kinds artifact.Kinds
	pool  *connector.Pool
	// functions are the workers that run function code; none is started before one is needed.
	functions *luavm.Pool
	guard     *egress.Guard
	hasher    *auth.Hasher
	// metrics and trace are a server's; nil in commands, and trace where none is asked for.
	metrics *metric.Set
	trace   *trace.Tracer
}

// open connects to the database, brings it up to date, and wires what every
// command needs. With nothing configured it starts the private PostgreSQL, or
// uses the one that a running server has started.
func (t *tool) open(ctx context.Context) (*house, error) { return t.wire(ctx, false) }

// wire is open; a server must hold the private PostgreSQL itself, because it ends
// with whoever started it.
func (t *tool) wire(ctx context.Context, server bool) (*house, error) {
	cfg, err := t.config()
	if err != nil {
		return nil, err
	}
	h := &house{cfg: cfg, hasher: auth.NewHasher(max(2, runtime.NumCPU()))}
	if h.key, err = cfg.masterKey(); err != nil {
		return nil, err
	}
	sealer, err := secret.NewSealer(h.key)
	if err != nil {
		return nil, err
	}
	if server {
		_, revision := build()
		h.metrics = metric.New(version(), revision)
		if h.trace, err = trace.Open(ctx, cfg.OTLP, version(), cfg.Log); err != nil {
			return nil, err
		}
	}
	appURL, ownerURL := cfg.DatabaseURL, cfg.DatabaseURL
	if cfg.DatabaseURL == "" {
		if err := t.startPrivate(ctx, h, server); err != nil {
			return nil, err
		}
		appURL, ownerURL = h.private.URL(pgserver.App, "postgres"), h.private.URL(pgserver.Owner, "postgres")
	}
	if err := postgres.Migrate(ctx, ownerURL, cfg.DatabaseURL == ""); err != nil {
		h.close()
		return nil, err
	}
	if h.functions, err = luavm.Open(luavm.Config{Log: cfg.Log, MayReduce: h.mayReduce}); err != nil {
		h.close()
		return nil, err
	}
	h.kinds = artifact.Kinds{Flows: node.All(), Connectors: all.New(), Functions: &luavm.Judge{Pool: h.functions}}
	if h.db, err = postgres.Open(ctx, postgres.Config{URL: appURL, Log: cfg.Log, Now: time.Now, Artifacts: h.kinds, Sealer: sealer, Metrics: h.metrics, Author: cfg.Author}); err != nil {
		h.close()
		return nil, err
	}
	// From here on all processes have one time, the database's.
	if _, err := h.db.SyncClock(ctx); err != nil {
		h.close()
		return nil, err
	}
	if n, err := h.db.SealReleases(ctx); err != nil {
		h.close()
		return nil, err
	} else if n > 0 {
		cfg.Log.Warn("releases from before there were seals were sealed as they stand; this happens once", "found", n)
	}
	if h.guard, err = egress.New(cfg.AllowHosts...); err != nil {
		h.close()
		return nil, err
	}
	h.pool = &connector.Pool{Catalog: all.New().With(peoplefile.Type{Store: h.db}), Guard: h.guard, Secret: h.db.Secret, Now: h.db.Now, Log: cfg.Log}
	return h, nil
}

// mayReduce says whether functions may run where their workers cannot be shut in fully.
func (h *house) mayReduce(ctx context.Context) bool {
	if h.db == nil {
		return false
	}
	s, err := h.db.FunctionSetting(ctx)
	return err == nil && s.Rules.AllowReduced
}

func (t *tool) startPrivate(ctx context.Context, h *house, server bool) error {
	where := pgserver.Config{Dir: filepath.Join(h.cfg.DataDir, "postgres"), Log: h.cfg.Log}
	if s, ok := pgserver.Attach(ctx, where); ok && !server && pgserver.Held(where.Dir) {
		h.private = s
		return nil
	}
	if !pgserver.Present() {
		fmt.Fprintln(t.errs, "PostgreSQL is not installed; installing it once.")
		if err := pgserver.Obtain(ctx, io.Discard); err != nil {
			return err
		}
	}
	s, err := pgserver.Start(ctx, where)
	if err != nil {
		return err
	}
	h.private, h.ours = s, true
	return nil
}

func (h *house) close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if h.functions != nil {
			h.functions.Close()
		}
		if h.pool != nil {
			_ = h.pool.Close()
		}
		if h.db != nil {
			h.db.Close()
		}
	}()
	select {
	case <-closed:
	case <-time.After(3 * time.Second):
		// A write that a silent database never answers would hold us for ever.
		h.cfg.Log.Warn("closing connections took too long; they end with the process")
	}
	if err := h.endTrace(); err != nil {
		h.cfg.Log.Warn("sending the last traces failed", "err", err)
	}
	if h.ours {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := h.private.Stop(ctx); err != nil {
			h.cfg.Log.Warn("stopping the private database failed", "err", err)
		}
	}
}

func (h *house) endTrace() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return h.trace.Close(ctx)
}

// engine makes the engine of this process.
func (h *house) engine(pages *first.First, send func(context.Context, node.Mail, string) error) *engine.Engine {
	name, err := os.Hostname()
	if err != nil {
		name = "node"
	}
	return &engine.Engine{DB: h.db, Nodes: node.All(), Functions: h.functions, Pool: h.pool, Mail: send, HTTP: h.call(), Now: h.db.Now, Log: h.cfg.Log, BaseURL: h.cfg.BaseURL,
		Metrics: h.metrics, Trace: h.trace, First: pages, MarkKey: h.markKey(), Owner: name + "-" + uuid.NewString()[:8]}
}

// mailer gives the mail of this installation; nil when no server is configured.
func mailer(address string) (func(context.Context, node.Mail, string) error, error) {
	if address == "" {
		return nil, nil
	}
	sender, err := mail.New(address, time.Now)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, m node.Mail, id string) error {
		return sender.Send(ctx, mail.Message{ID: id, To: m.To, Cc: m.Cc, Subject: m.Subject, Text: m.Text})
	}, nil
}

// call makes the requests of http.request: only to places that the administrators
// list, under the egress guard, answers bounded to 1 MiB.
func (h *house) call() func(context.Context, node.Request) (node.Response, error) {
	client := h.guard.HTTPClient(egress.Limits{MaxBytes: 1 << 20})
	places := &targets{db: h.db}
	return func(ctx context.Context, r node.Request) (node.Response, error) {
		targets, err := places.now(ctx)
		if err != nil {
			return node.Response{}, err
		}
		address, err := egress.CheckTarget(targets, r.Method, r.URL)
		if err != nil {
			return node.Response{}, err
		}
		header, err := egress.CleanHeader(r.Header)
		if err != nil {
			return node.Response{}, err
		}
		req, err := http.NewRequestWithContext(ctx, r.Method, "", bytes.NewReader(r.Body))
		if err != nil {
			return node.Response{}, fault.Wrap(fault.Invalid, err, "This request cannot be made.")
		}
		req.URL, req.Host, req.Header = address, address.Host, header
		resp, err := egress.Send(client, req)
		if err != nil {
			return node.Response{}, err
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return node.Response{}, err
		}
		return node.Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
	}
}

// targets are the places that flows may call, read anew every second.
type targets struct {
	db    *postgres.DB
	mu    sync.Mutex
	all   []egress.Target
	until time.Time
}

func (t *targets) now(ctx context.Context) ([]egress.Target, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.until) {
		return t.all, nil
	}
	var lines []string
	if _, err := t.db.Setting(ctx, web.OutboundSetting, &lines); err != nil {
		return nil, err
	}
	t.all = nil
	for _, l := range lines {
		target, err := egress.ParseTarget(l)
		if err != nil {
			return nil, err
		}
		t.all = append(t.all, target)
	}
	t.until = time.Now().Add(time.Second)
	return t.all, nil
}

// markKey makes marks of personal values: who has only the database learns nothing
// from them.
func (h *house) markKey() []byte {
	m := hmac.New(sha256.New, h.key)
	m.Write([]byte("joinery marks of readings"))
	return m.Sum(nil)
}

// checkpointKey signs the audit checkpoints that are kept outside the database.
func (h *house) checkpointKey() []byte {
	m := hmac.New(sha256.New, h.key)
	m.Write([]byte("joinery audit checkpoints"))
	return m.Sum(nil)
}

func (h *house) checkpointFile() string {
	return filepath.Join(h.cfg.DataDir, "audit-checkpoints.jsonl")
}
