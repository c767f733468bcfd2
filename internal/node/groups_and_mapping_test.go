package node_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/flow"
	"joinery/internal/node"
	"joinery/internal/policy"
)

func (d *directory) EnsureNotMember(_ context.Context, group, account string) (bool, error) {
	for i, m := range d.groups[group] {
		if m == account {
			d.groups[group] = append(d.groups[group][:i:i], d.groups[group][i+1:]...)
			return true, nil
		}
	}
	return false, nil
}

func TestGroupsResolve_OneDirectoryAtATime(t *testing.T) {
	t.Parallel()
	typ, _ := node.All().Find("groups.resolve")
	table := policy.Content{Key: "g", Type: "groups", Groups: &policy.Groups{Rows: []policy.GroupRow{
		{Groups: []string{"staff"}}, {Groups: []string{"vpn"}, Directory: "ad"}, {Groups: []string{"jira"}, Directory: "apps"}}}}
	for name, c := range map[string]struct {
		directory string
		groups    []any
		says      string
	}{
		"the step says which":      {"ad", []any{"staff", "vpn"}, ""},
		"the other one":            {"apps", []any{"staff", "jira"}, ""},
		"several and the step not": {"", nil, "gives groups in 2 directories (ad, apps)"},
		"one that nothing is for":  {"none", []any{"staff"}, ""},
	} {
		k := call(fresh(), node.Params{"policy": "g", "directory": c.directory})
		k.Policy = func(string) (policy.Content, error) { return table, nil }
		r, err := typ.Run(t.Context(), k)
		if c.says != "" {
			require.ErrorContains(t, err, c.says, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.groups, r.Output["groups"], name)
		require.Len(t, r.Output["granted"], len(c.groups), name)
	}
}

func TestGroupSync(t *testing.T) {
	t.Parallel()
	typ, _ := node.All().Find("group.sync")
	for name, c := range map[string]struct {
		want, granted, has []string
		others             string
		added, removed     []any
		kept               []any
		port, says         string
	}{
		"from nothing":          {want: []string{"a", "b", "a", " "}, added: []any{"a", "b"}, removed: []any{}, kept: []any{}, port: "changed"},
		"right already":         {want: []string{"a"}, granted: []string{"a"}, has: []string{"a"}, added: []any{}, removed: []any{}, kept: []any{}, port: "unchanged"},
		"others stay":           {want: []string{"a"}, granted: []string{"b"}, has: []string{"b", "c"}, added: []any{"a"}, removed: []any{"b"}, kept: []any{"c"}, port: "changed"},
		"others go":             {want: []string{"a"}, has: []string{"c"}, others: "remove", added: []any{"a"}, removed: []any{"c"}, kept: []any{}, port: "changed"},
		"a group that is gone":  {want: []string{"a"}, granted: []string{"gone"}, added: []any{"a"}, removed: []any{}, kept: []any{}, port: "changed"},
		"taken away by hand":    {want: []string{"a"}, granted: []string{"a"}, added: []any{"a"}, removed: []any{}, kept: []any{}, port: "changed"},
		"nothing at all":        {granted: []string{"a"}, has: []string{"a"}, added: []any{}, removed: []any{"a"}, kept: []any{}, port: "changed"},
		"a group that is wrong": {want: []string{"a", "z"}, granted: []string{"b"}, has: []string{"b"}, says: "There is no group z"},
	} {
		d := fresh()
		d.groups = map[string][]string{"a": nil, "b": nil, "c": nil}
		for _, g := range c.has {
			d.groups[g] = []string{"id"}
		}
		d.accounts["id"] = connector.Account{ID: "id", Name: "n", Stamp: "hr:1", Groups: c.has}
		k := call(d, node.Params{"directory": "ad", "account": "id", "groups": c.want, "others": c.others})
		k.Granted = func(_ context.Context, directory, account string) ([]string, error) {
			require.Equal(t, "ad id", directory+" "+account)
			return c.granted, nil
		}
		r, err := typ.Run(t.Context(), k)
		if c.says != "" {
			require.ErrorContains(t, err, c.says, name)
			require.Equal(t, []string{"id"}, d.groups["b"], "nothing was changed")
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.port, r.Port, name)
		require.Equal(t, []any{c.added, c.removed, c.kept}, []any{r.Output["added"], r.Output["removed"], r.Output["kept"]}, name)
	}
	d := fresh()
	d.accounts["id"] = connector.Account{ID: "id", Name: "n", Stamp: "hr:2"}
	_, err := typ.Run(t.Context(), call(d, node.Params{"account": "id"}))
	require.ErrorContains(t, err, "belongs to another joiner")
}

// What a mapping gives reaches a new account and one that is there in different ways.
func TestMappedAttributes(t *testing.T) {
	t.Parallel()
	mapped := map[string]any{"attributes": map[string]any{"title": nil, "mail": "a@x", "Dept": "Sales"}, "create_only": map[string]any{"badge": "1"}, "unchanged": []any{}}
	ensure, _ := node.All().Find("account.ensure")
	update, _ := node.All().Find("account.update")
	d := fresh()
	_, err := ensure.Run(t.Context(), call(d, node.Params{"directory": "ad", "name": "ada", "mapped": mapped, "attributes": map[string]any{"dept": "R&D", "mail": ""}}))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"mail": "a@x", "dept": "R&D", "badge": "1"}, d.made[0].Attributes)

	r, err := update.Run(t.Context(), call(d, node.Params{"directory": "ad", "mapped": mapped, "attributes": map[string]any{"dept": "R&D"}}))
	require.NoError(t, err)
	require.Equal(t, []any{"dept", "mail", "title"}, r.Output["changed"], "the title goes, the badge stays")

	for _, wrong := range []any{mapped["attributes"], map[string]any{"attributes": map[string]any{}}} {
		_, err = update.Run(t.Context(), call(d, node.Params{"directory": "ad", "mapped": wrong}))
		require.ErrorContains(t, err, "takes a Map attributes step as a whole")
	}
	r, err = update.Run(t.Context(), call(d, node.Params{"directory": "ad", "mapped": map[string]any{}}))
	require.NoError(t, err)
	require.Equal(t, "unchanged", r.Port, "a step that was skipped gives nothing")
}

func TestAccountUpdate_NeedsSomething(t *testing.T) {
	t.Parallel()
	c := flow.Content{Key: "k", Name: "n", Trigger: "go", Nodes: []flow.Node{{ID: "go", Type: "manual", Params: map[string]any{"connection": "hr"}},
		{ID: "map", Type: "attributes.map", Params: map[string]any{"policy": "m"}}, {ID: "up", Type: "account.update", Params: map[string]any{"directory": "ad"}}},
		Edges: []flow.Edge{{From: "go.started", To: "map"}, {From: "map.done", To: "up"}}}
	problems := flow.Check(c, node.All(), flow.Known{})
	require.Len(t, problems, 1, "%v", problems)
	require.Equal(t, "Fill one of these in: attributes, mapped.", problems[0].Detail)
	for _, params := range []map[string]any{{"mapped": "=steps.map"}, {"attributes": "=steps.map.attributes"}, {"attributes": map[string]any{"mail": "x"}}} {
		params["directory"] = "ad"
		c.Nodes[2].Params = params
		require.Empty(t, flow.Check(c, node.All(), flow.Known{}))
	}
	c.Nodes[2].Params = map[string]any{"directory": "ad", "attributes": "title"}
	require.NotEmpty(t, flow.Check(c, node.All(), flow.Known{}))
}
