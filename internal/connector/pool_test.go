package connector

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/secret"
)

// counted is a type whose connections count how often they open and close.
type counted struct {
	opened, closed atomic.Int32
	fail           atomic.Bool
	slow           chan struct{}
	asks           func(Config) error // at opening
}

func (*counted) Info() Info {
	return Info{Kind: "counted", Title: "Counted", Settings: []form.Field{
		{Key: "address", Label: "Address", Kind: form.Text, Required: true},
		{Key: "mode", Label: "Mode", Kind: form.Select, Default: "a", Options: []form.Option{{Value: "a"}, {Value: "b"}}},
		{Key: "only_b", Label: "Only with b", Kind: form.Number, Required: true, ShowWhen: &form.When{Field: "mode", In: []string{"b"}}},
	}}
}

func (*counted) Check(settings map[string]any) []fault.Problem {
	if (Values(settings)).Text("address") == "bad" {
		return []fault.Problem{{Path: "address", Detail: "bad"}}
	}
	return nil
}

func (c *counted) Open(_ context.Context, cfg Config) (Conn, error) {
	if c.asks != nil {
		if err := c.asks(cfg); err != nil {
			return nil, err
		}
	}
	c.opened.Add(1)
	if c.slow != nil {
		<-c.slow
	}
	if c.fail.Load() {
		return nil, fault.New(fault.Unavailable, "not now")
	}
	return &countedConn{c: c}, nil
}

type countedConn struct {
	c      *counted
	closed atomic.Bool
}

func (c *countedConn) Test(context.Context) []Finding { return []Finding{{Title: "It", OK: true}} }
func (c *countedConn) Close() error {
	if c.closed.Swap(true) {
		return fault.New(fault.Internal, "closed twice")
	}
	c.c.closed.Add(1)
	return nil
}

type one struct{ t Type }

func (o one) Type(kind string) (Type, bool) { return o.t, kind == o.t.Info().Kind }
func (o one) Types() []Type                 { return []Type{o.t} }

func newPool(t *counted) *Pool {
	return &Pool{Catalog: one{t}, Log: slog.New(slog.DiscardHandler), Secret: func(context.Context, string, string) (secret.Value, error) {
		return secret.New("x"), nil
	}}
}

func content(key string) Settings {
	return Settings{Key: key, Type: "counted", Settings: map[string]any{"address": "x"}}
}

func TestPool_SharesAndClosesOldVersions(t *testing.T) {
	t.Parallel()
	kind := &counted{}
	p := newPool(kind)
	first, release, err := p.Use(t.Context(), content("a"), "h1")
	require.NoError(t, err)
	again, release2, err := p.Use(t.Context(), content("a"), "h1")
	require.NoError(t, err)
	require.Same(t, first, again)
	require.EqualValues(t, 1, kind.opened.Load())

	// Two newer versions come and go while the first is still in use.
	for _, h := range []string{"h2", "h3", "h4"} {
		_, done, err := p.Use(t.Context(), content("a"), h)
		require.NoError(t, err)
		done()
	}
	require.False(t, first.(*countedConn).closed.Load(), "in use, so it stays open")
	release()
	release() // giving back twice is harmless
	release2()
	require.NoError(t, p.Close())
	require.Equal(t, kind.opened.Load(), kind.closed.Load())
	_, _, err = p.Use(t.Context(), content("a"), "h1")
	require.True(t, fault.Is(err, fault.Unavailable))
}

func TestPool_KeepsTwoVersionsAtMost(t *testing.T) {
	t.Parallel()
	kind := &counted{}
	now := time.Unix(0, 0)
	p := newPool(kind)
	p.Now = func() time.Time { return now }
	for i := range 10 {
		now = now.Add(time.Second)
		_, done, err := p.Use(t.Context(), content("a"), strconv.Itoa(i))
		require.NoError(t, err)
		done()
	}
	require.EqualValues(t, 8, kind.closed.Load())
	// A connection nobody used for long closes when another is given back.
	now = now.Add(time.Hour)
	_, done, err := p.Use(t.Context(), content("b"), "h")
	require.NoError(t, err)
	done()
	require.EqualValues(t, 10, kind.closed.Load())
	require.NoError(t, p.Close())
}

func TestPool_FailedOpenIsTriedAgain(t *testing.T) {
	t.Parallel()
	kind := &counted{}
	kind.fail.Store(true)
	p := newPool(kind)
	_, _, err := p.Use(t.Context(), content("a"), "h")
	require.True(t, fault.Is(err, fault.Unavailable))
	kind.fail.Store(false)
	_, done, err := p.Use(t.Context(), content("a"), "h")
	require.NoError(t, err)
	done()
	require.NoError(t, p.Close())
}

