// Package backtest knows what two outcomes of one joiner differ in, and what the
// differences of many come to. It is pure: the same outcomes give the same report,
// byte for byte.
package backtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kinds of differences, in the order reports show them.
const (
	Start     = "start"      // whether a run would begin at all
	Failure   = "failure"    // whether it would come through
	Person    = "person"     // whether people would be asked
	Login     = "login"      // the name of an account
	Account   = "account"    // whether an account is made, enabled or disabled
	Group     = "group"      // memberships
	Name      = "name"       // names that are held
	Attribute = "attribute"  // what an account holds
	WriteBack = "write_back" // what the HRIS is told
	Message   = "message"
	Request   = "request"
	Other     = "other"
	Timing    = "timing" // when an account is made, enabled or disabled
)

// Kinds lists them in that order.
func Kinds() []string {
	return []string{Start, Failure, Person, Login, Account, Group, Name, Attribute, WriteBack, Message, Request, Other, Timing}
}

// Effect is one thing that a run would do or come to. Effects with the same kind,
// place and thing are the same one on both sides; Value is what may differ in it.
type Effect struct {
	Kind  string `json:"kind"`
	Where string `json:"where,omitempty"`
	What  string `json:"what"`
	Value string `json:"value,omitempty"`
	// At is when it would be done; zero where that does not matter.
	At time.Time `json:"at,omitzero"`
}

// Side is what one revision would do for a joiner.
type Side struct {
	// Starts says that it would begin a run at all.
	Starts bool `json:"starts"`
	// State and Reason are the run's end; Node is where it stopped.
	State   string   `json:"state,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Node    string   `json:"node,omitempty"`
	Effects []Effect `json:"effects,omitempty"`
	// Asked are systems that were asked now, because there is no record; Unasked
	// those that were not, so that their answers are assumed.
	Asked   []string `json:"asked,omitempty"`
	Unasked []string `json:"unasked,omitempty"`
}

// Difference is one thing that would be otherwise.
type Difference struct {
	Kind  string `json:"kind"`
	Where string `json:"where,omitempty"`
	What  string `json:"what"`
	// Was and Is are empty where the thing is not there.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
}

// Compare finds in what the second side differs from the first.
func Compare(was, is Side) []Difference {
	var out []Difference
	add := func(d Difference) { out = append(out, d) }
	if was.Starts != is.Starts {
		add(Difference{Kind: Start, What: "run", Was: starts(was.Starts), Is: starts(is.Starts)})
		if !is.Starts || !was.Starts {
			return out
		}
	}
	if was.State != is.State || was.State == "failed" && (was.Node != is.Node || was.Reason != is.Reason) {
		what := cmp.Or(is.Node, was.Node, "the end")
		add(Difference{Kind: Failure, What: what, Was: was.End(), Is: is.End()})
	}
	a, b := byKey(was.Effects), byKey(is.Effects)
	for _, k := range keysOf(a, b) {
		x, y := a[k], b[k]
		for i := range max(len(x), len(y)) {
			switch {
			case i >= len(x):
				add(Difference{Kind: k.kind, Where: k.where, What: k.what, Is: cmp.Or(y[i].Value, "yes")})
			case i >= len(y):
				add(Difference{Kind: k.kind, Where: k.where, What: k.what, Was: cmp.Or(x[i].Value, "yes")})
			case x[i].Value != y[i].Value:
				add(Difference{Kind: k.kind, Where: k.where, What: k.what, Was: x[i].Value, Is: y[i].Value})
			case !x[i].At.IsZero() && !x[i].At.Equal(y[i].At):
				add(Difference{Kind: Timing, Where: k.where, What: k.what, Was: moment(x[i].At), Is: moment(y[i].At)})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(place(a.Kind), place(b.Kind)), cmp.Compare(a.Where, b.Where), cmp.Compare(a.What, b.What))
	})
	return out
}

func starts(yes bool) string {
	if yes {
		return "starts"
	}
	return "does not start"
}

// End tells how a run would end.
func (s Side) End() string {
	switch {
	case !s.Starts:
		return "starts no run"
	case s.State == "failed" && s.Node != "":
		return "needs a person: " + strings.TrimSpace(s.Reason)
	case s.State == "failed":
		return "ends as failed: " + strings.TrimSpace(s.Reason)
	case s.State == "waiting":
		return "cannot be worked out: " + strings.TrimSpace(s.Reason)
	}
	return "comes through"
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func place(kind string) int { return slices.Index(Kinds(), kind) }

type key struct{ kind, where, what string }

func byKey(list []Effect) map[key][]Effect {
	out := map[key][]Effect{}
	for _, e := range list {
		k := key{e.Kind, e.Where, e.What}
		out[k] = append(out[k], e)
	}
	for _, l := range out {
		slices.SortStableFunc(l, func(a, b Effect) int { return cmp.Or(cmp.Compare(a.Value, b.Value), a.At.Compare(b.At)) })
	}
	return out
}

func keysOf(maps ...map[key][]Effect) []key {
	seen := map[key]bool{}
	var out []key
	for _, m := range maps {
		for k := range m {
			if !seen[k] {
				seen[k] = true
				out = append(out, k)
			}
		}
	}
	slices.SortFunc(out, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.where, b.where), cmp.Compare(a.what, b.what))
	})
	return out
}

// Say tells a difference of one joiner in a sentence.
func (d Difference) Say() string {
	in := ""
	if d.Where != "" {
		in = " in " + d.Where
	}
	switch {
	case d.Kind == Start && d.Is == starts(true):
		return "A run would start; the live revision starts none."
	case d.Kind == Start:
		return "No run would start; the live revision starts one."
	case d.Kind == Failure:
		return fmt.Sprintf("The run %s; by the live revision it %s.", strings.TrimSuffix(d.Is, "."), strings.TrimSuffix(d.Was, "."))
	case d.Kind == Timing:
		return fmt.Sprintf("%s%s: %s instead of %s.", d.What, in, d.Is, d.Was)
	case d.Was == "" && d.Is == "yes":
		return fmt.Sprintf("New: %s%s.", d.noun(), in)
	case d.Is == "" && d.Was == "yes":
		return fmt.Sprintf("No longer: %s%s.", d.noun(), in)
	case d.Was == "":
		return fmt.Sprintf("New: %s%s: %s.", d.noun(), in, d.Is)
	case d.Is == "":
		return fmt.Sprintf("No longer: %s%s (it was %s).", d.noun(), in, d.Was)
	}
	return fmt.Sprintf("%s%s: %s instead of %s.", d.noun(), in, d.Is, d.Was)
}

func (d Difference) noun() string {
	switch d.Kind {
	case Group:
		return "the group " + d.What
	case Login:
		return "the login"
	case Name:
		return "the name of " + d.What
	case Message:
		return "the message “" + d.What + "”"
	case Request:
		return "the request " + d.What
	case Person:
		return "a person is asked at " + d.What
	}
	return d.What
}
