package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"joinery/internal/form"
)

// maxWords bounds how many changes are told one by one.
const maxWords = 80

// Differences tells in words what changed from one content to another: fields, rows
// and tests, by what they mean and not by where they stand in the text. An old
// content without a key is nothing.
func Differences(old, now Content) []string {
	spec, ok := SpecOf(now.Type)
	if !ok {
		return nil
	}
	if old.Key == "" {
		return []string{newWords(spec, now)}
	}
	var out []string
	if old.Type != now.Type {
		out = append(out, fmt.Sprintf("The type is now %s, and was %s.", now.Type, old.Type))
	}
	out = append(out, textWords("The name", old.Name, now.Name)...)
	out = append(out, textWords("What it is for", old.Description, now.Description)...)
	a, b := rulesOf(old, spec), rulesOf(now, spec)
	for _, f := range spec.Fields {
		x, y := a[f.Key], b[f.Key]
		delete(a, f.Key)
		delete(b, f.Key)
		if f.Kind != form.Table {
			out = append(out, fieldWords(f, x, y)...)
			continue
		}
		out = append(out, tableWords(rowWord(spec, f), f, rows(x), rows(y))...)
	}
	for _, key := range slices.Sorted(maps.Keys(b)) {
		if !reflect.DeepEqual(a[key], b[key]) {
			out = append(out, fmt.Sprintf("%s changed.", key))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[key]; !ok {
			out = append(out, fmt.Sprintf("%s was taken out.", key))
		}
	}
	out = append(out, caseWords(old.Cases, now.Cases)...)
	if n := len(out) - maxWords; n > 0 {
		out = append(out[:maxWords], fmt.Sprintf("And %d more changes.", n))
	}
	return out
}

// rowWord is what a row of a table is called: the main table's rows need no name.
func rowWord(spec Spec, f form.Field) string {
	main := 0
	for _, x := range spec.Fields {
		if x.Kind == form.Table && x.Group == "" {
			main++
		}
	}
	if f.Group == "" && main == 1 {
		return "Row"
	}
	return f.Label + ", row"
}

func newWords(spec Spec, c Content) string {
	rules := rulesOf(c, spec)
	var parts []string
	for _, f := range spec.Fields {
		if n := len(rows(rules[f.Key])); f.Kind == form.Table && n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %s", f.Label, counted(n, "row")))
		}
	}
	parts = append(parts, counted(len(c.Cases), "test"))
	return fmt.Sprintf("It is new. %s.", strings.Join(parts, ", "))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// rulesOf gives the rules as plain values.
func rulesOf(c Content, spec Spec) map[string]any {
	whole, _ := plain(c).(map[string]any)
	rules, _ := whole[spec.Field()].(map[string]any)
	if rules == nil {
		rules = map[string]any{}
	}
	return rules
}

func rows(v any) []map[string]any {
	list, _ := v.([]any)
	out := make([]map[string]any, 0, len(list))
	for _, x := range list {
		row, _ := x.(map[string]any)
		out = append(out, row)
	}
	return out
}

func textWords(what, old, now string) []string {
	switch {
	case old == now:
		return nil
	case now == "":
		return []string{fmt.Sprintf("%s was taken out.", what)}
	case old == "":
		return []string{fmt.Sprintf("%s is now “%s”.", what, clip(now))}
	}
	return []string{fmt.Sprintf("%s is now “%s”, and was “%s”.", what, clip(now), clip(old))}
}

// fieldWords tells how one field changed. A field left out has its default.
func fieldWords(f form.Field, old, now any) []string {
	if old == nil {
		old = plain(f.Default)
	}
	if now == nil {
		now = plain(f.Default)
	}
	if reflect.DeepEqual(old, now) {
		return nil
	}
	if part := partWords(f, old, now); part != "" {
		return []string{f.Label + ": " + part + "."}
	}
	return nil
}

// partWords tells how the value of a field or cell changed, to follow its name.
func partWords(f form.Field, old, now any) string {
	a, listA := old.([]any)
	b, listB := now.([]any)
	if (listA || old == nil) && (listB || now == nil) && (listA || listB) {
		return listWords(a, b)
	}
	was, is := shown(f, old), shown(f, now)
	switch {
	case was == is:
		return ""
	case is == "":
		return fmt.Sprintf("“%s” was taken out", clip(was))
	case was == "":
		return fmt.Sprintf("now “%s”", clip(is))
	}
	return fmt.Sprintf("now “%s”, was “%s”", clip(is), clip(was))
}

func listWords(a, b []any) string {
	var parts []string
	if more := without(b, a); len(more) > 0 {
		parts = append(parts, "now also "+strings.Join(more, ", "))
	}
	if less := without(a, b); len(less) > 0 {
		parts = append(parts, "no longer "+strings.Join(less, ", "))
	}
	if len(parts) == 0 {
		return "in another order"
	}
	return strings.Join(parts, "; ")
}

func without(all, drop []any) []string {
	var out []string
	for _, x := range all {
		if !slices.ContainsFunc(drop, func(y any) bool { return reflect.DeepEqual(x, y) }) {
			out = append(out, form.Write(form.Field{}, x))
		}
	}
	return out
}

// shown writes a value as the form shows it: the label of a choice, yes and no.
func shown(f form.Field, v any) string {
	text := form.Write(f, v)
	for _, o := range f.Options {
		if o.Value == text && o.Label != "" {
			return o.Label
		}
	}
	if b, ok := v.(bool); ok {
		return map[bool]string{true: "yes", false: "no"}[b]
	}
	return strings.ReplaceAll(text, "\n", ", ")
}

func clip(s string) string {
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return s
}

// caseWords tells how the tests changed. They are known by their names.
func caseWords(old, now []Case) []string {
	var out []string
	find := func(all []Case, name string) int {
		return slices.IndexFunc(all, func(k Case) bool { return k.Name == name })
	}
	for _, k := range now {
		i := find(old, k.Name)
		if i < 0 {
			out = append(out, fmt.Sprintf("The test “%s” is new.", clip(k.Name)))
			continue
		}
		if parts := changedParts(old[i], k); len(parts) > 0 {
			out = append(out, fmt.Sprintf("The test “%s” changed: %s.", clip(k.Name), strings.Join(parts, ", ")))
		}
	}
	for _, k := range old {
		if find(now, k.Name) < 0 {
			out = append(out, fmt.Sprintf("The test “%s” was removed.", clip(k.Name)))
		}
	}
	return out
}

var partNames = map[string]string{"joiner": "its joiner", "worker": "its worker id", "now": "its day", "taken": "the names that are taken", "expect": "what must come out", "error": "the refusal it waits for", "inputs": "the values from the flow"}

func changedParts(old, now Case) []string {
	a, _ := plain(old).(map[string]any)
	b, _ := plain(now).(map[string]any)
	var out []string
	for _, key := range slices.Sorted(maps.Keys(mergedKeys(a, b))) {
		if !reflect.DeepEqual(a[key], b[key]) {
			name := partNames[key]
			if name == "" {
				name = key
			}
			out = append(out, name)
		}
	}
	return out
}

func mergedKeys(a, b map[string]any) map[string]bool {
	out := map[string]bool{}
	for k := range a {
		out[k] = true
	}
	for k := range b {
		out[k] = true
	}
	return out
}

// signature is a row's content as text, to find it again.
func signature(row map[string]any) string {
	raw, err := json.Marshal(row) // sorts the keys
	if err != nil {
		return fmt.Sprint(row)
	}
	return string(raw)
}
