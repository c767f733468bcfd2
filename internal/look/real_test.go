package look_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/ldap"
	"joinery/internal/connector/scim"
	"joinery/internal/connectortest"
	"joinery/internal/joiner"
	"joinery/internal/look"
	"joinery/internal/policy"
)

// live are real systems, each with the joiner's account (mark hr:1) and another's.
func live(t *testing.T) (open func(context.Context, string) (connector.Reading, func(), error), dump func() string) {
	if testing.Short() {
		t.Skip("starts slapd and node")
	}
	slapd, service := connectortest.StartSlapd(t), connectortest.StartSCIM(t)
	conns := map[string]connector.Conn{
		"corp-ldap": connectortest.Open(t, ldap.Type{}, slapd.Settings("corp-ldap"), map[string]string{"bind_password": slapd.Password}),
		"app-scim":  connectortest.Open(t, scim.Type{}, service.Settings("app-scim"), map[string]string{"token": service.Token}),
	}
	for key, attributes := range map[string]map[string]any{
		"corp-ldap": {"cn": "Ada Byron", "sn": "Byron", "title": "Engineer", "departmentNumber": "R&D", "description": "old"},
		"app-scim":  {"name.givenName": "Ada", "name.familyName": "Byron", "emails.work": "ada@corp.example", "title": "Engineer"},
	} {
		dir := conns[key].(connector.Directory)
		a, err := dir.EnsureAccount(t.Context(), connector.Ensure{Stamp: "hr:1", Name: "abyron", Enabled: true, Attributes: attributes})
		require.NoError(t, err)
		_, err = dir.EnsureMember(t.Context(), "sales", a.ID)
		require.NoError(t, err)
		for name := range attributes {
			if strings.HasPrefix(name, "emails") {
				attributes[name] = "other@corp.example"
			}
		}
		_, err = dir.EnsureAccount(t.Context(), connector.Ensure{Stamp: "hr:2", Name: "adabyron", Enabled: true, Attributes: attributes})
		require.NoError(t, err)
	}
	open = func(_ context.Context, key string) (connector.Reading, func(), error) {
		return connector.ReadOnly(key, conns[key]), func() {}, nil
	}
	return open, func() string {
		root, err := slapd.Root()
		require.NoError(t, err)
		defer func() { _ = root.Close() }()
		res, err := root.Search(goldap.NewSearchRequest(slapd.BaseDN, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"*", "+"}, nil))
		require.NoError(t, err)
		var lines []string
		for _, e := range res.Entries {
			for _, a := range e.Attributes {
				lines = append(lines, fmt.Sprint(e.DN, a.Name, a.Values))
			}
		}
		for _, name := range []string{"abyron", "adabyron"} {
			a, found, err := conns["app-scim"].(connector.Directory).FindAccount(t.Context(), connector.Lookup{Name: name})
			require.NoError(t, err)
			lines = append(lines, fmt.Sprint(a, found))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
}

// A look at OpenLDAP and at a SCIM service: names, groups and attributes as they are,
// and not an attribute of any entry other than before, its time stamps included.
func TestLook_RealSystems(t *testing.T) {
	t.Parallel()
	open, dump := live(t)
	s := &look.Systems{Open: open, Wait: 20 * time.Second}
	defer s.Close()
	before := dump()
	ada := joiner.Worker{ID: "3", Attributes: map[string]any{"first_name": "Ada", "last_name": "Byron", "title": "Engineer", "department": "Sales"}}

	n := &policy.Naming{Spaces: []policy.SpaceRow{{Space: "login", Kind: "posix", Connections: []string{"corp-ldap", "app-scim"}}},
		Candidates: []policy.CandidateRow{{Space: "login", Pattern: "{f}{last}"}, {Space: "login", Pattern: "{first}{last}"}, {Space: "login", Pattern: "{last}{f}"}}}
	for _, c := range []struct {
		marks []string
		want  string
	}{{[]string{"hr:3"}, "byrona"}, {[]string{"hr:1"}, "abyron"}, {[]string{"hr:2"}, "adabyron"}} {
		o, err := n.Try(t.Context(), policy.Subject{Worker: ada, Lookups: &look.Names{Names: nobody{}, Systems: s, Marks: c.marks}})
		require.NoError(t, err)
		require.Equal(t, c.want, o.Output["login"], "%v", o.Reasons)
	}

	g := &policy.Groups{Rows: []policy.GroupRow{{Groups: []string{"sales", "engineering", "no-such"}, Directory: "corp-ldap"}, {Groups: []string{"sales", "engineering", "no-such"}, Directory: "app-scim"}}}
	o, err := g.Try(t.Context(), policy.Subject{Worker: ada})
	require.NoError(t, err)
	got := map[string]string{}
	for _, l := range s.Groups(t.Context(), o, []string{"hr:1"}) {
		got[l.Connection+" "+l.Title] = l.Detail
	}
	for _, key := range []string{"corp-ldap", "app-scim"} {
		require.Contains(t, got[key+" sales"], "in it already")
		require.Contains(t, got[key+" engineering"], "would be added")
		require.Contains(t, got[key+" no-such"], "no such group")
	}

	m := &policy.Mapping{Rows: []policy.MapRow{{Attribute: "Title", Value: "=joiner.title"}, {Attribute: "departmentNumber", Value: "=joiner.department"}, {Attribute: "description", Empty: policy.EmptyClear}}}
	o, err = m.Try(t.Context(), policy.Subject{Worker: ada})
	require.NoError(t, err)
	a, found, asked := s.Account(t.Context(), "corp-ldap", []string{"hr:1"})
	require.True(t, found && asked)
	does := map[string]string{}
	for _, p := range m.Preview(o, a.Attributes) {
		does[p.Attribute] = p.Does
	}
	require.Equal(t, map[string]string{"Title": policy.PreviewSame, "departmentNumber": policy.PreviewSet, "description": policy.PreviewClear}, does)
	for _, x := range s.Answers() {
		require.Empty(t, x.Miss)
	}
	require.Equal(t, before, dump(), "a look changed something")
}
