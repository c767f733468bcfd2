package engine

import (
	"context"
	"fmt"
	"time"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/exception"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// What engines do beside runs: values that people had pushed again, exceptions
// whose date has come, and looking again at what was written back.
const (
	pushEvery  = time.Second
	driftEvery = 30 * time.Second
	// One process at a time looks for drift. Its duty outlasts a round.
	driftDuty = 2 * time.Minute
	// A round looks at so many fields at most, one worker after the other, and pauses
	// between two: nobody waits for it, and an HRIS must not feel it.
	driftMost = 100
	pushMost  = 20
	driftRest = 100 * time.Millisecond
	// A push is given up after so many tries that came to nothing.
	pushTries = 10
)

// reconciling runs beside the runs until ctx ends.
func (e *Engine) reconciling(ctx context.Context) {
	push, drift := time.NewTicker(pushEvery), time.NewTicker(driftEvery)
	defer push.Stop()
	defer drift.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-push.C:
			err = e.PushRound(ctx)
		case <-drift.C:
			err = e.DriftRound(ctx, driftRest)
		}
		if err != nil && ctx.Err() == nil {
			e.Log.Warn("reconciling failed", "err", err)
		}
	}
}

// live opens a connection by its live settings: an exception or a drift check
// belongs to no run that could pin others.
func (e *Engine) live(ctx context.Context, key string) (connector.Workers, connector.WriteBack, func(), error) {
	content, found, err := e.DB.LiveContent(ctx, review.Connection, key)
	if err != nil {
		return nil, nil, nil, err
	}
	if !found {
		return nil, nil, nil, fault.New(fault.NotFound, "The connection %s is not live any more.", key)
	}
	settings, err := artifact.Settings(content)
	if err != nil {
		return nil, nil, nil, err
	}
	a, err := e.DB.Artifact(ctx, review.Connection, key)
	if err != nil || a.Live == nil {
		return nil, nil, nil, err
	}
	if err := e.mayUse(key); err != nil {
		return nil, nil, nil, fault.Wrap(fault.Unavailable, err, "The connection %s cannot be used now.", key)
	}
	conn, back, err := e.Pool.Use(ctx, settings, a.Live.Hash)
	if err != nil {
		return nil, nil, nil, fault.Wrap(fault.Unavailable, err, "The connection %s cannot be used now.", key)
	}
	w, reads := conn.(connector.Workers)
	wb, writes := conn.(connector.WriteBack)
	if !reads || !writes {
		back()
		return nil, nil, nil, fault.New(fault.Invalid, "The connection %s has no fields that can be written back.", key)
	}
	return w, wb, back, nil
}

// outsideCall makes one call that belongs to no run; it is counted, and its end
// reported to the connection's breaker.
func (e *Engine) outsideCall(ctx context.Context, connection, operation string, call func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, run.DefaultTimeout)
	defer cancel()
	start := time.Now()
	err := call(ctx)
	outcome := trouble(err)
	if outcome == "" {
		outcome = "ok"
	}
	e.Metrics.Call(connection, operation, outcome, time.Since(start))
	e.Pool.Report(connection, err)
	return err
}

func (e *Engine) readWorker(ctx context.Context, connection string, from connector.Workers, id string) (w joiner.Worker, err error) {
	err = e.outsideCall(ctx, connection, opReadWorker, func(ctx context.Context) error { w, err = from.Worker(ctx, id); return err })
	return w, err
}

// PushRound goes on with exceptions whose value is written again, and opens those
// again whose date has come.
func (e *Engine) PushRound(ctx context.Context) error {
	if err := e.DB.LapseExceptions(ctx, auth.Engine()); err != nil {
		return err
	}
	due, err := e.DB.DuePushes(ctx, pushMost)
	if err != nil {
		return err
	}
	for _, x := range due {
		if err := e.push(ctx, x); err != nil {
			return fmt.Errorf("push exception %s: %w", x.ID, err)
		}
	}
	return nil
}

