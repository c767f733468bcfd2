package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
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
	case "restore":
		said.Text = "What was not saved before is back, and is saved in a moment."
	case "add", "give", "dup", "up", "down", "remove", "drop", "paste", "as":
		wrong, ok := d.sheetAct(op, c.FormValue("paste."+opTable(op)))
		if !ok {
			return fault.New(fault.Invalid, "The form does not know the button %q. Open it again.", clipText(op, 40))
		}
		if wrong != "" {
			said = ui.Notice{Tone: "warn", Text: wrong}
		}
	default:
		return fault.New(fault.Invalid, "The form does not know the button %q. Open it again.", clipText(op, 40))
	}
	v, err := s.judgeFunction(c, d, op)
	if err != nil {
		return err
	}
	if verb == "keep" && v.sample != nil {
		d.keep(v)
		if !d.sheets.written[testSheet] {
			d.tabulate(testSheet)
		}
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
