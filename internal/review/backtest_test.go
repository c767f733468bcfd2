package review

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

func TestApprove_Backtest(t *testing.T) {
	t.Parallel()
	good := Backtest{Required: true, Joiners: 50, ID: "bt_1", State: BacktestDone, Asked: 50, Root: "r1", Now: "r1"}
	with := func(change func(*Backtest)) Backtest { b := good; change(&b); return b }
	for name, c := range map[string]struct {
		b   Backtest
		say string
	}{
		"not asked for":                  {Backtest{}, ""},
		"done with what goes live":       {good, ""},
		"missing":                        {with(func(b *Backtest) { b.ID, b.State = "", "" }), "never tested"},
		"under way":                      {with(func(b *Backtest) { b.State = BacktestRunning }), "under way"},
		"waiting":                        {with(func(b *Backtest) { b.State = BacktestQueued }), "under way"},
		"failed":                         {with(func(b *Backtest) { b.State, b.Error = BacktestFailed, "The directory is away." }), "The directory is away."},
		"canceled":                       {with(func(b *Backtest) { b.State = BacktestCanceled }), "canceled"},
		"too few":                        {with(func(b *Backtest) { b.Asked = 10 }), "asks for 50"},
		"a part has changed since":       {with(func(b *Backtest) { b.Now = "r2" }), "older than what would go live"},
		"a part cannot be told":          {with(func(b *Backtest) { b.Now, b.Why = "", "The policy x is not live." }), "The policy x"},
		"old, and nobody asks for it":    {with(func(b *Backtest) { b.Required, b.Now = false, "r2" }), ""},
		"failed, and nobody asks for it": {with(func(b *Backtest) { b.Required, b.State = false, BacktestFailed }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open()
			r.Backtest = c.b
			err := r.Approve(person("u_ben", auth.Reviewer), "h1")
			if c.say == "" {
				require.NoError(t, err)
				return
			}
			require.True(t, fault.Is(err, fault.Conflict))
			require.Contains(t, fault.Sentence(err), c.say)
			require.Equal(t, Open, r.State)
		})
	}
}