func TestPool_ConcurrentUse(t *testing.T) {
	t.Parallel()
	kind := &counted{slow: make(chan struct{})}
	p := newPool(kind)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			own := t.Context()
			if i%5 == 0 {
				own = ctx
			}
			_, done, err := p.Use(own, content("a"), "h")
			if err == nil {
				done()
			} else if i%5 != 0 {
				t.Error(err)
			}
		})
	}
	cancel()
	close(kind.slow)
	wg.Wait()
	require.EqualValues(t, 1, kind.opened.Load())
	require.NoError(t, p.Close())
	require.Equal(t, kind.opened.Load(), kind.closed.Load())
}

func TestPool_PaceIsSharedByVersions(t *testing.T) {
	t.Parallel()
	p := newPool(&counted{})
	a, b := p.pace("c", 0.001, func() error { return nil }), p.pace("c", 0.001, func() error { return nil })
	require.NoError(t, a(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.True(t, fault.Is(b(ctx), fault.Unavailable), "the next call is due in a quarter of an hour")
	require.NoError(t, p.pace("other", 0, func() error { return nil })(t.Context()))
}

// Settings that nobody approved get no secret and reach no private host of their own.
func TestPool_DraftGetsNoSecretAndNoPrivateHosts(t *testing.T) {
	t.Parallel()
	kind := &spy{counted: &counted{}}
	p := newPool(kind.counted)
	p.Catalog = one{kind}
	s := content("a")
	s.Private = []string{"127.0.0.1", "10.0.0.1"}
	p.TestDraft(t.Context(), s, []string{"10.0.0.1"})
	_, err := kind.cfg.Secret(t.Context(), "password")
	require.True(t, fault.Is(err, fault.Forbidden))
	_, err = kind.cfg.Dial(t.Context(), "tcp", "127.0.0.1:1")
	require.True(t, fault.Is(err, fault.Forbidden), "%v", err)
	p.Test(t.Context(), s)
	v, err := kind.cfg.Secret(t.Context(), "password")
	require.NoError(t, err)
	require.Equal(t, "x", v.Reveal())
	_, err = kind.cfg.Dial(t.Context(), "tcp", "127.0.0.1:1")
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}

// spy keeps what a connection was opened with.
type spy struct {
	*counted
	cfg Config
}

func (s *spy) Open(ctx context.Context, cfg Config) (Conn, error) {
	s.cfg = cfg
	return s.counted.Open(ctx, cfg)
}

func TestPool_TestSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := newPool(&counted{})
	require.True(t, p.Test(t.Context(), content("a"))[0].OK)
	bad := content("a")
	bad.Settings = nil
	f := p.Test(t.Context(), bad)
	require.False(t, f[0].OK)
	require.Contains(t, f[0].Detail, "Address is needed.")
}

func TestCheckSettings(t *testing.T) {
	t.Parallel()
	cat := one{&counted{}}
	for name, c := range map[string]struct {
		s     Settings
		paths []string
	}{
		"fine":           {content("a"), nil},
		"unknown type":   {Settings{Type: "x"}, []string{"type"}},
		"missing":        {Settings{Type: "counted"}, []string{"settings.address"}},
		"unknown key":    {Settings{Type: "counted", Settings: map[string]any{"address": "x", "adress": "y"}}, []string{"settings.adress"}},
		"wrong kind":     {Settings{Type: "counted", Settings: map[string]any{"address": 5.0}}, []string{"settings.address"}},
		"no such choice": {Settings{Type: "counted", Settings: map[string]any{"address": "x", "mode": "c"}}, []string{"settings.mode"}},
		"shown later":    {Settings{Type: "counted", Settings: map[string]any{"address": "x", "mode": "b"}}, []string{"settings.only_b"}},
		"type's own":     {Settings{Type: "counted", Settings: map[string]any{"address": "bad"}}, []string{"settings.address"}},
		"private": {Settings{Type: "counted", Settings: map[string]any{"address": "x"}, Private: []string{"10.0.0.0/8", "a b"},
			Limits: Limits{CallsPerSecond: -1}}, []string{"private.1", "limits.calls_per_second"}},
	} {
		var paths []string
		for _, p := range CheckSettings(cat, c.s) {
			paths = append(paths, p.Path)
		}
		require.Equal(t, c.paths, paths, name)
	}
}

// A credential that our database did not give says nothing about the other side.
func TestPool_F11_OurDatabaseAwayIsNoFailureOfTheSystem(t *testing.T) {
	t.Parallel()
	p := newPool(&counted{asks: func(cfg Config) error {
		_, err := cfg.Secret(t.Context(), "token")
		return err
	}})
	p.Secret = func(context.Context, string, string) (secret.Value, error) {
		return secret.Value{}, fault.New(fault.Unavailable, "The database is not reachable at the moment.")
	}
	for range 2 * breakAfter {
		_, _, err := p.Use(t.Context(), content("a"), "h")
		require.True(t, fault.Is(err, fault.Unavailable))
		require.Equal(t, "The database is not reachable at the moment.", fault.Sentence(err))
		p.Report("a", err)
	}
	require.False(t, p.Health("a").Resting)
	require.Zero(t, p.Health("a").Failures)
}
