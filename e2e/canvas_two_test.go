package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

// rename gives a node another name by double-clicking it.
func (b *tab) rename(id, name string) {
	b.t.Helper()
	b.click(`.react-flow__node[data-id="` + id + `"]`)
	b.key("F2", 0)
	b.until("the name to type", `document.activeElement?.matches(".box-naming") === true`)
	b.typed(name)
	b.key("Enter", 0)
	b.key("Escape", 0)
}

// Two people at one flow: each sees the other, what differs apart is merged, what
// both changed is chosen.
func TestCanvas_TwoPeople(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	ada := addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	addPerson(t, s.DB, "bo@example.com", "Bo Lind", auth.Builder)
	saveFlowText(t, s, ada.Actor(), smallFlow)
	a, b := openTab(t, base), openTab(t, base)
	a.expect, b.expect = []string{"409"}, []string{"409"}
	a.use(screens()[0])
	b.use(screens()[0])
	a.signIn("ada@example.com", password)
	b.signIn("bo@example.com", password)
	a.atCanvas("small")
	b.atCanvas("small")
	a.until("Bo is seen", `document.querySelector('.other[title="Bo Lind is editing"]') !== null`)
	b.click(`.react-flow__node[data-id="end"]`)
	a.until("where Bo is", `document.querySelector('.react-flow__node[data-id="end"] .box-others')?.innerText === "Bo Lind"`)
	a.look("canvas-presence")

	// Bo changes, Ada has it without doing anything.
	b.rename("end", "Bo's end")
	a.until("Bo's name", `document.querySelector('.react-flow__node[data-id="end"] .box-title')?.innerText === "Bo's end"`)

	// Both change something else at the same time.
	a.rename("hired", "Ada's start")
	b.rename("work", "Bo's work")
	for _, who := range []*tab{a, b} {
		who.until("both names", `["Ada's start", "Bo's work", "Bo's end"].every((n) => [...document.querySelectorAll(".box-title")].some((e) => e.innerText === n))`)
		who.savedAs(s, "small")
	}

	// Both change the same: Ada cannot save before Bo has.
	eval[bool](a, `window.plain = window.fetch; window.fetch = (u, o) => o?.method === "PUT" ? Promise.reject(new TypeError("held")) : window.plain(u, o); true`)
	a.rename("work", "Ada says this")
	b.rename("work", "Bo says that")
	b.savedAs(s, "small")
	a.until("the choice", `document.querySelector("dialog.merge[open]") !== null`)
	for _, sc := range screens() {
		a.use(sc)
		a.look("canvas-merge-" + sc.name)
	}
	a.use(screens()[0])
	require.Contains(t, eval[string](a, `document.querySelector("dialog.merge").innerText`), "Bo says that")
	require.Contains(t, eval[string](a, `document.querySelector("dialog.merge").innerText`), "Ada says this")
	eval[bool](a, `window.fetch = window.plain; true`)
	a.click(`.merge-side:nth-of-type(2) input`)
	a.press("Merge")
	a.until("Bo's name is taken", `document.querySelector('.react-flow__node[data-id="work"] .box-title').innerText === "Bo says that"`)
	a.savedAs(s, "small")
	require.Contains(t, contentText(t, s, "small"), "Bo says that")

	// Leaving is seen.
	b.visit("/")
	a.until("Bo is gone", `document.querySelector(".other") === null`)
	a.clean()
	b.clean()
}
