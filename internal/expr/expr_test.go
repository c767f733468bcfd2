package expr

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func env(t *testing.T) *Env {
	t.Helper()
	e, err := NewEnv(Decls{
		Attributes: []string{"first_name", "last_name", "middle_name", "start_date", "department"},
		Steps: map[string]map[string]Type{
			"find":  {"account_id": String, "enabled": Bool, "attributes": Map, "count": Number},
			"later": {"x": Any},
			"stop":  {},
		},
		Vars: map[string]any{"domain": "example.com", "seats": 5.0, "teams": []any{"a", "b"}},
	})
	require.NoError(t, err)
	return e
}

func scope() Scope {
	return Scope{
		Event:  Event{Type: "worker.hired", At: noon},
		Joiner: map[string]any{"first_name": "Łukasz", "last_name": "Żółć", "start_date": "2026-12-01", "cost_center": "CC 7", "grade": 4.0},
		Steps:  map[string]map[string]any{"find": {"account_id": "a1", "count": 3.0, "attributes": map[string]any{"mail": "x@y"}}},
		Run:    Run{ID: "r1", Flow: "f", Mode: "live", StartedAt: noon},
		Vars:   map[string]any{"domain": "example.com", "seats": 5.0, "teams": []any{"a", "b"}},
		Now:    noon,
	}
}

func TestField(t *testing.T) {
	t.Parallel()
	e := env(t)
	for source, want := range map[string]any{
		"plain text": "plain text",
		"":           "",
		"=joiner.first_name + joiner.middle_name":                                            "Łukasz",
		"=Lower(NormalizeDiacritics(Left(joiner.first_name,1)+joiner.last_name))":            "lzolc",
		"{{ joiner.last_name }}@{{vars.domain}}":                                             "Żółć@example.com",
		"{{ {'a': {'b': 'x'}}.a.b }}}":                                                       "x}",
		"{{ '}}' }}!":                                                                        "}}!",
		"Level {{ joiner.grade }}":                                                           "Level 4",
		"=Coalesce(joiner.middle_name, joiner.department, 'none')":                           "none",
		"=joiner.cost_center":                                                                "CC 7",
		"=joiner.never_sent":                                                                 "",
		"=Attribute(joiner, 'cost_center')":                                                  "CC 7",
		"=has(joiner.middle_name) ? 'y' : 'n'":                                               "n",
		"=has(joiner.first_name) ? 'y' : 'n'":                                                "y",
		"=steps.find.count == 3 ? 'three' : 'other'":                                         "three",
		"=string(steps.find.count + 1)":                                                      "4",
		"=steps.find.attributes.mail":                                                        "x@y",
		"=steps.later.x == null ? 'skipped' : 'ran'":                                         "skipped",
		"=joiner.start_date > today ? 'future' : 'now'":                                      "future",
		"=Switch(joiner.department, 'other', 'Sales', 'crm', 'IT', 'lab')":                   "other",
		"=IIF(IsPresent(joiner.middle_name), 'yes', 'no')":                                   "no",
		"=Mid('abcdef', 2, 3) + Right('abcdef', 2) + Left('ab', 9)":                          "bcdefab",
		"=Join('-', 'a', '', 'b') + Join('+', vars.teams)":                                   "a-ba+b",
		"=Item(Split('a,b,c', ','), 2)":                                                      "b",
		"=string(InStr('Hello', 'L')) + string(Count(vars.teams))":                           "32",
		"=Join('+', List(vars.teams) + List('c') + List('') + List(Attribute(joiner, 'x')))": "a+b+c",
		"=Join('', RemoveDuplicates(['a','b','a']))":                                         "ab",
		"=Word('van der Berg', 2, ' ') + LettersOnly(\"O'B 1\") + DigitsOnly('E-42')":        "derOB42",
		"=FormatDateTime(joiner.start_date, 'dd.MM.yyyy')":                                   "01.12.2026",
		"=FormatDateTime('20261201', '', 'yyyyMMdd', 'yyyy-MM-dd')":                          "2026-12-01",
		"=DateAdd('d', -7, joiner.start_date)":                                               "2026-11-24",
		"=WorkDaysBefore(joiner.start_date, 2)":                                              "2026-11-27",
		"=WorkDaysBefore('2026-12-07', 1)":                                                   "2026-12-04",
		"=string(DateDiff('d', today, joiner.start_date))":                                   "6",
		"=PCase('anne-marie o\\'neill') + StripSpaces(' a b ')":                              "Anne-Marie O'neillab",
		"=Replace('a.b.c', '.', '') + RegexReplace('a1b2', '[0-9]', '')":                     "abcab",
		"=NormalizeDiacritics('Søren Straße Æble Đorđe')":                                    "Soren Strasse AEble Dorde",
		"=run.mode + event.type":                                                             "liveworker.hired",
		"='%s %d'.format(['x', 2])":                                                          "x 2",
	} {
		v, problems := e.Field(source, String, Where{})
		require.Empty(t, problems, source)
		got, err := v.Eval(t.Context(), scope())
		require.NoError(t, err, source)
		require.Equal(t, want, got, source)
	}
}

func TestExpression_Types(t *testing.T) {
	t.Parallel()
	e := env(t)
	for source, c := range map[string]struct {
		want Type
		is   any
	}{
		"joiner.department in ['a','']": {Bool, true},
		"=vars.seats * 2":               {Number, int64(10)},
		"vars.seats > 4.5":              {Bool, true},
		"vars.teams":                    {List, []any{"a", "b"}},
		"'one'":                         {List, []any{"one"}},
		"{'a': 1}":                      {Map, map[string]any{"a": int64(1)}},
		"now":                           {Timestamp, noon},
		"null":                          {Any, nil},
		"joiner.start_date":             {Timestamp, "2026-12-01"},
		"joiner":                        {Map, scope().plainJoiner()},
	} {
		v, problems := e.Expression(source, c.want, Where{})
		require.Empty(t, problems, source)
		got, err := v.Eval(t.Context(), scope())
		require.NoError(t, err, source)
		require.Equal(t, c.is, got, source)
	}
}

