package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/naming"
)

// Case is one test of a policy: a joiner, what is taken already, and what has to
// come of it.
type Case struct {
	Name   string         `json:"name" yaml:"name"`
	Joiner map[string]any `json:"joiner,omitempty" yaml:"joiner,omitempty"`
	// Worker is the joiner's id in the HRIS; "1" when left out.
	Worker string `json:"worker,omitempty" yaml:"worker,omitempty"`
	// Source is the connection the worker comes from.
	Source string `json:"source,omitempty" yaml:"source,omitempty"`
	// Inputs are what a flow would hand in.
	Inputs map[string]any `json:"inputs,omitempty" yaml:"inputs,omitempty"`
	// Now is the moment of the decision (RFC 3339 or a date); 2026-01-01 when left out.
	Now string `json:"now,omitempty" yaml:"now,omitempty"`
	// Taken are names that somebody else holds.
	Taken []Taken `json:"taken,omitempty" yaml:"taken,omitempty"`
	// People are those known already, for correlations: their attributes, and "worker"
	// for the id.
	People []map[string]any `json:"people,omitempty" yaml:"people,omitempty"`
	// Accounts are those of directories, for correlations: "connection", "account" for
	// the login, "mark", "protected", "groups", and their attributes.
	Accounts []map[string]any `json:"accounts,omitempty" yaml:"accounts,omitempty"`
	// Write, Wrote and Planned are for write-back contracts: what a flow wants to
	// write, what Joinery wrote before, and what the HRIS said at the plan. The joiner
	// is what it says now.
	Write   map[string]any `json:"write,omitempty" yaml:"write,omitempty"`
	Wrote   map[string]any `json:"wrote,omitempty" yaml:"wrote,omitempty"`
	Planned map[string]any `json:"planned,omitempty" yaml:"planned,omitempty"`
	// Expect are outputs that must come out just so; others may come out too.
	Expect map[string]any `json:"expect,omitempty" yaml:"expect,omitempty"`
	// Error is a part of the sentence with which the policy refuses or asks for a person.
	Error string `json:"error,omitempty" yaml:"error,omitempty"`
}

// Taken is a name that somebody holds; the holder "joiner" is the joiner of the test.
type Taken struct {
	Space  string `json:"space" yaml:"space"`
	Name   string `json:"name" yaml:"name"`
	Holder string `json:"holder,omitempty" yaml:"holder,omitempty"`
}

// CaseResult is how a test went.
type CaseResult struct {
	Case    Case
	Passed  bool
	Outcome Outcome
	// Why says what differed; "" when it passed.
	Why string
}

// caseNow is the moment of a test that names none.
var caseNow = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

// At gives the moment of a test.
func (c Case) At() (time.Time, error) {
	if c.Now == "" {
		return caseNow, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, c.Now); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "Write a date such as 2026-03-01, or a time such as 2026-03-01T09:00:00Z.")
}

// Subject gives what the policy decides about in this test.
func (c Case) Subject() (Subject, error) {
	now, err := c.At()
	if err != nil {
		return Subject{}, err
	}
	id := c.Worker
	if id == "" {
		id = "1"
	}
	return Subject{Worker: joiner.Worker{ID: id, Attributes: c.Joiner}, Source: c.Source, Now: now, Inputs: c.Inputs, Lookups: taken(c.Taken), People: people(c.People), Accounts: candidates(c.Accounts), Write: c.Write, Wrote: c.Wrote, Planned: c.Planned}, nil
}

type taken []Taken

func (t taken) Holder(_ context.Context, space, name string) (string, error) {
	for _, x := range t {
		if x.Space == space && strings.EqualFold(x.Name, name) {
			if x.Holder == "" {
				return "somebody else", nil
			}
			return x.Holder, nil
		}
	}
	return "", nil
}

var _ Names = taken(nil)

