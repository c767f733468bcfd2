package connectortest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"joinery/internal/connector"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// Open opens a connection the way the product does: settings checked, defaults
// filled in, calls guarded, credentials at the moment of use.
func Open(t testing.TB, kind connector.Type, s connector.Settings, credentials map[string]string) connector.Conn {
	t.Helper()
	return OpenAt(t, kind, s, credentials, time.Now)
}

// OpenAt opens a connection that takes its time from now.
func OpenAt(t testing.TB, kind connector.Type, s connector.Settings, credentials map[string]string, now func() time.Time) connector.Conn {
	t.Helper()
	pool := &connector.Pool{
		Catalog: single{kind}, Guard: &egress.Guard{}, Limits: egress.Limits{}, Now: now, Log: slog.New(slog.DiscardHandler),
		Secret: func(_ context.Context, _, name string) (secret.Value, error) {
			v, ok := credentials[name]
			if !ok {
				return secret.Value{}, fault.New(fault.Invalid, "The credential %s is not set.", name)
			}
			return secret.New(v), nil
		},
	}
	conn, release, err := pool.Use(t.Context(), s, "test")
	if err != nil {
		t.Fatalf("open: %v %v", err, fault.Problems(err))
	}
	t.Cleanup(func() {
		release()
		if err := pool.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return conn
}

// single is a catalog of one type.
type single struct{ kind connector.Type }

func (s single) Type(kind string) (connector.Type, bool) { return s.kind, kind == s.kind.Info().Kind }
func (s single) Types() []connector.Type                 { return []connector.Type{s.kind} }
