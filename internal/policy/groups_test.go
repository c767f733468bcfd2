package policy

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/joiner"
)

const table = `
key: k
name: n
type: groups
groups:
  directory: corp-ad
  inputs: [{name: erp_approved, type: bool, optional: true}]
  rows:
    - {groups: [all-staff], reason: Everybody}
    - {when: 'joiner.department == "Finance" && inputs.erp_approved', groups: [erp-users], reason: Books, owner: cfo@example.com}
    - {when: 'joiner.location != ""', groups: ["loc-{{ Lower(joiner.location) }}"]}
    - {when: 'joiner.department == "Engineering"', groups: [jira, github], directory: apps, until: "2026-06-30", reason: Trial}
  exceptions:
    - {worker: "7", change: add, groups: [erp-users], reason: Deputy, owner: cfo@example.com, until: "2026-03-31"}
    - {worker: "hris:8", change: remove, groups: [ALL-staff], reason: Press, owner: hr@example.com, until: "2026-03-31"}
`

func decide(t *testing.T, text string, s Subject) Outcome {
	t.Helper()
	rules, ok := parse(t, text).Rules()
	require.True(t, ok)
	require.Empty(t, rules.Check(Known{}))
	if s.Now.IsZero() {
		s.Now = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	}
	out, err := rules.Try(t.Context(), s)
	require.NoError(t, err)
	return out
}

func worker(id string, attributes map[string]any) joiner.Worker {
	return joiner.Worker{ID: id, Attributes: attributes}
}

func TestGroups_WhichRowGaveWhat(t *testing.T) {
	out := decide(t, table, Subject{Worker: worker("1", map[string]any{"department": "Engineering", "location": "HAM"})})
	require.Equal(t, []any{"all-staff", "loc-ham", "jira", "github"}, out.Output["groups"])
	require.Equal(t, map[string]any{"corp-ad": []any{"all-staff", "loc-ham"}, "apps": []any{"jira", "github"}}, out.Output["by_directory"])
	require.Equal(t, map[string]any{"group": "jira", "directory": "apps", "row": 4, "exception": false, "reason": "Trial", "owner": "", "until": "2026-06-30"},
		out.Output["granted"].([]any)[2])
	require.Equal(t, "Does not match.", out.Reasons[1].Detail)
	require.Equal(t, "Matches: Everybody.", out.Reasons[0].Detail)
}

func TestGroups_InputsDecide(t *testing.T) {
	s := Subject{Worker: worker("1", map[string]any{"department": "Finance"}), Inputs: map[string]any{"erp_approved": true}}
	require.Contains(t, decide(t, table, s).Output["groups"], "erp-users")
	s.Inputs = nil
	require.NotContains(t, decide(t, table, s).Output["groups"], "erp-users")
	rules, _ := parse(t, table).Rules()
	for _, wrong := range []map[string]any{{"erp_approved": "yes"}, {"approved": true}} {
		s.Inputs = wrong
		_, err := rules.Try(t.Context(), s)
		require.Error(t, err)
	}
	required, _ := parse(t, strings.Replace(table, ", optional: true", "", 1)).Rules()
	s.Inputs = nil
	_, err := required.Try(t.Context(), s)
	require.ErrorContains(t, err, "erp_approved")
}

// A row counts through its last day where the joiner works, and not after.
func TestGroups_RowsRunOut(t *testing.T) {
	s := Subject{Worker: worker("1", map[string]any{"department": "Engineering", "time_zone": "Pacific/Auckland"})}
	s.Now = time.Date(2026, 6, 30, 11, 59, 0, 0, time.UTC) // 23:59 in Auckland
	require.Contains(t, decide(t, table, s).Output["groups"], "jira")
	s.Now = s.Now.Add(time.Minute)
	out := decide(t, table, s)
	require.NotContains(t, out.Output["groups"], "jira")
	require.Equal(t, "Matches, but ran out on 2026-06-30.", out.Reasons[3].Detail)
	require.False(t, out.Reasons[3].Took)
	// Where the zone is not known, the day is UTC's.
	s.Worker = worker("1", map[string]any{"department": "Engineering"})
	require.Contains(t, decide(t, table, s).Output["groups"], "jira")
}

func TestGroups_Exceptions(t *testing.T) {
	at := time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC)
	gets := decide(t, table, Subject{Worker: worker("7", nil), Now: at})
	require.Equal(t, []any{"all-staff", "erp-users"}, gets.Output["groups"])
	last := gets.Output["granted"].([]any)[1].(map[string]any)
	require.Equal(t, true, last["exception"])
	require.Equal(t, "cfo@example.com", last["owner"])
	require.Equal(t, []any{"all-staff"}, decide(t, table, Subject{Worker: worker("7", nil), Now: at.Add(2 * time.Hour)}).Output["groups"])

	kept := decide(t, table, Subject{Worker: worker("8", nil), Source: "hris"})
	require.Empty(t, kept.Output["groups"], "group names of an exception are compared without regard to case")
	require.Equal(t, "ALL-staff", kept.Output["withheld"].([]any)[0].(map[string]any)["group"])
	for _, source := range []string{"", "other"} {
		require.Equal(t, []any{"all-staff"}, decide(t, table, Subject{Worker: worker("8", nil), Source: source}).Output["groups"], "another HRIS has a worker 8 too")
	}
}

