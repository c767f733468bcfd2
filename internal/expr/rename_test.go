package expr

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRenameStep(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		text, want string
		bare       bool
	}{
		{"=steps.find.account_id", "=steps.found.account_id", false},
		{`steps.find.account_id == "" && steps.find_2.x`, `steps.found.account_id == "" && steps.find_2.x`, true},
		{"Hello {{ steps.find.name }} and {{ 'steps.find' + steps.find.name }}", "Hello {{ steps.found.name }} and {{ 'steps.find' + steps.found.name }}", false},
		{"steps.find is only a text here", "steps.find is only a text here", false},
		{`=vars.steps.find + mysteps.find + Attribute(steps.find.attributes, "steps.find")`, `=vars.steps.find + mysteps.find + Attribute(steps.found.attributes, "steps.find")`, false},
		{"{{ steps.find", "{{ steps.find", false},
		{`="it's \" steps.find" + steps.find.x`, `="it's \" steps.find" + steps.found.x`, false},
	} {
		require.Equal(t, k.want, RenameStep(k.text, "find", "found", k.bare))
	}
}
