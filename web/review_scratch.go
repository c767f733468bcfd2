package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/reviews"
	"joinery/views/ui"
)

// trialOf is a revision to be tried: what the form of a try is made of.
func trialOf(c function.Content) functionDraft {
	d := functionDraft{key: c.Key, source: c.Source, input: yamlOfAny(c.Manifest.Input), grants: c.Manifest.Grants, sheets: noSheets()}
	d.beginSample(c.Cases)
	return d
}

// scratchPart is the form of a try.
func (s *Server) scratchPart(d postgres.ReviewDetail, draft functionDraft, problems []fault.Problem) (*reviews.Scratch, error) {
	out := &reviews.Scratch{Action: "/reviews/" + d.ID + "/scratch#scratch"}
	var err error
	out.Sample, err = s.sampleForm(draft, problems, false)
	return out, err
}

// reviewScratch is POST /reviews/:id/scratch: the revision runs once with the reader's
// own input. Nothing of it is kept but the record that it was done.
func (s *Server) reviewScratch(c *fiber.Ctx, who auth.Actor) error {
	ctx := c.UserContext()
	d, err := s.DB.Review(ctx, c.Params("id"))
	if err != nil {
		return err
	}
	if d.Kind != review.Function {
		return fault.New(fault.Invalid, "Only functions are tried like this.")
	}
	if s.Functions == nil {
		return fault.New(fault.Unavailable, "This process runs no functions.")
	}
	content, err := function.Decode([]byte(d.Content))
	if err != nil {
		return err
	}
	draft := trialOf(content)
	rows, cells, selected := postedCells(c)
	draft.sheets.selected = selected
	draft.postedSample(c, rows, cells)
	out, status, err := s.actScratch(c, who, d, content, &draft)
	if err != nil {
		return err
	}
	deps, err := s.DB.Dependents(ctx, d.Kind, d.Key)
	if err != nil {
		return err
	}
	p, err := s.reviewPage(ctx, d, deps, who)
	if err != nil {
		return err
	}
	p.Function.Scratch = out
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: []ui.Link{{Text: "Reviews", URL: "/reviews"}}, Status: status}, reviews.Show(p))
}

// actScratch does what the button of a try says: it runs, or a row comes or goes.
func (s *Server) actScratch(c *fiber.Ctx, who auth.Actor, d postgres.ReviewDetail, content function.Content, draft *functionDraft) (*reviews.Scratch, int, error) {
	if op := c.FormValue("op"); op != "run" && op != "" {
		wrong, ok := draft.sampleAct(op, c.FormValue("paste."+sampleSheet))
		if !ok {
			return nil, 0, fault.New(fault.Invalid, "The form does not know the button %q. Open it again.", clipText(op, 40))
		}
		out, err := s.scratchPart(d, *draft, draft.sample.wrong)
		if wrong != "" && err == nil {
			out.Said = &ui.Notice{Tone: "warn", Text: wrong}
		}
		return out, 0, err
	}
	k, problems := draft.tried(content.Manifest.Input)
	out, err := s.scratchPart(d, *draft, problems)
	if err != nil {
		return nil, 0, err
	}
	if len(problems) > 0 {
		out.Said = &ui.Notice{Tone: "bad", Text: untold(problems)}
		return out, http.StatusUnprocessableEntity, nil
	}
	return out, 0, s.runScratch(c.UserContext(), out, who, d, content, k)
}

func (s *Server) runScratch(ctx context.Context, out *reviews.Scratch, who auth.Actor, d postgres.ReviewDetail, c function.Content, k function.Case) error {
	r, err := s.Functions.RunCase(ctx, c, k, 0)
	if err != nil {
		return err
	}
	o := r.Outcome
	if err := s.DB.RecordScratch(ctx, who, d.Key, d.ID, d.Hash, string(o.Kind)); err != nil {
		return err
	}
	out.Badge = &ui.Badge{Tone: "good", Text: "It ended well"}
	switch o.Kind {
	case luavm.OK:
		if value, bad := c.Read(o.Result); len(bad) > 0 {
			out.Badge = &ui.Badge{Tone: "bad", Text: "The result is not what the manifest says"}
			out.Pairs = append(out.Pairs, ui.Pair{Label: "Wrong", Value: visible(strings.Join(bad, "; "))})
		} else {
			out.Result = visible(yamlOf(value))
		}
		if out.Result == "" {
			out.Result = visible(string(o.Result))
		}
	case luavm.Failed:
		out.Badge = &ui.Badge{Tone: "warn", Text: "It asks for a person"}
		out.Pairs = append(out.Pairs, ui.Pair{Label: "Sentence", Value: visible(o.Message)}, ui.Pair{Label: "Word", Value: visible(o.Code), Code: true})
	default:
		out.Badge = &ui.Badge{Tone: "bad", Text: "It did not end well"}
		out.Pairs = append(out.Pairs, ui.Pair{Label: "Why", Value: visible(o.Sentence())})
	}
	out.Pairs = append(out.Pairs, ui.Pair{Label: "Took", Value: fmt.Sprintf("%s, %d steps", o.Took.Round(100*time.Microsecond), o.Steps)})
	for _, a := range o.Asked {
		answer := string(a.Answer)
		if a.Fault != nil {
			answer = a.Fault.Message
		}
		out.Asked = append(out.Asked, visible(fmt.Sprintf("asked %s(%s): %s", a.Name, strings.Trim(string(a.Args), "[]"), answer)))
	}
	for _, e := range o.Plan {
		out.Plan = append(out.Plan, visible(fmt.Sprintf("would do %s(%s)", e.Do, strings.Trim(string(e.Args), "[]"))))
	}
	for _, l := range o.Log {
		out.Log = append(out.Log, visible(strings.TrimSpace(fmt.Sprintf("logged %s: %s %s", l.Level, l.Message, l.Fields))))
	}
	return nil
}
