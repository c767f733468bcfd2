package e2e

import (
	"testing"

	"joinery/internal/auth"
)

// What is drawn is submitted from where it is drawn, with what is not saved yet. (Built with the mouse, it is submitted when all is saved.)
func TestCanvas_Submits(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	ada := addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	employee(t, s.DB, ada.Actor())
	saveShipped(t, s, ada.Actor(), "employee")
	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("ada@example.com", password)
	b.atCanvas("employee")
	b.rename("hired", "Over")
	b.key("Enter", ctrl|shift)
	b.until("the review", `location.pathname.startsWith("/reviews/")`)
	b.says("Over")
	b.clean()
}
