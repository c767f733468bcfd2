package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/postgres"
)

type apiName struct {
	ID          string  `json:"id"`
	Space       string  `json:"space"`
	Name        string  `json:"name"`
	Within      string  `json:"within"`
	State       string  `json:"state"`
	Joiner      string  `json:"joiner"`
	Worker      string  `json:"worker"`
	Connection  string  `json:"connection"`
	Run         string  `json:"run"`
	Policy      string  `json:"policy"`
	FoundIn     string  `json:"found_in"`
	Reason      string  `json:"reason"`
	ClaimedAt   string  `json:"claimed_at"`
	ConfirmedAt *string `json:"confirmed_at"`
	Until       *string `json:"until"`
}

func asAPIName(n postgres.NameRow) apiName {
	return apiName{n.ID, n.Space, n.Name, n.Within, n.State, n.JoinerID, n.Worker, n.Connection, n.RunID, n.Policy, n.FoundIn, n.Reason, stamp(n.ClaimedAt), stampOf(n.ConfirmedAt), stampOf(n.Until)}
}

// apiNames is GET /api/v1/names.
func (s *Server) apiNames(c *fiber.Ctx, _ auth.Actor) error {
	limit, after, err := pageOf(c, nameCursor)
	if err != nil {
		return err
	}
	state, err := queryWord(c, "state", postgres.NameStates())
	if err != nil {
		return err
	}
	rows, next, err := s.DB.Names(c.UserContext(), postgres.NameFilter{Query: c.Query("q"), Space: c.Query("space"), State: state, Joiner: c.Query("joiner"), Before: after, Limit: limit})
	if err != nil {
		return err
	}
	var out []apiName
	for _, n := range rows {
		out = append(out, asAPIName(n))
	}
	return sendPage(c, nameCursor, out, next)
}

// apiNameRelease is POST /api/v1/names/:id/release.
func (s *Server) apiNameRelease(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := s.DB.ReleaseName(c.UserContext(), who, c.Params("id"), in.Reason); err != nil {
		return err
	}
	n, err := s.DB.Name(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, asAPIName(n))
}
