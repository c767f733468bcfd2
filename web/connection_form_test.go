package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/views/connections"
)

// posted fills the form the way a browser sends it.
func posted(groups []connections.Group) url.Values {
	out := url.Values{}
	for _, g := range groups {
		for _, f := range g.Fields {
			switch {
			case f.Input == "check" && !f.Checked:
			case f.Input == "check":
				out.Set(f.Name, "true")
			default:
				out.Set(f.Name, strings.ReplaceAll(f.Value, "\n", "\r\n")) // browsers send CRLF
			}
		}
	}
	return out
}

func examples() map[string]connector.Settings {
	return map[string]connector.Settings{
		"ldap": {Key: "corp-ldap", Name: "LDAP", Description: "the\ndirectory", Type: "ldap", Private: []string{"10.0.0.0/8", "dc1"}, Limits: connector.Limits{CreatesPerHour: 5, CallsPerSecond: 2.5},
			Settings: map[string]any{"urls": []any{"ldaps://a", "ldaps://b:1636"}, "bind_dn": "cn=a", "people_base": "ou=p", "groups_base": "ou=g", "dialect": "ad", "upn_suffix": "x.example", "pool_size": 2.0}},
		"scim": {Key: "app", Name: "App", Type: "scim", Settings: map[string]any{"base_url": "https://x", "auth": "basic", "user": "<b>&\"u"}},
	}
}

// Opening the form and saving it unchanged changes nothing.
func TestConnectionForm_RoundTrip(t *testing.T) {
	t.Parallel()
	catalog := all.New()
	for kind, s := range examples() {
		require.Empty(t, connector.CheckSettings(catalog, s), kind)
		typ, _ := catalog.Type(kind)
		got := connectionPosted(typ.Info(), s.Key, posted(connectionGroups(typ.Info(), s, nil, false)))
		require.Equal(t, s, got, kind)
	}
}

func TestConnectionForm_NewAndWrong(t *testing.T) {
	t.Parallel()
	catalog := all.New()
	typ, _ := catalog.Type("ldap")
	form := posted(connectionGroups(typ.Info(), connector.Settings{}, nil, true))
	form.Set("key", "corp-ldap")
	form.Set("settings.pool_size", "many")
	form.Set("settings.upn_suffix", "hidden.example") // only Active Directory has it
	form.Set("private", "10.0.0.0/99")
	form.Set("limits.creates_per_hour", "some")
	s := connectionPosted(typ.Info(), "", form)
	require.Equal(t, "corp-ldap", s.Key)
	require.NotContains(t, s.Settings, "upn_suffix", "what is hidden is not saved")
	problems := connector.CheckSettings(catalog, s)
	at := map[string]string{}
	for _, g := range connectionGroups(typ.Info(), s, problems, true) {
		for _, f := range g.Fields {
			if f.Error != "" {
				at[f.Name] = f.Error
				require.Contains(t, f.DescribedBy, f.ID+"-error")
			}
		}
	}
	for _, name := range []string{"settings.urls", "settings.bind_dn", "settings.people_base", "settings.groups_base", "settings.pool_size", "private", "limits.creates_per_hour"} {
		require.Contains(t, at, name)
	}
	require.Equal(t, "many", s.Settings["pool_size"], "the form shows again what was typed")
}

func TestConnectionPages_Render(t *testing.T) {
	t.Parallel()
	catalog := all.New()
	for kind, s := range examples() {
		typ, _ := catalog.Type(kind)
		info := typ.Info()
		page := connections.FormPage{Title: "Change " + s.Name, TypeTitle: info.Title, SaveURL: "/connections/x", TestURL: "/connections/x/test", CancelURL: "/connections/x", CSRF: "token",
			Groups: connectionGroups(info, s, nil, false), Findings: connectionFindings([]connector.Finding{{Title: "Sign in", Detail: "<no>"}})}
		var b strings.Builder
		require.NoError(t, connections.Form(page).Render(t.Context(), &b))
		html := b.String()
		for _, g := range page.Groups {
			for _, f := range g.Fields {
				require.Contains(t, html, `for="`+f.ID+`"`)
				require.Contains(t, html, `id="`+f.ID+`"`)
			}
		}
		require.NotContains(t, html, "<b>&", "values are escaped")
		require.NotContains(t, html, "<no>")
		require.NotContains(t, html, " style=")
		require.Contains(t, html, `name="_csrf" value="token"`)

		b.Reset()
		require.NoError(t, connections.Show(connections.ShowPage{Name: s.Name, Settings: connectionPairs(info, s),
			Credentials: connectionCredentials(info, s, nil, func(name string) string { return "/credentials/" + name })}).Render(t.Context(), &b))
		require.Contains(t, b.String(), "Missing")
	}
	scim, _ := catalog.Type("scim")
	rows := connectionCredentials(scim.Info(), examples()["scim"], map[string]bool{"password": true}, func(string) string { return "" })
	require.Len(t, rows, 1, "basic needs no token")
	require.Equal(t, "Set", rows[0].Badge.Text)
	require.Empty(t, connectionWebhook(scim.Info(), "https://j", "app"))
	require.Equal(t, "https://j/hooks/hr", connectionWebhook(connector.Info{Capabilities: []connector.Capability{connector.CapWebhook}}, "https://j", "hr"))
}
