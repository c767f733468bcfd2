// Package engine carries runs forward durably. Every process runs one engine;
// they share the work through the runs table. A run in hand has a lease; when a
// process dies, another one takes its runs over and repeats the step that was
// under way, which is safe because every effect is an ensure with an intent
// written before it.
package engine

import (
	"context"
	"log/slog"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"joinery/internal/connector"
	"joinery/internal/egress"
	"joinery/internal/first"
	"joinery/internal/luavm"
	"joinery/internal/metric"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/run"
	"joinery/internal/trace"
)

// Rhythm of an engine. Leases last postgres.Lease by the database's clock.
const (
	pollEvery    = 500 * time.Millisecond
	sweepEvery   = 2 * time.Second
	renewEvery   = 5 * time.Second
	defaultSlots = 192
	gatherFor    = 3 * time.Millisecond
	betweenFor   = 15 * time.Millisecond // two claims of a busy engine
	claimFor     = 10 * time.Second
	// At the end: for calls under way (a request to an outside system has 15 seconds),
	// and for those that were cut off. With the rest a process ends within 30 seconds.
	drainFor      = 16 * time.Second
	dropFor       = 2 * time.Second
	checkpointFor = 2 * time.Minute
)

// Engine carries runs. Set the fields, then call Run once.
type Engine struct {
	DB    *postgres.DB
	Nodes node.Types
	// Functions runs function code; nil runs none.
	Functions *luavm.Pool
	Pool      *connector.Pool
	// Mail hands over one message; id is the same on every try.
	Mail func(ctx context.Context, m node.Mail, id string) error
	// HTTP sends one request under the egress guard to an allowed target.
	HTTP    func(ctx context.Context, r node.Request) (node.Response, error)
	Now     func() time.Time
	Log     *slog.Logger
	BaseURL string
	// Owner names this process among those that share the database.
	Owner string
	// Slots is how many runs are in hand at once, those apart that only wait for
	// a slow answer; 0 means 192.
	Slots int
	// First lets pages go before runs; nil lets nobody.
	First *first.First
	// MarkKey makes the marks of what was seen of workers worthless to others.
	MarkKey []byte
	// Settle is how long a system may hide what was just made in it; 0 means 30 s.
	Settle time.Duration
	// Reached is told each place a run passes. Only tests set it.
	Reached func(place string)
	// Metrics counts what is done; nil counts nothing. Trace follows it; nil does not.
	Metrics *metric.Set
	Trace   *trace.Tracer

	kick     chan struct{}
	kickOnce sync.Once
	mu       sync.Mutex
	inHand   map[run.ID]*hand
	outside  outside
	paces    egress.Paces
	paused   map[string]bool
	barred   map[string]string // who lost the right to start runs: id → name
	// switches is held while paused and barred are read, so that what was read
	// later is never replaced by what was read before.
	switches sync.Mutex
	releases sync.Map // release id → *release
	seats    chan struct{}
	beat     atomic.Int64
	reserved int         // places for runs that are just being accepted
	behind   atomic.Bool // runs wait for a place
	ending   chan struct{}
	work     sync.WaitGroup
	checks   sync.WaitGroup
	// backtests and examines say that this process carries one out.
	backtests, examines atomic.Bool
}

// Kick looks for due runs now instead of at the next poll.
func (e *Engine) Kick() {
	select {
	case e.kicks() <- struct{}{}:
	default:
	}
}

func (e *Engine) kicks() chan struct{} {
	e.kickOnce.Do(func() { e.kick = make(chan struct{}, 1) })
	return e.kick
}

