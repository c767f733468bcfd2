package web

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/views/policies"
	"joinery/views/ui"
)

// policyTry is the joiner that a policy is tried with.
type policyTry struct {
	asked      bool
	query      string
	joiner     string // id of the one that was picked
	attributes map[string]string
	more, now  string
	live       bool
}

func postedTry(c *fiber.Ctx) policyTry {
	t := policyTry{attributes: map[string]string{}, query: strings.TrimSpace(c.FormValue("try.q")), joiner: c.FormValue("try.joiner"), more: c.FormValue("try.more"), now: strings.TrimSpace(c.FormValue("try.now")), live: c.FormValue("try.live") != ""}
	for name, value := range c.Request().PostArgs().All() {
		if a, ok := strings.CutPrefix(string(name), "try.a."); ok {
			t.attributes[a] = strings.TrimSpace(string(value))
			t.asked = t.asked || t.attributes[a] != ""
		}
	}
	t.asked = t.asked || t.joiner != "" || strings.TrimSpace(t.more) != ""
	return t
}

var namedAttribute = regexp.MustCompile(`joiner\.([a-zA-Z_][a-zA-Z0-9_]*)`)

// most is how many attributes the panel shows a field for.
const most = 9

// mentioned lists the attributes that the rules name, and those nearly all do.
func (d policyDraft) mentioned(content []byte) []string {
	var out []string
	add := func(name string) {
		if !slices.Contains(out, name) && len(out) < most {
			out = append(out, name)
		}
	}
	for _, m := range namedAttribute.FindAllSubmatch(content, -1) {
		add(string(m[1]))
	}
	for _, name := range []string{joiner.FirstName, joiner.LastName, joiner.Department} {
		add(name)
	}
	known := joiner.Known()
	slices.SortStableFunc(out, func(a, b string) int {
		return (slices.Index(known, a)+len(known)+1)%(len(known)+1) - (slices.Index(known, b)+len(known)+1)%(len(known)+1)
	})
	return out
}

// subject is the joiner to try with. Attributes that the reader may not see are
// left out: what a rule makes of them would tell.
func (s *Server) subject(c *fiber.Ctx, who auth.Actor, t policyTry) (policy.Subject, string, error) {
	out := policy.Subject{Worker: joiner.Worker{ID: "1", Attributes: map[string]any{}}, Now: s.Now()}
	label := ""
	if who.Can(auth.RunRead) {
		// Names that are held are taken; nothing of what a try finds is held.
		out.Lookups = &heldNames{Names: postgres.Names{DB: s.DB}}
	}
	if t.joiner != "" {
		if !who.Can(auth.RunRead) {
			return out, "", fault.New(fault.Forbidden, "You may not see joiners. Type the attributes instead.")
		}
		j, err := s.DB.Joiner(c.UserContext(), t.joiner)
		if err != nil {
			return out, "", err
		}
		label = joinerName(j.Label, j.Worker)
		out.Worker.ID = j.Worker
		names, err := s.DB.NamesOf(c.UserContext(), j.Connection, j.Worker)
		if err != nil {
			return out, label, err
		}
		out.Lookups = &heldNames{Names: names}
		for k, v := range j.Attributes {
			if who.Can(auth.PersonalRead) || !slices.Contains(joiner.Personal(), k) {
				out.Worker.Attributes[k] = v
			}
		}
	}
	for name, text := range t.attributes {
		if text == "" {
			continue
		}
		v, ok := attributeOf(name, text)
		if !ok {
			return out, label, fault.New(fault.Invalid, "The value of %s begins like a list, and is not one. Write it like [\"a\", \"b\"].", name)
		}
		out.Worker.Attributes[name] = v
	}
	more, wrong := readAttributes(t.more)
	if wrong != "" {
		return out, label, fault.New(fault.Invalid, "%s", wrong)
	}
	maps.Copy(out.Worker.Attributes, more)
	if t.now != "" {
		at, err := policy.Case{Now: t.now}.At()
		if err != nil {
			return out, label, err
		}
		out.Now = at
	}
	return out, label, nil
}

// tried is what a try gave.
type tried struct {
	subject policy.Subject
	label   string
	outcome policy.Outcome
	took    time.Duration
	err     error
	live    bool
}

