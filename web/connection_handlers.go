package web

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/canon"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/postgres"
	"joinery/views/connections"
)

// testLimit bounds one Test connection as a whole.
const testLimit = 45 * time.Second

var connectionKey = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// ConnectionPages are the pages of connections. The functions are verbs and
// queries of the store and parts of the page frame, given where all meets.
type ConnectionPages struct {
	Catalog connector.Catalog
	BaseURL string

	List func(ctx context.Context) ([]ConnectionState, error)
	// Load gives the newest revision, fault.NotFound when there is no such connection.
	Load func(ctx context.Context, key string) (ConnectionState, error)
	// Save makes a revision on top of base (0 for a new connection);
	// fault.Conflict when base is not the newest.
	SaveRevision func(c *fiber.Ctx, s connector.Settings, message string, base int) error
	// Try tests settings with the connection's credentials; TryDraft without them
	// and with no private hosts but the approved ones.
	Try      func(ctx context.Context, s connector.Settings) []connector.Finding
	TryDraft func(ctx context.Context, s connector.Settings, approvedPrivate []string) []connector.Finding
	Pause    func(c *fiber.Ctx, key string, paused bool) error

	Render func(c *fiber.Ctx, title string, body templ.Component) error
	CSRF   func(c *fiber.Ctx) string
	// May report what the reader may do, for links and buttons; the route table
	// enforces it.
	// When writes a moment as pages show it.
	When func(t time.Time) string

	MayEdit, MayTest, MayPause, MayCredential func(c *fiber.Ctx) bool
}

// ConnectionState is a connection as the store knows it.
type ConnectionState struct {
	Settings connector.Settings
	Revision int
	Live     int // the released revision; 0 = none
	// Approved is the content of the released revision; nil when there is none.
	Approved *connector.Settings
	Paused   bool
	// Poll is how asking it for changes goes; nil when nobody asks.
	Poll *postgres.PollStatus
	// Unwatched are flows that nobody would tell of a record that vanishes.
	Unwatched []string
	// Health is how calling it goes, from this process.
	Health connector.Health
	// Credentials holds the names of the secrets that are set.
	Credentials map[string]bool
}

func (s ConnectionState) badges() []connections.Badge {
	var out []connections.Badge
	switch {
	case s.Live == 0:
		out = append(out, connections.Badge{Tone: "neutral", Text: "Draft"})
	case s.Live < s.Revision:
		out = append(out, connections.Badge{Tone: "good", Text: "Live"}, connections.Badge{Tone: "warn", Text: "Changes not reviewed"})
	default:
		out = append(out, connections.Badge{Tone: "good", Text: "Live"})
	}
	if s.Paused {
		out = append(out, connections.Badge{Tone: "warn", Text: "Paused"})
	}
	if s.Health.Resting {
		out = append(out, connections.Badge{Tone: "bad", Text: "Given rest"})
	}
	return out
}

func (p ConnectionPages) title(kind string) string {
	if t, ok := p.Catalog.Type(kind); ok {
		return t.Info().Title
	}
	return kind
}

// Index is GET /connections.
func (p ConnectionPages) Index(c *fiber.Ctx) error {
	all, err := p.List(c.UserContext())
	if err != nil {
		return err
	}
	var page connections.ListPage
	for _, s := range all {
		page.Rows = append(page.Rows, connections.Row{Name: s.Settings.Name, Key: s.Settings.Key, Type: p.title(s.Settings.Type), URL: "/connections/" + s.Settings.Key, Badges: s.badges()})
	}
	if p.MayEdit(c) {
		page.NewURL = "/connections/new"
	}
	return p.Render(c, "Connections", connections.List(page))
}

// New is GET /connections/new: the choice of a type, or with ?type= the form.
func (p ConnectionPages) New(c *fiber.Ctx) error {
	if kind := c.Query("type"); kind != "" {
		return p.form(c, ConnectionState{Settings: connector.Settings{Type: kind}}, formNotes{})
	}
	var page connections.NewPage
	for _, t := range p.Catalog.Types() {
		info := t.Info()
		page.Choices = append(page.Choices, connections.Choice{Title: info.Title, Help: info.Help, URL: "/connections/new?type=" + url.QueryEscape(info.Kind)})
	}
	return p.Render(c, "New connection", connections.New(page))
}

// Show is GET /connections/:key.
func (p ConnectionPages) Show(c *fiber.Ctx) error {
	s, err := p.Load(c.UserContext(), c.Params("key"))
	if err != nil {
		return err
	}
	return p.show(c, s, nil)
}

func (p ConnectionPages) show(c *fiber.Ctx, s ConnectionState, findings []connector.Finding) error {
	t, ok := p.Catalog.Type(s.Settings.Type)
	if !ok {
		return fault.New(fault.Invalid, "This connection is of type %q, which this version of Joinery does not have.", s.Settings.Type)
	}
	info, at := t.Info(), "/connections/"+s.Settings.Key
	page := connections.ShowPage{Name: s.Settings.Name, Key: s.Settings.Key, TypeTitle: info.Title, Description: s.Settings.Description, Badges: s.badges(), Resting: restSentence(s.Health), CSRF: p.CSRF(c),
		ReviewURL: at + "/revisions", Settings: connectionPairs(info, s.Settings), WebhookURL: connectionWebhook(info, p.BaseURL, s.Settings.Key), Findings: connectionFindings(findings),
		Credentials: connectionCredentials(info, s.Settings, s.Credentials, func(name string) string {
			if !p.MayCredential(c) {
				return ""
			}
			return at + "/credentials/" + url.PathEscape(name)
		})}
	if p.MayEdit(c) {
		page.EditURL = at + "/edit"
	}
	if p.MayTest(c) {
		page.TestURL = at + "/test"
	}
	page.Poll = p.poll(s, info)
	if p.MayPause(c) {
		if s.Poll != nil && s.Live > 0 && !s.Paused {
			page.Poll.NowURL = at + "/poll"
		}
		page.PauseURL, page.PauseText, page.PauseHelp = at+"/pause", "Pause this connection", "While it is paused, runs that need this connection wait. Nothing is lost."
		page.PauseAsks = true
		if s.Paused {
			page.PauseURL, page.PauseText, page.PauseHelp = at+"/resume", "Resume this connection", "It is paused: runs that need it are waiting and go on when it is resumed."
			page.PauseAsks = false
		}
	}
	return p.Render(c, s.Settings.Name, connections.Show(page))
}

// Edit is GET /connections/:key/edit.
func (p ConnectionPages) Edit(c *fiber.Ctx) error {
	s, err := p.Load(c.UserContext(), c.Params("key"))
	if err != nil {
		return err
	}
	return p.form(c, s, formNotes{})
}

// formNotes is what a form shows besides its values.
type formNotes struct {
	status   int
	sentence string
	problems []fault.Problem
	message  string
	findings []connector.Finding
}

// form shows the settings form; a state of revision 0 is a new connection.
func (p ConnectionPages) form(c *fiber.Ctx, s ConnectionState, n formNotes) error {
	t, ok := p.Catalog.Type(s.Settings.Type)
	if !ok {
		return fault.New(fault.NotFound, "There is no connector of type %q.", s.Settings.Type)
	}
	info := t.Info()
	page := connections.FormPage{Title: "New connection", Kind: info.Kind, TypeTitle: info.Title, TypeHelp: info.Help, CSRF: p.CSRF(c), BaseRevision: strconv.Itoa(s.Revision),
		SaveURL: "/connections", TestURL: "/connections/test", CancelURL: "/connections", Sentence: n.sentence,
		Groups: connectionGroups(info, s.Settings, n.problems, s.Revision == 0), Findings: connectionFindings(n.findings),
		Message: connectionField(form.Field{Label: "What changes and why", Kind: form.Text, Help: "The reviewer reads this."}, "message", n.message, "")}
	if s.Revision > 0 {
		at := "/connections/" + s.Settings.Key
		page.Title, page.SaveURL, page.TestURL, page.CancelURL = "Change "+s.Settings.Name, at, at+"/test", at
	}
	if n.status != 0 {
		c.Status(n.status)
	}
	return p.Render(c, page.Title, connections.Form(page))
}

// posted reads the form: the values, the message and the revision it started from.
func (p ConnectionPages) posted(c *fiber.Ctx) (ConnectionState, string, error) {
	values, err := url.ParseQuery(string(c.Body()))
	if err != nil {
		return ConnectionState{}, "", fault.Wrap(fault.Invalid, err, "The form could not be read.")
	}
	t, ok := p.Catalog.Type(values.Get("type"))
	if !ok {
		return ConnectionState{}, "", fault.New(fault.Invalid, "There is no connector of type %q.", values.Get("type"))
	}
	base, err := strconv.Atoi(values.Get("base_revision"))
	if err != nil || base < 0 {
		return ConnectionState{}, "", fault.New(fault.Invalid, "The form does not say which revision it started from. Open it again.")
	}
	return ConnectionState{Settings: connectionPosted(t.Info(), c.Params("key"), values), Revision: base}, values.Get("message"), nil
}

// Save is POST /connections and POST /connections/:key.
func (p ConnectionPages) Save(c *fiber.Ctx) error {
	s, message, err := p.posted(c)
	if err != nil {
		return err
	}
	problems := connector.CheckSettings(p.Catalog, s.Settings)
	if s.Settings.Name == "" {
		problems = append(problems, fault.Problem{Path: "name", Detail: "Name is needed."})
	}
	if !connectionKey.MatchString(s.Settings.Key) {
		problems = append(problems, fault.Problem{Path: "key", Detail: "Use lower-case letters, digits and hyphens, starting with a letter."})
	}
	if len(problems) > 0 {
		return p.form(c, s, formNotes{status: http.StatusUnprocessableEntity, sentence: "Some settings are not right. Nothing was saved.", problems: problems, message: message})
	}
	err = p.SaveRevision(c, s.Settings, message, s.Revision)
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid) {
		status := http.StatusConflict
		if fault.Is(err, fault.Invalid) {
			status = http.StatusUnprocessableEntity
		}
		return p.form(c, s, formNotes{status: status, sentence: fault.Sentence(err), problems: fault.Problems(err), message: message})
	}
	if err != nil {
		return err
	}
	return c.Redirect("/connections/"+s.Settings.Key, http.StatusSeeOther)
}

// TestDraft is POST /connections/test and, with a form, POST
// /connections/:key/test: it tries what was typed and saves nothing. Without a
// form it tries the newest revision.
func (p ConnectionPages) TestDraft(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), testLimit)
	defer cancel()
	if c.FormValue("type") == "" {
		s, err := p.Load(ctx, c.Params("key"))
		if err != nil {
			return err
		}
		return p.show(c, s, p.try(ctx, c, s.Settings, s.Approved))
	}
	s, message, err := p.posted(c)
	if err != nil {
		return err
	}
	n := formNotes{message: message, problems: connector.CheckSettings(p.Catalog, s.Settings)}
	if len(n.problems) > 0 {
		n.status, n.sentence = http.StatusUnprocessableEntity, "Some settings are not right, so nothing was tried."
	} else {
		// By the key and not by what the form says it started from, or a new
		// connection could be given an old one's key and its credentials.
		known, err := p.Load(ctx, s.Settings.Key)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		n.findings = p.try(ctx, c, s.Settings, known.Approved)
	}
	return p.form(c, s, n)
}

// try tests settings as far as they may be trusted: fully when they are the
// approved ones, or when nothing is approved yet and the reader is one who sets
// the credentials; else as a draft.
func (p ConnectionPages) try(ctx context.Context, c *fiber.Ctx, s connector.Settings, approved *connector.Settings) []connector.Finding {
	switch {
	case approved == nil && p.MayCredential(c), approved != nil && sameTarget(s, *approved):
		return p.Try(ctx, s)
	case approved == nil:
		return p.TryDraft(ctx, s, nil)
	}
	return p.TryDraft(ctx, s, approved.Private)
}

// sameTarget compares all that decides where a call goes.
func sameTarget(a, b connector.Settings) bool {
	type target struct {
		Type     string         `json:"type"`
		Settings map[string]any `json:"settings"`
		Private  []string       `json:"private"`
	}
	x, errX := canon.Value(target{a.Type, a.Settings, a.Private})
	y, errY := canon.Value(target{b.Type, b.Settings, b.Private})
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// SetPaused is POST /connections/:key/pause and /resume.
func (p ConnectionPages) SetPaused(paused bool) fiber.Handler {
	return func(c *fiber.Ctx) error {
		key := c.Params("key")
		if err := p.Pause(c, key, paused); err != nil {
			return err
		}
		return c.Redirect("/connections/"+url.PathEscape(key), http.StatusSeeOther)
	}
}
