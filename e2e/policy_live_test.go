package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The panel that tries a policy looks into the connected directory when Try is
// pressed, not while somebody types, and says what it saw.
func TestDemo_PolicyLookedAtLive(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	b := openTab(t, d.base)
	b.use(screens()[0])
	b.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	b.visit("/policies/new?type=groups")
	b.fill("name", "Looked at")
	b.fill("key", "looked-at")
	b.fill("p_directory", "demo-scim")
	eval[bool](b, `(document.querySelector("[name='try.live']").click(), true)`)
	b.fill("try.a.department", "Sales")
	b.until("that nothing is asked while typing", `document.querySelector("[data-outcome]").innerText.includes("Press Try to ask")`)
	eval[bool](b, `(document.querySelector("[data-try-now]").click(), true)`)
	b.until("what was seen", `document.querySelector("[data-outcome]").innerText.includes("Asked just now: demo-scim.")`)
	require.Contains(t, eval[string](b, `document.querySelector("[data-outcome]").innerText`), "in demo-scim")
	for _, sc := range screens() {
		b.use(sc)
		eval[bool](b, `(document.querySelector("[data-outcome]").scrollIntoView(), true)`)
		b.look("policy-live-" + sc.name)
	}
	b.clean()
}
