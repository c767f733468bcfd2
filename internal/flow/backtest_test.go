package flow

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBacktest(t *testing.T) {
	t.Parallel()
	c, err := Parse([]byte("key: f\nname: F\ntrigger: t\nnodes: []\nbacktest: {required: true, joiners: 80}\n"))
	require.NoError(t, err)
	require.Equal(t, Backtest{Required: true, Joiners: 80}, c.Backtest)
	text, err := c.YAML()
	require.NoError(t, err)
	again, err := Parse(text)
	require.NoError(t, err)
	require.Equal(t, c, again)
	_, err = Parse([]byte("key: f\nname: F\ntrigger: t\nnodes: []\nbacktest: {joyners: 80}\n"))
	require.Error(t, err)

	for name, k := range map[string]struct {
		a, b Backtest
		say  string
	}{
		"asked for":        {Backtest{}, Backtest{Required: true}, "tested against 50 past joiners before it is approved."},
		"no longer":        {Backtest{Required: true}, Backtest{}, "need not be tested"},
		"against more":     {Backtest{Required: true}, Backtest{Required: true, Joiners: 80}, "against 80 past joiners before it is approved; it was 50"},
		"the same in fact": {Backtest{Required: true}, Backtest{Required: true, Joiners: 50}, ""},
		"never asked for":  {Backtest{}, Backtest{Joiners: 3}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := backtestDifferences(k.a, k.b)
			if k.say == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Contains(t, got[0], k.say)
		})
	}
	f := &checker{c: Content{Backtest: Backtest{Joiners: 501}}}
	f.backtest()
	require.Len(t, f.problems, 1)
}
