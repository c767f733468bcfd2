package postgres_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector/all"
	"joinery/internal/fault"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/secret"
)

func actor(id string, roles ...auth.Role) auth.Actor {
	return auth.Actor{Kind: auth.User, ID: id, UserID: id, Name: "Name of " + id, Roles: roles}
}

var (
	anna = actor("u_anna", auth.Builder)
	ben  = actor("u_ben", auth.Reviewer)
	cleo = actor("u_cleo", auth.Builder, auth.Reviewer)
	dora = actor("u_dora", auth.Admin)
)

func policyDoc(t *testing.T, key, rule string) artifact.Doc {
	t.Helper()
	doc, err := artifact.Kinds{Connectors: all.New()}.Read(review.Policy, key,
		fmt.Appendf(nil, `{"key":%q,"name":"Names","type":"groups","groups":{"rows":[{"groups":[%q]}]}}`, key, rule))
	require.NoError(t, err)
	return doc
}

func save(t *testing.T, db *postgres.DB, by auth.Actor, rule string, base int) postgres.Saved {
	t.Helper()
	s, err := db.SaveRevision(t.Context(), by, postgres.Save{Doc: policyDoc(t, "names", rule), Message: rule, Base: base, Via: "api"})
	require.NoError(t, err)
	return s
}

func TestSaveRevision(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	first := save(t, db, anna, "a", 0)
	require.Equal(t, 1, first.Revision)
	again := save(t, db, anna, "a", 1)
	require.False(t, again.New, "an unchanged content makes no revision")

	_, err := db.SaveRevision(t.Context(), cleo, postgres.Save{Doc: policyDoc(t, "names", "b"), Base: 0})
	require.True(t, fault.Is(err, fault.Conflict))
	require.Equal(t, 2, save(t, db, cleo, "b", 1).Revision)
	_, err = db.SaveRevision(t.Context(), anna, postgres.Save{Doc: policyDoc(t, "names", "c"), Base: 1})
	require.True(t, fault.Is(err, fault.Conflict))
	require.ErrorContains(t, err, "revision 2")

	restored, err := db.RestoreRevision(t.Context(), anna, review.Policy, "names", 1, 2, "api")
	require.NoError(t, err)
	require.Equal(t, 3, restored.Revision)
	require.Equal(t, first.Hash, restored.Hash)
	_, err = db.SaveRevision(t.Context(), auth.Engine(), postgres.Save{Doc: policyDoc(t, "names", "c"), Base: 3})
	require.True(t, fault.Is(err, fault.Forbidden))

	revs, _, err := db.Revisions(t.Context(), review.Policy, "names", 0, 0)
	require.NoError(t, err)
	require.Len(t, revs, 3)
	require.Equal(t, 1, revs[0].Restored)
}

func TestSaveRevision_TwoAtOnceOneWins(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	save(t, db, anna, "a", 0)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = db.SaveRevision(context.Background(), anna, postgres.Save{Doc: policyDoc(t, "names", fmt.Sprint("p", i)), Base: 1})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			require.True(t, fault.Is(err, fault.Conflict), "%v", err)
		}
	}
	require.Equal(t, 1, won)
}

