package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/fault"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// draft saves a revision that nobody approved.
func (h *house) draft(kind review.Kind, key, content string) int {
	h.t.Helper()
	doc, err := h.db2().ReadText(kind, key, []byte(content))
	require.NoError(h.t, err)
	saved, err := h.db.SaveRevision(h.t.Context(), anna, postgres.Save{Doc: doc, Base: postgres.AnyBase})
	require.NoError(h.t, err)
	return saved.Revision
}

// backtested asks for a backtest and carries it out.
func (h *house) backtested(key string, revision, joiners int) postgres.Backtest {
	h.t.Helper()
	return h.backtestedAsking(key, revision, joiners, true)
}

// backtestedAsking says whether systems may be asked what is not on record.
func (h *house) backtestedAsking(key string, revision, joiners int, live bool) postgres.Backtest {
	h.t.Helper()
	ctx := h.t.Context()
	id, err := h.db.AskBacktest(ctx, anna, key, revision, joiners, live)
	require.NoError(h.t, err, "%v", fault.Problems(err))
	if h.e.Begun(context.Background()) {
		pgtest.Eventually(h.t, 30*time.Second, "the backtest ends", func() bool {
			b, err := h.db.Backtest(ctx, id)
			require.NoError(h.t, err)
			return b.Ended()
		})
	}
	b, err := h.db.Backtest(ctx, id)
	require.NoError(h.t, err)
	return b
}

func (h *house) report(id string) []postgres.BacktestPerson {
	h.t.Helper()
	people, err := h.db.BacktestPeople(h.t.Context(), id, postgres.BacktestFilter{Limit: 200})
	require.NoError(h.t, err)
	return people
}

func says(p postgres.BacktestPerson) (out []string) {
	for _, d := range p.Differences {
		out = append(out, d.Say())
	}
	return out
}

// M1: a revision is tested against those who came, each with the time, the reading and
// the accounts of then: the live revision gives each what is on record, and the new one
// what would differ. Nothing is written, and the same test gives the same report.
func TestBacktest(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	h.start()
	for i := 1; i <= 4; i++ {
		dept := "Engineering"
		if i == 3 {
			dept = "Sales"
		}
		h.hire(fmt.Sprint(i), map[string]any{"department": dept, "phone": fmt.Sprintf("+49 170 123456%d", i)})
		h.until(run.Succeeded)
	}
	before, runs := h.state(), h.runs()

	same := h.backtested("join", 1, 10)
	require.Equal(t, review.BacktestDone, same.State, same.Error)
	require.Equal(t, 4, same.Report.People)
	require.Zero(t, same.Report.Differing, "the live revision differs from itself in nothing: %v", h.report(same.ID))
	require.Zero(t, same.Report.Strange, "and does what is on record: %v", h.report(same.ID))
	require.Zero(t, same.Report.Failing)

	// Another login, a group more for engineers, a value more, and the phone in a message.
	text := strings.Replace(joinerFlow, `joiner.first_name + "." + joiner.last_name`, `Left(joiner.first_name, 1) + joiner.last_name`, 1)
	text = strings.Replace(text, "groups: [engineering]", "groups: [engineering, sales]", 1)
	text = strings.Replace(text, "dept: =joiner.department", `dept: =joiner.department, title: new`, 1)
	text = strings.Replace(text, `subject: "{{ steps.create.name }} is there"`, `subject: "{{ joiner.phone }} is there"`, 1)
	n := h.draft(review.Flow, "join", text)
	b := h.backtested("join", n, 3)
	require.Equal(t, review.BacktestDone, b.State, b.Error)
	require.Equal(t, 3, b.Report.People, "the last three")
	require.Equal(t, 3, b.Report.Differing)
	people := h.report(b.ID)
	require.Equal(t, []string{"2", "3", "4"}, []string{people[0].Worker, people[1].Worker, people[2].Worker}, "in the order they came")
	require.Equal(t, []string{"the login in dir: alovelace2 instead of ada.lovelace2.", "New: the group sales in dir.", "New: title in dir: new."}, says(people[0])[:3])
	require.Contains(t, says(people[1])[0], "alovelace3")
	require.NotContains(t, strings.Join(says(people[1]), " "), "group", "the third is in Sales")
	var counts []string
	for _, c := range b.Report.Counts {
		counts = append(counts, c.Say(b.Report.People))
	}
	require.Contains(t, counts, "3 of 3 joiners would get another login in dir.")
	require.Contains(t, counts, "2 of 3 joiners would get the group sales in dir.")
	raw, err := json.Marshal(people)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "1234562", "a report holds stand-ins of personal attributes")

	again := h.backtested("join", n, 3)
	require.Equal(t, b.ReportHash, again.ReportHash, "the same test gives the same report, byte for byte")
	require.NotEqual(t, b.ReportHash, h.backtested("join", n, 2).ReportHash)
	require.Equal(t, before, h.state(), "nothing was written")
	require.Len(t, h.runs(), len(runs))
	require.Equal(t, 4, h.mails.count())
}

