package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/connector/fake"
)

func TestAPI_Runs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	flowContent := obj{"key": "join", "name": "Join", "trigger": "hired", "nodes": []any{obj{"id": "hired", "type": "hris.event", "params": obj{"connection": "hr", "events": []any{"worker.hired"}}}}}
	bad := a.call(auth.Builder, "PUT", "/flows/bad", obj{"content": obj{"key": "bad", "name": "Bad", "trigger": "x", "nodes": []any{}}}, 201)
	require.NotEmpty(t, bad["problems"])
	a.call(auth.Builder, "POST", "/flows/bad/reviews", obj{"revision": 1}, 422)
	a.live("flows", "join", flowContent)
	a.call(auth.Viewer, "POST", "/flows/join/runs", obj{"worker": "1", "mode": "simulate"}, 403)
	a.call(auth.Builder, "POST", "/flows/join/runs", obj{"worker": "1", "mode": "live"}, 403)
	a.call(auth.Operator, "POST", "/flows/join/runs", obj{"mode": "live"}, 422)
	a.call(auth.Operator, "POST", "/flows/nope/runs", obj{"worker": "1"}, 404)
	id := a.call(auth.Operator, "POST", "/flows/join/runs", obj{"worker": "1", "mode": "live"}, 202)["id"].(string)
	run := a.call(auth.Viewer, "GET", "/runs/"+id, nil, 200)
	require.Equal(t, "queued", run["state"])
	require.Len(t, run["steps"], 1)
	a.call(auth.Viewer, "GET", "/runs?flow=join&state=queued,running&q=1", nil, 200)
	a.call(auth.Viewer, "GET", "/runs?state=asleep", nil, 400)
	canceled := a.call(auth.Operator, "POST", "/runs/"+id+"/cancel", obj{"reason": "test"}, 202)
	require.Equal(t, "canceled", canceled["state"])
	a.call(auth.Operator, "POST", "/runs/"+id+"/cancel", nil, 409)
	a.call(auth.Operator, "POST", "/runs/"+id+"/retry", nil, 202)
	a.call(auth.Operator, "POST", "/runs/"+id+"/compensate", obj{"reason": "test"}, 409)
	joiner := run["joiner"].(obj)["id"].(string)
	a.call(auth.Viewer, "GET", "/joiners", nil, 200)
	a.call(auth.Viewer, "GET", "/joiners/"+joiner, nil, 200)
	a.call(auth.Operator, "POST", "/flows/join/runs", obj{"joiner": joiner, "mode": "simulate"}, 202)
	a.call(auth.Viewer, "GET", "/events", nil, 200)
	a.call(auth.Viewer, "GET", "/signoffs", nil, 200)
	a.call(auth.Operator, "POST", "/signoffs/so_x", obj{"decision": "approved"}, 404)
	found := a.call(auth.Builder, "POST", "/connections/hr/test", nil, 200)
	require.Equal(t, true, found["ok"])
}

// A joiner is a person of one HRIS: the same id in another HRIS is somebody else.
func TestAPI_AJoinerOfAnotherHRISIsRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.hris("hr2")
	a.manual("join", "hr", nil)
	a.manual("join2", "hr2", nil)
	first := a.call(auth.Operator, "POST", "/flows/join/runs", obj{"worker": "7"}, 202)["id"].(string)
	joiner := a.call(auth.Viewer, "GET", "/runs/"+first, nil, 200)["joiner"].(obj)
	require.Equal(t, "hr", joiner["connection"])
	for _, mode := range []string{"live", "simulate"} {
		p := a.call(auth.Operator, "POST", "/flows/join2/runs", obj{"joiner": joiner["id"], "mode": mode}, 422)
		require.Contains(t, p["detail"], "This joiner comes from hr, and the flow join2 reads its workers from hr2.")
		require.Equal(t, "joiner", p["problems"].([]any)[0].(obj)["path"])
	}
	again := a.call(auth.Operator, "POST", "/flows/join/runs", obj{"joiner": joiner["id"]}, 202)["id"].(string)
	require.Equal(t, joiner["id"], a.call(auth.Viewer, "GET", "/runs/"+again, nil, 200)["joiner"].(obj)["id"])
	require.Equal(t, 2, a.runs())
	a.call(auth.Operator, "POST", "/flows/join/runs", obj{"joiner": "j_none"}, 404)
	a.call(auth.Operator, "POST", "/flows/join/runs", obj{"joiner": joiner["id"], "worker": "7"}, 422)
	a.call(auth.Operator, "POST", "/flows/join/runs", obj{"worker": "7 "}, 422)
	a.call(auth.Operator, "POST", "/flows/join/runs", obj{"worker": "7", "mode": "dry"}, 422)
}

