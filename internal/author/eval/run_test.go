package eval

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/modeltest"
)

func refusing(model string) modeltest.Fixture {
	return modeltest.Say(model, atIntent, "I'm sorry, but I can't help with that.")
}

func failing(model string, status int, message string, match map[string]any) modeltest.Fixture {
	f := modeltest.Fixture{Match: map[string]any{"model": model}, Response: map[string]any{"error": map[string]any{"message": message, "type": "error"}, "status": status}}
	for k, v := range match {
		f.Match[k] = v
	}
	return f
}

// A provider that asks for time gets it, and the time is not the model's; trouble that
// every request would meet ends the evaluation; what ended before is reported.
func TestRunner(t *testing.T) {
	t.Parallel()
	server := modeltest.Start(t, []modeltest.Fixture{
		failing("busy", http.StatusTooManyRequests, "slow down", map[string]any{"sequenceIndex": 0}), refusing("busy"),
		failing("gone", http.StatusNotFound, "The model `gone` does not exist", nil),
		refusing("shy"),
	})
	pool := open(t)
	items := []Item{find(t, "seniority"), find(t, "buddy"), find(t, "readiness")}

	named := model(server, "busy", 1)
	named.setting.Words = []string{"Summer"}
	busy := named.runner(t, pool)
	var waited []time.Duration
	busy.Wait = func(_ context.Context, d time.Duration) error {
		waited = append(waited, d)
		return nil
	}
	report, err := busy.Run(t.Context(), items[:1])
	require.NoError(t, err)
	require.Empty(t, report.Setting.Words, "names do not leave with a report")
	require.Len(t, waited, 1)
	require.Positive(t, waited[0])
	require.Equal(t, author.Refused, report.Results[0].Trouble.Kind)
	require.Equal(t, 2, report.Results[0].Calls)

	report, err = model(server, "gone", 1).runner(t, pool).Run(t.Context(), items)
	require.True(t, fault.Is(err, fault.Unavailable), err)
	require.Contains(t, fault.Sentence(err), "model")
	require.Equal(t, 3, report.Asked)
	require.Empty(t, report.Results)

	ctx, stop := context.WithCancel(t.Context())
	shy := model(server, "shy", 1).runner(t, pool)
	shy.Told = func(Result) { stop() }
	report, err = shy.Run(ctx, items)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, report.Results, 1)
	require.Equal(t, 1, report.Counts.Endings[Trouble])

	shy.Told, shy.Parallel = nil, 2
	report, err = shy.Run(t.Context(), items)
	require.NoError(t, err)
	require.Len(t, report.Results, 3)
	for n, x := range report.Results {
		require.Equal(t, items[n].Key, x.Item, "in the order of the requests")
		require.Positive(t, x.Took)
	}
}