// push is one step of writing a value again: only where the HRIS still says what
// the person saw who decided it.
func (e *Engine) push(ctx context.Context, x postgres.ExceptionRow) error {
	row, found, err := e.DB.LiveContract(ctx, x.Policy, x.Connection, x.Field)
	if err != nil {
		return err
	}
	if !found {
		return e.DB.PushFailed(ctx, auth.Engine(), x.ID, "No live contract allows writing this field any more.", x.Theirs)
	}
	workers, back, done, err := e.live(ctx, x.Connection)
	if err != nil {
		return e.pushLater(ctx, x, err)
	}
	defer done()
	w, err := e.readWorker(ctx, x.Connection, workers, x.Worker)
	if err != nil {
		return e.pushLater(ctx, x, err)
	}
	now := w.Attributes[x.Field]
	switch {
	case policy.SameValue(x.Field, now, x.Ours):
		return e.pushed(ctx, x, row)
	case x.PushPhase == "sent" && policy.SameValue(x.Field, now, x.Theirs) && x.PushTries < row.VerifyTries:
		return e.DB.GoOnPushing(ctx, postgres.PushStep{ID: x.ID, Phase: "sent", At: e.Now().Add(pushLag(row, back)), Tries: x.PushTries + 1})
	case x.PushPhase == "sent" && policy.SameValue(x.Field, now, x.Theirs):
		return e.DB.PushFailed(ctx, auth.Engine(), x.ID, fmt.Sprintf("The HRIS took the write again, and does not have the value after %d readings.", x.PushTries), now)
	case !policy.SameValue(x.Field, now, x.Theirs):
		return e.DB.PushFailed(ctx, auth.Engine(), x.ID, "HR changed the field again, so it was not overwritten.", now)
	}
	return e.send(ctx, x, row, back, now)
}

func pushLag(row policy.WriteBackField, back connector.WriteBack) time.Duration {
	return max(row.Lag(), readLag(back), 2*time.Second)
}

// send writes the value. That it is about to be sent is kept before, so that its
// echo is known and a process that dies is followed by another.
func (e *Engine) send(ctx context.Context, x postgres.ExceptionRow, row policy.WriteBackField, back connector.WriteBack, now any) error {
	w := postgres.FieldWrite{Intent: x.PushKey, JoinerID: x.JoinerID, Connection: x.Connection, Worker: x.Worker, Field: x.Field, Flow: x.Flow, Run: run.ID(x.RunID), Policy: x.Policy, Value: x.Ours, Before: now, Echo: row.EchoWindow()}
	if err := e.DB.IntendPush(ctx, x.ID, w); err != nil {
		return err
	}
	e.reached(AfterWriteIntent)
	err := e.outsideCall(ctx, x.Connection, opWriteBack, func(ctx context.Context) error {
		return update(ctx, back, x.Worker, map[string]any{x.Field: x.Ours}, map[string]any{x.Field: now})
	})
	e.reached(AfterEffect)
	switch {
	case fault.Is(err, fault.Conflict):
		return e.DB.GoOnPushing(ctx, postgres.PushStep{ID: x.ID, Phase: x.PushPhase, At: e.Now(), Tries: x.PushTries + 1})
	case err != nil:
		return e.pushLater(ctx, x, err)
	}
	e.Metrics.WriteBack("written")
	if err := e.DB.MarkWrites(ctx, postgres.WriteMark{Intent: w.Intent, Field: x.Field, State: postgres.WriteWritten}); err != nil {
		return err
	}
	at := e.Now()
	if lag := max(row.Lag(), readLag(back)); lag > 0 {
		at = at.Add(lag)
	}
	return e.DB.GoOnPushing(ctx, postgres.PushStep{ID: x.ID, Phase: "sent", At: at, Tries: 1})
}

// pushLater tries again where that may help, and tells the person where it does not.
func (e *Engine) pushLater(ctx context.Context, x postgres.ExceptionRow, err error) error {
	if fault.Is(err, fault.Unavailable) && x.PushTries < pushTries {
		wait := max(fault.RetryAfter(err), min(time.Minute<<min(x.PushTries, 5), 30*time.Minute))
		if x.PushTries == 0 {
			wait = max(fault.RetryAfter(err), 5*time.Second)
		}
		return e.DB.GoOnPushing(ctx, postgres.PushStep{ID: x.ID, Phase: x.PushPhase, At: e.Now().Add(wait), Tries: x.PushTries + 1})
	}
	e.Metrics.WriteBack("refused")
	return e.DB.PushFailed(ctx, auth.Engine(), x.ID, fault.Sentence(err), x.Theirs)
}

// pushed ends an exception whose value was read back.
func (e *Engine) pushed(ctx context.Context, x postgres.ExceptionRow, row policy.WriteBackField) error {
	text, resolution := "The HRIS has our value: it was read back.", "push"
	if x.PushPhase == "" {
		text, resolution = "The HRIS has our value already.", "agrees"
	}
	m := postgres.WriteMark{Intent: x.PushKey, Field: x.Field, State: postgres.WriteVerified}
	if every := row.DriftEvery(); every > 0 {
		at := e.Now().Add(every)
		m.CheckAt = &at
	}
	if err := e.DB.MarkWrites(ctx, m); err != nil {
		return err
	}
	e.Metrics.WriteBack("verified")
	return e.DB.EndException(ctx, auth.Engine(), x.ID, resolution, text)
}

