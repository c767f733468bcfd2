package flow

import "fmt"

// Backtest says whether a revision has to be tested against past joiners before it
// may be approved.
type Backtest struct {
	Required bool `json:"required,omitempty" yaml:"required,omitempty"`
	// Joiners is against how many at least; 0 means DefaultBacktest.
	Joiners int `json:"joiners,omitempty" yaml:"joiners,omitempty"`
}

// Bounds of a backtest.
const (
	DefaultBacktest = 50
	MostBacktest    = 500
)

// Least is against how many joiners it is tested at least.
func (b Backtest) Least() int {
	if b.Joiners > 0 {
		return b.Joiners
	}
	return DefaultBacktest
}

func (f *checker) backtest() {
	if b := f.c.Backtest; b.Joiners < 0 || b.Joiners > MostBacktest {
		f.add("backtest.joiners", "Write a number from 1 to %d, or leave it out for %d.", MostBacktest, DefaultBacktest)
	}
}

// backtestDifferences tells what changed in what is asked of revisions.
func backtestDifferences(a, b Backtest) []string {
	switch {
	case a == b || !a.Required && !b.Required:
		return nil
	case !a.Required:
		return []string{fmt.Sprintf("From now on a revision has to be tested against %d past joiners before it is approved.", b.Least())}
	case !b.Required:
		return []string{"A revision need not be tested against past joiners any more before it is approved."}
	case a.Least() != b.Least():
		return []string{fmt.Sprintf("A revision has to be tested against %d past joiners before it is approved; it was %d.", b.Least(), a.Least())}
	}
	return nil
}
