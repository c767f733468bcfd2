package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/function"
	views "joinery/views/author"
	"joinery/views/ui"
)

// intentDraft is an intent as the texts of its form. What cannot be read stays as it
// was typed.
type intentDraft struct {
	name, key, description, inputs, outputs, examples string
	// kept are the grants and forbidden effects whose boxes are ticked; more are those
	// that were added, one a line.
	kept, forbidden     []string
	more, moreForbidden string
	answers             []string
	problems            []fault.Problem
}

// intentDraftOf gives an intent as the texts of its form.
func intentDraftOf(in author.Intent) intentDraft {
	d := intentDraft{name: in.Name, key: in.Key, description: in.Description, inputs: valueLines(in.Inputs), outputs: valueLines(in.Outputs), kept: slices.Concat(in.Reads, in.Writes)}
	d.examples = examplesText(in.Examples)
	for i := range in.Forbidden {
		d.forbidden = append(d.forbidden, itoa(i))
	}
	for _, q := range in.Questions {
		d.answers = append(d.answers, q.Answer)
	}
	return d
}

// examplesText writes examples as YAML, the name of each first.
func examplesText(all []function.Case) string {
	var out []yaml.MapSlice
	for _, k := range all {
		raw, err := json.Marshal(k)
		if err != nil {
			return ""
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var plain map[string]any
		if dec.Decode(&plain) != nil {
			return ""
		}
		var one yaml.MapSlice
		for _, field := range []string{"name", "input", "now", "stubs", "output", "plan", "error"} {
			if v, ok := plain[field]; ok {
				one = append(one, yaml.MapItem{Key: field, Value: exactNumbers(v)})
			}
		}
		out = append(out, one)
	}
	if out == nil {
		return ""
	}
	text, err := yaml.MarshalWithOptions(out, yaml.Indent(2), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// valueLines writes fields one a line, as readValues reads them.
func valueLines(all []author.Value) string {
	var out []string
	for _, v := range all {
		line := v.Name + ", " + v.Type
		if v.Optional {
			line += ", optional"
		}
		if v.Means != "" {
			line += ": " + strings.Join(strings.Fields(v.Means), " ")
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// readValues reads lines of: name, type, optional: what it means.
func readValues(text string) ([]author.Value, string) {
	var out []author.Value
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		head, means, _ := strings.Cut(line, ":")
		parts := strings.Split(head, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		v := author.Value{Name: parts[0], Type: "text", Means: strings.TrimSpace(means)}
		if len(parts) > 1 {
			v.Type = parts[1]
		}
		if len(parts) > 2 {
			v.Optional = parts[2] == "optional"
		}
		if author.Types()[v.Type] == "" || len(parts) > 3 || len(parts) == 3 && !v.Optional {
			return nil, fmt.Sprintf("“%s” cannot be read. Write one field a line, like: middle_name, text, optional: the second given name. The types are text, number, boolean, list and table.", clipText(line, 60))
		}
		out = append(out, v)
	}
	return out, ""
}

// postedIntent reads the form on top of what the model proposed.
func postedIntent(c *fiber.Ctx, base author.Intent) intentDraft {
	f := func(name string) string { return unixLines(c.FormValue(name)) }
	d := intentDraft{name: strings.TrimSpace(f("name")), key: strings.TrimSpace(f("key")), description: strings.TrimSpace(f("description")), inputs: f("inputs"), outputs: f("outputs"), examples: f("examples"), more: f("more"), moreForbidden: f("more_forbidden")}
	for name, value := range c.Request().PostArgs().All() {
		switch string(name) {
		case "grant":
			d.kept = append(d.kept, string(value))
		case "forbidden":
			d.forbidden = append(d.forbidden, string(value))
		}
	}
	for i := range base.Questions {
		d.answers = append(d.answers, strings.TrimSpace(f("answer."+itoa(i))))
	}
	return d
}

// intent is the draft as an intent; what cannot be read is among its problems.
func (d *intentDraft) intent(base author.Intent) author.Intent {
	add := func(path, why string) {
		if why != "" {
			d.problems = append(d.problems, fault.Problem{Path: path, Detail: why})
		}
	}
	out := author.Intent{Name: d.name, Key: d.key, Description: d.description, Questions: slices.Clone(base.Questions)}
	var why string
	out.Inputs, why = readValues(d.inputs)
	add("inputs", why)
	out.Outputs, why = readValues(d.outputs)
	add("outputs", why)
	add("examples", formYAML(d.examples, &out.Examples, "a list of examples, each with name, input and output"))
	for _, g := range slices.Concat(d.kept, lines(d.more)) {
		if author.Writes(g) {
			out.Writes = append(out.Writes, g)
		} else {
			out.Reads = append(out.Reads, g)
		}
	}
	for i, f := range base.Forbidden {
		if slices.Contains(d.forbidden, itoa(i)) {
			out.Forbidden = append(out.Forbidden, f)
		}
	}
	for _, l := range lines(d.moreForbidden) {
		out.Forbidden = append(out.Forbidden, author.Forbidden{Says: l})
	}
	for i := range out.Questions {
		out.Questions[i].Answer = d.answers[i]
	}
	if len(d.problems) == 0 {
		d.problems = out.Check()
	}
	return out
}

// intentForm is the form in which an intent is corrected and confirmed.
func intentForm(at string, base author.Intent, d intentDraft, fixedKey bool) *views.IntentForm {
	wrong := func(paths ...string) string {
		for _, p := range d.problems {
			for _, path := range paths {
				if p.Path == path || strings.HasPrefix(p.Path, path+".") {
					return p.Detail
				}
			}
		}
		return ""
	}
	values := "One field a line: name, type: what it is. The types are text, number, boolean, list and table; write optional behind the type of what may be missing."
	out := &views.IntentForm{Action: at, Fields: []ui.Field{
		{Name: "name", Label: "Name", Value: d.name, Required: true, MaxLength: 200, Error: wrong("name")},
		{Name: "key", Label: "Key", Value: d.key, Required: true, MaxLength: 63, ReadOnly: fixedKey, Error: wrong("key"), Help: "Lower-case letters, digits and hyphens. Flows name the function by it, and it never changes."},
		{Name: "description", Label: "What it is for", Input: "lines", Rows: 3, Value: d.description, Error: wrong("description")},
		{Name: "inputs", Label: "What it takes", Input: "code", Rows: roomFor(d.inputs, 2), Value: d.inputs, Error: wrong("inputs"), Help: values},
		{Name: "outputs", Label: "What it gives", Input: "code", Rows: roomFor(d.outputs, 2), Value: d.outputs, Error: wrong("outputs"), Help: "The same way."},
		{Name: "examples", Label: "Worked examples", Input: "code", Rows: roomFor(d.examples, 4), Value: d.examples, Error: wrong("examples"), Help: "They become tests that the model cannot change. Correct them until they say what you mean, and add those that matter most to you. No real people."},
	}}
	if f := grantChoice(base, d); len(f.Options) > 0 {
		out.Fields = append(out.Fields, f)
	}
	out.Fields = append(out.Fields, ui.Field{Name: "more", Label: "What else it may ask or change", Input: "code", Rows: roomFor(d.more, 1), Value: d.more, Error: wrong("reads", "writes"), Placeholder: "directory:corp-ldap:groups.find", Help: "Grants, one a line: capability:connection:operation. What is not listed here, the function must not do."})
	if f := forbiddenChoice(base, d); len(f.Options) > 0 {
		out.Fields = append(out.Fields, f)
	}
	out.Fields = append(out.Fields, ui.Field{Name: "more_forbidden", Label: "What else it must not do", Input: "lines", Rows: roomFor(d.moreForbidden, 2), Value: d.moreForbidden, Error: wrong("forbidden"), Help: "One thing a line."})
	for i, q := range base.Questions {
		out.Questions = append(out.Questions, ui.Field{Name: "answer." + itoa(i), ID: "answer-" + itoa(i), Label: visible(q.Ask), Input: "lines", Rows: 2, Value: d.answers[i]})
	}
	return out
}

func roomFor(text string, least int) int {
	return min(max(strings.Count(text, "\n")+2, least), 24)
}

func grantChoice(base author.Intent, d intentDraft) ui.Field {
	f := ui.Field{Name: "grant", Label: "What it may ask and change", Input: "checks"}
	for _, g := range slices.Concat(base.Reads, base.Writes) {
		o := ui.Option{Value: g, Label: g, Selected: slices.Contains(d.kept, g)}
		if parsed, ok := function.ParseGrant(g); ok {
			o.Label, o.Help = capitalFirst(parsed.Says()), g
		}
		f.Options = append(f.Options, o)
	}
	return f
}

func forbiddenChoice(base author.Intent, d intentDraft) ui.Field {
	f := ui.Field{Name: "forbidden", Label: "What it must not do", Input: "checks"}
	for i, x := range base.Forbidden {
		f.Options = append(f.Options, ui.Option{Value: itoa(i), Label: visible(x.Says), Help: x.Grant, Selected: slices.Contains(d.forbidden, itoa(i))})
	}
	return f
}

// restated lists a confirmed intent for reading.
func restated(in author.Intent) []views.Restated {
	var out []views.Restated
	add := func(title string, lines []string) {
		if len(lines) > 0 {
			for i := range lines {
				lines[i] = visible(lines[i])
			}
			out = append(out, views.Restated{Title: title, Lines: lines})
		}
	}
	add("What it is for", lines(in.Description))
	add("What it takes", lines(valueLines(in.Inputs)))
	add("What it gives", lines(valueLines(in.Outputs)))
	var examples, may, forbidden, questions []string
	for _, k := range in.Examples {
		examples = append(examples, k.Name+": "+expectation(k))
	}
	for _, g := range slices.Concat(in.Reads, in.Writes) {
		if parsed, ok := function.ParseGrant(g); ok {
			may = append(may, capitalFirst(parsed.Says()))
		}
	}
	if len(may) == 0 {
		may = []string{"Nothing: it only computes from its input"}
	}
	for _, f := range in.Forbidden {
		line := f.Says
		if f.Grant != "" {
			line += " (" + f.Grant + ")"
		}
		forbidden = append(forbidden, line)
	}
	for _, q := range in.Questions {
		answer := q.Answer
		if answer == "" {
			answer = "not answered"
		}
		questions = append(questions, q.Ask+" "+answer)
	}
	add("Examples", examples)
	add("What it may ask and change", may)
	add("What it must not do", forbidden)
	add("What was asked back", questions)
	return out
}

// expectation says in one line what a test expects of its input.
func expectation(k function.Case) string {
	out := shortJSON(k.Input) + " → "
	if k.Error != "" {
		out += "ends with " + k.Error
	} else {
		out += shortJSON(k.Output)
	}
	if n := len(k.Plan); n > 0 {
		out += ", and plans " + plural(n, "change", "changes")
	}
	return out
}
