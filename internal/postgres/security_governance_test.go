package postgres_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector/all"
	"joinery/internal/fault"
	"joinery/internal/node"
	"joinery/internal/pgserver"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// asSuperuser opens the database of a test as somebody whom no rule in it binds.
func asSuperuser(t *testing.T, db *postgres.DB) *pgx.Conn {
	t.Helper()
	var name string
	pgtest.Scan(t, db, &name, `SELECT current_database()`)
	root, err := pgx.Connect(t.Context(), pgtest.Server(t).URL(pgserver.Owner, name))
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close(context.Background()) })
	_, err = root.Exec(t.Context(), `SET session_replication_role = replica`)
	require.NoError(t, err)
	return root
}

// What a database superuser changes behind the rules is found when it is loaded:
// nothing runs by it, and it is on record.
func TestS42_TamperedReleaseIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql  []string
		says string
	}{
		"content":                            {[]string{`UPDATE revisions SET content = replace(content, '"good"', '"evil"')`}, "not the one that was approved"},
		"content and its hash":               {[]string{`UPDATE revisions SET content = replace(content, '"good"', '"evil"')`, `UPDATE revisions SET hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')`}, "not the one that was approved"},
		"content, hashes of both":            {[]string{`UPDATE revisions SET content = replace(content, '"good"', '"evil"')`, `UPDATE revisions SET hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')`, `UPDATE releases l SET hash = r.hash FROM revisions r WHERE r.key = l.key`}, "the parts it names"},
		"content, hashes, root":              {[]string{`UPDATE revisions SET content = replace(content, '"good"', '"evil"')`, `UPDATE revisions SET hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')`, `UPDATE releases l SET hash = r.hash FROM revisions r WHERE r.key = l.key`, `UPDATE releases SET root = encode(sha256(convert_to(hash || E'\n' || pins, 'UTF8')), 'hex')`}, "nobody but its authors"},
		"the pins":                           {[]string{`UPDATE releases SET pins = '[{"kind":"connection","key":"x","release":"rl_x","revision":1,"hash":"00"}]'`}, "the parts it names"},
		"the approval":                       {[]string{`DELETE FROM approvals`}, "nobody but its authors"},
		"the approver":                       {[]string{`UPDATE approvals SET approver_id = 'u_anna'`}, "nobody but its authors"},
		"a release that never was":           {[]string{`DELETE FROM approvals`, `UPDATE releases SET how = 'rollback'`}, "nobody but its authors"},
		"content, hashes, root and approval": {[]string{`UPDATE revisions SET content = replace(content, '"good"', '"evil"')`, `UPDATE revisions SET hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')`, `UPDATE releases l SET hash = r.hash FROM revisions r WHERE r.key = l.key`, `UPDATE releases SET root = encode(sha256(convert_to(hash || E'\n' || pins, 'UTF8')), 'hex')`, `UPDATE approvals SET hash = (SELECT hash FROM releases)`}, "did not make it live"},
		"its seal":                           {[]string{`DELETE FROM release_seals`}, "did not make it live"},
		"approval made an emergency":         {[]string{`UPDATE releases SET how = 'breakglass'`}, "did not make it live"},
		"a release pointed elsewhere":        {[]string{`INSERT INTO revisions (kind, key, revision, content, hash, author_id, author_name) SELECT kind, key, 2, '{}', hash, author_id, author_name FROM revisions`, `UPDATE releases SET revision = 2`}, "not the one that was approved"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			save(t, db, anna, "good", 0)
			r, err := db.OpenReview(t.Context(), anna, review.Policy, "names", 1, "")
			require.NoError(t, err)
			rel, err := db.ApproveReview(t.Context(), ben, r.ID, r.Hash, "")
			require.NoError(t, err)
			_, content, err := db.Release(t.Context(), rel.ID)
			require.NoError(t, err)
			require.Contains(t, string(content), "good")
			root := asSuperuser(t, db)
			for _, sql := range c.sql {
				_, err := root.Exec(t.Context(), sql)
				require.NoError(t, err, sql)
			}
			for range 3 {
				_, content, err = db.Release(t.Context(), rel.ID)
				require.True(t, fault.Is(err, fault.Internal), "%v", err)
				require.ErrorContains(t, err, c.says)
				require.Empty(t, content)
			}
			var records int
			pgtest.Scan(t, db, &records, `SELECT count(*) FROM audit_events WHERE action = 'release.tampered'`)
			require.Equal(t, 1, records, "on record, once")
		})
	}
}

