package trace_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/trace"
)

// Switched off, tracing costs nothing: not one allocation.
func TestOff_CostsNothing(t *testing.T) {
	off, err := trace.Open(t.Context(), "", "dev", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Nil(t, off)
	ctx, which := t.Context(), "account.ensure"
	require.Zero(t, testing.AllocsPerRun(100, func() {
		inner, span := off.Start(off.Under(ctx, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), "step", which, trace.Label{Key: "node", Value: which})
		if inner != ctx || off.Parent(inner) != "" {
			panic("it traces")
		}
		span.End("", trace.Label{Key: "state", Value: which})
	}))
	require.NoError(t, off.Close(ctx))
}

func TestOpen_RefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"collector:4317", "grpc://collector:4317", "http://", "x"} {
		_, err := trace.Open(t.Context(), endpoint, "dev", slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, "OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	}
}

// What is no traceparent begins nothing.
func TestUnder_IgnoresNonsense(t *testing.T) {
	t.Parallel()
	on, err := trace.Open(t.Context(), "http://127.0.0.1:1", "dev", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = on.Close(t.Context()) })
	for _, text := range []string{"", "nonsense", "00-zz-zz-01", "00-00000000000000000000000000000000-0000000000000000-01"} {
		require.Empty(t, on.Parent(on.Under(t.Context(), text)), text)
	}
	kept := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	require.Equal(t, kept, on.Parent(on.Under(t.Context(), kept)))
}
