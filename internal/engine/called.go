package engine

import (
	"context"
	"errors"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/trace"
)

// Operations that only read, as metrics and traces name them.
const (
	opFindAccount = "account.find"
	opFindGroup   = "group.find"
	opReadWorker  = "worker.read"
	opListWorkers = "worker.list"
)

// noConnection labels messages and requests, which go through no connection.
const noConnection = "none"

// called makes one call to an outside system: only while the run's lease surely
// holds, noted while it lasts, counted and traced, and its end reported to the
// connection's breaker.
func (k *carrier) called(ctx context.Context, connection, operation string, call func(ctx context.Context) error) error {
	e := k.e
	if k.foresees != nil {
		return call(ctx)
	}
	if !e.holds(k.c.ID) {
		return lostError{}
	}
	defer e.outside.begin(connection, k.c.ID, e.Kick)()
	defer seatOf(ctx).away()()
	start := time.Now()
	ctx, span := e.Trace.Call(ctx, "call", operation, trace.Label{Key: "connection", Value: connection})
	err := call(ctx)
	var resting *connector.RestingError
	if errors.As(err, &resting) {
		span.End(string(fault.Unavailable))
		return e.rests(resting) // it was not made
	}
	if errors.Is(err, connector.ErrBusy) {
		span.End(string(fault.Unavailable))
		return e.busy(connection, err)
	}
	outcome := trouble(err)
	span.End(outcome)
	if outcome == "" {
		outcome = "ok"
	}
	e.Metrics.Call(connection, operation, outcome, time.Since(start))
	if connection != noConnection {
		e.Pool.Report(connection, err)
	}
	return err
}

// trouble names what kind an error is; "" for none.
func trouble(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return string(fault.KindOf(err))
}

// countedDirectory is a directory whose calls are counted and traced.
type countedDirectory struct {
	k   *carrier
	key string
	dir connector.Directory
}

var _ connector.Directory = countedDirectory{}

func (d countedDirectory) FindAccount(ctx context.Context, by connector.Lookup) (a connector.Account, found bool, err error) {
	err = d.k.called(ctx, d.key, opFindAccount, func(ctx context.Context) error { a, found, err = d.dir.FindAccount(ctx, by); return err })
	return a, found, err
}

func (d countedDirectory) EnsureAccount(ctx context.Context, want connector.Ensure) (a connector.Account, err error) {
	err = d.k.called(ctx, d.key, opCreate, func(ctx context.Context) error { a, err = d.dir.EnsureAccount(ctx, want); return err })
	return a, err
}

func (d countedDirectory) UpdateAccount(ctx context.Context, id string, set map[string]any) (changes []connector.Change, err error) {
	err = d.k.called(ctx, d.key, opUpdate, func(ctx context.Context) error { changes, err = d.dir.UpdateAccount(ctx, id, set); return err })
	return changes, err
}

func (d countedDirectory) SetEnabled(ctx context.Context, id string, enabled bool) (changed bool, err error) {
	op := opEnable
	if !enabled {
		op = opDisable
	}
	err = d.k.called(ctx, d.key, op, func(ctx context.Context) error { changed, err = d.dir.SetEnabled(ctx, id, enabled); return err })
	return changed, err
}

func (d countedDirectory) RenameAccount(ctx context.Context, id, name string) (before string, err error) {
	err = d.k.called(ctx, d.key, opRename, func(ctx context.Context) error { before, err = connector.Rename(ctx, d.dir, id, name); return err })
	return before, err
}

func (d countedDirectory) MoveAccount(ctx context.Context, m connector.Move) (out connector.Moved, err error) {
	err = d.k.called(ctx, d.key, opMove, func(ctx context.Context) error { out, err = connector.MoveAccount(ctx, d.dir, m); return err })
	return out, err
}

func (d countedDirectory) FindGroup(ctx context.Context, name string) (g connector.Group, found bool, err error) {
	err = d.k.called(ctx, d.key, opFindGroup, func(ctx context.Context) error { g, found, err = d.dir.FindGroup(ctx, name); return err })
	return g, found, err
}

func (d countedDirectory) EnsureMember(ctx context.Context, group, account string) (changed bool, err error) {
	err = d.k.called(ctx, d.key, opAdd, func(ctx context.Context) error { changed, err = d.dir.EnsureMember(ctx, group, account); return err })
	return changed, err
}

func (d countedDirectory) EnsureNotMember(ctx context.Context, group, account string) (changed bool, err error) {
	err = d.k.called(ctx, d.key, opRemove, func(ctx context.Context) error { changed, err = d.dir.EnsureNotMember(ctx, group, account); return err })
	return changed, err
}

// countedWorkers is an HRIS whose calls are counted and traced.
type countedWorkers struct {
	k       *carrier
	key     string
	workers connector.Workers
}

var _ connector.Workers = countedWorkers{}

func (w countedWorkers) Worker(ctx context.Context, id string) (out joiner.Worker, err error) {
	err = w.k.called(ctx, w.key, opReadWorker, func(ctx context.Context) error { out, err = w.workers.Worker(ctx, id); return err })
	if err == nil && w.key == w.k.c.Ref.Connection {
		err = w.k.said(ctx, &out)
	}
	return out, err
}

func (w countedWorkers) Changed(ctx context.Context, since time.Time, cursor string) (page []joiner.Worker, next string, err error) {
	err = w.k.called(ctx, w.key, opListWorkers, func(ctx context.Context) error { page, next, err = w.workers.Changed(ctx, since, cursor); return err })
	return page, next, err
}
