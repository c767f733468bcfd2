package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/node"
	"joinery/internal/pgserver"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
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

// A run that somebody started by hand stops before its next step when that person may
// not start runs any more, waits for a person, and goes on in the name of whoever
// resumes it.
func TestS44_RunStopsWithItsStartersRight(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.live(review.Flow, "wait", waitFlow)
	hasher := auth.NewHasher(1)
	add := func(email string) auth.Actor {
		u, err := h.db.AddUser(t.Context(), auth.Engine(), hasher, postgres.NewUser{Email: email, Name: email, Password: "correct horse battery", Roles: []auth.Role{auth.Operator}})
		require.NoError(t, err)
		return u.Actor()
	}
	olga, otto := add("olga@x.example"), add("otto@x.example")
	for _, id := range []string{"1", "2"} {
		h.person(id, map[string]any{"start_date": h.clock.Now().AddDate(0, 0, 2).Format(time.DateOnly)})
	}
	var ids []run.ID
	for i, who := range []auth.Actor{olga, otto} {
		started, err := h.db.StartRuns(t.Context(), who, postgres.Start{Flow: "wait", Mode: run.Live, Workers: []string{fmt.Sprint(i + 1)}})
		require.NoError(t, err)
		ids = append(ids, started.IDs...)
	}
	h.start()
	states := func(of ...run.State) func() bool {
		return func() bool {
			h.e.Kick()
			for _, r := range h.runs() {
				for i, id := range ids {
					if r.ID == string(id) && r.State != of[i] {
						return false
					}
				}
			}
			return true
		}
	}
	pgtest.Eventually(t, 20*time.Second, "both wait for the day", states(run.Waiting, run.Waiting))
	_, err := h.db.ChangeUser(t.Context(), auth.Engine(), olga.UserID, postgres.UserChange{Roles: []auth.Role{auth.Viewer}})
	require.NoError(t, err)
	h.e.RefreshPaused(t.Context()) // what each poll does
	h.clock.Forward(72 * time.Hour)
	pgtest.Eventually(t, 20*time.Second, "hers is parked, his goes on", states(run.Parked, run.Succeeded))
	require.Len(t, h.state().Creates, 1, "nothing was made for her")
	for _, r := range h.runs() {
		if r.State == run.Parked {
			require.Contains(t, r.Reason, "olga@x.example, who started this run, may not start runs any more")
		}
	}
	require.NoError(t, h.db.ResumeRun(t.Context(), otto, string(ids[0]), "looked at it"))
	pgtest.Eventually(t, 20*time.Second, "it goes on in his name", states(run.Succeeded, run.Succeeded))
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
