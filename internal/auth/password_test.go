package auth

import (
	"context"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"
)

func TestCheckPassword_S23(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"short", "fourteen chars", "passwordpassword", "aaaaaaaaaaaaaaaaaaaa", "qwertyuiop123456", "Welcome2026!!!!!", "alexandra-2026-x", "1234567890123456"} {
		require.Error(t, CheckPassword(bad, "alexandra@example.com"), bad)
	}
	for _, good := range []string{"three otters under a bridge", "Zwölf Boxkämpfer jagen", "correct horse battery", "k3!vQ9zR#t1LwX8p", "               with spaces in front", "zaphod's towel & tea, 42 times", "ワタシノナガイパスワードデスヨ", strings.Repeat("a long sentence of 32 letters.. ", 8)[:256]} {
		require.NoError(t, CheckPassword(good, "alexandra@example.com"), good)
	}
}

// No list of leaked passwords gets through: its words are refused as they are
// (most by their length alone), said twice or three times, joined, in capitals,
// with digits around and with digits for letters.
func TestCheckPassword_S23_CommonPasswords(t *testing.T) {
	t.Parallel()
	var words []string
	for _, w := range commonWords() {
		words = append(words, string(w))
	}
	require.Greater(t, len(words), 500)
	tried := 0
	for i, w := range words {
		next := words[(i*7+3)%len(words)]
		for _, p := range []string{w, w + w + w, strings.ToUpper(w[:1]) + w[1:] + "2026!" + w, next + "-" + w + "-2026-11-26", strings.ToUpper(w + next + w)} {
			tried++
			require.Error(t, CheckPassword(p, "ada@example.com"), p)
		}
	}
	require.Greater(t, tried, 2500)
	digits := strings.NewReplacer("o", "0", "e", "3", "a", "4", "s", "5")
	for _, p := range []string{"iloveyoubaby", "princesssunshine", "welcomewelcome", "nevergonnaletyoudown", "motdepassesecret", "dragonmonkeytiger", "letmeinpassword"} {
		require.Error(t, CheckPassword(digits.Replace(p)+"!2026", "ada@example.com"), p)
	}
	for _, p := range []string{"123456789012345", "qwertyuiopasdfghjkl", "1qaz2wsx3edc4rfv", "aaaaaaaaaaaaaaab", "abcabcabcabcabcabc", "CorrectHorseBatteryStaple", "correct horse battery staple", "To be or not to be, that is the question", "Liverpool Football 1999", "P@ssw0rd-P@ssw0rd", "Summer2026Winter2026"} {
		require.Error(t, CheckPassword(p, "ada@example.com"), p)
	}
}

// The floor is OWASP's; a hash below it is known to be outdated.
func TestS23_HashFloor(t *testing.T) {
	t.Parallel()
	hash, err := NewHasher(1).Hash(t.Context(), "three otters under a bridge")
	require.NoError(t, err)
	require.False(t, Outdated(hash))
	require.False(t, Outdated(nobody), "the hash of nobody costs what a real one costs")
	weak, err := argon2id.CreateHash("three otters under a bridge", &argon2id.Params{Memory: 8 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	require.NoError(t, err)
	require.True(t, Outdated(weak))
	require.True(t, Outdated("$2a$10$abcdefghijklmnopqrstuv"))
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
