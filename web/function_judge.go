package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/artifact"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/review"
	"joinery/views/functions"
	"joinery/views/ui"
)

// functionVerdict is what is known about a form: what is wrong, how its tests went,
// and what came of trying it.
type functionVerdict struct {
	problems []fault.Problem
	doc      artifact.Doc
	content  function.Content
	// unread says that some text cannot be read, so there is no content.
	unread   bool
	analysis luavm.Analysis
	// report is what the tests showed, nil when they did not run; only is the case
	// that ran alone, -1 for all.
	report   *luavm.Report
	only     int
	sample   *luavm.CaseResult
	sampleOf function.Case
	compared *functions.Compared
	// trouble is why a test, a try or a comparison could not be made.
	trouble error
}

// judgeFunction reads a form and does what its button says: test, test:ID, mutants,
// run, keep, compare. Nothing is kept.
func (s *Server) judgeFunction(c *fiber.Ctx, d functionDraft, op string) (functionVerdict, error) {
	v := functionVerdict{only: -1}
	var err error
	v.doc, v.content, v.problems, err = d.doc(s.kinds())
	if err != nil {
		if fault.KindOf(err) == fault.Internal {
			return v, err
		}
		v.problems = []fault.Problem{{Detail: fault.Sentence(err)}}
	}
	v.unread = len(v.problems) > 0
	if !v.unread {
		v.problems = function.Check(v.content)
	}
	if verb, _, _ := strings.Cut(op, ":"); verb != "run" && verb != "keep" {
		v.problems = append(v.problems, d.sample.wrong...)
	}
	err = s.withFunctions(c.UserContext(), func(ctx context.Context, pool *luavm.Pool) error {
		var err error
		if v.analysis, err = pool.Check(ctx, d.source); err != nil {
			return err
		}
		return s.doFunction(c, ctx, pool, d, op, &v)
	})
	if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound) {
		v.trouble, err = err, nil
	}
	return v, err
}

func (s *Server) doFunction(c *fiber.Ctx, ctx context.Context, pool *luavm.Pool, d functionDraft, op string, v *functionVerdict) error {
	verb, id, _ := strings.Cut(op, ":")
	switch verb {
	case "test", "mutants":
		if v.unread {
			return fault.New(fault.Invalid, "The tests did not run: some fields cannot be read. They say what is wrong.")
		}
		content := v.content
		if id != "" {
			if v.only = slices.IndexFunc(d.cases, func(k functionCase) bool { return k.id == id }); v.only < 0 {
				return fault.New(fault.Invalid, "There is no such test in the form.")
			}
			content.Cases = content.Cases[v.only : v.only+1]
		}
		r, err := pool.Test(ctx, content, verb == "mutants")
		if err != nil {
			return err
		}
		v.report = &r
		if r.Wrong() {
			return fault.New(fault.Invalid, "The tests did not run: the code cannot be read yet. What is wrong is told below it.")
		}
		if verb == "mutants" && r.Survivors == nil {
			return fault.New(fault.Invalid, "Small changes are tried once all tests pass.")
		}
	case "run", "keep":
		var schema map[string]any
		if !v.unread {
			schema = v.content.Manifest.Input
		}
		k, problems := d.tried(schema)
		v.problems = append(v.problems, problems...)
		switch {
		case len(problems) > 0:
			return fault.New(fault.Invalid, "%s", untold(problems))
		case v.unread:
			return fault.New(fault.Invalid, "It did not run: some fields cannot be read. They say what is wrong.")
		case v.analysis.Wrong():
			return fault.New(fault.Invalid, "It did not run: the code cannot be read yet. What is wrong is told below it.")
		}
		r, err := pool.RunCase(ctx, v.content, k, 0)
		if err != nil {
			return err
		}
		v.sample, v.sampleOf = &r, k
	case "compare":
		n, err := strconv.Atoi(d.compare)
		if err != nil || n < 1 {
			return fault.New(fault.Invalid, "Choose a revision to compare with.")
		}
		rev, err := s.DB.Revision(ctx, review.Function, d.key, n)
		if err != nil {
			return err
		}
		old, err := function.Decode([]byte(rev.Content))
		if err != nil {
			return err
		}
		v.compared = comparedView(n, old, d, v)
	}
	return nil
}

