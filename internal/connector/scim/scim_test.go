package scim_test

import (
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"joinery/internal/connector"
	"joinery/internal/connector/scim"
	"joinery/internal/connectortest"
)

func TestDirectory_BetterAuth(t *testing.T) {
	t.Parallel()
	s := connectortest.StartSCIM(t)
	u, _ := url.Parse(s.BaseURL)
	connectortest.RunDirectory(t, connectortest.Directory{
		Open: func(t testing.TB, o connectortest.Options) connector.Conn {
			settings, token := s.Settings("app"), s.Token
			if o.Address != "" {
				settings.Settings["base_url"] = "http://" + o.Address + u.Path
			}
			if o.Timeout > 0 {
				settings.Settings["timeout"] = o.Timeout.String()
			}
			if o.Password != "" {
				token = o.Password
			}
			return connectortest.Open(t, scim.Type{}, settings, map[string]string{"token": token})
		},
		Target: u.Host,
		Attributes: func(string) map[string]any {
			return map[string]any{"name.givenName": "Test", "name.familyName": "Person", "emails.work": address()}
		},
		Field: "title", Wide: "displayName", Group: "engineering", Foreign: "stranger",
	})
}

// address gives a mail address nobody has: this server keeps them unique.
func address() string { return strings.ToLower(rand.Text()) + "@corp.example" }
