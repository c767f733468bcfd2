package author

import (
	"fmt"
	"slices"
	"strings"

	"joinery/internal/function"
)

// checkForbidden says what is wrong with effects: that they are not said in full, name
// what is not there, or forbid what the intent itself wants.
func (in Intent) checkForbidden(add func(path, format string, args ...any)) {
	if len(in.Forbidden) > 50 {
		add("forbidden", "Up to 50 effects can be listed.")
	}
	for i, f := range in.Forbidden {
		at := fmt.Sprintf("forbidden.%d.", i)
		kind := f.Kind()
		switch {
		case kind == InWords && strings.TrimSpace(f.Says) == "":
			add(at+"says", "Say what must not happen.")
		case kind != InWords && !slices.Contains(Effects(), kind):
			add(at+"effect", "There is no such effect. Say it in words.")
		case kind == UsesGrant && !forbiddenForm.MatchString(f.Grant):
			add(at+"grant", "Write a grant like directory:corp-ldap:groups.add, or directory:*:groups.add for all connections.")
		case kind.OfGrants() && f.Connection != "" && f.Connection != anyOf && !keyForm.MatchString(f.Connection):
			add(at+"connection", "Write the key of a connection, or * for any.")
		case kind.OfGrants():
			in.checkAgainst(at, f, add)
		case kind.OfOutput():
			in.checkOfOutput(at, f, add)
		}
	}
}

// checkAgainst finds grants that the intent lists and forbids.
func (in Intent) checkAgainst(at string, f Forbidden, add func(path, format string, args ...any)) {
	for _, text := range slices.Concat(in.Reads, in.Writes) {
		if g, ok := function.ParseGrant(text); ok && f.covers(g) {
			add(at+"effect", "It is listed above that it %s. Take out one of the two.", g.Says())
			return
		}
	}
}

func (in Intent) checkOfOutput(at string, f Forbidden, add func(path, format string, args ...any)) {
	kind := f.Kind()
	switch {
	case f.Field == "":
		add(at+"field", "Name the field of the output, or write * for any.")
		return
	case f.Field != anyOf && !hasValue(in.Outputs, f.Field):
		add(at+"field", "The function gives no field of this name. Write one that it gives, or * for any.")
		return
	case kind == LeavesEmpty && f.Field == anyOf && slices.ContainsFunc(in.Outputs, func(v Value) bool { return v.Optional }):
		add(at+"field", "A field that may be missing may be empty too. Name the field.")
		return
	case kind == Exceeds && (f.Most < 1 || f.Most > 10_000):
		add(at+"most", "Write how long it may be: a number from 1 to 10,000.")
		return
	case kind == Repeats && !hasValue(in.Inputs, f.Input):
		add(at+"input", "Name the field of the input that must not be repeated.")
		return
	}
	if kind == OtherCharacters {
		if _, why := characters(f.Only); why != "" {
			add(at+"only", "%s", why)
			return
		}
	}
	for i, k := range in.Examples {
		if k.Output == nil {
			continue
		}
		if how := f.broken(k.Input, k.Output, k.Plan); how != "" {
			add(fmt.Sprintf("examples.%d.output.%s", i, f.Field), "This must not be, as you say below: %s. %s", how, f.Sentence())
		}
	}
}

func hasValue(all []Value, name string) bool {
	return slices.ContainsFunc(all, func(v Value) bool { return v.Name == name })
}

// checkExamples holds examples to the fields that are listed, and says at which field
// one is not so.
func (in Intent) checkExamples(add func(path, format string, args ...any)) {
	names := map[string]bool{}
	for i, k := range in.Examples {
		at := fmt.Sprintf("examples.%d", i)
		switch {
		case strings.TrimSpace(k.Name) == "":
			add(at+".name", "Give the example a name.")
		case names[k.Name]:
			add(at+".name", "There is another example of this name.")
		}
		names[k.Name] = true
		if (k.Output == nil) == (k.Error == "") {
			add(at, "An example expects either an output or an error.")
		}
		if _, err := k.At(); err != nil {
			add(at+".now", "Write a moment like 2026-12-01T08:00:00Z.")
		}
		checkSide(at+".input.", "takes", in.Inputs, k.Input, add)
		if k.Output != nil {
			checkSide(at+".output.", "gives", in.Outputs, k.Output, add)
		}
	}
	if len(in.Examples) > 50 {
		add("examples", "Up to 50 examples can be given.")
	}
}

func checkSide(at, word string, fields []Value, values map[string]any, add func(path, format string, args ...any)) {
	for _, f := range fields {
		v, there := values[f.Name]
		kind := Types()[f.Type]
		switch {
		case !there && !f.Optional:
			add(at+f.Name, "Write a value: the list above says that it is always there.")
		case there && kind != "" && len(function.Violations(map[string]any{"type": kind}, v)) > 0:
			add(at+f.Name, "This is no %s, as the list above says.", f.Type)
		}
	}
	for _, name := range sortedNames(values) {
		if !hasValue(fields, name) {
			add(at+name, "The function %s no field %s. Add it to the list above, or empty this.", word, name)
		}
	}
}
