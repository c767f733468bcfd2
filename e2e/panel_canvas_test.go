package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/flow"
	"joinery/internal/pgtest"
	"joinery/internal/review"
)

// Beside the canvas the same form helps with the same expressions: what is typed is
// completed, judged with what is not saved yet, and becomes a part of the drawing.
func TestPanel_BesideTheCanvas(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	bo := addPerson(t, s.DB, "bo@example.com", "Bo Builder", auth.Builder)
	employee(t, s.DB, bo.Actor())
	saveShipped(t, s, bo.Actor(), "employee")
	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("bo@example.com", password)
	b.atCanvas("employee")
	eval[bool](b, `document.querySelector(".react-flow__node[data-id=recent]").click(); true`)
	when := `document.querySelector('.drawer [name="p_when"]')`
	b.until("the form", when+` !== null`)
	b.until("the preview", `document.querySelector('.drawer [data-preview="p_when"]')?.textContent === "true"`)
	b.until("the names", `performance.getEntriesByType("resource").some((e) => e.name.endsWith("/canvas/complete") && e.responseEnd > 0)`)
	b.until("all of the form", `(() => { const n = document.querySelector('.drawer [name="name"]'), d = document.querySelector(".drawer [data-part=data]"); return n?.checkVisibility() && n.getBoundingClientRect().height > 20 && d?.getBoundingClientRect().height > 100; })()`)
	for _, sc := range screens() {
		b.use(sc)
		b.look("panel-canvas-" + sc.name)
	}
	b.use(screens()[0])
	eval[bool](b, when+`.select() ?? true`)
	b.typed("1 == 2")
	b.until("judged", `document.querySelector('.drawer [data-preview="p_when"]')?.textContent === "false"`)
	eval[bool](b, when+`.select() ?? true`)
	places := `[...document.querySelectorAll('.drawer form fieldset :is(label, input, textarea, select)')].map((e) => Math.round(e.getBoundingClientRect().top)).join()`
	before := eval[string](b, places)
	b.typed("steps.known.en")
	b.until("the suggestion", `document.querySelector(".complete:popover-open [aria-selected=true] code")?.textContent === "enabled"`)
	b.until("judged while the list is open", when+`.getAttribute("aria-invalid") === "true"`)
	require.Equal(t, before, eval[string](b, places), "what is said moves no field")
	b.until("the list is still told", when+`.getAttribute("aria-activedescendant") === document.querySelector(".complete [aria-selected=true]").id`)
	b.look("panel-canvas-complete")
	b.key("Enter", 0)
	require.Equal(t, "steps.known.enabled", eval[string](b, when+`.value`))
	b.until("no error", when+`.getAttribute("aria-invalid") === "false"`)
	require.True(t, eval[bool](b, `document.activeElement === `+when), "the field keeps the focus")
	pgtest.Eventually(t, 30*time.Second, "the condition kept", func() bool {
		rev, err := s.DB.Revision(context.Background(), review.Flow, "employee", 0)
		require.NoError(t, err)
		f, err := flow.Decode([]byte(rev.Content))
		require.NoError(t, err)
		n, _ := f.Find("recent")
		return n.Params["when"] == "steps.known.enabled"
	})

	// A line more in a set, with what was just typed before it.
	eval[bool](b, `document.querySelector(".react-flow__node[data-id=held]").click(); true`)
	b.until("the lines", `document.querySelectorAll('.drawer [data-entries="p_values"] [data-line]').length >= 7`)
	eval[bool](b, `document.querySelector('.drawer [data-entries="p_values"] [data-line-add]').click(); true`)
	b.until("an empty line", `document.activeElement.name?.startsWith("p_values.") && document.activeElement.value === ""`)
	b.typed("extra")
	b.until("still there after it was judged", `document.querySelector('.drawer [data-entries="p_values"] [data-line]:last-child input')?.value === "" && document.activeElement.value === "extra"`)
	b.clean()
}
