package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/connectortest"
)

// A connection to a real HR system and one to a real Active Directory are set up
// through the form and tried; each finding says what was found there.
func TestConnection_RealSystems(t *testing.T) {
	t.Parallel()
	tryton := connectortest.SharedTryton(t)
	ad := connectortest.SharedSamba(t)
	s, base := startServer(t)
	addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn("ada@example.com", password)
	b.expect = []string{"422"}
	withSecret := func(label, value string) {
		b.follow("Set")
		b.fill("value", value)
		b.fill("purpose", label)
		b.follow("Seal and store")
	}

	b.visit("/connections/new?type=tryton")
	b.fill("key", "hr")
	b.fill("name", "Tryton")
	b.fill("settings.base_url", "tryton")
	b.fill("settings.database", tryton.Database)
	b.fill("settings.user", tryton.User)
	b.follow("Save as a new revision")
	b.says("Write an address like https://tryton.corp.example.")
	b.everySize("tryton-form")
	b.fill("settings.base_url", tryton.BaseURL)
	b.fill("private", "127.0.0.1")
	b.fill("message", "Our HR system")
	b.follow("Save as a new revision")
	withSecret("Read employees", tryton.Password)
	b.visit("/connections/hr")
	b.follow("Test connection")
	b.says("joinery signed in to hr.")
	b.says("There is no employee yet")
	b.everySize("tryton-empty")
	party, err := tryton.Make(t.Context(), "party.party", map[string]any{"name": "Ann Lee"})
	require.NoError(t, err)
	_, err = tryton.Make(t.Context(), "company.employee", map[string]any{"party": party, "company": 1, "start_date": connectortest.TrytonDay("2026-12-01")})
	require.NoError(t, err)
	b.visit("/connections/hr")
	b.follow("Test connection")
	b.says("One employee.")
	b.says("joinery may create and change contact mechanisms.")
	b.everySize("tryton")

	b.visit("/connections/new?type=ldap")
	settings := ad.Settings("ad").Settings
	b.fill("key", "ad")
	b.fill("name", "Active Directory")
	b.fill("settings.urls", "ldaps://"+ad.Address)
	b.fill("settings.server_name", ad.ServerName)
	b.fill("settings.ca", ad.CA)
	b.fill("settings.bind_dn", ad.BindDN)
	b.fill("settings.people_base", settings["people_base"].(string))
	b.fill("settings.groups_base", settings["groups_base"].(string))
	b.fill("private", "127.0.0.0/8")
	b.fill("message", "Our directory")
	b.follow("Save as a new revision")
	withSecret("Create accounts", ad.Password)
	b.visit("/connections/ad")
	b.follow("Test connection")
	b.says("This is Active Directory, but the settings say OpenLDAP or another LDAP directory.")
	b.everySize("ad-wrong-kind")
	b.visit("/connections/ad/edit")
	eval[bool](b, `(() => { const e = document.querySelector("[name='settings.dialect']"); e.value = "ad"; e.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	b.fill("message", "It is Active Directory")
	b.follow("Save as a new revision")
	b.visit("/connections/ad")
	b.follow("Test connection")
	b.says("Active Directory by Samba.")
	b.says("The bind account may create users below")
	b.everySize("ad")
	b.clean()
}