// Holders knows names by the equality of their space.
func (t taken) Holders(_ context.Context, names []naming.Name) ([]string, error) {
	out := make([]string, len(names))
	for i, n := range names {
		for _, x := range t {
			if x.Space == n.Space && x.Holder != TheJoiner && n.Equality.Key(x.Name) == n.Key {
				if out[i] = x.Holder; x.Holder == "" {
					out[i] = "held for somebody else"
				}
			}
		}
	}
	return out, nil
}

// TheJoiner, as the holder of a taken name makes it the joiner's own.
const TheJoiner = "joiner"

// Own gives the names that the test says are the joiner's.
func (t taken) Own(context.Context) (map[string]string, error) {
	out := map[string]string{}
	for _, x := range t {
		if x.Holder == TheJoiner {
			out[x.Space] = x.Name
		}
	}
	return out, nil
}

// Live finds nothing: a test calls no system.
func (taken) Live(context.Context, naming.Name, SpaceRow, string) (string, error) { return "", nil }

func checkCases(cases []Case) []fault.Problem {
	var out []fault.Problem
	names := map[string]bool{}
	for i, c := range cases {
		at := fmt.Sprintf("cases.%d", i)
		name := strings.TrimSpace(c.Name)
		switch {
		case name == "":
			out = append(out, fault.Problem{Path: at + ".name", Detail: "Name the test after what it shows."})
		case names[name]:
			out = append(out, fault.Problem{Path: at + ".name", Detail: "Two tests have this name."})
		}
		names[name] = true
		if _, err := c.At(); err != nil {
			out = append(out, fault.Problem{Path: at + ".now", Detail: fault.Sentence(err)})
		}
		if len(c.Expect) == 0 && c.Error == "" {
			out = append(out, fault.Problem{Path: at + ".expect", Detail: "Say what must come out, or which sentence it must refuse with."})
		}
	}
	return out
}

// failures finds tests that are wrong or do not pass.
func failures(c Content) []fault.Problem {
	if out := checkCases(c.Cases); len(out) > 0 {
		return out
	}
	var out []fault.Problem
	for i, r := range RunCases(context.Background(), c) {
		if !r.Passed {
			out = append(out, fault.Problem{Path: fmt.Sprintf("cases.%d", i), Detail: fmt.Sprintf("The test “%s” does not pass: %s", r.Case.Name, r.Why)})
		}
	}
	return out
}

// RunCases runs a policy's tests.
func RunCases(ctx context.Context, c Content) []CaseResult {
	rules, ok := c.Rules()
	out := make([]CaseResult, len(c.Cases))
	for i, k := range c.Cases {
		out[i] = CaseResult{Case: k, Why: "The policy has no rules."}
		if ok {
			out[i] = runCase(ctx, rules, k)
		}
	}
	return out
}

func runCase(ctx context.Context, rules Rules, k Case) CaseResult {
	r := CaseResult{Case: k}
	s, err := k.Subject()
	if err == nil {
		r.Outcome, err = rules.Try(ctx, s)
	}
	refusal := r.Outcome.Person
	if err != nil {
		refusal = fault.Sentence(err)
	}
	switch {
	case k.Error != "" && refusal == "":
		r.Why = fmt.Sprintf("It should refuse with “%s”, and it gave %s.", k.Error, text(r.Outcome.Output))
	case k.Error != "" && !strings.Contains(refusal, k.Error):
		r.Why = fmt.Sprintf("It should refuse with “%s”, and it says “%s”", k.Error, refusal)
	case k.Error == "" && refusal != "":
		r.Why = refusal
	default:
		r.Why = differs(k.Expect, r.Outcome.Output)
	}
	r.Passed = r.Why == ""
	return r
}

func differs(want, got map[string]any) string {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !reflect.DeepEqual(plain(want[key]), plain(got[key])) {
			return fmt.Sprintf("%s should be %s, and it is %s.", key, text(want[key]), text(got[key]))
		}
	}
	return ""
}

// plain makes values comparable whatever they were read from.
func plain(v any) (out any) {
	raw, err := json.Marshal(v)
	if err != nil || json.Unmarshal(raw, &out) != nil {
		return v
	}
	return out
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
