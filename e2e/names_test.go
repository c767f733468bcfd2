package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

// Names: found in any spelling, read, and released by typing; the form of a naming
// policy and what it makes of a joiner whose name is taken.
func TestConsole_Names(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	ctx := t.Context()
	addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	for _, sql := range []string{
		`INSERT INTO name_spaces VALUES ('login', 'ad'), ('mail', 'mail'), ('cn', 'ad')`,
		`INSERT INTO joiners (id, connection, worker, label, attributes) VALUES ('j_1', 'hris', 'E1042', 'Jörg Müller', '{"first_name":"Jörg","last_name":"Müller","department":"Finance"}'), ('j_2', 'hris', 'E77', 'Maximiliana Featherstonehaugh-Cholmondeley', '{}')`,
		`INSERT INTO reservations (id, space, key, name, set_id, joiner_id, stamp, state, policy, reason, confirmed_at, until, found_in) VALUES
			('nm_1', 'login', 'jmueller', 'jmueller', 'ns_1', 'j_1', 'hris:E1042', 'confirmed', 'std', '', now(), NULL, ''),
			('nm_2', 'mail', 'joerg.mueller@example.com', 'joerg.mueller@example.com', 'ns_1', 'j_1', 'hris:E1042', 'confirmed', 'std', '', now(), NULL, ''),
			('nm_3', 'cn', 'jorg muller (e1042)', 'Jörg Müller (E1042)', 'ns_1', 'j_1', 'hris:E1042', 'confirmed', 'std', '', now(), NULL, ''),
			('nm_4', 'mail', 'maximiliana.featherstonehaughcholmondeley@example.com', 'maximiliana.featherstonehaughcholmondeley@example.com', 'ns_2', 'j_2', 'hris:E77', 'held', 'std', '', NULL, now() + interval '6 days', ''),
			('nm_5', 'login', 'mfeatherstonehaughch', 'mfeatherstonehaughch', 'ns_2', 'j_2', 'hris:E77', 'tombstone', 'std', 'rescinded', NULL, now() + interval '30 days', ''),
			('nm_6', 'login', 'jsmith', 'jsmith', 'nm_6', '', '', 'found', '', '', NULL, now() + interval '1 day', 'corp-ldap'),
			('nm_7', 'login', 'jmuller', 'jmuller', 'ns_3', 'j_1', '', 'released', 'std', 'The hold ended before an account was made.', NULL, NULL, '')`,
	} {
		require.NoError(t, s.DB.RawExec(ctx, sql))
	}
	b := openTab(t, base)
	b.signIn("ada@example.com", password)
	b.visit("/names")
	b.everySize("names")
	b.fill("q", "JORG MÜLLER")
	b.press("Filter")
	b.until("found", `document.querySelector("main").innerText.includes("Jörg Müller (E1042)") && !document.querySelector("main").innerText.includes("jsmith")`)
	b.visit("/names?q=nobody")
	b.everySize("names-nobody")
	b.visit("/joiners/j_1")
	b.everySize("joiner-with-names")
	b.visit("/names/nm_5")
	b.everySize("name-kept")
	b.visit("/names/nm_1")
	b.press("Release")
	b.everySize("name-release")
	b.fill("confirm", "jmueller")
	b.fill("reason", "The account was made by mistake.")
	b.confirm()
	b.says("The name is free for everybody.")
	b.says("Released by Ada Brandt: The account was made by mistake.")
	b.visit("/policies/new?type=naming")
	b.everySize("naming-policy")
	b.clean()
}
