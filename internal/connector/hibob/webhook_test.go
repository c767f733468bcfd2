package hibob_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/hibob"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/secret"
)

func signer(id, key string) connector.Signer { return connector.Signer{ID: id, Value: secret.New(key)} }

func TestWebhook(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := connectortest.StartBob(t, c.now)
	id := b.Hire(ada(nil))
	b.Change(id, map[string]any{"work.department": "1"})
	b.Change(id, map[string]any{"work.startDate": "2026-12-08"})
	b.Change(id, map[string]any{"internal.lifecycleStatus": "terminated"})
	for _, kind := range []string{"employee.joined", "table.entry.created", "employee.left", "employee.deleted", "timeoff.request.created"} {
		b.Event(kind, id)
	}
	var got []string
	keys := map[string]bool{}
	for _, d := range b.Deliveries() {
		by, err := hibob.Type{}.Verify(nil, []connector.Signer{signer("old", "other"), signer("now", b.Secret)}, d)
		require.NoError(t, err)
		require.Equal(t, "now", by)
		d.At = d.At.Add(3 * 24 * time.Hour) // Bob repeats for three days
		_, err = hibob.Type{}.Verify(nil, []connector.Signer{signer("now", b.Secret)}, d)
		require.NoError(t, err)
		events, err := hibob.Type{}.Events(nil, d)
		require.NoError(t, err)
		again, err := hibob.Type{}.Events(nil, d)
		require.NoError(t, err)
		require.Equal(t, events, again)
		for _, e := range events {
			require.Equal(t, id, e.Worker)
			require.Equal(t, c.now(), e.At, "a time without a zone is UTC")
			keys[e.Key] = true
			line := e.Type
			for _, a := range e.Changed {
				line += " " + a
			}
			got = append(got, line)
		}
	}
	require.Equal(t, []string{"worker.hired", "worker.updated department", "worker.start_moved start_date", "worker.terminated status", "worker.updated", "worker.updated", "worker.terminated", "worker.rescinded"}, got)
	require.Len(t, keys, 8)
}

// Bob's try of a new webhook comes before anybody can know the secret. It is
// answered, and does nothing else.
func TestS73_Ping(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"Ping test", `"Ping test"`, `{"text":"Ping test"}`, "Ping test\n"} {
		d := connector.Delivery{Header: http.Header{}, Body: []byte(body), At: newClock().now()}
		by, err := hibob.Type{}.Verify(nil, nil, d)
		require.NoError(t, err, body)
		require.Empty(t, by)
		events, err := hibob.Type{}.Events(nil, d)
		require.NoError(t, err)
		require.Empty(t, events)
	}
	for _, body := range []string{"Ping test 2", `{"text":"Ping test","type":"employee.created","data":{"employeeId":"7"}}`, `{"text":"Pong"}`, `["Ping test"]`, ""} {
		_, err := hibob.Type{}.Verify(nil, []connector.Signer{signer("now", "s")}, connector.Delivery{Header: http.Header{}, Body: []byte(body), At: newClock().now()})
		require.True(t, fault.Is(err, fault.Unauthenticated), body)
	}
	require.Contains(t, hibob.Type{}.ContentTypes(), "text/plain")
	require.Equal(t, http.StatusOK, hibob.Type{}.Received())
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := connectortest.StartBob(t, c.now)
	good := func() connector.Delivery {
		return b.Delivery([]byte(`{"type":"employee.created","triggeredAt":"2026-11-26T23:30:00.5","data":{"employeeId":"7"}}`), c.now())
	}
	ours := []connector.Signer{signer("now", b.Secret)}
	_, err := hibob.Type{}.Verify(nil, ours, good())
	require.NoError(t, err)
	for name, change := range map[string]func(d *connector.Delivery){
		"body":            func(d *connector.Delivery) { d.Body = append(slices.Clone(d.Body), ' ') },
		"no signature":    func(d *connector.Delivery) { d.Header.Del("Bob-Signature") },
		"two signatures":  func(d *connector.Delivery) { d.Header.Add("Bob-Signature", d.Header.Get("Bob-Signature")) },
		"not base64":      func(d *connector.Delivery) { d.Header.Set("Bob-Signature", "%%%") },
		"cut":             func(d *connector.Delivery) { d.Header.Set("Bob-Signature", d.Header.Get("Bob-Signature")[:40]) },
		"stale":           func(d *connector.Delivery) { d.At = d.At.Add(8 * 24 * time.Hour) },
		"from the future": func(d *connector.Delivery) { d.At = d.At.Add(-2 * time.Hour) },
	} {
		d := good()
		change(&d)
		_, err := hibob.Type{}.Verify(nil, ours, d)
		require.True(t, fault.Is(err, fault.Unauthenticated), "%s: %v", name, err)
		require.NotContains(t, err.Error(), b.Secret)
	}
	_, err = hibob.Type{}.Verify(nil, nil, good())
	require.ErrorContains(t, err, "no webhook secret yet")
	_, err = hibob.Type{}.Verify(nil, []connector.Signer{signer("x", "x")}, good())
	require.ErrorContains(t, err, "does not match")
}

func TestEvents_WhoMadeTheChange(t *testing.T) {
	t.Parallel()
	d := connector.Delivery{Header: http.Header{}, Body: []byte(`{"type":"employee.updated","triggeredBy":"4711","version":"v2","data":{"employeeId":"7","fieldUpdates":[{"id":"root.email"}]}}`)}
	for own, want := range map[string]string{"": "", "4711": joiner.ActorOurs, "12": joiner.ActorOther} {
		events, err := hibob.Type{}.Events(map[string]any{"own_actor": own}, d)
		require.NoError(t, err)
		require.Equal(t, want, events[0].Actor, own)
	}
}

func TestEventsRefuse(t *testing.T) {
	t.Parallel()
	for body, says := range map[string]string{
		"":                            "not the JSON",
		"[]":                          "not the JSON",
		"{}":                          "no type",
		"\xff":                        "UTF-8",
		`{"type":"employee.left"} {}`: "more than one",
		`{"type":"employee.left","version":"v2","data":{}}`:                 "names no employee",
		`{"type":"employee.updated","employee":{"id":"7"},"changes":["x"]}`: "older webhooks",
	} {
		_, err := hibob.Type{}.Events(nil, connector.Delivery{Header: http.Header{}, Body: []byte(body)})
		require.True(t, fault.Is(err, fault.Invalid), body)
		require.ErrorContains(t, err, says, body)
	}
	events, err := hibob.Type{}.Events(nil, connector.Delivery{Header: http.Header{}, Body: []byte(`{"type":"employee.updated","version":"v2","data":{"employeeId":7,"fieldUpdates":["work.startDate",{"fieldId":"root.surname"},3]}}`)})
	require.NoError(t, err)
	require.Equal(t, []string{"last_name", "start_date"}, events[0].Changed)
}
