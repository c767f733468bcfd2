package postgres_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/audit"
	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

const goodPassword = "a staple for the correct horse"

type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time          { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *testClock) Forward(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

func trust(t *testing.T) (*postgres.DB, *auth.Hasher, *testClock, postgres.User) {
	t.Helper()
	c := &testClock{now: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
	db := pgtest.Open(t, postgres.Config{Now: c.Now})
	h := auth.NewHasher(2)
	u, err := db.AddUser(t.Context(), auth.Engine(), h, postgres.NewUser{Email: "Anna@x.example ", Name: "Anna", Password: goodPassword, Roles: []auth.Role{auth.Admin, auth.Builder}})
	require.NoError(t, err)
	return db, h, c, u
}

func TestS24_S25_SignIn(t *testing.T) {
	t.Parallel()
	db, h, clock, anna := trust(t)
	ctx := t.Context()
	in := func(email, password string) error {
		_, err := db.SignIn(ctx, h, email, password, "10.0.0.1", "test")
		return err
	}
	require.NoError(t, in("anna@x.example", goodPassword))
	unknown, wrong := in("nobody@x.example", goodPassword), in("anna@x.example", "wrong")
	require.Equal(t, unknown.Error(), wrong.Error(), "an unknown address looks like a wrong password")

	// Parallel guesses all count.
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() { _ = in("anna@x.example", "guess") })
	}
	wg.Wait()
	require.True(t, fault.Is(in("anna@x.example", goodPassword), fault.Unauthenticated), "locked, even with the right password")
	clock.Forward(16 * time.Minute)
	require.NoError(t, in("anna@x.example", goodPassword))

	for range 25 {
		_ = in(fmt.Sprintf("x%d@x.example", clock.Now().UnixNano()), "guess")
	}
	err := in("anna@x.example", goodPassword)
	require.True(t, fault.Is(err, fault.TooMany))
	require.NotZero(t, fault.RetryAfter(err))
	clock.Forward(11 * time.Minute)
	require.NoError(t, in("anna@x.example", goodPassword))

	active := false
	_, err = db.ChangeUser(ctx, auth.Engine(), anna.ID, postgres.UserChange{Active: &active})
	require.True(t, fault.Is(err, fault.Conflict), "the last administrator stays")
}

// A database's clock ends sessions, so this test makes them older instead of
// forwarding its own.
func TestS30_S31_S32_Sessions(t *testing.T) {
	t.Parallel()
	db, h, clock, anna := trust(t)
	ctx := t.Context()
	s, err := db.SignIn(ctx, h, anna.Email, goodPassword, "10.0.0.1", "test")
	require.NoError(t, err)
	got, err := db.ActorBySession(ctx, s.Token, "10.0.0.2")
	require.NoError(t, err)
	require.Equal(t, anna.ID, got.Actor.UserID)
	require.Equal(t, s.CSRF, got.CSRF)
	var stored string
	pgtest.Scan(t, db, &stored, `SELECT string_agg(t::text, ' ') FROM sessions t`)
	require.NotContains(t, stored, s.Token)
	raw, err := base64.RawURLEncoding.DecodeString(s.Token)
	require.NoError(t, err)
	require.Len(t, raw, 32, "256 bits")
	require.NotContains(t, stored, hex.EncodeToString(raw))
	require.NotContains(t, stored, hex.EncodeToString([]byte(s.Token)))

	_, err = db.AddUser(ctx, anna.Actor(), h, postgres.NewUser{Email: "ben@x.example", Name: "Ben", Password: goodPassword, Roles: []auth.Role{auth.Admin}})
	require.NoError(t, err)
	_, err = db.ChangeUser(ctx, anna.Actor(), anna.ID, postgres.UserChange{Roles: []auth.Role{auth.Viewer}})
	require.NoError(t, err)
	got, err = db.ActorBySession(ctx, s.Token, "")
	require.NoError(t, err)
	require.False(t, got.Actor.Can(auth.UserManage), "a change of roles counts at once")

	older := func(by string) {
		pgtest.Exec(t, db, `UPDATE sessions SET created_at = created_at - $1::interval, last_seen_at = last_seen_at - $1::interval, expires_at = expires_at - $1::interval`, by)
	}
	clock.Forward(100 * time.Hour)
	_, err = db.ActorBySession(ctx, s.Token, "")
	require.NoError(t, err, "a node's own clock ends no session")
	clock.Forward(-200 * time.Hour)
	older("8 hours 1 second")
	_, err = db.ActorBySession(ctx, s.Token, "")
	require.True(t, fault.Is(err, fault.Unauthenticated), "idle too long")
	s, err = db.SignIn(ctx, h, anna.Email, goodPassword, "10.0.0.1", "test")
	require.NoError(t, err)
	for range 2 {
		older("5 hours")
		_, err = db.ActorBySession(ctx, s.Token, "")
		require.NoError(t, err, "in use")
	}
	older("2 hours 1 second")
	_, err = db.ActorBySession(ctx, s.Token, "")
	require.True(t, fault.Is(err, fault.Unauthenticated), "older than twelve hours")
	s, err = db.SignIn(ctx, h, anna.Email, goodPassword, "10.0.0.1", "test")
	require.NoError(t, err)
	require.NoError(t, db.SignOut(ctx, anna.Actor(), s.Token))
	_, err = db.ActorBySession(ctx, s.Token, "")
	require.True(t, fault.Is(err, fault.Unauthenticated))
	s, err = db.SignIn(ctx, h, anna.Email, goodPassword, "10.0.0.1", "test")
	require.NoError(t, err)
	require.NoError(t, db.SetPassword(ctx, anna.Actor(), h, anna.ID, goodPassword+"!", ""))
	_, err = db.ActorBySession(ctx, s.Token, "")
	require.True(t, fault.Is(err, fault.Unauthenticated), "a new password ends the sessions")
}

