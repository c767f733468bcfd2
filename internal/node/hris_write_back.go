package node

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/internal/policy"
)

// HRISWriteBack sends finished attributes up into the HRIS, under a contract.
type HRISWriteBack struct{}

var _ Type = HRISWriteBack{}

// Spec describes the node.
func (HRISWriteBack) Spec() flow.Spec {
	return flow.Spec{
		Kind: flow.KindWriteBack, Version: 1, Category: "hris", Title: "Write back to HR", Icon: "undo-2", Writes: true,
		Help: "Writes finished attributes, such as the work e-mail, into the HRIS. A contract (a policy of type write-back) says which fields may be written and when. The worker is read just before, and read back after; what cannot be written becomes an exception.",
		Fields: []form.Field{
			{Key: "connection", Label: "HRIS", Kind: form.HRIS, Required: true, Help: "The HRIS that the joiner comes from."},
			policyField(policy.TypeWriteBack),
			{Key: "do", Label: "What to do", Kind: form.Select, Default: doWrite, Options: []form.Option{{Value: doWrite, Label: "Write values"}, {Value: doTakeBack, Label: "Take back what Joinery wrote (a hire that is off)"}}},
			{Key: "values", Label: "Fields", Kind: form.Mapping, Required: true, Expr: true, ShowWhen: &form.When{Field: "do", In: []string{doWrite}}, Help: "Field of the HRIS, in Joinery's name for it, and what to write. An empty value writes nothing."},
			{Key: "wait_for_exception", Label: "Wait until exceptions are resolved", Kind: form.Bool, Help: "Off: the run leaves by the port exception at once, and a person reconciles later."},
			{Key: "mailbox_directory", Label: "Wait for a mailbox in", Kind: form.Directory, Help: "Writes only when the joiner's account in this directory has an attribute, such as the address that the mail system gives it. Empty: does not wait."},
			{Key: "mailbox_account", Label: "Mailbox: account", Kind: form.Text, Expr: true, Placeholder: "=steps.create.account_id", Help: "Empty: the account that Joinery made for this joiner."},
			{Key: "mailbox_attribute", Label: "Mailbox: attribute that must have a value", Kind: form.Text, Placeholder: "mail"},
			{Key: "mailbox_every", Label: "Mailbox: look every", Kind: form.Duration, Default: "5m"},
			{Key: "mailbox_within", Label: "Mailbox: wait at most", Kind: form.Duration, Default: "1d", Help: "After that it is an exception, and nothing is written."},
		},
		Ports: []flow.Port{{Name: "done", Label: "written and read back"}, {Name: "nothing", Label: "nothing to write"}, {Name: "exception", Label: "a person has to reconcile"}},
		Outputs: []flow.Output{{Name: "written", Type: "list", Of: "string", Help: "Fields that were written and read back."}, {Name: "unchanged", Type: "list", Of: "string"}, {Name: "kept", Type: "list", Of: "string", Help: "Fields where HR's value stays."},
			{Name: "refused", Type: "list", Of: "string", Help: "Fields that became exceptions."}, {Name: "exceptions", Type: "list", Of: "string", Help: "Their ids."}},
	}
}

// What the node does. Taking back gives each field of the contract the value it
// had before Joinery wrote it, where it still holds what Joinery wrote.
const (
	doWrite    = "write"
	doTakeBack = "take_back"
)

// Phases of a write-back between waits.
const (
	phaseMailbox    = "mailbox"
	phaseAsking     = "asking"
	phaseVerifying  = "verifying"
	phaseExceptions = "exceptions"
)

// leastGap is the least time between two readings that verify a write.
const leastGap = 2 * time.Second

