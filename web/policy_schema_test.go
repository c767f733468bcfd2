package web

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// mappingOf is a mapping of one attribute in the connection dir.
func mappingOf(attribute string) obj {
	return obj{"key": "m", "name": "M", "type": "mapping", "mapping": obj{"directory": "dir", "rows": []any{obj{"attribute": attribute, "value": "=joiner.title"}}}}
}

// A mapping is held against what the live system says when it is saved; a system that
// does not answer, or is not live, keeps nobody from saving.
func TestMapping_HeldAgainstTheLiveSystem(t *testing.T) {
	a := newAPI(t)
	now := time.Now()
	a.s.Now = func() time.Time { return now }
	change := func(f func(s *fake.State)) { require.NoError(t, fake.Change(a.file, f)) }
	head := 0
	save := func(attribute string) string {
		out := a.call(auth.Builder, "PUT", "/policies/m", obj{"content": mappingOf(attribute), "base_revision": head}, 201)
		head++
		return fmt.Sprint(out["problems"])
	}
	content := func(attribute string) []byte {
		raw, err := json.Marshal(mappingOf(attribute))
		require.NoError(t, err)
		return raw
	}
	asked := func() (n int) { change(func(s *fake.State) { n = s.SchemaAsked }); return n }
	change(func(s *fake.State) { s.SchemaAway = true })
	a.live("connections", "dir", obj{"key": "dir", "name": "Directory", "type": "fake-directory", "settings": obj{"path": a.file}})

	require.Equal(t, "[]", save("titel"), "nothing is known yet")
	require.Equal(t, 1, asked())
	require.Equal(t, "[]", save("titell"))
	require.Equal(t, 1, asked(), "a system that did not answer is not asked at each save")
	list, err := a.s.warnings(t.Context(), review.Policy, content("titel"))
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(list), "dir has not told which attributes it has")

	change(func(s *fake.State) {
		s.SchemaAway = false
		s.Schema = []connector.SchemaAttribute{{Name: "title", Type: connector.TypeString}, {Name: "mark", ReadOnly: true}, {Name: "sn", Required: true}}
	})
	now = now.Add(2 * time.Minute)
	require.Contains(t, save("titel"), "Did you mean title?")
	require.Contains(t, save("mark"), "kept by the system")
	require.Equal(t, "[]", save("title"))
	require.Equal(t, 2, asked(), "what is known is not asked again for an hour")
	list, err = a.s.warnings(t.Context(), review.Policy, content("title"))
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(list), "needs sn too")

	// What was known stays known while the system is away.
	change(func(s *fake.State) { s.SchemaAway = true })
	now = now.Add(2 * time.Hour)
	require.Contains(t, save("titel"), "Did you mean title?")
	require.Equal(t, 3, asked())

	// Test connection reads it anew.
	change(func(s *fake.State) {
		s.SchemaAway = false
		s.Schema = append(s.Schema, connector.SchemaAttribute{Name: "titel"})
	})
	a.call(auth.Operator, "POST", "/connections/dir/test", nil, 200)
	require.Equal(t, 4, asked())
	problems, err := a.s.problems(t.Context(), review.Policy, content("titel"))
	require.NoError(t, err)
	require.Empty(t, problems)
}

// The list and the page of a policy tell what ran out.
func TestPolicies_TellWhatRanOut(t *testing.T) {
	w := newWorld(t, "m")
	table := obj{"key": "old", "name": "Old table", "type": "groups", "groups": obj{"rows": []any{obj{"groups": []any{"trial"}, "until": "2020-01-01", "reason": "Trial"}}}}
	raw, err := json.Marshal(table)
	require.NoError(t, err)
	doc, err := w.server.kinds().Read(review.Policy, "old", raw)
	require.NoError(t, err)
	saved, err := w.server.DB.SaveRevision(t.Context(), w.boWho, postgres.Save{Doc: doc, Via: "console"})
	require.NoError(t, err)
	require.Empty(t, saved.Problems, "it may go live all the same")
	for path, want := range map[string]string{"/policies": "1 to look at", "/policies/old": "Row 1 (trial) ran out on 2020-01-01", "/policies/old/yaml": "Row 1 (trial) ran out on 2020-01-01"} {
		a := w.bo.get(t, path)
		require.Equal(t, 200, a.status, path)
		require.Contains(t, a.body, want, path)
	}
}

// A joiner's page tells groups that Joinery gave from those the account was in.
func TestJoiner_GroupsGivenAndFound(t *testing.T) {
	for want, a := range map[string]postgres.AccountLine{
		"":               {Groups: []string{"a", "b"}, Granted: []string{"b", "a"}},
		"in b before":    {Groups: []string{"a", "b"}, Granted: []string{"a"}},
		"in them before": {Groups: []string{"a", "b"}},
		"in a, c before": {Groups: []string{"a", "b", "c"}, Granted: []string{"b"}},
	} {
		require.Equal(t, want, groupsCell(a).Sub)
	}
	require.Empty(t, groupsCell(postgres.AccountLine{}).Sub)
}
