package node

import (
	"context"

	"joinery/internal/connector"
	"joinery/internal/policy"
)

// Adoption is what a node may do with accounts that no joiner stands behind. The
// engine records an intent before a mark is put on one and a receipt after it, and
// in a simulated run lists it as a planned change.
type Adoption interface {
	// Mine finds the account that bears the joiner's mark, and tells how it got it.
	Mine(ctx context.Context, connection string) (a connector.Account, mine Mine, err error)
	// Search gives the accounts that hold all of the values.
	Search(ctx context.Context, connection string, equal map[string]string) ([]policy.Candidate, error)
	// Adopt makes an account the joiner's. Apart remembers that it is not.
	Adopt(ctx context.Context, m policy.Matched, by string) error
	Apart(ctx context.Context, c policy.Candidate, by string) error
}

// Mine is how the joiner's account got the joiner's mark.
type Mine string

// The ways.
const (
	MineNone    Mine = ""        // no account bears it
	MineMade    Mine = "made"    // Joinery made the account
	MineBegun   Mine = "begun"   // this very step put it there, or may have
	MineAdopted Mine = "adopted" // an earlier run did
)