// The past counts, and not what became of it: names that were free then are free, also
// where the joiner's own account has them now; failures on record stay comparable.
func TestBacktest_TheTimeOfThen(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Policy, "std", namePolicy)
	h.live(review.Flow, "join", nameFlow)
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		s.Accounts["old"] = connector.Account{ID: "old", Name: "aking", Enabled: true}
	}))
	h.start()
	h.hire("1", map[string]any{"last_name": "King"})
	d := h.until(run.Succeeded)
	require.Contains(t, string(step(t, d, "names").Output), `"aking2"`)
	h.hire("2", map[string]any{"last_name": "Rook"})
	h.until(run.Succeeded)

	b := h.backtested("join", 1, 10)
	require.Equal(t, review.BacktestDone, b.State, b.Error)
	require.Zero(t, b.Report.Differing, "%v", h.report(b.ID))
	require.Zero(t, b.Report.Strange, "each gets the name they got: %v", h.report(b.ID))

	// A newer policy than the one that is pinned: the same content, another login.
	h.live(review.Policy, "std", strings.NewReplacer(`pattern: "{f}{last}"}`, `pattern: "{last}{f}"}`, "abyron", "byrona").Replace(namePolicy))
	newer := h.backtested("join", 1, 10)
	require.Equal(t, 2, newer.Report.Differing)
	require.Contains(t, strings.Join(says(h.report(newer.ID)[1]), " "), "rooka instead of arook")
	require.NotEqual(t, b.Root, newer.Root)
}

// A revision that would not start, or would fail, says so.
func TestBacktest_FailuresAndEvents(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "join", joinerFlow)
	h.start()
	for i := 1; i <= 2; i++ {
		h.hire(fmt.Sprint(i), nil)
		h.until(run.Succeeded)
	}
	n := h.draft(review.Flow, "join", strings.Replace(joinerFlow, "events: [worker.hired, worker.updated]", "events: [worker.updated]", 1))
	b := h.backtested("join", n, 10)
	require.Equal(t, "2 of 2 joiners would start no run any more.", b.Report.Counts[0].Say(2))

	n = h.draft(review.Flow, "join", strings.Replace(joinerFlow, "groups: [engineering]", "groups: [no-such-group]", 1))
	b = h.backtested("join", n, 10)
	require.Equal(t, 2, b.Report.NewlyFailing)
	require.Contains(t, says(h.report(b.ID)[0])[0], "needs a person")
	// Whether there is such a group is on no record: it was asked now, and that is marked; or it is assumed, and marked.
	require.Equal(t, 2, b.Report.Asked)
	require.Equal(t, []string{"groups in dir"}, h.report(b.ID)[0].Asked)
	before := h.state()
	assumed := h.backtestedAsking("join", n, 10, false)
	require.Equal(t, []int{0, 2}, []int{assumed.Report.Asked, assumed.Report.Unasked})
	require.Equal(t, []string{"groups in dir"}, h.report(assumed.ID)[0].Unasked)
	require.Zero(t, assumed.Report.NewlyFailing, "a group that nobody asked for is taken to be there")
	require.NotEqual(t, b.ReportHash, assumed.ReportHash)
	require.Equal(t, assumed.ReportHash, h.backtestedAsking("join", n, 10, false).ReportHash)
	require.Equal(t, before, h.state())
	fails, err := h.db.BacktestPeople(t.Context(), b.ID, postgres.BacktestFilter{Only: "fails", Kind: "failure"})
	require.NoError(t, err)
	require.Len(t, fails, 2)
	found, err := h.db.BacktestPeople(t.Context(), b.ID, postgres.BacktestFilter{Query: "lovelace2"})
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// A flow that asks for a backtest goes live with one of exactly what goes live, and
// with nothing else: by the rule, and by the database for SQL of any kind.
func TestBacktest_BlocksApproval(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	h.live(review.Policy, "std", namePolicy)
	h.live(review.Flow, "join", nameFlow)
	h.start()
	h.hire("1", nil)
	h.until(run.Succeeded)
	asks := nameFlow + "\nbacktest: {required: true, joiners: 5}\n"
	n := h.draft(review.Flow, "join", asks)
	r, err := h.db.OpenReview(ctx, anna, review.Flow, "join", n, "")
	require.NoError(t, err)
	approve := func() error { _, err := h.db.ApproveReview(ctx, ben, r.ID, r.Hash, ""); return err }

	require.ErrorContains(t, approve(), "never tested")
	require.Equal(t, "few", few(h.backtested("join", n, 2)))
	require.ErrorContains(t, approve(), "asks for 5")
	sql := func(q string, args ...any) error { return h.db.RawExec(ctx, q, args...) }
	err = sql(`INSERT INTO approvals (id, review_id, kind, key, revision, hash, approver_id, approver_name) VALUES ('ap_x', $1, 'flow', 'join', $2, $3, 'u_ben', 'Ben')`, r.ID, n, r.Hash)
	require.ErrorContains(t, err, "asks for a backtest")

	b := h.backtested("join", n, 5)
	require.Equal(t, review.BacktestDone, b.State, b.Error)
	h.live(review.Policy, "std", strings.Replace(namePolicy, "highest: 999", "highest: 99", 1))
	require.ErrorContains(t, approve(), "older than what would go live", "a part is another one than was tested")
	d, err := h.db.Review(ctx, r.ID)
	require.NoError(t, err)
	check, ok := d.Backtest.Check()
	require.True(t, ok)
	require.False(t, check.Passed)

	// Nobody makes a result by hand, or changes one.
	require.ErrorContains(t, sql(`INSERT INTO backtests (id, flow, revision, hash, root, pins, joiners, state, report, report_hash, by_id, by_name) VALUES ('bt_x', 'join', $1, $2, $3, '[]', 9, 'done', '{}', 'x', 'u', 'U')`, n, r.Hash, d.Backtest.Now), "begin without a result")
	require.ErrorContains(t, sql(`UPDATE backtests SET root = 'x' WHERE id = $1`, b.ID), "cannot change")
	require.ErrorContains(t, sql(`UPDATE backtests SET report_hash = 'x' WHERE id = $1`, b.ID), "stays as it ended")
	require.Error(t, sql(`DELETE FROM backtests WHERE id = $1`, b.ID))

	h.backtested("join", n, 5)
	// What was tested is not what comes after it.
	later := h.draft(review.Flow, "join", strings.Replace(asks, "name: Join", "name: Joined", 1))
	r, err = h.db.OpenReview(ctx, anna, review.Flow, "join", later, "")
	require.NoError(t, err)
	require.ErrorContains(t, approve(), "never tested", "the test is older than the content")
	h.backtested("join", later, 5)
	require.NoError(t, approve())

	// Newer parts go live with a test of them only.
	h.live(review.Policy, "std", strings.Replace(namePolicy, "highest: 999", "highest: 9", 1))
	_, err = h.db.RefreshPins(ctx, ben, review.Flow, "join", "the newest names for everybody")
	require.ErrorContains(t, err, "older than what would go live")
	h.backtested("join", later, 5)
	_, err = h.db.RefreshPins(ctx, ben, review.Flow, "join", "the newest names for everybody")
	require.NoError(t, err)
}