// writing is one write-back under way. Its exported fields are kept over waits.
type writing struct {
	Phase string `json:"phase,omitempty"`
	// Since is when waiting for the mailbox began.
	Since time.Time `json:"since,omitzero"`
	// Asking are the fields that the open sign-off is about, and Seen the values that
	// it shows; Consent is what people answered before.
	Asking  []string        `json:"asking,omitempty"`
	Seen    map[string]any  `json:"seen,omitempty"`
	Consent map[string]bool `json:"consent,omitempty"`
	By      string          `json:"by,omitempty"`
	// Writes names the write of each field that was sent, Was the values before.
	Writes map[string]string `json:"writes,omitempty"`
	Was    map[string]any    `json:"was,omitempty"`
	// Back are the values that fields are given back.
	Back  map[string]any `json:"back,omitempty"`
	Due   time.Time      `json:"due,omitzero"`
	Tries int            `json:"tries,omitempty"`

	Written    []string          `json:"written"`
	Unchanged  []string          `json:"unchanged"`
	Kept       []string          `json:"kept"`
	Refused    []string          `json:"refused"`
	Exceptions map[string]string `json:"raised,omitempty"`

	call     Call
	contract *policy.WriteBack
	key      string // of the connection
	hris     HRIS
	want     map[string]any
}

// Run writes back, or goes on where it waited.
func (HRISWriteBack) Run(ctx context.Context, call Call) (Result, error) {
	w, err := openWriting(ctx, call)
	if err != nil {
		return Result{}, err
	}
	switch w.Phase {
	case phaseVerifying:
		return w.verify(ctx)
	case phaseExceptions:
		return w.reconciled(ctx)
	case phaseAsking:
		if call.Wake.Signoff == nil {
			return w.ask(w.Asking)
		}
		w.answer(*call.Wake.Signoff)
	default:
		if ready, r, err := w.mailbox(ctx); !ready || err != nil {
			return r, err
		}
	}
	return w.write(ctx, 1)
}

// openWriting reads the fields and checks them against the contract.
func openWriting(ctx context.Context, call Call) (*writing, error) {
	w := &writing{call: call, key: call.Params.Text("connection"), want: map[string]any{}}
	if len(call.Memory) > 0 {
		raw, err := json.Marshal(call.Memory)
		if err == nil {
			err = json.Unmarshal(raw, w)
		}
		if err != nil {
			return nil, fmt.Errorf("read what the step knew: %w", err)
		}
	}
	p, err := call.Policy(call.Params.Text("policy"))
	if err != nil {
		return nil, err
	}
	if p.WriteBack == nil {
		return nil, fault.New(fault.Invalid, "The policy %s is no write-back contract.", p.Key)
	}
	w.contract = p.WriteBack
	for field, v := range call.Params.Map("values") {
		if _, ok := w.contract.Find(w.key, field); !ok {
			return nil, fault.New(fault.Invalid, "The contract %s has no row for %s in %s, so it is not written.", p.Key, field, w.key)
		}
		if policy.Value(field, v) != "" {
			w.want[field] = v
		}
	}
	w.hris, err = call.HRIS(ctx, w.key, p.Key)
	return w, err
}

func (w *writing) row(field string) policy.WriteBackField {
	f, _ := w.contract.Find(w.key, field)
	return f
}

