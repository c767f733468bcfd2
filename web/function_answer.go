package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/luavm"
	"joinery/views/functions"
	"joinery/views/ui"
)

// functionSaved is what the script learns from saving by itself.
type functionSaved struct {
	Revision int               `json:"revision,omitempty"`
	Hash     string            `json:"hash,omitempty"`
	Detail   string            `json:"detail,omitempty"`
	Problems []functionProblem `json:"problems"`
	Conflict string            `json:"conflict,omitempty"` // a part of the page
}

// functionAutosave is POST /functions/:key/autosave: the form as a revision, if it
// differs. 409 when somebody saved meanwhile, 422 when a field cannot be read.
func (s *Server) functionAutosave(c *fiber.Ctx, who auth.Actor) error {
	_, d, err := s.postedFunctionForm(c)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(c.FormValue("newest")); err == nil && n > 0 && c.FormValue("op") == "overwrite" {
		d.base = n
	}
	saved, problems, err := s.saveFunction(c.UserContext(), who, d, d.base, viaEditor)
	switch {
	case len(problems) > 0:
		return sendJSON(c, http.StatusUnprocessableEntity, functionSaved{Detail: "Not saved: a field cannot be read yet.", Problems: s.functionProblems(d, problems)})
	case fault.Is(err, fault.Conflict):
		now, two, again := s.functionConflict(c.UserContext(), d)
		if again != nil {
			return again
		}
		if doc, _, _, err := d.doc(s.kinds()); err == nil && doc.Hash == now.HeadHash {
			// A page that went away sent the same just before.
			return sendJSON(c, http.StatusOK, functionSaved{Revision: now.Head, Hash: now.HeadHash, Problems: []functionProblem{}})
		}
		out := functionSaved{Detail: two.Text, Problems: []functionProblem{}}
		if out.Conflict, err = s.fragment(c)(c.UserContext(), functions.ConflictOf(*two)); err != nil {
			return err
		}
		return sendJSON(c, http.StatusConflict, out)
	case badContent(err):
		return sendJSON(c, http.StatusUnprocessableEntity, functionSaved{Detail: fault.Sentence(err), Problems: s.functionProblems(d, fault.Problems(err))})
	case err != nil:
		return err
	}
	return sendJSON(c, http.StatusOK, functionSaved{Revision: saved.Revision, Hash: saved.Hash, Problems: []functionProblem{}})
}

// functionProblem is what is wrong at a field, by the field's name.
type functionProblem struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// functionProblems names problems by the fields of the form.
func (s *Server) functionProblems(d functionDraft, all []fault.Problem) []functionProblem {
	out := []functionProblem{}
	for _, p := range all {
		name := p.Path
		if at := d.cellOf(p.Path); at != "" {
			out = append(out, functionProblem{at, p.Detail})
			continue
		}
		if rest, ok := strings.CutPrefix(name, "cases."); ok {
			i, field, _ := strings.Cut(rest, ".")
			field, _, _ = strings.Cut(field, ".")
			if n, err := strconv.Atoi(i); err == nil && n < len(d.cases) {
				if field == "" {
					field = "output"
				}
				name = "case." + d.cases[n].id + "." + field
			}
		}
		switch {
		case strings.HasPrefix(name, "manifest.grants"):
			name = "grants"
		case strings.HasPrefix(name, "manifest.limits."):
			name = map[string]string{"milliseconds": "milliseconds", "memory_mb": "memory", "host_calls": "calls"}[strings.TrimPrefix(name, "manifest.limits.")]
		default:
			name = strings.TrimPrefix(name, "manifest.")
		}
		out = append(out, functionProblem{name, p.Detail})
	}
	return out
}

// functionJudged is what the script learns about the form.
type functionJudged struct {
	Problems    []functionProblem `json:"problems"`
	Diagnostics []luavm.Problem   `json:"diagnostics"`
	// Uses are the calls of the library, Inputs the names of the input's fields.
	Uses   []luavm.Use       `json:"uses"`
	Inputs []string          `json:"inputs"`
	Parts  map[string]string `json:"parts"`
	// Cases are parts of the page for each test that ran, by its id.
	Cases   map[string]functionCaseParts `json:"cases,omitempty"`
	Lines   []int                        `json:"lines,omitempty"`
	Missed  []int                        `json:"missed,omitempty"`
	Mutants []luavm.Mutant               `json:"survivors,omitempty"`
	Tested  bool                         `json:"tested,omitempty"`
	Trouble string                       `json:"trouble,omitempty"`
}

