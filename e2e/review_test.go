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
	d := startDemo(t)
	builder := openTab(t, d.base)
	everySize := func(b *tab, name string) {
		for _, sc := range screens() {
			b.use(sc)
			b.look(name + "-" + sc.name)
		}
		b.use(screens()[0])
	}
	builder.use(screens()[0])
	builder.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	builder.visit("/flows")
	everySize(builder, "flows")
	builder.follow("Employee joiner")
	everySize(builder, "flow")
	builder.visit("/flows/employee-joiner/nodes/tell_it")
	everySize(builder, "node")
	builder.fill("p_subject", "{{ steps.names.nobody }} starts today")
	builder.expect = []string{"422"}
	builder.follow("Save as a revision")
	builder.says("nobody")
	builder.visit("/flows/employee-joiner/nodes/tell_it")
	builder.fill("p_subject", "Welcome {{ steps.names.cn }}")
	builder.follow("Save as a revision")
	builder.says("Submit for review")
	everySize(builder, "flow-changed")
	builder.follow("Submit for review")
	builder.says("Waits for a reviewer")
	require.NotContains(t, builder.text(), "Approve exactly this")
	everySize(builder, "review-own")
	at := eval[string](builder, `location.pathname`)

	reviewer := openTab(t, d.base)
	reviewer.use(screens()[0])
	reviewer.signIn("reviewer@demo.example", d.passwords["reviewer@demo.example"])
	reviewer.until("the number beside Reviews", `document.querySelector(".rail .count")?.firstChild.textContent === "1"`)
	reviewer.visit("/reviews")
	everySize(reviewer, "reviews")
	reviewer.visit(at)
	reviewer.says("Welcome {{ steps.names.cn }}")
	reviewer.says("Tell IT: subject changed.")
	everySize(reviewer, "review")
	reviewer.follow("Approve exactly this")
	reviewer.says("Approved")
	everySize(reviewer, "review-approved")
	reviewer.visit("/flows/employee-joiner/revisions")
	everySize(reviewer, "flow-history")
	reviewer.visit("/audit")
	reviewer.says("review.approve")
	everySize(reviewer, "audit-full")

	d.hire(t, "Renée", "Okonkwo", time.Now())
	pgtest.Eventually(t, 30*time.Second, "a run through the new release", func() bool {
		builder.visit("/runs")
		return eval[bool](builder, `document.querySelector("main").innerText.includes("Renée Okonkwo") && document.querySelector("main").innerText.includes("Succeeded")`)
	})
	builder.clean()
}
