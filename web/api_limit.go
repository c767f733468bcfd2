package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/postgres"
)

// apiLift is what a second person is asked or has decided, as programs see it.
type apiLift struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Flow      string   `json:"flow"`
	List      string   `json:"list"`
	Hash      string   `json:"hash"`
	People    int      `json:"people"`
	Runs      []string `json:"runs"`
	Why       []string `json:"why"`
	Reason    string   `json:"reason"`
	AskedBy   string   `json:"asked_by"`
	AskedAt   string   `json:"asked_at"`
	State     string   `json:"state"`
	DecidedBy string   `json:"decided_by"`
	Comment   string   `json:"comment"`
}

func asAPILift(l postgres.Lift) apiLift {
	return apiLift{ID: l.ID, Kind: l.Kind, Flow: l.Flow, List: l.List, Hash: l.Hash, People: l.People, Runs: append([]string{}, l.Runs...), Why: append([]string{}, l.Why...), Reason: l.Reason,
		AskedBy: l.AskedBy, AskedAt: stamp(l.AskedAt), State: l.State, DecidedBy: l.DecidedBy, Comment: l.Comment}
}

// apiSecond says whether a list needs a second person.
type apiSecond struct {
	Needed bool     `json:"needed"`
	Why    []string `json:"why"`
	// Hash is what the second person agrees to; "" before the list was looked at.
	Hash     string `json:"hash"`
	Agreed   bool   `json:"agreed"`
	AgreedBy string `json:"agreed_by"`
}

func asAPISecond(s postgres.ListSecond) apiSecond {
	out := apiSecond{Needed: len(s.Why) > 0, Why: append([]string{}, s.Why...), Hash: s.Hash, Agreed: s.Stands}
	if s.Lift != nil {
		out.AgreedBy = s.Lift.DecidedBy
	}
	return out
}

// apiLimits lists what second persons are asked.
func (s *Server) apiLimits(c *fiber.Ctx, _ auth.Actor) error {
	limit, after, err := pageOf(c, liftCursor)
	if err != nil {
		return err
	}
	state := c.Query("state")
	if state != "" && state != postgres.LiftOpen && state != postgres.LiftApproved && state != postgres.LiftRefused {
		return badRequest("state has to be open, approved or refused.")
	}
	rows, next, err := s.DB.Lifts(c.UserContext(), state, after, limit)
	if err != nil {
		return err
	}
	var out []apiLift
	for _, l := range rows {
		out = append(out, asAPILift(l))
	}
	return sendPage(c, liftCursor, out, next)
}

// apiLimitShow reads one.
func (s *Server) apiLimitShow(c *fiber.Ctx, _ auth.Actor) error {
	return s.sendLift(c, http.StatusOK, c.Params("id"))
}

func (s *Server) sendLift(c *fiber.Ctx, status int, id string) error {
	l, err := s.DB.Lift(c.UserContext(), id)
	if err != nil {
		return err
	}
	return sendJSON(c, status, asAPILift(l))
}

// apiLetGo lets runs go that a limit stopped, or asks a second person.
func (s *Server) apiLetGo(c *fiber.Ctx, who auth.Actor) error {
	in := struct {
		Most   int    `json:"most"`
		Reason string `json:"reason"`
	}{}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if in.Most < 1 || in.Most > bulk.MaxRows {
		return badRequest("most has to be a number of runs, from 1 to 100,000.")
	}
	flow := c.Params("key")
	ids, err := s.DB.ParkedRuns(c.UserContext(), flow, in.Most)
	if err != nil {
		return err
	}
	went, lift, err := s.DB.LetGo(c.UserContext(), who, flow, ids, in.Reason)
	if err != nil {
		return err
	}
	s.kick()
	return sendJSON(c, http.StatusAccepted, map[string]any{"went_on": went, "request": lift})
}

// apiLimitDecide records a second person's answer.
func (s *Server) apiLimitDecide(approve bool) func(c *fiber.Ctx, who auth.Actor) error {
	return func(c *fiber.Ctx, who auth.Actor) error {
		in, err := readSecond(c)
		if err == nil {
			err = s.DB.DecideLift(c.UserContext(), who, c.Params("id"), approve, in.Hash, in.Comment)
		}
		if err != nil {
			return err
		}
		s.kick()
		return s.sendLift(c, http.StatusOK, c.Params("id"))
	}
}

type secondIn struct {
	Hash    string `json:"hash"`
	Comment string `json:"comment"`
}

func readSecond(c *fiber.Ctx) (in secondIn, err error) { return in, readJSON(c, &in) }

// apiListApprove is a second person's yes to a list.
func (s *Server) apiListApprove(c *fiber.Ctx, who auth.Actor) error {
	in, err := readSecond(c)
	if err != nil {
		return err
	}
	if err := s.DB.ApproveList(c.UserContext(), who, c.Params("id"), in.Hash, in.Comment); err != nil {
		return err
	}
	s.kick()
	return s.sendList(c, http.StatusOK, c.Params("id"))
}
