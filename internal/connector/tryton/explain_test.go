package tryton

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// What Tryton says in answers with status 200, and what it means.
func TestExplain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		kind fault.Kind
		says string
	}{
		`["UserError",["You are not allowed to access \"Employee\".","",null]]`:                               {fault.Forbidden, "Give the user the right"},
		`["UserError",["You are trying to read records \"9\" of \"Employee\" that don't exist anymore.",""]]`: {fault.NotFound, "don't exist anymore"},
		`["UserError",["The code on party must be unique.","",null]]`:                                         {fault.Invalid, "The code on party must be unique."},
		`["UserWarning",["key_1","This e-mail is used elsewhere.","Save it?"]]`:                               {fault.Invalid, "This e-mail is used elsewhere. Save it?"},
		`["ConcurrencyException","Record was modified"]`:                                                      {fault.Conflict, "same moment"},
		`["LoginException",["device_cookie","Code",null]]`:                                                    {fault.Invalid, "more than a password"},
		`["RateLimitException",[]]`:                                                                           {fault.Unavailable, "less often"},
		`["could not serialize access due to concurrent update","Traceback: secret detail"]`:                  {fault.Unavailable, "busy"},
		`["deadlock detected","psycopg2.errors.DeadlockDetected"]`:                                            {fault.Unavailable, "busy"},
		`["x","psycopg2.OperationalError: server closed the connection"]`:                                     {fault.Unavailable, "busy"},
		`["'nosuch'","Traceback (most recent call last)"]`:                                                    {fault.Invalid, "'nosuch'"},
		`[]`:  {fault.Invalid, "did not say why"},
		`[7]`: {fault.Invalid, "error of its own"},
	} {
		var list []any
		require.NoError(t, json.Unmarshal([]byte(text), &list))
		err := explain(list)
		require.Equal(t, want.kind, fault.KindOf(err), text)
		require.Contains(t, fault.Sentence(err), want.says, text)
		require.NotContains(t, fault.Sentence(err), "Traceback", text)
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][4]string{ // first name first, then last name first
		"Ann Lee":               {"Ann", "Lee", "Lee", "Ann"},
		"Ludwig van Beethoven":  {"Ludwig", "van Beethoven", "van Beethoven", "Ludwig"},
		"van Beethoven Ludwig":  {"van Beethoven", "Ludwig", "Ludwig", "van Beethoven"},
		"Anna Maria de la Cruz": {"Anna Maria", "de la Cruz", "Maria de la Cruz", "Anna"},
		"Lee, Ann Mary":         {"Ann Mary", "Lee", "Ann Mary", "Lee"},
		"Madonna":               {"", "Madonna", "", "Madonna"},
		" \tÖzlem   Şahin ":     {"Özlem", "Şahin", "Şahin", "Özlem"},
		"毛 泽东":                  {"毛", "泽东", "泽东", "毛"},
		"":                      {"", "", "", ""},
		",":                     {"", "", "", ""},
	} {
		first, last := (&conn{set: settings{nameForm: firstLast}}).split(name)
		require.Equal(t, want[:2], []string{first, last}, name)
		if !strings.Contains(name, "van") && !strings.Contains(name, "de la") {
			first, last = (&conn{set: settings{nameForm: lastFirst}}).split(name)
			if strings.Contains(name, ",") {
				require.Equal(t, want[:2], []string{first, last}, name)
			} else {
				require.Equal(t, want[2:], []string{first, last}, name)
			}
		}
	}
	first, last := (&conn{set: settings{nameForm: lastFirst}}).split("van Beethoven Ludwig")
	require.Equal(t, []string{"Ludwig", "van Beethoven"}, []string{first, last})
}

func TestValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		`{"__class__":"date","year":2026,"month":2,"day":3}`:                                                      "2026-02-03",
		`{"__class__":"datetime","year":2026,"month":2,"day":3,"hour":4,"minute":5,"second":6,"microsecond":700}`: "2026-02-03T04:05:06.0007Z",
		`{"__class__":"time","hour":4,"minute":5,"second":6,"microsecond":0}`:                                     "04:05:06",
		`{"__class__":"Decimal","decimal":"1.50"}`:                                                                "1.50",
		`{"__class__":"bytes","base64":"AAAA"}`:                                                                   nil,
		`{"__class__":"datetime"}`:                                                                                "-0001-11-30T00:00:00Z",
		`{"x":1}`:                                                                                                 nil, `"a"`: "a", `null`: nil, `true`: true,
	} {
		var v any
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		require.NoError(t, dec.Decode(&v))
		require.Equal(t, want, plain(v), text)
	}
	at := time.Date(2026, 2, 3, 4, 5, 6, 700_000, time.FixedZone("x", 3600))
	back, ok := moment(roundTrip(t, datetime(at)))
	require.True(t, ok)
	require.True(t, at.Equal(back))
	require.True(t, after("2026-01-01T00:00:00.000000 10", "2026-01-01T00:00:00.000000 9"), "ids are numbers")
	require.False(t, after("2026-01-01T00:00:00.000000 9", "2026-01-02T00:00:00.000000 1"))
}

func roundTrip(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	var out any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&out))
	return out
}

func TestCheck(t *testing.T) {
	t.Parallel()
	base := map[string]any{"base_url": "https://tryton.corp.example", "database": "hr", "user": "joinery"}
	for name, c := range map[string]struct {
		change map[string]any
		path   string
	}{
		"fine": {nil, ""}, "address": {map[string]any{"base_url": "tryton"}, "base_url"}, "password in address": {map[string]any{"base_url": "https://u:p@tryton"}, "base_url"},
		"database": {map[string]any{"database": "../x"}, "database"}, "login": {map[string]any{"user": "a:b"}, "user"}, "certificate": {map[string]any{"ca": "x"}, "ca"},
		"field": {map[string]any{"fields": map[string]any{"department": "a b"}}, "fields"}, "attribute": {map[string]any{"fields": map[string]any{"Bad Name": "x"}}, "fields"},
		"zone": {map[string]any{"zone": "Berlin"}, "zone"}, "zones": {map[string]any{"zones": map[string]any{"Bonn": "X/Y"}}, "zones"},
		"look back": {map[string]any{"overlap": "48h"}, "overlap"}, "time limit": {map[string]any{"timeout": "1h"}, "timeout"},
	} {
		in := connector.WithDefaults(Type{}.Info().Settings, base)
		for k, v := range c.change {
			in[k] = v
		}
		var paths []string
		for _, p := range (Type{}).Check(in) {
			paths = append(paths, p.Path)
		}
		if c.path == "" {
			require.Empty(t, paths, name)
		} else {
			require.Equal(t, []string{c.path}, paths, name)
		}
	}
}
