package connector

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindAttribute(t *testing.T) {
	t.Parallel()
	schema := []SchemaAttribute{
		{Name: "sn", Aliases: []string{"surname"}}, {Name: "emails"}, {Name: "emails.work", Type: TypeString}, {Name: "emails.*", Type: TypeString}, {Name: "addresses.*.locality"},
	}
	for name, want := range map[string]string{
		"SN": "sn", "Surname": "sn", "emails": "emails", "Emails.Work": "emails.work", "emails.private": "emails.*", "addresses.home.locality": "addresses.*.locality",
		"emails.": "", "emails.a.b": "", "addresses.home.street": "", "": "", "snn": "",
	} {
		got, ok := FindAttribute(schema, name)
		require.Equal(t, want != "", ok, name)
		require.Equal(t, want, got.Name, name)
	}
}

func TestMissingAttributes(t *testing.T) {
	t.Parallel()
	schema := []SchemaAttribute{
		{Name: "sn", Aliases: []string{"surname"}, Required: true}, {Name: "objectClass", Required: true, ReadOnly: true}, {Name: "emails", Required: true}, {Name: "title"},
	}
	require.Equal(t, []string{"sn", "emails"}, MissingAttributes(schema, []string{"title"}))
	require.Equal(t, []string{"emails"}, MissingAttributes(schema, []string{"SURNAME", "emailsx"}))
	require.Empty(t, MissingAttributes(schema, []string{"sn", "emails.work"}))
}