func TestGroups_NameMadeOfNothing(t *testing.T) {
	text := strings.Replace(table, `when: 'joiner.location != ""', `, "", 1)
	out := decide(t, text, Subject{Worker: worker("1", map[string]any{"location": " "})})
	require.Contains(t, out.Person, "Row 3 gives the group loc-{{ Lower(joiner.location) }}")
}

func TestGroups_FirstOnly(t *testing.T) {
	text := strings.Replace(table, "directory: corp-ad", "hit: first", 1)
	require.Equal(t, []any{"all-staff"}, decide(t, text, Subject{Worker: worker("1", map[string]any{"location": "HAM"})}).Output["groups"])
	warnings := Warnings(parse(t, text), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Known{})
	require.Len(t, warnings, 3)
	require.Equal(t, "groups.rows.1", warnings[0].Path)
	require.Contains(t, warnings[0].Detail, "never reached: row 1")
}

func TestGroups_Warnings(t *testing.T) {
	for at, want := range map[string][]string{
		"2026-01-01": nil,
		"2026-03-05": {"groups.exceptions.0.until: The exception for worker 7 (erp-users) runs out", "groups.exceptions.1.until: The exception for worker hris:8 (ALL-staff) runs out"},
		"2026-07-01": {"groups.rows.3.until: Row 4 (jira, github) ran out", "groups.exceptions.0.until: The exception for worker 7 (erp-users) ran out", "groups.exceptions.1.until:"},
	} {
		now, err := time.Parse(time.DateOnly, at)
		require.NoError(t, err)
		got := Warnings(parse(t, table), now, Known{})
		require.Len(t, got, len(want), at)
		for i, w := range want {
			require.Contains(t, got[i].Path+": "+got[i].Detail, w)
		}
	}
}

func TestGroups_Check(t *testing.T) {
	known := Known{Connections: map[string][]string{"corp-ad": {"directory"}, "hris": {"workers"}}}
	for old, change := range map[string][2]string{
		"There is no connection \"apps\"":         {"", ""},
		"no accounts and groups":                  {"directory: apps", "directory: hris"},
		"the last day on which":                   {`until: "2026-06-30"`, `until: "June"`},
		"order of the rows under first":           {"directory: corp-ad", "hit: priority"},
		"An exception has an end":                 {`, until: "2026-03-31"}`, "}"},
		"Name who answers":                        {"reason: Deputy, owner: cfo@example.com", "reason: Deputy, owner: ''"},
		"Choose add or remove":                    {"change: add", "change: maybe"},
		"Two values have the name":                {"optional: true}", "optional: true}, {name: erp_approved}"},
		"A name has lower-case":                   {"{name: erp_approved,", "{name: ErpApproved,"},
		"Choose one of: string":                   {"type: bool", "type: colour"},
		`No input "erp_aproved" is declared. Did`: {"inputs.erp_approved", "inputs.erp_aproved"},
		"a closing":                               {"{{ Lower(joiner.location) }}", "{{ Lower(joiner.location }}"},
	} {
		text := table
		if change[0] != "" {
			require.Contains(t, text, change[0])
			text = strings.Replace(text, change[0], change[1], 1)
		}
		var all string
		for _, p := range Check(parse(t, text), known) {
			all += p.Path + ": " + p.Detail + "\n"
		}
		if old != "a closing" {
			require.Contains(t, all, old)
		} else {
			require.Contains(t, all, "groups.rows.2.groups.0: ")
		}
	}
}

func big(rows int) *Groups {
	g := &Groups{}
	for i := range rows {
		g.Rows = append(g.Rows, GroupRow{When: fmt.Sprintf(`joiner.department == "D%d" && joiner.country in ["DE", "AT"]`, i), Groups: []string{fmt.Sprintf("g-%d", i)}, Reason: "r", Owner: "o"})
	}
	return g
}

// One table decides for many joiners at once.
func TestGroups_Concurrent(t *testing.T) {
	g := big(50)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			out, err := g.Try(t.Context(), Subject{Worker: worker("1", map[string]any{"department": fmt.Sprintf("D%d", i), "country": "DE"}), Now: time.Now()})
			if err != nil || len(out.Output["groups"].([]any)) != 1 {
				t.Errorf("%v %v", out, err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkGroups_1000Rows(b *testing.B) {
	g := big(1000)
	s := Subject{Worker: worker("1", map[string]any{"department": "D500", "country": "DE"}), Now: time.Now()}
	_, _ = g.Try(b.Context(), s)
	for b.Loop() {
		if _, err := g.Try(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGroups_Compile1000Rows(b *testing.B) {
	for b.Loop() {
		big(1000).table()
	}
}
