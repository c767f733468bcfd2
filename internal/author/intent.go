package author

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/function"
)

var (
	keyForm   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	fieldForm = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,62}$`)
	grantForm = regexp.MustCompile(function.GrantPattern)
	// A forbidden effect may name any connection.
	forbiddenForm = regexp.MustCompile(`^[a-z_]+:(\*|[a-z0-9-]+):[a-z_.]+$`)
)

// Types lists the types of a field of an intent, as JSON Schema knows them.
func Types() map[string]string {
	return map[string]string{"text": "string", "number": "number", "boolean": "boolean", "list": "array", "table": "object"}
}

// Check says what is wrong with an intent; paths are those of its JSON.
func (in Intent) Check() []fault.Problem {
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if !keyForm.MatchString(in.Key) {
		add("key", "A key has up to 63 lower-case letters, digits and hyphens, and starts with a letter.")
	}
	if n := len([]rune(strings.TrimSpace(in.Name))); n == 0 || n > 200 {
		add("name", "Give it a name of 1 to 200 characters.")
	}
	if len(in.Description) > 4000 {
		add("description", "A description may have up to 4,000 characters.")
	}
	checkValues("inputs", in.Inputs, add)
	checkValues("outputs", in.Outputs, add)
	if len(in.Outputs) == 0 {
		add("outputs", "Say what the function gives.")
	}
	in.checkExamples(add)
	checkGrants("reads", in.Reads, false, add)
	checkGrants("writes", in.Writes, true, add)
	in.checkForbidden(add)
	return out
}

func checkValues(path string, list []Value, add func(path, format string, args ...any)) {
	seen := map[string]bool{}
	for i, v := range list {
		at := fmt.Sprintf("%s.%d", path, i)
		switch {
		case !fieldForm.MatchString(v.Name):
			add(at+".name", "A field's name has letters, digits and _, and begins with a letter.")
		case seen[v.Name]:
			add(at+".name", "There is another field of this name.")
		}
		seen[v.Name] = true
		if Types()[v.Type] == "" {
			add(at+".type", "A field is text, number, boolean, list or table.")
		}
	}
	if len(list) > 100 {
		add(path, "Up to 100 fields can be listed.")
	}
}

func checkGrants(path string, list []string, writes bool, add func(path, format string, args ...any)) {
	for i, g := range list {
		at := fmt.Sprintf("%s.%d", path, i)
		switch {
		case !grantForm.MatchString(g):
			add(at, "A grant looks like directory:corp-ldap:accounts.find.")
		case Writes(g) != writes && writes:
			add(at, "This reads. List it under what the function may read.")
		case Writes(g) != writes:
			add(at, "This writes. List it under what the function may write.")
		}
	}
}

// Writes says whether a grant lets a function plan changes.
func Writes(grant string) bool {
	g, ok := function.ParseGrant(grant)
	return ok && slices.ContainsFunc(function.Sensitives(), func(s function.Sensitive) bool { return s.Writes && s.Kind == g.Kind() })
}
