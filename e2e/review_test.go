package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

// Four eyes, in the browser: the builder changes a flow through its form and
// submits it, cannot approve it, and the reviewer sees the change and approves
// exactly it. From then on new runs take the new release.
func TestDemo_FourEyes(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	builder := openTab(t, d.base)
	builder.use(screens()[0])
	builder.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	builder.visit("/flows")
	builder.everySize("flows")
	builder.follow("Employee joiner")
	builder.everySize("flow")
	builder.visit("/flows/employee-joiner/nodes/tell_it")
	builder.everySize("node")
	builder.fill("p_subject", "{{ steps.names.nobody }} starts today")
	builder.expect = []string{"422"}
	builder.follow("Save as a revision")
	builder.says("nobody")
	builder.visit("/flows/employee-joiner/nodes/tell_it")
	builder.fill("p_subject", "Welcome {{ steps.names.cn }}")
	builder.follow("Save as a revision")
	builder.says("Submit for review")
	builder.everySize("flow-changed")
	builder.follow("Submit for review")
	builder.says("Waits for a reviewer")
	require.NotContains(t, builder.text(), "Approve exactly this")
	builder.everySize("review-own")
	at := eval[string](builder, `location.pathname`)

	reviewer := openTab(t, d.base)
	reviewer.use(screens()[0])
	reviewer.signIn("reviewer@demo.example", d.passwords["reviewer@demo.example"])
	reviewer.until("the number beside Reviews", `document.querySelector(".rail .count")?.firstChild.textContent === "1"`)
	reviewer.visit("/reviews")
	reviewer.everySize("reviews")
	reviewer.visit(at)
	reviewer.says("Welcome {{ steps.names.cn }}")
	reviewer.says("Tell IT: subject changed.")
	reviewer.everySize("review")
	reviewer.follow("Approve exactly this")
	reviewer.says("Approved")
	reviewer.everySize("review-approved")
	reviewer.visit("/flows/employee-joiner/revisions")
	reviewer.everySize("flow-history")
	reviewer.visit("/audit")
	reviewer.says("review.approve")
	reviewer.everySize("audit-full")

	d.hire(t, "Renée", "Okonkwo", time.Now())
	pgtest.Eventually(t, 30*time.Second, "a run through the new release", func() bool {
		builder.visit("/runs")
		return eval[bool](builder, `document.querySelector("main").innerText.includes("Renée Okonkwo") && document.querySelector("main").innerText.includes("Succeeded")`)
	})
	builder.clean()
}
