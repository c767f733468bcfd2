// Package luavm is the governed runtime of functions: Lua in worker processes
// that hold no secrets, no environment, no files and no network, do one call and
// end. It alone knows gopher-lua.
package luavm

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"joinery/internal/fault"
)

// Config says how many workers there are.
type Config struct {
	// Command starts a worker; empty is joinery-worker beside this program, or this program itself.
	Command []string
	// Warm workers wait for work, Most work at the same time. Zero: 2 and 4.
	Warm, Most int
	Log        *slog.Logger
	// AllowReduced lets functions run where workers can be shut in less than fully.
	AllowReduced bool
	// MayReduce says so for the moment, where AllowReduced does not; nil is no.
	MayReduce func(context.Context) bool
}

// Pool keeps warm workers. Each does one call.
type Pool struct {
	cfg    Config
	from   origin
	warm   chan *process
	slots  chan struct{}
	calls  map[string]Func // the library by name
	ending chan struct{}
	hands  sync.WaitGroup

	mu              sync.Mutex
	started, closed bool
	layers          []Layer
	broken          error

	reads reads
}

// Open makes a pool. Its workers are started when the first is needed.
func Open(cfg Config) (*Pool, error) {
	from := origin{command: cfg.Command}
	if len(cfg.Command) == 0 {
		var err error
		if from, err = findOrigin(); err != nil {
			return nil, err
		}
	}
	if cfg.Warm <= 0 {
		cfg.Warm = 2
	}
	if cfg.Most <= 0 {
		cfg.Most = 4
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	calls := map[string]Func{}
	for _, e := range library() {
		calls[e.Name] = e.Func
	}
	p := &Pool{cfg: cfg, from: from, calls: calls, warm: make(chan *process), slots: make(chan struct{}, cfg.Most), ending: make(chan struct{})}
	return p, nil
}

// Start starts the first workers in the background, once.
func (p *Pool) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started || p.closed {
		return
	}
	p.started = true
	if p.from.why != nil {
		p.cfg.Log.Info("function workers start from the whole program, which takes longer", "err", p.from.why)
	}
	for range p.cfg.Warm {
		p.hands.Add(1)
		go p.keepWarm()
	}
}

// keepWarm starts workers one after another and hands each over.
func (p *Pool) keepWarm() {
	defer p.hands.Done()
	wait := 50 * time.Millisecond
	for {
		w, err := startProcess(p.from.command)
		p.mu.Lock()
		p.broken = err
		if err == nil {
			p.layers = w.hello.Layers
		}
		p.mu.Unlock()
		if err != nil {
			p.cfg.Log.Error("function worker did not start", "err", err)
			select {
			case <-p.ending:
				return
			case <-time.After(wait):
			}
			wait = min(wait*2, 10*time.Second)
			continue
		}
		wait = 50 * time.Millisecond
		select {
		case p.warm <- w:
		case <-p.ending:
			w.kill()
			w.wait()
			return
		}
	}
}

// Close ends all workers.
func (p *Pool) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.ending)
	}
	p.mu.Unlock()
	p.hands.Wait()
	if p.from.held != nil {
		_ = p.from.held.Close()
	}
}

// Shelter is how workers are shut in on this machine, as the newest of them said.
func (p *Pool) Shelter() (Level, []Layer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return levelOf(p.layers), append([]Layer(nil), p.layers...), p.broken
}

// worker takes a warm worker and a place among those that work.
func (p *Pool) worker(ctx context.Context) (*process, error) {
	p.Start()
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.ending:
		return nil, errors.New("the pool is closed")
	}
	for {
		p.mu.Lock()
		broken := p.broken
		p.mu.Unlock()
		select {
		case w := <-p.warm:
			return w, nil
		case <-ctx.Done():
			<-p.slots
			return nil, ctx.Err()
		case <-p.ending:
			<-p.slots
			return nil, errors.New("the pool is closed")
		case <-time.After(10 * time.Second):
			if broken != nil {
				<-p.slots
				return nil, fault.Wrap(fault.Unavailable, broken, "No worker for functions can be started on this machine; see the server's log.")
			}
		}
	}
}

// leave ends a worker beside its caller, who has the answer already. Its place is
// free when it is gone.
func (p *Pool) leave(w *process) {
	w.kill()
	gone := func() {
		w.wait()
		<-p.slots
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		gone()
		return
	}
	p.hands.Add(1)
	p.mu.Unlock()
	go func() {
		defer p.hands.Done()
		gone()
	}()
}

// Check reads source in a worker, or gives what one read in the same source of late.
func (p *Pool) Check(ctx context.Context, source string) (Analysis, error) {
	if len(source) > maxSource {
		return Analysis{Problems: []Problem{{Detail: "The source may have up to 64 kB."}}}, nil
	}
	if a, ok := p.reads.find(source); ok {
		return a, nil
	}
	out, err := p.order(ctx, order{Mode: modeCheck, Source: source, Limits: Defaults()}, nil, &Call{})
	if err != nil {
		return Analysis{}, err
	}
	if out.check == nil {
		return Analysis{Problems: []Problem{{Line: out.Line, Detail: out.Sentence()}}}, nil
	}
	p.reads.keep(source, *out.check)
	return *out.check, nil
}

// Answer is a host function: what the code asked, answered or refused.
type Answer func(ctx context.Context, name string, args []json.RawMessage) (json.RawMessage, *HostFault)

// Call is one call of a function.
type Call struct {
	Source string
	Input  json.RawMessage
	Now    time.Time
	Seed   string
	RunID  string
	DryRun bool
	Limits Limits
	// Grants are what was approved: directory:corp-ldap:accounts.find.
	Grants []string
	Answer Answer
	Cover  bool
	// Mutant is the small change of the source to run with, from 1; see Analysis.Mutants.
	Mutant int
}

// Call runs a function in a worker of its own. An error is the host's trouble;
// how the code ended is in the outcome.
func (p *Pool) Call(ctx context.Context, c Call) (Outcome, error) {
	if len(c.Source) > maxSource {
		return Outcome{Kind: Compile, Message: "The source may have up to 64 kB."}, nil
	}
	if err := p.enough(ctx); err != nil {
		return Outcome{}, err
	}
	grants := map[string]bool{}
	for _, g := range c.Grants {
		grants[g] = true
	}
	var host []string
	for _, name := range sortedKeys(p.calls) {
		if f := p.calls[name]; f.Capability != "" && anyGrant(f, c.Grants) {
			host = append(host, name)
		}
	}
	o := order{Mode: modeRun, Source: c.Source, Input: c.Input, Now: c.Now.UTC().Format(time.RFC3339Nano), Seed: c.Seed, RunID: c.RunID,
		DryRun: c.DryRun, Limits: c.Limits.Within(), Host: host, Cover: c.Cover, Mutant: c.Mutant}
	return p.order(ctx, o, grants, &c)
}
