package luavm

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a worker read in a source is known when the same source comes again, without a worker.
func TestPool_ReadsASourceOnce(t *testing.T) {
	t.Parallel()
	p := open(t, Config{})
	source := `return function() return {a = wrong} end`

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Check(ended, source)
	require.Error(t, err)
	first, err := p.Check(t.Context(), source)
	require.NoError(t, err, "trouble is not kept")
	require.NotEmpty(t, first.Problems)

	p.Close() // from here on there is no worker
	again, err := p.Check(t.Context(), source)
	require.NoError(t, err)
	require.Equal(t, first, again)
	again.Problems[0].Detail = "changed by who asked"
	again, err = p.Check(t.Context(), source)
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = p.Check(t.Context(), source+" ")
	require.Error(t, err, "another source is another one")
}

// The latest are kept, and none that is long.
func TestReads_AreFew(t *testing.T) {
	t.Parallel()
	var r reads
	for n := range mostReads + 1 {
		r.keep(fmt.Sprint(n), Analysis{Uses: []Use{{Line: n}}})
		_, ok := r.find("0")
		require.True(t, ok, "what is asked for stays")
	}
	_, ok := r.find("1")
	require.False(t, ok, "the one that nobody asked for longest went")
	for n := 2; n <= mostReads; n++ {
		a, ok := r.find(fmt.Sprint(n))
		require.True(t, ok)
		require.Equal(t, n, a.Uses[0].Line)
	}
	require.Len(t, r.latest, mostReads)
	r.keep("long", Analysis{Problems: []Problem{{Detail: strings.Repeat("x", longestRead)}}})
	_, ok = r.find("long")
	require.False(t, ok)
}