func TestS38_S40_ReviewPath(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	save(t, db, anna, "a", 0)
	r, err := db.OpenReview(ctx, anna, review.Policy, "names", 0, "please")
	require.NoError(t, err)
	require.Equal(t, review.Open, r.State)
	require.Equal(t, []string{"u_anna"}, r.Authors)

	require.NoError(t, db.CommentReview(ctx, ben, r.ID, "why a?"))
	_, err = db.ApproveReview(ctx, anna, r.ID, r.Hash, "")
	require.True(t, fault.Is(err, fault.Forbidden))
	_, err = db.ApproveReview(ctx, ben, r.ID, "0000", "")
	require.True(t, fault.Is(err, fault.Conflict))
	require.NoError(t, db.RequestChanges(ctx, ben, r.ID, "use b"))
	_, err = db.ApproveReview(ctx, ben, r.ID, r.Hash, "")
	require.True(t, fault.Is(err, fault.Conflict))

	// Cleo edits too: neither she nor Anna may approve what holds both their work.
	save(t, db, cleo, "b", 1)
	r, err = db.OpenReview(ctx, anna, review.Policy, "names", 2, "")
	require.NoError(t, err)
	_, err = db.ApproveReview(ctx, cleo, r.ID, r.Hash, "")
	require.True(t, fault.Is(err, fault.Forbidden))
	rel, err := db.ApproveReview(ctx, ben, r.ID, r.Hash, "good")
	require.NoError(t, err)
	a, err := db.Artifact(ctx, review.Policy, "names")
	require.NoError(t, err)
	require.Equal(t, rel.ID, a.Live.ID)
	require.Equal(t, 2, a.Live.Revision)
	require.Empty(t, a.OpenReview)

	_, err = db.OpenReview(ctx, anna, review.Policy, "names", 2, "")
	require.True(t, fault.Is(err, fault.Conflict), "live already")

	detail, err := db.Review(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, review.Approved, detail.State)
	require.Equal(t, rel.ID, detail.Release)
	require.Len(t, detail.Comments, 1)

	// An old text written by Cleo and brought back by Anna is still Cleo's.
	save(t, db, anna, "c", 2)
	_, err = db.RestoreRevision(ctx, anna, review.Policy, "names", 1, 3, "api")
	require.NoError(t, err)
	r, err = db.OpenReview(ctx, anna, review.Policy, "names", 4, "")
	require.NoError(t, err)
	require.Equal(t, []string{"u_anna"}, r.Authors)

	t.Run("rollback", func(t *testing.T) {
		_, err := db.Rollback(ctx, ben, review.Policy, "names", 1, "the new one breaks names")
		require.True(t, fault.Is(err, fault.Conflict), "revision 1 was never approved")
		_, err = db.ApproveReview(ctx, ben, r.ID, r.Hash, "")
		require.NoError(t, err)
		_, err = db.Rollback(ctx, ben, review.Policy, "names", 2, "short")
		require.True(t, fault.Is(err, fault.Invalid))
		back, err := db.Rollback(ctx, ben, review.Policy, "names", 2, "the new one breaks names")
		require.NoError(t, err)
		require.Equal(t, review.ByRollback, back.How)
		a, err := db.Artifact(ctx, review.Policy, "names")
		require.NoError(t, err)
		require.Equal(t, 2, a.Live.Revision)
	})
	t.Run("break glass", func(t *testing.T) {
		save(t, db, dora, "d", 4)
		rel, err := db.BreakGlass(ctx, dora, review.Policy, "names", 5, "names are broken for tomorrow")
		require.NoError(t, err)
		a, err := db.Artifact(ctx, review.Policy, "names")
		require.NoError(t, err)
		require.True(t, a.Unratified)
		require.True(t, fault.Is(db.Ratify(ctx, dora, rel.ID, ""), fault.Forbidden))
		require.NoError(t, db.Ratify(ctx, ben, rel.ID, "looked at it"))
		a, err = db.Artifact(ctx, review.Policy, "names")
		require.NoError(t, err)
		require.False(t, a.Unratified)
	})
}

