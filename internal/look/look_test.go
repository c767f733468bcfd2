package look_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/look"
	"joinery/internal/naming"
	"joinery/internal/policy"
)

// spy is a connection that can do everything; a write fails the test.
type spy struct {
	t      *testing.T
	hangs  bool
	breaks bool
	holds  map[string]string
	groups []string
	has    connector.Account
	reads  int
}

func (s *spy) wrote() error {
	s.t.Error("a look has written")
	return fault.New(fault.Internal, "written")
}

func (s *spy) read(ctx context.Context) error {
	s.reads++
	if s.breaks {
		panic("a connector's own fault")
	}
	if s.hangs {
		<-ctx.Done()
		return fault.Wrap(fault.Unavailable, ctx.Err(), "The directory does not answer.")
	}
	return nil
}

func (s *spy) Test(context.Context) []connector.Finding { return nil }
func (s *spy) Close() error                             { return nil }
func (s *spy) FindAccount(ctx context.Context, by connector.Lookup) (connector.Account, bool, error) {
	return s.has, s.has.Stamp != "" && s.has.Stamp == by.Stamp, s.read(ctx)
}
func (s *spy) FindGroup(ctx context.Context, name string) (connector.Group, bool, error) {
	for _, g := range s.groups {
		if g == name {
			return connector.Group{ID: "cn=" + g, Name: g}, true, s.read(ctx)
		}
	}
	return connector.Group{}, false, s.read(ctx)
}
func (s *spy) Holders(ctx context.Context, q connector.NameQuery) ([]connector.Holder, error) {
	if stamp, ok := s.holds[q.Value]; ok {
		return []connector.Holder{{ID: "1", Kind: connector.HolderAccount, Stamp: stamp}}, s.read(ctx)
	}
	return nil, s.read(ctx)
}
func (s *spy) Worker(ctx context.Context, id string) (joiner.Worker, error) {
	return joiner.Worker{ID: id, Attributes: map[string]any{"work_email": "hr@example.com"}}, s.read(ctx)
}
func (s *spy) Changed(context.Context, time.Time, string) ([]joiner.Worker, string, error) {
	return nil, "", nil
}
func (s *spy) EnsureAccount(context.Context, connector.Ensure) (connector.Account, error) {
	return connector.Account{}, s.wrote()
}
func (s *spy) UpdateAccount(context.Context, string, map[string]any) ([]connector.Change, error) {
	return nil, s.wrote()
}
func (s *spy) SetEnabled(context.Context, string, bool) (bool, error)        { return false, s.wrote() }
func (s *spy) EnsureMember(context.Context, string, string) (bool, error)    { return false, s.wrote() }
func (s *spy) EnsureNotMember(context.Context, string, string) (bool, error) { return false, s.wrote() }
func (s *spy) UpdateWorker(context.Context, string, map[string]any) error    { return s.wrote() }
func (s *spy) UpdateWorkerFrom(context.Context, string, map[string]any, map[string]any) error {
	return s.wrote()
}

var (
	_ connector.Directory        = (*spy)(nil)
	_ connector.CarefulWriteBack = (*spy)(nil)
)

func systems(t *testing.T, of map[string]*spy) *look.Systems {
	s := &look.Systems{Wait: 300 * time.Millisecond, Open: func(_ context.Context, key string) (connector.Reading, func(), error) {
		c, ok := of[key]
		if !ok {
			return connector.Reading{}, nil, fault.New(fault.Conflict, "The connection %s is not live yet.", key)
		}
		return connector.ReadOnly(key, c), func() {}, nil
	}}
	t.Cleanup(s.Close)
	return s
}

// The reading side of a connection that can write offers none of it, and cannot be
// turned back into the connection.
func TestReading_CannotWrite(t *testing.T) {
	t.Parallel()
	r := any(connector.ReadOnly("x", &spy{t: t}))
	for name, writes := range map[string]reflect.Type{
		"directory": reflect.TypeFor[connector.Directory](), "write-back": reflect.TypeFor[connector.WriteBack](), "careful": reflect.TypeFor[connector.CarefulWriteBack](), "connection": reflect.TypeFor[connector.Conn](),
	} {
		require.False(t, reflect.TypeOf(r).Implements(writes), name)
		require.False(t, reflect.PointerTo(reflect.TypeOf(r)).Implements(writes), name)
	}
	reads := map[string]bool{"FindAccount": true, "FindGroup": true, "Holders": true, "Worker": true, "AccountsWith": true}
	for m := range reflect.TypeOf(r).Methods() {
		require.True(t, reads[m.Name], "%s is a new method of what may only read: look whether it does", m.Name)
		for out := range m.Type.Outs() {
			require.NotEqual(t, reflect.Interface, kindUnlessError(out), "%s hands something out", m.Name)
		}
	}
	for i := range reflect.TypeOf(r).NumField() {
		require.False(t, reflect.TypeOf(r).Field(i).IsExported())
	}
}

