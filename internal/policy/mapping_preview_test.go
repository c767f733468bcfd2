package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/joiner"
)

func TestMapping_Preview(t *testing.T) {
	t.Parallel()
	m := &Mapping{Rows: []MapRow{
		{Attribute: "title", Value: "=joiner.title"}, {Attribute: "department", Value: "=joiner.department"}, {Attribute: "phone", Value: "=joiner.phone", Empty: EmptyClear},
		{Attribute: "mail", Value: "=joiner.work_email", Apply: ApplyCreate}, {Attribute: "co", When: `joiner.country == "DE"`, Value: "Germany"},
		{Attribute: "groups", Value: `=["b", "a"]`}, {Attribute: "gone", Empty: EmptyClear},
	}}
	o, err := m.Try(t.Context(), Subject{Worker: joiner.Worker{Attributes: map[string]any{"title": "Engineer", "department": "R&D", "work_email": "a@example.com"}}})
	require.NoError(t, err)
	got := m.Preview(o, map[string]any{"TITLE": "Engineer", "department": "Sales", "phone": "123", "mail": "old@example.com", "co": "France", "groups": []any{"a", "b"}})
	does := map[string]string{}
	for _, p := range got {
		does[p.Attribute] = p.Does
	}
	require.Equal(t, map[string]string{"title": PreviewSame, "department": PreviewSet, "phone": PreviewClear, "mail": PreviewCreate, "co": PreviewLeft, "groups": PreviewSame, "gone": PreviewSame}, does)
	require.Equal(t, "Sales", got[1].Now)
	require.Equal(t, 2, got[1].Row)
}