// The rule holds for SQL by hand as the role the server runs as.
func TestS38_S42_RuleInTheDatabase(t *testing.T) {
	t.Parallel()
	app, _ := pgtest.URLs(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 4, Artifacts: artifact.Kinds{Connectors: all.New()}})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	ctx := t.Context()
	save(t, db, anna, "a", 0)
	r, err := db.OpenReview(ctx, anna, review.Policy, "names", 1, "")
	require.NoError(t, err)
	_, err = db.ApproveReview(ctx, ben, r.ID, r.Hash, "")
	require.NoError(t, err)
	saved := save(t, db, anna, "evil", 1)
	r, err = db.OpenReview(ctx, anna, review.Policy, "names", 2, "")
	require.NoError(t, err)

	raw, err := pgx.Connect(ctx, app)
	require.NoError(t, err)
	t.Cleanup(func() { _ = raw.Close(context.Background()) })
	root := hash(saved.Hash + "\n[]")
	release := func(revision int, h, how, reason, root string) string {
		return fmt.Sprintf(`INSERT INTO releases (id, kind, key, revision, hash, how, reason, by_id, by_name, root) VALUES ('x', 'policy', 'names', %d, '%s', '%s', '%s', 'u_x', 'x', '%s')`, revision, h, how, reason, root)
	}
	for name, sql := range map[string]string{
		"unapproved revision goes live":         release(2, saved.Hash, "approval", "", root),
		"unapproved revision as rollback":       release(2, saved.Hash, "rollback", "a good enough reason", root),
		"approved revision with another hash":   release(1, saved.Hash, "approval", "", root),
		"break glass without reason":            release(2, saved.Hash, "breakglass", "", root),
		"root that is not of the content":       release(2, saved.Hash, "breakglass", "a good enough reason", hash("x")),
		"author approves":                       fmt.Sprintf(`INSERT INTO approvals (id, review_id, kind, key, revision, hash, approver_id, approver_name) VALUES ('x', '%s', 'policy', 'names', 2, '%s', 'u_anna', 'x')`, r.ID, saved.Hash),
		"approval of another hash":              fmt.Sprintf(`INSERT INTO approvals (id, review_id, kind, key, revision, hash, approver_id, approver_name) VALUES ('x', '%s', 'policy', 'names', 2, '%s', 'u_ben', 'x')`, r.ID, hash("x")),
		"approval without its review":           fmt.Sprintf(`INSERT INTO approvals (id, review_id, kind, key, revision, hash, approver_id, approver_name) VALUES ('x', 'nope', 'policy', 'names', 2, '%s', 'u_ben', 'x')`, saved.Hash),
		"revision with a false hash":            `INSERT INTO revisions (kind, key, revision, content, hash, author_id, author_name) VALUES ('policy', 'names', 9, '{}', 'x', 'u', 'u')`,
		"content of a revision changes":         `UPDATE revisions SET content = '{}' WHERE revision = 1`,
		"author of a revision changes":          `UPDATE revisions SET author_id = 'u_ben'`,
		"revision is deleted":                   `DELETE FROM revisions WHERE revision = 2`,
		"revisions are truncated":               `TRUNCATE revisions CASCADE`,
		"approval is deleted":                   `DELETE FROM approvals`,
		"approval changes":                      `UPDATE approvals SET revision = 2`,
		"release changes":                       `UPDATE releases SET revision = 2`,
		"release is deleted":                    `DELETE FROM releases`,
		"comment is deleted":                    `DELETE FROM review_comments`,
		"review is pointed at another revision": `UPDATE reviews SET revision = 1 WHERE state = 'open'`,
		"decided review is opened again":        `UPDATE reviews SET state = 'open' WHERE state = 'approved'`,
		"rule is switched off":                  `ALTER TABLE releases DISABLE TRIGGER ALL`,
		"rule is dropped":                       `DROP TRIGGER releases_rule ON releases`,
		"rule is replaced":                      `CREATE OR REPLACE FUNCTION release_rule() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
		"replication role skips triggers":       `SET session_replication_role = replica`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := raw.Exec(ctx, sql)
			require.Error(t, err)
		})
	}
	t.Run("break glass by hand is on record", func(t *testing.T) {
		_, err := raw.Exec(ctx, release(2, saved.Hash, "breakglass", "a good enough reason", root))
		require.NoError(t, err)
		var n int
		require.NoError(t, raw.QueryRow(ctx, `SELECT count(*) FROM audit_events WHERE action = 'release.unapproved'`).Scan(&n))
		require.Equal(t, 1, n)
	})
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	forward := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	db := pgtest.Open(t, postgres.Config{Now: clock})
	ctx := t.Context()
	doc, err := artifact.Kinds{Connectors: all.New()}.Read(review.Connection, "corp", []byte(`{"key":"corp","name":"Corp","type":"scim"}`))
	require.NoError(t, err)
	_, err = db.SaveRevision(ctx, dora, postgres.Save{Doc: doc})
	require.NoError(t, err)
	pgtest.Exec(t, db, `INSERT INTO users (id, email, name, password_hash, roles) VALUES ('u_dora', 'dora@x.example', 'Dora', '', '{admin}'), ('u_ben', 'ben@x.example', 'Ben', '', '{reviewer}')`)
	want := postgres.NewCredential{Connection: "corp", Name: "token", Value: secret.New("s3cret-one"), Owner: "Dora@x.example", Deputy: "ben@x.example", Purpose: "provisioning", ExpiresAt: now.AddDate(0, 6, 0)}

	_, err = db.SetCredential(ctx, dora, postgres.NewCredential{Connection: "corp", Name: "token"})
	require.Len(t, fault.Problems(err), 3)
	bad := want
	bad.Owner = "nobody@x.example"
	_, err = db.SetCredential(ctx, dora, bad)
	require.Equal(t, "owner", fault.Problems(err)[0].Path)
	bad = want
	bad.Deputy = want.Owner
	_, err = db.SetCredential(ctx, dora, bad)
	require.Equal(t, "deputy", fault.Problems(err)[0].Path)
	_, err = db.Secret(ctx, "corp", "token")
	require.ErrorContains(t, err, "has no credential")

	c, err := db.SetCredential(ctx, dora, want)
	require.NoError(t, err)
	require.Nil(t, c.LastUsedAt)
	v, err := db.Secret(ctx, "corp", "token")
	require.NoError(t, err)
	require.Equal(t, "s3cret-one", v.Reveal())
	c, err = db.Credential(ctx, c.ID)
	require.NoError(t, err)
	require.NotNil(t, c.LastUsedAt, "the use is on record")

	next, err := db.RotateCredential(ctx, dora, c.ID, secret.New("s3cret-two"), now.AddDate(0, 6, 0), 24*time.Hour)
	require.NoError(t, err)
	require.Equal(t, 2, next.Version)
	v, err = db.Secret(ctx, "corp", "token")
	require.NoError(t, err)
	require.Equal(t, "s3cret-two", v.Reveal())
	signers, err := db.WebhookSigners(ctx, "corp", "token")
	require.NoError(t, err)
	require.Len(t, signers, 2, "both count while the rotation overlaps")
	forward(25 * time.Hour)
	signers, err = db.WebhookSigners(ctx, "corp", "token")
	require.NoError(t, err)
	require.Len(t, signers, 1)

	require.NoError(t, db.RevokeCredential(ctx, dora, next.ID, "leaked in a ticket"))
	_, err = db.Secret(ctx, "corp", "token")
	require.ErrorContains(t, err, "revoked")
	require.True(t, fault.Is(db.RevokeCredential(ctx, dora, next.ID, "leaked in a ticket"), fault.Conflict))

	var stored string
	pgtest.Scan(t, db, &stored, `SELECT string_agg(t::text, ' ') FROM credentials t`)
	require.NotContains(t, stored, hex.EncodeToString([]byte("s3cret")))
	pgtest.Scan(t, db, &stored, `SELECT string_agg(t::text, ' ') FROM audit_events t`)
	require.NotContains(t, stored, "s3cret")
}
