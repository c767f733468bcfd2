// Package tryton speaks to Tryton, an open-source ERP whose company module keeps
// employees: it reads them, finds by polling who changed, and writes the work
// e-mail back. Tryton has no webhooks. A worker's id is the employee's id.
package tryton

import (
	"context"
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
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

// Type is the connector.
type Type struct{}

var _ connector.Type = Type{}

const credPassword = "password"

// Ways to write a person's name in Tryton's one field for it.
const (
	firstLast = "first_last"
	lastFirst = "last_first"
)

// defaultFields is where stock Tryton keeps Joinery's attributes. Names, e-mail
// addresses, phone, place and state are worked out of what is around them.
func defaultFields() map[string]any {
	return map[string]any{
		joiner.DisplayName: "party.name", joiner.EmployeeNo: "party.code", joiner.ManagerID: "supervisor", joiner.StartDate: "start_date", joiner.EndDate: "end_date",
	}
}

// Info describes it.
func (Type) Info() connector.Info {
	const service, values, more = "Service", "Employees", "Fine print"
	return connector.Info{
		Kind: "tryton", Title: "Tryton", Icon: "users",
		Help: "Reads employees from Tryton's company module by polling and writes the work e-mail back.",
		Settings: []form.Field{
			{Key: "base_url", Label: "Address", Kind: form.Text, Required: true, Group: service, Placeholder: "https://tryton.corp.example", Help: "Where the Tryton client connects to, without the database."},
			{Key: "database", Label: "Database", Kind: form.Text, Required: true, Group: service, Placeholder: "hr"},
			{Key: "user", Label: "Login", Kind: form.Text, Required: true, Group: service, Placeholder: "joinery", Help: "Of a user of its own. It needs to see employees, and to change contact mechanisms to write the work e-mail back."},
			{Key: "ca", Label: "Certificate authority", Kind: form.LongText, Group: service, Placeholder: "-----BEGIN CERTIFICATE-----", Help: "PEM. Empty: the authorities this machine trusts."},
			{Key: "company", Label: "Company", Kind: form.Text, Group: values, Placeholder: "Corp", Help: "Only employees of the company of this name. Empty: of all companies, which Tryton lets every user see."},
			{Key: "name_form", Label: "Names are written", Kind: form.Select, Default: firstLast, Group: values, Help: "Tryton has one field for the whole name. A name with a comma is always read as last name, first name.",
				Options: []form.Option{{Value: firstLast, Label: "First name, then last name"}, {Value: lastFirst, Label: "Last name, then first name"}}},
			{Key: "work_label", Label: "Name of the work e-mail", Kind: form.Text, Default: "Work", Group: values, Help: "The e-mail address with this name in the employee's contact mechanisms is the work e-mail: it is read from there and written there. The first other one is the personal e-mail. Empty: the first e-mail address is the work e-mail."},
			{Key: "fields", Label: "Fields", Kind: form.Mapping, Default: defaultFields(), Group: values, Help: "Joinery's name of an attribute, and the field of the employee that holds it, with dots into what it points to: party.code, department.rec_name. One that you give for first_name, last_name or any other wins over what is worked out."},
			{Key: "zones", Label: "Time zones of places", Kind: form.Mapping, Group: values, Help: "The city of the employee's first address, and its time zone, such as Europe/Berlin. Otherwise the company's time zone counts."},
			{Key: "zone", Label: "Time zone", Kind: form.Text, Group: values, Placeholder: "Europe/Berlin", Help: "Of employees whose place is not in the list and whose company has none."},
			{Key: "overlap", Label: "Look back", Kind: form.Duration, Default: "2m", Group: more, Help: "How far before the last poll changes are asked for again: what is saved in a long transaction carries the time at which that began."},
			{Key: "timeout", Label: "Time limit of one call", Kind: form.Duration, Default: "15s", Group: more},
		},
		Credentials:  []connector.CredentialSpec{{Name: credPassword, Label: "Password", Required: true, Help: "Of the login in the settings."}},
		Capabilities: []connector.Capability{connector.CapWorkers, connector.CapWriteBack},
	}
}

type settings struct {
	base      *url.URL
	database  string
	user      string
	ca        string
	company   string
	nameForm  string
	workLabel string
	fields    map[string]string
	words     hris.Words
	overlap   time.Duration
	timeout   time.Duration
}

var (
	databaseName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)
	fieldPath    = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,4}$`)
)

func read(in map[string]any) (settings, []fault.Problem) {
	v := connector.Values(in)
	s := settings{database: v.Text("database"), user: v.Text("user"), ca: v.Text("ca"), company: v.Text("company"), nameForm: v.Text("name_form"), workLabel: v.Text("work_label"),
		fields: v.Map("fields"), overlap: v.Duration("overlap", 2*time.Minute), timeout: v.Duration("timeout", 15*time.Second),
		// Tryton knows no states; they are made of the dates (see worker).
		words: hris.Words{States: map[string]string{hris.Active: hris.Active, hris.Terminated: hris.Terminated}, Zone: v.Text("zone"), Zones: v.Map("zones")}}
	var out []fault.Problem
	add := func(path, detail string) { out = append(out, fault.Problem{Path: path, Detail: detail}) }
	u, err := url.Parse(strings.TrimRight(v.Text("base_url"), "/"))
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "":
		add("base_url", "Write an address like https://tryton.corp.example.")
	case u.User != nil:
		add("base_url", "Keep the login and the password out of the address; there are fields for them.")
	default:
		s.base = u
	}
	if !databaseName.MatchString(s.database) {
		add("database", "Write the name of the database only: letters, digits, _, - and dots.")
	}
	if strings.ContainsAny(s.user, ":\r\n") {
		add("user", "A login with a colon cannot sign in this way. Give Joinery a user without one.")
	}
	if s.ca != "" {
		if _, err := egress.Pool(s.ca); err != nil {
			add("ca", fault.Sentence(err))
		}
	}
	if s.overlap < 0 || s.overlap > 24*time.Hour {
		add("overlap", "Look back between 0 and 24h.")
	}
	if s.timeout <= 0 || s.timeout > 30*time.Second {
		add("timeout", "The time limit must be above 0 and at most 30s.")
	}
	out = append(out, hris.CheckFields(s.fields, fieldPath, "party.code or department.rec_name")...)
	out = append(out, s.words.Check()...)
	slices.SortStableFunc(out, func(a, b fault.Problem) int { return strings.Compare(a.Path, b.Path) })
	return s, out
}

// Check finds what the field declarations cannot.
func (Type) Check(in map[string]any) []fault.Problem {
	_, problems := read(in)
	return problems
}

// Open prepares the connection; the first call signs in.
func (Type) Open(_ context.Context, cfg connector.Config) (connector.Conn, error) {
	s, problems := read(cfg.Settings)
	if err := fault.Refuse("The settings of this connection are not right.", problems); err != nil {
		return nil, err
	}
	client := cfg.HTTP
	if s.ca != "" {
		var err error
		if client, err = egress.WithCA(client, s.ca); err != nil {
			return nil, err
		}
	}
	s.words.Now = cfg.Now
	c := &conn{cfg: cfg, set: s, http: client}
	api := hris.API{Vendor: "Tryton", Base: s.base, HTTP: client, Pace: cfg.Pace, Now: cfg.Now, Timeout: s.timeout,
		Forbidden: "This Tryton does not offer what was asked for to a program: its version or modules differ from what Joinery knows."}
	c.open, c.signedIn = api, api
	c.open.SignIn, c.signedIn.SignIn = c.withoutSession, c.withSession
	return c, nil
}

// conn is an open connection to one database of a Tryton server.
type conn struct {
	cfg  connector.Config
	set  settings
	http *http.Client

	open     hris.API // for signing in and asking for the version
	signedIn hris.API

	signing sync.Mutex // one sign-in at a time; guards what is below
	current session

	mu       sync.Mutex
	listed   []change // who changed, of the walk under way
	listedAt time.Time
	since    time.Time
	kinds    map[string]fieldKind // model.field → what it takes
	kindsAt  time.Time
}

var (
	_ connector.Conn      = (*conn)(nil)
	_ connector.Workers   = (*conn)(nil)
	_ connector.WriteBack = (*conn)(nil)

	_ connector.CarefulWriteBack = (*conn)(nil)
)

// Close signs out, so that no session is left on the server, and closes idle
// connections.
func (c *conn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	c.signing.Lock()
	key := c.current.key
	c.current = session{}
	c.signing.Unlock()
	if !key.Empty() {
		_, _ = c.open.Call(context.WithValue(ctx, sessionKey{}, key), http.MethodPost, c.path(), nil, call("common.db.logout")) // it ends by itself after some minutes
	}
	c.http.CloseIdleConnections()
	return nil
}

func (c *conn) path() string { return "/" + c.set.database + "/" }

func call(method string, params ...any) map[string]any {
	if params == nil {
		params = []any{}
	}
	return map[string]any{"id": 1, "method": method, "params": params}
}

var errShape = fmt.Errorf("an answer of another shape than Tryton's protocol has")
