package scim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/scim"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
)

func openOdd(t *testing.T, o *odd, change map[string]any) connector.Directory {
	t.Helper()
	s := connector.Settings{Key: "app", Type: "scim", Private: []string{"127.0.0.1"}, Settings: map[string]any{"base_url": o.URL}}
	for k, v := range change {
		s.Settings[k] = v
	}
	return connectortest.Open(t, scim.Type{}, s, map[string]string{"token": "t", "password": "p"}).(connector.Directory)
}

func ensure(name, stamp string, attempted bool) connector.Ensure {
	return connector.Ensure{Stamp: stamp, Name: name, Enabled: false, Attempted: attempted, Attributes: map[string]any{"title": "Clerk"}}
}

// Whatever the habit, a joiner's whole way ends the same: one user, one
// membership, nobody else touched.
func TestHabits(t *testing.T) {
	t.Parallel()
	for _, habit := range []string{
		"none", "exact case", "ignores filters", "500 on filters", "no filters", "finds nothing", "ignores paging", "409 without a type", "creates active",
		"empty 201", "relative location", "partial 201", "says no PATCH", "501 on PATCH", "ignores PATCH", "204 on PATCH", "hides members", "versions",
	} {
		t.Run(habit, func(t *testing.T) {
			t.Parallel()
			o := newOdd(t, habit)
			for _, name := range []string{"Zed", "yann", "xara"} { // others, to page through
				o.users = append(o.users, map[string]any{"id": "x-" + name, "userName": name, "active": true})
			}
			dir := openOdd(t, o, nil)
			made, err := dir.EnsureAccount(t.Context(), ensure("Anna", "hris:1", false))
			require.NoError(t, err)
			require.False(t, made.Existed)
			require.False(t, made.Enabled)
			retried, err := dir.EnsureAccount(t.Context(), ensure("Anna", "hris:1", true))
			require.NoError(t, err)
			require.Equal(t, made.ID, retried.ID)
			_, err = dir.EnsureAccount(t.Context(), ensure("anna", "hris:2", true))
			require.True(t, fault.Is(err, fault.Conflict), "%v", err)
			_, err = dir.EnsureAccount(t.Context(), ensure("zed", "hris:3", false))
			require.True(t, fault.Is(err, fault.Conflict), "%v", err)
			require.Len(t, o.users, 4)

			changes, err := dir.UpdateAccount(t.Context(), made.ID, map[string]any{"title": nil})
			require.NoError(t, err)
			require.Equal(t, []connector.Change{{Attribute: "title", Before: "Clerk"}}, changes)
			changed, err := dir.SetEnabled(t.Context(), made.ID, true)
			require.NoError(t, err)
			require.True(t, changed)
			require.Equal(t, true, o.users[3]["active"])
			require.Equal(t, "hris:1", o.users[3]["externalId"])

			changed, err = dir.EnsureMember(t.Context(), "engineering", made.ID)
			require.NoError(t, err)
			require.True(t, changed)
			if habit != "hides members" { // there a second add cannot be told from a first
				changed, err = dir.EnsureMember(t.Context(), "g1", made.ID)
				require.NoError(t, err)
				require.False(t, changed)
				require.Len(t, o.groups[0]["members"], 1)
			}
			_, err = dir.EnsureNotMember(t.Context(), "engineering", made.ID)
			require.NoError(t, err)
			require.Empty(t, o.groups[0]["members"])
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for habit, want := range map[string]struct {
		kind fault.Kind
		says string
	}{
		"login page":       {fault.Invalid, "not SCIM"},
		"redirects":        {fault.Invalid, "another address"},
		"down":             {fault.Unavailable, "maintenance"},
		"drops externalId": {fault.Invalid, "does not keep externalId"},
	} {
		t.Run(habit, func(t *testing.T) {
			t.Parallel()
			_, err := openOdd(t, newOdd(t, habit), nil).EnsureAccount(t.Context(), ensure("a", "hris:1", false))
			require.True(t, fault.Is(err, want.kind), "%v", err)
			require.Contains(t, fault.Sentence(err), want.says)
		})
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	o := newOdd(t, "none")
	o.refuse = 1
	_, err := openOdd(t, o, nil).EnsureAccount(t.Context(), ensure("a", "hris:1", false))
	require.True(t, fault.Is(err, fault.Unavailable))
	require.Equal(t, 17*time.Second, fault.RetryAfter(err))
}

// 412 means someone else was faster: read again, then change.
func TestVersions(t *testing.T) {
	t.Parallel()
	o := newOdd(t, "versions")
	dir := openOdd(t, o, nil)
	made, err := dir.EnsureAccount(t.Context(), ensure("a", "hris:1", false))
	require.NoError(t, err)
	o.raced = 2
	_, err = dir.UpdateAccount(t.Context(), made.ID, map[string]any{"title": "Chief"})
	require.NoError(t, err)
	require.Equal(t, "Chief", o.users[0]["title"])
	o.raced = 2
	_, err = dir.EnsureMember(t.Context(), "engineering", made.ID)
	require.NoError(t, err)
	o.raced = 9
	_, err = dir.UpdateAccount(t.Context(), made.ID, map[string]any{"title": "Clerk"})
	require.True(t, fault.Is(err, fault.Unavailable))
}

func TestUserNameSuffixAndNesting(t *testing.T) {
	t.Parallel()
	o := newOdd(t, "none")
	dir := openOdd(t, o, map[string]any{"user_name_suffix": "@corp.example", "auth": "basic", "user": "u"})
	want := ensure("anna", "hris:1", false)
	want.Attributes = map[string]any{"name.givenName": "Anna", "emails.work": "a@x", "emails.home": "a@y", "phoneNumbers.mobile": "1", "department": "Eng", "manager": "m1",
		"addresses.work.locality": "Bern", "nickName": ""}
	made, err := dir.EnsureAccount(t.Context(), want)
	require.NoError(t, err)
	require.Equal(t, "anna", made.Name)
	u := o.users[0]
	require.Equal(t, "anna@corp.example", u["userName"])
	require.Equal(t, map[string]any{"givenName": "Anna"}, u["name"])
	require.Equal(t, map[string]any{"department": "Eng", "manager": map[string]any{"value": "m1"}}, u["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"])
	require.ElementsMatch(t, []any{map[string]any{"type": "home", "value": "a@y", "primary": true}, map[string]any{"type": "work", "value": "a@x"}}, u["emails"])
	require.NotContains(t, u, "nickName")
	require.Equal(t, "Bern", made.Attributes["addresses.work.locality"])
	require.Equal(t, "m1", made.Attributes["manager"])
	require.Equal(t, "1", made.Attributes["phoneNumbers.mobile"])
	for _, bad := range []string{"a b", "name.x.y", `emails[type eq "x"]`, "externalId", "userName", "active", "", "a..b", "urn:x y:z"} {
		_, err := dir.UpdateAccount(t.Context(), made.ID, map[string]any{bad: "x"})
		require.True(t, fault.Is(err, fault.Invalid), bad)
	}
}
