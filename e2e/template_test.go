package e2e

import (
	"fmt"
	"testing"
)

// A builder takes a template: the connections that fit, the policies that come with
// it, and the flow that is there then.
func TestTemplate_BecomesAFlow(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	b := openTab(t, d.base)
	b.use(screens()[0])
	b.signIn("builder@demo.example", d.passwords["builder@demo.example"])
	b.visit("/flows/new")
	b.everySize("templates")
	b.follow("Future hire, with moved starts and hires that are off")
	b.says("future-hire-groups")
	b.expect = []string{"422"}
	b.fill("domain", "@acme")
	b.follow("Save the flow and what comes with it")
	b.says("Write a domain such as example.com")
	b.says("Choose the connection that stands for this.")
	b.everySize("template-refused")
	b.fill("domain", "acme.example")
	for name, value := range map[string]string{"connection.hris": "demo-hris", "connection.corp-ad": "demo-scim"} {
		eval[bool](b, fmt.Sprintf(`(() => { document.querySelector('main [name=%q]').value = %q; return true; })()`, name, value))
	}
	b.follow("Look again")
	b.says("Made new")
	b.everySize("template")
	b.follow("Save the flow and what comes with it")
	b.says("3 policies are saved as revisions")
	b.says("Hold the names")
	b.visit("/policies/std-names")
	b.says("Standard names")

	// Out as a file, and in again as something else: judged first.
	b.visit("/flows/future-hire/export")
	b.says("policies/std-names.yaml")
	b.everySize("export")
	b.visit("/import")
	b.everySize("import")
	b.fill("text", "key: future-hire\nname: Future hire, ours\ntrigger: start\nnodes:\n  - {id: start, type: manual, params: {connection: nothing}}\n---\nkey: mine\nname: Mine\ntype: groups\ngroups: {rows: [{groups: [all-staff]}]}\n")
	b.follow("Look at it")
	b.says("its revision 1 is another one")
	b.says("Line 5: nodes.start.params.connection")
	eval[bool](b, `(document.querySelector("main details").open = true)`)
	b.everySize("import-looked")
	b.expect = append(b.expect, "422")
	b.press("Save as revisions")
	b.says("Future hire, ours")
}
