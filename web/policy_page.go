package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/policy"
	"joinery/views/policies"
	"joinery/views/ui"
)

// policyPage makes the page of a form, with what is wrong at each cell.
func (s *Server) policyPage(c *fiber.Ctx, who auth.Actor, d policyDraft, v verdict) (policies.EditPage, error) {
	p := policies.EditPage{Type: d.spec.Type, Base: itoa(d.base), ReadOnly: !who.Can(auth.ArtifactWrite), Title: d.spec.Title, Help: d.spec.Help, Icon: d.spec.Icon,
		Action: "/policies/form", DraftURL: "/policies/draft", ConditionURL: "/policies/condition", Builder: builderPart(d.mentioned(v.doc.Content)), CancelURL: "/policies",
		Message: ui.Field{Name: "message", Label: "What changes and why", Value: d.message, Help: "The reviewer reads this."}}
	at := placed(d, v.problems)
	name := ui.Field{Name: "name", Label: "Name", Value: d.name, Required: true, Error: at.take("name"), Focus: d.focus == "name"}
	about := ui.Field{Name: "description", Label: "What it is for", Value: d.description, Error: at.take("description")}
	p.About = []ui.Field{name, about}
	if d.base == 0 {
		key := ui.Field{Name: "key", Label: "Key", Value: d.key, Required: true, Help: "Flows name the policy by it. It stays.", Error: at.take("key")}
		p.About = []ui.Field{name, key, about}
	} else {
		p.Action, p.DraftURL, p.CancelURL = "/policies/"+d.key+"/form", "/policies/"+d.key+"/draft", ""
	}
	for _, f := range d.spec.Fields {
		path := d.spec.Field() + "." + f.Key
		if f.Kind == form.Table {
			t, err := s.policyTable(c, d, f, at, p.ReadOnly)
			if err != nil {
				return p, err
			}
			p.Tables, p.Wide = append(p.Tables, t), p.Wide || len(t.Columns) > 5
			continue
		}
		x, err := s.nodeField(c, f, d.fields[f.Key])
		if err != nil {
			return p, err
		}
		x.Error = at.take(path)
		p.Fields = append(p.Fields, x)
	}
	for i, k := range d.cases {
		p.Cases = append(p.Cases, casePart(d, k, v, at, i))
	}
	p.CaseAdd = casePart(d, draftCase{id: "BLANK", texts: map[string]string{}}, verdict{}, at, -1)
	p.CaseAdd.Open = true
	p.Results = resultLine(v)
	if rest := at.rest(); len(rest) > 0 {
		p.Stale = append(p.Stale, ui.Notice{Tone: "warn", Text: "To be solved before this can be submitted:", Items: rest})
	} else if n := len(v.problems); n > 0 {
		p.Stale = append(p.Stale, ui.Notice{Tone: "warn", Text: plural(n, "problem", "problems") + " to solve before this can be submitted. They are shown where they are."})
	}
	return p, nil
}

// placedProblems are problems by the place of the form they belong to.
type placedProblems struct {
	at    map[string]string
	taken map[string]bool
	order []fault.Problem
	draft policyDraft
}

func placed(d policyDraft, problems []fault.Problem) *placedProblems {
	out := &placedProblems{at: map[string]string{}, taken: map[string]bool{}, order: problems, draft: d}
	for _, p := range problems {
		if out.at[p.Path] == "" {
			out.at[p.Path] = p.Detail
		}
	}
	return out
}

// take gives the problem at a path or below it.
func (p *placedProblems) take(path string) string {
	out := p.at[path]
	p.taken[path] = true
	for _, x := range p.order {
		if strings.HasPrefix(x.Path, path+".") && !p.taken[x.Path] {
			p.taken[x.Path] = true
			if out == "" {
				out = x.Detail
			}
		}
	}
	return out
}

// only gives the problem at exactly this path.
func (p *placedProblems) only(path string) string {
	p.taken[path] = true
	return p.at[path]
}