// A sign-off asked by a run under way, answered by token; then a step that fails
// is skipped and what the run did is undone.
func TestAPI_SignoffSkipAndCompensate(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.live("connections", "dir", obj{"key": "dir", "name": "Directory", "type": "fake-directory", "settings": obj{"path": a.file}})
	a.worker("1")
	a.manual("ask", "hr", obj{"nodes": []any{
		obj{"id": "ok", "type": "signoff", "params": obj{"title": "May {{ joiner.last_name }} come in?", "role": "operator", "fields": []any{obj{"key": "desk", "label": "Desk", "kind": "text"}}}},
		obj{"id": "create", "type": "account.ensure", "params": obj{"directory": "dir", "name": "=joiner.last_name"}},
		obj{"id": "eng", "type": "group.add", "params": obj{"directory": "dir", "account": "=steps.create.account_id", "groups": []any{"engineering"}}},
		obj{"id": "rest", "type": "set", "params": obj{"values": obj{"done": "yes"}}},
	}, "edges": []any{obj{"from": "by_hand.started", "to": "ok"}, obj{"from": "ok.approved", "to": "create"}, obj{"from": "create.created", "to": "eng"}, obj{"from": "eng.done", "to": "rest"}}})
	a.carried()
	id := a.call(auth.Operator, "POST", "/flows/ask/runs", obj{"worker": "1"}, 202)["id"].(string)
	r := a.until(id, "waiting")
	require.Contains(t, r["waiting_for"], "sign-off")
	open := a.call(auth.Viewer, "GET", "/signoffs", nil, 200)["items"].([]any)
	require.Len(t, open, 1)
	question := open[0].(obj)
	require.Equal(t, "May Lovelace1 come in?", question["title"])
	require.Equal(t, id, question["run"])
	at := "/signoffs/" + question["id"].(string)
	a.call(auth.Builder, "POST", at, obj{"decision": "approved"}, 403)
	a.call(auth.Operator, "POST", at, obj{"decision": "perhaps"}, 422)
	require.Equal(t, []any{obj{"key": "desk", "label": "Desk", "kind": "text"}}, question["fields"], "what the answer fills in is told")
	for says, form := range map[string]obj{"form.desk: Write a text": {"desk": obj{"a": 1}}, "form.chair: The sign-off has no such field": {"desk": "1", "chair": "2"}} {
		require.Contains(t, sayings(a.call(auth.Operator, "POST", at, obj{"decision": "approved", "form": form}, 422)), says)
	}
	decided := a.call(auth.Operator, "POST", at, obj{"decision": "approved", "comment": "welcome", "form": obj{"desk": "4.12"}}, 200)
	require.Equal(t, id, decided["run"])
	a.call(auth.Operator, "POST", at, obj{"decision": "rejected"}, 409)

	r = a.until(id, "failed")
	require.Contains(t, r["reason"], "no group engineering")
	steps := map[string]obj{}
	for _, st := range r["steps"].([]any) {
		steps[st.(obj)["node"].(string)] = st.(obj)
	}
	require.Equal(t, "approved", steps["ok"]["port"])
	require.Equal(t, "welcome", steps["ok"]["output"].(obj)["comment"])
	require.NotEmpty(t, steps["create"]["changes"])
	a.call(auth.Operator, "POST", "/runs/"+id+"/skip", obj{"node": "create", "port": "", "reason": "not this one"}, 409)
	a.call(auth.Operator, "POST", "/runs/"+id+"/skip", obj{"node": "eng", "port": "nowhere", "reason": "no such group"}, 422)
	a.call(auth.Viewer, "POST", "/runs/"+id+"/skip", obj{"node": "eng", "port": "done", "reason": "no such group"}, 403)
	a.call(auth.Operator, "POST", "/runs/"+id+"/skip", obj{"node": "eng", "port": "done", "reason": "no such group"}, 202)
	a.until(id, "succeeded")
	a.call(auth.Operator, "POST", "/runs/"+id+"/skip", obj{"node": "eng", "port": "done", "reason": "no such group"}, 409)
	a.call(auth.Operator, "POST", "/runs/"+id+"/resume", obj{"reason": "is not parked"}, 409)
	a.call(auth.Operator, "POST", "/runs/"+id+"/compensate", nil, 422)
	a.call(auth.Operator, "POST", "/runs/"+id+"/compensate", obj{"reason": "she does not come"}, 202)
	a.until(id, "compensated")
	require.NoError(t, fake.Change(a.file, func(s *fake.State) {
		for _, account := range s.Accounts {
			require.False(t, account.Enabled)
		}
	}))
}

