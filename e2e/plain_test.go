package e2e

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

// Everything works as links and forms: without script one can still find the
// navigation on a phone, sign in, add a person and sign out.
func TestConsole_WithoutScript(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	b := openTab(t, base)
	b.use(screens()[2])
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	b.signIn("ada@example.com", password)
	require.True(t, eval[bool](b, `document.querySelector(".rail a").checkVisibility({visibilityProperty: true})`))
	require.False(t, eval[bool](b, `document.querySelector("[data-theme-toggle]").checkVisibility()`), "a button that does nothing is not shown")
	b.shot("without-script")
	b.visit("/users/new")
	b.fill("name", "Bo Lind")
	b.fill("email", "bo@example.com")
	b.fill("password", "a long enough sentence")
	b.follow("Add user")
	b.says("Bo Lind can sign in now.")
	b.press("End all sessions")
	b.says("They must sign in again everywhere.")
	eval[bool](b, `document.querySelector(".user-menu").open = true`)
	b.follow("Sign out")
	b.says("E-mail address")
	b.clean()
}
