package web

import (
	"context"
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/ui"
)

// clash says that two people changed the same. merged is what can be saved instead,
// with what this one wrote where they differ.
type clash struct {
	error
	merged flow.Content
}

func (c clash) Unwrap() error { return c.error }

// clashed gives the clash that an error is.
func clashed(err error) (clash, bool) {
	var c clash
	ok := errors.As(err, &c)
	return c, ok
}

// again is what the form says that shows a clash.
func (c clash) again() *ui.Notice {
	n := refusal(c.error)
	n.Items = append(n.Items, "The form shows yours now, and what was changed apart from it. Save again to put it in place of theirs.")
	return &n
}

// editingFrom is what somebody works on who sends a form: the flow as the form was
// made of it. What was saved since is brought in by saveFlow.
func (s *Server) editingFrom(c *fiber.Ctx) (editing, int, error) {
	base, err := postedBase(c)
	if err != nil {
		return editing{}, 0, err
	}
	a, rev, err := s.newest(c, review.Flow)
	if err == nil && outdated(a, base) {
		rev, err = s.DB.Revision(c.UserContext(), review.Flow, a.Key, base)
	}
	if err != nil {
		return editing{}, 0, err
	}
	f, err := flow.Decode([]byte(rev.Content))
	if err != nil {
		return editing{}, 0, err
	}
	e, err := s.editingNode(a, f, c.Params("node"))
	return e, base, err
}

func outdated(a postgres.Artifact, base int) bool { return base > 0 && base < a.Head }

// meet brings in what others saved since a revision. It says so, for the end of a sentence.
func (s *Server) meet(ctx context.Context, a postgres.Artifact, mine flow.Content, base int) (flow.Content, int, string, error) {
	if !outdated(a, base) {
		return mine, base, "", nil
	}
	was, err := s.flowAt(ctx, a.Key, base)
	if err != nil {
		return mine, base, "", err
	}
	newest, err := s.DB.Revision(ctx, review.Flow, a.Key, 0)
	if err != nil {
		return mine, base, "", err
	}
	theirs, err := flow.Decode([]byte(newest.Content))
	if err != nil {
		return mine, base, "", err
	}
	merged, clashes, err := flow.Merge(was, mine, theirs)
	if err != nil {
		return mine, base, "", err
	}
	if len(clashes) > 0 {
		return mine, base, "", clash{clashSaid(newest, clashes), merged}
	}
	return merged, newest.Number, " What " + newest.AuthorName + " saved meanwhile is in it too.", nil
}

func (s *Server) flowAt(ctx context.Context, key string, revision int) (flow.Content, error) {
	rev, err := s.DB.Revision(ctx, review.Flow, key, revision)
	if err != nil {
		return flow.Content{}, err
	}
	return flow.Decode([]byte(rev.Content))
}

// clashSaid tells what both changed, and how.
func clashSaid(theirs postgres.Revision, all []flow.Clash) error {
	out := &fault.Error{Kind: fault.Conflict}
	var parts []string
	for _, c := range all {
		parts = append(parts, c.Title)
		for i, f := range c.Fields {
			p := fault.Problem{Path: c.Title + ", " + strings.TrimPrefix(f, "params."), Detail: "yours is " + shownValue(c.Mine[i]) + ", theirs is " + shownValue(c.Theirs[i]) + "."}
			if here, ok := c.Mine[i].(bool); ok && strings.HasPrefix(f, "removed") {
				p = fault.Problem{Path: c.Title, Detail: map[bool]string{true: "you changed it, and it was removed.", false: "you removed it, and it was changed."}[here]}
			}
			out.Problems = append(out.Problems, p)
		}
	}
	out.Sentence = theirs.AuthorName + " saved revision " + itoa(theirs.Number) + " while you worked on this, and it changes the same in another way: " + strings.Join(parts, ", ") + ". Nothing of yours is saved yet."
	return out
}