// write decides each field by what the HRIS says at this moment, asks who has to
// be asked, and writes the rest in one call.
func (w *writing) write(ctx context.Context, try int) (Result, error) {
	now, past, err := w.hris.Read(ctx)
	if err != nil {
		return Result{}, err
	}
	if w.takesBack() {
		w.wantBefore(now, past)
	}
	w.Written, w.Unchanged, w.Kept, w.Refused = []string{}, []string{}, []string{}, []string{}
	w.Writes, w.Was = map[string]string{}, map[string]any{}
	set, was, ask := map[string]any{}, map[string]any{}, []string{}
	for _, field := range slices.Sorted(maps.Keys(w.want)) {
		do, why, err := w.decide(ctx, field, now, past[field])
		if err != nil {
			return Result{}, err
		}
		switch do {
		case policy.Written:
			set[field], was[field] = w.want[field], now.Attributes[field]
		case policy.Asked:
			ask = append(ask, field)
			w.saw(field, now.Attributes[field])
		case policy.Kept:
			w.Kept = append(w.Kept, field)
			w.call.Log("%s: %s", field, why)
		case policy.Unchanged:
			if err := w.unchanged(ctx, field, past[field]); err != nil {
				return Result{}, err
			}
		case policy.Refused:
			if err := w.raise(ctx, field, now.Attributes[field], "conflict", why); err != nil {
				return Result{}, err
			}
		}
	}
	if len(ask) > 0 {
		return w.ask(w.sameRole(ask))
	}
	changed, err := w.send(ctx, set, was)
	switch {
	case err != nil:
		return Result{}, err
	case changed && try < 3:
		return w.write(ctx, try+1)
	case changed:
		return Result{}, fault.New(fault.Unavailable, "The worker changes in the HRIS faster than it can be written.")
	}
	w.Tries, w.Due = 0, w.call.Now().Add(w.lag())
	return w.verify(ctx)
}

// decide judges one field, with what people answered.
func (w *writing) decide(ctx context.Context, field string, now joiner.Worker, past FieldPast) (policy.Verdict, string, error) {
	planned, known := w.call.Joiner.Attributes[field], w.call.Joiner.ID != ""
	if w.takesBack() {
		return policy.Written, "It is still what Joinery wrote.", nil
	}
	do, why, err := w.row(field).Decide(ctx, policy.Standing{Now: now.Attributes[field], Want: w.want[field], Planned: planned, PlannedKnown: known, Own: past.Own, Accepted: past.Accepted},
		policy.Subject{Worker: now, Now: w.call.Now()})
	if err != nil || do != policy.Asked {
		return do, why, err
	}
	agreed, answered := w.Consent[field]
	switch {
	case !answered:
		return policy.Asked, why, nil
	case !agreed:
		return policy.Refused, w.By + " did not agree to write it.", nil
	case !policy.SameValue(field, now.Attributes[field], w.Seen[field]):
		return policy.Refused, "HR changed it after " + w.By + " agreed.", nil
	}
	return policy.Written, w.By + " agreed.", nil
}

// unchanged notes a field that has the value already: maybe because an earlier
// try, which was cut off, wrote it.
func (w *writing) unchanged(ctx context.Context, field string, past FieldPast) error {
	if !past.Pending || !policy.SameValue(field, past.Own, w.want[field]) {
		w.Unchanged = append(w.Unchanged, field)
		return nil
	}
	w.Written = append(w.Written, field)
	w.hris.Verified(past.Write, field)
	return w.hris.Confirm(ctx, past.Write)
}

// send writes in one call; where the HRIS refuses that, one field after another,
// so that one bad field does not keep the others back. changed says that somebody
// changed a field between reading and writing.
func (w *writing) send(ctx context.Context, set, was map[string]any) (changed bool, err error) {
	if len(set) == 0 {
		return false, nil
	}
	name, err := w.hris.Write(ctx, set, was)
	switch fields := slices.Sorted(maps.Keys(set)); {
	case err == nil:
		for _, field := range fields {
			w.Writes[field], w.Was[field] = name, was[field]
		}
		return false, nil
	case fault.Is(err, fault.Conflict):
		return true, nil
	case !refusal(err):
		return false, err
	case len(fields) == 1:
		return false, w.raise(ctx, fields[0], was[fields[0]], "refused", fault.Sentence(err))
	default:
		for _, field := range fields {
			if changed, err := w.send(ctx, map[string]any{field: set[field]}, map[string]any{field: was[field]}); changed || err != nil {
				return changed, err
			}
		}
		return false, nil
	}
}

// refusal reports whether the HRIS said no: trying again would change nothing.
func refusal(err error) bool {
	for _, k := range []fault.Kind{fault.Invalid, fault.NotFound, fault.Forbidden, fault.TooLarge, fault.Unsupported} {
		if fault.Is(err, k) {
			return true
		}
	}
	return false
}

