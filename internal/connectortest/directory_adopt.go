package connectortest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

func (s suite) adopter(t *testing.T) (connector.Adopter, connector.Directory) {
	t.Helper()
	dir := s.open(t, Options{})
	a, ok := dir.(connector.Adopter)
	require.True(t, ok, "a directory whose accounts can be searched says so by connector.Adopter")
	return a, dir
}

// accountsWith finds accounts by what they hold, all of it, and never by half of it
// or by text that is a filter.
func (s suite) accountsWith(t *testing.T) {
	find, dir := s.adopter(t)
	one, two := s.want("search."), s.want("search.")
	value := "Title of " + one.Name
	one.Attributes[s.Field], two.Attributes[s.Field] = value, value
	for _, w := range []connector.Ensure{one, two} {
		_, err := dir.EnsureAccount(ctx(t), w)
		require.NoError(t, err)
	}
	got, err := find.AccountsWith(ctx(t), map[string]string{s.Field: value}, 10)
	require.NoError(t, err)
	require.Len(t, got, 2, "an account bears a mark, and is found all the same")
	got, err = find.AccountsWith(ctx(t), map[string]string{s.Field: value}, 1)
	require.NoError(t, err)
	require.Len(t, got, 1)
	got, err = find.AccountsWith(ctx(t), map[string]string{s.Field: value, connector.LoginName: strings.ToUpper(one.Name)}, 10)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, one.Stamp, got[0].Stamp)
	require.Equal(t, value, got[0].Attributes[s.Field])
	for _, none := range []map[string]string{{s.Field: value, connector.LoginName: "nobody." + one.Name}, {s.Field: ""}, {s.Field: value, connector.LoginName: " "}} {
		got, err = find.AccountsWith(ctx(t), none, 10)
		require.NoError(t, err)
		require.Empty(t, got, "%v", none)
	}
	for _, text := range Injections() {
		got, err := find.AccountsWith(ctx(t), map[string]string{s.Field: text}, 10)
		if err == nil {
			require.Empty(t, got, "%q", text)
		}
	}
	_, err = find.AccountsWith(ctx(t), nil, 10)
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
}

// adopt puts the mark on the account of a stranger, once; never on that of another
// joiner, never two accounts for one joiner; and takes exactly its own off again.
func (s suite) adopt(t *testing.T) {
	find, dir := s.adopter(t)
	// A stranger's account: one of ours whose mark is taken off, so that others can
	// adopt theirs beside it.
	made, err := dir.EnsureAccount(ctx(t), s.want("adopt."))
	require.NoError(t, err)
	did, err := find.Abandon(ctx(t), made.ID, made.Stamp)
	require.NoError(t, err)
	require.True(t, did)
	did, err = find.Abandon(ctx(t), made.ID, made.Stamp)
	require.NoError(t, err)
	require.False(t, did, "it has no mark any more")
	_, found, err := dir.FindAccount(ctx(t), connector.Lookup{Stamp: made.Stamp})
	require.NoError(t, err)
	require.False(t, found)

	stamp := "hris:new-" + made.Name
	for _, changed := range []bool{true, false} {
		did, err = find.Adopt(ctx(t), made.ID, stamp)
		require.NoError(t, err)
		require.Equal(t, changed, did)
	}
	got, found, err := dir.FindAccount(ctx(t), connector.Lookup{Stamp: stamp})
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, made.Name, got.Name)
	require.Equal(t, made.Enabled, got.Enabled)
	want := s.want("other.")
	want.Stamp = stamp
	ensured, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	require.True(t, ensured.Existed, "an adopted account is the joiner's from now on")
	require.Equal(t, made.Name, ensured.Name)

	_, err = find.Adopt(ctx(t), made.ID, "hris:thief-"+made.Name)
	require.True(t, fault.Is(err, fault.Conflict), "the account of another joiner: %v", err)
	other, err := dir.EnsureAccount(ctx(t), s.want("second."))
	require.NoError(t, err)
	_, err = find.Abandon(ctx(t), other.ID, other.Stamp)
	require.NoError(t, err)
	_, err = find.Adopt(ctx(t), other.ID, stamp)
	require.True(t, fault.Is(err, fault.Conflict), "a second account of one joiner: %v", err)

	did, err = find.Abandon(ctx(t), made.ID, "hris:thief-"+made.Name)
	require.NoError(t, err)
	require.False(t, did, "another's mark is not taken off")
	did, err = find.Abandon(ctx(t), made.ID, stamp)
	require.NoError(t, err)
	require.True(t, did)
}
