package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/exception"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/policy"
	"joinery/internal/postgres"
)

// opWriteBack is an update of a worker, as intents and the audit log name it.
const opWriteBack = "hris.write_back"

// hris opens the joiner's worker to be written under a contract.
func (b *boundary) hris(ctx context.Context, key, policyKey string) (node.HRIS, error) {
	k := b.k
	if key != k.c.Ref.Connection {
		return nil, fault.New(fault.Invalid, "This joiner comes from %s, so nothing can be written back to %s.", k.c.Ref.Connection, key)
	}
	p, err := k.rel.policy(policyKey)
	if err != nil {
		return nil, err
	}
	if p.WriteBack == nil {
		return nil, fault.New(fault.Invalid, "The policy %s is no write-back contract.", policyKey)
	}
	if k.foresees != nil {
		h := written{b: b, key: key, contract: p, workers: assumedWorkers{k, key}}
		if k.foresees.Marks {
			h.workers = lookedWorkers{b, key}
		}
		return &plannedHRIS{h}, nil
	}
	conn, err := b.use(ctx, key)
	if err != nil {
		return nil, err
	}
	w, reads := conn.(connector.Workers)
	wb, writes := conn.(connector.WriteBack)
	if !reads || !writes {
		return nil, fault.New(fault.Invalid, "The connection %s has no fields that can be written back.", key)
	}
	h := written{b: b, key: key, contract: p, workers: countedWorkers{k, key, w}, back: wb}
	if k.sim != nil {
		return &plannedHRIS{h}, nil
	}
	return &h, nil
}

// written is the joiner's worker in a live run.
type written struct {
	b        *boundary
	key      string
	contract policy.Content
	workers  connector.Workers
	back     connector.WriteBack
}

var _ node.HRIS = (*written)(nil)

// Read reads the worker and what is known of its fields.
func (h *written) Read(ctx context.Context) (joiner.Worker, map[string]node.FieldPast, error) {
	k := h.b.k
	w, err := h.workers.Worker(ctx, k.c.Ref.Worker)
	if err != nil {
		return w, nil, err
	}
	if k.foresees != nil && (k.c.JoinerID == "" || k.trial.Past != nil) {
		return w, map[string]node.FieldPast{}, nil
	}
	pasts, err := k.e.DB.FieldPasts(ctx, k.c.JoinerID, h.key, k.c.Ref.Worker)
	if err != nil {
		return w, nil, err
	}
	out := map[string]node.FieldPast{}
	for field, p := range pasts {
		out[field] = node.FieldPast{Own: p.Own, Write: p.Intent, Before: p.Before, Pending: p.State == postgres.WriteIntended || p.State == postgres.WriteWritten, Accepted: p.Accepted}
	}
	return w, out, nil
}

// Write records the intent and the fields, then makes the call. No field outside
// the contract passes, whatever a node asks for.
func (h *written) Write(ctx context.Context, set, was map[string]any) (string, error) {
	k := h.b.k
	rows, err := h.rows(set, was)
	if err != nil {
		return "", err
	}
	key, _, err := h.b.intend(ctx, h.key, opWriteBack, writeTarget(k.c.Ref.Worker, set))
	if err != nil {
		return "", err
	}
	for i := range rows {
		rows[i].Intent = key
	}
	if err := k.e.DB.IntendWrites(ctx, rows, postgres.WriteIntended); err != nil {
		return "", err
	}
	k.e.reached(AfterWriteIntent)
	err = k.called(ctx, h.key, opWriteBack, func(ctx context.Context) error { return update(ctx, h.back, k.c.Ref.Worker, set, was) })
	if err != nil {
		h.failed(key, rows, err)
		return "", err
	}
	h.done(key, rows)
	return key, nil
}

// update writes only where the fields are still as they were, if the connector can.
func update(ctx context.Context, back connector.WriteBack, id string, set, was map[string]any) error {
	if careful, ok := back.(connector.CarefulWriteBack); ok {
		return careful.UpdateWorkerFrom(ctx, id, set, was)
	}
	return back.UpdateWorker(ctx, id, set)
}

// writeTarget names what is written without telling the values.
func writeTarget(worker string, set map[string]any) string {
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(set)) {
		parts = append(parts, f+"="+policy.ValueHash(f, set[f]))
	}
	return worker + "\x1f" + strings.Join(parts, ",")
}

