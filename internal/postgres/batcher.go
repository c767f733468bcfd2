package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"joinery/internal/fault"
)

// Batcher lets concurrent writers share one transaction: it flushes whatever has
// collected while the last flush was under way. There is no timer, so a lone
// writer waits for nobody. Each item has its own result. One flush is under way at
// a time: two or three side by side measured slower, because each was smaller.
type Batcher[T, R any] struct {
	flush func(ctx context.Context, items []T) ([]R, error)
	in    chan pending[T, R]
	stop  chan struct{}
	done  chan struct{}
	max   int
}

// flushFor bounds one shared transaction.
const flushFor = 10 * time.Second

type pending[T, R any] struct {
	item T
	out  chan outcome[R]
}

type outcome[R any] struct {
	value R
	err   error
}

// NewBatcher starts a batcher. flush writes all items in one transaction and
// gives one result each, in order.
func NewBatcher[T, R any](max int, flush func(ctx context.Context, items []T) ([]R, error)) *Batcher[T, R] {
	b := &Batcher[T, R]{flush: flush, in: make(chan pending[T, R], max), stop: make(chan struct{}), done: make(chan struct{}), max: max}
	go b.loop()
	return b
}

// Do writes one item and waits until it is committed. When ctx ends first the
// item may still be written: the caller must treat the outcome as unknown.
func (b *Batcher[T, R]) Do(ctx context.Context, item T) (R, error) {
	var zero R
	p := pending[T, R]{item: item, out: make(chan outcome[R], 1)}
	select {
	case <-b.stop:
		return zero, closedFault()
	default:
	}
	select {
	case b.in <- p:
	case <-ctx.Done():
		return zero, slowFault(ctx)
	case <-b.stop:
		return zero, closedFault()
	}
	select {
	case o := <-p.out:
		return o.value, o.err
	case <-ctx.Done():
		return zero, slowFault(ctx)
	case <-b.done:
		select {
		case o := <-p.out:
			return o.value, o.err
		default:
			return zero, closedFault()
		}
	}
}

// Close flushes what was accepted and ends.
func (b *Batcher[T, R]) Close() {
	close(b.stop)
	<-b.done
}

func (b *Batcher[T, R]) loop() {
	defer close(b.done)
	for {
		first, ok := b.next()
		if !ok {
			return
		}
		batch := []pending[T, R]{first}
	more:
		for len(batch) < b.max {
			select {
			case p := <-b.in:
				batch = append(batch, p)
			default:
				break more
			}
		}
		b.write(batch)
	}
}

func (b *Batcher[T, R]) next() (pending[T, R], bool) {
	select {
	case p := <-b.in:
		return p, true
	case <-b.stop:
	}
	select {
	case p := <-b.in:
		return p, true
	default:
		return pending[T, R]{}, false
	}
}

// write flushes a batch; when a flush of several fails for a reason of one of
// them, each is tried alone so that one bad item does not fail its neighbours.
func (b *Batcher[T, R]) write(batch []pending[T, R]) {
	items := make([]T, len(batch))
	for i, p := range batch {
		items[i] = p.item
	}
	results, err := b.try(items)
	if err == nil {
		for i, p := range batch {
			p.out <- outcome[R]{value: results[i]}
		}
		return
	}
	alone := len(batch) > 1 && !fault.Is(err, fault.Unavailable)
	for _, p := range batch {
		if !alone {
			p.out <- outcome[R]{err: err}
			continue
		}
		one, err := b.try([]T{p.item})
		if err != nil {
			p.out <- outcome[R]{err: err}
			continue
		}
		p.out <- outcome[R]{value: one[0]}
	}
}

func (b *Batcher[T, R]) try(items []T) (results []R, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.New(fault.Internal, "A database write failed on our side.")
		}
	}()
	// A connection into nothing must not stop all writers for as long as the
	// network takes to notice. What it came to is unknown then.
	ctx, cancel := context.WithTimeout(context.Background(), flushFor)
	defer cancel()
	results, err = b.flush(ctx, items)
	if err == nil && len(results) != len(items) {
		err = errors.New("batch flush gave the wrong number of results")
	}
	return results, asFault(err)
}

func closedFault() error { return fault.New(fault.Unavailable, "Joinery is shutting down.") }

func slowFault(ctx context.Context) error {
	return fault.Wrap(fault.Unavailable, ctx.Err(), "The database was too slow to take this.")
}

// batches holds the running batchers so that Close can end them.
type batches struct {
	mu  sync.Mutex
	all []func()
}

func (b *batches) add(close func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, close)
}

func (b *batches) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.all {
		f()
	}
	b.all = nil
}
