package e2e

import (
	"fmt"
	"strings"
	"testing"

	"joinery/internal/auth"
)

// A list that is larger than one person may bring in waits for a second person, who
// reads what will happen and agrees; whoever uploaded it cannot.
func TestConsole_SecondPersonForAList(t *testing.T) {
	t.Parallel()
	s, base := acquiring(t)
	addPerson(t, s.DB, "ola@example.com", "Ola Nordmann", auth.Operator, auth.Reviewer)
	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("bo@example.com", password)
	b.visit("/limits")
	b.everySize("limits-empty")
	b.visit("/flows/acquired")
	b.follow("Bring in a list")
	var text strings.Builder
	text.WriteString("Employee ID\tFirst name\tLast name\tDept\n")
	for i := range 30 {
		fmt.Fprintf(&text, "E%d\tAda\tLovelace %d\tSales\n", i+1, i+1)
	}
	eval[bool](b, fmt.Sprintf(`document.querySelector("[name=text]").value = %q, true`, text.String()))
	b.follow("Read the list")
	b.follow("Use these columns")
	b.follow("Look ahead")
	b.says("second person")
	b.everySize("bulk-second-person-asked")
	here := eval[string](b, `location.pathname`)

	other := openTab(t, base)
	other.use(screens()[0])
	other.signIn("ola@example.com", password)
	other.visit(here)
	other.everySize("bulk-second-person")
	other.fill("comment", "Looked at the rows and the groups.")
	other.follow("Agree to this list")
	other.says("Agreed to by Ola Nordmann")
	other.everySize("bulk-second-person-agreed")
	other.visit("/limits")
	other.says("A list for the flow acquired")
	other.everySize("limits-decided")
	other.follow("A list for the flow acquired")
	other.everySize("limit-decided")
	other.clean()

	b.visit(here)
	b.fill("plan", "5")
	b.fill("reason", "we bought them")
	b.follow("Start the first stage")
	b.says("Start the next")
	b.clean()
}
