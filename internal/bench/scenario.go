package bench

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// scenario measures one thing on every row in turn.
func (b *Bench) scenario(ctx context.Context, name string, rows []*row) error {
	defer func() { b.world.latency.Store(0); b.world.trouble.Store(&trouble{}) }()
	for _, lat := range b.latencies(name) {
		for _, clients := range b.clients(name) {
			for _, r := range rows {
				b.world.latency.Store(int64(lat))
				if err := b.one(ctx, name, r, clients); err != nil {
					return err
				}
			}
		}
	}
	return ctx.Err()
}

func (b *Bench) latencies(name string) []time.Duration {
	switch name {
	case "throughput":
		return b.Latencies
	case "one":
		return []time.Duration{20 * time.Millisecond}
	}
	return []time.Duration{0}
}

func (b *Bench) clients(name string) []int {
	switch name {
	case "throughput":
		return b.Clients
	case "one", "steps":
		return []int{1}
	case "kill":
		return []int{32}
	}
	return []int{100}
}

func (b *Bench) one(ctx context.Context, name string, r *row, clients int) error {
	switch name {
	case "throughput", "one":
		b.keep(b.measure(ctx, r, name, load{clients: clients, warm: 2 * time.Second, length: b.Length}))
	case "accept":
		b.keep(b.measure(ctx, r, name, load{clients: clients, rate: b.Rate, length: 8 * time.Second}))
	case "drain":
		out, err := b.drain(ctx, r, clients)
		if err != nil {
			return err
		}
		b.keep(out)
	case "limited":
		b.world.trouble.Store(&trouble{limit: b.Limit})
		out := b.measure(ctx, r, name, load{clients: clients, total: int(b.Limit * b.Length.Seconds()), drain: 10 * time.Minute})
		b.keep(out)
		fmt.Fprintf(b.Out, "  %.1f %% of %g a second, %.2f %% of the creates refused, forecast after a minute wrong by %.1f %%\n", 100*out.PerSecond/b.Limit, b.Limit, 100*float64(out.Limited)/float64(max(1, out.Done+out.Limited)), 100*out.Forecast)
	case "steps":
		if r.joinery {
			b.keep(b.measure(ctx, r, name, load{clients: 1, warm: time.Second, length: b.Length, kind: "worker.start_moved"}))
		} else if b.Checkpoints == 40 {
			b.keep(b.measure(ctx, r, name, load{clients: 1, warm: time.Second, length: b.Length}))
		}
	case "kill":
		if r.joinery {
			out, err := b.kill(ctx, r, clients)
			if err != nil {
				return err
			}
			b.keep(out)
		}
	case "lists":
		if r.joinery {
			return b.lists(ctx, r)
		}
	case "bombs":
		if r.joinery {
			return b.bombs(ctx, r)
		}
	case "author":
		if r.joinery {
			return b.author(ctx, r)
		}
	case "start":
		r.stop()
		if err := r.start(ctx); err != nil {
			return err
		}
		b.keep(Result{Row: r.name, Scenario: name, Answer: percentiles{P50: r.readyMS}, Seconds: r.readyMS / 1000})
	}
	return nil
}

// drain sends all joiners at once and, for Joinery, looks at the run list
// meanwhile and before, as an operator would.
func (b *Bench) drain(ctx context.Context, r *row, clients int) (Result, error) {
	l := load{clients: clients, total: b.Joiners, drain: 10 * time.Minute}
	if !r.joinery {
		return b.measure(ctx, r, "drain", l), nil
	}
	rest, err := b.pages(ctx, r, 10*time.Second)
	if err != nil {
		return Result{}, err
	}
	look, stop := context.WithCancel(ctx)
	var out Result
	var meanwhile read
	var wg sync.WaitGroup
	wg.Go(func() { meanwhile, err = b.pages(look, r, time.Hour) })
	out = b.measure(ctx, r, "drain", l)
	stop()
	wg.Wait()
	out.Pages = meanwhile.percentiles
	fmt.Fprintf(b.Out, "  run list at rest p50/95/most %s ms (%d times), meanwhile %s ms (%d times): p95 %.1f times that at rest\n", rest, rest.Pages, meanwhile, meanwhile.Pages, meanwhile.P95/rest.P95)
	return out, err
}

// kill ends the process with SIGKILL in the middle of a burst and starts it again
// at once: nothing that was accepted may be lost or made twice.
func (b *Bench) kill(ctx context.Context, r *row, clients int) (Result, error) {
	b.world.trouble.Store(&trouble{late: 0.02, fail: 0.02})
	killed := make(chan error, 1)
	timer := time.AfterFunc(1500*time.Millisecond, func() {
		r.kill()
		killed <- r.start(ctx)
	})
	defer timer.Stop()
	out := b.measure(ctx, r, "kill", load{clients: clients, total: 3000, drain: 2 * time.Minute})
	// Whoever sent to the dead process got no answer and would send again.
	out.First, out.Errors = fmt.Sprintf("(%d webhooks met a dead process)", out.Errors), 0
	return out, <-killed
}
