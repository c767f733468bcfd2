package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/policy"
	"joinery/views/policies"
	"joinery/views/ui"
)

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
	d.seenPart(t.seen, &out)
	if t.label != "" {
		out.Took = "For " + t.label + ". " + out.Took
	}
	return out
}

// seenPart shows what live systems said, and which of them said nothing.
func (d policyDraft) seenPart(x *seen, out *policies.TryOutcome) {
	if x == nil {
		return
	}
	out.SeenNote = x.note
	for _, a := range x.answers {
		if a.Miss != "" {
			out.Missed = append(out.Missed, a.Connection+": "+a.Miss)
		} else {
			out.Asked = append(out.Asked, a.Connection)
		}
	}
	for i, l := range x.lines {
		if i == shownReasons {
			out.SeenMore = plural(len(x.lines)-i, "more line", "more lines") + "."
			break
		}
		line := policies.Reason{Title: l.Title, Detail: l.Detail, Took: l.Good, Where: l.Connection}
		if l.Row > 0 {
			line.Row, line.RowURL = itoa(l.Row), "#"+d.rowAnchor(l.Row)
		}
		out.Seen = append(out.Seen, line)
	}
}

// rowAnchor is the id of the number of a row of the table that decides.
func (d policyDraft) rowAnchor(row int) string {
	for _, f := range d.spec.Fields {
		if all := d.tables[f.Key]; f.Kind == form.Table && (d.spec.Rows == "" || d.spec.Rows == f.Key) && len(all) >= row {
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

// jsonValues makes plain values of outputs, as they are kept.
func jsonValues(v map[string]any) (out map[string]any) {
	raw, err := json.Marshal(v)
	if err != nil || json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

// tryPart makes the panel.
func (s *Server) tryPart(c *fiber.Ctx, who auth.Actor, d policyDraft, rules []byte, v verdict) (policies.Try, error) {
	t := policies.Try{CanPick: who.Can(auth.RunRead), Joiner: d.try.joiner, Outcome: outcomePart(d, v.tried),
		Query: ui.Field{Name: "try.q", Label: "Pick a joiner", Value: d.try.query, Input: "search", Placeholder: "Name, worker id or department"},
		More:  ui.Field{Name: "try.more", Label: "More attributes", Input: "code", Rows: linesFor(d.try.more, 3), Value: d.try.more, Help: "One a line: name: value. They come before those of the picked joiner."},
		Now:   ui.Field{Name: "try.now", Label: "Day", Value: d.try.now, Placeholder: "2026-03-01", Help: "Today when empty."},
	}
	t.CanKeep = who.Can(auth.ArtifactWrite)
	for _, f := range caseFields() {
		if len(f.only) > 0 && slices.Contains(f.only, d.spec.Type) {
			x := ui.Field{Name: "try.c." + f.key, Label: f.label, Help: f.help, Placeholder: f.placeholder, Value: d.try.extra[f.key]}
			if f.rows > 0 {
				x.Input, x.Rows = "code", linesFor(x.Value, f.rows)
			}
			t.Extra = append(t.Extra, x)
			t.Open = t.Open || x.Value != ""
		}
	}
	if slices.Contains(looks(), d.spec.Type) && who.Can(auth.RunRead) {
		t.Live = &ui.Field{Name: "try.live", Label: "Look into the connected systems", Input: "check", Checked: d.try.live, Help: "When you press Try. It only reads, and is kept in the audit log."}
		if d.spec.Type == "naming" {
			t.Live.Label, t.Live.Help = "Look at the names that are held, and into the connected systems", "Systems are asked when you press Try. It only reads, holds nothing, and is kept in the audit log."
		}
	}
	t.Open = t.Open || t.More.Value != "" || t.Now.Value != ""
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
