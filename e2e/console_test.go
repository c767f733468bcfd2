package e2e

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/egress"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/secret"
	"joinery/static"
	"joinery/web"
)

const password = "correct horse battery"

// loaded are the files that pages are built of. The consoles of this process share them: compressing
// them as tightly as they are sent takes seconds under the race detector.
var loaded = sync.OnceValues(static.Load)

func assets(t *testing.T) *static.Assets {
	t.Helper()
	a, err := loaded()
	require.NoError(t, err)
	return a
}

// startServer starts the real server on a free port with a database of its own.
func startServer(t *testing.T) (*web.Server, string) {
	t.Helper()
	needsBrowser(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := "http://" + ln.Addr().String()
	sealer, err := secret.NewSealer(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	guard, err := egress.New("127.0.0.1")
	require.NoError(t, err)
	types := all.New()
	db := pgtest.Open(t, postgres.Config{Artifacts: artifact.Kinds{Flows: node.All(), Connectors: types}, Sealer: sealer})
	s := &web.Server{DB: db, Hasher: auth.NewHasher(2), Log: slog.New(slog.DiscardHandler), Now: time.Now, BaseURL: base, Version: "test", Static: assets(t), Catalog: types, Nodes: node.All(),
		Pool: &connector.Pool{Catalog: types, Guard: guard, Secret: db.Secret, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, Kick: func() {}}
	t.Cleanup(func() { _ = s.Pool.Close() })
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return s, base
}

func addPerson(t *testing.T, db *postgres.DB, email, name string, roles ...auth.Role) postgres.User {
	t.Helper()
	u, err := db.AddUser(context.Background(), auth.Engine(), auth.NewHasher(1), postgres.NewUser{Email: email, Name: name, Password: password, Roles: roles})
	require.NoError(t, err)
	return u
}

// Every page that needs no prepared objects, in every size and theme, without a
// breach of the content policy (there is no nonce: nothing is inline).
func TestS08_EveryPageInEverySize(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	ctx := context.Background()
	ada := addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	addPerson(t, s.DB, "grace.with.a.very.long.address.indeed@subsidiary.example.com", "Grace Featherstonehaugh-Ostertag", auth.Builder, auth.Operator, auth.Reviewer)
	_, token, err := s.DB.CreateToken(ctx, ada.Actor(), postgres.NewToken{Name: "nightly export", OwnerEmail: "ada@example.com", Roles: []auth.Role{auth.Admin}, ExpiresAt: time.Now().AddDate(0, 0, 90)})
	require.NoError(t, err)
	_, err = s.DB.SealAudit(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, token.ID)

	b := openTab(t, base)
	b.visit("/sign-in")
	b.everySize("sign-in")
	b.signIn("ada@example.com", password)
	pages := map[string]string{
		"home": "/", "users": "/users", "user": "/users/" + ada.ID, "user-new": "/users/new", "tokens": "/tokens", "token-new": "/tokens/new",
		"audit": "/audit", "audit-empty": "/audit?action=nothing", "system": "/system", "account": "/account",
	}
	for name, path := range pages {
		b.visit(path)
		b.everySize(name)
	}
	b.expect = []string{"404"}
	b.visit("/nothing-here")
	b.everySize("not-found")
}

func TestConsole_AdministratorAtWork(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	b := openTab(t, base)
	b.use(screens()[0])
	b.expect = []string{"401", "422"}
	b.signIn("ada@example.com", "wrong password, surely")
	b.says("The e-mail address or the password is not right")
	b.signIn("ada@example.com", password)

	b.visit("/users")
	b.follow("Add user")
	b.fill("name", "Bo Lind")
	b.fill("email", "bo@example.com")
	b.fill("password", "short")
	b.follow("Add user")
	b.says("password needs at least")
	require.Equal(t, "Bo Lind", eval[string](b, `document.querySelector("[name=name]").value`))
	b.fill("password", "a long enough sentence")
	b.follow("Add user")
	b.says("Bo Lind can sign in now.")

	b.visit("/tokens/new")
	b.fill("name", "nightly export")
	eval[bool](b, `document.querySelector("[name=roles][value=admin]").click(), true`)
	b.follow("Make token")
	b.says("Copy the token now.")
	b.look("token-made")
	b.follow("I have copied it")
	b.press("Revoke")
	b.says("What uses it is refused at once.")
	b.look("token-confirm")
	// A quick hand: asked again before the first question's close event arrived.
	eval[bool](b, `(() => { document.querySelector("dialog[data-confirm-dialog] [value=no]").click();
		[...document.querySelectorAll("main button")].find((e) => e.innerText.trim() === "Revoke").click(); return true; })()`)
	b.follow("Go ahead")
	b.says("The token was revoked.")

	b.visit("/audit")
	b.says("token.revoke")
	b.clean()
}

func TestConsole_PaletteThemeAndDrawer(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("ada@example.com", password)

	eval[bool](b, `document.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true})), true`)
	b.until("the palette", `document.querySelector("dialog[data-palette]").open && document.querySelectorAll("dialog[data-palette] li").length > 3`)
	b.look("palette")
	eval[bool](b, `(() => { const i = document.querySelector("dialog[data-palette] input"); i.value = "aud"; i.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`)
	b.until("one result", `document.querySelectorAll("dialog[data-palette] li").length === 1`)
	eval[bool](b, `document.querySelector("dialog[data-palette] input").dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true})), true`)
	b.until("the audit page", `location.pathname === "/audit" && document.readyState === "complete"`)

	ground := `getComputedStyle(document.documentElement).backgroundColor`
	light := eval[string](b, ground)
	theme := `document.documentElement.dataset.theme || "system"`
	for _, want := range []string{"light", "dark"} {
		eval[bool](b, `document.querySelector("[data-theme-toggle]").click(), true`)
		require.Equal(t, want, eval[string](b, theme))
	}
	require.NotEqual(t, light, eval[string](b, ground))
	b.visit("/audit")
	require.Equal(t, "dark", eval[string](b, theme), "the server renders the next page in the chosen theme")

	b.use(screens()[2])
	rail := `document.querySelector(".rail a").checkVisibility({visibilityProperty: true})`
	b.until("the drawer out of sight", "!"+rail)
	eval[bool](b, `document.querySelector("[data-nav-toggle]").click(), true`)
	b.until("the drawer", rail)
	b.look("drawer")
	eval[bool](b, `document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true})), true`)
	b.until("the drawer closed", "!"+rail)
	b.clean()
}
