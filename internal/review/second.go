package review

import (
	"slices"

	"joinery/internal/fault"
)

// Second is whether a setting asks for a second reviewer, and who said yes so far.
type Second struct {
	// Why is what of the content makes it so, in plain words; nothing needs one
	// reviewer only.
	Why []string
	// By are the UserIDs of those who approved this content in this review.
	By []string
}

// Needed says that one yes is not enough.
func (s Second) Needed() bool { return len(s.Why) > 0 }

// yes judges one more person's yes: whether it is the one that makes the content live.
func (s Second) yes(by string) (last bool, err error) {
	if slices.Contains(s.By, by) {
		return false, fault.New(fault.Conflict, "You have approved this already. It goes live when a second reviewer approves the same content.")
	}
	return !s.Needed() || len(s.By) > 0, nil
}
