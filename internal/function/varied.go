package function

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Varied is what a function gave for an input that no test has: one of a test, with one
// field another.
type Varied struct {
	// Of is the test, and With the field and what it was made.
	Of     string         `json:"of"`
	With   string         `json:"with"`
	Input  map[string]any `json:"input,omitempty"`
	Output map[string]any `json:"output,omitempty"`
	Plan   []Planned      `json:"plan,omitempty"`
}

// Variation is one such input as a case that expects nothing.
type Variation struct {
	Of, With string
	Case     Case
}

// mostVaried bounds how many inputs are made, variedOf of how many tests.
const (
	mostVaried = 48
	variedOf   = 3
)

// madeUp are texts that break functions which were written with only short names in
// mind: made-up names, dates and addresses.
func madeUp() []any {
	return []any{"", "A", "Zoë", "O'Brien", "Núñez-Żółć", "王小明", "von der Heide zu Exempel", "  two  spaces ", "ALL CAPS 2", "ß/ø\\:*?", "1999-12-31", strings.Repeat("Exempel", 30)}
}

// Variations makes inputs for a function out of those of its tests, each with one field
// another: for showing that what must never be is not, either where nobody looked. Systems
// answer as they do in the test. The same content always gives the same ones.
func Variations(c Content) []Variation {
	properties, _ := c.Manifest.Input["properties"].(map[string]any)
	var bases [][]Variation
	for _, k := range c.Cases {
		if k.Error == "" && len(bases) < variedOf {
			bases = append(bases, variationsOf(c, k, properties))
		}
	}
	var out []Variation
	for i := 0; len(out) < mostVaried; i++ { // of each in turn, so that none takes all
		some := false
		for _, of := range bases {
			if i < len(of) && len(out) < mostVaried {
				out, some = append(out, of[i]), true
			}
		}
		if !some {
			break
		}
	}
	return out
}

// variationsOf gives those of one test: of each field in turn.
func variationsOf(c Content, k Case, properties map[string]any) []Variation {
	fields, wrong := slices.Sorted(maps.Keys(properties)), judge(c.Manifest.Input)
	var out []Variation
	for i := 0; ; i++ {
		some := false
		for _, name := range fields {
			schema, _ := properties[name].(map[string]any)
			all := others(schema, k.Input[name])
			if i >= len(all) {
				continue
			}
			some = true
			with := name + ": " + brief(all[i])
			next := Case{Name: k.Name + ", " + with, Now: k.Now, Stubs: anyway(k.Stubs), Input: maps.Clone(emptyIfNil(k.Input))}
			if next.Input[name] = all[i]; all[i] == nil {
				delete(next.Input, name)
			}
			if len(wrong(next.Input)) == 0 {
				out = append(out, Variation{Of: k.Name, With: with, Case: next})
			}
		}
		if !some {
			return out
		}
	}
}

// others are values for a field beside the one it has; nil leaves it out.
func others(schema map[string]any, now any) []any {
	all := []any{nil}
	if choices, ok := schema["enum"].([]any); ok {
		all = append(all, choices...)
	} else {
		switch schema["type"] {
		case "string":
			all = append(all, madeUp()...)
		case "number", "integer":
			all = append(all, 0, -1, 1, 2_147_483_648)
		case "boolean":
			all = append(all, true, false)
		case "array":
			all = append(all, []any{})
		}
	}
	return slices.DeleteFunc(all, func(v any) bool { return brief(v) == brief(now) })
}

// anyway lets systems answer other questions too, as they answered the last one of the
// same kind.
func anyway(stubs []Stub) []Stub {
	out := slices.Clone(stubs)
	for i := len(stubs) - 1; i >= 0; i-- {
		if !slices.ContainsFunc(out, func(s Stub) bool { return s.Call == stubs[i].Call && s.Args == nil }) {
			out = append(out, Stub{Call: stubs[i].Call, Answer: stubs[i].Answer, Fails: stubs[i].Fails})
		}
	}
	return out
}

// brief writes a value on one line.
func brief(v any) string {
	switch x := v.(type) {
	case nil:
		return "nothing"
	case string:
		if r := []rune(x); len(r) > 40 {
			return fmt.Sprintf("%q and so on, %d characters", string(r[:14]), len(r))
		}
		return fmt.Sprintf("%q", x)
	}
	return fmt.Sprint(v)
}
