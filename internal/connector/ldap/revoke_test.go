package ldap_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/ldap"
	"joinery/internal/connectortest"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/pgtest"
	"joinery/internal/secret"
)

// A bind password that is revoked ends at the next call within five seconds,
// although connections bound with it are still open; a new one takes over.
func TestS44_RevokedPasswordEndsOpenConnections(t *testing.T) {
	t.Parallel()
	s := connectortest.StartSlapd(t)
	var revoked, rotated atomic.Bool
	pool := &connector.Pool{Catalog: one{}, Guard: &egress.Guard{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Secret: func(context.Context, string, string) (secret.Value, error) {
			if revoked.Load() {
				return secret.Value{}, fault.New(fault.Invalid, "The credential was revoked.")
			}
			if rotated.Load() {
				return secret.New("a password that the directory does not know"), nil
			}
			return secret.New(s.Password), nil
		}}
	conn, release, err := pool.Use(t.Context(), s.Settings("corp-ldap"), "test")
	require.NoError(t, err)
	t.Cleanup(func() { release(); require.NoError(t, pool.Close()) })
	dir := conn.(connector.Directory)
	find := func() error {
		_, _, err := dir.FindAccount(t.Context(), connector.Lookup{Name: "jsmith"})
		return err
	}
	require.NoError(t, find())
	revoked.Store(true)
	pgtest.Eventually(t, 5*time.Second, "the open connection is not used any more", func() bool { return find() != nil })
	require.ErrorContains(t, find(), "revoked")
	revoked.Store(false)
	require.NoError(t, find())
	rotated.Store(true)
	pgtest.Eventually(t, 5*time.Second, "connections bound with the password before are not used any more", func() bool { return find() != nil })
	rotated.Store(false)
	pgtest.Eventually(t, 5*time.Second, "the right password binds again", func() bool { return find() == nil })
}

type one struct{}

func (one) Type(kind string) (connector.Type, bool) { return ldap.Type{}, kind == "ldap" }
func (one) Types() []connector.Type                 { return []connector.Type{ldap.Type{}} }