// rest are the problems that no place took.
func (p *placedProblems) rest() []string {
	var out []string
	for _, x := range p.order {
		if !p.taken[x.Path] {
			out = append(out, strings.TrimPrefix(x.Path+": "+x.Detail, ": "))
		}
	}
	return out
}

func (s *Server) policyTable(c *fiber.Ctx, d policyDraft, f form.Field, at *placedProblems, readOnly bool) (policies.Table, error) {
	path := d.spec.Field() + "." + f.Key
	t := policies.Table{Key: f.Key, Label: f.Label, Help: f.Help, ReadOnly: readOnly, Fold: f.Group != "", Shown: len(d.tables[f.Key]) > 0}
	choices, width := map[string][]ui.Option{}, 0
	for _, col := range f.Columns {
		x, err := s.nodeField(c, col, nil)
		if err != nil {
			return t, err
		}
		choices[col.Key] = x.Options
		if len(x.Options) > 0 && x.Options[0].Value == "" && !col.Required && col.Kind != form.Select {
			choices[col.Key] = append([]ui.Option{{Label: "—"}}, x.Options[1:]...)
		}
		t.Columns = append(t.Columns, policies.Column{Key: col.Key, Label: col.Label, Help: col.Help, Required: col.Required, Class: cellClass(col)})
		width += leastWidth(cellClass(col))
	}
	t.Many = width > widestSheet
	for i, r := range d.tables[f.Key] {
		t.Rows = append(t.Rows, tableRow(d, f, r, i, at, choices, readOnly))
	}
	t.Blank = tableRow(d, f, newRow(f, "BLANK"), -1, at, choices, readOnly)
	t.Error = at.only(path)
	return t, nil
}

func tableRow(d policyDraft, f form.Field, r draftRow, i int, at *placedProblems, choices map[string][]ui.Option, readOnly bool) policies.Row {
	out := policies.Row{ID: r.id, Number: strconv.Itoa(i + 1), Selected: slices.Contains(d.selected[f.Key], r.id)}
	path := fmt.Sprintf("%s.%s.%d", d.spec.Field(), f.Key, i)
	for n, col := range f.Columns {
		cell := policies.Cell{Name: "t." + f.Key + "." + r.id + "." + col.Key, Value: r.cells[col.Key], Placeholder: col.Placeholder, Column: col.Key, Label: col.Label, Help: col.Help, Required: col.Required, Class: cellClass(col), Disabled: readOnly, Input: "lines"}
		cell.Focus = d.focus != "" && d.focus == cell.Name
		if i >= 0 {
			cell.Error = at.take(path + "." + col.Key)
		}
		if w := col.ShowWhen; w != nil {
			cell.ShowColumn, cell.ShowIn, cell.Off = w.Field, strings.Join(w.In, " "), !slices.Contains(w.In, r.cells[w.Field])
		}
		switch {
		case len(choices[col.Key]) > 0 && col.Kind != form.List:
			cell.Input, cell.Options = "select", chosen(choices[col.Key], cell.Value)
		case col.Kind == form.Bool && !col.Expr:
			cell.Input = "check"
		case col.Kind == form.Number:
			cell.Input = "number"
		case col.Kind == form.Expression:
			cell.Condition = col.Result == "bool"
		}
		if i >= 0 && n == 0 && cell.Error == "" {
			cell.Error = at.only(path)
		}
		out.Cells = append(out.Cells, cell)
		if cell.Error != "" {
			out.Error = cell.Error
		}
	}
	return out
}

// chosen marks the option in force; a value that none has stays as one of its own.
func chosen(options []ui.Option, value string) []ui.Option {
	out := slices.Clone(options)
	found := false
	for i := range out {
		out[i].Selected = out[i].Value == value
		found = found || out[i].Selected
	}
	if !found && value != "" {
		out = append(out, ui.Option{Value: value, Label: value + " (is not there)", Selected: true})
	} else if !found {
		out = append([]ui.Option{{Label: "—", Selected: true}}, out...)
	}
	return out
}

