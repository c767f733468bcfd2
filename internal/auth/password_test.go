package auth

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckPassword_S23(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"short", "fourteen chars", "passwordpassword", "aaaaaaaaaaaaaaaaaaaa", "qwertyuiop123456", "Welcome2026!!!!!", "alexandra-2026-x", "1234567890123456"} {
		require.Error(t, CheckPassword(bad, "alexandra@example.com"), bad)
	}
	for _, good := range []string{"three otters under a bridge", "Zwölf Boxkämpfer jagen", "correct horse battery", "k3!vQ9zR#t1LwX8p"} {
		require.NoError(t, CheckPassword(good, "alexandra@example.com"), good)
	}
}

func TestHasher(t *testing.T) {
	t.Parallel()
	h := NewHasher(2)
	hash, err := h.Hash(context.Background(), "three otters under a bridge")
	require.NoError(t, err)
	require.Contains(t, hash, "$argon2id$v=19$m=19456,t=2,p=1$")
	ok, err := h.Matches(context.Background(), "three otters under a bridge", hash)
	require.NoError(t, err)
	require.True(t, ok)
	for _, c := range [][2]string{{"another", hash}, {"for the timing", ""}, {"", ""}} {
		ok, err = h.Matches(context.Background(), c[0], c[1])
		require.NoError(t, err)
		require.False(t, ok)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	full := NewHasher(0)
	_, err = full.Hash(ctx, "x")
	require.ErrorContains(t, err, "Too many people")
}

func TestRoles(t *testing.T) {
	t.Parallel()
	nobody := Actor{}
	require.True(t, nobody.Can(Public))
	require.False(t, nobody.Can(SignedIn))
	require.False(t, Engine().Can(ArtifactRead), "machinery has no person's rights")
	builder := Actor{UserID: "u_1", Roles: []Role{Builder}}
	require.True(t, builder.Can(ArtifactWrite))
	require.False(t, builder.Can(ReviewDecide))
	both := Actor{UserID: "u_1", Roles: []Role{Builder, Reviewer}}
	require.True(t, both.Can(ReviewDecide))
}
