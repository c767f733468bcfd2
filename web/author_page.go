package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	views "joinery/views/author"
	"joinery/views/ui"
)

// said is what somebody just sent that was refused: the page shows it again.
type said struct {
	ask     string
	turn    author.TurnID
	intent  *intentDraft
	refused error
	// told is a word about a button that refuses nothing.
	told *ui.Notice
}

// authorShow is GET /author/:id: one conversation.
func (s *Server) authorShow(c *fiber.Ctx, who auth.Actor) error {
	return s.conversationPage(c, who, author.ConversationID(c.Params("id")), said{})
}

func (s *Server) conversationPage(c *fiber.Ctx, who auth.Actor, id author.ConversationID, back said) error {
	talk, err := s.talk(c.UserContext(), who, id)
	if err != nil {
		return err
	}
	p := views.Page{Head: ui.Head{Title: visible(talk.Title)}, Body: s.talkBody(talk, who, back, asKept)}
	status := 0
	if back.refused != nil {
		p.Notices, status = []ui.Notice{refusal(back.refused)}, http.StatusUnprocessableEntity
	}
	if back.told != nil {
		p.Notices = []ui.Notice{*back.told}
	}
	if talk.working() {
		p.AgainURL = "/author/" + string(id)
		p.LiveURL = p.AgainURL + "/live"
	}
	return s.show(c, who, frame{Title: clipText(visible(talk.Title), 60), Nav: "/author", Status: status, Crumbs: []ui.Link{{Text: "Ask for a function", URL: "/author"}}}, views.Show(p))
}

// talk is a conversation with what its page needs.
type talk struct {
	author.Conversation
	turns   []author.Turn
	setting author.Setting
	mine    bool
	// calls are those of this conversation, usage what its reader used today.
	calls int
	usage []ui.Tile
}

func (s *Server) talk(ctx context.Context, who auth.Actor, id author.ConversationID) (talk, error) {
	v, turns, err := s.DB.AuthorConversation(ctx, id)
	if err != nil {
		return talk{}, err
	}
	t := talk{Conversation: v, turns: turns, mine: v.OwnerID == who.UserID && who.Can(auth.ArtifactWrite)}
	if t.setting, err = s.DB.AuthorSetting(ctx); err != nil {
		return t, err
	}
	if t.calls, err = s.DB.AuthorCallCount(ctx, id); err != nil {
		return t, err
	}
	t.usage, err = s.authorUsage(ctx, who.UserID, t.setting.Limits)
	return t, err
}

// about is what the page says beside the turns.
func (s *Server) about(t talk, who auth.Actor) (pairs []ui.Pair, links []ui.Button) {
	pairs = []ui.Pair{{Label: "Asked by", Value: t.OwnerName}, {Label: "Begun", Value: s.moment(t.CreatedAt)}, {Label: "Function", Value: "none yet"}}
	if t.Function != "" {
		pairs[2] = ui.Pair{Label: "Function", Value: t.Function, URL: "/functions/" + t.Function}
	}
	pairs = append(pairs, ui.Pair{Label: "Calls of the model", Value: itoa(t.calls)})
	if t.OwnerID == who.UserID {
		for _, u := range t.usage[:2] {
			pairs = append(pairs, ui.Pair{Label: u.Label, Value: u.Value + " " + u.Note})
		}
	}
	if t.mayReadCalls(who) {
		links = []ui.Button{{Text: "What was sent, word for word", Icon: "file-text", URL: "/author/" + string(t.ID) + "/calls"}}
	}
	return pairs, links
}

// working says that something happens by itself.
func (t talk) working() bool {
	return slices.ContainsFunc(t.turns, func(x author.Turn) bool { return x.State == author.Waiting || x.State == author.Running })
}

// mayReadCalls says who reads the exact texts: whose conversation it is, and those who
// approve.
func (t talk) mayReadCalls(who auth.Actor) bool {
	return t.OwnerID == who.UserID || who.Can(auth.ReviewDecide)
}

// talkBody is what changes of the page. so gives what the model said so far in a stage
// that is under way, of which a part is kept.
func (s *Server) talkBody(t talk, who auth.Actor, back said, so func(stream, kept string) string) views.Body {
	var out views.Body
	out.About, out.Links = s.about(t, who)
	asks := t.mine && t.setting.Policy != author.Off && t.setting.Ready()
	open := false
	for i, x := range t.turns {
		v := views.Turn{ID: string(x.ID), Kind: turnTitles[x.Kind], By: t.OwnerName, When: s.ago(x.CreatedAt), ISO: iso(x.CreatedAt), Text: visible(x.Ask), Badge: authorTones[x.State]}
		open = open || !x.State.Ended()
		last := i == len(t.turns)-1
		for _, g := range x.Stages {
			v.Stages = append(v.Stages, s.stageView(t, x, g, who, back, so))
			if g.Trouble != nil && g.State == author.Failed {
				v.Trouble = &views.Trouble{What: visible(g.Trouble.Says), Do: visible(g.Trouble.Do)}
			}
			if g.State == author.Running || g.State == author.NeedsYou {
				out.Said = stageTitles[g.Stage] + ": " + strings.ToLower(authorTones[g.State].Text)
			}
		}
		if t.mine {
			v.Acts = turnActs(t, x, asks && last)
		}
		out.Turns = append(out.Turns, v)
	}
	if out.Said == "" && len(t.turns) > 0 {
		last := t.turns[len(t.turns)-1]
		out.Said = turnTitles[last.Kind] + ": " + strings.ToLower(authorTones[last.State].Text)
	}
	if asks && !open {
		out.Ask = t.nextAsk(back)
	}
	return out
}

