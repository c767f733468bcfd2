package web

import (
	"math"
	"mime"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// apiList is a list of people as programs see it.
type apiList struct {
	ID         string       `json:"id"`
	Flow       string       `json:"flow"`
	Connection string       `json:"connection"`
	State      string       `json:"state"`
	Columns    []string     `json:"columns"`
	Mapping    bulk.Mapping `json:"mapping"`
	Rows       int          `json:"rows"`
	Bad        int          `json:"bad"`
	Looked     int          `json:"looked_at"`
	Plan       []int        `json:"plan"`
	Stage      int          `json:"stage"`
	Onward     bool         `json:"onward"`
	Stopped    string       `json:"stopped"`
	// Release is the live release that the report is of; to be named at the start.
	Release string       `json:"release"`
	Report  *bulk.Report `json:"report"`
	Stages  []apiStage   `json:"stages,omitempty"`
	// Forecast is when the runs under way will have ended; absent when that cannot be told.
	Forecast *apiForecast  `json:"forecast,omitempty"`
	Problems []listProblem `json:"problems,omitempty"`
	// Second says whether a second person is needed, and what they agree to.
	Second    *apiSecond `json:"second_person,omitempty"`
	CreatedAt string     `json:"created_at"`
}

type apiStage struct {
	Stage  int               `json:"stage"`
	People int               `json:"people"`
	States map[run.State]int `json:"states"`
}

type apiForecast struct {
	Left      int     `json:"left"`
	PerSecond float64 `json:"per_second"`
	EndsAt    string  `json:"ends_at"`
}

type listProblem struct {
	Path   string `json:"path"`
	Detail string `json:"detail"`
}

func asAPIList(l postgres.List) apiList {
	out := apiList{ID: l.ID, Flow: l.Flow, Connection: l.Connection, State: l.State, Columns: l.Columns, Mapping: l.Mapping, Rows: l.Rows, Bad: l.Bad, Looked: l.Looked, Plan: l.Plan, Stage: l.Stage,
		Onward: l.Onward, Stopped: l.Stopped, Release: l.ReportOf, Report: l.Report, CreatedAt: stamp(l.CreatedAt)}
	if l.Release != "" {
		out.Release = l.Release
	}
	if out.Mapping.Attributes == nil {
		out.Mapping.Attributes = map[string]string{}
	}
	return out
}

func (s *Server) sendList(c *fiber.Ctx, status int, id string) error {
	l, err := s.DB.List(c.UserContext(), id)
	if err != nil {
		return err
	}
	out := asAPIList(l)
	stages, err := s.DB.ListStages(c.UserContext(), id)
	if err != nil {
		return err
	}
	for _, g := range stages {
		if g.Stage > 0 {
			out.Stages = append(out.Stages, apiStage{g.Stage, g.People, g.States})
		}
	}
	pace, err := s.DB.ListPace(c.UserContext(), id)
	if err != nil {
		return err
	}
	if f, ok := pace.Forecast(s.Now()); ok {
		out.Forecast = &apiForecast{f.Left, math.Round(f.PerSecond*1000) / 1000, stamp(s.Now().Add(f.In))}
	}
	bad, _, err := s.DB.ListRows(c.UserContext(), id, "problem", 0, maxProblems)
	if err != nil {
		return err
	}
	for _, r := range bad {
		out.Problems = append(out.Problems, listProblem{lineOf(r.Line), r.Problem})
	}
	if l.State != postgres.ListDraft && l.State != postgres.ListDiscarded && l.State != postgres.ListDone {
		second, err := s.DB.Second(c.UserContext(), id, out.Release)
		if err != nil {
			return err
		}
		asked := asAPISecond(second)
		out.Second = &asked
	}
	return sendJSON(c, status, out)
}

// apiListAdd reads a list for a flow; nothing is started.
func (s *Server) apiListAdd(c *fiber.Ctx, who auth.Actor) error {
	media, _, _ := mime.ParseMediaType(c.Get("Content-Type"))
	format := bulk.CSV
	switch media {
	case "text/csv":
	case "application/jsonl", "application/x-ndjson":
		format = bulk.JSONLines
	default:
		return fault.New(fault.Unsupported, "Send the list as text/csv or application/jsonl.")
	}
	sheet, err := bulk.Read(format, c.Body())
	if err != nil {
		return err
	}
	r, err := repeatOf(c)
	if err != nil {
		return err
	}
	id, again, err := s.DB.CreateListOnce(c.UserContext(), who, r, c.Params("key"), "api", format, sheet)
	if err != nil {
		return err
	}
	repeated(c, again)
	if m := bulk.Guess(sheet.Columns); !again && m.Check(sheet.Columns) == nil {
		if err := s.DB.MapList(c.UserContext(), who, id, m); err != nil {
			return err
		}
	}
	return s.sendList(c, http.StatusCreated, id)
}

func (s *Server) apiLists(c *fiber.Ctx, _ auth.Actor) error {
	limit, after, err := pageOf(c, listCursor)
	if err != nil {
		return err
	}
	rows, next, err := s.DB.Lists(c.UserContext(), c.Query("flow"), after, limit)
	if err != nil {
		return err
	}
	var out []apiList
	for _, l := range rows {
		out = append(out, asAPIList(l))
	}
	return sendPage(c, listCursor, out, next)
}

func (s *Server) apiListShow(c *fiber.Ctx, _ auth.Actor) error {
	return s.sendList(c, http.StatusOK, c.Params("id"))
}

// apiListColumns says what the columns are.
func (s *Server) apiListColumns(c *fiber.Ctx, who auth.Actor) error {
	var in bulk.Mapping
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if in.Dates == "" {
		in.Dates = bulk.DateForms()[0].Key
	}
	if err := s.DB.MapList(c.UserContext(), who, c.Params("id"), in); err != nil {
		return err
	}
	return s.sendList(c, http.StatusOK, c.Params("id"))
}

// apiListCheck begins the forecast of a list.
func (s *Server) apiListCheck(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Live bool `json:"live"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if s.CheckList == nil {
		return fault.New(fault.Conflict, "No engine runs beside this server, so nothing can be worked out here.")
	}
	id := strings.Clone(c.Params("id"))
	release, err := s.DB.BeginCheck(c.UserContext(), who, id, in.Live)
	if err != nil {
		return err
	}
	s.CheckList(id, release)
	return s.sendList(c, http.StatusAccepted, id)
}

// apiListStart starts the first stage.
func (s *Server) apiListStart(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Plan    []int  `json:"plan"`
		Onward  bool   `json:"onward"`
		Reason  string `json:"reason"`
		Release string `json:"release"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	err := s.DB.StartList(c.UserContext(), who, c.Params("id"), postgres.StartList{Plan: in.Plan, Onward: in.Onward, Reason: in.Reason, Release: in.Release})
	return s.listMoved(c, err)
}

// apiListContinue starts the next stage.
func (s *Server) apiListContinue(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Release string `json:"release"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	return s.listMoved(c, s.DB.ContinueList(c.UserContext(), who, c.Params("id"), in.Release))
}

func (s *Server) listMoved(c *fiber.Ctx, err error) error {
	if err != nil {
		return err
	}
	s.kick()
	return s.sendList(c, http.StatusAccepted, c.Params("id"))
}
