package ldap_test

import (
	"strings"
	"testing"

	"joinery/internal/connector"
	"joinery/internal/connector/ldap"
	"joinery/internal/connectortest"
)

// open varies the fixture's settings.
func open(t testing.TB, s *connectortest.Slapd, o connectortest.Options, change map[string]any) connector.Conn {
	t.Helper()
	settings := s.Settings("corp-ldap")
	if o.Address != "" {
		settings.Settings["urls"] = []any{"ldaps://" + o.Address}
	}
	if o.Timeout > 0 {
		settings.Settings["timeout"] = o.Timeout.String()
	}
	for k, v := range change {
		settings.Settings[k] = v
	}
	password := s.Password
	if o.Password != "" {
		password = o.Password
	}
	return connectortest.Open(t, ldap.Type{}, settings, map[string]string{"bind_password": password})
}

func TestDirectory_OpenLDAP(t *testing.T) {
	t.Parallel()
	s := connectortest.StartSlapd(t)
	connectortest.RunDirectory(t, connectortest.Directory{
		Lacks:      []string{"rename"},
		Open:       func(t testing.TB, o connectortest.Options) connector.Conn { return open(t, s, o, nil) },
		Target:     strings.TrimPrefix(s.LDAPS, "ldaps://"),
		Attributes: func(login string) map[string]any { return map[string]any{"cn": "Test Person", "sn": "Person"} },
		Field:      "title", Wide: "displayName", Group: "engineering", Foreign: "jsmith", Password: true,
	})
}