type functionCaseParts struct {
	Badge  string `json:"badge"`
	More   string `json:"more"`
	Passed bool   `json:"passed"`
}

// functionJudge is POST /functions/:key/draft: what is wrong with the form as it is,
// and what its button asks for. It keeps nothing.
func (s *Server) functionJudge(c *fiber.Ctx, who auth.Actor) error {
	_, d, err := s.postedFunctionForm(c)
	if err != nil {
		return err
	}
	v, err := s.judgeFunction(c, d, c.FormValue("op"))
	if err != nil {
		return err
	}
	out := functionJudged{Problems: s.functionProblems(d, v.problems), Diagnostics: v.analysis.Problems, Uses: v.analysis.Uses, Inputs: inputNames(v), Parts: map[string]string{}}
	if out.Diagnostics == nil {
		out.Diagnostics = []luavm.Problem{}
	}
	if v.trouble != nil {
		out.Trouble = fault.Sentence(v.trouble)
	}
	parts := map[string]templ.Component{"findings": functions.FindingsOf(findingsView(v.analysis)), "grants": functions.GrantNotes(grantNotes(v))}
	var p functions.EditPage
	if err := s.sheetsView(c, d, v, &p, nil); err != nil {
		return err
	}
	if p.TestTable != nil && p.TestColumns != c.FormValue("columns") {
		parts["tests"] = functions.TestSheet(p)
	}
	sample, err := s.sampleForm(d, sampleProblems(v.problems), false)
	if err != nil {
		return err
	}
	if sample.Columns != c.FormValue("sample.columns") {
		parts["sample"] = functions.SampleForm(sample)
	}
	if v.report != nil {
		t := testsView(d, v)
		parts["results"], out.Tested = functions.ResultLine(t), true
		if p.TestTable != nil {
			for i, k := range d.cases {
				p.Cases = append(p.Cases, functionCasePart(d, k, v, i))
			}
			parts["cases"] = functions.CaseResults(p)
		}
		if v.only < 0 {
			parts["coverage"] = functions.CoverageOf(t)
			out.Lines, out.Missed, out.Mutants = v.report.Lines, v.report.Missed, v.report.Survivors
		}
	}
	if v.sample != nil {
		parts["outcome"] = functions.OutcomeOf(sampleView(who, v))
	} else if v.trouble != nil && c.FormValue("op") == "run" {
		parts["outcome"] = ui.Say(ui.Notice{Tone: "warn", Text: out.Trouble})
	}
	if v.compared != nil {
		parts["compared"] = functions.ComparedCard(v.compared)
	}
	render := s.fragment(c)
	for name, part := range parts {
		if out.Parts[name], err = render(c.UserContext(), part); err != nil {
			return err
		}
	}
	for i, k := range d.cases {
		r := v.resultOf(i)
		if r == nil || p.TestTable != nil {
			continue
		}
		if out.Cases == nil {
			out.Cases = map[string]functionCaseParts{}
		}
		view := caseResultView(v.content, v.content.Cases[i], *r)
		one := functionCaseParts{Passed: r.Passed}
		if one.Badge, err = render(c.UserContext(), functions.CaseBadge(view)); err != nil {
			return err
		}
		if one.More, err = render(c.UserContext(), functions.CaseMore(view)); err != nil {
			return err
		}
		out.Cases[k.id] = one
	}
	return sendJSON(c, http.StatusOK, out)
}

func inputNames(v functionVerdict) []string {
	out := []string{}
	fields, _ := v.content.Manifest.Input["properties"].(map[string]any)
	for name := range fields {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// functionLibrary is GET /functions/library.json: the library for function code, for
// completion and help.
func (s *Server) functionLibrary(c *fiber.Ctx, _ auth.Actor) error {
	type entry struct {
		luavm.Func
		Signature string `json:"signature"`
	}
	out := []entry{}
	for _, f := range luavm.Catalogue() {
		out = append(out, entry{f, f.Signature()})
	}
	return sendJSON(c, http.StatusOK, map[string]any{"functions": out})
}
