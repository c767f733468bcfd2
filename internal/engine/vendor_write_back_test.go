package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/connector/bamboohr"
	"joinery/internal/connector/hibob"
	"joinery/internal/connectortest"
	"joinery/internal/egress"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

// vendorHouse is a house whose HRIS is a vendor's stand-in, held to the vendor's
// own description. Webhooks are handed over when a test says so.
type vendorHouse struct {
	*hrHouse
	source     connector.Source
	settings   connector.Settings
	signer     string
	deliveries func() []connector.Delivery
}

// openVendor makes the house with the flow that writes the work e-mail back where
// the contract says it may.
func openVendor(t *testing.T, at *clock, typ connector.Type, s connector.Settings, credentials map[string]string, deliveries func() []connector.Delivery, may string) *vendorHouse {
	t.Helper()
	if testing.Short() {
		t.Skip("opens listeners")
	}
	catalog := all.Of(typ)
	h := &vendorHouse{hrHouse: &hrHouse{}, source: typ.(connector.Source), settings: s, signer: credentials[connector.WebhookSecret], deliveries: deliveries}
	h.kinds = artifact.Kinds{Flows: node.All(), Connectors: catalog}
	h.house = &house{t: t, clock: at, mails: &outbox{}}
	h.db = pgtest.Open(t, postgres.Config{Now: at.Now, Artifacts: h.kinds})
	h.e = newEngine(t.Name(), h.db, catalog, at.Now, h.mails)
	h.e.Pool = &connector.Pool{Catalog: catalog, Guard: &egress.Guard{}, Now: at.Now, Log: slog.New(slog.DiscardHandler),
		Secret: func(_ context.Context, _, name string) (secret.Value, error) {
			return secret.New(credentials[name]), nil
		}}
	settings, err := json.Marshal(s)
	require.NoError(t, err)
	h.release(review.Connection, string(settings))
	h.release(review.Policy, fmt.Sprintf("key: back\nname: Back\ntype: write-back\nwrite_back:\n  fields:\n    - {connection: %s, field: work_email, owner: joinery, %s}\n", s.Key, may))
	h.release(review.Flow, fmt.Sprintf(`{key: back, name: Back, trigger: hired, nodes: [{id: hired, type: hris.event, params: {connection: %[1]s, events: [worker.hired, worker.updated]}},
		{id: back, type: hris.write_back, params: {connection: %[1]s, policy: back, values: {work_email: '=Lower(joiner.first_name) + "@acme.example"'}}}], edges: [{from: hired.started, to: back}]}`, s.Key))
	h.start()
	return h
}

// receive takes what the vendor sends, as the webhook's address does.
func (h *vendorHouse) receive() (runs int) {
	h.t.Helper()
	for _, d := range h.deliveries() {
		signer, err := h.source.Verify(h.settings.Settings, []connector.Signer{{ID: "cr_hook", Value: secret.New(h.signer)}}, d)
		require.NoError(h.t, err)
		events, err := h.source.Events(h.settings.Settings, d)
		require.NoError(h.t, err)
		for _, e := range events {
			a, err := h.db.AcceptEvent(h.t.Context(), postgres.Incoming{Connection: h.settings.Key, Event: e, Signer: signer})
			require.NoError(h.t, err)
			runs += len(a.Runs)
		}
	}
	h.e.Kick()
	return runs
}

// A hire in BambooHR ends with the work e-mail in BambooHR, whose own webhook about
// it starts no run.
func TestWriteBack_BambooHR(t *testing.T) {
	t.Parallel()
	at := &clock{now: time.Now().UTC()}
	b := connectortest.StartBambooHR(t, at.Now)
	b.PrivateKey = "private-key-of-the-webhook"
	h := openVendor(t, at, bamboohr.Type{}, b.Settings("bamboo"), map[string]string{"api_key": b.Key, connector.WebhookSecret: b.PrivateKey}, b.Deliveries, "write: overwrite_own")
	id := b.Hire(map[string]string{"firstName": "Ada", "lastName": "Okafor", "hireDate": "2026-12-01", "status": "Active"})
	require.Equal(t, 1, h.receive())
	require.Equal(t, "done", step(t, h.until(run.Succeeded), "back").Port)
	require.Equal(t, "ada@acme.example", b.Employee(id)["workEmail"])
	at.Forward(time.Second)
	require.Zero(t, h.receive(), "our own echo")

	b.Change(id, map[string]string{"department": "Sales"})
	require.Equal(t, 1, h.receive())
}

// BambooHR says OK and ignores the field: the run shows it, and a person decides.
func TestWriteBack_R19_BambooHRIgnoresAField(t *testing.T) {
	t.Parallel()
	at := &clock{now: time.Now().UTC()}
	b := connectortest.StartBambooHR(t, at.Now)
	b.PrivateKey = "private-key-of-the-webhook"
	b.Permit("workEmail", false)
	h := openVendor(t, at, bamboohr.Type{}, b.Settings("bamboo"), map[string]string{"api_key": b.Key, connector.WebhookSecret: b.PrivateKey}, b.Deliveries, "write: overwrite_own")
	b.Hire(map[string]string{"firstName": "Ada", "lastName": "Okafor", "hireDate": "2026-12-01", "status": "Active"})
	h.receive()
	require.Equal(t, "exception", step(t, h.until(run.Succeeded), "back").Port)
	all := h.exceptions()
	require.Len(t, all, 1)
	require.Contains(t, all[0].Reason, "work_email (workEmail): BambooHR did not take it")
}

// Bob shows the old value for twenty seconds. The run waits that long before it
// looks, and opens no exception.
func TestWriteBack_HiBobLags(t *testing.T) {
	t.Parallel()
	at := &clock{now: time.Now().UTC()}
	b := connectortest.StartBob(t, at.Now)
	h := openVendor(t, at, hibob.Type{}, b.Settings("bob"), map[string]string{"token": b.Token, connector.WebhookSecret: b.Secret}, b.Deliveries, `write: only_if_equals, equals: "=joiner.personal_email"`)
	id := b.Hire(map[string]any{"home.privateEmail": "ada@home.example", "root.firstName": "Ada", "root.surname": "Okafor", "root.email": "ada@home.example", "work.startDate": "2026-12-01", "internal.lifecycleStatus": "hired"})
	require.Equal(t, 1, h.receive())
	d := h.until(run.Waiting)
	require.Contains(t, d.WaitingFor, "the HRIS to show what was written")
	require.Equal(t, "ada@acme.example", b.Stored(id, "root.email"))
	require.Zero(t, h.receive(), "our own echo")
	at.Forward(21 * time.Second)
	require.Equal(t, "done", step(t, h.until(run.Succeeded), "back").Port)
	require.Empty(t, h.exceptions())
}
