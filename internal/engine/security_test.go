package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/node"
	"joinery/internal/pgserver"
	"joinery/internal/pgtest"
	"joinery/internal/review"
	"joinery/internal/run"
)

// behindTheRules runs SQL that no trigger sees.
func (h *house) behindTheRules(sql ...string) {
	h.t.Helper()
	var name string
	pgtest.Scan(h.t, h.db, &name, `SELECT current_database()`)
	root, err := pgx.Connect(h.t.Context(), pgtest.Server(h.t).URL(pgserver.Owner, name))
	require.NoError(h.t, err)
	defer func() { _ = root.Close(context.Background()) }()
	for _, q := range append([]string{`SET session_replication_role = replica`}, sql...) {
		_, err := root.Exec(h.t.Context(), q)
		require.NoError(h.t, err, q)
	}
}

// A flow or a connection that was changed in the database by a superuser is not
// run: the run says why, the audit log has it, and nothing was done outside.
func TestS42_TamperedContentDoesNotRun(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"flow":             `UPDATE revisions SET content = replace(content, 'all-staff', 'domain-admins') WHERE kind = 'flow'`,
		"connection":       `UPDATE revisions SET content = replace(content, 'fake-directory', 'fake-directory2') WHERE kind = 'connection' AND key = 'dir'`,
		"pinned elsewhere": `UPDATE releases SET pins = replace(pins, '"key":"dir"', '"key":"hr"') WHERE kind = 'flow'`,
		"no approval":      `DELETE FROM approvals WHERE kind = 'connection'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			h.live(review.Flow, "join", joinerFlow)
			h.behindTheRules(sql)
			h.start()
			h.hire("1", nil)
			d := h.until(run.Failed)
			require.Contains(t, d.Reason, "was changed in the database")
			require.Empty(t, h.state().Creates)
			var records int
			pgtest.Scan(t, h.db, &records, `SELECT count(*) FROM audit_events WHERE action = 'release.tampered'`)
			require.Equal(t, 1, records)
		})
	}
}

// A connection that is switched off while a run waits is not used by its next step.
func TestS44_RightsEndBeforeTheNextStep(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "wait", waitFlow)
	h.start()
	h.hire("1", map[string]any{"start_date": h.clock.Now().AddDate(0, 0, 2).Format(time.DateOnly)})
	h.until(run.Waiting)
	require.NoError(t, h.db.SetPaused(t.Context(), ben, review.Connection, "dir", true, "leaked"))
	h.e.RefreshPaused(t.Context()) // what each poll does
	h.clock.Forward(72 * time.Hour)
	pgtest.Eventually(t, 20*time.Second, "the run waits for the connection", func() bool {
		h.e.Kick()
		r := h.runs()[0]
		return r.State == run.Waiting && strings.Contains(r.WaitingFor, "dir to be resumed")
	})
	require.Empty(t, h.state().Creates, "nothing was made by a connection that is off")
}

// panics is a node type whose code breaks.
type panics struct{ node.Type }

func (panics) Run(context.Context, node.Call) (node.Result, error) { panic("secret detail") }

// Code of a node that breaks fails its step; the process and the other runs go on.
func TestS05_PanicOfANodeIsContained(t *testing.T) {
	t.Parallel()
	h := open(t)
	var nodes []node.Type
	for _, spec := range node.All().Specs() {
		n, _ := node.All().Find(spec.Kind)
		if spec.Kind == "notify.email" {
			n = panics{n}
		}
		nodes = append(nodes, n)
	}
	h.e.Nodes = node.Of(nodes...)
	h.live(review.Flow, "join", joinerFlow)
	h.start()
	h.hire("1", nil)
	d := h.until(run.Failed)
	require.Contains(t, d.Reason, "failed on our side")
	require.NotContains(t, d.Reason, "secret detail")
	require.NoError(t, h.db.SkipStep(t.Context(), ben, d.ID, "tell", "", "told by hand"))
	h.until(run.Succeeded)
}
