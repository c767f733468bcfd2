package bamboohr_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/bamboohr"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// subscribe makes the webhook as an administrator would, by BambooHR's API.
func subscribe(t *testing.T, b *connectortest.BambooHR) {
	t.Helper()
	ask, err := json.Marshal(map[string]any{"name": "Joinery", "url": "https://joinery.example/hooks/hr", "format": "json", "events": []string{"employee.created", "employee.updated", "employee.deleted"},
		"monitorFields": []string{"firstName", "lastName", "department", "hireDate", "terminationDate", "status"}})
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL+"/api/v1/webhooks", bytes.NewReader(ask))
	require.NoError(t, err)
	req.SetBasicAuth(b.Key, "x")
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusCreated, resp.StatusCode)
}

func signer(id, key string) connector.Signer { return connector.Signer{ID: id, Value: secret.New(key)} }

func TestWebhook(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := connectortest.StartBambooHR(t, c.now)
	subscribe(t, b)
	id := b.Hire(ada(nil))
	c.tick(time.Second)
	b.Change(id, map[string]string{"department": "Sales", "country": "DE"})
	b.Change(id, map[string]string{"hireDate": "2026-12-08"})
	b.Change(id, map[string]string{"status": "Inactive", "terminationDate": "2026-12-01"})
	b.Change(id, map[string]string{"homeEmail": "x@home.example"}) // not monitored
	b.Delete(id)

	type line struct {
		Type    string
		Changed []string
	}
	var got []line
	keys := map[string]bool{}
	for _, d := range b.Deliveries() {
		by, err := bamboohr.Type{}.Verify(nil, []connector.Signer{signer("old", "other"), signer("now", b.PrivateKey)}, d)
		require.NoError(t, err)
		require.Equal(t, "now", by)
		events, err := bamboohr.Type{}.Events(nil, d)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, id, events[0].Worker)
		require.False(t, events[0].At.IsZero())
		keys[events[0].Key] = true
		got = append(got, line{events[0].Type, events[0].Changed})

		again := d // sent again a minute later, signed anew
		again = b.Delivery(again.Body, again.At.Add(time.Minute))
		second, err := bamboohr.Type{}.Events(nil, again)
		require.NoError(t, err)
		require.Equal(t, events[0].Key, second[0].Key, "the same event has the same key when it is sent again")
	}
	require.Len(t, keys, 5)
	require.Equal(t, []line{{"worker.hired", nil}, {"worker.updated", []string{"department"}}, {"worker.start_moved", []string{"start_date"}}, {"worker.terminated", []string{"end_date", "status"}}, {"worker.rescinded", nil}}, got)
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := connectortest.StartBambooHR(t, c.now)
	subscribe(t, b)
	good := func() connector.Delivery {
		return b.Delivery([]byte(`{"type":"employee.created","data":{"employeeId":"7"}}`), c.now())
	}
	ours := []connector.Signer{signer("now", b.PrivateKey)}
	_, err := bamboohr.Type{}.Verify(nil, ours, good())
	require.NoError(t, err)
	for name, change := range map[string]func(d *connector.Delivery){
		"body":         func(d *connector.Delivery) { d.Body = append(slices.Clone(d.Body), ' ') },
		"no signature": func(d *connector.Delivery) { d.Header.Del("X-BambooHR-Signature") },
		"no timestamp": func(d *connector.Delivery) { d.Header.Del("X-BambooHR-Timestamp") },
		"two signatures": func(d *connector.Delivery) {
			d.Header.Add("X-BambooHR-Signature", d.Header.Get("X-BambooHR-Signature"))
		},
		"other time":      func(d *connector.Delivery) { d.Header.Set("X-BambooHR-Timestamp", "1795735801") },
		"no time":         func(d *connector.Delivery) { d.Header.Set("X-BambooHR-Timestamp", "soon") },
		"stale":           func(d *connector.Delivery) { d.At = d.At.Add(5*time.Minute + time.Second) },
		"from the future": func(d *connector.Delivery) { d.At = d.At.Add(-5*time.Minute - time.Second) },
		"not hex":         func(d *connector.Delivery) { d.Header.Set("X-BambooHR-Signature", strings.Repeat("z", 64)) },
		"cut": func(d *connector.Delivery) {
			d.Header.Set("X-BambooHR-Signature", d.Header.Get("X-BambooHR-Signature")[:62])
		},
	} {
		d := good()
		change(&d)
		_, err := bamboohr.Type{}.Verify(nil, ours, d)
		require.True(t, fault.Is(err, fault.Unauthenticated), "%s: %v", name, err)
		require.NotContains(t, err.Error(), b.PrivateKey)
	}
	_, err = bamboohr.Type{}.Verify(nil, nil, good())
	require.ErrorContains(t, err, "no webhook private key yet")
	_, err = bamboohr.Type{}.Verify(nil, []connector.Signer{signer("x", "x")}, good())
	require.ErrorContains(t, err, "does not match")

	d := good()
	d.Header.Set("X-BambooHR-Signature", strings.ToUpper(d.Header.Get("X-BambooHR-Signature")))
	_, err = bamboohr.Type{}.Verify(nil, ours, d)
	require.NoError(t, err)
}

