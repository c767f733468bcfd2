package engine

import (
	"context"
	"fmt"
	"strings"

	"joinery/internal/naming"
	"joinery/internal/node"
	"joinery/internal/policy"
)

// plannedNames are the names of a simulated run: what is held is read, claims are
// listed as planned changes, and what was planned for one joiner is taken for the
// next whose run is foreseen.
type plannedNames struct{ heldNames }

var _ node.Reservations = plannedNames{}

// Lookups answers from what is held and planned.
func (p plannedNames) Lookups(chosenFor string) policy.Names {
	k := p.b.k
	if k.foresees != nil && k.trial.Past != nil {
		return plannedLookups{k.pastNames(chosenFor), k.c.Ref.Stamp(), k.sim}
	}
	return plannedLookups{k.names(chosenFor), k.c.Ref.Stamp(), k.sim}
}

// Found records nothing.
func (plannedNames) Found(context.Context, naming.Name, string, string) error { return nil }

// Stamps are those of the joiner.
func (p plannedNames) Stamps(ctx context.Context) ([]string, error) {
	if p.b.k.c.JoinerID == "" {
		return []string{p.b.k.c.Ref.Stamp()}, nil
	}
	return p.heldNames.Stamps(ctx)
}

// Claim lists the names.
func (p plannedNames) Claim(_ context.Context, c node.NameClaim) (taken []naming.Name, again bool, err error) {
	s := p.b.k.sim
	s.mu.Lock()
	for _, n := range c.Names {
		s.names[plannedKey(n)] = p.b.k.c.Ref.Stamp()
	}
	s.mu.Unlock()
	for _, n := range c.Names {
		p.b.note(Change{Operation: opName, Target: n.Name, Sentence: fmt.Sprintf("The name %s would be held in %s", n.Name, n.Space), Planned: true})
	}
	return nil, false, nil
}

func plannedKey(n naming.Name) naming.Name {
	return naming.Name{Space: n.Space, Key: n.Key, Within: n.Within}
}

type plannedLookups struct {
	policy.Names
	stamp string
	sim   *pretence
}

var _ policy.Names = plannedLookups{}

// Holders knows the names planned for others too.
func (p plannedLookups) Holders(ctx context.Context, names []naming.Name) ([]string, error) {
	out, err := p.Names.Holders(ctx, names)
	if err != nil {
		return nil, err
	}
	p.sim.mu.Lock()
	defer p.sim.mu.Unlock()
	for i, n := range names {
		if stamp := p.sim.names[plannedKey(n)]; out[i] == "" && stamp != "" && stamp != p.stamp {
			connection, worker, _ := strings.Cut(stamp, ":")
			out[i] = fmt.Sprintf("planned for worker %s of %s", worker, connection)
		}
	}
	return out, nil
}
