package main

import (
	"context"
	"fmt"
	"time"

	"joinery/internal/auth"
	"joinery/internal/backtest"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

type flowBacktestCmd struct {
	Key      string        `arg:"" help:"The flow's key."`
	Revision int           `help:"Which revision; without it, the newest."`
	Joiners  int           `help:"Against how many past joiners; without it, as many as the flow asks for."`
	Recorded bool          `help:"Ask no system: what is not on record is assumed, and marked."`
	Same     bool          `help:"Fail also when anything would differ for anybody."`
	People   bool          `help:"Print what would differ for each joiner, by the id of the run on record."`
	Timeout  time.Duration `default:"10m" help:"How long to wait."`
	As       string        `help:"E-mail address of who asks for it. Without it, the first active administrator."`
}

// Run asks for a backtest, waits for it and prints its report. A server that uses the
// same database carries it. It fails when the test comes to no report, or when
// somebody would fail whom the live revision brings through.
func (c flowBacktestCmd) Run(ctx context.Context, t *tool) error {
	if c.Revision < 0 || c.Joiners < 0 || c.Timeout <= 0 {
		return usageError{fault.New(fault.Invalid, "--revision, --joiners and --timeout take what is above 0.")}
	}
	h, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	by, err := h.author(ctx, c.As)
	if err != nil {
		return err
	}
	if !by.Can(auth.RunSimulate) {
		return fault.New(fault.Forbidden, "%s may not do that: it needs the permission %s.", by.Email, auth.RunSimulate)
	}
	id, err := h.db.AskBacktest(ctx, by, c.Key, c.Revision, c.Joiners, !c.Recorded)
	if err != nil {
		return err
	}
	b, err := awaitBacktest(ctx, h.db, id, c.Timeout)
	if err != nil {
		return err
	}
	t.reported(b)
	fmt.Fprintf(t.out, "%s/backtests/%s\n", h.cfg.BaseURL, b.ID)
	if c.People && b.Report != nil {
		if err := t.reportedPeople(ctx, h.db, b); err != nil {
			return err
		}
	}
	if b.Report == nil || b.Report.NewlyFailing > 0 || c.Same && b.Report.Differing > 0 {
		return errSilent
	}
	return nil
}

// awaitBacktest waits until a backtest has ended. One that nobody waits for goes on.
func awaitBacktest(ctx context.Context, db *postgres.DB, id string, most time.Duration) (postgres.Backtest, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var b postgres.Backtest
	for {
		next, err := db.Backtest(ctx, id)
		if err == nil {
			if b = next; b.Ended() {
				return b, nil
			}
		} else if ctx.Err() == nil {
			return b, err
		}
		select {
		case <-ctx.Done():
			why := "It goes on without you."
			if b.State != review.BacktestRunning {
				why = "Is a server running on this database?"
			}
			return b, fault.New(fault.Unavailable, "The backtest %s is not done: %d of %d joiners. %s", id, b.Looked, len(b.Runs), why)
		case <-tick.C:
		}
	}
}

// reported prints what a backtest came to, as its page says it.
func (t *tool) reported(b postgres.Backtest) {
	against := "nothing was live"
	if b.Base != "" {
		against = fmt.Sprintf("compared with revision %d, live then", b.BaseRevision)
	}
	fmt.Fprintf(t.out, "Backtest of %s, revision %d (%s): %s.\n", b.Flow, b.Revision, against, b.State)
	if b.Report == nil {
		if b.Error != "" {
			fmt.Fprintln(t.out, b.Error)
		}
		return
	}
	r := *b.Report
	fmt.Fprintf(t.out, "  %-22s %d\n  %-22s %d\n  %-22s %d (%d fail in all)\n  %-22s asked now: %d, assumed: %d\n",
		"joiners", r.People, "would differ", r.Differing, "newly failing", r.NewlyFailing, r.Failing, "not fully on record", r.Asked, r.Unasked)
	if r.Strange > 0 {
		fmt.Fprintf(t.out, "  %-22s %d: the live revision, worked out today, would not give what is on record\n", "prove less", r.Strange)
	}
	if r.People == 0 {
		fmt.Fprintln(t.out, "Nobody has come through this flow yet, so the test says nothing.")
	}
	for _, n := range r.Counts {
		fmt.Fprintf(t.out, "- %s\n", n.Say(r.People))
	}
	fmt.Fprintf(t.out, "report %s\n", b.ReportHash)
}

// reportedPeople prints the joiners for whom something would differ or fail.
func (t *tool) reportedPeople(ctx context.Context, db *postgres.DB, b postgres.Backtest) error {
	for after := 0; ; {
		part, err := db.BacktestPeople(ctx, b.ID, postgres.BacktestFilter{After: after, Limit: 200})
		if err != nil {
			return err
		}
		for _, p := range part {
			t.reportedLine(p.Line)
			after = p.N
		}
		if len(part) < 200 {
			return nil
		}
	}
}

func (t *tool) reportedLine(l backtest.Line) {
	if len(l.Differences) == 0 && !l.Fails {
		return
	}
	fmt.Fprintf(t.out, "run %s: %s\n", l.Run, l.End)
	for _, d := range l.Differences {
		fmt.Fprintf(t.out, "  %s\n", d.Say())
	}
}