// tryRules decides for one joiner, in bounded time.
func (s *Server) tryRules(ctx context.Context, content policy.Content, sub policy.Subject) (policy.Outcome, time.Duration, error) {
	rules, ok := content.Rules()
	if !ok {
		return policy.Outcome{}, 0, fault.New(fault.Invalid, "The policy has no rules yet.")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	began := time.Now()
	out, err := rules.Try(ctx, sub)
	return out, time.Since(began), err
}

// tryDraft tries what the form holds.
func (s *Server) tryDraft(c *fiber.Ctx, who auth.Actor, t policyTry, content policy.Content) *tried {
	out := &tried{live: t.live}
	if out.subject, out.label, out.err = s.subject(c, who, t); out.err != nil {
		return out
	}
	out.outcome, out.took, out.err = s.tryRules(c.UserContext(), content, out.subject)
	return out
}

// shownReasons bounds how many steps of a decision a page lists.
const shownReasons = 60

func outcomePart(d policyDraft, t *tried) policies.TryOutcome {
	var out policies.TryOutcome
	switch {
	case t == nil:
		out.Note = "Fill in an attribute, or pick a joiner."
		return out
	case t.err != nil:
		out.Notice = &ui.Notice{Tone: "bad", Text: sentenceOf(t.err)}
		return out
	case t.outcome.Person != "":
		out.Notice = &ui.Notice{Tone: "warn", Text: "A person has to decide: " + t.outcome.Person}
	}
	outputs := jsonValues(t.outcome.Output)
	main := kept(outputs)
	for _, k := range slices.Sorted(maps.Keys(main)) {
		out.Outputs = append(out.Outputs, outputPairs(k, main[k])...)
	}
	if len(main) < len(outputs) {
		out.All = yamlText(outputs)
	}
	reasons := t.outcome.Reasons
	if len(reasons) > shownReasons {
		// What took effect is never left out.
		kept := slices.DeleteFunc(slices.Clone(reasons), func(r policy.Reason) bool { return !r.Took })
		for _, r := range reasons {
			if !r.Took && len(kept) < shownReasons {
				kept = append(kept, r)
			}
		}
		out.More = plural(len(reasons)-len(kept), "more row", "more rows") + " without effect."
		slices.SortStableFunc(kept, func(a, b policy.Reason) int { return a.Row - b.Row })
		reasons = kept
	}
	for _, r := range reasons {
		line := policies.Reason{Title: r.Title, Detail: r.Detail, Took: r.Took}
		if r.Row > 0 {
			line.Row, line.RowURL = itoa(r.Row), "#"+d.rowAnchor(r.Row)
		}
		out.Reasons = append(out.Reasons, line)
	}
	out.Took = "Decided in " + shortTime(t.took) + "."
	if t.label != "" {
		out.Took = "For " + t.label + ". " + out.Took
	}
	return out
}

// rowAnchor is the id of the number of a row of the first table.
func (d policyDraft) rowAnchor(row int) string {
	for _, f := range d.spec.Fields {
		if d.spec.Rows != "" && f.Key != d.spec.Rows {
			continue
		}
		if all := d.tables[f.Key]; len(all) >= row {
			return f.Key + "-" + all[row-1].id
		}
	}
	return ""
}

func shortTime(d time.Duration) string {
	if d < time.Millisecond {
		return "less than 1 ms"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// sentenceOf is what a page says of a policy's refusal.
func sentenceOf(err error) string {
	if fault.KindOf(err) == fault.Internal {
		return "It could not be decided. The log has the details under this request's id."
	}
	return fault.Sentence(err)
}

// kept are the outputs that say what was decided: those that hold more than plain
// values tell how, and empty ones nothing.
func kept(outputs map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range outputs {
		switch x := v.(type) {
		case []any:
			if len(x) == 0 || !plainList(x) {
				continue
			}
		case map[string]any:
			if len(x) == 0 || !plainList(slices.Collect(maps.Values(x))) {
				continue
			}
		case nil:
			continue
		}
		out[k] = v
	}
	if len(out) == 0 {
		return outputs
	}
	return out
}

// outputPairs writes an output for reading; each entry of a map is a line.
func outputPairs(name string, v any) []ui.Pair {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		return []ui.Pair{{Label: name, Value: outputText(v)}}
	}
	var out []ui.Pair
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, ui.Pair{Label: k, Value: outputText(m[k])})
	}
	return out
}