func kindUnlessError(t reflect.Type) reflect.Kind {
	if t == reflect.TypeFor[error]() {
		return reflect.Invalid
	}
	return t.Kind()
}

// A name is taken where any system of its space holds it; a system that hangs, breaks
// or is not there is named, and the rest still answers.
func TestNames_EverySystemOfTheSpace(t *testing.T) {
	t.Parallel()
	n := &policy.Naming{
		Spaces:     []policy.SpaceRow{{Space: "login", Kind: "posix", Connections: []string{"a", "b", "hangs", "breaks", "absent"}}},
		Candidates: []policy.CandidateRow{{Space: "login", Pattern: "{f}{last}"}, {Space: "login", Pattern: "{first}{last}"}, {Space: "login", Pattern: "{f}{last}{n}"}},
	}
	of := map[string]*spy{"a": {t: t, holds: map[string]string{"abyron": "hr:other"}}, "b": {t: t, holds: map[string]string{"adabyron": ""}}, "hangs": {t: t, hangs: true}, "breaks": {t: t, breaks: true}}
	s := systems(t, of)
	began := time.Now()
	o, err := n.Try(t.Context(), policy.Subject{Worker: joiner.Worker{Attributes: map[string]any{"first_name": "Ada", "last_name": "Byron"}}, Lookups: &look.Names{Names: nobody{}, Systems: s, Marks: []string{"hr:1"}}})
	require.NoError(t, err)
	require.Equal(t, "abyron2", o.Output["login"])
	require.Contains(t, o.Reasons[0].Detail, "in use in a")
	require.Contains(t, o.Reasons[1].Detail, "in use in b")
	require.Less(t, time.Since(began), 2*time.Minute)
	miss := map[string]string{}
	for _, x := range s.Answers() {
		miss[x.Connection] = x.Miss
	}
	require.Equal(t, map[string]string{"a": "", "b": "", "hangs": "hangs did not answer within 300ms.", "breaks": "breaks could not be asked. The log has the details.", "absent": "The connection absent is not live yet."}, miss)
	require.Equal(t, 1, of["hangs"].reads, "who did not answer once is not asked again")

	// What the joiner holds already is no obstacle.
	of["a"].holds["abyron"] = "hr:1"
	o, err = n.Try(t.Context(), policy.Subject{Worker: joiner.Worker{Attributes: map[string]any{"first_name": "Ada", "last_name": "Byron"}}, Lookups: &look.Names{Names: nobody{}, Systems: systems(t, of), Marks: []string{"hr:1"}}})
	require.NoError(t, err)
	require.Equal(t, "abyron", o.Output["login"])
}

// nobody holds anything here.
type nobody struct{}

func (nobody) Holder(context.Context, string, string) (string, error) { return "", nil }
func (nobody) Holders(_ context.Context, names []naming.Name) ([]string, error) {
	return make([]string, len(names)), nil
}
func (nobody) Own(context.Context) (map[string]string, error) { return nil, nil }
func (nobody) Live(context.Context, naming.Name, policy.SpaceRow, string) (string, error) {
	return "", nil
}

func TestGroups_ThereOrNot(t *testing.T) {
	t.Parallel()
	g := &policy.Groups{Directory: "a", Rows: []policy.GroupRow{{Groups: []string{"staff", "crm", "typo"}}, {Groups: []string{"far"}, Directory: "hangs"}}}
	o, err := g.Try(t.Context(), policy.Subject{})
	require.NoError(t, err)
	s := systems(t, map[string]*spy{"a": {t: t, groups: []string{"staff", "crm"}, has: connector.Account{Name: "ada", Stamp: "hr:1", Groups: []string{"cn=crm"}}}, "hangs": {t: t, hangs: true}})
	got := map[string]string{}
	for _, l := range s.Groups(t.Context(), o, []string{"hr:1"}) {
		got[l.Title] = l.Detail
	}
	require.Equal(t, map[string]string{"staff": "Is there. The joiner's account would be added.", "crm": "Is there, and the joiner's account is in it already.", "typo": "There is no such group. A step that adds somebody to it would fail."}, got)
	require.Contains(t, s.Answers()[1].Miss+s.Answers()[0].Miss, "did not answer within")
}
