package web

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// list makes a list of two people that is as far as a state says; of a started
// one, the first has a run in the given state.
func (w *world) list(state string, of run.State) string {
	sheet := bulk.Sheet{Columns: []string{"worker", "first_name"}, Rows: []bulk.Row{{Line: 2, Values: []string{"l-1", w.marker}}, {Line: 3, Values: []string{"l-2", w.marker}}}}
	db, ctx := w.server.DB, w.t.Context()
	id, err := db.CreateList(ctx, w.boWho, "c-flow", w.marker+".csv", bulk.CSV, sheet)
	require.NoError(w.t, err)
	if state == postgres.ListDraft {
		return id
	}
	require.NoError(w.t, db.MapList(ctx, w.boWho, id, bulk.Guess(sheet.Columns)))
	if state == postgres.ListMapped {
		return id
	}
	require.NoError(w.t, db.StartList(ctx, w.boWho, id, postgres.StartList{Plan: []int{1}, Reason: "because " + w.marker, Release: w.liveFlow()}))
	if of != "" {
		w.exec(`UPDATE bulk_rows SET run_id = $2 WHERE list_id = $1 AND n = 1`, id, w.run(of))
	}
	return id
}

func (w *world) liveFlow() string {
	return w.value(`SELECT id FROM live_releases WHERE kind = 'flow' AND key = 'c-flow'`)
}

// large makes a list that was looked at and needs a second person, brought in by
// the operator, with the hash to agree to.
func (w *world) large() (id, hash string) {
	sheet := bulk.Sheet{Columns: []string{"worker", "first_name"}}
	for i := range 30 {
		sheet.Rows = append(sheet.Rows, bulk.Row{Line: i + 2, Values: []string{fmt.Sprint("big-", i), w.marker}})
	}
	db, ctx := w.server.DB, w.t.Context()
	id, err := db.CreateList(ctx, w.boWho, "c-flow", w.marker+".csv", bulk.CSV, sheet)
	require.NoError(w.t, err)
	require.NoError(w.t, db.MapList(ctx, w.boWho, id, bulk.Guess(sheet.Columns)))
	release, err := db.BeginCheck(ctx, w.boWho, id, false)
	require.NoError(w.t, err)
	require.NoError(w.t, db.EndCheck(ctx, id, release, &bulk.Report{People: 30, Ready: 30}))
	s, err := db.Second(ctx, id, release)
	require.NoError(w.t, err)
	return id, s.Hash
}

// asked is an open request to let runs go, by somebody else than those who decide.
func (w *world) asked() (id, hash string) {
	w.exec(`UPDATE lifts SET state = 'refused' WHERE state = 'open'`)
	id, hash = fmt.Sprint("lf_", time.Now().UnixNano()), "0123"
	w.exec(`INSERT INTO lifts (id, kind, flow, hash, people, runs, why, authors, asked_name, asked_at, state) VALUES ($1, 'parked', 'c-flow', $2, 1, $3, '{many}', '{u_nobody}', 'Nobody', now(), 'open')`, id, hash, []string{w.run(run.Parked)})
	return id, hash
}

func (w *world) limitActs(add func(func() act)) {
	add(func() act {
		id, hash := w.large()
		return act{route: "POST /bulk/:id/approve", by: w.re, path: "/bulk/" + id + "/approve", form: fields("hash", hash), records: []string{"bulk.approve"}}
	})
	add(func() act {
		id, hash := w.large()
		return act{route: "POST /api/v1/lists/:id/approve", by: w.re, path: "/api/v1/lists/" + id + "/approve", json: obj{"hash": hash}, records: []string{"bulk.approve"}}
	})
	for _, verb := range []string{"approve", "refuse"} {
		records := []string{map[string]string{"approve": "limit.lift", "refuse": "limit.refuse"}[verb]}
		add(func() act {
			id, hash := w.asked()
			return act{route: "POST /limits/:id/" + verb, by: w.bo, path: "/limits/" + id + "/" + verb, form: fields("hash", hash), records: records}
		})
		add(func() act {
			id, hash := w.asked()
			return act{route: "POST /api/v1/limits/:id/" + verb, by: w.bo, path: "/api/v1/limits/" + id + "/" + verb, json: obj{"hash": hash}, records: records}
		})
	}
	add(func() act {
		w.run(run.Parked)
		return act{route: "POST /limits", by: w.bo, path: "/limits", form: fields("flow", "c-flow", "most", "1", "reason", "it is right"), records: []string{"run.resume"}}
	})
	add(func() act {
		w.run(run.Parked)
		return act{route: "POST /api/v1/flows/:key/parked", by: w.bo, path: "/api/v1/flows/c-flow/parked", json: obj{"most": 1, "reason": "it is right"}, records: []string{"run.resume"}}
	})
	add(func() act {
		return act{route: "POST /limits/alone", by: w.ada, path: "/limits/alone", form: fields("people", "20", "collisions", "1", "licences", "20", "parked", "10"), records: []string{"setting.save"}}
	})
	add(func() act {
		more := bulk.Alone{People: 99, Collisions: 9, Licences: 99, Parked: 99}
		_, err := w.server.DB.SetAlone(w.t.Context(), auth.Actor{ID: "u_eve", UserID: "u_eve", Name: "Eve", Roles: []auth.Role{auth.Admin}}, more)
		require.NoError(w.t, err)
		return act{route: "POST /limits/alone/agree", by: w.ada, path: "/limits/alone/agree", form: fields("people", "99", "collisions", "9", "licences", "99", "parked", "99"), records: []string{"setting.agree"}}
	})
}