func few(b postgres.Backtest) string {
	if b.State == review.BacktestDone && b.Joiners == 2 {
		return "few"
	}
	return b.State
}

// A backtest whose process is gone is begun anew by another one; one that is canceled
// keeps nothing; two of one flow are not made at once.
func TestBacktest_Durable(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	h.live(review.Flow, "join", joinerFlow)
	id, err := h.db.AskBacktest(ctx, anna, "join", 1, 10, true)
	require.NoError(t, err)
	_, err = h.db.AskBacktest(ctx, anna, "join", 1, 10, true)
	require.ErrorContains(t, err, "under way already")
	taken, err := h.db.TakeBacktest(ctx, "died")
	require.NoError(t, err)
	require.Equal(t, id, taken)
	none, err := h.db.TakeBacktest(ctx, "other")
	require.NoError(t, err)
	require.Empty(t, none, "it is in living hands")
	pgtest.Exec(t, h.db, `UPDATE backtests SET beat_at = now() - interval '31 seconds' WHERE id = $1`, id)
	again, err := h.db.TakeBacktest(ctx, h.e.Owner)
	require.NoError(t, err)
	require.Equal(t, id, again)
	going, err := h.db.BacktestLooked(ctx, id, "died", 3)
	require.NoError(t, err)
	require.False(t, going, "who was silent has lost it")
	h.e.CarryBacktest(ctx, id)
	b, err := h.db.Backtest(ctx, id)
	require.NoError(t, err)
	require.Equal(t, review.BacktestDone, b.State, "nobody came yet, and that is a report too")
	require.Zero(t, b.Report.People)

	id, err = h.db.AskBacktest(ctx, anna, "join", 1, 10, true)
	require.NoError(t, err)
	_, err = h.db.TakeBacktest(ctx, h.e.Owner)
	require.NoError(t, err)
	require.NoError(t, h.db.CancelBacktest(ctx, ben, id))
	h.e.CarryBacktest(ctx, id)
	b, err = h.db.Backtest(ctx, id)
	require.NoError(t, err)
	require.Equal(t, review.BacktestCanceled, b.State)
	require.True(t, fault.Is(h.db.CancelBacktest(ctx, ben, id), fault.Conflict))

	// The joiners of a report are forgotten when its time is over; sums and hash stay.
	h.start()
	h.hire("1", nil)
	h.until(run.Succeeded)
	kept := h.backtested("join", 1, 10)
	require.Len(t, h.report(kept.ID), 1)
	h.clock.Forward(91 * 24 * time.Hour)
	_, err = h.db.ForgetBacktests(ctx)
	require.NoError(t, err)
	require.Empty(t, h.report(kept.ID))
	gone, err := h.db.Backtest(ctx, kept.ID)
	require.NoError(t, err)
	require.Equal(t, kept.ReportHash, gone.ReportHash)
}
