package engine

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// Trial says how one foreseen run goes where a run would ask, wait or look.
type Trial struct {
	// At is when the run begins, Run its id; zero is now, and an id of its own.
	At  time.Time
	Run run.ID
	// Until ends the run once a node is done; "" goes to the end.
	Until flow.NodeID
	// Pins are steps whose result is given instead of worked out.
	Pins map[flow.NodeID]Pin
	// Signoffs answers the sign-offs of nodes; others are taken for approved.
	Signoffs map[flow.NodeID]node.Decision
	// MatchBy are the attributes that people are recognised by, where the joiner is
	// given with stand-ins for them.
	MatchBy map[string]any
	// Past is what is on record of the moment; nil when it is about now.
	Past *Past
}

// Pin is the result that a step is given.
type Pin struct {
	Port   string         `json:"port"`
	Output map[string]any `json:"output"`
}

// Past is the record of one run, and of the time that it is about.
type Past struct {
	// Steps are the recorded steps, by node.
	Steps map[flow.NodeID]postgres.StepRow
	World *postgres.PastWorld
}

// CheckTrial finds what is wrong with the wishes for a trial of some content.
func CheckTrial(c flow.Content, cat flow.Catalog, t Trial) error {
	if t.Until != "" {
		if _, ok := c.Find(t.Until); !ok {
			return fault.New(fault.Invalid, "This flow has no node %q to run to.", t.Until)
		}
	}
	var problems []fault.Problem
	bad := func(id flow.NodeID, format string, args ...any) {
		problems = append(problems, fault.Problem{Path: "pins." + string(id), Detail: fmt.Sprintf(format, args...)})
	}
	for id, p := range t.Pins {
		n, ok := c.Find(id)
		if !ok {
			bad(id, "This flow has no such node. Remove the pin.")
			continue
		}
		if id == c.Trigger {
			bad(id, "The start of a flow cannot be pinned. Paste an event and a joiner instead.")
			continue
		}
		spec, _ := cat.Spec(n.Type)
		names := []string{flow.ErrorPort}
		for _, x := range flow.PortsOf(n, spec) {
			names = append(names, x.Name)
		}
		if !slices.Contains(names, p.Port) && !spec.Ends {
			bad(id, "%s has no way out called %q. It has %s.", n.Title(), p.Port, strings.Join(names, ", "))
		}
	}
	for id := range t.Signoffs {
		if _, ok := c.Find(id); !ok {
			problems = append(problems, fault.Problem{Path: "signoffs." + string(id), Detail: "This flow has no such node."})
		}
	}
	slices.SortFunc(problems, func(a, b fault.Problem) int { return strings.Compare(a.Path, b.Path) })
	return fault.Refuse("The trial cannot be made as asked.", problems)
}

// trialed is a trial under way. Steps run one after the other, so only one
// goroutine at a time touches it.
type trialed struct {
	Trial
	content flow.Content
	started time.Time
	// only are the nodes that the wanted one needs; nil for all.
	only  map[flow.NodeID]bool
	notes map[flow.NodeID]*ForecastStep
}

func newTrialed(c flow.Content, t Trial, now time.Time) *trialed {
	out := &trialed{Trial: t, content: c, started: now, notes: map[flow.NodeID]*ForecastStep{}}
	if t.Until != "" {
		if out.only = flow.Before(c)[t.Until]; out.only != nil {
			out.only[t.Until] = true
		}
	}
	return out
}

func (t *trialed) wants(id flow.NodeID) bool { return t.only == nil || t.only[id] }

func (t *trialed) at(id flow.NodeID) *ForecastStep {
	n := t.notes[id]
	if n == nil {
		n = &ForecastStep{}
		t.notes[id] = n
	}
	return n
}

// next picks the step that goes next: one at a time, so that the same trial always
// goes the same way.
func (t *trialed) next(start []flow.NodeID, running int) []flow.NodeID {
	if running > 0 {
		return nil
	}
	for _, id := range start {
		if t.wants(id) {
			return []flow.NodeID{id}
		}
	}
	return nil
}

// begin sets the run's time to when a step's turn comes: branches beside each other
// do not wait for one another.
func (t *trialed) begin(k *carrier, id flow.NodeID) {
	at := t.started
	for _, e := range t.content.Edges {
		from, port := e.Split()
		if before := t.notes[from]; e.To == id && before != nil && k.c.Steps[from].Port == port && before.Ended.After(at) {
			at = before.Ended
		}
	}
	k.sim.now = at
	t.at(id).Began = at
}

// end keeps when a step ended.
func (t *trialed) end(k *carrier, r stepResult) {
	n := t.at(r.node.ID)
	n.Ended, n.Took = k.sim.now, r.took
}

// given is the result that a step is given instead of being worked out: pinned, or
// on record of the same look-up.
func (t *trialed) given(by *try, input []byte) (node.Result, bool) {
	if t == nil {
		return node.Result{}, false
	}
	if p, ok := t.Pins[by.node.ID]; ok {
		t.at(by.node.ID).Pinned = true
		by.b.logf("The result of this step is pinned; it was not worked out.")
		return node.Result{Port: p.Port, Output: p.Output}, true
	}
	return t.recorded(by, input)
}

// answer is what a person is taken to say.
func (t *trialed) answer(id flow.NodeID) node.Decision {
	if t != nil {
		if d, ok := t.Signoffs[id]; ok {
			return d
		}
	}
	return node.Decision{Approved: true, By: "simulation"}
}

func answered(d node.Decision) string {
	switch {
	case d.Expired:
		return "It is taken that nobody answers in time."
	case d.Approved:
		return "It is taken that the answer is yes."
	}
	return "It is taken that the answer is no."
}

func (t *trialed) asks(id flow.NodeID, w node.Wait) {
	if t != nil {
		t.at(id).People = append(t.at(id).People, w.For)
	}
}

func (t *trialed) passes(id flow.NodeID, w node.Wait) {
	t.at(id).Passed = append(t.at(id).Passed, w.For)
}

func (t *trialed) asked(id flow.NodeID, what string) {
	t.at(id).Asked = appendNew(t.at(id).Asked, what)
}

func (t *trialed) unasked(id flow.NodeID, what string) {
	t.at(id).Unasked = appendNew(t.at(id).Unasked, what)
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// tell adds to a step what is known of its trial.
func (t *trialed) tell(s *ForecastStep) {
	n := t.notes[s.Node]
	if n == nil {
		return
	}
	s.Began, s.Ended, s.Took, s.Pinned, s.Passed, s.People, s.Asked, s.Unasked = n.Began, n.Ended, n.Took, n.Pinned, n.Passed, n.People, n.Asked, n.Unasked
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "an address"
	}
	return strings.ToLower(u.Host)
}
