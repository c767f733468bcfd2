// Package hibob speaks to Bob (HiBob): reads employees by field path, writes
// fields back through a PUT that changes only what is sent, and verifies Bob's
// signed webhooks, version 2. A worker's id is Bob's id of the employee. Reads may
// show the old value for some seconds after a write, so the connection says how
// long (connector.Lagging) and whoever verifies a write-back waits.
package hibob

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"joinery/internal/connector"
	"joinery/internal/connector/hris"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/internal/secret"
)

// Type is the connector.
type Type struct{}

var (
	_ connector.Type      = Type{}
	_ connector.Source    = Type{}
	_ connector.Answering = Type{}
)

const credToken = "token"

// maxList bounds one answer about people: Bob gives all that were asked for at once.
const maxList = 8 << 20

// longestLag bounds the setting.
const longestLag = 5 * time.Minute

func defaultFields() map[string]any {
	return map[string]any{
		joiner.FirstName: "root.firstName", joiner.LastName: "root.surname", joiner.MiddleName: "root.secondName", joiner.DisplayName: "root.displayName", joiner.WorkEmail: "root.email",
		joiner.PersonalEmail: "home.privateEmail", joiner.Department: "work.department", joiner.Title: "work.title", joiner.Location: "work.site", joiner.Country: "address.country",
		joiner.ManagerID: "work.manager", joiner.StartDate: "work.startDate", joiner.EndDate: "internal.terminationDate", joiner.WorkerType: "payroll.employment.type",
		joiner.Status: "internal.lifecycleStatus", joiner.EmployeeNo: "work.employeeIdInCompany", joiner.Phone: "work.workPhone",
	}
}

func defaultTypes() map[string]any {
	return map[string]any{"employee.created": "worker.hired", "employee.updated": "worker.updated", "employee.deleted": "worker.rescinded", "employee.left": "worker.terminated",
		"employee.joined": "worker.updated", "employee.activated": "worker.updated", "employee.inactivated": "worker.updated", "employee.temporaryLeave": "worker.updated",
		"table.entry.created": "worker.updated", "table.entry.updated": "worker.updated"}
}

// Info describes it.
func (Type) Info() connector.Info {
	const service, values, events = "Service", "Employees", "Webhooks"
	states := map[string]any{"hired": hris.Active, "employed": hris.Active, "leave": hris.Active, "parentalLeave": hris.Active, "parental leave": hris.Active,
		"garden leave": hris.Terminated, "gardenLeave": hris.Terminated, "terminated": hris.Terminated, "active": hris.Active, "inactive": hris.Terminated}
	return connector.Info{
		Kind: "hibob", Title: "HiBob", Icon: "users",
		Help: "Reads employees from Bob, receives its signed webhooks (v2) and writes fields back.",
		Settings: []form.Field{
			{Key: "base_url", Label: "Base address", Kind: form.Text, Required: true, Default: "https://api.hibob.com/v1", Group: service, Help: "https://api.sandbox.hibob.com/v1 for the sandbox."},
			{Key: "user", Label: "Service user id", Kind: form.Text, Required: true, Group: service, Placeholder: "SERVICE-12345", Help: "Bob shows it with the token when the service user is made."},
			{Key: "timeout", Label: "Time limit of one call", Kind: form.Duration, Default: "20s", Group: service},
			{Key: "lag", Label: "Reads lag by", Kind: form.Duration, Default: "20s", Group: service, Help: "How long after an update Bob may still show the old value. A write-back is verified after this time."},
			{Key: "fields", Label: "Fields", Kind: form.Mapping, Default: defaultFields(), Group: values, Help: "Joinery's name of an attribute, and the id of Bob's field, such as work.title. Only these are read."},
			{Key: "statuses", Label: "States", Kind: form.Mapping, Default: states, Group: values, Help: "Bob's word, and Joinery's: planned, active, rescinded, terminated. Active before the first day is planned; terminated before it, rescinded."},
			{Key: "worker_types", Label: "Kinds of worker", Kind: form.Mapping, Default: map[string]any{"Permanent": "employee", "Temporary": "contractor"}, Group: values, Help: "Bob's employment type, and Joinery's worker_type. Others stay as they are."},
			{Key: "zones", Label: "Time zones of sites", Kind: form.Mapping, Group: values, Help: "Bob's site, and its time zone, such as Europe/Berlin."},
			{Key: "zone", Label: "Time zone", Kind: form.Text, Group: values, Placeholder: "Europe/Berlin", Help: "Of employees whose site is not in the list."},
			{Key: "types", Label: "Types of event", Kind: form.Mapping, Default: defaultTypes(), Group: events, Help: "Bob's word, and Joinery's: " + strings.Join(joiner.EventTypes(), ", ") + ". An update of the start date arrives as worker.start_moved; of the state or the end date, as worker.terminated."},
			{Key: "own_actor", Label: "Joinery's own id in events", Kind: form.Text, Group: events, Help: "What events name as triggeredBy after Joinery wrote something (look at a delivery in Bob's log of webhooks). It makes our own echo known for sure."},
		},
		Credentials: []connector.CredentialSpec{
			{Name: credToken, Label: "Service user token", Required: true, Help: "Of a service user whose permission group sees the mapped fields, and edits only those you write back."},
			{Name: connector.WebhookSecret, Label: "Webhook secret", Help: "Bob shows it at the webhook, in Settings, Integrations, Webhooks."},
		},
		Capabilities: []connector.Capability{connector.CapWorkers, connector.CapWebhook, connector.CapWriteBack},
	}
}

