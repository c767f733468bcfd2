package web

import (
	"log/slog"

	"joinery/internal/engine"
)

// backtestActs are the acts that try a flow.
func (w *world) backtestActs(add func(func() act)) {
	eng := &engine.Engine{DB: w.server.DB, Nodes: w.server.Nodes, Pool: w.server.Pool, Now: w.server.Now, Log: slog.New(slog.DiscardHandler), MarkKey: []byte("marks")}
	w.server.Try = eng.Try
	add(func() act {
		return act{route: "POST /flows/:key/try", by: w.bo, path: "/flows/c-flow/try", form: fields("payload", `{"worker":"1","joiner":{"first_name":"Ada"}}`), records: []string{"flow.try"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/canvas/try", by: w.bo, path: "/flows/c-flow/canvas/try", json: obj{"payload": obj{"worker": "1", "joiner": obj{"first_name": "Ada"}}}, records: []string{"flow.try"}}
	})
}
