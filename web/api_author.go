package web

import (
	"bufio"
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
	"joinery/internal/postgres"
)

// apiDraft is a conversation in which a function is asked for, as programs see it.
type apiDraft struct {
	ID        string         `json:"id"`
	Title     string         `json:"title"`
	Function  string         `json:"function"`
	State     author.State   `json:"state"`
	By        string         `json:"by"`
	CreatedAt string         `json:"created_at"`
	Turns     []apiDraftTurn `json:"turns"`
}

type apiDraftTurn struct {
	ID        string          `json:"id"`
	Kind      author.Kind     `json:"kind"`
	Prompt    string          `json:"prompt"`
	State     author.State    `json:"state"`
	CreatedAt string          `json:"created_at"`
	EndedAt   *string         `json:"ended_at"`
	Stages    []apiDraftStage `json:"stages"`
}

type apiDraftStage struct {
	Stage     author.Stage    `json:"stage"`
	State     author.State    `json:"state"`
	Result    json.RawMessage `json:"result"`
	Said      string          `json:"said"`
	Trouble   *apiTrouble     `json:"trouble"`
	StartedAt *string         `json:"started_at"`
	EndedAt   *string         `json:"ended_at"`
}

type apiTrouble struct {
	Says string `json:"says"`
	Do   string `json:"do"`
}

// asAPIDraft is a conversation with what the model said so far in each stage.
func asAPIDraft(t talk, so func(stream, kept string) string) apiDraft {
	out := apiDraft{ID: string(t.ID), Title: t.Title, Function: t.Function, By: t.OwnerName, CreatedAt: stamp(t.CreatedAt), Turns: []apiDraftTurn{}}
	for _, x := range t.turns {
		v := apiDraftTurn{ID: string(x.ID), Kind: x.Kind, Prompt: x.Ask, State: x.State, CreatedAt: stamp(x.CreatedAt), EndedAt: stampOf(x.EndedAt), Stages: []apiDraftStage{}}
		out.State = x.State
		for _, g := range x.Stages {
			if g.State == author.NeedsYou {
				out.State = author.NeedsYou
			}
			stage := apiDraftStage{Stage: g.Stage, State: g.State, Result: g.Result, Said: so(streamID(x.ID, g.Stage), g.Said), StartedAt: stampOf(g.StartedAt), EndedAt: stampOf(g.EndedAt)}
			if len(stage.Result) == 0 {
				stage.Result = json.RawMessage("null")
			}
			if g.Trouble != nil {
				stage.Trouble = &apiTrouble{g.Trouble.Says, g.Trouble.Do}
			}
			v.Stages = append(v.Stages, stage)
		}
		out.Turns = append(out.Turns, v)
	}
	return out
}

// draftID gives the conversation that an address names. A function may be called
// "drafts": what is no conversation's id is for the route of its key.
func draftID(c *fiber.Ctx) (author.ConversationID, bool) {
	id := c.Params("id")
	return author.ConversationID(strings.Clone(id)), strings.HasPrefix(id, "ac_")
}

// apiDraftAsk is POST /functions/drafts: it asks for a function, or for a change of one.
func (s *Server) apiDraftAsk(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Prompt   string `json:"prompt"`
		Function string `json:"function"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	id, _, err := s.DB.AskAuthor(c.UserContext(), who, postgres.Ask{Function: in.Function, Kind: author.Request, Text: unixLines(in.Prompt)})
	if fault.Is(err, fault.NotFound) {
		err = fault.Refuse("There is no such function.", []fault.Problem{{Path: "function", Detail: fault.Sentence(err)}})
	}
	return s.draftGoesOn(c, id, promptProblem(err))
}

// apiDraftFollow is POST /functions/drafts/{id}/prompts: the next wish in a conversation.
func (s *Server) apiDraftFollow(c *fiber.Ctx, who auth.Actor) error {
	id, ok := draftID(c)
	if !ok {
		return c.Next()
	}
	var in struct {
		Prompt string `json:"prompt"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	_, _, err := s.DB.AskAuthor(c.UserContext(), who, postgres.Ask{Conversation: id, Kind: author.Request, Text: unixLines(in.Prompt)})
	return s.draftGoesOn(c, id, promptProblem(err))
}

// promptProblem names the field as the API does.
func promptProblem(err error) error {
	problems := fault.Problems(err)
	if len(problems) == 1 && problems[0].Path == "text" {
		return fault.Refuse(fault.Sentence(err), []fault.Problem{{Path: "prompt", Detail: problems[0].Detail}})
	}
	return err
}

