package web

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// reserved puts a name there as a run would have left it.
func reserved(t *testing.T, db *postgres.DB, id, space, key, name, joiner, state string) string {
	t.Helper()
	id = "nm_" + id
	require.NoError(t, db.RawExec(t.Context(), `INSERT INTO name_spaces (space, equality) VALUES ($1, 'ad') ON CONFLICT DO NOTHING`, space))
	require.NoError(t, db.RawExec(t.Context(), `INSERT INTO reservations (id, space, key, name, set_id, joiner_id, stamp, state, run_id, policy, confirmed_at) VALUES ($1, $2, $3, $4, 'ns_1', $5, 'hr:7', $6, 'rn_x', 'std', now())`, id, space, key, name, joiner, state))
	return id
}

// nameActs are the requests that release names.
func (w *world) nameActs(add func(func() act)) {
	joiner := func() string { return w.value(`SELECT id FROM joiners LIMIT 1`) }
	add(func() act {
		id := reserved(w.t, w.server.DB, "page", "login", "aone", "aone", joiner(), "confirmed")
		return act{route: "POST /names/:id/release", by: w.ada, path: "/names/" + id + "/release", form: fields("confirm", "aone", "reason", "it was a mistake"), records: []string{"names.release"}}
	})
	add(func() act {
		id := reserved(w.t, w.server.DB, "api", "login", "atwo", "atwo", joiner(), "tombstone")
		return act{route: "POST /api/v1/names/:id/release", by: w.ada, path: "/api/v1/names/" + id + "/release", json: obj{"reason": "it was a mistake"}, records: []string{"names.release"}}
	})
}

func TestAPI_Names(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("join", "hr", nil)
	started := a.call(auth.Operator, "POST", "/flows/join/runs", obj{"worker": "7"}, 202)["id"].(string)
	joiner := a.call(auth.Viewer, "GET", "/runs/"+started, nil, 200)["joiner"].(obj)["id"].(string)
	id := reserved(t, a.db, "1", "cn", "jorg muller", "Jörg Müller", joiner, "confirmed")
	reserved(t, a.db, "2", "login", "jmueller", "jmueller", joiner, "held")
	for q, n := range map[string]int{"JÖRG MULLER": 1, "jorg": 1, "Jörg Müller": 1, "jm": 1, "ueller": 0, "%": 0, "": 2} {
		got := a.call(auth.Viewer, "GET", "/names?q="+url.QueryEscape(q), nil, 200)
		require.Len(t, got["items"], n, q)
	}
	require.Len(t, a.call(auth.Viewer, "GET", "/names?space=login&state=held&joiner="+joiner, nil, 200)["items"], 1)
	a.call(auth.Viewer, "GET", "/names?state=gone", nil, 400)
	first := a.call(auth.Viewer, "GET", "/names?limit=1", nil, 200)
	require.Len(t, a.call(auth.Viewer, "GET", "/names?limit=1&cursor="+fmt.Sprint(first["next"]), nil, 200)["items"], 1)
	require.Len(t, a.call(auth.Viewer, "GET", "/joiners/"+joiner, nil, 200)["names"], 2)

	a.call(auth.Viewer, "POST", "/names/"+id+"/release", obj{"reason": "a namesake needs it"}, 403)
	require.Contains(t, sayings(a.call(auth.Operator, "POST", "/names/"+id+"/release", obj{"reason": "x"}, 422)), "at least 5")
	a.call(auth.Operator, "POST", "/names/nm_none/release", obj{"reason": "a namesake needs it"}, 404)
	got := a.call(auth.Operator, "POST", "/names/"+id+"/release", obj{"reason": "a namesake needs it"}, 200)
	require.Equal(t, "released", got["state"])
	require.Contains(t, got["reason"], "a namesake needs it")
	a.call(auth.Operator, "POST", "/names/"+id+"/release", obj{"reason": "a namesake needs it"}, 409)
	require.Len(t, a.call(auth.Viewer, "GET", "/names?q=jorg", nil, 200)["items"], 1, "who held it is still told")
}

func TestNamesPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	w.run(run.Waiting)
	joiner := w.value(`SELECT id FROM joiners LIMIT 1`)
	id := reserved(t, w.server.DB, "1", "cn", "jorg muller", "Jörg Müller", joiner, "confirmed")
	page := w.ada.ask(t, "GET", "/names?q=JORG+M%C3%9CLLER", "", "", nil)
	require.Equal(t, 200, page.status)
	require.Contains(t, page.body, "/names/"+id)
	require.Contains(t, w.ada.ask(t, "GET", "/names?q=nobody", "", "", nil).body, "Nobody has or had this name")
	require.Contains(t, w.ada.ask(t, "GET", "/joiners/"+joiner, "", "", nil).body, "/names/"+id)
	show := w.ada.ask(t, "GET", "/names/"+id, "", "", nil).body
	require.Contains(t, show, "mail may go to the wrong person")
	require.Contains(t, show, "/runs/rn_x")
	f := fields("confirm", "someone", "reason", "it was a mistake", "_csrf", w.ada.token(t))
	got := w.ada.ask(t, "POST", "/names/"+id+"/release", "application/x-www-form-urlencoded", f.Encode(), here)
	require.Equal(t, 422, got.status)
	require.Contains(t, got.body, "Type Jörg Müller exactly")
	f.Set("confirm", "Jörg Müller")
	f.Set("reason", "no")
	got = w.ada.ask(t, "POST", "/names/"+id+"/release", "application/x-www-form-urlencoded", f.Encode(), here)
	require.Equal(t, 422, got.status)
	require.Contains(t, got.body, "at least 5")
}

// The panel of a naming policy knows the names that are held, and a test made of
// the try passes by itself.
func TestNames_TryKnowsWhatIsHeld(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "bo@example.com", auth.Builder)
	action, form := formOf(t, b.get(t, "/policies/new?type=naming").body)
	form.Set("key", "std2")
	form.Set("op", "save")
	got := b.post(t, action, form)
	require.Equal(t, 303, got.status, got.body)
	reserved(t, k.server.DB, "1", "login", "jsmith", "JSmith", "j_other", "confirmed")
	action, form = formOf(t, b.get(t, "/policies/std2").body)
	form.Set("try.a.first_name", "Jane")
	form.Set("try.a.last_name", "Smith")
	form.Set("try.live", "true")
	form.Set("op", "try")
	page := b.post(t, action, form)
	has(t, page, "Taken in login (jsmith): used by")
	has(t, page, "jane.smith@example.com")
	has(t, page, `href="#candidates-`)
	form.Set("op", "keep")
	action, form = formOf(t, b.post(t, action, form).body)
	form.Set("op", "save")
	require.Equal(t, 303, b.post(t, action, form).status)
	require.NotContains(t, b.get(t, "/policies/std2").body, "does not pass")
}
