package connectortest

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

func (s suite) createAndFind(t *testing.T) {
	dir, want := s.open(t, Options{}), s.want("anna.")
	want.Attributes[s.Field] = "Carpenter"
	made, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	require.NotEmpty(t, made.ID)
	require.True(t, strings.EqualFold(want.Name, made.Name), made.Name)
	require.Equal(t, want.Stamp, made.Stamp)
	require.True(t, made.Enabled)
	require.False(t, made.Existed, "this attempt made it")
	require.Equal(t, "Carpenter", made.Attributes[s.Field])

	for name, by := range map[string]connector.Lookup{"id": {ID: made.ID}, "stamp": {Stamp: want.Stamp}, "name": {Name: want.Name}} {
		got, ok, err := dir.FindAccount(ctx(t), by)
		require.NoError(t, err, name)
		require.True(t, ok, name)
		require.Equal(t, made.ID, got.ID, name)
		require.Equal(t, want.Stamp, got.Stamp, name)
	}
	unknown := strings.ToLower("nobody-" + want.Stamp[5:])
	for name, by := range map[string]connector.Lookup{"id": {ID: unknown}, "stamp": {Stamp: unknown}, "name": {Name: unknown}} {
		_, ok, err := dir.FindAccount(ctx(t), by)
		require.NoError(t, err, name)
		require.False(t, ok, name)
	}
	_, _, err = dir.FindAccount(ctx(t), connector.Lookup{})
	require.Error(t, err, "a lookup of nothing must find nothing by accident")
}

func (s suite) createAgain(t *testing.T) {
	dir, want := s.open(t, Options{}), s.want("bert.")
	made, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	again, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	require.Equal(t, made.ID, again.ID)
	require.True(t, again.Existed, "no attempt of this step made it")
	want.Attempted = true
	retried, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	require.Equal(t, made.ID, retried.ID)
	require.False(t, retried.Existed, "an earlier attempt of this step may have made it")
	// The stamp decides, not the name: a joiner who was given another name keeps the account.
	want.Name, want.Attempted = "other."+want.Name, false
	renamed, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	require.Equal(t, made.ID, renamed.ID)
}

func (s suite) createDisabled(t *testing.T) {
	dir, want := s.open(t, Options{}), s.want("cleo.")
	want.Enabled = false
	made, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	require.False(t, made.Enabled)
	got, ok, err := dir.FindAccount(ctx(t), connector.Lookup{ID: made.ID})
	require.NoError(t, err)
	require.True(t, ok)
	require.False(t, got.Enabled)
}

func (s suite) nameOfAnother(t *testing.T) {
	dir, first := s.open(t, Options{}), s.want("dora.")
	made, err := dir.EnsureAccount(ctx(t), first)
	require.NoError(t, err)
	second := s.wantAs(first.Name)
	second.Attempted = true // even then it is not ours
	_, err = dir.EnsureAccount(ctx(t), second)
	requireTaken(t, err)
	got, ok, err := dir.FindAccount(ctx(t), connector.Lookup{Name: first.Name})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, first.Stamp, got.Stamp)
	require.Equal(t, made.Enabled, got.Enabled)
}

func (s suite) nameOfStranger(t *testing.T) {
	dir := s.open(t, Options{})
	_, err := dir.EnsureAccount(ctx(t), s.wantAs(s.Foreign))
	requireTaken(t, err)
	got, ok, err := dir.FindAccount(ctx(t), connector.Lookup{Name: s.Foreign})
	require.NoError(t, err)
	require.True(t, ok)
	require.Empty(t, got.Stamp, "a stranger's account must not be marked as ours")
}

func requireTaken(t *testing.T, err error) {
	t.Helper()
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, "name", f.Key)
	require.Contains(t, f.Sentence, "taken")
}