func TestEvents(t *testing.T) {
	t.Parallel()
	settings := map[string]any{"company": "acme", "types": map[string]any{"employee.created": "worker.updated", "employee.updated": "worker.updated"}}
	of := func(media, body string) ([]string, error) {
		d := connector.Delivery{Header: http.Header{"Content-Type": {media}, "X-Bamboohr-Timestamp": {"1"}}, Body: []byte(body)}
		events, err := bamboohr.Type{}.Events(settings, d)
		var out []string
		for _, e := range events {
			out = append(out, e.Type+" "+e.Worker+" "+strings.Join(e.Changed, ","))
		}
		return out, err
	}
	for body, want := range map[string][]string{
		`{"type":"employee.created","timestamp":"2026-01-31T18:42:00+0000","data":{"employeeId":"7"}}`:             {"worker.updated 7 "},
		`{"type":"employee.updated","data":{"employeeId":7,"changedFields":["hireDate","x"]}}`:                     {"worker.start_moved 7 start_date"},
		`{"type":"employee.deleted","data":{"employeeId":"7"}}`:                                                    nil, // nobody asked for it
		`{"type":"company.updated","data":{}}`:                                                                     nil,
		`{"employees":[{"id":"7","action":"Updated","changedFields":["department"]},{"id":8,"action":"Created"}]}`: {"worker.updated 7 department", "worker.updated 8 "},
		`{"employees":[]}`: nil,
	} {
		got, err := of("application/json", body)
		require.NoError(t, err, body)
		require.Equal(t, want, got, body)
	}
	got, err := of("application/x-www-form-urlencoded; charset=utf-8", "type=employee.updated&timestamp=2026-01-31T18%3A42%3A00%2B0000&data[companyId]=1&data[employeeId]=67&data[changedFields][0]=firstName&data[changedFields][1]=lastName")
	require.NoError(t, err)
	require.Equal(t, []string{"worker.updated 67 first_name,last_name"}, got)
	for _, bad := range []string{"", "{}", "[]", "null", `"Ping"`, "{} {}", "{\"type\":\"employee.created\"}", `{"type":"employee.created","data":{"employeeId":" "}}`, "\xff", `{"type":7}`,
		`{"employees":[` + strings.TrimSuffix(strings.Repeat(`{"id":"1","action":"Created"},`, 501), ",") + `]}`} {
		_, err := of("application/json", bad)
		require.True(t, fault.Is(err, fault.Invalid), "%.40q: %v", bad, err)
	}
	_, err = of("application/x-www-form-urlencoded", "employees[0][id]=7")
	require.ErrorContains(t, err, "Choose JSON")
}