func (s Scope) plainJoiner() map[string]any {
	out := map[string]any{}
	for k, v := range s.Joiner {
		out[k] = v
	}
	out["grade"] = int64(4)
	return out
}

func TestField_Problems(t *testing.T) {
	t.Parallel()
	e := env(t)
	where := Where{Node: "here", Before: func(s string) bool { return s == "find" || s == "stop" }}
	for source, want := range map[string]string{
		"=joiner.frist_name":                   `A joiner has no attribute "frist_name". Did you mean "first_name"?`,
		"=joiner.firstName":                    `A joiner has no attribute "firstName". Did you mean "first_name"?`,
		"Hi {{ joiner.lastname }}":             `A joiner has no attribute "lastname". Did you mean "last_name"?`,
		"=steps.fnd.account_id":                `There is no step "fnd". Did you mean "find"?`,
		"=steps.find.acount":                   `Step "find" has no result "acount". It has: account_id, attributes, count, enabled.`,
		"=steps.stop.x":                        `Step "stop" has no results.`,
		"=steps.later.x":                       `Step "later" does not run before this one, so its result is not there yet.`,
		"=vars.domian":                         `The flow has no variable "domian". Did you mean "domain"?`,
		"=event.kind":                          `event has no "kind". It has: key, type, worker, at, changed.`,
		"=first_name":                          `Nothing is called "first_name" here. Did you mean "joiner.first_name"?`,
		"=normalizeDiacritics('x')":            `Nothing is called "normalizeDiacritics" here. Did you mean "NormalizeDiacritics"?`,
		"=string(now())":                       `"now" is a value, not a function: write now, without brackets.`,
		"=Upper(today())":                      `"today" is a value, not a function: write today, without brackets.`,
		"=joiner.first_name + 5":               `+ cannot be used with a text and a number.`,
		"=Left('x')":                           `Left cannot be given a text here.`,
		"=joiner.first_name +":                 `This is not a complete expression here`,
		"={{ x }}":                             `This is not a complete expression here`,
		"=":                                    `Write an expression after the = sign.`,
		"=[1,2]":                               `This gives a list, and the field needs a text.`,
		"x {{ joiner.first_name":               `This {{ has no }} after it.`,
		"=" + strings.Repeat("a", maxSource+1): `An expression may have up to`,
	} {
		_, problems := e.Field(source, String, where)
		require.NotEmpty(t, problems, source)
		require.Contains(t, problems[0].Detail, want, source)
	}
	_, problems := e.Expression("joiner.first_name", Bool, where)
	require.Equal(t, "This gives a text, and the field needs true or false.", problems[0].Detail)
	_, problems = e.Field("line one\nHi {{ joiner.lastname }}", String, where)
	require.Equal(t, []int{2, 14}, []int{problems[0].Line, problems[0].Column})
	_, problems = e.Field("=  joiner.lastname", String, where)
	require.Equal(t, []int{1, 11}, []int{problems[0].Line, problems[0].Column})
}

func TestEval_Faults(t *testing.T) {
	t.Parallel()
	e := env(t)
	for source, want := range map[string]string{
		"=steps.find.attributes.phone":                                                   `there is no entry "phone".`,
		"=vars.seats + joiner.cost_center":                                               "a value is of another type",
		"=string(1/(vars.seats-5))":                                                      "it divides by zero.",
		"=FormatDateTime('soon', 'yyyy')":                                                `"soon" is not a date such as 2026-12-01`,
		"=steps.find.attributes.mail.split('')[99]":                                      "a position is outside",
		"=string(lists.range(9999).map(x, lists.range(9999).map(y, x*y).size()).size())": "it is too much work",
		"=RegexReplace('x', '(', '')":                                                    "is not a regular expression",
	} {
		v, problems := e.Field(source, String, Where{})
		require.Empty(t, problems, source)
		_, err := v.Eval(t.Context(), scope())
		require.True(t, fault.Is(err, fault.Invalid), source)
		require.Contains(t, fault.Sentence(err), want, source)
	}
}

// Nested replacements would ask for gigabytes; the helper refuses before it
// makes them.
func TestReplace_Bounded(t *testing.T) {
	t.Parallel()
	e := env(t)
	src := "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
	for range 8 {
		src = "Replace(" + src + ", 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')"
	}
	v, problems := e.Field("="+src, String, Where{})
	require.Empty(t, problems)
	_, err := v.Eval(t.Context(), scope())
	require.Contains(t, fault.Sentence(err), "longer than 1 MB")
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	require.Subset(t, Functions(), []string{"NormalizeDiacritics", "Coalesce", "Switch", "IIF", "DateAdd", "WorkDaysBefore"})
}

func FuzzField(f *testing.F) {
	for _, s := range []string{"=joiner.first_name", "{{ x }}", "{{", "=\"\\", "={'a':1}.a", "=[1,2].map(x, x)"} {
		f.Add(s)
	}
	e, err := NewEnv(Decls{Attributes: []string{"first_name"}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, s string) {
		if v, problems := e.Field(s, String, Where{}); len(problems) == 0 {
			_, _ = v.Eval(t.Context(), scope())
		}
	})
}
