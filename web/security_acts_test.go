package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// act is one request that changes something, as a person would send it.
type act struct {
	route string // "POST /runs/:id/cancel"
	by    *browser
	path  string
	form  url.Values     // a form
	json  map[string]any // or a document
	raw   string         // or text of this media type
	media string
	// records are the actions the audit log must gain by it, in order.
	records []string
	header  map[string]string
}

// acts gives a request for each route that is not a GET. Each is made when its
// turn comes, because it builds on what those before left.
func (w *world) acts() []func() act {
	var out []func() act
	add := func(f func() act) { out = append(out, f) }
	for _, k := range review.Kinds() {
		w.artifactActs(k, add)
		w.artifactAPIActs(k, add)
	}
	w.flowActs(add)
	w.runActs(add)
	w.bulkActs(add)
	w.backtestActs(add)
	w.limitActs(add)
	w.nameActs(add)
	w.systemActs(add)
	w.authorActs(add)
	w.peopleActs(add)
	return out
}

func (w *world) head(k review.Kind, key string) int {
	a, err := w.server.DB.Artifact(w.t.Context(), k, key)
	require.NoError(w.t, err)
	return a.Head
}

func (w *world) artifactActs(k review.Kind, add func(func() act)) {
	at, key := "/"+k.Plural(), "c-"+string(k)
	one := at + "/" + key
	n := strconv.Itoa
	connection := fields("type", "hris-rest", "name", "Changed", "settings.base_url", "https://hr2.example.com", "message", "why")
	if k == review.Connection {
		add(func() act {
			f := fields("key", "brand-new", "base_revision", "0")
			for name, v := range connection {
				f[name] = v
			}
			return act{route: "POST " + at, by: w.bo, path: at, form: f, records: []string{"revision.save"}}
		})
		add(func() act {
			f := fields("base_revision", n(w.head(k, key)))
			for name, v := range connection {
				f[name] = v
			}
			return act{route: "POST " + at + "/:key", by: w.bo, path: one, form: f, records: []string{"revision.save"}}
		})
	} else {
		add(func() act {
			return act{route: "POST " + at, by: w.bo, path: at, form: fields("text", w.text(k, "brand-new", 1), "message", "why"), records: []string{"revision.save"}}
		})
		add(func() act {
			return act{route: "POST " + at + "/:key/yaml", by: w.bo, path: one + "/yaml", form: fields("text", w.text(k, key, 4), "message", "why", "base", n(w.head(k, key))), records: []string{"revision.save"}}
		})
	}
	if k == review.Policy {
		form := func(path, key string, base int, group string) act {
			return act{route: "POST " + strings.Replace(path, key, ":key", 1), by: w.bo, path: path, records: []string{"revision.save"},
				form: fields("op", "save", "type", "groups", "key", key, "name", "By form", "description", "", "message", "why", "base", n(base), "p_hit", "all", "r.rows", "n0", "t.rows.n0.when", "", "t.rows.n0.groups", group)}
		}
		add(func() act { return form(at+"/form", "brand-newer", 0, "a") })
		add(func() act { return form(one+"/form", key, w.head(k, key), "b") })
	}
	if k == review.Function {
		for _, way := range []string{"form", "autosave"} {
			add(func() act {
				return act{route: "POST " + at + "/:key/" + way, by: w.bo, path: one + "/" + way, records: []string{"revision.save"},
					form: fields("op", "save", "name", "By the "+way, "description", w.marker, "message", "why", "base", n(w.head(k, key)), "source", "return function(input) return {} end", "case", "c0", "case.c0.name", "any", "case.c0.output", "{}", "case.c0.input", "")}
			})
		}
	}
	add(func() act {
		return act{route: "POST " + at + "/:key/reviews", by: w.bo, path: one + "/reviews", form: fields("revision", n(w.head(k, key)), "message", "please"), records: []string{"review.open"}}
	})
	open := func() string {
		return w.value(`SELECT id FROM reviews WHERE kind = $1 AND key = $2 AND state = 'open'`, string(k), key)
	}
	switch k {
	case review.Flow:
		add(func() act {
			return act{route: "POST /reviews/:id/comments", by: w.bo, path: "/reviews/" + open() + "/comments", form: fields("body", "look"), records: []string{"review.comment"}}
		})
		add(func() act {
			id := open()
			return act{route: "POST /reviews/:id/approve", by: w.re, path: "/reviews/" + id + "/approve", form: fields("hash", w.value(`SELECT hash FROM reviews WHERE id = $1`, id), "comment", "good"), records: []string{"review.approve", "release.approval"}}
		})
	case review.Policy:
		add(func() act {
			return act{route: "POST /reviews/:id/request-changes", by: w.re, path: "/reviews/" + open() + "/request-changes", form: fields("comment", "again"), records: []string{"review.request_changes"}}
		})
	case review.Function:
		add(func() act {
			w.functions(w.t)
			return act{route: "POST /reviews/:id/examine", by: w.re, path: "/reviews/" + open() + "/examine", form: fields(), records: []string{"function.examine"}}
		})
		add(func() act {
			return act{route: "POST /reviews/:id/scratch", by: w.re, path: "/reviews/" + open() + "/scratch", form: fields("sample.input", "first: bob"), records: []string{"function.scratch"}}
		})
		add(func() act {
			return act{route: "POST /reviews/:id/withdraw", by: w.bo, path: "/reviews/" + open() + "/withdraw", form: fields(), records: []string{"review.withdraw"}}
		})
	}
	add(func() act {
		return act{route: "POST " + at + "/:key/restore", by: w.bo, path: one + "/restore", form: fields("revision", "1", "base", n(w.head(k, key))), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST " + at + "/:key/rollback", by: w.re, path: one + "/rollback", form: fields("revision", "1", "reason", "the newer one is wrong"), records: []string{"release.rollback"}}
	})
	if k == review.Flow {
		add(func() act {
			w.live(review.Connection, w.text(review.Connection, "hr", 9))
			return act{route: "POST " + at + "/:key/refresh", by: w.re, path: one + "/refresh", form: fields("reason", "take the new address"), records: []string{"release.refresh"}}
		})
	}
	add(func() act {
		return act{route: "POST " + at + "/:key/breakglass", by: w.ada, path: one + "/breakglass", form: fields("revision", "3", "reason", "it cannot wait until tomorrow", "confirm", key), records: []string{"release.unapproved", "release.breakglass"}}
	})
	add(func() act {
		id := w.value(`SELECT id FROM live_releases WHERE kind = $1 AND key = $2`, string(k), key)
		return act{route: "POST " + at + "/:key/ratify", by: w.re, path: one + "/ratify", form: fields("release", id, "comment", "right"), records: []string{"release.ratify"}}
	})
}

func (w *world) artifactAPIActs(k review.Kind, add func(func() act)) {
	at, key := "/api/v1/"+k.Plural(), "a-"+string(k)
	one := at + "/" + key
	add(func() act {
		return act{route: "PUT " + at + "/:key", by: w.bo, path: one, json: obj{"content": w.content(k, key, 4), "message": "why", "base_revision": w.head(k, key)}, records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST " + at + "/:key/reviews", by: w.bo, path: one + "/reviews", json: obj{"revision": w.head(k, key), "message": "please"}, records: []string{"review.open"}}
	})
	open := func() string {
		return w.value(`SELECT id FROM reviews WHERE kind = $1 AND key = $2 AND state = 'open'`, string(k), key)
	}
	switch k {
	case review.Policy:
		add(func() act {
			return act{route: "POST /api/v1/reviews/:id/comments", by: w.bo, path: "/api/v1/reviews/" + open() + "/comments", json: obj{"body": "look"}, records: []string{"review.comment"}}
		})
		add(func() act {
			id := open()
			return act{route: "POST /api/v1/reviews/:id/approve", by: w.re, path: "/api/v1/reviews/" + id + "/approve", json: obj{"hash": w.value(`SELECT hash FROM reviews WHERE id = $1`, id)}, records: []string{"review.approve", "release.approval"}}
		})
	case review.Function:
		add(func() act {
			return act{route: "POST /api/v1/reviews/:id/request-changes", by: w.re, path: "/api/v1/reviews/" + open() + "/request-changes", json: obj{"comment": "again"}, records: []string{"review.request_changes"}}
		})
	}
	add(func() act {
		return act{route: "POST " + at + "/:key/restore", by: w.bo, path: one + "/restore", json: obj{"revision": 1, "base_revision": w.head(k, key)}, records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST " + at + "/:key/rollback", by: w.re, path: one + "/rollback", json: obj{"revision": 1, "reason": "the newer one is wrong"}, records: []string{"release.rollback"}}
	})
	if k == review.Flow {
		add(func() act {
			w.live(review.Connection, w.text(review.Connection, "hr", 8))
			return act{route: "POST " + at + "/:key/refresh", by: w.re, path: one + "/refresh", json: obj{"reason": "take the new address"}, records: []string{"release.refresh"}}
		})
	}
	add(func() act {
		return act{route: "POST " + at + "/:key/breakglass", by: w.ada, path: one + "/breakglass", json: obj{"revision": 3, "reason": "it cannot wait until tomorrow"}, records: []string{"release.unapproved", "release.breakglass"}}
	})
	add(func() act {
		return act{route: "POST " + at + "/:key/ratify", by: w.re, path: one + "/ratify", json: obj{"comment": "right"}, records: []string{"release.ratify"}}
	})
}

func (w *world) flowActs(add func(func() act)) {
	add(func() act {
		w.live(review.Flow, "key: polled\nname: Polled\ntrigger: found\nnodes:\n  - {id: found, type: schedule.poll, params: {connection: hr, events: [worker.hired]}}\n")
		return act{route: "POST /connections/:key/poll", by: w.ada, path: "/connections/hr/poll", form: fields(), records: []string{"connection.poll"}}
	})
	add(func() act {
		const text = "key: from-file\nname: From a file\ntype: groups\ngroups: {rows: [{groups: [a]}]}\n"
		return act{route: "POST /import", by: w.bo, path: "/import", form: fields("op", "save", "text", text, "seen", seenHash(text), "message", "why"), records: []string{"revision.save"}}
	})
	add(func() act {
		doc, err := w.server.kinds().ReadText(review.Connection, "", []byte("key: t-dir\nname: Directory\ntype: scim\nsettings: {base_url: https://dir.example.com}\n"))
		require.NoError(w.t, err)
		_, err = w.server.DB.SaveRevision(w.t.Context(), w.boWho, postgres.Save{Doc: doc, Base: postgres.AnyBase, Via: "console"})
		require.NoError(w.t, err)
		records := []string{"revision.save", "revision.save", "revision.save", "revision.save"} // the flow and three policies
		return act{route: "POST /templates/:template", by: w.bo, path: "/templates/future-hire", form: fields("op", "save", "name", "Ours", "key", "t-hire", "connection.hris", "c-connection", "connection.corp-ad", "t-dir", "message", "why"), records: records}
	})
	base := func() string { return strconv.Itoa(w.head(review.Flow, "c-flow")) }
	add(func() act {
		return act{route: "POST /flows/:key/nodes", by: w.bo, path: "/flows/c-flow/nodes", form: fields("type", "stop", "after", "ok.approved", "name", "The end", "node", "", "message", "why", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		content := fmt.Sprintf(`{"key":"c-flow","name":"Drawn %d","trigger":"by_hand","nodes":[{"id":"by_hand","type":"manual"},{"id":"ok","type":"signoff","params":{"title":"May they?"}}],"edges":[{"from":"by_hand.started","to":"ok"}]}`, w.head(review.Flow, "c-flow"))
		return act{route: "PUT /flows/:key/canvas.json", by: w.bo, path: "/flows/c-flow/canvas.json", json: obj{"content": json.RawMessage(content), "layout": obj{"nodes": obj{"ok": obj{"x": 20, "y": 40}}}, "base_revision": w.head(review.Flow, "c-flow")}, records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/nodes/:node", by: w.bo, path: "/flows/c-flow/nodes/ok", form: fields("id", "ok", "name", "Asked", "base", base(), "p_title", "May they?", "message", "why"), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/nodes/:node/duplicate", by: w.bo, path: "/flows/c-flow/nodes/ok/duplicate", form: fields("message", "why", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/nodes/:node/move", by: w.bo, path: "/flows/c-flow/nodes/ok/move", form: fields("to", "", "message", "why", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		w.save(review.Flow, w.text(review.Flow, "c-flow", 9))
		return act{route: "POST /flows/:key/edges/remove", by: w.bo, path: "/flows/c-flow/edges/remove", form: fields("from", "by_hand.started", "to", "ok", "message", "why", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/edges", by: w.bo, path: "/flows/c-flow/edges", form: fields("from", "by_hand.started", "to", "ok", "message", "why", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/paste", by: w.bo, path: "/flows/c-flow/paste", form: fields("text", "nodes: [{id: pasted, type: stop}]", "message", "why", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/several", by: w.bo, path: "/flows/c-flow/several", form: fields("op", "duplicate", "node", "ok", "message", "why", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/undo", by: w.bo, path: "/flows/c-flow/undo", form: fields("op", "undo", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/settings", by: w.bo, path: "/flows/c-flow/settings", form: fields("p_name", "Renamed", "trigger", "by_hand", "message", "why", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/notes", by: w.bo, path: "/flows/c-flow/notes", form: fields("p_notes.0.value", "Ask IT first", "p_groups.0.value", "Start: by_hand")}
	})
	add(func() act {
		return act{route: "POST /flows/:key/nodes/:node/remove", by: w.bo, path: "/flows/c-flow/nodes/ok/remove", form: fields("message", "why", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/invariants/:invariant", by: w.bo, path: "/flows/c-flow/invariants/new", form: fields("p_name", "Nobody gets admins", "p_never_groups.0.value", "admins", "message", "why", "base", base()), records: []string{"revision.save"}}
	})
	add(func() act {
		return act{route: "POST /flows/:key/invariants/:invariant/remove", by: w.bo, path: "/flows/c-flow/invariants/1/remove", form: fields("message", "why", "base", base()), records: []string{"revision.save"}}
	})
	for _, k := range []string{"flow", "connection"} {
		at, key := "/flows", "c-flow"
		if k == "connection" {
			at, key = "/connections", "c-connection"
		}
		for _, verb := range []string{"pause", "resume"} {
			add(func() act {
				return act{route: "POST " + at + "/:key/" + verb, by: w.bo, path: at + "/" + key + "/" + verb, form: fields("reason", "upgrade", "why", "upgrade"), records: []string{k + "." + verb}}
			})
		}
	}
	add(func() act {
		return act{route: "POST /flows/:key/runs", by: w.bo, path: "/flows/c-flow/runs", form: fields("worker", "77", "mode", "live"), records: []string{"run.start"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/flows/:key/runs", by: w.bo, path: "/api/v1/flows/a-flow/runs", json: obj{"worker": "78", "mode": "live"}, records: []string{"run.start"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/flows/:key/bulk", by: w.bo, path: "/api/v1/flows/a-flow/bulk", raw: "worker\n79\n", media: "text/csv", records: []string{"run.start"}}
	})
}

func (w *world) runActs(add func(func() act)) {
	for _, v := range []struct {
		verb, action string
		state        run.State
		form         url.Values
		json         map[string]any
	}{
		{"retry", "run.retry", run.Failed, fields(), obj{}},
		{"cancel", "run.cancel", run.Queued, fields("reason", "not needed"), obj{"reason": "not needed"}},
		{"resume", "run.resume", run.Parked, fields("reason", "it is right"), obj{"reason": "it is right"}},
		{"compensate", "run.compensate", run.Canceled, fields("reason", "undo all of it", "confirm", "undo"), obj{"reason": "undo all of it"}},
		{"skip", "run.skip_step", run.Failed, fields("reason", "done by hand", "node", "by_hand", "port", ""), obj{"reason": "done by hand", "node": "by_hand", "port": ""}},
	} {
		add(func() act {
			return act{route: "POST /runs/:id/" + v.verb, by: w.bo, path: "/runs/" + w.run(v.state) + "/" + v.verb, form: v.form, records: []string{v.action}}
		})
		add(func() act {
			return act{route: "POST /api/v1/runs/:id/" + v.verb, by: w.bo, path: "/api/v1/runs/" + w.run(v.state) + "/" + v.verb, json: v.json, records: []string{v.action}}
		})
	}
	add(func() act {
		return act{route: "POST /runs/:id/retry-newest", by: w.bo, path: "/runs/" + w.run(run.Failed) + "/retry-newest", form: fields(), records: []string{"run.retry_newest"}}
	})
	add(func() act {
		return act{route: "POST /signoffs/:id", by: w.bo, path: "/signoffs/" + w.signoff() + "?decision=approved", form: fields("comment", "fine"), records: []string{"signoff.approved"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/signoffs/:id", by: w.bo, path: "/api/v1/signoffs/" + w.signoff(), json: obj{"decision": "rejected", "comment": "no"}, records: []string{"signoff.rejected"}}
	})
	add(func() act {
		return act{route: "POST /exceptions/:id/resolve", by: w.bo, path: "/exceptions/" + w.exception() + "/resolve", form: fields("action", "accept_hr", "reason", "HR is right"), records: []string{"exception.accept_hr"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/exceptions/:id/resolve", by: w.bo, path: "/api/v1/exceptions/" + w.exception() + "/resolve", json: obj{"action": "accept_hr", "reason": "HR is right"}, records: []string{"exception.accept_hr"}}
	})
}

func (w *world) systemActs(add func(func() act)) {
	add(func() act {
		return act{route: "POST /system/functions", by: w.ada, path: "/system/functions", form: fields("second", "directory:groups.add"), records: []string{"setting.save"}}
	})
	add(func() act {
		_, err := w.server.DB.SetFunctionRules(w.t.Context(), auth.Actor{ID: "u_eve", UserID: "u_eve", Name: "Eve", Roles: []auth.Role{auth.Admin}}, postgres.FunctionRules{})
		require.NoError(w.t, err)
		return act{route: "POST /system/functions/agree", by: w.ada, path: "/system/functions/agree", form: fields("allow_reduced_sandbox", "false"), records: []string{"setting.agree"}}
	})
	dead := func(key string) string {
		body, _ := json.Marshal(map[string]any{"type": "worker.hired", "data": map[string]any{"worker_id": key}})
		id, err := w.server.DB.KeepDeadLetter(w.t.Context(), "hr", key, "it was odd", "cr_1", "10.0.0.1", body)
		require.NoError(w.t, err)
		return id
	}
	add(func() act {
		return act{route: "POST /events/:id/replay", by: w.bo, path: "/events/" + dead("90") + "/replay", form: fields(), records: []string{"event.accept", "event.replay"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/events/:id/replay", by: w.bo, path: "/api/v1/events/" + dead("91") + "/replay", json: obj{}, records: []string{"event.accept", "event.replay"}}
	})
	add(func() act {
		body := `{"type":"worker.hired","data":{"worker_id":"92"}}`
		return act{route: "POST /hooks/:key", by: w.stranger(), path: "/hooks/hr", raw: body, media: "application/json", header: w.signed("evt_92", []byte(body)), records: []string{"event.accept"}}
	})
	expires := "2027-05-01"
	add(func() act {
		return act{route: "POST /connections/:key/credentials/:name", by: w.ada, path: "/connections/c-connection/credentials/webhook_secret", form: fields("value", hookKey, "owner", "ada@example.com", "purpose", "hooks", "expires_at", expires), records: []string{"credential.set"}}
	})
	add(func() act {
		return act{route: "POST /credentials/:id/revoke", by: w.ada, path: "/credentials/" + w.credential("c-connection", "webhook_secret", hookKey) + "/revoke", form: fields("confirm", "webhook_secret", "reason", "it leaked"), records: []string{"credential.revoke"}}
	})
	add(func() act {
		return act{route: "PUT /api/v1/connections/:key/credentials/:name", by: w.ada, path: "/api/v1/connections/a-connection/credentials/webhook_secret", json: obj{"value": hookKey, "owner": "ada@example.com", "purpose": "hooks", "expires_at": expires + "T00:00:00Z"}, records: []string{"credential.set"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/credentials/:id/rotate", by: w.ada, path: "/api/v1/credentials/" + w.credential("a-connection", "webhook_secret", hookKey) + "/rotate", json: obj{"value": hookKey, "expires_at": expires + "T00:00:00Z"}, records: []string{"credential.rotate"}}
	})
	add(func() act {
		return act{route: "POST /api/v1/credentials/:id/revoke", by: w.ada, path: "/api/v1/credentials/" + w.credential("a-connection", "webhook_secret", hookKey) + "/revoke", json: obj{"reason": "it leaked"}, records: []string{"credential.revoke"}}
	})
	add(func() act {
		return act{route: "POST /outbound", by: w.ada, path: "/outbound", form: fields("targets", "https://api.example.com/x"), records: []string{"setting.save"}}
	})
}

func (w *world) peopleActs(add func(func() act)) {
	add(func() act {
		return act{route: "POST /users", by: w.ada, path: "/users", form: fields("name", "New", "email", "new@example.com", "password", goodPassword, "roles", "viewer"), records: []string{"user.add"}}
	})
	add(func() act {
		return act{route: "POST /users/:id", by: w.ada, path: "/users/" + w.user("new@example.com").ID, form: fields("name", "Newer", "roles", "viewer", "roles", "auditor", "active", "true"), records: []string{"user.change"}}
	})
	add(func() act {
		return act{route: "POST /users/:id/password", by: w.ada, path: "/users/" + w.user("new@example.com").ID + "/password", form: fields("password", goodPassword+"!"), records: []string{"user.password"}}
	})
	add(func() act {
		return act{route: "POST /users/:id/sessions", by: w.ada, path: "/users/" + w.user("new@example.com").ID + "/sessions", form: fields(), records: []string{"user.end_sessions"}}
	})
	add(func() act {
		return act{route: "POST /tokens", by: w.ada, path: "/tokens", form: fields("name", "nightly", "owner", "ada@example.com", "expires", "2027-02-01", "roles", "viewer"), records: []string{"token.create"}}
	})
	add(func() act {
		return act{route: "POST /tokens/:id/revoke", by: w.ada, path: "/tokens/" + w.value(`SELECT id FROM api_tokens WHERE revoked_at IS NULL LIMIT 1`) + "/revoke", form: fields(), records: []string{"token.revoke"}}
	})
	add(func() act {
		return act{route: "POST /account/password", by: w.re, path: "/account/password", form: fields("current", goodPassword, "password", fmt.Sprint(goodPassword, " 2")), records: []string{"user.password"}}
	})
	add(func() act {
		return act{route: "POST /sign-in", by: w.stranger(), path: "/sign-in", form: fields("email", "bo@example.com", "password", goodPassword), records: []string{"sign_in.ok"}}
	})
	add(func() act {
		return act{route: "POST /sign-out", by: w.re, path: "/sign-out", form: fields(), records: []string{"sign_out"}}
	})
}
