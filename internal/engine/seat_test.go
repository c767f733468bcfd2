package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/first"
)

// A run that has found a seat computes once the page is answered; one that computes
// leaves its seat as ever.
func TestSeat_PagesGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pages := &first.First{}
		all := make(chan struct{}, 1)
		one, two := &seat{all: all, pages: pages}, &seat{all: all, pages: pages}
		began := time.Now()
		one.take()
		require.Zero(t, time.Since(began))
		answered := pages.Page()
		go func() {
			time.Sleep(2 * time.Millisecond)
			one.leave()
			time.Sleep(5 * time.Millisecond)
			answered()
		}()
		two.take()
		require.Equal(t, 7*time.Millisecond, time.Since(began))
		require.True(t, two.has)
		two.leave()
	})
}
