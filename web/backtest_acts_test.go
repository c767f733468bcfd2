package web

import (
	"log/slog"

	"joinery/internal/engine"
	"joinery/internal/review"
)

// backtestActs are the acts that try a flow.
func (w *world) backtestActs(add func(func() act)) {
	eng := &engine.Engine{DB: w.server.DB, Nodes: w.server.Nodes, Pool: w.server.Pool, Now: w.server.Now, Log: slog.New(slog.DiscardHandler), MarkKey: []byte("marks")}
	w.server.Try = eng.Try
	w.live(review.Flow, "key: tried\nname: Tried\ntrigger: by_hand\nnodes:\n  - {id: by_hand, type: manual, params: {connection: hr}}\n  - {id: over, type: stop}\nedges:\n  - {from: by_hand.started, to: over}\n")
	add(func() act {
		return act{route: "POST /flows/:key/try", by: w.bo, path: "/flows/tried/try", form: fields("payload", `{"worker":"1","joiner":{"first_name":"Ada"}}`), records: []string{"flow.try"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/canvas/try", by: w.bo, path: "/flows/tried/canvas/try", json: obj{"payload": obj{"worker": "1", "joiner": obj{"first_name": "Ada"}}}, records: []string{"flow.try"}}
	})
}
