package postgres_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector/all"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

var (
	eve  = actor("u_eve", auth.Reviewer)
	finn = actor("u_finn", auth.Admin)
)

// submitted saves a function with a grant and opens its review.
func submitted(t *testing.T, db *postgres.DB, name, grant string, base int) review.Review {
	t.Helper()
	kinds := artifact.Kinds{Connectors: all.New()}
	if base == 0 {
		doc, err := kinds.Read(review.Connection, "dir", []byte(`{"key":"dir","name":"Dir","type":"scim","settings":{"base_url":"https://dir.example.com/scim/v2"}}`))
		require.NoError(t, err)
		_, err = db.SaveRevision(t.Context(), anna, postgres.Save{Doc: doc, Via: "api"})
		require.NoError(t, err)
		r, err := db.OpenReview(t.Context(), anna, review.Connection, "dir", 1, "")
		require.NoError(t, err, "%v", fault.Problems(err))
		_, err = db.ApproveReview(t.Context(), ben, r.ID, r.Hash, "")
		require.NoError(t, err)
	}
	doc, err := kinds.Read(review.Function, "place", fmt.Appendf(nil, `{"key":"place","name":%q,"source":"return function() return {} end","manifest":{"grants":["directory:dir:%s"]},"cases":[{"name":"one","output":{}}]}`, name, grant))
	require.NoError(t, err)
	saved, err := db.SaveRevision(t.Context(), anna, postgres.Save{Doc: doc, Base: base, Via: "api"})
	require.NoError(t, err)
	r, err := db.OpenReview(t.Context(), anna, review.Function, "place", saved.Revision, "")
	require.NoError(t, err, "%v", fault.Problems(err))
	return r
}

func TestSecondReviewer(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	proposed, err := db.SetFunctionRules(t.Context(), dora, postgres.FunctionRules{Second: []string{"directory:groups.add"}})
	require.NoError(t, err)
	require.False(t, proposed, "stricter rules hold at once")
	r := submitted(t, db, "one", "groups.add", 0)

	_, err = db.ApproveReview(t.Context(), anna, r.ID, r.Hash, "")
	require.True(t, fault.Is(err, fault.Forbidden), "its author: %v", err)
	rel, err := db.ApproveReview(t.Context(), ben, r.ID, r.Hash, "")
	require.NoError(t, err)
	require.Empty(t, rel.ID, "one yes makes nothing live")
	d, err := db.Review(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, review.Open, d.State)
	require.Equal(t, []string{"u_ben"}, d.Second.By)
	require.Equal(t, []string{"writes groups in dir: puts the joiner in"}, d.Second.Why)
	_, err = db.ApproveReview(t.Context(), ben, r.ID, r.Hash, "")
	require.True(t, fault.Is(err, fault.Conflict), "the same person twice: %v", err)
	_, err = db.ApproveReview(t.Context(), eve, r.ID, "0000", "")
	require.True(t, fault.Is(err, fault.Conflict), "another hash: %v", err)

	err = db.RawExec(t.Context(), `INSERT INTO releases (id, kind, key, revision, hash, how, by_id, by_name, pins, root) VALUES ('rl_x', 'function', 'place', 1, $1, 'approval', 'u_ben', 'Ben', '[]', encode(sha256(convert_to($1 || E'\n[]', 'UTF8')), 'hex'))`, r.Hash)
	require.ErrorContains(t, err, "needs two reviewers", "whatever a program does")

	rel, err = db.ApproveReview(t.Context(), eve, r.ID, r.Hash, "")
	require.NoError(t, err)
	require.NotEmpty(t, rel.ID)

	// What reads only, and is not listed, goes live by one yes; going back is not held up.
	r = submitted(t, db, "two", "groups.find", 1)
	rel, err = db.ApproveReview(t.Context(), ben, r.ID, r.Hash, "")
	require.NoError(t, err)
	require.NotEmpty(t, rel.ID)
	_, err = db.Rollback(t.Context(), dora, review.Function, "place", 1, "the newer one is wrong")
	require.NoError(t, err)

	// A yes that is alone is no way round by going back to it.
	r = submitted(t, db, "three", "groups.add", 2)
	_, err = db.ApproveReview(t.Context(), ben, r.ID, r.Hash, "")
	require.NoError(t, err)
	_, err = db.Rollback(t.Context(), dora, review.Function, "place", 3, "take the newest at once")
	require.ErrorContains(t, err, "two reviewers")
}

