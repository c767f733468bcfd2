package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connectortest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/secret"
)

// post posts a vendor's delivery as it is.
func (i *intake) post(connection, media string, d connector.Delivery) (int, map[string]any) {
	i.t.Helper()
	req := httptest.NewRequest("POST", "/hooks/"+connection, bytes.NewReader(d.Body))
	req.Host = i.s.base.Host
	for k, v := range d.Header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", media)
	resp, err := i.app.Test(req, 20000)
	require.NoError(i.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(i.t, err)
	var out map[string]any
	require.NoError(i.t, json.Unmarshal(raw, &out), string(raw))
	return resp.StatusCode, out
}

// vendor makes a live connection with its webhook secret and a flow that starts on hires.
func (i *intake) vendor(s connector.Settings, hook string) {
	i.t.Helper()
	live := func(kind review.Kind, text string) {
		doc, err := i.s.kinds().ReadText(kind, "", []byte(text))
		require.NoError(i.t, err)
		_, err = i.db.SaveRevision(i.t.Context(), i.by, postgres.Save{Doc: doc})
		require.NoError(i.t, err)
		r, err := i.db.OpenReview(i.t.Context(), i.by, kind, doc.Key, 0, "")
		require.NoError(i.t, err)
		reviewer := auth.Actor{Kind: auth.User, ID: "u_b", UserID: "u_b", Name: "B", Roles: []auth.Role{auth.Reviewer}}
		_, err = i.db.ApproveReview(i.t.Context(), reviewer, r.ID, r.Hash, "")
		require.NoError(i.t, err)
	}
	text, err := json.Marshal(s) // JSON is YAML
	require.NoError(i.t, err)
	live(review.Connection, string(text))
	live(review.Flow, fmt.Sprintf("key: join-%s\nname: Join\ntrigger: hired\nnodes:\n  - {id: hired, type: hris.event, params: {connection: %s, events: [worker.hired]}}\n", s.Key, s.Key))
	_, err = i.db.SetCredential(i.t.Context(), i.by, postgres.NewCredential{Connection: s.Key, Name: "webhook_secret", Value: secret.New(hook), Owner: "a@x.example", Purpose: "hooks", ExpiresAt: time.Now().AddDate(0, 1, 0)})
	require.NoError(i.t, err)
}

func TestHooks_BambooHR(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	b := connectortest.StartBambooHR(t, time.Now)
	b.PrivateKey = "private-key-of-the-webhook"
	i.vendor(b.Settings("bamboo"), b.PrivateKey)
	b.Hire(map[string]string{"lastName": "Okafor"})
	d := b.Deliveries()[0]
	status, out := i.post("bamboo", "application/json", d)
	require.Equal(t, 202, status, out)
	require.Len(t, out["runs"], 1)
	later := b.Delivery(d.Body, d.At.Add(90*time.Second)) // repeated, and signed anew
	status, again := i.post("bamboo", "application/json", later)
	require.Equal(t, 202, status)
	require.Equal(t, true, again["duplicate"])
	require.Equal(t, out["event"], again["event"])
	d.Header.Set("X-BambooHR-Signature", "00")
	status, _ = i.post("bamboo", "application/json", d)
	require.Equal(t, 401, status)
	status, _ = i.post("bamboo", "text/xml", later)
	require.Equal(t, 415, status)
}

// Bob takes only 200 for an answer, and tries a webhook before it has a secret.
func TestS73_HooksOfHiBob(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	b := connectortest.StartBob(t, time.Now)
	i.vendor(b.Settings("bob"), b.Secret)
	for media, body := range map[string]string{"text/plain": "Ping test", "application/json": `{"text":"Ping test"}`} {
		status, out := i.post("bob", media, connector.Delivery{Body: []byte(body)})
		require.Equal(t, 200, status, out)
		require.Empty(t, out["runs"])
	}
	rows, _, err := i.db.Events(t.Context(), postgres.EventFilter{Connection: "bob", Limit: 10})
	require.NoError(t, err)
	require.Empty(t, rows, "a handshake leaves nothing behind")
	id := b.Hire(map[string]any{"root.surname": "Okafor"})
	status, out := i.post("bob", "application/json", b.Deliveries()[0])
	require.Equal(t, 200, status, out)
	require.Len(t, out["runs"], 1)
	rows, _, err = i.db.Events(t.Context(), postgres.EventFilter{Connection: "bob", Limit: 10})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, id, rows[0].Worker)
	status, _ = i.post("bob", "application/json", connector.Delivery{Body: []byte(`{"type":"employee.created","version":"v2","data":{"employeeId":"` + id + `"}}`)})
	require.Equal(t, 401, status)
}
