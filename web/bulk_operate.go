package web

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// listActed comes back to a list after an act; a refusal is shown on its page.
func (s *Server) listActed(c *fiber.Ctx, who auth.Actor, sentence string, err error) error {
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		return s.bulkPage(c, who, err)
	}
	if err != nil {
		return err
	}
	s.kick()
	return s.done(c, "/bulk/"+c.Params("id"), sentence)
}

// bulkColumns is POST /bulk/:id/columns.
func (s *Server) bulkColumns(c *fiber.Ctx, who auth.Actor) error {
	l, err := s.DB.List(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	m := bulk.Mapping{Attributes: map[string]string{}, Dates: c.FormValue("dates")}
	for i, name := range l.Columns {
		switch is := c.FormValue(fmt.Sprint("column_", i)); {
		case is == "worker" && m.Worker != "":
			return s.listActed(c, who, "", fault.New(fault.Invalid, "The columns %q and %q are both said to be the worker id. Choose one.", m.Worker, name))
		case is == "worker":
			m.Worker = name
		case is != "":
			m.Attributes[name] = is
		}
	}
	return s.listActed(c, who, "The rows were read with these columns.", s.DB.MapList(c.UserContext(), who, l.ID, m))
}

// bulkCheck is POST /bulk/:id/check.
func (s *Server) bulkCheck(c *fiber.Ctx, who auth.Actor) error {
	id := strings.Clone(c.Params("id"))
	if s.CheckList == nil {
		return s.listActed(c, who, "", fault.New(fault.Conflict, "No engine runs beside this page, so nothing can be foreseen here."))
	}
	release, err := s.DB.BeginCheck(c.UserContext(), who, id, c.FormValue("live") == "true")
	if err == nil {
		s.CheckList(id, release)
	}
	return s.listActed(c, who, "", err)
}

// bulkStart is POST /bulk/:id/start.
func (s *Server) bulkStart(c *fiber.Ctx, who auth.Actor) error {
	plan, err := readPlan(c.FormValue("plan"))
	if err == nil {
		err = s.DB.StartList(c.UserContext(), who, c.Params("id"), postgres.StartList{Plan: plan, Onward: c.FormValue("onward") == "true", Reason: c.FormValue("reason"), Release: c.FormValue("release")})
	}
	return s.listActed(c, who, "The first stage is started.", err)
}

func readPlan(text string) ([]int, error) {
	out := []int{}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 || n > bulk.MaxRows {
			return nil, fault.New(fault.Invalid, "%q is not a number of people. Write the size of each stage, such as 5, 50.", part)
		}
		out = append(out, n)
	}
	return out, nil
}

// bulkContinue is POST /bulk/:id/continue.
func (s *Server) bulkContinue(c *fiber.Ctx, who auth.Actor) error {
	return s.listActed(c, who, "The next stage is started.", s.DB.ContinueList(c.UserContext(), who, c.Params("id"), c.FormValue("release")))
}

// bulkDiscard is POST /bulk/:id/discard.
func (s *Server) bulkDiscard(c *fiber.Ctx, who auth.Actor) error {
	return s.listActed(c, who, "The list was discarded.", s.DB.DiscardList(c.UserContext(), who, c.Params("id")))
}

// bulkRetry is POST /bulk/:id/retry.
func (s *Server) bulkRetry(c *fiber.Ctx, who auth.Actor) error {
	retry := s.DB.RetryRun
	if c.FormValue("newest") == "true" {
		retry = s.DB.RetryRunNewest
	}
	return s.listEach(c, who, run.Failed, "%s from the step that failed.", func(ctx context.Context, id string) error { return retry(ctx, who, id) })
}

// bulkResume is POST /bulk/:id/resume.
func (s *Server) bulkResume(c *fiber.Ctx, who auth.Actor) error {
	l, err := s.DB.List(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	most := bulk.MaxRows
	if text := strings.TrimSpace(c.FormValue("most")); text != "" {
		if most, err = strconv.Atoi(text); err != nil || most < 1 {
			return s.bulkPage(c, who, fault.New(fault.Invalid, "%q is not a number of runs.", text))
		}
	}
	ids, err := s.DB.ListRuns(c.UserContext(), l.ID, run.Parked, min(most, bulk.MaxRows))
	if err != nil {
		return err
	}
	return s.letGo(c, who, l.Flow, ids, func(err error) error { return s.bulkPage(c, who, err) })
}

// bulkCancel is POST /bulk/:id/cancel.
func (s *Server) bulkCancel(c *fiber.Ctx, who auth.Actor) error {
	if c.FormValue("confirm") != "cancel" {
		return s.bulkPage(c, who, fault.New(fault.Invalid, "Nothing was canceled, because the word cancel was not typed."))
	}
	n := 0
	for _, state := range []run.State{run.Queued, run.Parked, run.Waiting, run.Running} {
		did, err := s.eachRun(c, state, bulk.MaxRows, func(ctx context.Context, id string) error { return s.DB.CancelRun(ctx, who, id, c.FormValue("reason")) })
		if n += did; err != nil {
			return s.listActed(c, who, "", err)
		}
	}
	return s.listActed(c, who, plural(n, "run is", "runs are")+" canceled.", nil)
}

// listEach runs a verb on the runs of a list in a state, the first of the file
// first, up to the number that the form says.
func (s *Server) listEach(c *fiber.Ctx, who auth.Actor, state run.State, sentence string, verb func(ctx context.Context, id string) error) error {
	most := bulk.MaxRows
	if text := strings.TrimSpace(c.FormValue("most")); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return s.bulkPage(c, who, fault.New(fault.Invalid, "%q is not a number of runs.", text))
		}
		most = min(n, bulk.MaxRows)
	}
	n, err := s.eachRun(c, state, most, verb)
	return s.listActed(c, who, fmt.Sprintf(sentence, plural(n, "run goes on", "runs go on")), err)
}

func (s *Server) eachRun(c *fiber.Ctx, state run.State, most int, verb func(ctx context.Context, id string) error) (int, error) {
	ids, err := s.DB.ListRuns(c.UserContext(), c.Params("id"), state, most)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, id := range ids {
		switch err := verb(c.UserContext(), id); {
		case fault.Is(err, fault.Conflict): // it moved on since
		case err != nil:
			return n, err
		default:
			n++
		}
	}
	return n, nil
}
