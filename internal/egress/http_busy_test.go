package egress

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
)

// A request that found all our connections taken until its time was over was never
// sent: the host did not fail to answer. One that was sent and not answered is another matter.
func TestHTTP_F11_WaitingForAConnectionIsNotTheHostsSilence(t *testing.T) {
	t.Parallel()
	came, answer := make(chan struct{}, 1), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came <- struct{}{}; <-answer }))
	defer s.Close()
	defer close(answer)
	client := local(t).HTTPClient(Limits{Timeout: time.Minute, MaxConns: 1})
	get := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		require.NoError(t, err)
		resp, err := Send(client, req)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	sent, stop := context.WithCancel(t.Context())
	silent := make(chan error)
	go func() { silent <- get(sent) }()
	<-came
	over, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := get(over)
	require.ErrorIs(t, err, ErrBusy)
	require.True(t, fault.Is(err, fault.Unavailable))
	require.Equal(t, "All 1 connections to 127.0.0.1 are busy with other calls of ours.", fault.Sentence(err))
	stop()
	require.NotErrorIs(t, <-silent, ErrBusy)

	quick := local(t).HTTPClient(Limits{Timeout: 50 * time.Millisecond, MaxConns: 1})
	resp, err := quick.Get(s.URL)
	if err == nil {
		resp.Body.Close()
	}
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrBusy)
	require.ErrorContains(t, err, "did not answer in time")
}
