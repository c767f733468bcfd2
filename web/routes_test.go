package web

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

var update = flag.Bool("update", false, "write golden files")

// The map of the site with who may what, as text: a change of it is seen in review.
func TestRoutes_Map(t *testing.T) {
	t.Parallel()
	s := &Server{}
	var lines []string
	for _, r := range s.routes() {
		var may []string
		for _, role := range auth.Roles() {
			if (auth.Actor{UserID: "u_1", Roles: []auth.Role{role}}).Can(r.needs) {
				may = append(may, string(role))
			}
		}
		who := strings.Join(may, " ")
		if r.needs == auth.Public {
			who = "everybody"
		}
		lines = append(lines, fmt.Sprintf("%-5s %-46s %-17s %s", r.method, r.path, r.needs, who))
	}
	sort.Strings(lines)
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile("testdata/routes.txt", []byte(got), 0o600))
	}
	want, err := os.ReadFile("testdata/routes.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), got, "the map changed: look at it, then run go test ./web -run TestRoutes_Map -update")
}

// Every route asked by every role, and by nobody: who may not gets nothing but
// the refusal, whatever the handler would have done.
func TestRoutes_EveryRoleOnEveryRoute(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	browsers := map[auth.Role]*browser{}
	for _, role := range auth.Roles() {
		browsers[role] = k.person(t, string(role)+"@example.com", role)
	}
	for _, r := range k.server.routes() {
		if r.path == "/sign-out" || r.path == "/sign-in" || strings.HasSuffix(r.path, "/live") {
			continue
		}
		path := fill(r.path)
		at := r.method + " " + path
		if r.needs != auth.Public {
			a := k.stranger().send(t, r.method, path, nil, nil)
			switch {
			case strings.HasPrefix(path, "/api/") || path == "/palette" || r.method != get:
				require.Equal(t, http.StatusUnauthorized, a.status, "nobody: %s", at)
			default:
				require.Equal(t, http.StatusSeeOther, a.status, "nobody: %s", at)
			}
		}
		for _, role := range auth.Roles() {
			b := browsers[role]
			var header map[string]string
			if r.method != get {
				header = map[string]string{"X-CSRF-Token": b.token(t)}
			}
			a := b.send(t, r.method, path, nil, header)
			may := auth.Actor{UserID: "u", Roles: []auth.Role{role}}.Can(r.needs)
			if may {
				require.NotEqual(t, http.StatusForbidden, a.status, "%s: %s: %s", role, at, a.body)
				require.NotEqual(t, http.StatusUnauthorized, a.status, "%s: %s", role, at)
				require.Less(t, a.status, 500, "%s: %s: %s", role, at, a.body)
			} else {
				require.Equal(t, http.StatusForbidden, a.status, "%s: %s", role, at)
			}
		}
	}
}

func fill(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i] = "nothing"
		}
	}
	return strings.Join(parts, "/")
}

func TestRoutes_AMapWithHolesIsRefused(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	require.NotEmpty(t, k.server.nav)
	for _, i := range k.server.nav {
		require.NotEqual(t, "/exceptions", i.url)
	}
}
