package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const tableOfFour = `key: g
name: G
type: groups
groups:
  rows:
    - {groups: [all-staff], reason: Everybody}
    - {when: joiner.department == "Sales", groups: [dept-sales]}
    - {when: joiner.department == "IT", groups: [vpn, dept-it]}
    - {when: joiner.location == "Berlin", groups: [site-berlin]}
cases:
  - {name: one, joiner: {department: Sales}, expect: {groups: [all-staff, dept-sales]}}
`

func TestDifferences(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		swap []string
		want []string
	}{
		"nothing":              {nil, nil},
		"a group more":         {[]string{"[dept-sales]}", "[dept-sales, crm-users]}"}, []string{`now also crm-users`, "Row 2"}},
		"a group less":         {[]string{"[vpn, dept-it]", "[dept-it]"}, []string{"Row 3", "no longer vpn"}},
		"other order":          {[]string{"[vpn, dept-it]", "[dept-it, vpn]"}, []string{"Row 3", "in another order"}},
		"hit policy":           {[]string{"  rows:", "  hit: first\n  rows:"}, []string{"When several rows match: now “Only the first one does”"}},
		"default is no change": {[]string{"  rows:", "  hit: all\n  rows:"}, nil},
		"condition":            {[]string{`"Berlin"`, `"Bonn"`}, []string{"Row 4", "Berlin", "Bonn"}},
		"renamed":              {[]string{"name: G", "name: H"}, []string{"The name is now “H”, and was “G”."}},
		"row removed":          {[]string{"    - {when: joiner.department == \"Sales\", groups: [dept-sales]}\n", ""}, []string{"Row 2 was removed: When", "dept-sales"}},
		"row added":            {[]string{"cases:", "    - {when: joiner.title == \"CEO\", groups: [board]}\ncases:"}, []string{"Row 5 is new: When", "Groups board"}},
		"test added":           {[]string{"cases:", "cases:\n  - {name: two, joiner: {}, expect: {groups: [all-staff]}}"}, []string{"The test “two” is new."}},
		"test changed":         {[]string{"expect: {groups: [all-staff, dept-sales]}", "error: no"}, []string{"The test “one” changed: the refusal it waits for, what must come out."}},
		"test removed":         {[]string{"name: one", "name: other"}, []string{"The test “other” is new.", "The test “one” was removed."}},
		"reason filled":        {[]string{"[dept-sales]}", "[dept-sales], reason: Sells}"}, []string{"Reason now “Sells”"}},
	} {
		text := tableOfFour
		if c.swap != nil {
			text = strings.Replace(text, c.swap[0], c.swap[1], 1)
			require.NotEqual(t, tableOfFour, text, name)
		}
		got := Differences(parse(t, tableOfFour), parse(t, text))
		if c.want == nil {
			require.Empty(t, got, name)
			continue
		}
		for _, w := range c.want {
			require.Contains(t, strings.Join(got, "\n"), w, name)
		}
		require.LessOrEqual(t, len(got), 2, "%s: %v", name, got)
	}
	require.Equal(t, "department is Sales and location starts with Ber", PlainWords(`joiner.department == "Sales" && joiner.location.startsWith("Ber")`))
	require.Equal(t, "size(joiner.tags) > 2", PlainWords("size(joiner.tags)\n  > 2"))
	require.Equal(t, []string{"It is new. Rows: 4 rows, 1 test."}, Differences(Content{}, parse(t, tableOfFour)))
}

// A row that moved is told as moved, alone, and with what else changed in it.
func TestDifferences_Moves(t *testing.T) {
	t.Parallel()
	line := func(dep, group string) string {
		return fmt.Sprintf("    - {when: joiner.department == %q, groups: [%s]}\n", dep, group)
	}
	head := "key: g\nname: G\ntype: groups\ngroups:\n  rows:\n"
	a := parse(t, head+line("A", "a")+line("B", "b")+line("C", "c")+line("D", "d"))
	b := parse(t, head+line("D", "d")+line("A", "a")+line("B", "b")+line("C", "c"))
	got := Differences(a, b)
	require.Len(t, got, 1, "%v", got)
	require.Regexp(t, `^Row 1 \(.*D.*\) moved up; it was row 4\.$`, got[0])
	got = Differences(b, a)
	require.Len(t, got, 1, "%v", got)
	require.Regexp(t, `^Row 4 \(.*\) moved down; it was row 1\.$`, got[0])
	got = Differences(a, parse(t, head+line("D", "d, e")+line("A", "a")+line("B", "b")+line("C", "c")))
	require.Len(t, got, 2, "%v", got)
	require.Contains(t, got[1], "now also e")
	twice := parse(t, head+line("A", "a")+line("A", "a")+line("B", "b"))
	require.Empty(t, Differences(twice, twice), "equal rows are not mixed up")
	got = Differences(twice, parse(t, head+line("A", "a")+line("B", "b")))
	require.Len(t, got, 1, "%v", got)
	require.Contains(t, got[0], "was removed")
}

// A table of a thousand rows of which all changed is told in bounded time and words.
func TestDifferences_Large(t *testing.T) {
	t.Parallel()
	a, b := Content{Key: "g", Name: "G", Type: "groups", Groups: &Groups{}}, Content{Key: "g", Name: "G", Type: "groups", Groups: &Groups{}}
	for i := range maxRows {
		a.Groups.Rows = append(a.Groups.Rows, GroupRow{When: fmt.Sprintf("joiner.department == %q", fmt.Sprint("d", i)), Groups: []string{fmt.Sprint("g", i)}})
		b.Groups.Rows = append(b.Groups.Rows, GroupRow{When: fmt.Sprintf("joiner.department == %q", fmt.Sprint("d", i)), Groups: []string{fmt.Sprint("h", i)}})
	}
	got := Differences(a, b)
	require.Len(t, got, maxWords+1)
	require.Equal(t, "And 920 more changes.", got[maxWords])
	require.Contains(t, got[3], "now also h3; no longer g3")
}
