package web

import (
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/backtest"
	"joinery/internal/fault"
	"joinery/internal/postgres"
)

type apiBacktest struct {
	ID         string           `json:"id"`
	Flow       string           `json:"flow"`
	Revision   int              `json:"revision"`
	Hash       string           `json:"hash"`
	Root       string           `json:"root"`
	Base       *int             `json:"base"`
	State      string           `json:"state"`
	Joiners    int              `json:"joiners"`
	Looked     int              `json:"looked"`
	Error      string           `json:"error"`
	Report     *backtest.Report `json:"report"`
	ReportHash string           `json:"report_hash"`
	MS         int64            `json:"ms"`
	By         string           `json:"by"`
	CreatedAt  string           `json:"created_at"`
	EndedAt    *string          `json:"ended_at"`
	People     []backtest.Line  `json:"people"`
}

func backtestAnswer(b postgres.Backtest, people []postgres.BacktestPerson) apiBacktest {
	out := apiBacktest{ID: b.ID, Flow: b.Flow, Revision: b.Revision, Hash: b.Hash, Root: b.Root, State: b.State, Joiners: len(b.Runs), Looked: b.Looked, Error: b.Error, Report: b.Report, ReportHash: b.ReportHash,
		MS: b.Milliseconds, By: b.ByName, CreatedAt: stamp(b.CreatedAt), EndedAt: stampOf(b.EndedAt), People: []backtest.Line{}}
	if b.Base != "" {
		out.Base = &b.BaseRevision
	}
	for _, p := range people {
		out.People = append(out.People, p.Line)
	}
	return out
}

// apiBacktestAsk is POST /api/v1/flows/:key/revisions/:n/backtests.
func (s *Server) apiBacktestAsk(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Joiners int   `json:"joiners"`
		Live    *bool `json:"live"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	n, err := strconv.Atoi(c.Params("n"))
	if err != nil || n < 1 {
		return fault.New(fault.NotFound, "There is no such revision.")
	}
	id, err := s.DB.AskBacktest(c.UserContext(), who, c.Params("key"), n, in.Joiners, in.Live == nil || *in.Live)
	if err != nil {
		return err
	}
	b, err := s.DB.Backtest(c.UserContext(), id)
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusAccepted, backtestAnswer(b, nil))
}

// apiBacktestShow is GET /api/v1/flows/:key/backtests/:backtest.
func (s *Server) apiBacktestShow(c *fiber.Ctx, _ auth.Actor) error {
	b, err := s.DB.Backtest(c.UserContext(), c.Params("backtest"))
	if err != nil {
		return err
	}
	if b.Flow != c.Params("key") {
		return fault.New(fault.NotFound, "There is no such backtest of this flow.")
	}
	var people []postgres.BacktestPerson
	for after := 0; ; {
		part, err := s.DB.BacktestPeople(c.UserContext(), b.ID, postgres.BacktestFilter{After: after, Limit: 200})
		if err != nil {
			return err
		}
		if len(part) == 0 {
			break
		}
		people, after = append(people, part...), part[len(part)-1].N
	}
	return sendJSON(c, http.StatusOK, backtestAnswer(b, people))
}
