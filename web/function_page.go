package web

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/functions"
	"joinery/views/ui"
)

// functionPage makes the page of a form, with what is known about it.
func (s *Server) functionPage(c *fiber.Ctx, who auth.Actor, a postgres.Artifact, d functionDraft, v functionVerdict) (functions.EditPage, error) {
	at := "/functions/" + a.Key
	p := functions.EditPage{Action: at + "/form", DraftURL: at + "/draft", SaveURL: at + "/autosave", LibraryURL: "/functions/library.json", Key: a.Key, Base: itoa(d.base), ReadOnly: !who.Can(auth.ArtifactWrite),
		Message: ui.Field{Name: "message", Label: "What changes and why", Value: d.message, Help: "The reviewer reads this."}, Library: libraryModules(luavm.Catalogue())}
	wrong := map[string]string{}
	for _, x := range v.problems {
		if wrong[x.Path] == "" {
			wrong[x.Path] = x.Detail
		}
	}
	p.Asks = functionAsks(who, a.Key)
	p.About = []ui.Field{{Name: "name", Label: "Name", Value: d.name, Required: true, MaxLength: 200, Error: wrong["name"]}, {Name: "description", Label: "What it is for", Value: d.description, Input: "lines", Rows: 2}}
	p.Source = ui.Field{Name: "source", Label: "Lua", Input: "code", Value: d.source, Rows: min(max(strings.Count(d.source, "\n")+3, 14), 40), Error: wrong["source"]}
	p.Findings = findingsView(v.analysis)
	schemas := map[string]ui.Field{inputSheet: {Name: "input", Label: "Input (JSON Schema as YAML)", Input: "code", Rows: 6, Value: d.input, Error: wrong["manifest.input"], Help: "What the function takes. An input that is not so ends the step."},
		outputSheet: {Name: "output", Label: "Output (JSON Schema as YAML)", Input: "code", Rows: 5, Value: d.output, Error: wrong["manifest.output"], Help: "What it gives. Later steps read it by these names."}}
	if err := s.sheetsView(c, d, v, &p, schemas); err != nil {
		return p, err
	}
	least := luavm.Limits{}.Within()
	most := luavm.Most()
	p.Limits = []ui.Field{
		{Name: "milliseconds", Label: "Computing time in ms", Input: "number", Value: d.milliseconds, Error: wrong["manifest.limits.milliseconds"], Help: fmt.Sprintf("Usual: %d. At most %d.", least.Compute.Milliseconds(), most.Compute.Milliseconds())},
		{Name: "memory", Label: "Memory in MB", Input: "number", Value: d.memory, Error: wrong["manifest.limits.memory_mb"], Help: fmt.Sprintf("Usual, and at most: %d.", most.Heap>>20)},
		{Name: "calls", Label: "Questions to systems", Input: "number", Value: d.calls, Error: wrong["manifest.limits.host_calls"], Help: fmt.Sprintf("Usual: %d. At most %d.", least.HostCalls, most.HostCalls)},
	}
	if err := s.grantFields(c, d, &p, wrong); err != nil {
		return p, err
	}
	p.GrantNotes = grantNotes(v)
	for i, k := range d.cases {
		p.Cases = append(p.Cases, functionCasePart(d, k, v, i))
	}
	p.CaseBlank = functionCasePart(functionDraft{}, functionCase{id: "BLANK", open: true, input: ""}, functionVerdict{only: -1}, -1)
	p.Tests = testsView(d, v)
	var err error
	if p.Sample, err = s.sampleForm(d, sampleProblems(v.problems), p.ReadOnly); err != nil {
		return p, err
	}
	if v.sample != nil {
		out := sampleView(who, v)
		p.SampleOutcome = &out
	}
	p.Compared = v.compared
	p.Compare = ui.Field{Name: "compare", Label: "Revision", Input: "select", Options: []ui.Option{{Label: "Choose"}}}
	for n := a.Head; n >= 1 && n > a.Head-200; n-- {
		o := ui.Option{Value: itoa(n), Label: "Revision " + itoa(n), Selected: d.compare == itoa(n)}
		if a.Live != nil && a.Live.Revision == n {
			o.Label += " (live)"
		}
		p.Compare.Options = append(p.Compare.Options, o)
	}
	if a.Live != nil && d.compare == "" {
		for i := range p.Compare.Options {
			p.Compare.Options[i].Selected = p.Compare.Options[i].Value == itoa(a.Live.Revision)
		}
	}
	if v.trouble != nil {
		p.Notices = append(p.Notices, ui.Notice{Tone: "warn", Text: fault.Sentence(v.trouble)})
	}
	return p, nil
}