func TestS39_S44_Tokens(t *testing.T) {
	t.Parallel()
	db, h, clock, anna := trust(t)
	ctx := t.Context()
	ben, err := db.AddUser(ctx, anna.Actor(), h, postgres.NewUser{Email: "ben@x.example", Name: "Ben", Password: goodPassword, Roles: []auth.Role{auth.Operator, auth.Reviewer}})
	require.NoError(t, err)
	_, _, err = db.CreateToken(ctx, anna.Actor(), postgres.NewToken{Name: "ci", Roles: []auth.Role{auth.Admin}, OwnerEmail: ben.Email, ExpiresAt: clock.Now().AddDate(2, 0, 0)})
	require.Len(t, fault.Problems(err), 2)
	secret, tok, err := db.CreateToken(ctx, anna.Actor(), postgres.NewToken{Name: "ci", Roles: []auth.Role{auth.Operator, auth.Reviewer}, OwnerEmail: ben.Email, ExpiresAt: clock.Now().AddDate(0, 3, 0)})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(secret, "jnr_"))
	a, err := db.ActorByToken(ctx, secret, "")
	require.NoError(t, err)
	require.Equal(t, ben.ID, a.UserID)
	var stored string
	pgtest.Scan(t, db, &stored, `SELECT string_agg(t::text, ' ') FROM api_tokens t`)
	require.NotContains(t, stored, secret[4:])

	_, err = db.ChangeUser(ctx, anna.Actor(), ben.ID, postgres.UserChange{Roles: []auth.Role{auth.Operator}})
	require.NoError(t, err)
	a, err = db.ActorByToken(ctx, secret, "")
	require.NoError(t, err)
	require.Equal(t, []auth.Role{auth.Operator}, a.Roles, "what the owner lost the token lost")
	active := false
	_, err = db.ChangeUser(ctx, anna.Actor(), ben.ID, postgres.UserChange{Active: &active})
	require.NoError(t, err)
	_, err = db.ActorByToken(ctx, secret, "")
	require.True(t, fault.Is(err, fault.Unauthenticated))
	active = true
	_, err = db.ChangeUser(ctx, anna.Actor(), ben.ID, postgres.UserChange{Active: &active})
	require.NoError(t, err)
	require.NoError(t, db.RevokeToken(ctx, anna.Actor(), tok.ID))
	_, err = db.ActorByToken(ctx, secret, "")
	require.True(t, fault.Is(err, fault.Unauthenticated))
	secret, _, err = db.CreateToken(ctx, anna.Actor(), postgres.NewToken{Name: "ci", Roles: []auth.Role{auth.Operator}, OwnerEmail: ben.Email, ExpiresAt: clock.Now().AddDate(0, 1, 0)})
	require.NoError(t, err)
	clock.Forward(32 * 24 * time.Hour)
	_, err = db.ActorByToken(ctx, secret, "")
	require.True(t, fault.Is(err, fault.Unauthenticated))
}

func TestS26_Setup(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h := auth.NewHasher(2)
	ctx := t.Context()
	need, err := db.NeedsSetup(ctx)
	require.NoError(t, err)
	require.True(t, need)
	old, err := db.NewSetupLink(ctx)
	require.NoError(t, err)
	link, err := db.NewSetupLink(ctx)
	require.NoError(t, err)
	u := postgres.NewUser{Email: "a@x.example", Name: "A", Password: goodPassword}
	_, err = db.Setup(ctx, h, old, u)
	require.True(t, fault.Is(err, fault.Forbidden))
	var wg sync.WaitGroup
	won := make([]error, 4)
	for i := range won {
		wg.Go(func() { _, won[i] = db.Setup(context.Background(), h, link, u) })
	}
	wg.Wait()
	made := 0
	for _, err := range won {
		if err == nil {
			made++
		}
	}
	require.Equal(t, 1, made)
	did, err := db.SetupFirstAdmin(ctx, h, "b@x.example", goodPassword)
	require.NoError(t, err)
	require.False(t, did)
}

