package e2e

import (
	"testing"
	"time"

	"joinery/internal/auth"
	"joinery/internal/connectortest"
)

// An HR vendor is set up through the same form as any system, and its test names
// what was found.
func TestConnection_Vendors(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("ada@example.com", password)
	b.expect = []string{"422"}
	credential := func(value string) {
		b.follow("Set")
		b.fill("value", value)
		b.fill("purpose", "Joinery reads employees")
		b.follow("Seal and store")
		b.says("was stored, sealed.")
	}

	bamboo := connectortest.StartBambooHR(t, time.Now)
	bamboo.Hire(map[string]string{"firstName": "Ada", "lastName": "Okafor", "hireDate": "2020-01-01", "status": "Active"})
	b.visit("/connections/new?type=bamboohr")
	b.fill("key", "bamboo")
	b.fill("name", "BambooHR")
	b.fill("settings.company", "https://acme.bamboohr.com/home")
	b.fill("settings.zone", "Berlin")
	b.follow("Save as a new revision")
	b.says("Write only the first part of the address you sign in at")
	b.says("is not a time zone")
	b.everySize("bamboohr-form")
	b.fill("settings.company", "acme.bamboohr.com")
	b.fill("settings.zone", "Europe/Berlin")
	b.fill("settings.base_url", bamboo.URL)
	b.fill("private", "127.0.0.1")
	b.fill("message", "Our HR system")
	b.follow("Save as a new revision")
	b.says("/hooks/bamboo")
	credential(bamboo.Key)
	b.visit("/connections/bamboo")
	b.follow("Test connection")
	b.says("BambooHR took the API key")
	b.says("An employee has")
	b.everySize("bamboohr")

	bob := connectortest.StartBob(t, time.Now)
	b.visit("/connections/new?type=hibob")
	b.everySize("hibob-form")
	b.fill("key", "bob")
	b.fill("name", "Bob")
	b.fill("settings.base_url", bob.URL+"/v1")
	b.fill("settings.user", bob.User)
	b.fill("private", "127.0.0.1")
	b.fill("message", "Our other HR system")
	b.follow("Save as a new revision")
	credential(bob.Token)
	b.visit("/connections/bob")
	b.follow("Test connection")
	b.says("Bob shows no employee")
	b.everySize("hibob")
	b.clean()
}
