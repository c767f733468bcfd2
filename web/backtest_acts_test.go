package web

import (
	"log/slog"

	"github.com/stretchr/testify/require"

	"joinery/internal/engine"
	"joinery/internal/review"
)

// backtestActs are the acts that try a flow, and test it against past joiners.
func (w *world) backtestActs(add func(func() act)) {
	w.tries()
	w.live(review.Flow, "key: tried\nname: Tried\ntrigger: by_hand\nnodes:\n  - {id: by_hand, type: manual, params: {connection: hr}}\n  - {id: over, type: stop}\nedges:\n  - {from: by_hand.started, to: over}\n")
	add(func() act {
		return act{route: "POST /flows/:key/try", by: w.bo, path: "/flows/tried/try", form: fields("payload", `{"worker":"1","joiner":{"first_name":"Ada"}}`), records: []string{"flow.try"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/canvas/try", by: w.bo, path: "/flows/tried/canvas/try", json: obj{"payload": obj{"worker": "1", "joiner": obj{"first_name": "Ada"}}}, records: []string{"flow.try"}}
	})
	add(func() act {
		w.noBacktest()
		return act{route: "POST /flows/:key/backtests", by: w.bo, path: "/flows/tried/backtests", form: fields("revision", "1", "joiners", "5", "live", "on"), records: []string{"backtest.ask"}}
	})
	add(func() act {
		return act{route: "POST /backtests/:id/cancel", by: w.bo, path: "/backtests/" + w.tested("tried") + "/cancel", form: fields(), records: []string{"backtest.cancel"}}
	})
	add(func() act {
		w.noBacktest()
		return act{route: "POST /api/v1/flows/:key/revisions/:n/backtests", by: w.bo, path: "/api/v1/flows/tried/revisions/1/backtests", json: obj{"joiners": 5}, records: []string{"backtest.ask"}}
	})
}

// tries lets flows be tried.
func (w *world) tries() {
	eng := &engine.Engine{DB: w.server.DB, Nodes: w.server.Nodes, Pool: w.server.Pool, Now: w.server.Now, Log: slog.New(slog.DiscardHandler), MarkKey: []byte("marks")}
	w.server.Try = eng.Try
}

// noBacktest ends what is under way, because a flow has one backtest at a time.
func (w *world) noBacktest() {
	w.exec(`UPDATE backtests SET state = 'canceled' WHERE state IN ('queued', 'running')`)
}

// tested is a backtest that waits.
func (w *world) tested(key string) string {
	w.noBacktest()
	id, err := w.server.DB.AskBacktest(w.t.Context(), w.boWho, key, 1, 5, true)
	require.NoError(w.t, err)
	return id
}