// Open sign-offs come in pages.
func TestAPI_SignoffPages(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("ask", "hr", obj{"nodes": []any{obj{"id": "ok", "type": "signoff", "params": obj{"title": "Yes?"}}}, "edges": []any{obj{"from": "by_hand.started", "to": "ok"}}})
	a.carried()
	for _, w := range []string{"1", "2", "3"} {
		a.worker(w)
		a.until(a.call(auth.Operator, "POST", "/flows/ask/runs", obj{"worker": w}, 202)["id"].(string), "waiting")
	}
	a.pages("/signoffs", 3)
}

// A delivery that could not be read is replayed once its connection is mended.
func TestAPI_DeadLetterReplay(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	content := func(more obj) obj {
		settings := obj{"base_url": "https://hr.example.com"}
		for k, v := range more {
			settings[k] = v
		}
		return obj{"key": "hr", "name": "HR", "type": "hris-rest", "settings": settings}
	}
	a.live("connections", "hr", content(nil))
	a.live("flows", "join", obj{"key": "join", "name": "Join", "trigger": "hired", "nodes": []any{obj{"id": "hired", "type": "hris.event", "params": obj{"connection": "hr", "events": []any{"worker.hired"}}}}})
	a.call(auth.Admin, "PUT", "/connections/hr/credentials/webhook_secret", obj{"value": hookKey, "owner": "admin@x.example", "purpose": "hooks", "expires_at": time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339)}, 201)
	in := &intake{t: t, db: a.db, s: a.s, app: a.app}
	status, _ := in.send("evt_1", []byte(`{"kind":"worker.hired","data":{"worker_id":"1"}}`), time.Now(), nil)
	require.Equal(t, 400, status)
	dead := a.call(auth.Viewer, "GET", "/events?state=dead", nil, 200)["items"].([]any)
	require.Len(t, dead, 1)
	id := dead[0].(obj)["id"].(string)
	a.call(auth.Builder, "POST", "/events/"+id+"/replay", nil, 403)
	a.call(auth.Operator, "POST", "/events/"+id+"/replay", nil, 422)
	require.Equal(t, "dead", a.call(auth.Viewer, "GET", "/events/"+id, nil, 200)["state"])

	a.call(auth.Builder, "PUT", "/connections/hr", obj{"content": content(obj{"event_type": "kind"}), "base_revision": 1}, 201)
	r := a.call(auth.Builder, "POST", "/connections/hr/reviews", obj{"revision": 2}, 201)
	a.call(auth.Reviewer, "POST", "/reviews/"+r["id"].(string)+"/approve", obj{"hash": r["hash"]}, 200)
	out := a.call(auth.Operator, "POST", "/events/"+id+"/replay", nil, 202)["events"].([]any)
	require.Len(t, out, 1)
	require.Len(t, out[0].(obj)["runs"], 1)
	require.Equal(t, "replayed", a.call(auth.Viewer, "GET", "/events/"+id, nil, 200)["state"])
	a.call(auth.Operator, "POST", "/events/"+id+"/replay", nil, 409)
	// The event it became is an ordinary one: it can be replayed again. Its run has not
	// begun, so the replay merges into it.
	again := a.call(auth.Operator, "POST", "/events/"+out[0].(obj)["event"].(string)+"/replay", nil, 202)["events"].([]any)
	require.Len(t, again[0].(obj)["runs"], 1)
	require.Equal(t, out[0].(obj)["runs"], again[0].(obj)["runs"])
	require.Equal(t, 1, a.runs())
}
