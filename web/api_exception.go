package web

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/exception"
	"joinery/internal/fault"
	"joinery/internal/postgres"
)

type apiException struct {
	ID         string            `json:"id"`
	Kind       string            `json:"kind"`
	State      string            `json:"state"`
	Title      string            `json:"title"`
	Reason     string            `json:"reason"`
	Connection string            `json:"connection"`
	Worker     string            `json:"worker"`
	Joiner     string            `json:"joiner"`
	Field      string            `json:"field"`
	Ours       any               `json:"ours"`
	Theirs     any               `json:"theirs"`
	Seen       string            `json:"seen"`
	Times      int               `json:"times"`
	Policy     string            `json:"policy"`
	Flow       string            `json:"flow"`
	Run        string            `json:"run"`
	Owner      string            `json:"owner"`
	Until      *string           `json:"until"`
	Resolution string            `json:"resolution"`
	ResolvedBy string            `json:"resolved_by"`
	ResolvedAt *string           `json:"resolved_at"`
	OpenedAt   string            `json:"opened_at"`
	Story      []apiExceptionAct `json:"story,omitempty"`
}

type apiExceptionAct struct {
	At   string `json:"at"`
	By   string `json:"by"`
	Act  string `json:"act"`
	Text string `json:"text"`
}

func asAPIException(x postgres.ExceptionRow, who auth.Actor) apiException {
	out := apiException{ID: x.ID, Kind: x.Kind, State: string(x.State), Title: x.Title, Reason: exceptionText(x.Reason, x, who), Connection: x.Connection, Worker: x.Worker, Joiner: x.JoinerID, Field: x.Field, Ours: x.Ours, Theirs: x.Theirs, Seen: x.Hash(), Times: x.Seen,
		Policy: x.Policy, Flow: x.Flow, Run: x.RunID, Owner: x.OwnerName, Until: stampOf(x.Until), Resolution: x.Resolution, ResolvedBy: x.ResolvedName, ResolvedAt: stampOf(x.ResolvedAt), OpenedAt: stamp(x.OpenedAt)}
	if isPersonal(x.Field) && !who.Can(auth.PersonalRead) {
		out.Ours, out.Theirs = hidden, hidden
	}
	return out
}

func (s *Server) apiExceptions(c *fiber.Ctx, who auth.Actor) error {
	limit, after, err := pageOf(c, exceptionCursor)
	if err != nil {
		return err
	}
	state, err := queryWord(c, "state", exceptionStates())
	if err != nil {
		return err
	}
	rows, next, err := s.DB.Exceptions(c.UserContext(), postgres.ExceptionFilter{State: state, Kind: c.Query("kind"), Connection: c.Query("connection"), Joiner: c.Query("joiner"), Query: c.Query("q"), Before: after, Limit: limit})
	if err != nil {
		return err
	}
	var out []apiException
	for _, x := range rows {
		out = append(out, asAPIException(x, who))
	}
	return sendPage(c, exceptionCursor, out, next)
}

func (s *Server) apiExceptionShow(c *fiber.Ctx, who auth.Actor) error {
	return s.sendException(c, who, c.Params("id"))
}

func (s *Server) sendException(c *fiber.Ctx, who auth.Actor, id string) error {
	x, err := s.DB.Exception(c.UserContext(), id)
	if err != nil {
		return err
	}
	story, err := s.DB.ExceptionStory(c.UserContext(), id)
	if err != nil {
		return err
	}
	out := asAPIException(x, who)
	for _, a := range story {
		out.Story = append(out.Story, apiExceptionAct{stamp(a.At), a.Actor, a.Act, exceptionText(a.Text, x, who)})
	}
	return sendJSON(c, http.StatusOK, out)
}

// apiExceptionResolve does what a person could do on the page.
func (s *Server) apiExceptionResolve(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Action string `json:"action"`
		Reason string `json:"reason"`
		Until  string `json:"until"`
		Owner  string `json:"owner"`
		Seen   string `json:"seen"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	wish := exception.Wish{Act: exception.Act(in.Action), Reason: in.Reason, Owner: in.Owner}
	if in.Until != "" {
		var err error
		if wish.Until, err = time.Parse(time.DateOnly, in.Until); err != nil {
			return fault.Refuse("This is not a date.", []fault.Problem{{Path: "until", Detail: "Write a date such as 2026-12-31."}})
		}
	}
	if _, err := s.DB.ResolveException(c.UserContext(), who, c.Params("id"), postgres.Resolution{Wish: wish, Seen: in.Seen}); err != nil {
		return err
	}
	s.kick()
	return s.sendException(c, who, c.Params("id"))
}
