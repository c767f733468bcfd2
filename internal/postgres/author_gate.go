package postgres

import (
	"context"
	"fmt"
	"slices"

	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/function"
)

// FunctionGaps finds the gates that a function misses by the settings of now, whoever
// wrote it. Content that came out of a conversation also has those that its confirmed
// intent set.
func (db *DB) FunctionGaps(ctx context.Context, hash string, content []byte) ([]author.Gap, error) {
	c, err := function.Decode(content)
	if err != nil {
		return nil, err
	}
	s, err := db.AuthorSetting(ctx)
	if err != nil {
		return nil, err
	}
	in, bound, err := db.Agreed(ctx, hash)
	if err != nil {
		return nil, err
	}
	var out []author.Gap
	if db.artifacts.Functions != nil {
		report, err := db.artifacts.Functions.Examine(ctx, c)
		if err != nil {
			return nil, err
		}
		out = author.Judge(c, report, in, s.Mutation)
	}
	known, err := author.KnownGaps(ctx, db, c, s.Words)
	if err != nil {
		return nil, err
	}
	out = append(out, known...)
	return append(out, stillMissed(bound, out, s.Mutation)...), nil
}

// stillMissed are the gaps that a draft was saved with, and that were not found anew: all
// but that of small changes, which is by the threshold of now.
func stillMissed(b author.Binding, found []author.Gap, threshold int) []author.Gap {
	var out []author.Gap
	for _, g := range b.Gaps {
		again := slices.ContainsFunc(found, func(f author.Gap) bool { return f.Gate == g.Gate })
		if !again && (g.Gate != author.GateMutation || b.Noticed == nil || *b.Noticed < threshold) {
			out = append(out, g)
		}
	}
	return out
}

// Agreed is the confirmed intent that a content is held to, and the turn it came out of;
// neither for what came from a person's hand.
func (db *DB) Agreed(ctx context.Context, hash string) (*author.Intent, author.Binding, error) {
	b, found, err := db.AuthorBinding(ctx, hash)
	if err != nil || !found {
		return nil, b, err
	}
	t, err := db.AuthorTurn(ctx, b.Turn)
	if err != nil {
		return nil, b, err
	}
	earlier, err := db.Earlier(ctx, t)
	return author.Agreed(earlier, t), b, err
}

// passGates refuses to submit what misses a gate, and what the author wrote where the
// organisation wants drafts only. The database refuses it too.
func (db *DB) passGates(ctx context.Context, rev Revision) error {
	if _, bound, err := db.AuthorBinding(ctx, rev.Hash); err != nil {
		return err
	} else if bound {
		s, err := db.AuthorSetting(ctx)
		if err != nil {
			return err
		}
		if s.Policy != author.On {
			return fault.New(fault.Forbidden, "What the function author writes is for drafts only here. Rework it by hand and save it, then submit that.")
		}
	}
	gaps, err := db.FunctionGaps(ctx, rev.Hash, []byte(rev.Content))
	if err != nil {
		return err
	}
	var problems []fault.Problem
	for _, g := range gaps {
		detail := g.Says
		if g.Line > 0 {
			detail = fmt.Sprintf("Line %d: %s", g.Line, g.Says)
		}
		problems = append(problems, fault.Problem{Path: pathOf(g.Gate), Detail: detail})
	}
	return fault.Refuse(fmt.Sprintf("Revision %d cannot be submitted: it misses a gate that every function has to pass.", rev.Number), problems)
}

// pathOf is the part of a function that a gate is about.
func pathOf(g author.Gate) string {
	switch g {
	case author.GateTests, author.GateMutation:
		return "cases"
	case author.GateLimits:
		return "manifest.limits"
	case author.GateGrants, author.GateIntent, author.GateForbidden:
		return "manifest.grants"
	}
	return "source"
}