func findingsView(a luavm.Analysis) functions.Findings {
	var out functions.Findings
	for _, x := range a.Problems {
		f := functions.Finding{Badge: ui.Badge{Tone: "bad", Text: "Mend"}, Where: strings.TrimPrefix(atLine(x.Line), ", "), Text: x.Detail}
		if x.Warning {
			f.Badge = ui.Badge{Tone: "warn", Text: "Look"}
		}
		if f.Where != "" {
			f.Where = "L" + f.Where[1:] + ":"
		}
		out.Lines = append(out.Lines, f)
	}
	return out
}

// grantFields offers what can be granted for each connection there is; what the
// manifest asks for beyond that is a text.
func (s *Server) grantFields(c *fiber.Ctx, d functionDraft, p *functions.EditPage, wrong map[string]string) error {
	all, _, err := s.DB.Artifacts(c.UserContext(), review.Connection, "", "", 200)
	if err != nil {
		return err
	}
	offered := map[string]bool{}
	for _, a := range all {
		rev, err := s.DB.Revision(c.UserContext(), review.Connection, a.Key, 0)
		if err != nil {
			return err
		}
		g := functions.GrantGroup{Connection: a.Key, Label: a.Name}
		for _, can := range s.kinds().Capabilities([]byte(rev.Content)) {
			for _, f := range luavm.Catalogue() {
				if f.Capability == "" || f.Capability != can && (f.Capability != "hris" || can != "workers") {
					continue
				}
				if grant := f.Grant(a.Key); !offered[grant] {
					offered[grant] = true
					g.Options = append(g.Options, ui.Option{Value: grant, Label: f.Name, Help: f.Help, Selected: slices.Contains(d.grants, grant)})
				}
			}
		}
		if len(g.Options) > 0 {
			p.Grants = append(p.Grants, g)
		}
	}
	var more []string
	for _, g := range d.grants {
		if !offered[g] {
			more = append(more, g)
		}
	}
	p.MoreGrants = ui.Field{Name: "grants", Label: "Grants for connections that are not here yet", Input: "code", Rows: max(len(more), 1), Value: strings.Join(more, "\n"), Placeholder: "directory:corp-ldap:accounts.find", Help: "One a line: capability:connection:operation."}
	for path, why := range wrong {
		if strings.HasPrefix(path, "manifest.grants") {
			p.MoreGrants.Error = why
		}
	}
	return nil
}

// grantNotes say where the calls of the code and the grants do not fit.
func grantNotes(v functionVerdict) []ui.Notice {
	r := luavm.Report{Analysis: v.analysis, Asked: v.content.Manifest.Grants, Found: v.analysis.Grants()}
	var out []ui.Notice
	if list := r.Ungranted(); len(list) > 0 {
		out = append(out, ui.Notice{Tone: "bad", Text: "The code needs what is not granted. Grant it below, or take the call out:", Items: list})
	}
	if list := r.Unused(); len(list) > 0 && !v.analysis.Wrong() {
		out = append(out, ui.Notice{Tone: "warn", Text: "Granted, and never called. Take back what is not needed:", Items: list})
	}
	return out
}

