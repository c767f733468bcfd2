package ldap_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connectortest"
)

// Two accounts come into an empty group at the same moment, the other one beside each
// exchange in turn: both see the placeholder, one of them takes it out, and both are in.
func TestGroup_TwoFirstMembersAtOnce(t *testing.T) {
	t.Parallel()
	s := connectortest.StartSlapd(t)
	link := connectortest.NewLink(t, strings.TrimPrefix(s.LDAPS, "ldaps://"))
	beside := open(t, s, connectortest.Options{}, nil).(connector.Directory)
	account := func() string {
		login := "member." + strings.ToLower(rand.Text()[:8])
		a, err := beside.EnsureAccount(t.Context(), connector.Ensure{Key: rand.Text(), Stamp: "hris:" + login, Name: login, Attributes: map[string]any{"cn": "A Member", "sn": "Member"}})
		require.NoError(t, err)
		return a.ID
	}
	one, other := account(), account()
	for n := 1; n < 40; n++ {
		group := fmt.Sprint("first-", n)
		require.NoError(t, s.AddGroups(group))
		dir := open(t, s, connectortest.Options{Address: link.Addr}, nil).(connector.Directory)
		came, late := false, error(nil)
		link.Beside(n, func() {
			came = true
			_, late = beside.EnsureMember(t.Context(), group, other)
		})
		did, err := dir.EnsureMember(t.Context(), group, one)
		require.NoError(t, err, "the other came beside reply %d", n)
		require.True(t, did)
		if !came {
			require.Greater(t, n, 3, "the other came too late each time")
			return
		}
		require.NoError(t, late)
		for _, id := range []string{one, other} {
			a, _, err := beside.FindAccount(t.Context(), connector.Lookup{ID: id})
			require.NoError(t, err)
			require.Contains(t, a.Groups, group, "reply %d", n)
		}
	}
	t.Fatal("there was no end of replies")
}