// lag is how long the slowest of the written fields may show its old value.
func (w *writing) lag() time.Duration {
	most := w.hris.Lag()
	for field := range w.Writes {
		most = max(most, w.row(field).Lag())
	}
	return most
}

func (w *writing) tries() int {
	most := 1
	for field := range w.Writes {
		most = max(most, w.row(field).VerifyTries)
	}
	return most
}

// verify reads the written fields back, now or when the HRIS's lag is over.
func (w *writing) verify(ctx context.Context) (Result, error) {
	if w.takesBack() && len(w.Writes) > 0 && len(w.want) == 0 {
		w.want = w.Back // what it goes back to was worked out before the wait
	}
	if len(w.Writes) == 0 || w.call.Run.Simulated {
		w.Written = append(w.Written, slices.Sorted(maps.Keys(w.Writes))...)
		return w.leave()
	}
	w.Phase = phaseVerifying
	if w.call.Now().Before(w.Due) {
		return w.waitToVerify(), nil
	}
	now, _, err := w.hris.Read(ctx)
	if err != nil {
		return Result{}, err
	}
	w.Tries++
	left := 0
	for _, field := range slices.Sorted(maps.Keys(w.Writes)) {
		value := now.Attributes[field]
		switch {
		case policy.SameValue(field, value, w.want[field]):
			w.settled(field)
			w.Written = append(w.Written, field)
		case policy.SameValue(field, value, w.Was[field]) && w.Tries < w.tries():
			left++
			continue
		case policy.SameValue(field, value, w.Was[field]):
			w.hris.NotVerified(w.Writes[field], field)
			err = w.raise(ctx, field, value, "not_verified", fmt.Sprintf("The HRIS took the write, and does not have the value after %d readings. It may ignore this field: check that Joinery's user there may write it, and how long the HRIS takes to show a change.", w.Tries))
		default:
			w.hris.NotVerified(w.Writes[field], field)
			err = w.raise(ctx, field, value, "conflict", "HR changed it right after it was written.")
		}
		if err != nil {
			return Result{}, err
		}
		delete(w.Writes, field)
	}
	if left > 0 {
		w.Due = w.call.Now().Add(max(w.lag(), leastGap))
		return w.waitToVerify(), nil
	}
	return w.leave()
}

func (w *writing) waitToVerify() Result {
	return w.wait(Wait{Until: w.Due, For: "the HRIS to show what was written: " + strings.Join(slices.Sorted(maps.Keys(w.Writes)), ", ")})
}

// leave ends the step, or waits for its exceptions.
func (w *writing) leave() (Result, error) {
	switch {
	case len(w.Exceptions) > 0 && w.call.Params.Bool("wait_for_exception") && !w.call.Run.Simulated:
		w.Phase = phaseExceptions
		return w.wait(Wait{For: "a person to reconcile " + strings.Join(slices.Sorted(maps.Keys(w.Exceptions)), ", ")}), nil
	case len(w.Refused) > 0:
		return Result{Port: "exception", Output: w.output()}, nil
	case len(w.Written) == 0:
		return Result{Port: "nothing", Output: w.output()}, nil
	}
	return Result{Port: "done", Output: w.output()}, nil
}

// reconciled looks whether people have resolved the exceptions.
func (w *writing) reconciled(ctx context.Context) (Result, error) {
	states, err := w.hris.Exceptions(ctx, slices.Sorted(maps.Values(w.Exceptions)))
	if err != nil {
		return Result{}, err
	}
	port := "done"
	for _, id := range w.Exceptions {
		switch s := states[id]; s.State {
		case "resolved":
		case "excepted":
			port = "exception"
		default:
			return w.wait(Wait{For: "a person to reconcile " + strings.Join(slices.Sorted(maps.Keys(w.Exceptions)), ", ")}), nil
		}
	}
	return Result{Port: port, Output: w.output()}, nil
}