// rows makes the records of a write, and refuses fields that the contract has not.
func (h *written) rows(set, was map[string]any) ([]postgres.FieldWrite, error) {
	k := h.b.k
	var out []postgres.FieldWrite
	for _, f := range slices.Sorted(maps.Keys(set)) {
		row, ok := h.contract.WriteBack.Find(h.key, f)
		if !ok {
			return nil, fault.New(fault.Invalid, "The contract %s has no row for %s in %s, so it is not written.", h.contract.Key, f, h.key)
		}
		out = append(out, postgres.FieldWrite{JoinerID: k.c.JoinerID, Connection: h.key, Worker: k.c.Ref.Worker, Field: f, Flow: k.c.Flow, Run: k.c.ID, Node: h.b.node.ID, Policy: h.contract.Key,
			Value: set[f], Before: was[f], Echo: row.EchoWindow()})
	}
	return out, nil
}

// failed notes a write that was surely not made. One whose outcome is not known
// stays intended: the next try reads what it came to.
func (h *written) failed(key string, rows []postgres.FieldWrite, err error) {
	if fault.Is(err, fault.Unavailable) {
		return
	}
	outcome := "refused"
	if fault.Is(err, fault.Conflict) {
		outcome = "conflict"
	}
	for _, r := range rows {
		h.b.mark(key, r.Field, postgres.WriteNotVerified)
		h.b.k.e.Metrics.WriteBack(outcome)
	}
}

// done keeps the receipt of a write.
func (h *written) done(key string, rows []postgres.FieldWrite) {
	var changes []connector.Change
	for _, r := range rows {
		changes = append(changes, connector.Change{Attribute: r.Field, Before: r.Before, After: r.Value})
		h.b.mark(key, r.Field, postgres.WriteWritten)
		h.b.k.e.Metrics.WriteBack("written")
	}
	worker := h.b.k.c.Ref.Worker
	h.b.receipt(key, opWriteBack, h.key, map[string]any{"existed": false, "changed": true, "worker": worker, "changes": changes}, nil)
	h.b.note(Change{Connection: h.key, Operation: opWriteBack, Target: worker, Sentence: fmt.Sprintf("%s written to %s", fieldNames(rows), h.key), Attributes: changes})
}

func fieldNames(rows []postgres.FieldWrite) string {
	var out []string
	for _, r := range rows {
		out = append(out, r.Field)
	}
	return strings.Join(out, ", ")
}

// Confirm keeps the receipt of a write that an earlier try made before it was cut off.
func (h *written) Confirm(ctx context.Context, write string) error {
	h.b.mu.Lock()
	known := slices.ContainsFunc(h.b.receipts, func(r postgres.Receipt) bool { return r.Key == write })
	h.b.mu.Unlock()
	if known {
		return nil
	}
	rows, err := h.b.k.e.DB.WritesOf(ctx, write)
	if err != nil || len(rows) == 0 || rows[0].Run != h.b.k.c.ID || rows[0].Node != h.b.node.ID {
		return err
	}
	var changes []connector.Change
	for _, r := range rows {
		changes = append(changes, connector.Change{Attribute: r.Field, Before: r.Before, After: r.Value})
	}
	h.b.receipt(write, opWriteBack, h.key, map[string]any{"existed": false, "changed": true, "worker": h.b.k.c.Ref.Worker, "changes": changes}, nil)
	h.b.note(Change{Connection: h.key, Operation: opWriteBack, Target: h.b.k.c.Ref.Worker, Sentence: fmt.Sprintf("%s was written to %s by an earlier try", fieldNames(rows), h.key), Attributes: changes})
	return nil
}

// Verified keeps that a field was read back, and when it is looked at again.
func (h *written) Verified(write, field string) {
	m := postgres.WriteMark{Intent: write, Field: field, State: postgres.WriteVerified}
	if row, ok := h.contract.WriteBack.Find(h.key, field); ok {
		if every := row.DriftEvery(); every > 0 {
			at := h.b.k.e.Now().Add(every)
			m.CheckAt = &at
		}
	}
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	h.b.writes = append(h.b.writes, m)
	h.b.k.e.Metrics.WriteBack("verified")
}

// NotVerified keeps that a field was read back and is not there.
func (h *written) NotVerified(write, field string) {
	h.b.mark(write, field, postgres.WriteNotVerified)
	h.b.k.e.Metrics.WriteBack("not_verified")
}

// TakenBack keeps that nothing in a field is ours any more.
func (h *written) TakenBack(write, field string) {
	h.b.mark(write, field, postgres.WriteUndone)
	h.b.k.e.Metrics.WriteBack("undone")
}

// Lag is how long the HRIS may still show old values.
func (h *written) Lag() time.Duration { return readLag(h.back) }