// comparedView puts a revision beside the form: the code side by side, the rest in words.
func comparedView(n int, old function.Content, d functionDraft, v *functionVerdict) *functions.Compared {
	out := &functions.Compared{Label: "Code of both, side by side", Left: fmt.Sprintf("revision %d", n), Right: "the form", Rows: sideRows(visible(old.Source), visible(d.source))}
	if v.unread {
		return out
	}
	now := v.content
	for _, g := range now.Manifest.Grants {
		if !slices.Contains(old.Manifest.Grants, g) {
			out.Words = append(out.Words, "Grant added: "+g)
		}
	}
	for _, g := range old.Manifest.Grants {
		if !slices.Contains(now.Manifest.Grants, g) {
			out.Words = append(out.Words, "Grant taken away: "+g)
		}
	}
	for _, part := range []struct {
		name string
		a, b any
	}{{"The name is another", old.Name, now.Name}, {"The description is another", old.Description, now.Description}, {"The schema of the input is another", old.Manifest.Input, now.Manifest.Input}, {"The schema of the output is another", old.Manifest.Output, now.Manifest.Output}, {"The limits are others", old.Manifest.Limits, now.Manifest.Limits}} {
		if yamlOfAny(part.a) != yamlOfAny(part.b) {
			out.Words = append(out.Words, part.name+".")
		}
	}
	was := map[string]string{}
	for _, k := range old.Cases {
		was[k.Name] = yamlOfAny(k)
	}
	for _, k := range now.Cases {
		if text, ok := was[k.Name]; !ok {
			out.Words = append(out.Words, fmt.Sprintf("Test added: %s", k.Name))
		} else if text != yamlOfAny(k) {
			out.Words = append(out.Words, fmt.Sprintf("Test changed: %s", k.Name))
		}
		delete(was, k.Name)
	}
	for _, k := range old.Cases {
		if _, gone := was[k.Name]; gone {
			out.Words = append(out.Words, fmt.Sprintf("Test removed: %s", k.Name))
		}
	}
	for i := range out.Words {
		out.Words[i] = visible(out.Words[i])
	}
	return out
}

// sideRows puts the lines of a difference side by side; nil where there is none.
func sideRows(a, b string) []ui.DiffRow {
	var out []ui.DiffRow
	var dels []ui.DiffLine
	flush := func() {
		for _, l := range dels {
			out = append(out, ui.DiffRow{Left: l.Left, LeftText: l.Text, LeftKind: "del", RightKind: ""})
		}
		dels = nil
	}
	for _, l := range diffLines(a, b) {
		switch l.Kind {
		case "del":
			dels = append(dels, l)
		case "add":
			if len(dels) > 0 {
				out = append(out, ui.DiffRow{Left: dels[0].Left, LeftText: dels[0].Text, LeftKind: "del", Right: l.Right, RightText: l.Text, RightKind: "add"})
				dels = dels[1:]
				continue
			}
			out = append(out, ui.DiffRow{LeftKind: "", Right: l.Right, RightText: l.Text, RightKind: "add"})
		case "gap":
			flush()
			out = append(out, ui.DiffRow{LeftKind: "gap", LeftText: l.Text})
		default:
			flush()
			out = append(out, ui.DiffRow{Left: l.Left, LeftText: l.Text, LeftKind: "same", Right: l.Right, RightText: l.Text, RightKind: "same"})
		}
	}
	flush()
	return out
}

// kept makes a test of a try.
func (d *functionDraft) keep(v functionVerdict) {
	id := "k" + itoa(len(d.cases))
	for slices.ContainsFunc(d.cases, func(k functionCase) bool { return k.id == id }) {
		id += "k"
	}
	k := functionCase{id: id, name: fmt.Sprintf("sample %d", len(d.cases)+1), input: d.sample.input, now: d.sample.now, stubs: d.sample.stubs, open: true}
	out := v.sample.Outcome
	if out.Kind == luavm.OK {
		value, _ := v.content.Read(out.Result)
		k.output = yamlOfAny(value)
		var plan []function.Planned
		for _, e := range out.Plan {
			p := function.Planned{Do: e.Do}
			_ = json.Unmarshal(e.Args, &p.Args) // the host judged it
			plan = append(plan, p)
		}
		if len(plan) > 0 {
			k.plan = yamlOfAny(plan)
		}
	} else if k.failure = out.Code; k.failure == "" {
		k.failure = string(out.Kind)
	}
	d.cases = append(d.cases, k)
}
