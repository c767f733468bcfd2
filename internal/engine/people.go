package engine

import (
	"context"
	"slices"

	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/policy"
	"joinery/internal/postgres"
)

// known are the people Joinery knows, as one run asks for them.
type known struct{ b *boundary }

var _ node.People = known{}

// Match marks whoever is not marked yet, the joiner as read now, and compares.
func (p known) Match(ctx context.Context, rules []policy.MatchRule) ([]node.Known, error) {
	k := p.b.k
	if k.sim == nil {
		for _, r := range rules {
			if err := k.e.DB.KeepMarks(ctx, r.Key(), map[string]string{k.c.JoinerID: k.e.markBy(r, k.worker.Attributes)}, ""); err != nil {
				return nil, err
			}
		}
	}
	if k.foresees != nil {
		return p.foreseen(ctx, rules)
	}
	return k.e.KnownLike(ctx, k.c.JoinerID, k.worker.Attributes, rules)
}

// foreseen compares by the attributes themselves, where the run sees stand-ins for
// them, and knows only those who were there at the time it is about.
func (p known) foreseen(ctx context.Context, rules []policy.MatchRule) ([]node.Known, error) {
	k := p.b.k
	attributes := k.worker.Attributes
	if k.trial.MatchBy != nil {
		attributes = k.trial.MatchBy
	}
	all, err := k.e.KnownLike(ctx, k.c.JoinerID, attributes, rules)
	if err != nil {
		return nil, err
	}
	if k.trial.Past != nil {
		all = slices.DeleteFunc(all, func(x node.Known) bool { return postgres.CameAfter(x.ID, k.trial.started) })
		k.trial.asked(p.b.node.ID, "records of people")
	}
	for i := range all {
		all[i].Worker = k.foresees.veiled(all[i].Worker)
	}
	return all, nil
}

// KnownLike finds the joiners that one of the rules fits, for a joiner who may be
// known ("" for nobody's id). Those without marks are marked first.
func (e *Engine) KnownLike(ctx context.Context, joinerID string, attributes map[string]any, rules []policy.MatchRule) ([]node.Known, error) {
	var mine []postgres.MatchMark
	for _, r := range rules {
		if err := e.markAll(ctx, r); err != nil {
			return nil, err
		}
		if m := e.markBy(r, attributes); m != "" {
			mine = append(mine, postgres.MatchMark{Fields: r.Key(), Mark: m})
		}
	}
	all, err := e.DB.MatchPeople(ctx, joinerID, mine)
	if err != nil {
		return nil, err
	}
	out := make([]node.Known, len(all))
	for i, x := range all {
		out[i] = node.Known{ID: x.JoinerID, Ref: x.Ref, Label: x.Label, Worker: x.Worker, Sets: x.Sets, Same: x.Same, Apart: x.Apart, Accounts: x.Accounts, Stamp: x.Stamp}
	}
	return out, nil
}

// markBy is what a record is compared by; "" when an attribute is missing.
func (e *Engine) markBy(r policy.MatchRule, attributes map[string]any) string {
	v := r.Value(attributes)
	if v == "" {
		return ""
	}
	return joiner.Mark(e.MarkKey, r.Key(), v)
}

// markAll marks the joiners that came before the rule, or since it was last asked.
func (e *Engine) markAll(ctx context.Context, r policy.MatchRule) error {
	for after := ""; ; {
		rows, last, err := e.DB.ToMark(ctx, r.Key(), after)
		if err != nil || len(rows) == 0 {
			return err
		}
		marks := make(map[string]string, len(rows))
		for id, attributes := range rows {
			marks[id] = e.markBy(r, attributes)
		}
		if err := e.DB.KeepMarks(ctx, r.Key(), marks, last); err != nil {
			return err
		}
		after = last
	}
}

// Join makes both one person; a simulated run only goes on as if they were.
func (p known) Join(ctx context.Context, x node.Known, rule policy.MatchRule, by string) (string, error) {
	k := p.b.k
	if k.sim != nil {
		p.b.note(Change{Operation: "joiner.join", Target: x.Ref.Stamp(), Sentence: "The joiner is taken for worker " + x.Ref.Worker + " of " + x.Ref.Connection, Planned: true})
		return x.Stamp, nil
	}
	stamp, err := k.e.DB.JoinPerson(ctx, postgres.Joined{Run: k.c.ID, Owner: k.e.Owner, Epoch: k.c.Epoch, Joiner: k.c.JoinerID, Earlier: x.ID, Rule: rule.Title(), Weight: rule.Weight, By: by})
	if err == nil {
		p.b.note(Change{Operation: "joiner.join", Target: x.Ref.Stamp(), Sentence: "The joiner is the same person as worker " + x.Ref.Worker + " of " + x.Ref.Connection})
	}
	return stamp, err
}

// Apart remembers that they are two people.
func (p known) Apart(ctx context.Context, x node.Known, by string) error {
	if p.b.k.sim != nil {
		return nil
	}
	return p.b.k.e.DB.KeepApart(ctx, p.b.k.c.JoinerID, x.ID, by)
}

// Stamp is the mark on the accounts of a record.
func (p known) Stamp(ctx context.Context, ref joiner.Ref) (string, error) {
	return p.b.k.e.DB.StampOf(ctx, ref)
}
