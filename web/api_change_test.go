package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

// The whole story of a change, by token.
func TestAPI_ChangeControl(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	saved := a.call(auth.Builder, "PUT", "/policies/names", obj{"content": policyContent("a"), "message": "first", "base_revision": 0}, 201)
	require.EqualValues(t, json.Number("1"), saved["revision"])
	a.call(auth.Builder, "PUT", "/policies/names", obj{"content": policyContent("a"), "base_revision": 1}, 200)
	a.call(auth.Builder, "PUT", "/policies/names", obj{"content": policyContent("b"), "base_revision": 0}, 409)
	a.call(auth.Builder, "PUT", "/policies/other", obj{"content": policyContent("b")}, 422)
	got := a.call(auth.Viewer, "GET", "/policies/names", nil, 200)
	require.Nil(t, got["live"])
	require.Equal(t, []any{"a"}, got["content"].(obj)["groups"].(obj)["rows"].([]any)[0].(obj)["groups"])

	r := a.call(auth.Builder, "POST", "/policies/names/reviews", obj{"revision": 1, "message": "please"}, 201)
	require.Equal(t, "open", r["state"])
	id, hash := r["id"].(string), r["hash"].(string)
	require.Equal(t, saved["hash"], hash)
	a.call(auth.Builder, "POST", "/reviews/"+id+"/approve", obj{"hash": hash}, 403)
	a.call(auth.Reviewer, "POST", "/reviews/"+id+"/approve", obj{"hash": strings.Repeat("0", 64)}, 409)
	a.call(auth.Reviewer, "POST", "/reviews/"+id+"/comments", obj{"body": "looks right"}, 201)
	a.call(auth.Viewer, "POST", "/reviews/"+id+"/comments", obj{"body": "me too"}, 403)
	rel := a.call(auth.Reviewer, "POST", "/reviews/"+id+"/approve", obj{"hash": hash, "comment": "yes"}, 200)
	require.NotEmpty(t, rel["release"])
	got = a.call(auth.Viewer, "GET", "/policies/names", nil, 200)
	require.Equal(t, hash, got["live"].(obj)["hash"])

	// An administrator's own work needs another person too, also by token.
	own := a.call(auth.Admin, "PUT", "/policies/names", obj{"content": policyContent("c"), "base_revision": 1}, 201)
	r = a.call(auth.Admin, "POST", "/policies/names/reviews", obj{"revision": 2}, 201)
	a.call(auth.Admin, "POST", "/reviews/"+r["id"].(string)+"/approve", obj{"hash": own["hash"]}, 403)
	a.call(auth.Reviewer, "POST", "/reviews/"+r["id"].(string)+"/request-changes", obj{"comment": ""}, 422)
	changed := a.call(auth.Reviewer, "POST", "/reviews/"+r["id"].(string)+"/request-changes", obj{"comment": "why c?"}, 200)
	require.Equal(t, "changes_requested", changed["state"])
	open := a.call(auth.Viewer, "GET", "/reviews?state=open", nil, 200)
	require.Empty(t, open["items"])
	sent := a.call(auth.Viewer, "GET", "/reviews?state=changes_requested", nil, 200)["items"].([]any)
	require.NotEmpty(t, sent[0].(obj)["checks"], "a row of the list has the checks of its review")
	require.Equal(t, changed["checks"], sent[0].(obj)["checks"])
	r = a.call(auth.Builder, "POST", "/policies/names/reviews", obj{"revision": 2}, 201)
	a.call(auth.Reviewer, "POST", "/reviews/"+r["id"].(string)+"/approve", obj{"hash": own["hash"]}, 200)
	back := a.call(auth.Reviewer, "POST", "/policies/names/rollback", obj{"revision": 1, "reason": "c breaks names"}, 200)
	require.Equal(t, "rollback", back["how"])
	a.call(auth.Builder, "POST", "/policies/names/restore", obj{"revision": 1, "base_revision": 2}, 201)
	a.call(auth.Viewer, "GET", "/policies/names/diff?from=1&to=2", nil, 200)
	a.call(auth.Viewer, "GET", "/policies/names/revisions/2", nil, 200)
	first := a.call(auth.Viewer, "GET", "/policies/names/revisions?limit=2", nil, 200)
	require.Len(t, first["items"], 2)
	second := a.call(auth.Viewer, "GET", "/policies/names/revisions?limit=2&cursor="+first["next"].(string), nil, 200)
	require.Len(t, second["items"], 1)
	require.Nil(t, second["next"])
	_, err := a.db.SealAudit(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, a.call(auth.Auditor, "GET", "/audit?after=0", nil, 200)["items"])
	a.call(auth.Viewer, "GET", "/audit", nil, 403)
}

