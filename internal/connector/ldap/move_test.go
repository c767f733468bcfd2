package ldap

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
)

// moves renames accounts whose names need escapes, with groups and a manager who is
// renamed; group is one of the directory's.
func moves(t *testing.T, c *conn, group, prefix string) {
	t.Helper()
	other := make1(t, c, prefix+"other", map[string]any{"cn": prefix + " Taken"})
	a := make1(t, c, prefix+"ann", map[string]any{"cn": prefix + " Smiht, Ann"})
	report := make1(t, c, prefix+"rep", map[string]any{"cn": prefix + " Report", "manager": a.ID})
	_, err := c.EnsureMember(t.Context(), group, a.ID)
	require.NoError(t, err)
	last := a
	for _, name := range []string{prefix + ` Smith, Ann "A" + <B>; C=D\E #1`, "#" + prefix + " Ann", prefix + " Ann Å", prefix + " ANN Å"} {
		got, err := c.MoveAccount(t.Context(), connector.Move{ID: last.ID, Was: last.ID, Stamp: a.Stamp, Name: name})
		require.NoError(t, err, name)
		require.True(t, got.Changed)
		for range 2 { // what the old id said finds it still, and a second time changes nothing
			again, err := c.MoveAccount(t.Context(), connector.Move{ID: last.ID, Was: got.ID, Stamp: a.Stamp, Name: name})
			require.NoError(t, err)
			require.Equal(t, connector.Moved{ID: got.ID, Before: name}, again)
		}
		now, found, err := c.FindAccount(t.Context(), connector.Lookup{ID: got.ID})
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, []any{a.Stamp, a.Name, name}, []any{now.Stamp, now.Name, now.Attributes["cn"]})
		require.Equal(t, []string{group}, now.Groups)
		in, err := c.EnsureMember(t.Context(), group, got.ID)
		require.NoError(t, err)
		require.False(t, in, "the membership followed")
		r, _, err := c.FindAccount(t.Context(), connector.Lookup{ID: report.ID})
		require.NoError(t, err)
		require.True(t, sameDN(r.Attributes["manager"].(string), got.ID), "%v is not %v", r.Attributes["manager"], got.ID)
		last = now
	}
	_, err = c.MoveAccount(t.Context(), connector.Move{ID: last.ID, Was: last.ID, Stamp: a.Stamp, Name: prefix + " Taken"})
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, []any{fault.Conflict, "common_name"}, []any{f.Kind, f.Key}, f.Sentence)
	_, err = c.MoveAccount(t.Context(), connector.Move{ID: other.ID, Was: other.ID, Stamp: "hris:nobody", Name: "Stolen"})
	require.True(t, fault.Is(err, fault.NotFound), "an account without the mark stays: %v", err)
	_, err = c.MoveAccount(t.Context(), connector.Move{ID: last.ID, Was: last.ID, Stamp: a.Stamp, Name: " "})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
}

// moveLost moves an account behind the connector's back, as a try does whose answer
// was lost before the groups were done.
func moveLost(t *testing.T, c *conn, root *goldap.Conn, group string) {
	t.Helper()
	one, two := "Lost One "+group, "Lost Two "+group
	a := make1(t, c, "lost"+group, map[string]any{"cn": one})
	_, err := c.EnsureMember(t.Context(), group, a.ID)
	require.NoError(t, err)
	require.NoError(t, root.ModifyDN(goldap.NewModifyDNRequest(a.ID, "cn="+two, true, "")))
	got, err := c.MoveAccount(t.Context(), connector.Move{ID: a.ID, Was: a.ID, Stamp: a.Stamp, Name: two})
	require.NoError(t, err)
	require.Equal(t, connector.Moved{ID: "cn=" + two + "," + c.set.peopleBase, Before: one, Changed: true}, got)
	now, _, err := c.FindAccount(t.Context(), connector.Lookup{Stamp: a.Stamp})
	require.NoError(t, err)
	require.Equal(t, []string{group}, now.Groups)
	// Somebody else has the old DN by now: what names it is theirs.
	make1(t, c, "heir"+group, map[string]any{"cn": one})
	_, err = c.EnsureMember(t.Context(), group, a.ID)
	require.NoError(t, err)
	_, err = c.MoveAccount(t.Context(), connector.Move{ID: got.ID, Was: a.ID, Stamp: a.Stamp, Name: two})
	require.NoError(t, err)
	heir, _, err := c.FindAccount(t.Context(), connector.Lookup{Stamp: "hris:heir" + group})
	require.NoError(t, err)
	require.Equal(t, []string{group}, heir.Groups)
}

func TestMove_OpenLDAP(t *testing.T) {
	t.Parallel()
	s := connectortest.StartSlapd(t)
	c := openLive(t, s.Settings("move"), s.Password, map[string]any{"rdn_attribute": "cn"})
	require.NoError(t, s.AddGroups("moved"))
	moves(t, c, "moved", "mv")
	root, err := s.Root()
	require.NoError(t, err)
	defer func() { _ = root.Close() }()
	moveLost(t, c, root, "moved")

	// Nothing follows by itself here: no overlay knows this attribute.
	plain := openLive(t, s.Settings("move3"), s.Password, map[string]any{"rdn_attribute": "cn", "group_class": "groupOfUniqueNames", "member_attribute": "uniqueMember"})
	g := goldap.NewAddRequest("cn=plain,"+s.GroupsBase, nil)
	g.Attribute("objectClass", []string{"groupOfUniqueNames"})
	g.Attribute("uniqueMember", []string{s.Placeholder})
	require.NoError(t, root.Add(g))
	moves(t, plain, "plain", "mvp")
	moveLost(t, plain, root, "plain")

	byLogin := openLive(t, s.Settings("move2"), s.Password, nil)
	a := make1(t, byLogin, "plain", map[string]any{"cn": "Plain One"})
	got, err := byLogin.MoveAccount(t.Context(), connector.Move{ID: a.ID, Was: a.ID, Stamp: a.Stamp, Name: "Plain Two"})
	require.NoError(t, err)
	require.Equal(t, connector.Moved{ID: a.ID, Before: "Plain One", Changed: true}, got, "named by its login: the common name is an attribute")
}

func TestMove_ActiveDirectory(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedSamba(t)
	c := openLive(t, s.Settings("move"), s.Password, nil)
	moves(t, c, "engineering", "mva")
}
