package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

// A connection is set up through the form: what a choice hides is hidden, what is
// wrong is said at its field, the test says what fails, the secret is sealed.
func TestConnection_SetUp(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("ada@example.com", password)
	b.expect = []string{"422"}

	b.visit("/connections")
	b.everySize("connections-empty")
	b.follow("New connection")
	b.everySize("connection-types")
	b.visit("/connections/new?type=scim")
	shown := func(name string) string {
		return `document.querySelector("[name='settings.` + name + `']").closest(".field").checkVisibility()`
	}
	require.False(t, eval[bool](b, shown("user")))
	eval[bool](b, `(() => { const e = document.querySelector("[name='settings.auth']"); e.value = "basic"; e.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	require.True(t, eval[bool](b, shown("user")))
	eval[bool](b, `(() => { const e = document.querySelector("[name='settings.auth']"); e.value = "bearer"; e.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	require.False(t, eval[bool](b, shown("user")))

	b.fill("key", "app")
	b.fill("name", "The app")
	b.fill("settings.base_url", "nonsense")
	b.follow("Save as a new revision")
	b.says("Some settings are not right. Nothing was saved.")
	b.everySize("connection-form")
	b.fill("settings.base_url", "http://127.0.0.1:9/scim/v2")
	b.fill("message", "The app of the sales team")
	b.follow("Save as a new revision")
	b.says("Missing")
	b.follow("Test connection")
	b.says("Fails")
	b.everySize("connection")
	b.follow("Set")
	b.says("It is sealed at once")
	b.everySize("credential-set")
	b.fill("value", "s3cr3t")
	b.fill("purpose", "Joinery creates accounts")
	b.follow("Seal and store")
	b.says("was stored, sealed.")
	b.visit("/credentials")
	b.everySize("credentials")
	b.follow("app · token")
	b.press("Revoke")
	b.everySize("credential")
	b.visit("/connections")
	b.everySize("connections")
	b.clean()
}
