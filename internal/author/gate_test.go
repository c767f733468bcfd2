package author_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/flows"
	"joinery/internal/artifact"
	"joinery/internal/author"
	"joinery/internal/function"
	"joinery/internal/review"
)

func read(t testing.TB, text string) function.Content {
	t.Helper()
	doc, err := artifact.Kinds{}.ReadText(review.Function, "", []byte(text))
	require.NoError(t, err)
	c, err := function.Decode(doc.Content)
	require.NoError(t, err)
	return c
}

// Functions that ship, and the one that a new function begins with, pass every gate that
// is there for all functions.
func TestGates_WhatShipsPasses(t *testing.T) {
	t.Parallel()
	pool := runtime(t)
	shipped, err := flows.Functions()
	require.NoError(t, err)
	all := []function.Content{read(t, function.Starter)}
	for _, f := range shipped {
		c := read(t, string(f.YAML))
		c.Source = string(f.Lua)
		all = append(all, c)
	}
	for _, c := range all {
		r, err := pool.Look(t.Context(), c, false) // that tests notice every small change is tested beside the runtime
		require.NoError(t, err)
		require.Empty(t, author.Judge(c, r, nil, author.DefaultMutation), c.Key)
	}
}
