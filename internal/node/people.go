package node

import (
	"context"

	"joinery/internal/joiner"
	"joinery/internal/policy"
)

// People are those Joinery knows already.
type People interface {
	// Match finds known joiners that one of the rules fits. Values for matching are
	// compared by keyed marks.
	Match(ctx context.Context, rules []policy.MatchRule) ([]Known, error)
	// Join makes the joiner the same person as a known one: its accounts and names are
	// the joiner's from now on. Apart remembers that they are two people.
	Join(ctx context.Context, k Known, rule policy.MatchRule, by string) (stamp string, err error)
	Apart(ctx context.Context, k Known, by string) error
	// Stamp is the mark on the accounts of somebody's record: that of an earlier record
	// where both are one person.
	Stamp(ctx context.Context, ref joiner.Ref) (string, error)
}

// Known is a joiner that this one may be.
type Known struct {
	ID     string
	Ref    joiner.Ref
	Label  string
	Worker joiner.Worker
	// Sets are the keys of the rules that fit.
	Sets []string
	// Same and Apart are what was decided before.
	Same, Apart bool
	// Accounts are the account ids by connection.
	Accounts map[string]string
	Stamp    string
}

// Comparison is two records side by side.
type Comparison struct {
	Left  string `json:"left"`
	Right string `json:"right"`
	// RightURL is the page of the known one.
	RightURL string        `json:"right_url,omitempty"`
	Rows     []ComparedRow `json:"rows"`
}

// ComparedRow is one attribute of both.
type ComparedRow struct {
	Label string `json:"label"`
	Left  string `json:"left"`
	Right string `json:"right"`
	Same  bool   `json:"same"`
}
