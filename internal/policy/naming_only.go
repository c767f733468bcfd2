package policy

import (
	"slices"

	"joinery/internal/fault"
)

// Only gives the rules for some of the spaces: nothing is chosen or held in the
// others. None named means all.
func (n *Naming) Only(spaces []string) (*Naming, error) {
	if len(spaces) == 0 {
		return n, nil
	}
	out := &Naming{First: n.First, Profile: n.Profile, Profiles: n.Profiles, Highest: n.Highest, Reserved: n.Reserved,
		Hold: n.Hold, AfterLeaving: n.AfterLeaving, AfterRescinding: n.AfterRescinding, LatinFirst: n.LatinFirst, LatinLast: n.LatinLast}
	for _, want := range spaces {
		if !slices.ContainsFunc(n.Spaces, func(s SpaceRow) bool { return s.Space == want }) {
			return nil, fault.New(fault.Invalid, "The naming policy has no name space %q.", want)
		}
	}
	for _, s := range n.Spaces {
		if !slices.Contains(spaces, s.Space) {
			continue
		}
		if s.SameAs != "" && !slices.Contains(spaces, s.SameAs) {
			return nil, fault.New(fault.Invalid, "Names in %s follow those in %s, so one cannot be chosen without the other.", s.Space, s.SameAs)
		}
		out.Spaces = append(out.Spaces, s)
	}
	for _, c := range n.Candidates {
		if slices.Contains(spaces, c.Space) {
			out.Candidates = append(out.Candidates, c)
		}
	}
	return out, nil
}
