// Package hrisrest speaks to any HRIS with a plain REST API: a list of workers
// changed since a moment, one worker, an update of fields, and webhooks signed by
// the Standard Webhooks scheme. Where a value stands in the HRIS's JSON is a
// setting, because no two systems agree.
package hrisrest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"joinery/internal/connector"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

// Type is the connector.
type Type struct{}

var (
	_ connector.Type   = Type{}
	_ connector.Source = Type{}
)

const (
	credToken    = "token"
	credPassword = "password"
)

// Info describes it.
func (Type) Info() connector.Info {
	bearer, basic, header := &form.When{Field: "auth", In: []string{"bearer", "header"}}, &form.When{Field: "auth", In: []string{"basic"}}, &form.When{Field: "auth", In: []string{"header"}}
	const service, paths, values, events = "Service", "Addresses", "Where values stand", "Webhooks"
	fields := map[string]any{}
	for _, a := range attributes() {
		fields[a] = a
	}
	return connector.Info{
		Kind: "hris-rest", Title: "HRIS with a REST API", Icon: "users",
		Help: "Reads workers from an HRIS over REST and receives its webhooks (Standard Webhooks).",
		Settings: []form.Field{
			{Key: "base_url", Label: "Base address", Kind: form.Text, Required: true, Group: service, Placeholder: "https://hris.example.com/api"},
			{Key: "auth", Label: "Sign in with", Kind: form.Select, Default: "bearer", Group: service, Options: []form.Option{{Value: "bearer", Label: "A token (bearer)"}, {Value: "basic", Label: "A user name and password (basic)"}, {Value: "header", Label: "A token in a header of its own"}}},
			{Key: "user", Label: "User name", Kind: form.Text, Required: true, Group: service, ShowWhen: basic},
			{Key: "header", Label: "Header", Kind: form.Text, Required: true, Group: service, Placeholder: "X-Api-Key", ShowWhen: header},
			{Key: "ca", Label: "Certificate authority", Kind: form.LongText, Group: service, Placeholder: "-----BEGIN CERTIFICATE-----", Help: "PEM. Empty: the authorities this machine trusts."},
			{Key: "timeout", Label: "Time limit of one call", Kind: form.Duration, Default: "15s", Group: service},
			{Key: "list_path", Label: "List of workers", Kind: form.Text, Default: "/workers", Group: paths},
			{Key: "read_path", Label: "One worker", Kind: form.Text, Default: "/workers/{id}", Group: paths, Help: "{id} is the worker's id."},
			{Key: "update_path", Label: "Update of a worker (PATCH)", Kind: form.Text, Default: "/workers/{id}", Group: paths},
			{Key: "since_param", Label: "Parameter for changed since", Kind: form.Text, Default: "updated_since", Group: paths},
			{Key: "cursor_param", Label: "Parameter for the next page", Kind: form.Text, Default: "cursor", Group: paths},
			{Key: "items", Label: "List in the answer", Kind: form.Text, Default: "items", Group: values, Help: "A path with dots; empty when the answer is the list."},
			{Key: "next", Label: "Next page in the answer", Kind: form.Text, Default: "next", Group: values},
			{Key: "item", Label: "Worker in the answer", Kind: form.Text, Group: values, Help: "Empty when the answer is the worker."},
			{Key: "id", Label: "Worker id", Kind: form.Text, Default: "id", Group: values},
			{Key: "version", Label: "Version", Kind: form.Text, Default: "version", Group: values},
			{Key: "changed_at", Label: "Changed at", Kind: form.Text, Default: "updated_at", Group: values},
			{Key: "fields", Label: "Fields", Kind: form.Mapping, Default: fields, Group: values, Help: "Joinery's name of an attribute, and where the HRIS keeps it (a path with dots)."},
			{Key: "event_type", Label: "Event type", Kind: form.Text, Default: "type", Group: events},
			{Key: "event_worker", Label: "Worker id in the event", Kind: form.Text, Default: "data.worker_id", Group: events},
			{Key: "event_at", Label: "Time of the event", Kind: form.Text, Default: "timestamp", Group: events},
			{Key: "event_changed", Label: "Changed fields in the event", Kind: form.Text, Default: "data.changed", Group: events},
			{Key: "event_actor", Label: "Who made the change, in the event", Kind: form.Text, Group: events, Placeholder: "data.actor", Help: "Where the HRIS tells it. It makes our own echo known for sure."},
			{Key: "own_actor", Label: "Joinery's own id there", Kind: form.Text, Group: events, Help: "The id of the user or token by which Joinery works in the HRIS, as events name it."},
			{Key: "event_values", Label: "New values in the event", Kind: form.Text, Group: events, Placeholder: "data.values", Help: "Where the HRIS tells them, by field. They are compared with what Joinery wrote and used for nothing else."},
			{Key: "types", Label: "Types of event", Kind: form.Mapping, Group: events, Help: "The HRIS's word, and Joinery's: " + strings.Join(joiner.EventTypes(), ", ") + "."},
		},
		Credentials: []connector.CredentialSpec{
			{Name: credToken, Label: "Token", Required: true, ShowWhen: bearer, Help: "A token that may read workers, and update only the fields you write back."},
			{Name: credPassword, Label: "Password", Required: true, ShowWhen: basic},
			{Name: connector.WebhookSecret, Label: "Webhook secret", Help: "Begins with whsec_. The HRIS shows it where its webhooks are set up."},
		},
		Capabilities: []connector.Capability{connector.CapWorkers, connector.CapWebhook, connector.CapWriteBack},
	}
}

