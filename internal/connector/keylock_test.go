package connector

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who waits in vain for our own other calls has learnt nothing about the system.
func TestKeyLocks_F11_WaitingForOurselvesIsNoFailure(t *testing.T) {
	t.Parallel()
	var locks KeyLocks
	unlock, err := locks.Lock(t.Context(), "group:1")
	require.NoError(t, err)
	over, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err = locks.Lock(over, "group:1")
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	unlock()
	unlock, err = locks.Lock(t.Context(), "group:1")
	require.NoError(t, err)
	unlock()
	require.Empty(t, locks.held)
}
