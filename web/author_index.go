package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
	views "joinery/views/author"
	"joinery/views/ui"
)

const conversationsMost = 50

// authorIndex is GET /author: the conversations, and the form that begins one.
func (s *Server) authorIndex(c *fiber.Ctx, who auth.Actor) error {
	return s.authorIndexPage(c, who, c.Query("function"), turnKind(c.Query("kind")), c.Query("text"), nil)
}

func (s *Server) authorIndexPage(c *fiber.Ctx, who auth.Actor, key string, kind author.Kind, text string, refused error) error {
	ctx := c.UserContext()
	set, err := s.DB.AuthorSetting(ctx)
	if err != nil {
		return err
	}
	p := views.IndexPage{Head: ui.Head{Title: "Ask for a function", Text: "Say what you need. What is understood comes back for you to correct; tests, code and checks follow. What you get is a draft of yours, and it goes live only after another person approved it."},
		Table: ui.Table{Label: "Conversations", Columns: ui.Columns("What was asked for", "Function", "By", "Last")},
		Empty: ui.Empty{Icon: "message-square", Title: "No conversation yet", Text: "What people ask for, and what came of it, is kept here."}}
	status := 0
	if refused != nil {
		p.Notices, status = []ui.Notice{refusal(refused)}, http.StatusUnprocessableEntity
	}
	asks := set.Policy != author.Off && set.Ready() && who.Can(auth.ArtifactWrite)
	if !asks {
		if err := s.authorUnavailable(&p, set, who); err != nil {
			return err
		}
	} else {
		if p.Ask, err = s.firstAsk(c, key, kind, text); err != nil {
			return err
		}
		if set.Policy == author.DraftOnly {
			p.Notices = append(p.Notices, ui.Notice{Tone: "info", Text: "Here the model is for drafts only: what it wrote can be submitted once a person has changed it."})
		}
		if p.Usage, err = s.authorUsage(ctx, who.UserID, set.Limits); err != nil {
			return err
		}
	}
	if err := s.conversationRows(c, &p); err != nil {
		return err
	}
	return s.show(c, who, frame{Title: "Ask for a function", Nav: "/author", Status: status}, views.Index(p))
}

// authorUnavailable says why no model can be asked, what to do, and what works all
// the same.
func (s *Server) authorUnavailable(p *views.IndexPage, set author.Setting, who auth.Actor) error {
	n := ui.Notice{Tone: "warn", Text: "No language model is set up here, so nothing can be asked. Functions can be written by hand, and the same checks and the same review hold for them."}
	switch {
	case !who.Can(auth.ArtifactWrite):
		n = ui.Notice{Tone: "info", Text: "You may read conversations. Asking for a function needs the role builder or admin."}
	case set.Ready() && set.Policy == author.Off:
		n.Text = "Asking a language model is switched off here. Functions can be written by hand, and the same checks and the same review hold for them."
	}
	if who.Can(auth.SettingsManage) {
		n.Link = &ui.Link{Text: "Set up a model", URL: "/system/author"}
	} else if who.Can(auth.ArtifactWrite) {
		n.Text += " An administrator can change that under Settings, Language model."
	}
	p.Notices = append(p.Notices, n)
	if !who.Can(auth.ArtifactWrite) {
		return nil
	}
	all, err := s.functionExamples()
	for _, e := range all {
		p.Examples = append(p.Examples, views.Example{Name: e.Name, Text: e.Description, URL: "/functions/new?from=" + url.QueryEscape(e.Key)})
	}
	p.Head.Actions = []ui.Button{{Text: "Write one by hand", Icon: "pencil", URL: "/functions/new"}}
	return err
}

// firstAsk is the form that begins a conversation: about a function that there is, or
// for a new one.
func (s *Server) firstAsk(c *fiber.Ctx, key string, kind author.Kind, text string) (*views.Ask, error) {
	a := &views.Ask{Title: "What should the function do?", Action: "/author", Fields: []ui.Field{
		{Name: "text", Label: "In your own words", Input: "lines", Rows: 5, Value: text, Required: true, MaxLength: 10_000, Placeholder: "Contractors from Acme get a login that starts with c- and the first free number",
			Help: "Leave out names and addresses of real people and every password: a text that holds what Joinery knows of people is not sent."}},
		Buttons: []views.AskButton{{Text: "Ask", Icon: "send", Kind: string(author.Request), Primary: true}}}
	if key == "" {
		return a, nil
	}
	f, err := s.DB.Artifact(c.UserContext(), review.Function, key)
	if err != nil {
		return nil, err
	}
	a.Title, a.Fields = "About the function "+f.Name, append(a.Fields, ui.Field{Name: "function", Input: "hidden", Value: key})
	a.Buttons = askButtons(kind)
	if text == "" {
		a.Fields[0].Value = firstWords[kind]
	}
	asksMore(&a.Fields[0])
	return a, nil
}

