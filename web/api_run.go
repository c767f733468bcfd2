package web

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

type apiJoinerRef struct {
	ID         string `json:"id"`
	Connection string `json:"connection"`
	Worker     string `json:"worker"`
	Name       string `json:"name"`
}

type apiRun struct {
	ID         string       `json:"id"`
	Flow       string       `json:"flow"`
	Release    string       `json:"release"`
	Revision   int          `json:"revision"`
	Mode       run.Mode     `json:"mode"`
	State      run.State    `json:"state"`
	Reason     string       `json:"reason"`
	Joiner     apiJoinerRef `json:"joiner"`
	Event      string       `json:"event,omitempty"`
	WaitingFor string       `json:"waiting_for"`
	WakeAt     *string      `json:"wake_at"`
	CreatedAt  string       `json:"created_at"`
	StartedAt  *string      `json:"started_at"`
	EndedAt    *string      `json:"ended_at"`
	Steps      []apiStep    `json:"steps,omitempty"`
	Signoffs   []apiSignoff `json:"signoffs,omitempty"`
}

type apiStep struct {
	Node       flow.NodeID   `json:"node"`
	Type       string        `json:"type"`
	State      run.StepState `json:"state"`
	Port       string        `json:"port"`
	Error      string        `json:"error"`
	WaitingFor string        `json:"waiting_for"`
	Attempts   []apiAttempt  `json:"attempts"`
	Input      any           `json:"input"`
	Output     any           `json:"output"`
	Changes    any           `json:"changes"`
	Log        []string      `json:"log"`
}

type apiAttempt struct {
	StartedAt string `json:"started_at"`
	EndedAt   string `json:"ended_at"`
	Outcome   string `json:"outcome"`
	Error     string `json:"error"`
}

func asAPIRun(r postgres.RunRow) apiRun {
	return apiRun{ID: r.ID, Flow: r.Flow, Release: r.Release, Revision: r.Revision, Mode: r.Mode, State: r.State, Reason: r.Reason, Joiner: apiJoinerRef{r.JoinerID, r.Connection, r.Worker, r.JoinerLabel}, Event: r.EventID,
		WaitingFor: r.WaitingFor, WakeAt: stampOf(r.WakeAt), CreatedAt: stamp(r.CreatedAt), StartedAt: stampOf(r.StartedAt), EndedAt: stampOf(r.EndedAt)}
}

func (s *Server) apiRuns(c *fiber.Ctx, _ auth.Actor) error {
	limit, after, err := pageOf(c, runCursor)
	if err != nil {
		return err
	}
	since, err := queryTime(c, "since")
	if err != nil {
		return err
	}
	mode, err := queryWord(c, "mode", runModes())
	if err != nil {
		return err
	}
	f := postgres.RunFilter{Flow: c.Query("flow"), Joiner: c.Query("joiner"), Query: c.Query("q"), Mode: mode, Since: since, Before: after, Limit: limit}
	for _, st := range strings.Split(c.Query("state"), ",") {
		if st == "" {
			continue
		}
		if !oneOf(st, runStates()) {
			return badRequest("%s Several are written with commas between them.", wrongWord("state", runStates()))
		}
		f.States = append(f.States, run.State(st))
	}
	rows, next, err := s.DB.Runs(c.UserContext(), f)
	if err != nil {
		return err
	}
	var out []apiRun
	for _, r := range rows {
		out = append(out, asAPIRun(r))
	}
	return sendPage(c, runCursor, out, next)
}

func (s *Server) apiRunShow(c *fiber.Ctx, who auth.Actor) error {
	return s.sendRun(c, who, http.StatusOK, c.Params("id"))
}

func (s *Server) sendRun(c *fiber.Ctx, who auth.Actor, status int, id string) error {
	d, err := s.DB.RunDetail(c.UserContext(), id)
	if err != nil {
		return err
	}
	d = eyes(d, who)
	out := asAPIRun(d.RunRow)
	out.Steps = []apiStep{}
	for _, st := range d.Steps {
		a := apiStep{Node: st.Node, Type: st.Type, State: st.State, Port: st.Port, Error: st.Error, WaitingFor: st.WaitFor, Attempts: []apiAttempt{}, Log: []string{}, Input: shown(st.Input, who), Output: shown(st.Output, who), Changes: shown(st.Changes, who)}
		if a.Changes == nil {
			a.Changes = []any{}
		}
		for _, t := range d.Attempts {
			if t.Node == st.Node {
				a.Attempts = append(a.Attempts, apiAttempt{stamp(t.StartedAt), stamp(t.EndedAt), t.Outcome, t.Error})
				a.Log = append(a.Log, t.Log...)
			}
		}
		out.Steps = append(out.Steps, a)
	}
	for _, g := range d.Signoffs {
		out.Signoffs = append(out.Signoffs, asAPISignoff(g))
	}
	return sendJSON(c, status, out)
}

// shown gives stored JSON with personal fields hidden from those who may not see them.
func shown(raw json.RawMessage, who auth.Actor) any {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return redact(v, who)
}

func (s *Server) apiRunStart(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Worker string   `json:"worker"`
		Joiner string   `json:"joiner"`
		Mode   run.Mode `json:"mode"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if in.Mode == "" {
		in.Mode = run.Live
	}
	if in.Mode == run.Live && !who.Can(auth.RunStart) {
		return fault.New(fault.Forbidden, "Starting a live run needs the permission %s.", auth.RunStart)
	}
	if (in.Worker == "") == (in.Joiner == "") {
		return fault.Refuse("Name either the worker or the joiner.", []fault.Problem{{Path: "worker", Detail: "The worker's id in the HRIS, or leave it out and give joiner."}})
	}
	again, err := repeatOf(c)
	if err != nil {
		return err
	}
	start := postgres.Start{Flow: c.Params("key"), Mode: in.Mode, Workers: []string{in.Worker}, Repeat: again}
	if in.Joiner != "" {
		j, err := s.DB.Joiner(c.UserContext(), in.Joiner)
		if err != nil {
			return err
		}
		start.Workers, start.Connection = []string{j.Worker}, j.Connection
	}
	out, err := s.DB.StartRuns(c.UserContext(), who, start)
	if err != nil {
		return err
	}
	repeated(c, out.Again)
	s.kick()
	return sendJSON(c, http.StatusAccepted, map[string]any{"id": out.IDs[0]})
}

// apiOperate runs a verb on a run and answers with the run.
func (s *Server) apiOperate(verb func(c *fiber.Ctx, who auth.Actor, id, reason string) error) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		var in struct {
			Reason string `json:"reason"`
		}
		if len(c.Body()) > 0 {
			if err := readJSON(c, &in); err != nil {
				return err
			}
		}
		if err := verb(c, who, c.Params("id"), in.Reason); err != nil {
			return err
		}
		s.kick()
		return s.sendRun(c, who, http.StatusAccepted, c.Params("id"))
	}
}

func (s *Server) apiSkip(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Node   flow.NodeID `json:"node"`
		Port   string      `json:"port"`
		Reason string      `json:"reason"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := s.DB.SkipStep(c.UserContext(), who, c.Params("id"), in.Node, in.Port, in.Reason); err != nil {
		return err
	}
	s.kick()
	return s.sendRun(c, who, http.StatusAccepted, c.Params("id"))
}
