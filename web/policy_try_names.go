package web

import (
	"context"
	"maps"
	"slices"

	"joinery/internal/naming"
	"joinery/internal/policy"
)

// heldNames answers a naming policy that is tried from the names that are held, and
// remembers which were not free: a test made of the try needs them to be taken.
type heldNames struct {
	policy.Names
	taken []policy.Taken
}

var _ policy.Names = (*heldNames)(nil)

// Holders remembers what is taken, without by whom: a policy is no place for that.
func (h *heldNames) Holders(ctx context.Context, names []naming.Name) ([]string, error) {
	out, err := h.Names.Holders(ctx, names)
	for i, holder := range out {
		if holder != "" {
			h.add(policy.Taken{Space: names[i].Space, Name: names[i].Name})
		}
	}
	return out, err
}

// Live remembers what is in use in a system that was asked.
func (h *heldNames) Live(ctx context.Context, n naming.Name, in policy.SpaceRow, within string) (string, error) {
	where, err := h.Names.Live(ctx, n, in, within)
	if where != "" {
		h.add(policy.Taken{Space: n.Space, Name: n.Name})
	}
	return where, err
}

// Own remembers the joiner's own names.
func (h *heldNames) Own(ctx context.Context) (map[string]string, error) {
	out, err := h.Names.Own(ctx)
	for _, space := range slices.Sorted(maps.Keys(out)) {
		h.add(policy.Taken{Space: space, Name: out[space], Holder: policy.TheJoiner})
	}
	return out, err
}

func (h *heldNames) add(t policy.Taken) {
	if !slices.Contains(h.taken, t) && len(h.taken) < 50 {
		h.taken = append(h.taken, t)
	}
}