func outputText(v any) string {
	switch x := v.(type) {
	case string:
		if x == "" {
			return "(empty)"
		}
		return x
	case nil:
		return "(removed)"
	case []any:
		if len(x) == 0 {
			return "(none)"
		}
		if plainList(x) {
			var lines []string
			for _, e := range x {
				lines = append(lines, plainText(e))
			}
			return strings.Join(lines, "\n")
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// tryPart makes the panel.
func (s *Server) tryPart(c *fiber.Ctx, who auth.Actor, d policyDraft, rules []byte, v verdict) (policies.Try, error) {
	t := policies.Try{CanPick: who.Can(auth.RunRead), Joiner: d.try.joiner, Outcome: outcomePart(d, v.tried),
		Query: ui.Field{Name: "try.q", Label: "Pick a joiner", Value: d.try.query, Input: "search", Placeholder: "Name, worker id or department"},
		More:  ui.Field{Name: "try.more", Label: "More attributes", Input: "code", Rows: linesFor(d.try.more, 3), Value: d.try.more, Help: "One a line: name: value. They come before those of the picked joiner."},
		Now:   ui.Field{Name: "try.now", Label: "Day", Value: d.try.now, Placeholder: "2026-03-01", Help: "Today when empty."},
	}
	t.CanKeep = who.Can(auth.ArtifactWrite)
	var stored map[string]any
	if v.tried != nil && v.tried.label != "" {
		t.JoinerName, stored = v.tried.label, v.tried.subject.Worker.Attributes
		if !who.Can(auth.PersonalRead) {
			t.Note = "Personal attributes are left out, because you may not see them."
		}
	}
	for _, name := range d.mentioned(rules) {
		f := ui.Field{Name: "try.a." + name, Label: strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " "), Value: d.try.attributes[name]}
		if x, ok := stored[name]; ok && f.Value == "" {
			f.Placeholder = attributeText(name, x)
		}
		t.Attributes = append(t.Attributes, f)
	}
	if t.CanPick && d.try.query != "" && d.try.joiner == "" {
		rows, _, err := s.DB.Joiners(c.UserContext(), d.try.query, "", 8)
		if err != nil {
			return t, err
		}
		for _, j := range rows {
			t.Matches = append(t.Matches, ui.Option{Value: j.ID, Label: joinerName(j.Label, j.Worker), Help: strings.Trim(j.Department+", worker "+j.Worker+" of "+j.Connection, ", ")})
		}
		if len(rows) == 0 {
			t.Note = "Nobody's name, department or worker id has a word that begins like this."
		}
	}
	return t, nil
}

// keptCase makes a test of what was tried.
func (d *policyDraft) keptCase(t *tried) {
	k := policy.Case{Joiner: t.subject.Worker.Attributes, Worker: t.subject.Worker.ID, Now: t.subject.Now.UTC().Format(time.DateOnly)}
	if d.try.now != "" {
		k.Now = d.try.now
	}
	if k.Worker == "1" {
		k.Worker = ""
	}
	if h, ok := t.subject.Lookups.(*heldNames); ok {
		k.Taken = h.taken
	}
	switch {
	case t.err != nil:
		k.Error = fault.Sentence(t.err)
	case t.outcome.Person != "":
		k.Error = t.outcome.Person
	default:
		k.Expect = kept(jsonValues(t.outcome.Output))
	}
	k.Name = d.caseName(t)
	x := caseDraft(d.freshCase(), k)
	x.folded = false
	d.cases, d.focus = append(d.cases, x), "case."+x.id+".name"
}

// caseName names a test after its joiner; a name that is there already gets a number.
func (d *policyDraft) caseName(t *tried) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(d.try.attributes)) {
		if v := d.try.attributes[name]; v != "" {
			parts = append(parts, v)
		}
	}
	name := strings.Join(parts, ", ")
	if name == "" {
		name = "A joiner"
	}
	name = clipText(name, 60)
	taken := func(n string) bool {
		return slices.ContainsFunc(d.cases, func(k draftCase) bool { return k.name == n })
	}
	out := name
	for i := 2; taken(out); i++ {
		out = fmt.Sprintf("%s (%d)", name, i)
	}
	return out
}

// jsonValues makes plain values of outputs, as they are kept.
func jsonValues(v map[string]any) (out map[string]any) {
	raw, err := json.Marshal(v)
	if err != nil || json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}
