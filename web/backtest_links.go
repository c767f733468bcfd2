package web

import (
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

// reviewBacktest shows the backtest of what is reviewed as a check, and leads to it.
func (s *Server) reviewBacktest(p *reviews.Page, d postgres.ReviewDetail, who auth.Actor) {
	if d.Kind != review.Flow {
		return
	}
	at := fmt.Sprintf("/flows/%s/backtests?revision=%d", d.Key, d.Revision)
	if d.Backtest.ID != "" {
		p.Pairs = append(p.Pairs, ui.Pair{Label: "Backtest", Value: "what would differ for past joiners", URL: "/backtests/" + d.Backtest.ID})
	} else if who.Can(auth.RunSimulate) {
		p.Pairs = append(p.Pairs, ui.Pair{Label: "Backtest", Value: "test it against past joiners", URL: at})
	}
	check, ok := d.Backtest.Check()
	if !ok || d.State != review.Open {
		return
	}
	badge := ui.Badge{Tone: "good", Text: "Passed"}
	if !check.Passed {
		badge = ui.Badge{Tone: "bad", Text: "Missing"}
	} else if d.Backtest.State != review.BacktestDone || d.Backtest.Root != d.Backtest.Now {
		badge = ui.Badge{Tone: "warn", Text: "Not asked for"}
	}
	p.Checks = append(p.Checks, reviews.Check{Badge: badge, Name: "Backtest", Detail: check.Detail})
}