func turnActs(t talk, x author.Turn, last bool) []ui.Button {
	at := fmt.Sprintf("/author/%s/turns/%s", t.ID, x.ID)
	switch {
	case !x.State.Ended():
		return []ui.Button{{Text: "Cancel", Icon: "ban", Post: at + "/cancel"}}
	case last && (x.State == author.Failed || x.State == author.Cancelled):
		return []ui.Button{{Text: "Try again", Icon: "rotate-ccw", Tone: "primary", Post: at + "/retry"}}
	}
	return nil
}

// nextAsk is the form for what comes next.
func (t talk) nextAsk(back said) *views.Ask {
	a := &views.Ask{Title: "Ask for more", Action: "/author/" + string(t.ID), Fields: []ui.Field{{Name: "text", Label: "In your own words", Input: "lines", Rows: 3, Value: back.ask, Required: true, MaxLength: 10_000, Placeholder: "also handle people without a last name"}}}
	if t.Function == "" {
		a.Title, a.Buttons = "Ask again", []views.AskButton{{Text: "Ask", Icon: "send", Kind: string(author.Request), Primary: true}}
		return a
	}
	a.Text = "A change becomes a new revision, with the difference shown. Explanations change nothing."
	a.Buttons = askButtons(author.Request)
	asksMore(&a.Fields[0])
	return a
}

// authorTurn finds the turn in the address, in the conversation in the address.
func (s *Server) authorTurn(c *fiber.Ctx) (author.Turn, error) {
	t, err := s.DB.AuthorTurn(c.UserContext(), author.TurnID(c.Params("turn")))
	if err == nil && string(t.Conversation) != c.Params("id") {
		err = fault.New(fault.NotFound, "There is no such turn of a conversation.")
	}
	return t, err
}

// authorConfirm is POST /author/:id/turns/:turn/confirm: the intent as its owner
// corrected it.
func (s *Server) authorConfirm(c *fiber.Ctx, who auth.Actor) error {
	t, err := s.authorTurn(c)
	if err != nil {
		return err
	}
	stage := t.At(author.IntentStage)
	if stage == nil || stage.State != author.NeedsYou {
		return fault.New(fault.Conflict, "This does not wait for an answer any more. Look at the conversation again.")
	}
	var base author.Intent
	if err := json.Unmarshal(stage.Result, &base); err != nil {
		return fmt.Errorf("read intent: %w", err)
	}
	d := postedIntent(c, base)
	if t.BaseRevision > 0 {
		d.key = base.Key
	}
	if op := c.FormValue("op"); op != "confirm" {
		return s.intentAct(c, who, t, d, op)
	}
	want := d.intent(base)
	if len(d.problems) == 0 {
		err = s.DB.ConfirmIntent(c.UserContext(), who, t.ID, want)
		d.problems = fault.Problems(err)
	} else {
		err = fault.Refuse("", d.problems)
	}
	if fault.Is(err, fault.Invalid) {
		if len(d.problems) > 0 { // each is said where it is
			err = fault.New(fault.Invalid, "It cannot be confirmed yet: %s to solve. Each is said below, where it is. Nothing that you typed is lost.", plural(len(d.problems), "problem", "problems"))
		}
		return s.conversationPage(c, who, t.Conversation, said{turn: t.ID, intent: &d, refused: err})
	}
	if err != nil {
		return err
	}
	return s.goesOn(c, t.Conversation, t.ID)
}

// intentAct is one of the other buttons of the form: it keeps nothing, and shows the form
// as it is then.
func (s *Server) intentAct(c *fiber.Ctx, who auth.Actor, t author.Turn, d intentDraft, op string) error {
	if t.OwnerID != who.UserID {
		return fault.New(fault.Forbidden, "This is another person's conversation. Begin one of your own.")
	}
	wrong, ok := d.act(op, c.FormValue("paste."+opTable(op)))
	if !ok {
		return fault.New(fault.Invalid, "The form does not know the button %q. Open it again.", clipText(op, 40))
	}
	back := said{turn: t.ID, intent: &d, told: &ui.Notice{Text: "Nothing was confirmed. The form is as you left it."}}
	if wrong != "" {
		back.told = &ui.Notice{Tone: "warn", Text: wrong}
	}
	return s.conversationPage(c, who, t.Conversation, back)
}

// goesOn has a turn taken up at once, and shows it.
func (s *Server) goesOn(c *fiber.Ctx, id author.ConversationID, turn author.TurnID) error {
	if s.Author != nil {
		s.Author.Kick()
	}
	return s.done(c, fmt.Sprintf("/author/%s#%s", id, turn), "")
}

// authorCancel is POST /author/:id/turns/:turn/cancel, authorRetry …/retry.
func (s *Server) authorCancel(c *fiber.Ctx, who auth.Actor) error {
	t, err := s.authorTurn(c)
	if err == nil {
		err = s.DB.CancelTurn(c.UserContext(), who, t.ID)
	}
	if err != nil {
		return err
	}
	if s.Author != nil {
		s.Author.Stop(t.ID)
	}
	return s.done(c, fmt.Sprintf("/author/%s#%s", t.Conversation, t.ID), "It is cancelled. What was done by then is kept.")
}

func (s *Server) authorRetry(c *fiber.Ctx, who auth.Actor) error {
	t, err := s.authorTurn(c)
	if err == nil {
		err = s.DB.RetryTurn(c.UserContext(), who, t.ID, "")
	}
	if err != nil {
		return err
	}
	return s.goesOn(c, t.Conversation, t.ID)
}
