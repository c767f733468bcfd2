package web

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/exception"
	"joinery/internal/joiner"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/views/settings"
	"joinery/views/ui"
)

// exceptionStates are the words that the list is narrowed by; any is all.
func exceptionStates() []string {
	out := []string{}
	for _, s := range exception.States() {
		out = append(out, string(s))
	}
	return append(out, "any")
}

var exceptionWords = map[string]string{"open": "Open", "asked": "Push asked for", "pushing": "Being pushed", "excepted": "May stay so", "resolved": "Resolved", "any": "Any state"}

func exceptionBadge(s exception.State) ui.Badge {
	return ui.Badge{Tone: map[exception.State]string{exception.Open: "bad", exception.Asked: "warn", exception.Pushing: "info", exception.Excepted: "neutral", exception.Resolved: "good"}[s], Text: exceptionWords[string(s)]}
}

// exceptionKinds say a kind of exception to people; a kind that is not here is shown as written.
var exceptionKinds = map[string]string{exception.WriteBack: "Write-back", exception.Drift: "Drift", exception.Correlation: "Who is it?", exception.Manager: "Manager", exception.Mailbox: "Mailbox"}

func exceptionKind(kind string) string {
	if w := exceptionKinds[kind]; w != "" {
		return w
	}
	return strings.ReplaceAll(kind, "_", " ")
}

// exceptionIndex is GET /exceptions.
func (s *Server) exceptionIndex(c *fiber.Ctx, who auth.Actor) error {
	state, notices := pickWord(c.Query("state"), "state", exceptionStates())
	f := postgres.ExceptionFilter{State: state, Kind: strings.TrimSpace(c.Query("kind")), Connection: strings.TrimSpace(c.Query("connection")), Joiner: c.Query("joiner"), Query: strings.TrimSpace(c.Query("q")), Before: c.Query("before"), Limit: 50}
	if c.Query("mine") != "" {
		f.Owner = who.UserID
	}
	rows, next, err := s.DB.Exceptions(c.UserContext(), f)
	if err != nil {
		return err
	}
	q := url.Values{}
	for k, v := range map[string]string{"state": f.State, "kind": f.Kind, "connection": f.Connection, "joiner": f.Joiner, "q": f.Query, "mine": c.Query("mine")} {
		if v != "" {
			q.Set(k, v)
		}
	}
	p := settings.ListPage{
		Notices: notices,
		Head:    ui.Head{Title: "Exceptions", Text: "What a person has to reconcile: fields that HR and Joinery see differently, and joiners that a rule cannot decide about."},
		Filters: &ui.Filters{Action: "/exceptions", Fields: exceptionFilters(f, c.Query("mine") != "")},
		Table:   ui.Table{Label: "Exceptions", Columns: ui.Columns("Exception", "Joiner", "HR says", "Ours", "State", "Owner", "Since")},
		Empty:   ui.Empty{Icon: "circle-check", Title: "No exceptions", Text: "Nothing matches. An exception is opened when a write-back meets HR's own value, is refused or does not take, and when what Joinery wrote is changed later."},
	}
	if len(q) > 0 {
		p.Filters.ClearURL = "/exceptions"
	}
	for _, x := range rows {
		p.Table.Rows = append(p.Table.Rows, s.exceptionCells(x, who))
	}
	if f.Before != "" {
		p.Pager.PrevURL = "/exceptions?" + q.Encode()
	}
	if next != "" {
		q.Set("before", next)
		p.Pager.NextURL = "/exceptions?" + q.Encode()
	}
	if len(rows) > 0 {
		p.Pager.Text = plural(len(rows), "exception", "exceptions")
	}
	return s.show(c, who, frame{Title: "Exceptions"}, settings.List(p))
}

func exceptionFilters(f postgres.ExceptionFilter, mine bool) []ui.Field {
	state := ui.Field{Name: "state", Label: "State", Input: "select", Options: []ui.Option{{Label: "Not resolved"}}}
	for _, v := range exceptionStates() {
		state.Options = append(state.Options, ui.Option{Value: v, Label: exceptionWords[v], Selected: v == f.State})
	}
	kind := ui.Field{Name: "kind", Label: "Kind", Input: "select", Options: []ui.Option{{Label: "Any kind"}}}
	known := false
	for _, v := range exception.Kinds() {
		kind.Options = append(kind.Options, ui.Option{Value: v, Label: exceptionKind(v), Selected: v == f.Kind})
		known = known || v == f.Kind
	}
	if !known && f.Kind != "" {
		kind.Options = append(kind.Options, ui.Option{Value: f.Kind, Label: exceptionKind(f.Kind), Selected: true})
	}
	owner := ui.Field{Name: "mine", Label: "Owner", Input: "select", Options: []ui.Option{{Label: "Anybody"}, {Value: "1", Label: "Me", Selected: mine}}}
	return []ui.Field{{Name: "q", Label: "Joiner, worker id or field", Input: "search", Value: f.Query}, state, kind, owner, {Name: "connection", Label: "Connection", Input: "search", Value: f.Connection}}
}

func (s *Server) exceptionCells(x postgres.ExceptionRow, who auth.Actor) []ui.Cell {
	ours, theirs := exceptionValues(x, who)
	if x.Field == "" {
		ours, theirs = "", ""
	}
	owner := x.OwnerName
	if owner == "" {
		owner = "nobody"
	}
	state := ui.Cell{Badges: []ui.Badge{exceptionBadge(x.State)}}
	if x.Until != nil {
		state.Sub = "until " + x.Until.UTC().Format("2 Jan 2006")
	}
	return []ui.Cell{{Text: x.Title, Sub: strings.Trim(exceptionKind(x.Kind)+" · "+x.Connection, " ·"), URL: "/exceptions/" + x.ID}, {Text: joinerName(x.JoinerLabel, x.Worker)}, {Text: theirs}, {Text: ours}, state, {Text: owner}, {Text: s.ago(x.OpenedAt), NoWrap: true}}
}

// exceptionValues writes the two values, hidden where the field is personal and
// the reader may not see such.
func exceptionValues(x postgres.ExceptionRow, who auth.Actor) (ours, theirs string) {
	ours, theirs = policy.Value("", x.Ours), policy.Value("", x.Theirs)
	if isPersonal(x.Field) && !who.Can(auth.PersonalRead) {
		ours, theirs = hiddenValue(ours), hiddenValue(theirs)
	}
	if theirs == "" {
		theirs = "no value"
	}
	if ours == "" {
		ours = "no value"
	}
	return ours, theirs
}

func isPersonal(field string) bool { return oneOf(field, joiner.Personal()) }

func hiddenValue(v string) string {
	if v == "" {
		return ""
	}
	return hidden
}

// exceptionText takes the two values out of words about a personal field.
func exceptionText(text string, x postgres.ExceptionRow, who auth.Actor) string {
	if !isPersonal(x.Field) || who.Can(auth.PersonalRead) {
		return text
	}
	var values []string
	for _, v := range []any{x.Ours, x.Theirs} {
		if t := policy.Value("", v); t != "" {
			values = append(values, t)
		}
	}
	return joiner.HideValues(text, values)
}
