// Package bamboohr speaks to BambooHR: reads employees field by field, lists who
// changed, writes fields back and looks whether they were taken, and verifies
// BambooHR's signed webhooks. A worker's id is the employee id.
package bamboohr

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
	_ connector.Type   = Type{}
	_ connector.Source = Type{}
)

const credKey = "api_key"

// defaultFields is where a BambooHR account keeps Joinery's attributes unless it
// was changed.
func defaultFields() map[string]any {
	return map[string]any{
		joiner.FirstName: "firstName", joiner.LastName: "lastName", joiner.MiddleName: "middleName", joiner.PreferredName: "preferredName", joiner.DisplayName: "displayName",
		joiner.WorkEmail: "workEmail", joiner.PersonalEmail: "homeEmail", joiner.Department: "department", joiner.Title: "jobTitle", joiner.Location: "location", joiner.Country: "country",
		joiner.ManagerID: "supervisorEId", joiner.StartDate: "hireDate", joiner.EndDate: "terminationDate", joiner.WorkerType: "employmentHistoryStatus", joiner.Status: "status",
		joiner.EmployeeNo: "employeeNumber", joiner.Phone: "workPhone",
	}
}

// Info describes it.
func (Type) Info() connector.Info {
	const service, values, events = "Service", "Employees", "Webhooks"
	return connector.Info{
		Kind: "bamboohr", Title: "BambooHR", Icon: "users",
		Help: "Reads employees from BambooHR, receives its signed webhooks and writes fields back.",
		Settings: []form.Field{
			{Key: "company", Label: "Company domain", Kind: form.Text, Required: true, Group: service, Placeholder: "mycompany", Help: "The first part of the address you sign in at: mycompany for mycompany.bamboohr.com."},
			{Key: "base_url", Label: "Base address", Kind: form.Text, Group: service, Placeholder: "https://mycompany.bamboohr.com", Help: "Only when BambooHR is reached through a proxy. Empty: made of the company domain."},
			{Key: "timeout", Label: "Time limit of one call", Kind: form.Duration, Default: "15s", Group: service},
			{Key: "fields", Label: "Fields", Kind: form.Mapping, Default: defaultFields(), Group: values, Help: "Joinery's name of an attribute, and BambooHR's field: its alias or its number. Only these are read."},
			{Key: "changed_at", Label: "Field of the last change", Kind: form.Text, Default: "lastChanged", Group: values},
			{Key: "statuses", Label: "States", Kind: form.Mapping, Default: map[string]any{"Active": hris.Active, "Inactive": hris.Terminated}, Group: values, Help: "BambooHR's word, and Joinery's: planned, active, rescinded, terminated. Active before the first day is planned; terminated before it, rescinded."},
			{Key: "worker_types", Label: "Kinds of worker", Kind: form.Mapping, Default: map[string]any{"Full-Time": "employee", "Part-Time": "employee", "Contractor": "contractor", "Intern": "intern"}, Group: values, Help: "BambooHR's employment status, and Joinery's worker_type. Others stay as they are."},
			{Key: "zones", Label: "Time zones of locations", Kind: form.Mapping, Group: values, Help: "BambooHR's location, and its time zone, such as Europe/Berlin: BambooHR knows none."},
			{Key: "zone", Label: "Time zone", Kind: form.Text, Group: values, Placeholder: "Europe/Berlin", Help: "Of employees whose location is not in the list."},
			{Key: "types", Label: "Types of event", Kind: form.Mapping, Default: map[string]any{"employee.created": "worker.hired", "employee.updated": "worker.updated", "employee.deleted": "worker.rescinded"}, Group: events, Help: "BambooHR's word, and Joinery's: " + strings.Join(joiner.EventTypes(), ", ") + ". An update of the start date arrives as worker.start_moved; of the state or the end date, as worker.terminated."},
		},
		Credentials: []connector.CredentialSpec{
			{Name: credKey, Label: "API key", Required: true, Help: "Of a user of its own who may see the mapped fields, and change only those you write back."},
			{Name: connector.WebhookSecret, Label: "Webhook private key", Help: "BambooHR shows it once, when the webhook is made."},
		},
		Capabilities: []connector.Capability{connector.CapWorkers, connector.CapWebhook, connector.CapWriteBack},
	}
}

type settings struct {
	base      *url.URL
	timeout   time.Duration
	fields    map[string]string
	changedAt string
	words     hris.Words
	types     map[string]string
}

var (
	companyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}$`)
	fieldName   = regexp.MustCompile(`^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$`)
)

func read(in map[string]any) (settings, []fault.Problem) {
	v := connector.Values(in)
	s := settings{timeout: v.Duration("timeout", 15*time.Second), fields: v.Map("fields"), changedAt: v.Text("changed_at"), types: v.Map("types"),
		words: hris.Words{States: v.Map("statuses"), Kinds: v.Map("worker_types"), Zone: v.Text("zone"), Zones: v.Map("zones")}}
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	company := strings.TrimSuffix(strings.ToLower(v.Text("company")), ".bamboohr.com")
	if !companyName.MatchString(company) {
		add("company", "Write only the first part of the address you sign in at: mycompany for mycompany.bamboohr.com.")
	}
	address := v.Text("base_url")
	if address == "" {
		address = "https://" + company + ".bamboohr.com"
	}
	u, err := url.Parse(strings.TrimRight(address, "/"))
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "":
		if v.Text("base_url") != "" {
			add("base_url", "Write an address like https://mycompany.bamboohr.com, or leave it empty.")
		}
	case u.User != nil:
		add("base_url", "Keep the API key out of the address; it is a credential of the connection.")
	default:
		s.base = u
	}
	if s.timeout <= 0 || s.timeout > 30*time.Second {
		add("timeout", "The time limit must be above 0 and at most 30s.")
	}
	if s.changedAt != "" && !fieldName.MatchString(s.changedAt) {
		add("changed_at", "Write a field's name, such as lastChanged.")
	}
	out = append(out, hris.CheckFields(s.fields, fieldName, "workEmail or 4047")...)
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
		Vendor: "BambooHR", Base: s.base, HTTP: cfg.HTTP, Pace: cfg.Pace, Now: cfg.Now, Timeout: s.timeout, Says: says,
		Forbidden: "The user of the API key needs the right to see, or to change, what was asked for.",
		SignIn: func(ctx context.Context, req *http.Request) ([]secret.Value, error) {
			key, err := cfg.Secret(ctx, credKey)
			if err != nil {
				return nil, err
			}
			// BambooHR takes the key as the user name and looks at no password.
			req.SetBasicAuth(key.Reveal(), "x")
			return []secret.Value{key, secret.New(key.Reveal() + ":x")}, nil
		},
	}}, nil
}

// says finds BambooHR's words: in a header, or in the error's body.
func says(header http.Header, body []byte) string {
	if s := header.Get("X-BambooHR-Error-Message"); s != "" {
		return s
	}
	var b struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &b) == nil {
		return b.Error.Message
	}
	return ""
}

type conn struct {
	cfg connector.Config
	set settings
	api *hris.API

	mu       sync.Mutex
	known    map[string]bool // fields of the account, lower-case; nil: not read yet
	knownAt  time.Time
	listed   []change // who changed, of the walk under way
	listedAt time.Time
	since    time.Time
}

var (
	_ connector.Conn             = (*conn)(nil)
	_ connector.Workers          = (*conn)(nil)
	_ connector.CarefulWriteBack = (*conn)(nil)
)

// Close closes idle connections.
func (c *conn) Close() error {
	c.cfg.HTTP.CloseIdleConnections()
	return nil
}
