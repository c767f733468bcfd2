package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

var attributeForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// neverWritten are attributes by which runs and people are known: writing them
// would change what a run is about while it is under way.
var neverWritten = []string{joiner.StartDate, joiner.EndDate, joiner.Status, joiner.WorkerType}

// check finds what is wrong with one row.
func (f WriteBackField) check(at string, k Known) []fault.Problem {
	var out []fault.Problem
	add := func(field, format string, args ...any) {
		out = append(out, fault.Problem{Path: at + "." + field, Detail: fmt.Sprintf(format, args...)})
	}
	f.checkPlace(k, add)
	one := func(field, value string, words ...string) {
		if value != "" && !slices.Contains(words, value) {
			add(field, "Choose one of: %s.", strings.Join(words, ", "))
		}
	}
	one("owner", f.Owner, OwnerJoinery, OwnerHR)
	one("write", f.Write, OnlyIfEmpty, OnlyIfEquals, OverwriteOwn)
	one("approve", f.Approve, ApproveContract, ApproveEach, ApproveOnConflict)
	one("role", f.Role, contractRoles()...)
	filled := f.Filled()
	switch {
	case filled.Write == OnlyIfEquals && strings.TrimSpace(f.Equals) == "":
		add("equals", "Say which value the field must have. For an empty one choose only_if_empty.")
	case filled.Write != OnlyIfEquals && strings.TrimSpace(f.Equals) != "":
		add("equals", "This value counts only with only_if_equals. Take it out, or choose that.")
	case filled.Write == OnlyIfEquals:
		if _, problems := f.equals(); len(problems) > 0 {
			add("equals", "%s", problems[0].Detail)
		}
	}
	if filled.Owner == OwnerHR && filled.Write == OverwriteOwn {
		add("write", "HR owns this field, so HR may change what we wrote. Choose only_if_empty or only_if_equals, or let Joinery own it.")
	}
	f.checkTimes(add)
	return out
}

func (f WriteBackField) checkPlace(k Known, add func(field, format string, args ...any)) {
	switch capabilities, found := k.Connections[f.Connection]; {
	case strings.TrimSpace(f.Connection) == "":
		add("connection", "Name the HRIS.")
	case k.Connections == nil:
	case !found:
		add("connection", "There is no connection %q.", f.Connection)
	case !slices.Contains(capabilities, "write_back"):
		add("connection", "The connection %s has no fields that can be written back.", f.Connection)
	}
	switch {
	case strings.TrimSpace(f.Field) == "":
		add("field", "Name the field, such as work_email.")
	case !attributeForm.MatchString(f.Field):
		add("field", "A field is an attribute in Joinery's words: lower-case letters, digits and underscores, such as work_email.")
	case slices.Contains(neverWritten, f.Field):
		add("field", "%s decides what a run does, so it is HR's alone.", f.Field)
	}
}

func (f WriteBackField) checkTimes(add func(field, format string, args ...any)) {
	for _, d := range []struct {
		field, text string
		least, most time.Duration
		zero        bool
	}{
		{"verify_after", f.VerifyAfter, 0, maxVerifyAfter, true},
		{"echo", f.Echo, 0, maxEcho, true},
		{"drift", f.Drift, minDrift, 365 * 24 * time.Hour, true},
	} {
		if strings.TrimSpace(d.text) == "" {
			continue
		}
		v, err := form.ParseDuration(d.text)
		switch {
		case err != nil || v < 0:
			add(d.field, "Write a duration such as 30s, 12h or 5d.")
		case v == 0 && d.zero:
		case v < d.least:
			add(d.field, "Write at least %s, or 0s for never.", short(d.least))
		case v > d.most:
			add(d.field, "Write at most %s.", short(d.most))
		}
	}
	if f.VerifyTries < 0 || f.VerifyTries > maxVerifyTries {
		add("verify_tries", "Write a number from 1 to %d.", maxVerifyTries)
	}
}

// short writes a duration as people do.
func short(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

// equals compiles the value that only_if_equals asks for; nil for a plain text.
func (f WriteBackField) equals() (expr.Value, []expr.Problem) {
	if !strings.HasPrefix(f.Equals, "=") {
		return nil, nil
	}
	env, err := Env()
	if err != nil {
		return nil, []expr.Problem{{Detail: fault.Sentence(err)}}
	}
	return env.Expression(f.Equals, expr.Any, expr.Where{})
}