// Without approval: live at once, flagged, and ratified by a second person.
func TestAPI_BreakGlassAndRatify(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.live("policies", "names", policyContent("a"))
	a.call(auth.Reviewer, "POST", "/policies/names/ratify", obj{"comment": "nothing to see"}, 409)
	a.call(auth.Builder, "PUT", "/policies/names", obj{"content": policyContent("b"), "base_revision": 1}, 201)
	a.call(auth.Reviewer, "POST", "/policies/names/breakglass", obj{"revision": 2, "reason": "it burns, really"}, 403)
	a.call(auth.Admin, "POST", "/policies/names/breakglass", obj{"revision": 2, "reason": "short"}, 422)
	a.call(auth.Admin, "POST", "/policies/names/breakglass", obj{"reason": "it burns, really"}, 422)
	first := a.call(auth.Admin, "POST", "/policies/names/breakglass", obj{"revision": 2, "reason": "it burns, really"}, 200)
	require.Equal(t, "breakglass", first["how"])
	require.Equal(t, true, a.call(auth.Viewer, "GET", "/policies/names", nil, 200)["unratified"])

	a.call(auth.Builder, "POST", "/policies/names/ratify", obj{"comment": "mine"}, 403)
	require.Contains(t, a.call(auth.Admin, "POST", "/policies/names/ratify", obj{"comment": "mine"}, 403)["detail"], "comes from an author")
	a.call(auth.Reviewer, "POST", "/policies/nothing/ratify", obj{"comment": "x"}, 404)
	a.call(auth.Reviewer, "POST", "/policies/names/ratify", obj{"comment": strings.Repeat("x", 10_001)}, 422)
	a.call(auth.Admin, "POST", "/policies/names/breakglass", obj{"revision": 2, "reason": "once more, it burns"}, 200)
	p := a.call(auth.Reviewer, "POST", "/policies/names/ratify", obj{"comment": "fine", "release": first["release"]}, 409)
	require.Contains(t, p["detail"], "Another release is live")
	done := a.call(auth.Reviewer, "POST", "/policies/names/ratify", obj{"comment": "fine"}, 200)
	require.NotEqual(t, first["release"], done["release"])
	require.Equal(t, false, a.call(auth.Viewer, "GET", "/policies/names", nil, 200)["unratified"])
	a.call(auth.Reviewer, "POST", "/policies/names/ratify", obj{"comment": "again"}, 409)
	var rows int
	require.NoError(t, a.db.RawScan(t.Context(), &rows, `SELECT count(*) FROM audit_events WHERE action = 'release.ratify' AND object_id = 'names'`))
	require.Equal(t, 1, rows)
}

// A flow takes the newest approved settings of its connection.
func TestAPI_Refresh(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("join", "hr", nil)
	a.call(auth.Reviewer, "POST", "/flows/join/refresh", obj{"reason": "to be sure of it"}, 409)
	a.call(auth.Builder, "PUT", "/connections/hr", obj{"content": obj{"key": "hr", "name": "HR, renamed", "type": "fake-hris", "settings": obj{"path": a.file}}, "base_revision": 1}, 201)
	r := a.call(auth.Builder, "POST", "/connections/hr/reviews", obj{"revision": 2}, 201)
	a.call(auth.Reviewer, "POST", "/reviews/"+r["id"].(string)+"/approve", obj{"hash": r["hash"]}, 200)
	a.call(auth.Builder, "POST", "/flows/join/refresh", obj{"reason": "the new name, please"}, 403)
	a.call(auth.Reviewer, "POST", "/flows/join/refresh", obj{"reason": "short"}, 422)
	out := a.call(auth.Reviewer, "POST", "/flows/join/refresh", obj{"reason": "the new name, please"}, 200)
	require.Equal(t, "refresh", out["how"])
	require.EqualValues(t, json.Number("1"), out["revision"])
	a.call(auth.Reviewer, "POST", "/flows/join/refresh", obj{"reason": "the new name, please"}, 409)
}

// Numbers that no column holds are revisions that are not there.
func TestAPI_RevisionsOutOfBounds(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.live("policies", "names", policyContent("a"))
	for _, n := range []int{3_000_000_000, 1 << 62} {
		for verb, role := range map[string]auth.Role{"rollback": auth.Reviewer, "breakglass": auth.Admin} {
			a.call(role, "POST", "/policies/names/"+verb, obj{"revision": n, "reason": "out of all bounds"}, 404)
		}
		a.call(auth.Builder, "POST", "/policies/names/reviews", obj{"revision": n}, 404)
		a.call(auth.Builder, "POST", "/policies/names/restore", obj{"revision": n, "base_revision": 1}, 404)
		a.call(auth.Builder, "POST", "/policies/names/restore", obj{"revision": 1, "base_revision": n}, 409)
		a.call(auth.Builder, "PUT", "/policies/names", obj{"content": policyContent("b"), "base_revision": n}, 409)
	}
	for _, n := range []int{0, -1, -3_000_000_000} {
		p := a.call(auth.Admin, "POST", "/policies/names/breakglass", obj{"revision": n, "reason": "out of all bounds"}, 422)
		require.Equal(t, "revision", p["problems"].([]any)[0].(obj)["path"])
		a.call(auth.Builder, "POST", "/policies/names/reviews", obj{"revision": n}, 422)
	}
}

// The largest page does not hide what comes after it.
func TestAPI_RevisionPages(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	require.NoError(t, a.db.RawExec(t.Context(), `INSERT INTO artifacts (kind, key, name, head) VALUES ('policy', 'names', 'Names', 205)`))
	require.NoError(t, a.db.RawExec(t.Context(), `INSERT INTO revisions (kind, key, revision, content, hash, author_id, author_name, via)
		SELECT 'policy', 'names', n, c, encode(sha256(convert_to(c, 'UTF8')), 'hex'), 'u_x', 'X', 'api' FROM (SELECT n, format('{"n":%s}', n) AS c FROM generate_series(1, 205) n) x`))
	first := a.call(auth.Viewer, "GET", "/policies/names/revisions?limit=200", nil, 200)
	require.Len(t, first["items"], 200)
	require.NotNil(t, first["next"])
	second := a.call(auth.Viewer, "GET", "/policies/names/revisions?limit=200&cursor="+fmt.Sprint(first["next"]), nil, 200)
	require.Len(t, second["items"], 5)
	require.Nil(t, second["next"])
	a.call(auth.Viewer, "GET", "/policies/names/revisions?limit=200&cursor="+revisionCursor.write("999999999999"), nil, 400)
}
