package web

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/connector/fake"
)

// Who may not see personal data sees it in no words either: not in the question of a
// sign-off, unless it is addressed to them, not in why a run stopped, not in what a flow
// called something else, and not after HR changed it.
func TestAPI_PersonalValuesInWords(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	const phone, mail, street, newer = "+49 170 5550123", "Pia.Private@mail.example", "Birkenweg 12a", "+49 170 5559876"
	a.worker("1")
	a.attributes("1", obj{"phone": phone, "personal_email": mail, "home_address": obj{"street": street}, "note": "call " + phone})
	for key, role := range map[string]string{"ask": "operator", "ask-reviewer": "reviewer"} {
		a.manual(key, "hr", obj{"nodes": []any{
			obj{"id": "kept", "type": "set", "params": obj{"values": obj{"line": "=joiner.phone", "mail": "=Lower(joiner.personal_email)", "at": "=joiner.home_address.street"}}},
			obj{"id": "ok", "type": "signoff", "params": obj{"title": "Is {{ joiner.phone }} right?", "question": "Write to {{ Upper(joiner.personal_email) }}, {{ joiner.home_address.street }}.", "role": role}},
			obj{"id": "no", "type": "stop", "params": obj{"outcome": "failed", "reason": "Nobody at {{ joiner.phone }}."}},
		}, "edges": []any{obj{"from": "by_hand.started", "to": "kept"}, obj{"from": "kept.done", "to": "ok"}, obj{"from": "ok.approved", "to": "no"}}})
	}
	a.carried()
	id := a.call(auth.Operator, "POST", "/flows/ask/runs", obj{"worker": "1"}, 202)["id"].(string)
	joiner := a.until(id, "waiting")["joiner"].(obj)["id"].(string)
	sign := a.call(auth.Operator, "GET", "/signoffs", nil, 200)["items"].([]any)[0].(obj)
	require.Equal(t, "Is "+phone+" right?", sign["title"], "whom it is addressed to sees the question")
	blind := []auth.Role{auth.Viewer, auth.Builder, auth.Reviewer, auth.Auditor}
	unseen := func(when string) {
		t.Helper()
		for _, role := range blind {
			for _, at := range []string{"/signoffs", "/runs", "/runs/" + id, "/joiners", "/joiners/" + joiner, "/events", "/names"} {
				raw, err := json.Marshal(a.call(role, "GET", at, nil, 200))
				require.NoError(t, err)
				a.holdsNone(string(raw), when+": "+string(role)+" at "+at, phone, mail, street, newer)
			}
		}
	}
	unseen("asked")
	require.Contains(t, a.call(auth.Viewer, "GET", "/signoffs", nil, 200)["items"].([]any)[0].(obj)["title"], "(hidden)")

	a.attributes("1", obj{"phone": newer, "note": "call " + newer})
	second := a.call(auth.Operator, "POST", "/flows/ask-reviewer/runs", obj{"worker": "1"}, 202)["id"].(string)
	a.until(second, "waiting")
	put := a.call(auth.Reviewer, "GET", "/runs/"+second, nil, 200)["signoffs"].([]any)[0].(obj)
	require.Equal(t, "Is "+newer+" right?", put["title"], "an approved flow put it to reviewers")
	raw, err := json.Marshal(a.call(auth.Viewer, "GET", "/signoffs", nil, 200))
	require.NoError(t, err)
	a.holdsNone(string(raw), "both asked", phone, mail, street, newer)

	a.call(auth.Operator, "POST", "/signoffs/"+sign["id"].(string), obj{"decision": "approved", "comment": "no answer"}, 200)
	a.until(id, "failed")
	blind = []auth.Role{auth.Viewer, auth.Builder, auth.Auditor}
	unseen("stopped")
	req := httptest.NewRequest("GET", "/api/v1/runs?state=failed", nil)
	req.Header.Set("Authorization", "Bearer "+a.tokens[auth.Operator])
	require.Contains(t, a.send(req, 200)["items"].([]any)[0].(obj)["reason"], "Nobody at (hidden).", "lists are hidden from all alike")
	shown := a.call(auth.Operator, "GET", "/runs/"+id, nil, 200)
	require.Equal(t, phone, shown["steps"].([]any)[1].(obj)["output"].(obj)["line"], "operators see what a run read")
}

// attributes changes what the HRIS says of a worker.
func (a *api) attributes(worker string, more obj) {
	a.t.Helper()
	require.NoError(a.t, fake.Change(a.file, func(s *fake.State) {
		for k, v := range more {
			s.Workers[worker].Attributes[k] = v
		}
	}))
}

// holdsNone refuses values in a text, in capitals and small letters alike.
func (a *api) holdsNone(text, at string, values ...string) {
	a.t.Helper()
	for _, v := range values {
		require.NotContains(a.t, strings.ToLower(text), strings.ToLower(v), at)
	}
}
