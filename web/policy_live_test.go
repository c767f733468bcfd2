package web

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/policy"
	"joinery/internal/review"
)

// lookedAt is a company with a joiner, whose HRIS and directory are live, and a
// directory that is not.
func lookedAt(t *testing.T) (a *api, joinerID string, state func() string) {
	a = newAPI(t)
	for _, c := range []string{"dir", "hr"} {
		a.live("connections", c, obj{"key": c, "name": c, "type": map[string]string{"dir": "fake-directory", "hr": "fake-hris"}[c], "settings": obj{"path": a.file}})
	}
	a.call(auth.Builder, "PUT", "/connections/draft", obj{"content": obj{"key": "draft", "name": "Draft", "type": "fake-directory", "settings": obj{"path": a.file}}}, 201)
	require.NoError(t, a.db.RawExec(t.Context(), `INSERT INTO joiners (id, connection, worker, label, attributes) VALUES ('j_0000000001', 'hr', '1', 'Ada Byron', '{"first_name":"Ada","last_name":"Byron","title":"Engineer","personal_email":"ada@home.example"}') ON CONFLICT DO NOTHING`))
	require.NoError(t, fake.Change(a.file, func(s *fake.State) {
		s.Accounts["a1"] = connector.Account{ID: "a1", Name: "abyron", Stamp: "hr:1", Enabled: true, Groups: []string{"crm"}, Attributes: map[string]any{"title": "Engineer", "department": "Sales", "homePhone": "555-0199"}}
		s.Groups["crm"], s.Groups["all-staff"] = []string{"a1"}, nil
		s.Workers["1"] = joiner.Worker{ID: "1", Attributes: map[string]any{"first_name": "Ada", "work_email": "typed.by.hr@example.com", "personal_email": "ada@home.example"}}
	}))
	return a, "j_0000000001", func() string {
		var out string
		require.NoError(t, fake.Change(a.file, func(s *fake.State) {
			x := *s
			x.Reads = 0
			raw, err := json.Marshal(x)
			require.NoError(t, err)
			out = string(raw)
		}))
		return out
	}
}

