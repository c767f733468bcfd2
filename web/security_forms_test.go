package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/run"
)

// harmless are requests that are no GET and change nothing, which is proved too.
var harmless = []string{"POST /flows/:key/check", "POST /functions/:key/check", "POST /functions/:key/draft", "POST /policies/:key/check", "POST /policies/draft", "POST /policies/condition", "POST /api/v1/policies/:key/try", "POST /policies/:key/draft", "POST /flows/:key/canvas/panel", "POST /flows/:key/canvas/complete", "POST /flows/:key/canvas/attend", "POST /flows/:key/canvas/paste", "POST /runs/:id/steps/:node/calls/:n", "POST /connections/test", "POST /connections/:key/test", "POST /api/v1/connections/:key/test"}

// columns are names of what the tables hold; a form must not reach them.
var columns = strings.Fields(`id email name password_hash password roles active failed_count locked_until created_at last_sign_in_at user_id csrf token_hash owner_id created_by hash hint expires_at revoked_at revoked_by
	kind key head layout paused revision content author_id author_name via restored at state message checks opened_by decided_at base approver_id approver_name how reason by_id by_name pins root release_id
	sealed deputy_id purpose overlap_until superseded connection worker label attributes version joiner_id event_id flow mode started_by lease_owner epoch decided_by role person signer body settings.token is_admin admin permissions`)

// send sends an act the way its page or program would.
func (a act) send(t *testing.T, header map[string]string, token string, more map[string]string) answer {
	t.Helper()
	all := map[string]string{}
	maps.Copy(all, a.header)
	maps.Copy(all, header)
	method, _, _ := strings.Cut(a.route, " ")
	switch {
	case a.json != nil:
		doc := maps.Clone(a.json)
		for k, v := range more {
			doc[k] = v
		}
		body, err := json.Marshal(doc)
		require.NoError(t, err)
		if token != "" {
			all["X-CSRF-Token"] = token
		}
		return a.by.ask(t, method, a.path, "application/json", string(body), all)
	case a.media != "":
		if token != "" {
			all["X-CSRF-Token"] = token
		}
		return a.by.ask(t, method, a.path, a.media, a.raw, all)
	}
	f := url.Values{}
	for k, v := range a.form {
		f[k] = slices.Clone(v)
	}
	for k, v := range more {
		if !f.Has(k) {
			f.Set(k, v)
		}
	}
	if token != "" {
		f.Set("_csrf", token)
	}
	return a.by.ask(t, method, a.path, "application/x-www-form-urlencoded", f.Encode(), all)
}

var here = map[string]string{"Sec-Fetch-Site": "same-origin"}

// Every request that changes something, without a Referer: first as forged by another site (refused,
// nothing changes), then as it should be, with every column of the database as an
// extra field (none gets in), and its record in the audit log.
func TestS09_S10_S18_S85_EveryUnsafeRoute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	other := w.person(t, "eve@example.com", auth.Admin)
	const planted = "planted-7431"
	extra := map[string]string{}
	for _, c := range columns {
		extra[c] = planted
	}
	covered := map[string]bool{"POST /setup": true} // it works once; proved below
	for _, make := range w.acts() {
		a := make()
		covered[a.route] = true
		hook, signedIn := strings.HasPrefix(a.path, "/hooks/"), len(a.by.cookies) > 0
		token, foreign, before := "", other.token(t), w.digest()
		if signedIn {
			token = a.by.token(t)
		}
		if !hook {
			forged := map[string]answer{
				"another site":   a.send(t, map[string]string{"Sec-Fetch-Site": "cross-site"}, token, nil),
				"a sibling site": a.send(t, map[string]string{"Sec-Fetch-Site": "same-site"}, token, nil),
				"another origin": a.send(t, map[string]string{"Origin": "https://evil.example"}, token, nil),
			}
			if signedIn {
				forged["no token"] = a.send(t, here, "", nil)
				forged["another session's token"] = a.send(t, here, foreign, nil)
			}
			for name, got := range forged {
				require.Equal(t, http.StatusForbidden, got.status, "%s: %s: %s", a.route, name, got.body)
			}
		}
		if len(a.json) > 0 {
			got := a.send(t, here, token, map[string]string{"owner_id": planted})
			require.Equal(t, http.StatusBadRequest, got.status, "%s takes a field it does not know", a.route)
		}
		require.Equal(t, before, w.digest(), "%s changed something when it was forged", a.route)

		last := w.value(`SELECT coalesce(max(id), 0)::text FROM audit_events`)
		more := extra
		if a.json != nil {
			more = nil
		}
		got := a.send(t, here, token, more)
		require.Less(t, got.status, 400, "%s: %s", a.route, got.body)
		require.Equal(t, strings.Join(a.records, " "), w.value(`SELECT coalesce(string_agg(action, ' ' ORDER BY id), '') FROM audit_events WHERE id > $1::bigint`, last), a.route)
		require.NotEqual(t, before, w.digest(), "%s did nothing", a.route)
		require.Empty(t, w.holds(planted), "%s let a field through", a.route)
	}
	for _, r := range w.server.routes() {
		if at := r.method + " " + r.path; r.method != get && !slices.Contains(harmless, at) {
			require.True(t, covered[at], "%s changes something and is not proved to leave a record: add it to acts, or to harmless", at)
		}
	}
}

func TestS85_SetUpAndHarmlessRequests(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	link, err := k.server.DB.NewSetupLink(t.Context())
	require.NoError(t, err)
	a := k.stranger().post(t, "/setup", fields("token", link, "name", "Ada", "email", "ada@example.com", "password", goodPassword))
	require.Equal(t, http.StatusSeeOther, a.status)
	var actions string
	require.NoError(t, k.server.DB.RawScan(t.Context(), &actions, `SELECT string_agg(action, ' ' ORDER BY id) FROM audit_events`))
	require.Equal(t, "user.add sign_in.ok", actions)

	w := newWorld(t, "plain")
	failed := w.run(run.Failed)
	before := w.digest()
	for _, at := range harmless {
		path := strings.NewReplacer("POST ", "", ":id", failed, ":node", "ok", ":n", "1", ":key", "c-"+strings.TrimSuffix(strings.Split(at, "/")[1], "s")).Replace(at)
		path = strings.NewReplacer("c-policie", "c-policy", "c-api", "a-connection").Replace(path)
		f := fields("base", "3", "text", "key: x\n", "type", "hris-rest", "base_revision", "3", "name", "x", "key", "x")
		got := w.bo.send(t, post, path, f, map[string]string{"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": w.bo.token(t)})
		require.Less(t, got.status, 500, at)
		require.NotContains(t, []int{401, 403, 404}, got.status, at)
	}
	require.Equal(t, before, w.digest())
}
