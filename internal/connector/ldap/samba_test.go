package ldap_test

import (
	"testing"

	"joinery/internal/connector"
	"joinery/internal/connector/ldap"
	"joinery/internal/connectortest"
)

// openAD varies the settings of the shared domain.
func openAD(t testing.TB, s *connectortest.Samba, o connectortest.Options, change map[string]any) connector.Conn {
	t.Helper()
	settings, password := s.Settings("ad"), s.Password
	if o.Address != "" {
		settings.Settings["urls"] = []any{"ldaps://" + o.Address}
	}
	if o.Timeout > 0 {
		settings.Settings["timeout"] = o.Timeout.String()
	}
	if o.Password != "" {
		password = o.Password
	}
	for k, v := range change {
		settings.Settings[k] = v
	}
	return connectortest.Open(t, ldap.Type{}, settings, map[string]string{"bind_password": password})
}

func TestDirectory_ActiveDirectory(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedSamba(t)
	connectortest.RunDirectory(t, connectortest.Directory{
		Open:       func(t testing.TB, o connectortest.Options) connector.Conn { return openAD(t, s, o, nil) },
		Target:     s.Address,
		Attributes: func(string) map[string]any { return map[string]any{"sn": "Person"} },
		Field:      "title", Wide: "displayName", Group: "engineering", Foreign: "jsmith", Password: true,
	})
}