// draftGoesOn has a turn taken up at once.
func (s *Server) draftGoesOn(c *fiber.Ctx, id author.ConversationID, err error) error {
	if err != nil {
		return err
	}
	if s.Author != nil {
		s.Author.Kick()
	}
	return sendJSON(c, http.StatusAccepted, map[string]string{"id": string(id)})
}

// apiDraftShow is GET /functions/drafts/{id}.
func (s *Server) apiDraftShow(c *fiber.Ctx, who auth.Actor) error {
	id, ok := draftID(c)
	if !ok {
		return c.Next()
	}
	t, err := s.talk(c.UserContext(), who, id)
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, asAPIDraft(t, asKept))
}

// apiDraftStream is GET /functions/drafts/{id}/stream: server-sent events. "draft" is the
// whole conversation at the beginning and whenever a stage begins or ends, "delta" what
// the model adds, "done" the end: nothing happens by itself any more.
func (s *Server) apiDraftStream(c *fiber.Ctx, who auth.Actor) error {
	id, ok := draftID(c)
	if !ok {
		return c.Next()
	}
	if _, err := s.talk(c.UserContext(), who, id); err != nil {
		return err
	}
	show := func(_ context.Context, t talk, so func(stream, kept string) string) (string, error) {
		raw, err := json.Marshal(asAPIDraft(t, so))
		return string(raw), err
	}
	f := &follower{s: s, who: who, id: id, event: "draft", show: show, said: map[string]string{}, sent: map[string]int{}}
	still := s.stillToken(c, who)
	return s.streaming(c, func(ctx context.Context, w *bufio.Writer) error { return f.follow(ctx, w, still) })
}

// stillToken tells whether the token of a request is still what it was; a session's
// reader is asked as pages ask.
func (s *Server) stillToken(c *fiber.Ctx, who auth.Actor) func(context.Context) error {
	_, token, bearer := strings.Cut(c.Get("Authorization"), " ")
	if !bearer {
		return s.still(c)
	}
	token, address := strings.Clone(strings.TrimSpace(token)), s.address(c)
	return func(ctx context.Context) error {
		now, err := s.DB.ActorByToken(ctx, token, address)
		if err == nil && !slices.Equal(now.Roles, who.Roles) {
			err = fault.New(fault.Unauthenticated, "The roles changed.")
		}
		return err
	}
}

// lastTurn finds the turn that an operation on a conversation means.
func (s *Server) lastTurn(c *fiber.Ctx, who auth.Actor, id author.ConversationID) (author.Turn, error) {
	t, err := s.talk(c.UserContext(), who, id)
	if err != nil {
		return author.Turn{}, err
	}
	return t.turns[len(t.turns)-1], nil
}

// apiDraftConfirm is POST /functions/drafts/{id}/confirm: the intent as it was restated,
// or as it is corrected here.
func (s *Server) apiDraftConfirm(c *fiber.Ctx, who auth.Actor) error {
	id, ok := draftID(c)
	if !ok {
		return c.Next()
	}
	var in struct {
		Intent *author.Intent `json:"intent"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	t, err := s.lastTurn(c, who, id)
	if err != nil {
		return err
	}
	stage := t.At(author.IntentStage)
	if stage == nil || stage.State != author.NeedsYou {
		return fault.New(fault.Conflict, "This does not wait for an answer. Read the draft again: it waits when its state is needs_you.")
	}
	if in.Intent == nil {
		in.Intent = &author.Intent{}
		if err := json.Unmarshal(stage.Result, in.Intent); err != nil {
			return fmt.Errorf("read intent: %w", err)
		}
	}
	return s.draftGoesOn(c, id, s.DB.ConfirmIntent(c.UserContext(), who, t.ID, *in.Intent))
}

// apiDraftCancel is POST /functions/drafts/{id}/cancel.
func (s *Server) apiDraftCancel(c *fiber.Ctx, who auth.Actor) error {
	id, ok := draftID(c)
	if !ok {
		return c.Next()
	}
	t, err := s.lastTurn(c, who, id)
	if err == nil {
		err = s.DB.CancelTurn(c.UserContext(), who, t.ID)
	}
	if err == nil && s.Author != nil {
		s.Author.Stop(t.ID)
	}
	return s.draftGoesOn(c, id, err)
}

// apiDraftRetry is POST /functions/drafts/{id}/retry: from the stage that failed.
func (s *Server) apiDraftRetry(c *fiber.Ctx, who auth.Actor) error {
	id, ok := draftID(c)
	if !ok {
		return c.Next()
	}
	t, err := s.lastTurn(c, who, id)
	if err == nil {
		err = s.DB.RetryTurn(c.UserContext(), who, t.ID, "")
	}
	return s.draftGoesOn(c, id, err)
}
