package connectortest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

func (s suite) groups(t *testing.T) {
	dir, want := s.open(t, Options{}), s.want("hans.")
	made, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	g, ok, err := dir.FindGroup(ctx(t), s.Group)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, s.Group, g.Name)
	byID, ok, err := dir.FindGroup(ctx(t), g.ID)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, g.ID, byID.ID)

	for _, group := range []string{g.Name, g.ID} {
		for _, step := range []struct {
			what    func() (bool, error)
			changed bool
			in      bool
		}{
			{func() (bool, error) { return dir.EnsureNotMember(ctx(t), group, made.ID) }, false, false},
			{func() (bool, error) { return dir.EnsureMember(ctx(t), group, made.ID) }, true, true},
			{func() (bool, error) { return dir.EnsureMember(ctx(t), group, made.ID) }, false, true},
			{func() (bool, error) { return dir.EnsureNotMember(ctx(t), group, made.ID) }, true, false},
			{func() (bool, error) { return dir.EnsureNotMember(ctx(t), group, made.ID) }, false, false},
		} {
			changed, err := step.what()
			require.NoError(t, err)
			require.Equal(t, step.changed, changed)
			got, _, err := dir.FindAccount(ctx(t), connector.Lookup{ID: made.ID})
			require.NoError(t, err)
			if step.in {
				require.Equal(t, []string{g.Name}, got.Groups)
			} else {
				require.Empty(t, got.Groups)
			}
		}
	}
}

func (s suite) missingGroup(t *testing.T) {
	dir, want := s.open(t, Options{}), s.want("jana.")
	made, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	_, ok, err := dir.FindGroup(ctx(t), "no such group")
	require.NoError(t, err)
	require.False(t, ok)
	_, err = dir.EnsureMember(ctx(t), "no such group", made.ID)
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	require.Contains(t, fault.Sentence(err), "no such group")
	_, err = dir.EnsureNotMember(ctx(t), "no such group", made.ID)
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
}