// Each type of policy is tried beside what live systems say; one that cannot be asked
// is named, the rest answers, and nothing changes anywhere.
func TestAPI_PolicyTryLive(t *testing.T) {
	t.Parallel()
	a, id, state := lookedAt(t)
	before := state()
	a.call(auth.Builder, "PUT", "/policies/p", obj{"content": obj{"key": "p", "name": "P", "type": "groups"}}, 201)
	try := func(role auth.Role, content, more obj) obj {
		content["key"], content["name"] = "p", "P"
		more["live"], more["content"] = true, content
		return a.call(role, "POST", "/policies/p/try", more, 200)
	}
	said := func(got obj, key string) string { return fmt.Sprint(got[key]) }

	groups := obj{"type": "groups", "groups": obj{"directory": "dir", "rows": []any{obj{"groups": []any{"crm", "all-staff", "typo"}}, obj{"groups": []any{"far"}, "directory": "draft"}}}}
	got := try(auth.Builder, groups, obj{"joiner": id})
	require.Contains(t, said(got, "seen"), "in it already")
	require.Contains(t, said(got, "seen"), "would be added")
	require.Contains(t, said(got, "seen"), "no such group")
	require.Contains(t, said(got, "systems"), "The connection draft is not live yet")

	mapping := obj{"type": "mapping", "mapping": obj{"directory": "dir", "rows": []any{obj{"attribute": "title", "value": "=joiner.title"}, obj{"attribute": "department", "value": "R&D"},
		obj{"attribute": "homePhone", "value": "=joiner.phone", "empty": "clear"}, obj{"attribute": "altMail", "value": "=joiner.personal_email"}}}}
	got = try(auth.Operator, mapping, obj{"joiner": id})
	require.Contains(t, said(got, "seen"), "Unchanged: “Engineer”")
	require.Contains(t, said(got, "seen"), "Would set “R&D”; it has “Sales”")
	require.Contains(t, said(got, "seen"), "Would clear it; it has “555-0199”")
	got = try(auth.Builder, mapping, obj{"joiner": id})
	require.Contains(t, said(got, "seen"), "Would set “R&D”; it has (hidden)")
	require.NotContains(t, said(got, "seen"), "555-0199")
	require.Contains(t, said(got, "seen"), "made of personal data")
	require.NotContains(t, fmt.Sprint(got), "ada@home.example")

	back := obj{"type": "write-back", "write_back": obj{"fields": []any{obj{"connection": "hr", "field": "work_email", "write": "only_if_empty"}, obj{"connection": "hr", "field": "personal_email", "write": "only_if_empty"}}}}
	got = try(auth.Operator, back, obj{"joiner": id, "write": obj{"work_email": "ada@example.com", "personal_email": "x@y.example"}})
	require.Equal(t, []any{"work_email", "personal_email"}, got["output"].(obj)["refused"])
	require.Contains(t, said(got, "reasons"), "typed.by.hr@example.com")
	got = try(auth.Builder, back, obj{"joiner": id, "write": obj{"work_email": "ada@example.com", "personal_email": "x@y.example"}})
	require.Equal(t, []any{"work_email"}, got["output"].(obj)["refused"])
	require.NotContains(t, fmt.Sprint(got), "personal_email: ")

	names := obj{"type": "naming", "naming": obj{"spaces": []any{obj{"space": "login", "kind": "posix", "connections": []any{"dir", "draft"}}}, "candidates": []any{obj{"space": "login", "pattern": "{f}{last}"}, obj{"space": "login", "pattern": "{first}.{last}"}}}}
	got = try(auth.Builder, names, obj{"attributes": obj{"first_name": "Anna", "last_name": "Byron"}})
	require.Equal(t, "anna.byron", got["output"].(obj)["login"], "%v", got)
	require.Contains(t, said(got, "reasons"), "in use in dir")
	require.Contains(t, said(got, "systems"), "draft is not live yet")
	got = try(auth.Builder, names, obj{"joiner": id})
	require.Equal(t, "abyron", got["output"].(obj)["login"], "the joiner's own")

	a.s.Known = func(_ context.Context, joinerID string, attributes map[string]any, rules []policy.MatchRule) ([]node.Known, error) {
		require.Equal(t, id, joinerID)
		return []node.Known{{ID: "j_9", Ref: joiner.Ref{Connection: "hr", Worker: "9"}, Sets: []string{rules[0].Key()}}}, nil
	}
	who := obj{"type": "correlation", "correlation": obj{"rules": []any{obj{"fields": []any{"first_name", "last_name"}, "weight": 0.6}},
		"accounts": []any{obj{"connection": "dir", "equal": []any{"title = title"}, "weight": 1}, obj{"connection": "draft", "equal": []any{"title = title"}, "weight": 1}}}}
	got = try(auth.Reviewer, who, obj{"joiner": id})
	require.Contains(t, said(got, "seen"), "a person would be asked (weight 0.6)")
	require.Contains(t, said(got, "seen"), "Not adopted: It is the joiner's already")
	require.Contains(t, said(got, "systems"), "draft is not live yet")

	// Who may not simulate may not ask systems, and what is paused is not asked.
	got = try(auth.Viewer, groups, obj{"joiner": id})
	require.Contains(t, said(got, "note"), "You may not ask connected systems")
	require.Empty(t, got["systems"])
	require.NoError(t, a.db.SetPaused(t.Context(), auth.Engine(), review.Connection, "dir", true, "for a test"))
	got = try(auth.Builder, groups, obj{"joiner": id})
	require.Contains(t, said(got, "systems"), "The connection dir is paused")
	require.Equal(t, before, state(), "a look changed something")

	var looks, personal int
	require.NoError(t, a.db.RawScan(t.Context(), &looks, `SELECT count(*) FROM audit_events WHERE action = 'policy.look'`))
	require.Equal(t, 9, looks)
	require.NoError(t, a.db.RawScan(t.Context(), &personal, `SELECT count(*) FROM audit_events WHERE action = 'policy.look' AND detail::text LIKE '%Byron%'`))
	require.Zero(t, personal)
}