// What its author goes on editing is not approved; taking the edit back is enough.
func TestReview_AnEditAfterwardsHoldsAFunction(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	r := submitted(t, db, "one", "groups.find", 0)
	kinds := artifact.Kinds{Connectors: all.New()}
	doc, err := kinds.Read(review.Function, "place", []byte(`{"key":"place","name":"x","source":"return function() return {a = 1} end","cases":[{"name":"one","output":{"a":1}}]}`))
	require.NoError(t, err)
	_, err = db.SaveRevision(t.Context(), anna, postgres.Save{Doc: doc, Base: 1, Via: "api"})
	require.NoError(t, err)
	_, err = db.ApproveReview(t.Context(), ben, r.ID, r.Hash, "")
	require.ErrorContains(t, err, "Revision 2 was saved after this one was submitted")
	_, err = db.RestoreRevision(t.Context(), anna, review.Function, "place", 1, 2, "api")
	require.NoError(t, err)
	_, err = db.ApproveReview(t.Context(), ben, r.ID, r.Hash, "")
	require.NoError(t, err)
}

// Rules that ask for less need a second administrator; both acts are on record.
func TestFunctionRules_LooserOnesNeedTwo(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.SetFunctionRules(t.Context(), ben, postgres.FunctionRules{})
	require.True(t, fault.Is(err, fault.Forbidden))
	_, err = db.SetFunctionRules(t.Context(), dora, postgres.FunctionRules{Second: []string{"directory:everything"}})
	require.True(t, fault.Is(err, fault.Invalid))
	_, err = db.SetFunctionRules(t.Context(), dora, postgres.FunctionRules{Second: []string{"hris:workers.get", "directory:groups.add"}})
	require.NoError(t, err)
	want := postgres.FunctionRules{Second: []string{"directory:groups.add"}, AllowReduced: true}
	proposed, err := db.SetFunctionRules(t.Context(), dora, want)
	require.NoError(t, err)
	require.True(t, proposed)
	s, err := db.FunctionSetting(t.Context())
	require.NoError(t, err)
	require.False(t, s.Rules.AllowReduced)
	require.Len(t, s.Rules.Second, 2)
	require.True(t, fault.Is(db.AgreeFunctionRules(t.Context(), dora, want), fault.Forbidden))
	require.True(t, fault.Is(db.AgreeFunctionRules(t.Context(), finn, postgres.FunctionRules{}), fault.Conflict), "not what is proposed")
	require.NoError(t, db.AgreeFunctionRules(t.Context(), finn, want))
	s, err = db.FunctionSetting(t.Context())
	require.NoError(t, err)
	require.Equal(t, postgres.FunctionSetting{Rules: want}, s)
	var records int
	pgtest.Scan(t, db, &records, `SELECT count(*) FROM audit_events WHERE action IN ('setting.save', 'setting.agree') AND object_id = 'functions'`)
	require.Equal(t, 3, records)
}

// An examination is of one content, begins without a result, and stays as it ended.
func TestExamination(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	r := submitted(t, db, "one", "groups.find", 0)
	e, found, err := db.Examination(t.Context(), r.Hash)
	require.NoError(t, err)
	require.True(t, found, "it is asked for by submitting")
	require.Equal(t, postgres.ExaminationQueued, e.State)
	hash, content, err := db.TakeExamination(t.Context(), "p1")
	require.NoError(t, err)
	require.Equal(t, r.Hash, hash)
	require.Contains(t, string(content), "return function()")
	none, _, err := db.TakeExamination(t.Context(), "p2")
	require.NoError(t, err)
	require.Empty(t, none, "it is in the hands of p1")
	require.NoError(t, db.EndExamination(t.Context(), hash, "p2", function.Examination{}, 0), "a late one changes nothing")
	require.NoError(t, db.FailExamination(t.Context(), hash, "p1", "no worker"))
	require.NoError(t, db.AskExamination(t.Context(), ben, r.ID))
	_, _, err = db.TakeExamination(t.Context(), "p1")
	require.NoError(t, err)
	require.NoError(t, db.EndExamination(t.Context(), hash, "p1", function.Examination{Tried: 7}, 0))
	e, _, err = db.Examination(t.Context(), hash)
	require.NoError(t, err)
	require.Equal(t, 7, e.Report.Tried)
	require.ErrorContains(t, db.RawExec(t.Context(), `UPDATE examinations SET report = '{}' WHERE hash = $1`, hash), "cannot change")
	require.ErrorContains(t, db.RawExec(t.Context(), `INSERT INTO examinations (hash, key, revision, state) VALUES ('00', 'place', 1, 'queued')`), "not the hash of the revision")
	require.Error(t, db.RawExec(t.Context(), `DELETE FROM examinations`))
}