// Run carries runs until ctx ends; then it finishes what is under way for a few
// seconds and gives the rest back.
func (e *Engine) Run(ctx context.Context) {
	if e.Slots == 0 {
		e.Slots = defaultSlots
	}
	e.mu.Lock()
	e.inHand, e.ending = map[run.ID]*hand{}, make(chan struct{})
	e.seats = make(chan struct{}, seatsEach*runtime.GOMAXPROCS(0))
	e.mu.Unlock()
	hands, drop := context.WithCancel(context.WithoutCancel(ctx))
	defer drop()
	poll, sweep := time.NewTicker(pollEvery), time.NewTicker(sweepEvery)
	defer poll.Stop()
	defer sweep.Stop()
	e.work.Go(func() { e.renewing(ctx) })
	e.work.Go(func() { e.reconciling(ctx) })
	e.work.Go(func() { e.sweeping(ctx) })
	e.work.Go(func() { e.looking(ctx) })
	e.refreshPaused(ctx)
	e.claim(ctx, hands, AtTakenOver, e.DB.TakeOver)
	e.DB.Into(&postgres.Hands{Owner: e.Owner, Room: e.room, Take: func(runs []postgres.Claimed, reserved int, asked time.Time) { e.taken(hands, runs, reserved, asked) }})
	for {
		e.beat.Store(time.Now().UnixNano())
		e.claim(ctx, hands, AtClaimed, e.DB.ClaimRuns)
		claimed := time.Now()
		select {
		case <-ctx.Done():
			e.DB.Into(nil)
			e.mu.Lock()
			close(e.ending)
			e.mu.Unlock()
			e.drain(drop)
			return
		case <-e.kicks():
			// What is due together is taken together: each claim costs a commit.
			gather := time.NewTimer(max(gatherFor, betweenFor-time.Since(claimed)))
			select {
			case <-gather.C:
			case <-ctx.Done():
			}
		case <-poll.C:
			e.refreshPaused(ctx)
		case <-sweep.C:
			e.claim(ctx, hands, AtTakenOver, e.DB.TakeOver)
		}
	}
}

// renewing keeps the leases beside the claims, so that a slow claim loses none.
// A checkpoint does not renew: that would cost the run's row a change per step.
func (e *Engine) renewing(ctx context.Context) {
	renew := time.NewTicker(renewEvery)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			e.renew(ctx)
		}
	}
}

// Beat is when the engine last went round its loop; zero before it runs. A loop
// that hangs (a database that neither answers nor refuses) stops beating.
func (e *Engine) Beat() time.Time {
	if n := e.beat.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// Begun waits until the loop goes round; false when ctx ends first.
func (e *Engine) Begun(ctx context.Context) bool {
	for e.beat.Load() == 0 {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Millisecond):
		}
	}
	return true
}

// InHand is how many runs this process carries.
func (e *Engine) InHand() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.inHand)
}

// stopping says that no new step may start.
func (e *Engine) stopping() bool {
	select {
	case <-e.ending:
		return true
	default:
		return false
	}
}

// claim takes as many due runs as there are free slots.
func (e *Engine) claim(ctx, hands context.Context, place string, take func(context.Context, string, int) ([]postgres.Claimed, error)) {
	for {
		e.mu.Lock()
		free := e.Slots - len(e.inHand) - e.reserved
		e.mu.Unlock()
		free += min(e.outside.slowRuns(), 4*e.Slots)
		if place == AtClaimed {
			e.behind.Store(free <= 0)
		}
		if free <= 0 || ctx.Err() != nil {
			return
		}
		n := min(free, 128)
		asked := time.Now()
		within, cancel := context.WithTimeout(ctx, claimFor)
		taken, err := take(within, e.Owner, n)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				e.Log.Warn("claiming runs failed", "err", err)
			}
			return
		}
		if len(taken) > 0 {
			if place == AtTakenOver {
				e.Metrics.TakenOver(len(taken))
			}
			e.reached(place)
		}
		for _, c := range taken {
			e.start(hands, c, asked.Add(postgres.Lease))
		}
		if len(taken) < n {
			return
		}
	}
}

// room reserves places for runs that are just being accepted, unless others wait
// already: who came first goes first.
func (e *Engine) room(n int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.behind.Load() || e.stopping() {
		return 0
	}
	n = max(0, min(n, e.Slots-len(e.inHand)-e.reserved))
	e.reserved += n
	return n
}

