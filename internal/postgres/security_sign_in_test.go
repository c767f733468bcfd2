package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// An unknown address cannot be told from a wrong password: same words, and the
// same time within a tenth. Not parallel: it measures.
func TestS24_UnknownUserLooksLikeWrongPassword(t *testing.T) {
	db, h, _, anna := trust(t)
	try := func(email string, n int) (time.Duration, error) {
		begin := time.Now()
		_, err := db.SignIn(t.Context(), h, email, "not the right sentence", fmt.Sprintf("10.1.%d.%d", n/250, n%250), "test")
		return time.Since(begin), err
	}
	for n := range 5 { // warm up the pool
		_, _ = try(anna.Email, 900+n)
	}
	var known, unknown []time.Duration
	var saidKnown, saidUnknown error
	for attempt := range 3 {
		known, unknown = nil, nil
		for n := range 100 {
			var k, u time.Duration
			k, saidKnown = try(anna.Email, attempt*200+2*n)
			u, saidUnknown = try(fmt.Sprintf("nobody%d@x.example", n), attempt*200+2*n+1)
			known, unknown = append(known, k), append(unknown, u)
		}
		require.Equal(t, saidKnown.Error(), saidUnknown.Error())
		require.Equal(t, fault.KindOf(saidKnown), fault.KindOf(saidUnknown))
		a, b := median(known), median(unknown)
		t.Logf("wrong password %s, unknown address %s", a, b)
		if differ := (a - b).Abs(); differ < min(a, b)/10 {
			return
		}
	}
	t.Fatalf("the medians differ: %s and %s", median(known), median(unknown))
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// A hash below the floor is made anew at the next sign-in, and only at a right one.
func TestS23_OutdatedHashIsMadeAnew(t *testing.T) {
	t.Parallel()
	db, h, _, anna := trust(t)
	weak, err := argon2id.CreateHash(goodPassword, &argon2id.Params{Memory: 8 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	require.NoError(t, err)
	pgtest.Exec(t, db, `UPDATE users SET password_hash = $1`, weak)
	stored := func() (out string) {
		pgtest.Scan(t, db, &out, `SELECT password_hash FROM users`)
		return out
	}
	_, err = db.SignIn(t.Context(), h, anna.Email, "not the right sentence", "10.0.0.1", "test")
	require.Error(t, err)
	require.Equal(t, weak, stored())
	_, err = db.SignIn(t.Context(), h, anna.Email, goodPassword, "10.0.0.1", "test")
	require.NoError(t, err)
	fresh := stored()
	require.Contains(t, fresh, "m=19456,t=2")
	_, err = db.SignIn(t.Context(), h, anna.Email, goodPassword, "10.0.0.1", "test")
	require.NoError(t, err)
	require.Equal(t, fresh, stored(), "a good one stays")
}

// Nobody can sign in to a new installation; the link that makes the first
// administrator works once and within the hour.
func TestS26_NoDefaultAccounts(t *testing.T) {
	t.Parallel()
	c := &testClock{now: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
	db := pgtest.Open(t, postgres.Config{Now: c.Now})
	h := auth.NewHasher(2)
	var people int
	pgtest.Scan(t, db, &people, `SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM api_tokens) + (SELECT count(*) FROM sessions)`)
	require.Zero(t, people)
	link, err := db.NewSetupLink(t.Context())
	require.NoError(t, err)
	var stored string
	pgtest.Scan(t, db, &stored, `SELECT string_agg(l::text, '') FROM setup_links l`)
	require.NotContains(t, stored, link)
	u := postgres.NewUser{Email: "a@x.example", Name: "A", Password: goodPassword}
	c.Forward(time.Hour + time.Second)
	_, err = db.Setup(t.Context(), h, link, u)
	require.True(t, fault.Is(err, fault.Forbidden), "too late")
	link, err = db.NewSetupLink(t.Context())
	require.NoError(t, err)
	c.Forward(59 * time.Minute)
	_, err = db.Setup(t.Context(), h, link, u)
	require.NoError(t, err)
	u.Email = "b@x.example"
	_, err = db.Setup(t.Context(), h, link, u)
	require.Error(t, err, "used")
}