// asksMore makes a field one about a function that there is: only a change needs words.
func asksMore(f *ui.Field) {
	f.Placeholder, f.Required = "also handle people without a last name", false
	f.Help = "What shall change, or what you want to know. The other buttons work without a word, too. Leave out real people and passwords."
}

// askedWords is what somebody asked, or what they would have said with this button.
func askedWords(kind author.Kind, text string) string {
	if text = unixLines(text); strings.TrimSpace(text) == "" {
		return firstWords[kind]
	}
	return text
}

// firstWords are what one would write anyway.
var firstWords = map[author.Kind]string{
	author.Explain:   "Explain what this function does, step by step.",
	author.Why:       "Why does the test fail?",
	author.MoreTests: "Write more tests, for what no test shows yet.",
}

// askButtons are what can be asked about a function; the first is what was chosen.
func askButtons(kind author.Kind) []views.AskButton {
	out := []views.AskButton{
		{Text: "Ask for a change", Icon: "send", Kind: string(author.FollowUp)},
		{Text: "Explain", Icon: "circle-help", Kind: string(author.Explain)},
		{Text: "Why does a test fail?", Icon: "flask-conical", Kind: string(author.Why)},
		{Text: "Write more tests", Icon: "list-plus", Kind: string(author.MoreTests)},
	}
	for i := range out {
		out[i].Primary = out[i].Kind == string(kind) || kind == author.Request && i == 0
	}
	return out
}

// authorUsage is what somebody used of the model today, of what they may.
func (s *Server) authorUsage(ctx context.Context, user string, l author.Limits) ([]ui.Tile, error) {
	own, err := s.DB.AuthorUsage(ctx, user)
	if err != nil {
		return nil, err
	}
	all, err := s.DB.AuthorUsage(ctx, "")
	return []ui.Tile{
		{Label: "Your calls today", Value: itoa(own.Calls), Note: "of " + thousands(int64(l.CallsPerDay))},
		{Label: "Your tokens today", Value: thousands(own.TokensIn + own.TokensOut), Note: "of " + thousands(l.TokensPerDay)},
		{Label: "Tokens of everybody", Value: thousands(all.TokensIn + all.TokensOut), Note: "of " + thousands(l.AllPerDay)},
	}, err
}

// thousands writes a number with its digits in groups.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// conversationRows lists conversations: all, or those about one function.
func (s *Server) conversationRows(c *fiber.Ctx, p *views.IndexPage) error {
	key, before := c.Query("function"), c.Query("before")
	all, err := s.DB.AuthorConversations(c.UserContext(), "", key, before, conversationsMost+1)
	if err != nil {
		return err
	}
	if before != "" {
		p.Pager.PrevURL = "/author?" + url.Values{"function": {key}}.Encode()
	}
	if len(all) > conversationsMost {
		all = all[:conversationsMost]
		p.Pager.NextURL = "/author?" + url.Values{"function": {key}, "before": {string(all[len(all)-1].ID)}}.Encode()
	}
	for _, v := range all {
		row := []ui.Cell{{Text: visible(v.Title), URL: "/author/" + string(v.ID)}, {Text: "not yet"}, {Text: v.OwnerName}, {Text: s.ago(v.UpdatedAt)}}
		if v.Function != "" {
			row[1] = ui.Cell{Text: v.Function, URL: "/functions/" + v.Function}
		}
		p.Table.Rows = append(p.Table.Rows, row)
	}
	return nil
}

// authorAsk is POST /author: it begins a conversation.
func (s *Server) authorAsk(c *fiber.Ctx, who auth.Actor) error {
	ask := postgres.Ask{Function: c.FormValue("function"), Kind: turnKind(c.FormValue("kind"))}
	ask.Text = askedWords(ask.Kind, c.FormValue("text"))
	id, turn, err := s.DB.AskAuthor(c.UserContext(), who, ask)
	if fault.Is(err, fault.Invalid) {
		return s.authorIndexPage(c, who, ask.Function, ask.Kind, ask.Text, err)
	}
	if err != nil {
		return err
	}
	return s.goesOn(c, id, turn)
}

// authorFollow is POST /author/:id: the next question of a conversation.
func (s *Server) authorFollow(c *fiber.Ctx, who auth.Actor) error {
	id := author.ConversationID(c.Params("id"))
	kind := turnKind(c.FormValue("kind"))
	_, turn, err := s.DB.AskAuthor(c.UserContext(), who, postgres.Ask{Conversation: id, Kind: kind, Text: askedWords(kind, c.FormValue("text"))})
	if badContent(err) {
		return s.conversationPage(c, who, id, said{ask: c.FormValue("text"), refused: err})
	}
	if err != nil {
		return err
	}
	return s.goesOn(c, id, turn)
}

func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }
