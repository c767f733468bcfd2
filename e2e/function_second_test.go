package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

// as adds somebody with a role, and opens a tab as them.
func (d *demo) as(t *testing.T, email, name, role string) *tab {
	t.Helper()
	d.person(t, email, name, role)
	b := openTab(t, d.base)
	b.use(screens()[0])
	b.signIn(email, password)
	return b
}

// tick ticks or unticks the choice of people put into groups, and saves, by keys.
func (b *tab) tick() {
	b.t.Helper()
	b.visit("/system/functions")
	b.skip()
	b.goTo("field second")
	b.key("Tab", 0)
	b.at("the second choice", `e.value === "directory:groups.add"`)
	b.key(" ", 0)
	b.goTo("button Save")
	b.enter()
}

// An administrator says, with keys alone, that functions which put people into groups
// need two reviewers. The first yes to one is on record and nothing is live; the same
// person has no second yes; another person's makes it live. To ask for less takes
// another administrator.
func TestDemo_SecondReviewer(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	ada := d.as(t, "ada@demo.example", "Ada Admin", "admin")
	ada.visit("/system/functions")
	ada.everySize("second-rules")
	ada.tick()
	ada.says("Saved. It holds at once.")
	require.Equal(t, "directory:groups.add", eval[string](ada, `[...document.querySelectorAll("input[name=second]:checked")].map((e) => e.value).join()`))
	ada.everySize("second-rules-saved")

	author := d.as(t, "bea@demo.example", "Bea Builder", "builder")
	author.submit("/functions", map[string]string{"text": reviewedMore, "message": "signs for desks"})
	author.visit("/functions/desk-sign/revisions/1")
	author.submit("/functions/desk-sign/reviews", map[string]string{"revision": "1", "message": "please look"})
	review := eval[string](author, `location.pathname`)

	first := openTab(t, d.base)
	first.use(screens()[0])
	first.signIn("reviewer@demo.example", d.passwords["reviewer@demo.example"])
	pgtest.Eventually(t, 60*time.Second, "the examination", func() bool {
		first.visit(review)
		return strings.Contains(first.text(), "small changes of the source, its tests")
	})
	first.says("Two reviewers have to approve this, because it writes groups in demo-scim")
	first.everySize("second-first")
	first.follow("Approve exactly this")
	first.says("Your approval is on record. It goes live when a second reviewer approves the same content.")
	first.says("one more is missing")
	require.NotContains(t, first.text(), "Approve exactly this")
	first.everySize("second-waits")
	first.visit("/functions")
	require.NotContains(t, eval[string](first, `[...document.querySelectorAll("main tr")].filter((r) => r.innerText.includes("Desk sign")).map((r) => r.innerText).join()`), "Live")

	second := d.as(t, "rita@demo.example", "Rita Second", "reviewer")
	second.visit(review)
	second.says("You are the second reviewer: it goes live at once.")
	second.everySize("second-second")
	second.follow("Approve exactly this")
	second.says("Approved. It is live.")

	ada.tick()
	ada.says("Another administrator has to agree.")
	ada.everySize("second-looser")
	olga := d.as(t, "olga@demo.example", "Olga Other", "admin")
	olga.visit("/system/functions")
	olga.everySize("second-agree")
	olga.skip()
	olga.goTo("button Agree")
	olga.enter()
	olga.says("Agreed. It holds at once.")
	for _, b := range []*tab{ada, olga, author, first, second} {
		b.clean()
	}
}
