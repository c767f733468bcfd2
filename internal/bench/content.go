package bench

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/secret"
)

const (
	hrisKey = "bench-hris"
	jobKey  = "bench"
	longKey = "bench-steps"
)

// masterKey seals the pretend HRIS's token; there is nothing to protect.
var masterKey = []byte("a key for measurements only, 32b")

// hookSecret signs the webhooks of the Joinery row.
var hookSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret for measurements only.."))

// jobFlow is the standard job as a flow. Reading the worker again is the product's
// own first step, which the baselines do not have.
const jobFlow = `key: bench
name: The standard job
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: bench-hris, events: [worker.hired]}}
  - id: name
    type: set
    params:
      values:
        login: =Left(Lower(RegexReplace(joiner.first_name, "[^A-Za-z0-9]", "")), 1) + Left(Lower(RegexReplace(joiner.last_name, "[^A-Za-z0-9]", "")), 12) + Lower(RegexReplace(joiner.employee_number, "[^A-Za-z0-9]", ""))
  - {id: lookup, type: http.request, params: {method: GET, url: "http://WORLD/users/{{ steps.name.login }}"}}
  - id: create
    type: http.request
    params:
      method: POST
      url: http://WORLD/users
      body: >-
        ={"userName": steps.name.login, "employeeId": joiner.employee_number, "displayName": joiner.first_name + " " + joiner.last_name, "department": joiner.department}
edges:
  - {from: hired.started, to: name}
  - {from: name.done, to: lookup}
  - {from: lookup.refused, to: create}
`

// stepsFlow is forty durable steps in a row, the create last. They read the clock,
// so that each is kept before the next begins.
func stepsFlow() string {
	var b strings.Builder
	b.WriteString("key: bench-steps\nname: Forty steps\ntrigger: moved\nnodes:\n  - {id: moved, type: hris.event, params: {connection: bench-hris, events: [worker.start_moved]}}\n")
	edges, last := "", "moved.started"
	for n := 1; n <= 38; n++ {
		fmt.Fprintf(&b, "  - {id: s%d, type: set, params: {values: {n: \"=string(now) + '%d'\"}}}\n", n, n)
		edges += fmt.Sprintf("  - {from: %s, to: s%d}\n", last, n)
		last = fmt.Sprintf("s%d.done", n)
	}
	b.WriteString("  - {id: create, type: http.request, params: {method: POST, url: http://WORLD/users, body: '={\"userName\": joiner.employee_number, \"employeeId\": joiner.employee_number}'}}\n")
	return b.String() + "edges:\n" + edges + "  - {from: " + last + ", to: create}\n"
}

// furnish makes a migrated database with the flows live, through the ordinary
// review path.
func furnish(ctx context.Context, url, world string) error {
	if err := postgres.Migrate(ctx, url, false); err != nil {
		return err
	}
	sealer, err := secret.NewSealer(masterKey)
	if err != nil {
		return err
	}
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	db, err := postgres.Open(ctx, postgres.Config{URL: url, Conns: 4, Artifacts: kinds, Sealer: sealer})
	if err != nil {
		return err
	}
	defer db.Close()
	hasher := auth.NewHasher(2)
	var people []auth.Actor
	for _, p := range []struct {
		email string
		role  auth.Role
	}{{"builder@bench.example", auth.Builder}, {"reviewer@bench.example", auth.Reviewer}, {"admin@bench.example", auth.Admin}} {
		u, err := db.AddUser(ctx, auth.Engine(), hasher, postgres.NewUser{Email: p.email, Name: string(p.role), Password: Password, Roles: []auth.Role{p.role}})
		if err != nil {
			return err
		}
		people = append(people, u.Actor())
	}
	live := func(kind review.Kind, text []byte) error {
		doc, err := kinds.ReadText(kind, "", text)
		if err != nil {
			return err
		}
		if _, err := db.SaveRevision(ctx, people[0], postgres.Save{Doc: doc, Message: "For a measurement"}); err != nil {
			return err
		}
		r, err := db.OpenReview(ctx, people[0], kind, doc.Key, 0, "")
		if err != nil {
			return err
		}
		_, err = db.ApproveReview(ctx, people[1], r.ID, r.Hash, "")
		return err
	}
	settings, err := json.Marshal(connector.Settings{Key: hrisKey, Name: "Pretend HRIS", Type: "hris-rest", Settings: map[string]any{"base_url": "http://" + world}, Private: []string{"127.0.0.1"}})
	if err != nil {
		return err
	}
	if err := live(review.Connection, settings); err != nil {
		return err
	}
	for name, value := range map[string]string{"token": "none", connector.WebhookSecret: hookSecret} {
		if _, err := db.SetCredential(ctx, auth.Engine(), postgres.NewCredential{Connection: hrisKey, Name: name, Value: secret.New(value), Owner: people[0].Email, Purpose: "A measurement", ExpiresAt: time.Now().AddDate(0, 1, 0)}); err != nil {
			return err
		}
	}
	for _, text := range []string{jobFlow, stepsFlow()} {
		if err := live(review.Flow, []byte(strings.ReplaceAll(text, "WORLD", world))); err != nil {
			return err
		}
	}
	if err := askable(ctx, db, people[2], world); err != nil {
		return err
	}
	return db.SaveSetting(ctx, people[2], "http_targets", []string{"GET,POST http://" + world + "/users"})
}

// Password is that of the people in a measured database, for looking at its pages.
const Password = "measure twice, cut once"
