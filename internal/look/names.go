package look

import (
	"context"
	"errors"

	"joinery/internal/connector"
	"joinery/internal/naming"
	"joinery/internal/node"
	"joinery/internal/policy"
)

// Names are the names held here, and a look into the systems of each space. A
// system that cannot be asked counts as holding nothing; Systems names it.
type Names struct {
	policy.Names
	Systems *Systems
	// Marks are those on the joiner's own accounts.
	Marks []string
	seen  map[naming.Name]string
}

var _ policy.Names = (*Names)(nil)

// Live looks in each connection of the space.
func (n *Names) Live(ctx context.Context, name naming.Name, in policy.SpaceRow, within string) (string, error) {
	if where, known := n.seen[name]; known {
		return where, nil
	}
	if n.seen == nil {
		n.seen = map[naming.Name]string{}
	}
	found := make([]string, len(in.Connections))
	at := make([]int, len(in.Connections))
	for i := range at {
		at[i] = i
	}
	each(at, func(i int) {
		key := in.Connections[i]
		err := n.Systems.ask(ctx, key, func(ctx context.Context, r connector.Reading) error {
			by, _, err := node.HeldLive(name, in, within, n.Marks, func(q connector.NameQuery) ([]connector.Holder, error) { return r.Holders(ctx, q) })
			if by != "" {
				found[i] = node.InUse(key, by)
			}
			return err
		})
		if errors.Is(err, errMissed) {
			found[i] = ""
		}
	})
	for _, where := range found {
		if where != "" {
			n.seen[name] = where
			return where, nil
		}
	}
	n.seen[name] = ""
	return "", nil
}
