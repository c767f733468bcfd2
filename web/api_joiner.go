package web

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/postgres"
)

type apiEvent struct {
	ID         string   `json:"id"`
	Connection string   `json:"connection"`
	Key        string   `json:"key"`
	Type       string   `json:"type"`
	Worker     string   `json:"worker"`
	Changed    []string `json:"changed"`
	At         *string  `json:"at"`
	ReceivedAt string   `json:"received_at"`
	State      string   `json:"state"`
	Reason     string   `json:"reason"`
	Joiner     string   `json:"joiner"`
	Runs       []string `json:"runs"`
	Repeats    int      `json:"repeats"`
	Echo       bool     `json:"echo"`
}

func asAPIEvent(e postgres.EventRow) apiEvent {
	return apiEvent{ID: e.ID, Connection: e.Connection, Key: e.Key, Type: e.Type, Worker: e.Worker, Changed: append([]string{}, e.Changed...), At: stampOf(e.At), ReceivedAt: stamp(e.ReceivedAt), State: e.State, Reason: e.Reason,
		Joiner: e.JoinerID, Runs: append([]string{}, e.Runs...), Repeats: e.Repeats, Echo: e.EchoOf != ""}
}

func (s *Server) apiEvents(c *fiber.Ctx, _ auth.Actor) error {
	limit, after, err := pageOf(c, eventCursor)
	if err != nil {
		return err
	}
	state, err := queryWord(c, "state", eventStates())
	if err != nil {
		return err
	}
	rows, next, err := s.DB.Events(c.UserContext(), postgres.EventFilter{Connection: c.Query("connection"), State: state, Type: c.Query("type"), Joiner: c.Query("joiner"), Query: c.Query("q"), Before: after, Limit: limit})
	if err != nil {
		return err
	}
	var out []apiEvent
	for _, e := range rows {
		out = append(out, asAPIEvent(e))
	}
	return sendPage(c, eventCursor, out, next)
}

func (s *Server) apiEventShow(c *fiber.Ctx, _ auth.Actor) error {
	e, err := s.DB.Event(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, asAPIEvent(e))
}

func (s *Server) apiEventReplay(c *fiber.Ctx, who auth.Actor) error {
	out, err := s.replay(c, who, c.Params("id"))
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusAccepted, map[string]any{"events": out})
}

type apiJoiner struct {
	ID         string       `json:"id"`
	Connection string       `json:"connection"`
	Worker     string       `json:"worker"`
	Name       string       `json:"name"`
	Department string       `json:"department"`
	StartDate  string       `json:"start_date"`
	Status     string       `json:"status"`
	CreatedAt  string       `json:"created_at"`
	LastRun    string       `json:"last_run,omitempty"`
	LastState  string       `json:"last_state,omitempty"`
	Attributes any          `json:"attributes,omitempty"`
	Accounts   []apiAccount `json:"accounts,omitempty"`
	Names      []apiName    `json:"names,omitempty"`
	Runs       []apiRun     `json:"runs,omitempty"`
}

type apiAccount struct {
	Connection string   `json:"connection"`
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Enabled    bool     `json:"enabled"`
	Created    bool     `json:"created"`
	Groups     []string `json:"groups"`
	Granted    []string `json:"granted"`
	Run        string   `json:"run"`
}

func asAPIJoiner(j postgres.JoinerRow) apiJoiner {
	return apiJoiner{ID: j.ID, Connection: j.Connection, Worker: j.Worker, Name: j.Label, Department: j.Department, StartDate: j.StartDate, Status: j.Status, CreatedAt: stamp(j.CreatedAt), LastRun: j.LastRun, LastState: j.LastState}
}

func (s *Server) apiJoiners(c *fiber.Ctx, _ auth.Actor) error {
	limit, after, err := pageOf(c, joinerCursor)
	if err != nil {
		return err
	}
	rows, next, err := s.DB.Joiners(c.UserContext(), c.Query("q"), after, limit)
	if err != nil {
		return err
	}
	var out []apiJoiner
	for _, j := range rows {
		out = append(out, asAPIJoiner(j))
	}
	return sendPage(c, joinerCursor, out, next)
}

func (s *Server) apiJoinerShow(c *fiber.Ctx, who auth.Actor) error {
	d, err := s.DB.Joiner(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	out := asAPIJoiner(d.JoinerRow)
	out.Attributes = attributesFor(d.Attributes, who)
	for _, a := range d.Accounts {
		out.Accounts = append(out.Accounts, apiAccount{a.Connection, a.AccountID, a.Name, a.Enabled, a.Created, append([]string{}, a.Groups...), append([]string{}, a.Granted...), a.RunID})
	}
	for _, n := range d.Names {
		out.Names = append(out.Names, asAPIName(n))
	}
	for _, r := range d.Runs {
		out.Runs = append(out.Runs, asAPIRun(r))
	}
	return sendJSON(c, http.StatusOK, out)
}

type apiAudit struct {
	Seq     int64           `json:"seq"`
	At      string          `json:"at"`
	Actor   string          `json:"actor"`
	Name    string          `json:"name"`
	Address string          `json:"address"`
	Action  string          `json:"action"`
	Kind    string          `json:"kind"`
	ID      string          `json:"id"`
	Detail  json.RawMessage `json:"detail"`
	Hash    string          `json:"hash"`
}

// apiAuditList gives sealed records in the order of the chain.
func (s *Server) apiAuditList(c *fiber.Ctx, _ auth.Actor) error {
	limit, cursor, err := pageOf(c, auditCursor)
	if err != nil {
		return err
	}
	text := c.Query("after", "0")
	if cursor != "" {
		text = cursor
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil || after < 0 {
		return badRequest("after is the number of a record in the chain.")
	}
	rows, err := s.DB.AuditAfter(c.UserContext(), after, limit)
	if err != nil {
		return err
	}
	var out []apiAudit
	next := ""
	for _, r := range rows {
		out = append(out, apiAudit{r.Seq, stamp(r.At), r.ActorID, r.ActorName, r.Address, r.Action, r.Kind, r.ObjectID, json.RawMessage(r.Detail), r.Hash})
	}
	if len(rows) == limit {
		next = strconv.FormatInt(rows[len(rows)-1].Seq, 10)
	}
	return sendPage(c, auditCursor, out, next)
}
