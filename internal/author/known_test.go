package author_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/function"
)

// A function, whoever wrote it, does not keep what the console knows of a person: a
// revision cannot be erased. Names and logins, which made-up people share, may be there.
func TestS98_NothingOfPeopleGetsIntoAFunction(t *testing.T) {
	t.Parallel()
	m := author.NewMarks()
	m.AddPerson("w-77120", map[string]any{"first_name": "Renée", "last_name": "Okonkwo", "phone": "+49 30 901820-17", "national_id": "900203-1234567", "birth_date": "1984-11-30", "work_email": "renee@corp.example"})
	m.AddValue("an account of a person", "rokonkwo")
	m.AddUser("Ada", "ada@example.com")
	c := function.Content{Key: "x", Name: "X", Source: "return function(input) return {login = \"rokonkwo\"} end", Cases: []function.Case{
		{Name: "fine", Input: map[string]any{"first": "Renée", "last": "Okonkwo", "mail": "ada@example.com", "born": "1990-01-01"}},
		{Name: "calls", Input: map[string]any{"phone": "030 90182017"}},
		{Name: "born", Input: map[string]any{"first": "Renée", "born": "1984-11-30"}},
		{Name: "counts", Stubs: []function.Stub{{Call: "hris.get_worker", Answer: map[string]any{"id": "900203-1234567"}}}},
	}}
	got, err := author.KnownGaps(t.Context(), known{m}, c, nil)
	require.NoError(t, err)
	require.Equal(t, []author.Gap{
		{Gate: author.GateLiterals, Says: "The test \"calls\" holds a phone number of a person that is known here. Use made-up people, such as Ada Sample with ada@example.com."},
		{Gate: author.GateLiterals, Says: "The test \"born\" holds a birth date of a person, beside their name that is known here. Use made-up people, such as Ada Sample with ada@example.com."},
		{Gate: author.GateLiterals, Says: "The test \"counts\" holds a national id that is known here. Use made-up people, such as Ada Sample with ada@example.com."},
	}, got)
	got, err = author.KnownGaps(t.Context(), known{m}, c, []string{"900203-1234567", "1984-11-30", "030 90182017"})
	require.NoError(t, err)
	require.Empty(t, got, "what an administrator listed is ordinary")
}