// DriftRound looks again at fields that we wrote and own, when it is this
// process's duty. A field that HR changed opens one exception, and ends it when
// the two agree again.
func (e *Engine) DriftRound(ctx context.Context, rest time.Duration) error {
	mine, err := e.DB.TakeDuty(ctx, "drift", e.Owner, driftDuty)
	if err != nil || !mine {
		return err
	}
	due, err := e.DB.DueDrift(ctx, driftMost)
	if err != nil {
		return err
	}
	type place struct{ connection, worker string }
	order, fields := []place{}, map[place][]postgres.FieldWrite{}
	for _, w := range due {
		p := place{w.Connection, w.Worker}
		if fields[p] == nil {
			order = append(order, p)
		}
		fields[p] = append(fields[p], w)
	}
	silent := map[string]bool{}
	for i, p := range order {
		if silent[p.connection] {
			continue // it was put off when it was taken
		}
		if i > 0 && !pause(ctx, rest) {
			return nil
		}
		err := e.driftOf(ctx, fields[p])
		if fault.Is(err, fault.Unavailable) {
			silent[p.connection] = true
			e.Metrics.DriftCheck("unavailable")
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// driftOf looks at the fields of one worker with one reading.
func (e *Engine) driftOf(ctx context.Context, fields []postgres.FieldWrite) error {
	first := fields[0]
	workers, _, done, err := e.live(ctx, first.Connection)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
		return e.giveUp(ctx, fields, "released")
	}
	if err != nil {
		return err
	}
	defer done()
	w, err := e.readWorker(ctx, first.Connection, workers, first.Worker)
	if fault.Is(err, fault.NotFound) {
		return e.giveUp(ctx, fields, "gone")
	}
	if err != nil {
		return err
	}
	for _, f := range fields {
		if err := e.driftField(ctx, f, w.Attributes[f.Field]); err != nil {
			return err
		}
	}
	return nil
}

// giveUp gives fields up that nobody needs to look at any more.
func (e *Engine) giveUp(ctx context.Context, fields []postgres.FieldWrite, outcome string) error {
	var marks []postgres.WriteMark
	for _, f := range fields {
		marks = append(marks, postgres.WriteMark{Intent: f.Intent, Field: f.Field, State: postgres.WriteReleased})
		e.Metrics.DriftCheck(outcome)
	}
	return e.DB.MarkWrites(ctx, marks...)
}

func (e *Engine) driftField(ctx context.Context, f postgres.FieldWrite, now any) error {
	row, found, err := e.DB.LiveContract(ctx, f.Policy, f.Connection, f.Field)
	if err != nil {
		return err
	}
	if !found || row.DriftEvery() == 0 {
		return e.giveUp(ctx, []postgres.FieldWrite{f}, "released")
	}
	at := e.Now().Add(row.DriftEvery())
	subject := postgres.FieldSubject(f.Connection, f.Worker, f.Field)
	if policy.SameValue(f.Field, now, f.Value) {
		e.Metrics.DriftCheck("same")
		if err := e.DB.Looked(ctx, f, postgres.WriteVerified, at); err != nil {
			return err
		}
		x, open, err := e.DB.UnresolvedOf(ctx, subject)
		if err != nil || !open || x.State == exception.Pushing {
			return err
		}
		return e.DB.EndException(ctx, auth.Engine(), x.ID, "agrees", "The HRIS has our value again.")
	}
	e.Metrics.DriftCheck("drift")
	if err := e.DB.Looked(ctx, f, postgres.WriteDrifted, at); err != nil {
		return err
	}
	why := "Somebody changed what Joinery wrote and owns."
	if policy.Value(f.Field, now) == "" {
		why = "Somebody cleared what Joinery wrote and owns."
	}
	_, err = e.DB.OpenException(ctx, auth.Engine(), postgres.NewException{Kind: exception.Drift, Subject: subject, Title: "HR's " + f.Field + " is not what we wrote any more", Reason: why,
		Connection: f.Connection, Worker: f.Worker, JoinerID: f.JoinerID, Field: f.Field, Policy: f.Policy, Flow: f.Flow, Run: string(f.Run), Node: string(f.Node), Ours: f.Value, Theirs: now})
	return err
}
