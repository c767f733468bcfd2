package review

import (
	"fmt"

	"joinery/internal/fault"
)

// Backtest is what a revision has to be tested against before it is approved, and
// the newest test of it.
type Backtest struct {
	// Required says that it is; against at least Joiners.
	Required bool
	Joiners  int
	// ID is the newest backtest of this content, State and Error how it stands, Asked
	// against how many joiners; "" when there is none.
	ID, State, Error string
	Asked            int
	// Root is the hash of the content and parts that were tested, Now that of those
	// that would go live now; Why says why that cannot be told.
	Root, Now, Why string
}

// States of a backtest.
const (
	BacktestQueued   = "queued"
	BacktestRunning  = "running"
	BacktestDone     = "done"
	BacktestFailed   = "failed"
	BacktestCanceled = "canceled"
)

// Check is the gate's verdict; ok is false where no backtest is asked for and there
// is none.
func (b Backtest) Check() (check Check, ok bool) {
	if !b.Required && b.ID == "" {
		return Check{}, false
	}
	why := b.wrong()
	c := Check{Name: "backtest", Passed: why == "" || !b.Required, Detail: why}
	switch {
	case why == "":
		c.Detail = "It was tested against past joiners, with exactly what would go live."
	case !b.Required:
		c.Detail += " This flow does not ask for one."
	}
	return c, true
}

func (b Backtest) wrong() string {
	switch {
	case b.ID == "":
		return fmt.Sprintf("This flow asks for a test against %d past joiners, and this content was never tested. Start a backtest.", b.Joiners)
	case b.State == BacktestQueued || b.State == BacktestRunning:
		return "The backtest is under way. Wait for it to end."
	case b.State == BacktestFailed:
		return "The backtest did not come to an end: " + b.Error + " Start it again."
	case b.State != BacktestDone:
		return "The backtest was canceled. Start it again."
	case b.Required && b.Asked < b.Joiners:
		return fmt.Sprintf("The backtest was asked for %d joiners, and this flow asks for %d. Start one with more.", b.Asked, b.Joiners)
	case b.Now == "":
		return "What would go live cannot be told: " + b.Why
	case b.Root != b.Now:
		return "The backtest is older than what would go live: a part of the flow has a newer release since. Start it again."
	}
	return ""
}

// MayRelease judges whether what would go live now was tested.
func (b Backtest) MayRelease() error {
	if c, ok := b.Check(); ok && !c.Passed {
		return fault.New(fault.Conflict, "%s", c.Detail)
	}
	return nil
}