func (w *world) bulkActs(add func(func() act)) {
	w.server.CheckList = func(string, string) {}
	add(func() act {
		return act{route: "POST /flows/:key/bulk", by: w.bo, path: "/flows/c-flow/bulk", form: fields("text", "worker\n4711\n"), records: []string{"bulk.upload"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/flows/:key/lists", by: w.bo, path: "/api/v1/flows/c-flow/lists", raw: "worker\n4712\n", media: "text/csv", records: []string{"bulk.upload", "bulk.map"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/lists/:id/columns", by: w.bo, path: "/api/v1/lists/" + w.list(postgres.ListDraft, "") + "/columns", json: obj{"worker": "worker", "attributes": obj{"first_name": "first_name"}}, records: []string{"bulk.map"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/lists/:id/check", by: w.bo, path: "/api/v1/lists/" + w.list(postgres.ListMapped, "") + "/check", json: obj{"live": false}, records: []string{"bulk.check"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/lists/:id/start", by: w.bo, path: "/api/v1/lists/" + w.list(postgres.ListMapped, "") + "/start", json: obj{"plan": []any{1}, "reason": "an acquisition", "release": w.liveFlow()}, records: []string{"run.start", "bulk.start"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/lists/:id/continue", by: w.bo, path: "/api/v1/lists/" + w.list(postgres.ListStarted, "") + "/continue", json: obj{"release": w.liveFlow()}, records: []string{"run.start", "bulk.continue"}}
	})
	add(func() act {
		return act{route: "POST /bulk/:id/columns", by: w.bo, path: "/bulk/" + w.list(postgres.ListDraft, "") + "/columns", form: fields("column_0", "worker", "column_1", "first_name", "dates", "iso"), records: []string{"bulk.map"}}
	})
	add(func() act {
		return act{route: "POST /bulk/:id/check", by: w.bo, path: "/bulk/" + w.list(postgres.ListMapped, "") + "/check", form: fields(), records: []string{"bulk.check"}}
	})
	add(func() act {
		return act{route: "POST /bulk/:id/start", by: w.bo, path: "/bulk/" + w.list(postgres.ListMapped, "") + "/start", form: fields("plan", "1", "reason", "an acquisition", "release", w.liveFlow()), records: []string{"run.start", "bulk.start"}}
	})
	add(func() act {
		return act{route: "POST /bulk/:id/continue", by: w.bo, path: "/bulk/" + w.list(postgres.ListStarted, "") + "/continue", form: fields("release", w.liveFlow()), records: []string{"run.start", "bulk.continue"}}
	})
	add(func() act {
		return act{route: "POST /bulk/:id/discard", by: w.bo, path: "/bulk/" + w.list(postgres.ListMapped, "") + "/discard", form: fields(), records: []string{"bulk.discard"}}
	})
	add(func() act {
		return act{route: "POST /bulk/:id/retry", by: w.bo, path: "/bulk/" + w.list(postgres.ListStarted, run.Failed) + "/retry", form: fields("most", "2"), records: []string{"run.retry"}}
	})
	add(func() act {
		return act{route: "POST /bulk/:id/resume", by: w.bo, path: "/bulk/" + w.list(postgres.ListStarted, run.Parked) + "/resume", form: fields("reason", "it is right"), records: []string{"run.resume"}}
	})
	add(func() act {
		return act{route: "POST /bulk/:id/cancel", by: w.bo, path: "/bulk/" + w.list(postgres.ListStarted, run.Queued) + "/cancel", form: fields("reason", "not needed", "confirm", "cancel"), records: []string{"run.cancel"}}
	})
}
