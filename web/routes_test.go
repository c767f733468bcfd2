package web

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

var update = flag.Bool("update", false, "write golden files")

// The map of the site with who may what, as text: a change of it is seen in review.
func TestS35_RoutesMap(t *testing.T) {
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
	require.Equal(t, string(want), got, "the map changed: look at it, then run go test ./web -run TestS35_RoutesMap -update")
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

// The program does not start with a route that has no permission, and the running
// router answers to nothing that is not on the map.
func TestS35_AMapWithHolesIsRefused(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	do := func(*fiber.Ctx, auth.Actor) error { return nil }
	for name, routes := range map[string][]route{
		"no permission": {{get, "/x", "", do}}, "no handler": {{get, "/x", auth.Public, nil}}, "twice": {{get, "/x", auth.Public, do}, {get, "/x", auth.RunRead, do}}, "no slash": {{get, "x", auth.Public, do}},
	} {
		_, err := wholeMap(routes)
		require.Error(t, err, name)
	}
	mapped, err := wholeMap(k.server.routes())
	require.NoError(t, err)
	known := map[auth.Permission]bool{auth.Public: true, auth.SignedIn: true}
	for _, p := range allPermissions() {
		known[p] = true
	}
	for _, r := range k.server.routes() {
		require.True(t, known[r.needs], "%s needs %q, which no role has", r.path, r.needs)
	}
	running := 0
	for _, r := range k.app.GetRoutes(true) {
		if r.Method == "HEAD" {
			require.True(t, mapped["GET "+r.Path], r.Path)
			continue
		}
		running++
		require.True(t, mapped[r.Method+" "+r.Path], "%s %s is not on the map", r.Method, r.Path)
	}
	require.Len(t, mapped, running)
	for _, i := range k.server.nav {
		require.True(t, mapped["GET "+i.url], i.url)
	}
}

// allPermissions are those of the administrator, who has all.
func allPermissions() []auth.Permission {
	var out []auth.Permission
	for _, p := range []auth.Permission{auth.ArtifactRead, auth.ArtifactWrite, auth.ReviewComment, auth.ReviewDecide, auth.ReleaseRollback, auth.BreakGlass, auth.RunRead, auth.RunStart, auth.RunSimulate, auth.RunOperate, auth.SignoffDecide, auth.LimitLift, auth.PersonalRead,
		auth.ConnectionTest, auth.CredentialRead, auth.CredentialWrite, auth.AuditRead, auth.UserManage, auth.TokenManage, auth.SystemRead, auth.SettingsManage} {
		if (auth.Actor{UserID: "u", Roles: []auth.Role{auth.Admin}}).Can(p) {
			out = append(out, p)
		}
	}
	return out
}
