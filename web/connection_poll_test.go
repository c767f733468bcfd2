package web

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/review"
)

// A flow that has to learn of records that vanish is told when nothing asks its HRIS:
// at its check and on the page of the connection, until a live flow asks.
func TestConnection_NobodyAsks(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	join := func(key string, trigger obj, more ...any) obj {
		params := obj{"connection": "hr", "events": []any{"worker.hired"}}
		for k, v := range trigger {
			params[k] = v
		}
		return obj{"key": key, "name": "Join", "trigger": "hired", "nodes": append([]any{obj{"id": "hired", "type": "hris.event", "params": params}}, more...), "edges": []any{}}
	}
	warned := func(content obj) string {
		doc, err := a.s.kinds().Read(review.Flow, content["key"].(string), must(json.Marshal(content)))
		require.NoError(t, err)
		list, err := a.s.warnings(t.Context(), review.Flow, doc.Content)
		require.NoError(t, err)
		if len(list) == 0 {
			return ""
		}
		return list[0].Text
	}
	page := func() string {
		list, err := a.db.Unwatched(t.Context(), "hr")
		require.NoError(t, err)
		if p := (ConnectionPages{}).poll(ConnectionState{Unwatched: list}, connector.Info{}); p != nil {
			return p.Notice
		}
		return ""
	}
	off := obj{"events": []any{"worker.hired", "worker.rescinded"}}
	require.Contains(t, warned(join("join", off)), "The flow join acts when HR takes a hire back")
	require.Contains(t, warned(join("join", nil, obj{"id": "day", "type": "wait.until", "params": obj{"date": "joiner.start_date", "cancel_when": `joiner.status == "rescinded"`}})), "goes unnoticed")
	require.Empty(t, warned(join("join", nil)), "it does not act on that")
	require.Empty(t, warned(join("join", obj{"events": off["events"], "poll_every": "1h"})), "it asks itself")

	require.Empty(t, page())
	a.live("flows", "join", join("join", off))
	require.Contains(t, page(), "The flow join acts")
	require.Contains(t, page(), "Also ask every")
	a.live("flows", "other", join("other", obj{"poll_every": "1h"}))
	require.Empty(t, page(), "another flow asks")
	require.Empty(t, warned(join("join", off)))
}
