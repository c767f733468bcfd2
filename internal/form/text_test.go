package form

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind  Kind
		text  string
		want  any
		wrong string
	}{
		{Text, "  a b ", "a b", ""}, {Text, " ", nil, ""},
		{Number, "12.5", 12.5, ""}, {Number, "twelve", "twelve", "number"},
		{Bool, "Yes", true, ""}, {Bool, "", false, ""}, {Bool, "maybe", "maybe", "yes or no"},
		{List, "a, b ,c", []any{"a", "b", "c"}, ""}, {List, "a\nb", []any{"a", "b"}, ""},
		{List, `"cn=crm,dc=x", all`, []any{"cn=crm,dc=x", "all"}, ""}, {List, `6" pipe, b`, []any{`6" pipe`, "b"}, ""}, {List, `"a, b`, `"a, b`, "not closed"},
		{Mapping, "a: b\n c : d:e ", map[string]any{"a": "b", "c": "d:e"}, ""}, {Mapping, "a", "a", "name: value"},
	} {
		v, wrong := Read(Field{Kind: c.kind}, c.text)
		require.Equal(t, c.want, v, "%s %q", c.kind, c.text)
		if c.wrong == "" {
			require.Empty(t, wrong, c.text)
		} else {
			require.Contains(t, wrong, c.wrong, c.text)
		}
	}
	v, _ := Read(Field{Kind: Select, Options: []Option{{Value: "only_create", Label: "Only on create"}}}, "only on Create")
	require.Equal(t, "only_create", v)
}

// A list of any texts comes back as it was, whatever they hold.
func TestWrite_ListsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var list []any
		for _, s := range rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune(`ab ,"=`+"\n")), 0, 6, -1), 1, 5).Draw(t, "list") {
			list = append(list, s)
		}
		v, wrong := Read(Field{Kind: List}, Write(Field{Kind: List}, list))
		require.Empty(t, wrong)
		a, _ := json.Marshal(list)
		b, _ := json.Marshal(v)
		require.Equal(t, string(a), string(b))
	})
}

func TestGrid(t *testing.T) {
	t.Parallel()
	require.Equal(t, [][]string{{"a", "b"}, {"c", ""}}, Grid("a\tb\r\nc\t\r\n"))
	require.Equal(t, [][]string{{"a\nb", `say "x"`}, {"c", "d"}}, Grid("\"a\nb\"\t\"say \"\"x\"\"\"\nc\td"))
	require.Equal(t, [][]string{{"Sales", "a, b"}, {"IT", "c"}}, Grid("Sales,\"a, b\"\nIT,c"))
	require.Equal(t, [][]string{{"Sales", "a, b"}, {"IT", "c"}}, Grid("Sales;a, b\nIT;c"))
	require.Equal(t, [][]string{{"one, two"}, {"three"}}, Grid("one, two\nthree"), "lines of one column stay one column")
	require.Equal(t, [][]string{{`joiner.department == "Sales"`, "crm"}}, Grid("joiner.department == \"Sales\"\tcrm"), "a quote within a cell is text")
	require.Nil(t, Grid(" \n"))
	at, ok := Headed([]Field{{Key: "when", Label: "When"}, {Key: "groups", Label: "Groups"}}, []string{"groups", "Comment", "WHEN"})
	require.True(t, ok)
	require.Equal(t, []int{1, -1, 0}, at)
	_, ok = Headed([]Field{{Key: "when", Label: "When"}}, []string{"a", "b"})
	require.False(t, ok)
}
