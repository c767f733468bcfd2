package engine

import (
	"context"
	"fmt"
	"time"

	"joinery/internal/joiner"
	"joinery/internal/naming"
	"joinery/internal/node"
	"joinery/internal/policy"
	"joinery/internal/postgres"
)

// opName is how changes call the holding of a name.
const opName = "name.hold"

// Places on the way of a claim.
const (
	BeforeClaim = "before claim" // names are chosen, and not held
	AfterClaim  = "after claim"  // they are held, and the step does not know it
)

// heldNames are the names of a live run: claims are written.
type heldNames struct{ b *boundary }

var _ node.Reservations = heldNames{}

func (b *boundary) names() node.Reservations {
	if b.k.sim != nil {
		return plannedNames{heldNames{b}}
	}
	return heldNames{b}
}

// Lookups answers from what is held.
func (h heldNames) Lookups(chosenFor string) policy.Names { return h.b.k.names(chosenFor) }

func (k *carrier) names(chosenFor string) postgres.Names {
	return postgres.Names{DB: k.e.DB, JoinerID: k.c.JoinerID, Stamp: k.c.Ref.Stamp(), Run: k.c.ID, For: chosenFor}
}

// Stamps are the mark of this joiner, and those of earlier records of the person.
func (h heldNames) Stamps(ctx context.Context) ([]string, error) {
	out, err := h.b.k.e.DB.NameStamps(ctx, h.b.k.c.JoinerID)
	return append(out, h.b.k.c.Ref.Stamp()), err
}

// Former lists what the joiner was called before.
func (h heldNames) Former(ctx context.Context, policy string) (map[string][]string, error) {
	return h.b.k.e.DB.FormerNames(ctx, h.b.k.c.JoinerID, policy)
}

// Found records a name that is in use.
func (h heldNames) Found(ctx context.Context, n naming.Name, connection, stamp string) error {
	return h.b.k.e.DB.FoundName(ctx, n, connection, stamp)
}

// Claim holds the names.
func (h heldNames) Claim(ctx context.Context, c node.NameClaim) (taken []naming.Name, again bool, err error) {
	k := h.b.k
	k.e.reached(BeforeClaim)
	out, err := k.e.DB.ClaimNames(ctx, postgres.NameClaim{Run: k.c.ID, Owner: k.e.Owner, Epoch: k.c.Epoch, Node: h.b.node.ID, Policy: c.Policy, JoinerID: k.c.JoinerID, Stamp: k.c.Ref.Stamp(), Names: c.Names, Keep: c.Keep, For: c.For})
	switch {
	case err != nil:
		return nil, false, err
	case !out.Kept:
		return nil, false, lostError{}
	case len(out.Taken) > 0 || out.Moved:
		return out.Taken, out.Moved, nil
	}
	k.e.reached(AfterClaim)
	for _, n := range c.Names {
		h.b.note(Change{Operation: opName, Target: n.Name, Sentence: fmt.Sprintf("The name %s is held in %s", n.Name, n.Space)})
	}
	return nil, false, nil
}

// spaces lists what an account in a connection may be called by, of the naming
// policies that this release pins.
func (r *release) spaces(connection string) []policy.SpaceRow {
	var out []policy.SpaceRow
	for _, p := range r.policies {
		if p.Naming == nil {
			continue
		}
		for _, s := range p.Naming.Spaces {
			for _, c := range s.Connections {
				if c == connection {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// choosesNames reports whether runs of the release choose names.
func (r *release) choosesNames() bool {
	for _, p := range r.policies {
		if p.Naming != nil {
			return true
		}
	}
	return false
}

// mayBeCalled refuses an account by a name that is held for somebody else, and
// holds the joiner's own names again that lapsed meanwhile.
func (r *recorded) mayBeCalled(ctx context.Context, login string, attributes map[string]any) error {
	k := r.b.k
	if !k.rel.choosesNames() {
		return nil
	}
	if err := k.e.DB.ReviveNames(ctx, k.c.JoinerID, k.c.ID); err != nil {
		return err
	}
	var names []naming.Name
	for _, s := range k.rel.spaces(r.key) {
		by := naming.Space{Kind: naming.Kind(s.Kind), Equality: naming.Equality(s.Equality)}.By()
		for _, value := range called(s, login, attributes) {
			names = append(names, naming.Name{Space: s.Space, Name: value, Key: by.Key(value), Equality: by})
		}
	}
	return k.names("").RefuseOthersNames(ctx, names)
}

// called gives the values of an account that are names in a space without places.
func called(s policy.SpaceRow, login string, attributes map[string]any) []string {
	if s.Within != "" {
		return nil
	}
	if len(s.Attributes) == 0 {
		if login == "" {
			return nil
		}
		return []string{login}
	}
	var out []string
	for _, a := range s.Attributes {
		if v, ok := attributes[a].(string); ok && v != "" {
			out = append(out, v)
		}
	}
	return out
}

// nowCalled lists what an account is called by, for the names to be confirmed.
func (k *carrier) nowCalled(login string, attributes map[string]any) []string {
	if !k.rel.choosesNames() {
		return nil
	}
	var out []string
	if login != "" {
		out = append(out, login)
	}
	for _, v := range attributes {
		switch x := v.(type) {
		case string:
			out = append(out, x)
		case []any:
			for _, y := range x {
				if s, ok := y.(string); ok {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// isCalled keeps what an account is called now, for the step's checkpoint.
func (b *boundary) isCalled(names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.called = append(b.called, names...)
}

// leaves tells how a reading says that the joiner is on the way out; "" when not.
func (k *carrier) leaves() string {
	if k.sim != nil || k.worker == nil {
		return ""
	}
	switch s := k.worker.Text(joiner.Status); s {
	case "terminated", "rescinded":
		return s
	}
	// A contract that is over by its date ends like one that HR has ended.
	if end := k.worker.Text(joiner.EndDate); end != "" && end < k.e.Now().In(k.worker.Zone()).Format(time.DateOnly) {
		return "terminated"
	}
	return ""
}
