package first_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/first"
)

// waited is how long somebody who wants to begin now stands back.
func waited(f *first.First) time.Duration {
	began := time.Now()
	f.Wait()
	return time.Since(began)
}

func TestFirst_OthersStandBackForAPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &first.First{}
		require.Zero(t, waited(f), "no page")
		answered := f.Page()
		go func() {
			time.Sleep(5 * time.Millisecond)
			answered()
		}()
		require.Equal(t, 5*time.Millisecond, waited(f), "until it is answered")
		require.Zero(t, waited(f), "it is answered")

		slow, other := f.Page(), f.Page()
		time.Sleep(3 * time.Millisecond)
		other()
		require.Equal(t, first.Most-3*time.Millisecond, waited(f), "not longer than for a page that is answered soon")
		require.Zero(t, waited(f))
		slow()
	})
}

// However many pages are read, runs get three quarters of the time.
func TestFirst_PagesInGreatNumber(t *testing.T) {
	t.Parallel()
	for name, apart := range map[string]time.Duration{"one after another": 10 * time.Millisecond, "all at once": time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			f := &first.First{}
			began, stood := time.Now(), time.Duration(0)
			for time.Since(began) < 10*time.Second {
				answered := f.Page()
				go func() {
					time.Sleep(15 * time.Millisecond)
					answered()
				}()
				stood += waited(f)
				time.Sleep(apart)
			}
			require.Less(t, stood, 10*time.Second/4+200*time.Millisecond, name)
			require.Greater(t, stood, time.Second, "%s: they stand back at all", name)
			time.Sleep(time.Second)
			require.Zero(t, waited(f), name)
		})
	}
}

func TestFirst_Nobody(t *testing.T) {
	t.Parallel()
	var f *first.First
	defer f.Page()()
	require.Zero(t, waited(f).Truncate(time.Millisecond))
}