func readLag(back connector.WriteBack) time.Duration {
	if l, ok := back.(connector.Lagging); ok {
		return l.ReadLag()
	}
	return 0
}

// Exceptions reads how far exceptions are.
func (h *written) Exceptions(ctx context.Context, ids []string) (map[string]node.ExceptionState, error) {
	out := map[string]node.ExceptionState{}
	for _, id := range ids {
		x, err := h.b.k.e.DB.Exception(ctx, id)
		if err != nil {
			return nil, err
		}
		out[id] = node.ExceptionState{State: x.State, Resolution: x.Resolution}
	}
	return out, nil
}

func (b *boundary) mark(write, field, state string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes = append(b.writes, postgres.WriteMark{Intent: write, Field: field, State: state})
}

// exception raises what a person has to reconcile.
func (b *boundary) exception(ctx context.Context, x node.Exception) (node.Raised, error) {
	k := b.k
	if k.sim != nil {
		b.note(Change{Connection: x.Connection, Operation: "exception.open", Target: x.Field, Sentence: "An exception would be opened: " + x.Title, Planned: true})
		return node.Raised{}, nil
	}
	if !k.e.holds(k.c.ID) {
		return node.Raised{}, lostError{}
	}
	if x.Subject == "" {
		x.Subject = postgres.FieldSubject(x.Connection, k.c.Ref.Worker, x.Field)
	}
	out, err := k.e.DB.OpenException(ctx, auth.Engine(), postgres.NewException{Kind: x.Kind, Subject: x.Subject, Title: x.Title, Reason: x.Reason, Connection: x.Connection, Worker: k.c.Ref.Worker,
		JoinerID: k.c.JoinerID, Field: x.Field, Policy: x.Policy, Flow: k.c.Flow, Run: string(k.c.ID), Node: string(b.node.ID), Ours: x.Ours, Theirs: x.Theirs, Detail: x.Detail})
	if err != nil {
		return node.Raised{}, err
	}
	k.e.reached(AfterException)
	if out.State == exception.Excepted {
		return node.Raised{ID: out.ID, Held: true}, nil
	}
	b.logf("Exception %s: %s", out.ID, x.Title)
	return node.Raised{ID: out.ID}, nil
}

// plannedHRIS is the worker in a simulated run: it is read, and what would be
// written is listed.
type plannedHRIS struct{ written }

var _ node.HRIS = (*plannedHRIS)(nil)

// Read gives the worker with what this run would have written.
func (h *plannedHRIS) Read(ctx context.Context) (joiner.Worker, map[string]node.FieldPast, error) {
	w, past, err := h.written.Read(ctx)
	if err != nil {
		return w, past, err
	}
	s := h.b.k.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.Attributes = maps.Clone(w.Attributes); w.Attributes == nil {
		w.Attributes = map[string]any{}
	}
	maps.Copy(w.Attributes, s.fields[w.ID])
	for f := range past {
		p := past[f]
		p.Pending = false // what another run has under way is not this one's
		past[f] = p
	}
	return w, past, nil
}

// Write lists the planned change.
func (h *plannedHRIS) Write(ctx context.Context, set, was map[string]any) (string, error) {
	if err := h.b.guard.write(ctx); err != nil {
		return "", err
	}
	rows, err := h.rows(set, was)
	if err != nil {
		return "", err
	}
	var changes []connector.Change
	s := h.b.k.sim
	s.mu.Lock()
	worker := h.b.k.c.Ref.Worker
	if s.fields == nil {
		s.fields = map[string]map[string]any{}
	}
	if s.fields[worker] == nil {
		s.fields[worker] = map[string]any{}
	}
	for _, r := range rows {
		changes = append(changes, connector.Change{Attribute: r.Field, Before: r.Before, After: r.Value})
		s.fields[worker][r.Field] = r.Value
	}
	s.mu.Unlock()
	h.b.note(Change{Connection: h.key, Operation: opWriteBack, Target: h.b.k.c.Ref.Worker, Sentence: fmt.Sprintf("%s would be written to %s", fieldNames(rows), h.key), Attributes: changes, Planned: true})
	return "simulated", nil
}

// Confirm, Verified and NotVerified have nothing to keep.
func (h *plannedHRIS) Confirm(context.Context, string) error { return nil }

// Verified keeps nothing.
func (h *plannedHRIS) Verified(string, string) {}

// TakenBack keeps nothing.
func (h *plannedHRIS) TakenBack(string, string) {}

// NotVerified keeps nothing.
func (h *plannedHRIS) NotVerified(string, string) {}
