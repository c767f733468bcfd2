package web

import (
	"bytes"
	"encoding/json"
	"slices"

	"joinery/internal/auth"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
)

const hidden = "(hidden)"

// redact hides personal fields, at any depth, from those who may not see them.
func redact(v any, who auth.Actor) any {
	if who.Can(auth.PersonalRead) {
		return v
	}
	return hide(v, joiner.Personal())
}

// eyes gives a run as a reader may see it: whatever name a flow gave to a personal
// value, those who may not see it see it hidden.
func eyes(d postgres.RunDetail, who auth.Actor) postgres.RunDetail {
	if who.Can(auth.PersonalRead) || len(d.Personal) == 0 {
		return d
	}
	steps := slices.Clone(d.Steps)
	for i := range steps {
		for _, part := range []*json.RawMessage{&steps[i].Input, &steps[i].Output, &steps[i].Changes} {
			*part = withoutValues(*part, d.Personal)
		}
		for _, text := range []*string{&steps[i].Error, &steps[i].Note, &steps[i].WaitFor} {
			*text = joiner.HideValues(*text, d.Personal)
		}
	}
	d.Steps = steps
	d.Attempts = slices.Clone(d.Attempts)
	for i := range d.Attempts {
		a := &d.Attempts[i]
		a.Error, a.Log = joiner.HideValues(a.Error, d.Personal), slices.Clone(a.Log)
		for n := range a.Log {
			a.Log[n] = joiner.HideValues(a.Log[n], d.Personal)
		}
	}
	d.Signoffs = slices.Clone(d.Signoffs)
	for i := range d.Signoffs {
		d.Signoffs[i] = questionFor(d.Signoffs[i], who)
	}
	d.Reason, d.WaitingFor = joiner.HideValues(d.Reason, d.Personal), joiner.HideValues(d.WaitingFor, d.Personal)
	return d
}

// attributesFor gives a joiner's attributes as a reader may see them: personal ones
// hidden, and their values where another attribute repeats them.
func attributesFor(attributes map[string]any, who auth.Actor) any {
	v := redact(attributes, who)
	values := joiner.PersonalValues(attributes)
	if who.Can(auth.PersonalRead) || len(values) == 0 {
		return v
	}
	return walk(v, func(s string) string { return joiner.HideValues(s, values) })
}

// questionFor gives a sign-off as a reader may see it. Whom it is addressed to sees the
// question as it was put: a reviewed flow says that they are to judge it.
func questionFor(g postgres.SignoffLine, who auth.Actor) postgres.SignoffLine {
	if who.Can(auth.PersonalRead) || postgres.MayDecide(who, g.Role, g.Person) {
		return g
	}
	for _, text := range []*string{&g.Title, &g.Question, &g.Comment, &g.Person} {
		*text = joiner.HideValues(*text, g.Personal)
	}
	return g
}

// withoutValues takes values out of all texts of a document.
func withoutValues(raw json.RawMessage, values []string) json.RawMessage {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return raw
	}
	out, err := json.Marshal(walk(v, func(s string) string { return joiner.HideValues(s, values) }))
	if err != nil {
		return nil
	}
	return out
}

func walk(v any, change func(string) string) any {
	switch x := v.(type) {
	case string:
		return change(x)
	case map[string]any:
		for k, e := range x {
			x[k] = walk(e, change)
		}
	case []any:
		for i, e := range x {
			x[i] = walk(e, change)
		}
	}
	return v
}

func hide(v any, names []string) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			if slices.Contains(names, k) && e != nil {
				out[k] = hidden
				continue
			}
			out[k] = hide(e, names)
		}
		if a, ok := x["attribute"].(string); ok && slices.Contains(names, a) {
			out["before"], out["after"] = hidden, hidden
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = hide(e, names)
		}
		return out
	}
	return v
}

// redacted gives stored JSON as text to be read, with personal fields hidden; ""
// for nothing.
func redacted(raw json.RawMessage, who auth.Actor) string {
	if len(raw) == 0 || string(raw) == "null" || string(raw) == "{}" {
		return ""
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return ""
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if enc.Encode(redact(v, who)) != nil {
		return ""
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
