package web

import (
	"fmt"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/views/policies"
)

// judged is what a page's script learns about the form while somebody types.
type judged struct {
	// Problems are those of single places: the name of the field they belong to,
	// or "" where it has none.
	Problems []judgedProblem `json:"problems"`
	Tests    []judgedTest    `json:"tests"`
	// Results, Picker and Outcome are parts of the page.
	Results string `json:"results"`
	Picker  string `json:"picker,omitempty"`
	Outcome string `json:"outcome"`
	// Stored are the picked joiner's attributes, as the panel's fields show them.
	Stored map[string]string `json:"stored,omitempty"`
	// Unchanged says that the form is what the newest revision holds.
	Unchanged bool `json:"unchanged"`
}

type judgedProblem struct {
	Path   string `json:"path"`
	Detail string `json:"detail"`
}

type judgedTest struct {
	HTML   string `json:"html"`
	Passed bool   `json:"passed"`
}

// policyJudge is POST /policies/draft and /policies/:key/draft: what is wrong with
// the form as it is now, how its tests go, and what it decides for the joiner in
// the panel. It keeps nothing.
func (s *Server) policyJudge(c *fiber.Ctx, who auth.Actor) error {
	a, d, err := s.postedPolicy(c)
	if err != nil {
		return err
	}
	v, err := s.judge(c, who, d)
	if err != nil {
		return err
	}
	out := judged{Problems: []judgedProblem{}, Tests: []judgedTest{}, Unchanged: a.Key != "" && v.doc.Hash == a.HeadHash}
	for _, p := range v.problems {
		out.Problems = append(out.Problems, judgedProblem{Path: formPath(d, p), Detail: p.Detail})
	}
	render := s.fragment(c)
	if out.Results, err = render(c.UserContext(), policies.ResultLine(resultLine(v))); err != nil {
		return err
	}
	if out.Outcome, err = render(c.UserContext(), policies.Outcome(outcomePart(d, v.tried))); err != nil {
		return err
	}
	for i := range d.cases {
		badge, why := caseBadge(v, i)
		html, err := render(c.UserContext(), policies.CaseResult(badge, why))
		if err != nil {
			return err
		}
		out.Tests = append(out.Tests, judgedTest{HTML: html, Passed: why == ""})
	}
	if c.FormValue("picking") != "" {
		t, err := s.tryPart(c, who, d, v.doc.Content, v)
		if err != nil {
			return err
		}
		if v.tried != nil && v.tried.label != "" {
			out.Stored = map[string]string{}
			for name, x := range v.tried.subject.Worker.Attributes {
				out.Stored[name] = attributeText(name, x)
			}
		}
		if out.Picker, err = render(c.UserContext(), policies.Picker(t)); err != nil {
			return err
		}
	}
	return sendJSON(c, http.StatusOK, out)
}

// formPath writes the place of a problem the way script finds it: the path, with
// the policy's rules left out.
func formPath(d policyDraft, p fault.Problem) string {
	if rest, ok := cutRules(d, p.Path); ok {
		return rest
	}
	return p.Path
}

func cutRules(d policyDraft, path string) (string, bool) {
	at := d.spec.Field() + "."
	if len(path) > len(at) && path[:len(at)] == at {
		return fmt.Sprintf("rules.%s", path[len(at):]), true
	}
	return "", false
}