// Releases of the time before there were seals are sealed as they stand, once, on
// record; what a superuser adds afterwards is not.
func TestS42_OldReleasesAreSealedOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	save(t, db, anna, "good", 0)
	r, err := db.OpenReview(t.Context(), anna, review.Policy, "names", 1, "")
	require.NoError(t, err)
	rel, err := db.ApproveReview(t.Context(), ben, r.ID, r.Hash, "")
	require.NoError(t, err)
	n, err := db.SealReleases(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "a new database has nothing from before")
	root := asSuperuser(t, db)
	_, err = root.Exec(t.Context(), `DELETE FROM release_seals; DELETE FROM release_sealing`) // as an upgrade finds it
	require.NoError(t, err)
	_, _, err = db.Release(t.Context(), rel.ID)
	require.Error(t, err)
	for _, want := range []int{1, 0} {
		n, err = db.SealReleases(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	_, _, err = db.Release(t.Context(), rel.ID)
	require.NoError(t, err)
	var records int
	pgtest.Scan(t, db, &records, `SELECT count(*) FROM audit_events WHERE action = 'release.sealed_as_found'`)
	require.Equal(t, 1, records)
}

// Any change of what a release means is another hash, and no approval covers it.
func TestS41_AnyChangeIsAnotherHash(t *testing.T) {
	t.Parallel()
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	for kind, base := range map[review.Kind]string{
		review.Flow:       `{"key":"x","name":"Ask","description":"d","trigger":"hired","vars":{"a":"1"},"nodes":[{"id":"hired","type":"hris.event","params":{"connection":"hr","events":["worker.hired"]}},{"id":"make","type":"account.ensure","name":"Make","params":{"directory":"dir","name":"=joiner.worker","attributes":{"mail":"=joiner.email"}},"retry":{"attempts":3,"first":"1s","max":"1m"},"timeout":"30s"}],"edges":[{"from":"hired.started","to":"make"}],"limits":{"runs_per_hour":5}}`,
		review.Policy:     `{"key":"x","name":"Names","type":"groups","groups":{"hit":"first","rows":[{"when":"true","groups":["a","b"],"reason":"why","owner":"ops"}]}}`,
		review.Function:   `{"key":"x","name":"F","source":"return { a = 1 }","manifest":{"input":{"type":"object"},"output":{"type":"object"}},"cases":[{"name":"one","input":{"a":"1"},"output":{"a":"1"}}]}`,
		review.Connection: `{"key":"x","name":"C","description":"d","type":"hris-rest","settings":{"base_url":"https://hr.example.com"},"private":["10.0.0.1"],"limits":{"creates_per_hour":5,"grants_per_hour":6}}`,
	} {
		first, err := kinds.Read(kind, "x", []byte(base))
		require.NoError(t, err, kind)
		changed := 0
		for i := range base {
			// One byte: a digit or a letter inside of a value becomes another one.
			b := base[i]
			if b >= '0' && b <= '8' || b >= 'a' && b <= 'y' {
				text := base[:i] + string(b+1) + base[i+1:]
				doc, err := kinds.Read(kind, "", []byte(text))
				if err != nil {
					continue // not content any more
				}
				changed++
				require.NotEqual(t, first.Hash, doc.Hash, "%s", text)
			}
		}
		require.Greater(t, changed, 15, kind)
	}
	db := pgtest.New(t)
	save(t, db, anna, "good", 0)
	r, err := db.OpenReview(t.Context(), anna, review.Policy, "names", 1, "")
	require.NoError(t, err)
	second := save(t, db, anna, "gooe", 1)
	_, err = db.ApproveReview(t.Context(), ben, r.ID, second.Hash, "")
	require.True(t, fault.Is(err, fault.Conflict), "the open review is of the text before")
	_, err = db.ApproveReview(t.Context(), ben, r.ID, r.Hash, "")
	require.NoError(t, err)
	_, err = db.Rollback(t.Context(), ben, review.Policy, "names", 2, "it looks the same to me")
	require.True(t, fault.Is(err, fault.Conflict), "its approval does not cover the next one")
}

// Two approve while the author edits and submits again, and somebody rolls back:
// whatever the order, nothing is ever live that another person did not approve.
func TestS43_RacesNeverReleaseUnapproved(t *testing.T) {
	t.Parallel()
	db := pgtest.Open(t, postgres.Config{Conns: 12})
	rounds := 300 // JOINERY_RACES=1000 for more
	if n, err := strconv.Atoi(os.Getenv("JOINERY_RACES")); err == nil {
		rounds = n
	}
	var workers sync.WaitGroup
	next := make(chan int)
	for range 4 {
		workers.Go(func() {
			for i := range next {
				raceOnce(t, db, fmt.Sprintf("p%d", i), i)
			}
		})
	}
	for i := range rounds {
		next <- i
	}
	close(next)
	workers.Wait()
	var wrong string
	pgtest.Scan(t, db, &wrong, `SELECT coalesce(string_agg(l.key || ' ' || l.revision, ', '), '') FROM releases l WHERE NOT EXISTS (
		SELECT 1 FROM approvals a JOIN revisions r ON r.kind = a.kind AND r.key = a.key AND r.revision = a.revision
		WHERE a.kind = l.kind AND a.key = l.key AND a.revision = l.revision AND a.hash = l.hash AND r.hash = l.hash AND a.approver_id IN ('u_ben', 'u_dora'))`)
	require.Empty(t, wrong)
	var live, byAuthor, twice int
	pgtest.Scan(t, db, &live, `SELECT count(*) FROM releases`)
	pgtest.Scan(t, db, &byAuthor, `SELECT count(*) FROM approvals WHERE approver_id IN ('u_anna', 'u_cleo')`)
	pgtest.Scan(t, db, &twice, `SELECT count(*) FROM (SELECT review_id FROM approvals GROUP BY review_id HAVING count(*) > 1) x`)
	require.Greater(t, live, rounds/4, "some went live, or nothing was proved")
	require.Zero(t, byAuthor)
	require.Zero(t, twice, "a review is approved once")
}

func raceOnce(t *testing.T, db *postgres.DB, key string, seed int) {
	ctx := context.Background()
	content := func(n int) artifact.Doc {
		doc, err := artifact.Kinds{Connectors: all.New()}.Read(review.Policy, key, fmt.Appendf(nil, `{"key":%q,"name":"Names","type":"groups","groups":{"rows":[{"groups":["v%d"]}]}}`, key, n))
		if err != nil {
			t.Error(err)
		}
		return doc
	}
	first, err := db.SaveRevision(ctx, anna, postgres.Save{Doc: content(1)})
	if err != nil {
		t.Error(err)
		return
	}
	r, err := db.OpenReview(ctx, anna, review.Policy, key, 1, "")
	if err != nil {
		t.Error(err)
		return
	}
	acts := []func(){
		func() { _, _ = db.ApproveReview(ctx, ben, r.ID, first.Hash, "") },
		func() { _, _ = db.ApproveReview(ctx, dora, r.ID, first.Hash, "") },
		func() {
			_, _ = db.SaveRevision(ctx, cleo, postgres.Save{Doc: content(2), Base: 1})
			if again, err := db.OpenReview(ctx, anna, review.Policy, key, 2, ""); err == nil {
				_, _ = db.ApproveReview(ctx, cleo, again.ID, again.Hash, "") // an author
				_, _ = db.ApproveReview(ctx, ben, again.ID, first.Hash, "")  // the hash seen before
			}
		},
		func() { _, _ = db.Rollback(ctx, ben, review.Policy, key, 2, "the newer one is better") },
	}
	var done sync.WaitGroup
	for i := range acts {
		done.Go(acts[(i+seed)%len(acts)])
	}
	done.Wait()
}

// S-38 at the database: neither an author nor a co-author can approve by SQL, and
// an approval written for somebody else does not make content live.
func TestS38_CoAuthorIsRefusedBySQL(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	save(t, db, anna, "a", 0)
	saved := save(t, db, cleo, "b", 1)
	r, err := db.OpenReview(t.Context(), anna, review.Policy, "names", 2, "")
	require.NoError(t, err)
	for _, who := range []string{"u_anna", "u_cleo", ""} {
		err := db.RawExec(t.Context(), `INSERT INTO approvals (id, review_id, kind, key, revision, hash, approver_id, approver_name) VALUES ('x', $1, 'policy', 'names', 2, $2, $3, 'x')`, r.ID, saved.Hash, who)
		require.Error(t, err, who)
	}
	var n int
	pgtest.Scan(t, db, &n, `SELECT count(*) FROM approvals`)
	require.Zero(t, n)
	require.Error(t, db.RawExec(t.Context(), strings.ReplaceAll(`INSERT INTO releases (id, kind, key, revision, hash, how, by_id, by_name, root) VALUES ('x', 'policy', 'names', 2, '$', 'approval', 'u_ben', 'x', '')`, "$", saved.Hash)))
}

// A session of the server's role may make temporary tables, and they are found
// before the real ones; the rules look past them.
func TestS38_S42_TemporaryTablesDeceiveNoRule(t *testing.T) {
	t.Parallel()
	app, _ := pgtest.URLs(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 4, Artifacts: artifact.Kinds{Connectors: all.New()}})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	saved := save(t, db, anna, "evil", 0)
	r, err := db.OpenReview(t.Context(), anna, review.Policy, "names", 1, "")
	require.NoError(t, err)
	raw, err := pgx.Connect(t.Context(), app)
	require.NoError(t, err)
	t.Cleanup(func() { _ = raw.Close(context.Background()) })
	for _, table := range []string{"revisions", "reviews", "approvals", "releases"} {
		_, err := raw.Exec(t.Context(), fmt.Sprintf(`CREATE TEMP TABLE %[1]s AS SELECT * FROM public.%[1]s`, table))
		require.NoError(t, err)
	}
	for _, sql := range []string{
		fmt.Sprintf(`INSERT INTO pg_temp.approvals (id, review_id, kind, key, revision, hash, approver_id, approver_name) VALUES ('x', '%s', 'policy', 'names', 1, '%s', 'u_ben', 'x')`, r.ID, saved.Hash),
		`UPDATE pg_temp.revisions SET author_id = 'u_nobody'`,
	} {
		_, err := raw.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	_, err = raw.Exec(t.Context(), fmt.Sprintf(`INSERT INTO public.releases (id, kind, key, revision, hash, how, by_id, by_name, root) VALUES ('x', 'policy', 'names', 1, '%s', 'approval', 'u_x', 'x', '%s')`, saved.Hash, hash(saved.Hash+"\n[]")))
	require.ErrorContains(t, err, "nobody but its authors approved")
	_, err = raw.Exec(t.Context(), fmt.Sprintf(`INSERT INTO public.approvals (id, review_id, kind, key, revision, hash, approver_id, approver_name) VALUES ('x', '%s', 'policy', 'names', 1, '%s', 'u_anna', 'x')`, r.ID, saved.Hash))
	require.ErrorContains(t, err, "its approver is an author")
}
