package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
)

type apiSignoff struct {
	ID       string  `json:"id"`
	Run      string  `json:"run"`
	Title    string  `json:"title"`
	Question string  `json:"question"`
	Role     string  `json:"role"`
	Person   string  `json:"person"`
	Deadline *string `json:"deadline"`
	State    string  `json:"state"`
	// Fields are what the answer fills in (form, by key).
	Fields []apiSignoffField `json:"fields"`
}

type apiSignoffField struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	Kind  string `json:"kind"`
}

func asAPISignoff(g postgres.SignoffLine) apiSignoff {
	fields := []apiSignoffField{}
	for _, f := range g.Fields {
		fields = append(fields, apiSignoffField(f))
	}
	return apiSignoff{ID: g.ID, Run: g.RunID, Title: g.Title, Question: g.Question, Role: g.Role, Person: g.Person, Deadline: stampOf(g.Deadline), State: g.State, Fields: fields}
}

func (s *Server) apiSignoffs(c *fiber.Ctx, who auth.Actor) error {
	limit, after, err := pageOf(c, signoffCursor)
	if err != nil {
		return err
	}
	rows, next, err := s.DB.OpenSignoffPage(c.UserContext(), after, limit)
	if err != nil {
		return err
	}
	var out []apiSignoff
	for _, g := range rows {
		out = append(out, asAPISignoff(questionFor(g, who)))
	}
	return sendPage(c, signoffCursor, out, next)
}

func (s *Server) apiSignoffDecide(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Decision string         `json:"decision"`
		Comment  string         `json:"comment"`
		Form     map[string]any `json:"form"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if in.Decision != "approved" && in.Decision != "rejected" {
		return fault.Refuse("The decision is approved or rejected.", []fault.Problem{{Path: "decision", Detail: "Write approved or rejected."}})
	}
	g, err := s.DB.Signoff(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	form, err := answersTo(g.Fields, in.Form)
	if err != nil {
		return err
	}
	id, err := s.DB.DecideSignoff(c.UserContext(), who, g.ID, in.Decision == "approved", in.Comment, form)
	if err != nil {
		return err
	}
	s.kick()
	return sendJSON(c, http.StatusOK, map[string]any{"run": id, "decision": in.Decision})
}

// answersTo reads what fills in the fields of a sign-off. A flow reads each of them,
// so one that was left out is there empty, as in a form on a page.
func answersTo(fields []postgres.SignoffFieldRow, sent map[string]any) (map[string]any, error) {
	out := map[string]any{}
	var problems []fault.Problem
	for _, f := range fields {
		v, ok := sent[f.Key]
		out[f.Key] = v
		text, isText := v.(string)
		switch {
		case f.Kind == "bool":
			if !ok {
				out[f.Key] = false
			} else if _, is := v.(bool); !is {
				problems = append(problems, fault.Problem{Path: "form." + f.Key, Detail: "Write true or false."})
			}
		case !ok:
			out[f.Key] = ""
		case !isText || len(text) > 5000:
			problems = append(problems, fault.Problem{Path: "form." + f.Key, Detail: "Write a text of up to 5,000 characters."})
		case f.Kind == "date" && text != "":
			if _, err := time.Parse(time.DateOnly, text); err != nil {
				problems = append(problems, fault.Problem{Path: "form." + f.Key, Detail: "Write a date such as 2026-12-31."})
			}
		}
	}
	for key := range sent {
		if _, ok := out[key]; !ok {
			problems = append(problems, fault.Problem{Path: "form." + clip(key, 80), Detail: "The sign-off has no such field."})
		}
	}
	if len(problems) == 0 {
		return out, nil
	}
	slices.SortFunc(problems, func(a, b fault.Problem) int { return strings.Compare(a.Path, b.Path) })
	return nil, fault.Refuse("The answers do not fit the fields of the sign-off.", problems)
}