// taken starts runs that came into our hands as they were accepted. At the end of
// the process they are given back like others.
func (e *Engine) taken(hands context.Context, runs []postgres.Claimed, reserved int, asked time.Time) {
	e.mu.Lock()
	e.reserved -= reserved
	over := e.stopping()
	e.mu.Unlock()
	if len(runs) > 0 {
		e.reached(AtClaimed)
	}
	for _, c := range runs {
		if !over {
			e.start(hands, c, asked.Add(postgres.Lease))
		}
	}
}

func (e *Engine) start(hands context.Context, c postgres.Claimed, until time.Time) {
	ctx, cancel := context.WithCancel(hands)
	h := &hand{drop: cancel, until: until}
	e.mu.Lock()
	e.inHand[c.ID] = h
	e.mu.Unlock()
	e.work.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				e.Log.Error("carrying a run panicked", "run", c.ID, "panic", panicText(p), "stack", string(debug.Stack()))
			}
			cancel()
			e.mu.Lock()
			if e.inHand[c.ID] == h { // a run that is due again at once may be in new hands already
				delete(e.inHand, c.ID)
			}
			e.mu.Unlock()
			e.Kick()
		}()
		e.carry(ctx, c)
	})
}

// renew keeps the leases. Runs that are not ours any more are dropped: whatever
// they still try to write is refused by their epoch.
func (e *Engine) renew(ctx context.Context) {
	e.mu.Lock()
	var ids []string
	for id := range e.inHand {
		ids = append(ids, string(id))
	}
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	e.reached(BeforeRenew)
	asked := time.Now()
	lost, err := e.DB.RenewLeases(ctx, e.Owner, ids)
	if err != nil {
		e.Log.Warn("renewing leases failed", "err", err)
		e.kept(nil, nil, asked, postgres.Lease)
		return
	}
	e.reached(AfterRenew)
	e.kept(ids, lost, asked, postgres.Lease)
}

func (e *Engine) refreshPaused(ctx context.Context) {
	e.switches.Lock()
	defer e.switches.Unlock()
	within, cancel := context.WithTimeout(ctx, claimFor)
	defer cancel()
	paused, err := e.DB.PausedConnections(within)
	if err != nil {
		return
	}
	barred, err := e.DB.Barred(within)
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.paused, e.barred = paused, barred
}

// barredWhy says why a run does not go on whose starter lost the right to start
// runs; "" when it does.
func (e *Engine) barredWhy(starter string) string {
	if starter == "" {
		return ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	name, barred := e.barred[starter]
	if !barred {
		return ""
	}
	return name + ", who started this run, may not start runs any more. Resume it when it is right all the same, or cancel it."
}

func (e *Engine) isPaused(connection string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.paused[connection]
}

// drain lets the calls under way end and keeps what they came to, starts nothing
// new, and gives the runs back so that another process need not wait for the
// leases to end. What takes too long is cut off; another process repeats it.
func (e *Engine) drain(drop context.CancelFunc) {
	done := make(chan struct{})
	go func() { e.work.Wait(); e.checks.Wait(); close(done) }()
	keep, release := context.WithCancel(context.Background())
	var leases sync.WaitGroup
	leases.Go(func() { e.renewing(keep) }) // beside, so that a silent database holds up nothing
	select {
	case <-done:
	case <-time.After(drainFor):
		e.mu.Lock()
		left := slices.Collect(maps.Keys(e.inHand))
		e.mu.Unlock()
		e.Log.Warn("steps were still under way at shutdown; they will be repeated", "runs", left)
	}
	release()
	leases.Wait()
	drop()
	select {
	case <-done:
	case <-time.After(dropFor):
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	e.reached(BeforeRelease)
	if err := e.DB.ReleaseRuns(ctx, e.Owner); err != nil {
		e.Log.Warn("giving runs back failed; they are taken over when their leases end", "err", err)
	}
}
