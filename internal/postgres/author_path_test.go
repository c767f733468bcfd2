package postgres_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

const never = "another person approved exactly that content"

// The ways by which content comes to a place where it may go live without a review: none of
// them leads there for what the author wrote (S-99). Those beside an approval, a refused
// hash and SQL are in TestS99_NothingGoesLiveWithoutAnothersYes.
func TestS99_NoOtherWayLeadsLive(t *testing.T) {
	t.Parallel()
	db, by := judged(t, 90, author.On)
	admin, builder := person(t, db, "admin@example.com", auth.Admin), person(t, db, "builder@example.com", auth.Builder)
	reviewer := person(t, db, "reviewer@example.com", auth.Reviewer)
	save := func(by auth.Actor, key, text string, base int) (postgres.Saved, error) {
		doc, err := artifact.Kinds{}.ReadText(review.Function, "", []byte(text))
		require.NoError(t, err)
		require.Equal(t, key, doc.Key)
		return db.SaveRevision(t.Context(), by, postgres.Save{Doc: doc, Base: base, Via: "cli"})
	}
	_, d := drafted(t, db, by, written)
	const body = "name: Greeting\nsource: return function(input) return {text = \"hello\"} end\ncases: [{name: always, output: {text: hello}}]\n"

	// Rolling back, and taking newer parts, need something that was approved.
	_, err := db.Rollback(t.Context(), admin, review.Function, "greeting", d.Revision, "back to a good one")
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	_, err = db.RefreshPins(t.Context(), admin, review.Function, "greeting", "take the newest parts")
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)

	// Restored by somebody else it is the same content, and both have written it.
	_, err = save(builder, "greeting", "key: greeting\nname: Other\nsource: return function(input) return {text = \"other\"} end\ncases: [{name: always, output: {text: other}}]\n", d.Revision)
	require.NoError(t, err)
	restored, err := db.RestoreRevision(t.Context(), admin, review.Function, "greeting", d.Revision, 2, "console")
	require.NoError(t, err)
	require.Equal(t, d.Hash, restored.Hash)
	_, err = db.BreakGlass(t.Context(), admin, review.Function, "greeting", restored.Revision, "the world is on fire")
	require.ErrorContains(t, err, never)
	r, err := reviewOf(t, db, by, restored.Revision)
	require.NoError(t, err)
	for _, wrote := range []auth.Actor{by, admin} {
		_, err = db.ApproveReview(t.Context(), wrote, r.ID, restored.Hash, "")
		require.True(t, fault.Is(err, fault.Forbidden), "%v", err)
	}

	// A token of whoever asked is whoever asked.
	token := auth.Actor{Kind: auth.Token, ID: "tk_x", UserID: by.UserID, Name: "robot", Roles: []auth.Role{auth.Reviewer}}
	_, err = db.ApproveReview(t.Context(), token, r.ID, restored.Hash, "")
	require.True(t, fault.Is(err, fault.Forbidden), "%v", err)

	// Copied or imported under another key, by another person, it is still the model's code.
	_, err = save(admin, "copied", "key: copied\n"+body, 0)
	require.NoError(t, err)
	_, err = db.BreakGlass(t.Context(), admin, review.Function, "copied", 1, "the world is on fire")
	require.ErrorContains(t, err, never)
	set(t, db, author.DraftOnly)
	_, err = db.OpenReview(t.Context(), admin, review.Function, "copied", 1, "please")
	require.ErrorContains(t, err, "drafts only")
	set(t, db, author.On)

	// A yes of nobody, or of somebody who has left, is none.
	approve := `INSERT INTO approvals (id, review_id, kind, key, revision, hash, approver_id, approver_name) VALUES ('ap_x', $1, 'function', 'greeting', $2, $3, $4, 'X')`
	require.ErrorContains(t, db.RawExec(t.Context(), approve, r.ID, restored.Revision, restored.Hash, "u_ghost"), "no such person")
	for _, sql := range []string{`UPDATE author_revisions SET hash = 'x'`, `DELETE FROM author_revisions`, `UPDATE revisions SET content = '{}'`, `UPDATE reviews SET hash = 'x'`, `DELETE FROM approvals`, `UPDATE releases SET hash = 'x'`, `ALTER TABLE releases DISABLE TRIGGER ALL`, `SET session_replication_role = replica`} {
		require.Error(t, db.RawExec(t.Context(), sql), sql)
	}
	require.Empty(t, live(t, db))

	_, err = db.ApproveReview(t.Context(), reviewer, r.ID, restored.Hash, "")
	require.NoError(t, err)
	require.Equal(t, d.Hash, live(t, db))
}

// Two who approve at once, one of whom wrote it, and one who saves meanwhile: what is live
// at the end is what somebody else said yes to (S-99).
func TestS99_ManyDecideAtOnce(t *testing.T) {
	t.Parallel()
	db, by := judged(t, 90, author.On)
	admin, reviewer := person(t, db, "admin@example.com", auth.Admin), person(t, db, "reviewer@example.com", auth.Reviewer)
	_, d := drafted(t, db, by, written)
	r, err := reviewOf(t, db, by, d.Revision)
	require.NoError(t, err)
	doc, err := artifact.Kinds{}.ReadText(review.Function, "", []byte("key: greeting\nname: Greeting\nsource: return function(input) return {text = \"bye\"} end\ncases: [{name: always, output: {text: bye}}]\n"))
	require.NoError(t, err)
	var wait sync.WaitGroup
	var own, other, broken error
	wait.Go(func() { _, own = db.ApproveReview(t.Context(), by, r.ID, d.Hash, "") })
	wait.Go(func() { _, other = db.ApproveReview(t.Context(), reviewer, r.ID, d.Hash, "") })
	wait.Go(func() {
		_, broken = db.BreakGlass(t.Context(), admin, review.Function, "greeting", d.Revision, "the world is on fire")
	})
	wait.Go(func() {
		_, _ = db.SaveRevision(t.Context(), admin, postgres.Save{Doc: doc, Base: d.Revision, Via: "console"})
	})
	wait.Wait()
	require.Error(t, own)
	if hash := live(t, db); hash != "" {
		require.Equal(t, d.Hash, hash)
		require.NoError(t, other)
	} else {
		require.Error(t, other)
		require.Error(t, broken)
	}
}