func TestS86_S87_AuditChain(t *testing.T) {
	t.Parallel()
	app, owner := pgtest.URLs(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 4})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	ctx := t.Context()
	for i := range 20 {
		require.NoError(t, db.SaveSetting(ctx, anna, fmt.Sprint("k", i), map[string]any{"ü": i}))
	}
	n, err := db.SealAudit(ctx)
	require.NoError(t, err)
	require.Equal(t, 20, n)
	head, err := db.AuditHead(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 20, head.Seq)
	require.NoError(t, db.SaveSetting(ctx, anna, "later", 1))
	report, err := db.VerifyAudit(ctx, []audit.Checkpoint{head})
	require.NoError(t, err)
	require.Nil(t, report.Broken)
	require.EqualValues(t, 20, report.Records)
	require.EqualValues(t, 1, report.Unsealed)

	raw, err := pgx.Connect(ctx, app)
	require.NoError(t, err)
	t.Cleanup(func() { _ = raw.Close(context.Background()) })
	for _, sql := range []string{
		`UPDATE audit_events SET detail = '{}'`, `DELETE FROM audit_events`, `TRUNCATE audit_events CASCADE`, `UPDATE audit_chain SET hash = 'x'`, `DELETE FROM audit_chain`,
		`INSERT INTO audit_events (actor_kind, actor_id, actor_name, address, action, object_kind, object_id, detail) VALUES ('', '', '', '', '', '', '', '')`,
		`INSERT INTO audit_chain (seq, event_id, prev, hash) VALUES (99, 1, '', '')`, `DELETE FROM audit_unsealed`, `DROP TABLE audit_events`,
	} {
		_, err := raw.Exec(ctx, sql)
		require.Error(t, err, sql)
	}

	root, err := pgx.Connect(ctx, owner)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close(context.Background()) })
	do := func(sql string) {
		t.Helper()
		_, err := root.Exec(ctx, sql)
		require.NoError(t, err)
	}
	do(`ALTER TABLE audit_events DISABLE TRIGGER USER; ALTER TABLE audit_chain DISABLE TRIGGER USER`)
	broken := func(want int64, what string) {
		t.Helper()
		r, err := db.VerifyAudit(ctx, []audit.Checkpoint{head})
		require.NoError(t, err)
		require.NotNil(t, r.Broken)
		require.Equal(t, want, r.Broken.Seq)
		require.Contains(t, r.Broken.Detail, what)
	}
	do(`UPDATE audit_events SET actor_id = 'u_eve' WHERE id = 7`)
	broken(7, "not what was sealed")
	do(`UPDATE audit_events SET actor_id = 'u_anna' WHERE id = 7`)
	do(`UPDATE audit_events SET at = at + interval '1 microsecond' WHERE id = 9`)
	broken(9, "not what was sealed")
	do(`UPDATE audit_events SET at = at - interval '1 microsecond' WHERE id = 9`)
	do(`CREATE TEMP TABLE keep AS SELECT * FROM audit_chain WHERE seq = 12; DELETE FROM audit_chain WHERE seq = 12`)
	broken(12, "missing")
	do(`INSERT INTO audit_chain SELECT * FROM keep`)
	do(`DELETE FROM audit_chain WHERE seq > 15`)
	broken(16, "checkpoint")
}

func TestS87_Checkpoints(t *testing.T) {
	t.Parallel()
	key := []byte("k")
	line := func(c audit.Checkpoint) string {
		return fmt.Sprintf(`{"seq":%d,"hash":%q,"at":%q,"mac":%q}`, c.Seq, c.Hash, c.At, c.MAC)
	}
	a, b := audit.Checkpoint{Seq: 1, Hash: "x", At: "t"}.Sign(key), audit.Checkpoint{Seq: 2, Hash: "y", At: "t"}.Sign(key)
	out, err := audit.ReadCheckpoints([]byte(line(a)+"\n"+line(b)+"\n{\"seq\":3,"), key)
	require.NoError(t, err)
	require.Len(t, out, 2)
	b.Seq = 1
	_, err = audit.ReadCheckpoints([]byte(line(a)+"\n"+line(b)+"\n"), key)
	require.ErrorContains(t, err, "line 2")
}
