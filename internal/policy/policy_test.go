package policy

import (
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
)

func parse(t *testing.T, text string) Content {
	t.Helper()
	var c Content
	require.NoError(t, yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()))
	return c
}

// What a new policy starts as has no problem, and its own tests pass.
func TestStarters(t *testing.T) {
	for _, s := range Specs() {
		c := parse(t, s.Starter)
		require.Equal(t, s.Type, c.Type)
		require.Empty(t, Check(c, Known{}), s.Type)
		results := RunCases(t.Context(), c)
		require.NotEmpty(t, results, s.Type)
		for _, r := range results {
			require.True(t, r.Passed, "%s: %s", r.Case.Name, r.Why)
		}
	}
}

func TestCheck_WrongPolicies(t *testing.T) {
	for text, want := range map[string]string{
		"name: x\ntype: colours":                                "Choose one of",
		"name: x\ntype: groups":                                 "Write the rules",
		"name: x\ntype: groups\ngroups: {rows: []}":             "at least one row",
		"name: x\ntype: groups\ngroups: {rows: [{groups: []}]}": "Name the groups",
		"name: x\ntype: groups\ngroups: {rows: [{groups: [a], when: joiner.departmen == 'x'}]}":                         "departmen",
		"name: x\ntype: groups\ngroups: {hit: some, rows: [{groups: [a]}]}":                                             "Choose all or first",
		"name: x\ntype: groups\ngroups: {rows: [{groups: [a]}]}\ncases: [{name: n, joiner: {}, expect: {groups: [b]}}]": `groups should be ["b"], and it is ["a"]`,
		"name: x\ntype: groups\ngroups: {rows: [{groups: [a]}]}\ncases: [{name: n, joiner: {}}]":                        "Say what must come out",
	} {
		var all string
		for _, p := range Check(parse(t, text), Known{}) {
			all += p.Path + ": " + p.Detail + "\n"
		}
		require.Contains(t, all, want, text)
	}
}

// Content of another shape is told about in words of the policy, not of the program.
func TestDecode_OtherShape(t *testing.T) {
	t.Parallel()
	_, err := Decode([]byte(`{"name":"x","type":"groups","groups":{"rows":[{"groups":"crm-users"}]}}`))
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.Equal(t, "groups.rows.groups cannot be a text. Look up in the guide of this type of policy what it takes.", fault.Sentence(err))
}