func functionCasePart(d functionDraft, k functionCase, v functionVerdict, i int) functions.Case {
	wrong := func(field string) string {
		for _, p := range v.problems {
			if i >= 0 && p.Path == fmt.Sprintf("cases.%d.%s", i, field) {
				return p.Detail
			}
		}
		return ""
	}
	field := func(key, label, value, input, placeholder, help string, rows int) ui.Field {
		return ui.Field{Name: "case." + k.id + "." + key, ID: "case-" + k.id + "-" + key, Label: label, Value: value, Input: input, Placeholder: placeholder, Help: help, Rows: rows, Error: wrong(key)}
	}
	out := functions.Case{ID: k.id, Title: k.name, Open: k.open}
	if out.Title == "" {
		out.Title = "New test"
	}
	for _, p := range v.problems {
		if i >= 0 && (p.Path == fmt.Sprintf("cases.%d", i) || strings.HasPrefix(p.Path, fmt.Sprintf("cases.%d.stubs.", i))) {
			out.Error = p.Detail
		}
	}
	out.Short = []ui.Field{field("name", "Name", k.name, "", "a department with a group", "", 0), field("now", "Moment", k.now, "", "2026-12-01T12:00:00Z", "", 0)}
	out.Large = []ui.Field{field("input", "Input", k.input, "code", "department: Sales", "", 3), field("stubs", "Answers to its questions", k.stubs, "code", "- {call: directory.group_exists, answer: true}", "In the order they are looked at; one without args answers any.", 3),
		field("output", "It must give", k.output, "code", "login: aokafor", "", 3), field("plan", "It must plan", k.plan, "code", "- {do: plan.add_group, args: [corp-ldap, sales]}", "In order. Empty: nothing.", 3), field("error", "Or: it must end with", k.failure, "", "no-department", "The kind given to fail, or a part of the sentence.", 0)}
	if r := v.resultOf(i); r != nil {
		out.Result = caseResultView(v.content, v.content.Cases[i], *r)
		out.Open = out.Open || !r.Passed
	}
	if wrong("input")+wrong("stubs")+wrong("output")+wrong("plan")+wrong("name")+wrong("now") != "" {
		out.Open = true
	}
	return out
}

// resultOf is how the i-th case went, nil where it did not run.
func (v functionVerdict) resultOf(i int) *luavm.CaseResult {
	switch {
	case v.report == nil || i < 0:
		return nil
	case v.only >= 0:
		if i != v.only || len(v.report.Cases) == 0 {
			return nil
		}
		return &v.report.Cases[0]
	case i < len(v.report.Cases):
		return &v.report.Cases[i]
	}
	return nil
}

func caseResultView(content function.Content, k function.Case, r luavm.CaseResult) *functions.CaseResult {
	out := &functions.CaseResult{Badge: ui.Badge{Tone: "good", Text: "Passes"}, Why: r.Why}
	if !r.Passed {
		out.Badge = ui.Badge{Tone: "bad", Text: "Fails"}
		out.WhyURL = askURL(content.Key, author.Why, fmt.Sprintf("Why does the test “%s” fail?", k.Name))
		if k.Error == "" && r.Outcome.Kind == luavm.OK {
			value, _ := content.Read(r.Outcome.Result)
			got := map[string]any{"output": value}
			want := map[string]any{"output": k.Output}
			if len(r.Outcome.Plan) > 0 || len(k.Plan) > 0 {
				got["plan"], want["plan"] = r.Outcome.Plan, k.Plan
				got["plan"] = plannedOf(r.Outcome.Plan)
			}
			out.Diff = diffLines(pretty(want)+"\n", pretty(got)+"\n")
		}
	}
	o := outcomeView(r.Outcome, eyesOn{who: everything()}, true)
	out.Outcome = &o
	return out
}

// everything is a reader for whom nothing is hidden: what a test or a sample shows is
// what was typed into the form.
func everything() auth.Actor { return auth.Actor{Roles: []auth.Role{auth.Admin}} }

func plannedOf(plan []luavm.Entry) []function.Planned {
	var out []function.Planned
	for _, e := range plan {
		p := function.Planned{Do: e.Do}
		_ = json.Unmarshal(e.Args, &p.Args) // the host judged it
		out = append(out, p)
	}
	return out
}

func pretty(v any) string {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return ""
	}
	return string(raw)
}