func attributes() []string {
	return []string{joiner.FirstName, joiner.LastName, joiner.MiddleName, joiner.PreferredName, joiner.DisplayName, joiner.WorkEmail, joiner.PersonalEmail, joiner.Department, joiner.Title,
		joiner.Location, joiner.Country, joiner.TimeZone, joiner.ManagerID, joiner.StartDate, joiner.EndDate, joiner.WorkerType, joiner.Status, joiner.EmployeeNo, joiner.Phone}
}

type settings struct {
	base                                          *url.URL
	auth, user, header, ca                        string
	timeout                                       time.Duration
	listPath, readPath, updatePath                string
	sinceParam, cursorParam                       string
	items, next, item, id, version, changedAt     string
	fields                                        map[string]string
	eventType, eventWorker, eventAt, eventChanged string
	eventActor, ownActor, eventValues             string
	types                                         map[string]string
}

var (
	attributeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	dotted        = regexp.MustCompile(`^[A-Za-z0-9_$-]+(\.[A-Za-z0-9_$-]+)*$`)
)

func read(in map[string]any) (settings, []fault.Problem) {
	v := connector.Values(in)
	s := settings{auth: v.Text("auth"), user: v.Text("user"), header: v.Text("header"), ca: v.Text("ca"), timeout: v.Duration("timeout", 15*time.Second),
		listPath: v.Text("list_path"), readPath: v.Text("read_path"), updatePath: v.Text("update_path"), sinceParam: v.Text("since_param"), cursorParam: v.Text("cursor_param"),
		items: v.Text("items"), next: v.Text("next"), item: v.Text("item"), id: v.Text("id"), version: v.Text("version"), changedAt: v.Text("changed_at"), fields: v.Map("fields"),
		eventType: v.Text("event_type"), eventWorker: v.Text("event_worker"), eventAt: v.Text("event_at"), eventChanged: v.Text("event_changed"), types: v.Map("types"),
		eventActor: v.Text("event_actor"), ownActor: v.Text("own_actor"), eventValues: v.Text("event_values")}
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	u, err := url.Parse(strings.TrimRight(v.Text("base_url"), "/"))
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "":
		add("base_url", "Write an address like https://hris.example.com/api.")
	case u.User != nil:
		add("base_url", "Keep the user name and password out of the address; there are fields for them.")
	default:
		s.base = u
	}
	if s.auth == "header" && (!regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`).MatchString(s.header)) {
		add("header", "Write the name of a header, such as X-Api-Key.")
	}
	if s.ca != "" {
		if _, err := egress.Pool(s.ca); err != nil {
			add("ca", "%s", fault.Sentence(err))
		}
	}
	if s.timeout <= 0 || s.timeout > 30*time.Second {
		add("timeout", "The time limit must be above 0 and at most 30s.")
	}
	for key, p := range map[string]string{"list_path": s.listPath, "read_path": s.readPath, "update_path": s.updatePath} {
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "?# ") {
			add(key, "Write a path that begins with /.")
		} else if key != "list_path" && !strings.Contains(p, "{id}") {
			add(key, "The path needs {id} where the worker's id stands.")
		}
	}
	for key, p := range map[string]string{"items": s.items, "next": s.next, "item": s.item, "id": s.id, "version": s.version, "changed_at": s.changedAt,
		"event_type": s.eventType, "event_worker": s.eventWorker, "event_at": s.eventAt, "event_changed": s.eventChanged,
		"event_actor": s.eventActor, "event_values": s.eventValues} {
		if p != "" && !dotted.MatchString(p) {
			add(key, "Write a path of names with dots, such as data.worker_id.")
		} else if p == "" && (key == "id" || key == "event_type" || key == "event_worker") {
			add(key, "This is needed.")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if !attributeName.MatchString(name) {
			add("fields", "%q is not a name of an attribute: use lower-case letters, digits and underscores.", name)
		}
		if !dotted.MatchString(s.fields[name]) {
			add("fields", "Where %s stands must be a path of names with dots.", name)
		}
	}
	for _, word := range slices.Sorted(maps.Keys(s.types)) {
		if !slices.Contains(joiner.EventTypes(), s.types[word]) {
			add("types", "%q is not one of Joinery's types of event: %s.", s.types[word], strings.Join(joiner.EventTypes(), ", "))
		}
	}
	slices.SortFunc(out, func(a, b fault.Problem) int { return strings.Compare(a.Path+a.Detail, b.Path+b.Detail) })
	return s, out
}

// Check finds what the field declarations cannot.
func (Type) Check(in map[string]any) []fault.Problem {
	_, problems := read(in)
	return problems
}

// Open prepares the connection; the first call connects.
func (Type) Open(_ context.Context, cfg connector.Config) (connector.Conn, error) {
	s, problems := read(cfg.Settings)
	if err := fault.Refuse("The settings of this HRIS are not right.", problems); err != nil {
		return nil, err
	}
	client := cfg.HTTP
	if s.ca != "" {
		var err error
		if client, err = egress.WithCA(client, s.ca); err != nil {
			return nil, err
		}
	}
	return &conn{cfg: cfg, set: s, http: client}, nil
}

type conn struct {
	cfg  connector.Config
	set  settings
	http *http.Client
}

var (
	_ connector.Conn             = (*conn)(nil)
	_ connector.Workers          = (*conn)(nil)
	_ connector.CarefulWriteBack = (*conn)(nil)
)

// Close closes idle connections.
func (c *conn) Close() error {
	c.http.CloseIdleConnections()
	return nil
}
