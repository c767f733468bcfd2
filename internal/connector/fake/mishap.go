// Package fake holds outside systems for tests: a directory and an HRIS kept in
// a file that several processes share, and a wrapper that makes any connector
// lose replies, answer late, fail or kill the process on schedule.
package fake

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"syscall"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// What can go wrong with one call.
const (
	Fail      = "fail"       // unavailable, nothing done
	Refuse    = "refuse"     // invalid, nothing done
	Busy      = "busy"       // not called: our own limit left no room
	Lose      = "lose"       // done, but the reply is lost
	Late      = "late"       // done, but the reply comes after the deadline
	DieBefore = "die-before" // the process is killed before the effect
	DieAfter  = "die-after"  // the process is killed after the effect
)

// Mishaps wraps a connector type. Plan lists "Operation#n:what", such as
// "EnsureAccount#1:lose"; n counts calls over all processes that share File.
type Mishaps struct {
	connector.Type
	File string
	Plan []string
	// Die ends the process; nil sends it SIGKILL.
	Die func()
}

var _ connector.Type = Mishaps{}

// Open opens the wrapped connection.
func (m Mishaps) Open(ctx context.Context, cfg connector.Config) (connector.Conn, error) {
	c, err := m.Type.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	w := &clumsy{Conn: c, m: m}
	d, isDir := c.(connector.Directory)
	h, isHRIS := c.(connector.Workers)
	switch {
	case isDir && isHRIS:
		return struct {
			*clumsy
			clumsyDirectory
			clumsyWorkers
		}{w, clumsyDirectory{w, d}, clumsyWorkers{w, h}}, nil
	case isDir:
		return struct {
			*clumsy
			clumsyDirectory
		}{w, clumsyDirectory{w, d}}, nil
	case isHRIS:
		return struct {
			*clumsy
			clumsyWorkers
		}{w, clumsyWorkers{w, h}}, nil
	}
	return c, nil
}

type clumsy struct {
	connector.Conn
	m Mishaps
}

// call counts a call and lets happen what the plan says.
func (w *clumsy) call(ctx context.Context, op string, do func() error) error {
	n, err := count(w.m.File, op)
	if err != nil {
		return err
	}
	what := ""
	for _, p := range w.m.Plan {
		if rest, ok := strings.CutPrefix(p, fmt.Sprintf("%s#%d:", op, n)); ok {
			what = rest
		}
	}
	switch what {
	case Fail:
		return fault.New(fault.Unavailable, "The fake system is not reachable.")
	case Refuse:
		return fault.New(fault.Invalid, "The fake system refuses this.")
	case Busy:
		return fault.Wrap(fault.Unavailable, connector.ErrBusy, "Other calls of ours to the fake system were before this one.")
	case DieBefore:
		w.die()
	}
	if err := do(); err != nil {
		return err
	}
	switch what {
	case Lose:
		return fault.New(fault.Unavailable, "The reply of the fake system was lost.")
	case Late:
		<-ctx.Done()
		return fault.Wrap(fault.Unavailable, ctx.Err(), "The fake system answered too late.")
	case DieAfter:
		w.die()
	}
	return nil
}

func (w *clumsy) die() {
	if w.m.Die != nil {
		w.m.Die()
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	time.Sleep(time.Minute) // the signal needs a moment
}

// count adds one to a call counter in a file that processes share.
func count(file, op string) (int, error) {
	n := 0
	err := update(file+".calls", func(calls map[string]int) map[string]int {
		if calls == nil {
			calls = map[string]int{}
		}
		calls[op]++
		n = calls[op]
		return calls
	})
	return n, err
}

type clumsyDirectory struct {
	w *clumsy
	d connector.Directory
}

var _ connector.Directory = clumsyDirectory{}

func (c clumsyDirectory) FindAccount(ctx context.Context, by connector.Lookup) (a connector.Account, found bool, err error) {
	err = c.w.call(ctx, "FindAccount", func() error { a, found, err = c.d.FindAccount(ctx, by); return err })
	return a, found, err
}

func (c clumsyDirectory) EnsureAccount(ctx context.Context, want connector.Ensure) (a connector.Account, err error) {
	err = c.w.call(ctx, "EnsureAccount", func() error { a, err = c.d.EnsureAccount(ctx, want); return err })
	return a, err
}

func (c clumsyDirectory) UpdateAccount(ctx context.Context, id string, set map[string]any) (ch []connector.Change, err error) {
	err = c.w.call(ctx, "UpdateAccount", func() error { ch, err = c.d.UpdateAccount(ctx, id, set); return err })
	return ch, err
}

func (c clumsyDirectory) SetEnabled(ctx context.Context, id string, enabled bool) (did bool, err error) {
	err = c.w.call(ctx, "SetEnabled", func() error { did, err = c.d.SetEnabled(ctx, id, enabled); return err })
	return did, err
}

func (c clumsyDirectory) FindGroup(ctx context.Context, name string) (g connector.Group, found bool, err error) {
	err = c.w.call(ctx, "FindGroup", func() error { g, found, err = c.d.FindGroup(ctx, name); return err })
	return g, found, err
}

func (c clumsyDirectory) EnsureMember(ctx context.Context, group, account string) (did bool, err error) {
	err = c.w.call(ctx, "EnsureMember", func() error { did, err = c.d.EnsureMember(ctx, group, account); return err })
	return did, err
}

func (c clumsyDirectory) EnsureNotMember(ctx context.Context, group, account string) (did bool, err error) {
	err = c.w.call(ctx, "EnsureNotMember", func() error { did, err = c.d.EnsureNotMember(ctx, group, account); return err })
	return did, err
}

func (c clumsyDirectory) RenameAccount(ctx context.Context, id, name string) (before string, err error) {
	err = c.w.call(ctx, "RenameAccount", func() error { before, err = connector.Rename(ctx, c.d, id, name); return err })
	return before, err
}

func (c clumsyDirectory) MoveAccount(ctx context.Context, m connector.Move) (out connector.Moved, err error) {
	err = c.w.call(ctx, "MoveAccount", func() error { out, err = connector.MoveAccount(ctx, c.d, m); return err })
	return out, err
}

type clumsyWorkers struct {
	w *clumsy
	h connector.Workers
}

func (c clumsyWorkers) Worker(ctx context.Context, id string) (x joiner.Worker, err error) {
	err = c.w.call(ctx, "Worker", func() error { x, err = c.h.Worker(ctx, id); return err })
	return x, err
}

func (c clumsyWorkers) UpdateWorker(ctx context.Context, id string, set map[string]any) error {
	return c.UpdateWorkerFrom(ctx, id, set, nil)
}

func (c clumsyWorkers) UpdateWorkerFrom(ctx context.Context, id string, set, was map[string]any) error {
	back, ok := c.h.(connector.CarefulWriteBack)
	if !ok {
		return fault.New(fault.Invalid, "This HRIS takes no write-backs.")
	}
	return c.w.call(ctx, "UpdateWorker", func() error { return back.UpdateWorkerFrom(ctx, id, set, was) })
}

func (c clumsyWorkers) Changed(ctx context.Context, since time.Time, cursor string) ([]joiner.Worker, string, error) {
	return c.h.Changed(ctx, since, cursor)
}

// Calls reads how often each operation was called.
func Calls(file string, into map[string]int) error {
	return update(file+".calls", func(calls map[string]int) map[string]int {
		maps.Copy(into, calls)
		return calls
	})
}