type settings struct {
	base         *url.URL
	user         string
	timeout, lag time.Duration
	fields       map[string]string
	words        hris.Words
	types        map[string]string
}

var fieldPath = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

func read(in map[string]any) (settings, []fault.Problem) {
	v := connector.Values(in)
	s := settings{user: v.Text("user"), timeout: v.Duration("timeout", 20*time.Second), lag: v.Duration("lag", 20*time.Second), fields: v.Map("fields"), types: v.Map("types"),
		words: hris.Words{States: v.Map("statuses"), Kinds: v.Map("worker_types"), Zone: v.Text("zone"), Zones: v.Map("zones")}}
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	u, err := url.Parse(strings.TrimRight(v.Text("base_url"), "/"))
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "":
		add("base_url", "Write an address like https://api.hibob.com/v1.")
	case u.User != nil:
		add("base_url", "Keep the service user out of the address; there are fields for it.")
	default:
		s.base = u
	}
	if strings.ContainsAny(s.user, ": \t") {
		add("user", "A service user's id holds no colon and no space.")
	}
	if s.timeout <= 0 || s.timeout > 30*time.Second {
		add("timeout", "The time limit must be above 0 and at most 30s.")
	}
	if s.lag < 0 || s.lag > longestLag {
		add("lag", "Write a duration of at most 5m.")
	}
	out = append(out, hris.CheckFields(s.fields, fieldPath, "work.title")...)
	out = append(out, s.words.Check()...)
	out = append(out, hris.CheckTypes(s.types)...)
	slices.SortStableFunc(out, func(a, b fault.Problem) int { return strings.Compare(a.Path, b.Path) })
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
	if err := fault.Refuse("The settings of this connection are not right.", problems); err != nil {
		return nil, err
	}
	s.words.Now = cfg.Now
	return &conn{cfg: cfg, set: s, api: &hris.API{
		Vendor: "Bob", Base: s.base, HTTP: cfg.HTTP, Pace: cfg.Pace, Now: cfg.Now, Timeout: s.timeout, MaxAnswer: maxList, Says: says,
		Forbidden: "The service user's permission group needs the right to these employees and fields.",
		Wait:      15 * time.Second, // Bob counts by the minute
		SignIn: func(ctx context.Context, req *http.Request) ([]secret.Value, error) {
			token, err := cfg.Secret(ctx, credToken)
			if err != nil {
				return nil, err
			}
			req.SetBasicAuth(s.user, token.Reveal())
			return []secret.Value{token, secret.New(s.user + ":" + token.Reveal())}, nil
		},
	}}, nil
}

// says finds Bob's words: a key and a sentence.
func says(_ http.Header, body []byte) string {
	var b struct {
		Key   string `json:"key"`
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &b) != nil {
		return ""
	}
	if b.Error == "" {
		return b.Key
	}
	return b.Error
}

type conn struct {
	cfg connector.Config
	set settings
	api *hris.API

	mu      sync.Mutex
	known   map[string]field // by id; nil: not read yet
	knownAt time.Time
	ids     []string // of the walk under way
	idsAt   time.Time
}

var (
	_ connector.Conn             = (*conn)(nil)
	_ connector.Workers          = (*conn)(nil)
	_ connector.CarefulWriteBack = (*conn)(nil)
	_ connector.Lagging          = (*conn)(nil)
	_ connector.Whole            = (*conn)(nil)
)

// ReadLag is how long Bob may still show the old value after an update: some
// seconds, 20 at most by its documentation.
func (c *conn) ReadLag() time.Duration { return c.set.lag }

// GivesEverybody is so: Bob tells nobody when an employee changed.
func (c *conn) GivesEverybody() bool { return true }

// Close closes idle connections.
func (c *conn) Close() error {
	c.cfg.HTTP.CloseIdleConnections()
	return nil
}