// cellClass says how wide a column is, by what it holds.
func cellClass(f form.Field) string {
	switch f.Kind {
	case form.Expression:
		return "cell-code"
	case form.Select, form.Directory, form.HRIS, form.Policy:
		if f.Required {
			return "cell-pick cell-main"
		}
		return "cell-pick"
	case form.Number, form.Bool, form.Duration:
		return "cell-short"
	case form.List, form.Mapping:
		return "cell-list"
	case form.LongText:
		return "cell-long"
	}
	if f.Expr {
		return "cell-code"
	}
	return "cell-text"
}

// widestSheet is the room for the columns of a table on a screen of 1440 px, in px.
const widestSheet = 1000

// leastWidth is what a column of a class takes at least, in px, as the stylesheet has it.
func leastWidth(class string) int {
	switch class {
	case "cell-code":
		return 180
	case "cell-list":
		return 140
	case "cell-long":
		return 160
	case "cell-pick", "cell-pick cell-main":
		return 120
	case "cell-short":
		return 84
	}
	return 110
}

func casePart(d policyDraft, k draftCase, v verdict, at *placedProblems, i int) policies.Case {
	path := "cases." + strconv.Itoa(i)
	out := policies.Case{ID: k.id, Title: k.texts["name"], Open: !k.folded}
	if out.Title == "" {
		out.Title = "New test"
	}
	for _, f := range caseFields() {
		text := k.texts[f.key]
		if !f.shows(d.spec.Type, text) {
			continue
		}
		x := ui.Field{Name: "case." + k.id + "." + f.key, Label: f.label, Help: f.help, Placeholder: f.placeholder, Value: text, Required: f.key == "name"}
		x.Focus = d.focus != "" && d.focus == x.Name
		if f.rows > 0 {
			x.Input, x.Rows = "code", linesFor(text, f.rows)
		}
		if i >= 0 {
			x.Error = at.take(path + "." + f.key)
		}
		out.Open = out.Open || x.Error != ""
		if f.rows > 0 {
			out.Large = append(out.Large, x)
		} else {
			out.Fields = append(out.Fields, x)
		}
	}
	if i >= 0 {
		out.Result, out.Why = caseBadge(v, i)
		if err := at.only(path); err != "" && out.Why == "" {
			out.Why = err
		}
	}
	return out
}

func linesFor(text string, least int) int { return max(least, strings.Count(text, "\n")+1) }

// caseBadge tells how a test went.
func caseBadge(v verdict, i int) (*ui.Badge, string) {
	if i >= len(v.results) {
		return nil, ""
	}
	if r := v.results[i]; !r.Passed {
		return &ui.Badge{Tone: "bad", Text: "Failed"}, r.Why
	}
	return &ui.Badge{Tone: "good", Text: "Passed"}, ""
}

func resultLine(v verdict) policies.Results {
	out := testResults(v.results)
	if len(v.results) == 0 && rulesAreWrong(v.problems) {
		out.Text = "They run when the rules have no problems."
	}
	return out
}

// testResults sums up tests that ran.
func testResults(results []policy.CaseResult) policies.Results {
	var out policies.Results
	passed := 0
	for _, r := range results {
		line := policies.TestLine{Name: r.Case.Name, Badge: ui.Badge{Tone: "good", Text: "Passed"}, Why: r.Why}
		if r.Passed {
			passed++
		} else {
			line.Badge = ui.Badge{Tone: "bad", Text: "Failed"}
		}
		out.Tests = append(out.Tests, line)
	}
	switch {
	case len(results) == 0:
		return out
	case passed == len(results):
		out.Badge = &ui.Badge{Tone: "good", Text: plural(passed, "test passes", "tests pass")}
	default:
		out.Badge = &ui.Badge{Tone: "bad", Text: fmt.Sprintf("%d of %d fail", len(results)-passed, len(results))}
	}
	return out
}
