package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/luavm"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/functions"
	"joinery/views/ui"
)

// viaEditor marks revisions that were kept while somebody typed; the history shows
// those that follow each other as one.
const viaEditor = "editor"

// functionShow is GET /functions/:key: the editor of the newest revision.
func (s *Server) functionShow(c *fiber.Ctx, who auth.Actor) error {
	a, rev, err := s.newest(c, review.Function)
	if err != nil {
		return err
	}
	d, err := functionDraftOf([]byte(rev.Content), rev.Number)
	if err != nil {
		return err
	}
	v, err := s.judgeFunction(c, d, "")
	if err != nil {
		return err
	}
	return s.functionForm(c, who, a, d, v, 0, nil, nil)
}

// functionForm answers with the page of a form.
func (s *Server) functionForm(c *fiber.Ctx, who auth.Actor, a postgres.Artifact, d functionDraft, v functionVerdict, status int, said *ui.Notice, two *functions.Conflict) error {
	p, err := s.functionPage(c, who, a, d, v)
	if err != nil {
		return err
	}
	p.Head, p.Tabs = ui.Head{Title: a.Name, Badges: artifactBadges(a), Text: d.description}, artifactTabs(review.Function, a.Key, "Editor")
	if p.Changed = c.Method() == http.MethodPost; !p.Changed {
		p.Head.Actions = s.submitButton(who, a)
	}
	if said != nil {
		p.Notices = append([]ui.Notice{*said}, p.Notices...)
	}
	p.Conflict = two
	return s.show(c, who, frame{Title: a.Name, Crumbs: crumbsOf(review.Function), Editor: true, Status: status}, functions.Edit(p))
}

// postedFunctionForm reads the form of the function in the address.
func (s *Server) postedFunctionForm(c *fiber.Ctx) (postgres.Artifact, functionDraft, error) {
	a, err := s.DB.Artifact(c.UserContext(), review.Function, c.Params("key"))
	if err != nil {
		return a, functionDraft{}, err
	}
	base, err := postedBase(c)
	if err == nil && base == 0 {
		err = fault.New(fault.Invalid, "The form does not say which revision it started from. Open it again.")
	}
	if err != nil {
		return a, functionDraft{}, err
	}
	return a, postedFunction(c, a.Key, base), nil
}

// functionAct is POST /functions/:key/form: one of the form's buttons. Only save and
// overwrite keep anything.
func (s *Server) functionAct(c *fiber.Ctx, who auth.Actor) error {
	a, d, err := s.postedFunctionForm(c)
	if err != nil {
		return err
	}
	op := c.FormValue("op")
	verb, id, _ := strings.Cut(op, ":")
	said := ui.Notice{Text: "Nothing was saved. The form is as you left it."}
	switch verb {
	case "save", "overwrite", "":
		return s.functionSave(c, who, a, d)
	case "case-add":
		d.cases = append(d.cases, functionCase{id: "n" + strconv.Itoa(len(d.cases)), open: true})
	case "case-drop":
		d.cases = slices.DeleteFunc(d.cases, func(k functionCase) bool { return k.id == id })
	case "test", "mutants", "run", "keep", "compare":
	default:
		return fault.New(fault.Invalid, "The form does not know the button %q. Open it again.", clipText(op, 40))
	}
	v, err := s.judgeFunction(c, d, op)
	if err != nil {
		return err
	}
	if verb == "keep" && v.sample != nil {
		d.keep(v)
		if v, err = s.judgeFunction(c, d, ""); err != nil {
			return err
		}
		said.Text = "The test is below. Look at what it expects, and name it after what it shows. Nothing was saved yet."
	}
	return s.functionForm(c, who, a, d, v, 0, &said, nil)
}

// saveFunction keeps a draft as the newest revision.
func (s *Server) saveFunction(ctx context.Context, who auth.Actor, d functionDraft, base int, via string) (postgres.Saved, []fault.Problem, error) {
	doc, _, problems, err := d.doc(s.kinds())
	if err != nil || len(problems) > 0 {
		return postgres.Saved{}, problems, err
	}
	saved, err := s.DB.SaveRevision(ctx, who, postgres.Save{Doc: doc, Message: d.message, Base: base, Via: via})
	return saved, nil, err
}

func (s *Server) functionSave(c *fiber.Ctx, who auth.Actor, a postgres.Artifact, d functionDraft) error {
	base := d.base
	if c.FormValue("op") == "overwrite" {
		n, err := strconv.Atoi(c.FormValue("newest"))
		if err != nil || n < 1 {
			return fault.New(fault.Invalid, "The form does not say which revision to save after. Open it again.")
		}
		base = n
	}
	saved, problems, err := s.saveFunction(c.UserContext(), who, d, base, "console")
	var said ui.Notice
	var two *functions.Conflict
	status := http.StatusUnprocessableEntity
	switch {
	case len(problems) > 0:
		said = ui.Notice{Tone: "bad", Text: "Nothing was saved: some fields cannot be read. They say what is wrong."}
	case fault.Is(err, fault.Conflict):
		status = http.StatusConflict
		if a, two, err = s.functionConflict(c.UserContext(), d); err != nil {
			return err
		}
		said = ui.Notice{Tone: "warn", Text: "Nothing of yours is saved yet, and nothing is lost."}
	case badContent(err):
		said = refusal(err)
	case err != nil:
		return err
	default:
		return s.done(c, "/functions/"+a.Key, savedSentence(saved))
	}
	v, err := s.judgeFunction(c, d, "")
	if err != nil {
		return err
	}
	return s.functionForm(c, who, a, d, v, status, &said, two)
}

// functionConflict shows what was saved meanwhile beside what was typed.
func (s *Server) functionConflict(ctx context.Context, d functionDraft) (postgres.Artifact, *functions.Conflict, error) {
	a, err := s.DB.Artifact(ctx, review.Function, d.key)
	if err != nil {
		return a, nil, err
	}
	newest, err := s.DB.Revision(ctx, review.Function, d.key, 0)
	if err != nil {
		return a, nil, err
	}
	doc, _, _, err := d.doc(s.kinds())
	if err != nil {
		return a, nil, err
	}
	out := &functions.Conflict{Newest: itoa(newest.Number), TheirsURL: "/functions/" + d.key,
		Text: fmt.Sprintf("%s saved revision %d while you were editing revision %d. Nothing of yours is saved since then, and nothing is lost.", newest.AuthorName, newest.Number, d.base)}
	if len(doc.Content) > 0 {
		if _, out.Lines, err = s.changes(review.Function, newest.Content, string(doc.Content)); err != nil {
			return a, nil, err
		}
	}
	return a, out, nil
}

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
	if v.report != nil {
		t := testsView(d, v)
		parts["results"], out.Tested = functions.ResultLine(t), true
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
		if r == nil {
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
