package e2e

import (
	"testing"
)

// What a flow must never do is written on its outline, seen by the reviewer, and
// stops the run that would do it.
func TestDemo_Invariant(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	b := openTab(t, d.base)
	b.use(screens()[0])
	b.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	b.visit("/flows/employee-joiner")
	b.says("Contractors never get all-staff")
	b.follow("Add an invariant")
	b.everySize("invariant-new")
	b.expect = []string{"422"}
	b.follow("Save as a revision")
	b.says("Say in a few words what must never happen.")
	b.fill("p_name", "Interns never get all-staff")
	b.fill("p_when", `joiner.worker_typ == "intern"`)
	b.fill("p_never_groups.0.value", "all-staff")
	b.fill("p_say", "Ask iam@example.com.")
	b.follow("Save as a revision")
	b.says(`Did you mean "worker_type"?`)
	b.everySize("invariant-wrong")
	b.visit("/flows/employee-joiner/invariants/2")
	b.says("demo-scim")
	b.everySize("invariant")
	b.fill("p_when", `joiner.worker_type == "intern"`)
	b.follow("Save as a revision")
	b.says("Interns never get all-staff")
	b.everySize("flow-invariant")
	b.follow("Submit for review")
	b.says("New invariant: Interns never get all-staff (never the groups all-staff, when joiner.worker_type ==")
}
