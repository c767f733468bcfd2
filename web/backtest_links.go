package web

import (
	"context"
	"fmt"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/reviews"
	"joinery/views/sections"
	"joinery/views/ui"
)

// revisionTests leads from a revision to its backtests.
func (s *Server) revisionTests(key string, n int) sections.Section {
	return sections.Section{Title: "Against past joiners", Text: "What this revision would have done for those who came last.", Actions: []ui.Button{{Text: "Test this revision", Icon: "history", URL: fmt.Sprintf("/flows/%s/backtests?revision=%d", key, n)}}}
}

// mostCounts bounds what of a report a review repeats; the report has all.
const mostCounts = 6

// reviewBacktest shows the backtest of what is reviewed: as a check, and with what it
// tested, when, and what would differ.
func (s *Server) reviewBacktest(ctx context.Context, p *reviews.Page, d postgres.ReviewDetail, who auth.Actor) error {
	if d.Kind != review.Flow {
		return nil
	}
	check, asked := d.Backtest.Check()
	open := d.State == review.Open
	badge := backtestVerdict(d.Backtest, check)
	if asked && open {
		p.Checks = append(p.Checks, reviews.Check{Badge: badge, Name: "Backtest", Detail: check.Detail})
	}
	card := &reviews.Backtest{Badge: badge, Text: check.Detail}
	if !asked {
		card.Text = "This flow does not ask for a test against past joiners, and this content was not tested."
	}
	if !open && d.Backtest.ID != "" { // what goes live now is no matter of a review that is over
		card.Badge, card.Text = backtestBadge(d.Backtest.State), "The newest test of this content."
	}
	p.Backtest = card
	again := ui.Button{Text: "Test it against past joiners", Icon: "history", URL: fmt.Sprintf("/flows/%s/backtests?revision=%d", d.Key, d.Revision)}
	if d.Backtest.ID == "" {
		earlier, err := s.DB.Backtests(ctx, d.Key, 0)
		if err != nil {
			return err
		}
		if len(earlier) > 0 {
			b := earlier[0]
			card.Text += fmt.Sprintf(" Revision %d was tested %s; that was other content, so it does not count for this one.", b.Revision, s.ago(b.CreatedAt))
			card.Actions = append(card.Actions, ui.Button{Text: "Open that report", URL: "/backtests/" + b.ID})
		}
		if who.Can(auth.RunSimulate) && open {
			card.Actions = append([]ui.Button{again}, card.Actions...)
		}
		return nil
	}
	b, err := s.DB.Backtest(ctx, d.Backtest.ID)
	if err != nil {
		return err
	}
	card.Pairs = []ui.Pair{{Label: "Tested", Value: s.ago(b.CreatedAt) + " by " + b.ByName}, {Label: "Content", Value: fmt.Sprintf("revision %d, %s", b.Revision, ui.Short(b.Hash))}, {Label: "With its parts", Value: b.Root, Code: true, Copy: true}, {Label: "Baseline", Value: compared(b)}}
	if d.Backtest.Now != "" && b.Root != d.Backtest.Now && open {
		card.Pairs = append(card.Pairs, ui.Pair{Label: "Would go live", Value: d.Backtest.Now, Code: true, Copy: true})
	}
	if r := b.Report; r != nil {
		card.Lines = append(card.Lines, fmt.Sprintf("%d of %s would have it differently", r.Differing, plural(r.People, "joiner", "joiners")), fmt.Sprintf("%d would fail newly, %d in all", r.NewlyFailing, r.Failing))
		if n := r.Asked + r.Unasked; n > 0 {
			card.Lines = append(card.Lines, fmt.Sprintf("%d not fully on record", n))
		}
		for i, n := range r.Counts {
			if i == mostCounts {
				card.Lines = append(card.Lines, fmt.Sprintf("and %d more in the report", len(r.Counts)-i))
				break
			}
			card.Lines = append(card.Lines, kindWord(n.Kind)+": "+n.Say(r.People))
		}
	}
	card.Actions = []ui.Button{{Text: "Open the report", Icon: "history", URL: "/backtests/" + b.ID}}
	if !check.Passed && who.Can(auth.RunSimulate) && open && b.Ended() {
		card.Actions = append(card.Actions, again)
	}
	return nil
}

// backtestVerdict says in two words how the test of what is reviewed stands.
func backtestVerdict(b review.Backtest, check review.Check) ui.Badge {
	switch {
	case b.ID == "" && b.Required:
		return ui.Badge{Tone: "bad", Text: "Missing"}
	case b.ID == "":
		return ui.Badge{Tone: "neutral", Text: "Not asked for"}
	case b.State == review.BacktestQueued || b.State == review.BacktestRunning:
		return ui.Badge{Tone: "info", Text: "Under way"}
	case b.State != review.BacktestDone:
		return ui.Badge{Tone: "bad", Text: "No result"}
	case b.Root != b.Now:
		return ui.Badge{Tone: "bad", Text: "Out of date"}
	case !check.Passed:
		return ui.Badge{Tone: "bad", Text: "Not enough"}
	case !b.Required:
		return ui.Badge{Tone: "good", Text: "Done"}
	}
	return ui.Badge{Tone: "good", Text: "Passed"}
}