func sampleView(who auth.Actor, v functionVerdict) functions.Outcome {
	out := outcomeView(v.sample.Outcome, eyesOn{who: everything()}, true)
	if v.sample.Outcome.Kind == luavm.OK {
		if _, wrong := v.content.Read(v.sample.Outcome.Result); len(wrong) > 0 {
			out.Notice = ui.Notice{Tone: "bad", Text: "The result is not what the manifest says: " + strings.Join(wrong, "; ") + "."}
		}
	} else if strings.HasPrefix(v.sample.Why, "No stub answers ") {
		out.Notice = ui.Notice{Tone: "warn", Text: strings.Replace(v.sample.Why, "No stub answers ", "The sample has no answer to ", 1) + " Add a row under “Answers to the sample”."}
	}
	return out
}

// testsView sums up a run of the tests.
func testsView(d functionDraft, v functionVerdict) functions.Tests {
	var out functions.Tests
	r := v.report
	if r == nil || r.Wrong() {
		return out
	}
	bad := 0
	for _, k := range r.Cases {
		if !k.Passed {
			bad++
		}
	}
	switch n := len(r.Cases); {
	case n == 0:
		out.Badge, out.Text = &ui.Badge{Tone: "warn", Text: "No tests"}, "Add one that shows what the function does."
	case bad > 0:
		out.Badge = &ui.Badge{Tone: "bad", Text: fmt.Sprintf("%d of %d fail", bad, n)}
	default:
		out.Badge = &ui.Badge{Tone: "good", Text: plural(n, "test passes", "tests pass")}
	}
	if v.only < 0 && len(r.Lines) > 0 {
		out.Text = fmt.Sprintf("%d of %d lines ran.", len(r.Lines)-len(r.Missed), len(r.Lines))
		for i, text := range strings.Split(d.source, "\n") {
			l := functions.CoverLine{Number: itoa(i + 1), Text: visible(text)}
			if slices.Contains(r.Missed, i+1) {
				l.Mark = "missed"
			} else if slices.Contains(r.Lines, i+1) {
				l.Mark = "ran"
			}
			out.Coverage = append(out.Coverage, l)
		}
	}
	if r.Survivors != nil {
		out.Mutants = &ui.Notice{Tone: "good", Text: fmt.Sprintf("%s tried, and the tests noticed each of them.", plural(r.Tried, "small change was", "small changes were"))}
		if n := len(r.Survivors); n > 0 {
			out.Mutants = &ui.Notice{Tone: "warn", Text: fmt.Sprintf("%s tried; the tests did not notice %d of them. A mistake there could go unseen: add a test that would fail.", plural(r.Tried, "small change was", "small changes were"), n)}
		}
		for _, m := range r.Survivors {
			out.Survivors = append(out.Survivors, functions.Finding{Badge: ui.Badge{Tone: "warn", Text: "Unnoticed"}, Where: "Line " + itoa(m.Line) + ":", Text: m.Change})
		}
	}
	return out
}

// libraryModules is the catalogue, by modules.
func libraryModules(all []luavm.Func) []functions.Module {
	var out []functions.Module
	for _, f := range all {
		name := f.Module()
		if name == "" {
			name = "without a module"
		}
		if n := len(out); n == 0 || out[n-1].Name != name {
			if i := slices.IndexFunc(out, func(m functions.Module) bool { return m.Name == name }); i >= 0 {
				out[i].Functions = append(out[i].Functions, libraryFunction(f))
				continue
			}
			out = append(out, functions.Module{Name: name})
		}
		out[len(out)-1].Functions = append(out[len(out)-1].Functions, libraryFunction(f))
	}
	return out
}

func libraryFunction(f luavm.Func) functions.LibraryFunction {
	out := functions.LibraryFunction{Signature: f.Signature(), Help: f.Help, Example: f.Example}
	if f.Capability != "" {
		out.Grant = f.Grant("<connection>")
	}
	if out.Example == f.Name || !strings.Contains(out.Example, "(") || out.Example+"" == strings.ReplaceAll(f.Signature(), ": any", "") {
		out.Example = ""
	}
	return out
}