func (s suite) update(t *testing.T) {
	dir, want := s.open(t, Options{}), s.want("emil.")
	made, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	steps := []struct {
		set     any
		changed bool
		before  any
	}{{"Smith", true, nil}, {"Smith", false, nil}, {"Baker", true, "Smith"}}
	if s.can("remove") {
		steps = append(steps, []struct {
			set     any
			changed bool
			before  any
		}{{nil, true, "Baker"}, {nil, false, nil}}...)
	}
	for i, step := range steps {
		changes, err := dir.UpdateAccount(ctx(t), made.ID, map[string]any{s.Field: step.set})
		require.NoError(t, err)
		if step.changed {
			require.Equal(t, []connector.Change{{Attribute: s.Field, Before: step.before, After: step.set}}, changes, "step %d", i)
		} else {
			require.Empty(t, changes, "step %d", i)
		}
		got, _, err := dir.FindAccount(ctx(t), connector.Lookup{ID: made.ID})
		require.NoError(t, err)
		require.Equal(t, step.set, got.Attributes[s.Field], "step %d", i)
		require.Equal(t, want.Stamp, got.Stamp)
	}
}

// rename gives an account another name and keeps all else; a name that somebody has
// is refused, and a directory that cannot do it says so and changes nothing.
func (s suite) rename(t *testing.T) {
	dir, want, other := s.open(t, Options{}), s.want("rita."), s.want("otto.")
	made, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	_, err = dir.EnsureAccount(ctx(t), other)
	require.NoError(t, err)
	name := strings.Replace(want.Name, "rita.", "ruth.", 1)
	before, err := connector.Rename(ctx(t), dir, made.ID, name)
	if !s.can("rename") {
		require.True(t, fault.Is(err, fault.Invalid), "%v", err)
		got, _, err := dir.FindAccount(ctx(t), connector.Lookup{Stamp: want.Stamp})
		require.NoError(t, err)
		require.Equal(t, made.Name, got.Name)
		return
	}
	require.NoError(t, err)
	require.Equal(t, made.Name, before)
	for range 2 {
		got, ok, err := dir.FindAccount(ctx(t), connector.Lookup{Stamp: want.Stamp})
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, []string{made.ID, name}, []string{got.ID, got.Name})
		_, ok, err = dir.FindAccount(ctx(t), connector.Lookup{Name: want.Name})
		require.NoError(t, err)
		require.False(t, ok, "nobody has the old name")
		before, err = connector.Rename(ctx(t), dir, made.ID, name)
		require.NoError(t, err)
		require.Equal(t, name, before, "a second time changes nothing")
	}
	_, err = connector.Rename(ctx(t), dir, made.ID, other.Name)
	requireTaken(t, err)
	got, _, err := dir.FindAccount(ctx(t), connector.Lookup{Stamp: want.Stamp})
	require.NoError(t, err)
	require.Equal(t, name, got.Name)
}

func (s suite) missingAccount(t *testing.T) {
	dir, want := s.open(t, Options{}), s.want("fritz.")
	made, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	gone := strings.Replace(made.ID, want.Name, "gone."+want.Name, 1)
	if gone == made.ID {
		gone = "gone-" + made.ID
	}
	_, err = dir.UpdateAccount(ctx(t), gone, map[string]any{s.Field: "x"})
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	_, err = dir.SetEnabled(ctx(t), gone, false)
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	_, err = dir.EnsureMember(ctx(t), s.Group, gone)
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
}

func (s suite) enable(t *testing.T) {
	dir, want := s.open(t, Options{}), s.want("gerd.")
	made, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err)
	for _, step := range []struct{ to, changed bool }{{true, false}, {false, true}, {false, false}, {true, true}, {true, false}} {
		changed, err := dir.SetEnabled(ctx(t), made.ID, step.to)
		require.NoError(t, err)
		require.Equal(t, step.changed, changed)
		got, _, err := dir.FindAccount(ctx(t), connector.Lookup{ID: made.ID})
		require.NoError(t, err)
		require.Equal(t, step.to, got.Enabled)
	}
}

func (s suite) atOnce(t *testing.T) {
	dir, want := s.open(t, Options{}), s.want("ida.")
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			own := want
			own.Attributes = s.Attributes(want.Name)
			a, err := dir.EnsureAccount(ctx(t), own)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = a.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	got, ok, err := dir.FindAccount(ctx(t), connector.Lookup{Stamp: want.Stamp})
	require.NoError(t, err, "two accounts with one mark would be a conflict")
	require.True(t, ok)
	require.Equal(t, ids[0], got.ID)
}
