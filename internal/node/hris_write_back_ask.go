package node

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/connector"
	"joinery/internal/exception"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/internal/policy"
)

// saw keeps the value of HR's that a question shows.
func (w *writing) saw(field string, value any) {
	if w.Seen == nil {
		w.Seen = map[string]any{}
	}
	w.Seen[field] = value
}

// sameRole gives the fields that the first one's role is asked for; other roles
// are asked afterwards.
func (w *writing) sameRole(fields []string) []string {
	role := w.row(fields[0]).Role
	return slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return w.row(f).Role != role })
}

// ask puts the question about fields to the contract's role, and waits.
func (w *writing) ask(fields []string) (Result, error) {
	w.Phase, w.Asking = phaseAsking, fields
	role := w.row(fields[0]).Role
	var lines []string
	for _, f := range fields {
		has := "has no value"
		if v := policy.Value("", w.Seen[f]); v != "" {
			has = "says " + v
		}
		lines = append(lines, fmt.Sprintf("%s: HR %s, and %s would be written.", f, has, policy.Value("", w.want[f])))
	}
	lines = append(lines, "If you agree and HR changes a value meanwhile, it is not overwritten.")
	return w.wait(Wait{For: "a sign-off by the role " + role, Signoff: &Signoff{Title: "Write " + strings.Join(fields, ", ") + " to " + w.key + "?", Question: strings.Join(lines, "\n"), Role: role}}), nil
}

// answer keeps what a person said to the question.
func (w *writing) answer(d Decision) {
	if w.Consent == nil {
		w.Consent = map[string]bool{}
	}
	for _, f := range w.Asking {
		w.Consent[f] = d.Approved
	}
	w.By, w.Asking, w.Phase = d.By, nil, ""
}

// raise opens an exception about a field. One that may stay so for now leaves HR's value.
func (w *writing) raise(ctx context.Context, field string, theirs any, outcome, why string) error {
	title := map[string]string{"conflict": "HR has another value for " + field, "refused": "HR's system refuses " + field, "not_verified": "HR's system did not take " + field}[outcome]
	raised, err := w.call.Exception(ctx, Exception{Kind: exception.WriteBack, Title: title, Reason: why, Connection: w.key, Policy: w.call.Params.Text("policy"), Field: field, Ours: w.want[field], Theirs: theirs, Detail: map[string]any{"outcome": outcome}})
	if err != nil {
		return err
	}
	if raised.Held {
		w.Kept = append(w.Kept, field)
		w.call.Log("%s: %s A person decided that it may stay so for now.", field, why)
		return nil
	}
	w.Refused = append(w.Refused, field)
	if raised.ID != "" {
		if w.Exceptions == nil {
			w.Exceptions = map[string]string{}
		}
		w.Exceptions[field] = raised.ID
	}
	w.call.Log("%s: %s", field, why)
	return nil
}

// wait gives a wait with all that must be known after it.
func (w *writing) wait(x Wait) Result {
	out := map[string]any{}
	if raw, err := json.Marshal(w); err == nil {
		_ = json.Unmarshal(raw, &out) // just written
	}
	return Result{Output: out, Wait: &x}
}

func (w *writing) output() map[string]any {
	return map[string]any{"written": w.Written, "unchanged": w.Unchanged, "kept": w.Kept, "refused": w.Refused, "exceptions": append([]string{}, slices.Sorted(maps.Values(w.Exceptions))...)}
}

// mailbox waits until the joiner's account has an attribute, such as the address
// that a mail system gives it. ready says that there is nothing to wait for.
func (w *writing) mailbox(ctx context.Context) (ready bool, r Result, err error) {
	p := w.call.Params
	key, attribute := p.Text("mailbox_directory"), strings.TrimSpace(p.Text("mailbox_attribute"))
	if key == "" {
		return true, r, nil
	}
	if attribute == "" {
		attribute = "mail"
	}
	dir, err := w.call.Directory(ctx, key)
	if err != nil {
		return false, r, err
	}
	by := connector.Lookup{ID: p.Text("mailbox_account")}
	if by.ID == "" {
		by = connector.Lookup{Stamp: w.call.Ref.Stamp()}
	}
	a, found, err := dir.FindAccount(ctx, by)
	if err != nil {
		return false, r, err
	}
	if found && filledAttribute(a.Attributes[attribute]) || w.call.Run.Simulated {
		return true, r, nil
	}
	return w.notReady(ctx, key, attribute)
}

func (w *writing) notReady(ctx context.Context, key, attribute string) (bool, Result, error) {
	now := w.call.Now()
	if w.Since.IsZero() {
		w.Since = now
	}
	every, within := w.period("mailbox_every", 5*time.Minute), w.period("mailbox_within", 24*time.Hour)
	if now.Before(w.Since.Add(within)) {
		w.Phase = phaseMailbox
		return false, w.wait(Wait{Until: now.Add(min(every, w.Since.Add(within).Sub(now))), For: fmt.Sprintf("the account in %s to have %s", key, attribute)}), nil
	}
	raised, err := w.call.Exception(ctx, Exception{Kind: exception.Mailbox, Subject: "mailbox|" + key + "|" + w.call.Ref.Stamp(), Title: "A mailbox is not there yet", Connection: key,
		Reason: fmt.Sprintf("The account in %s has no %s after %s, so nothing was written to %s. When it is there, run the flow again for this joiner, and close this.", key, attribute, within, w.key)})
	if err != nil {
		return false, Result{}, err
	}
	w.Refused = slices.Sorted(maps.Keys(w.want))
	if raised.ID != "" {
		w.Exceptions = map[string]string{"mailbox": raised.ID}
	}
	r, err := w.leave()
	return false, r, err
}

func (w *writing) period(field string, otherwise time.Duration) time.Duration {
	d, err := form.ParseDuration(w.call.Params.Text(field))
	if err != nil || d <= 0 {
		return otherwise
	}
	return d
}

// filledAttribute reports whether an attribute of an account has a value.
func filledAttribute(v any) bool {
	switch x := v.(type) {
	case nil:
		return false
	case string:
		return strings.TrimSpace(x) != ""
	case []any:
		return len(x) > 0
	case []string:
		return len(x) > 0
	}
	return true
}

func (w *writing) takesBack() bool { return w.call.Params.Text("do") == doTakeBack }

// wantBefore finds the fields of the contract that still hold what Joinery wrote,
// and what they held before.
func (w *writing) wantBefore(now joiner.Worker, past map[string]FieldPast) {
	w.want = map[string]any{}
	for _, f := range w.contract.Fields {
		p, wrote := past[f.Field]
		if f.Connection != w.key || !wrote || policy.Value(f.Field, p.Own) == "" {
			continue
		}
		if !policy.SameValue(f.Field, now.Attributes[f.Field], p.Own) {
			w.call.Log("%s: HR changed it, so it stays.", f.Field)
			continue
		}
		w.want[f.Field] = p.Before
	}
	w.Back = w.want
}

// settled keeps that a field was read back.
func (w *writing) settled(field string) {
	if w.takesBack() {
		w.hris.TakenBack(w.Writes[field], field)
		return
	}
	w.hris.Verified(w.Writes[field], field)
}
