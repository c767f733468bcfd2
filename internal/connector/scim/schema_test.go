package scim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	ours "joinery/internal/connector/scim"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
)

func readSchema(t *testing.T, s connector.Settings, token string) ([]connector.SchemaAttribute, error) {
	t.Helper()
	conn := connectortest.Open(t, ours.Type{}, s, map[string]string{"token": token})
	return conn.(connector.SchemaReader).Schema(t.Context())
}

func at(base string) connector.Settings {
	return connector.Settings{Key: "app", Type: "scim", Private: []string{"127.0.0.1"}, Settings: map[string]any{"base_url": base}}
}

func requireAttribute(t *testing.T, list []connector.SchemaAttribute, want connector.SchemaAttribute) {
	t.Helper()
	got, ok := connector.FindAttribute(list, want.Name)
	require.True(t, ok, want.Name)
	got.Help, got.Aliases = "", nil
	require.Equal(t, want, got)
}

func TestSchema_BetterAuth(t *testing.T) {
	t.Parallel()
	s := connectortest.StartSCIM(t)
	list, err := readSchema(t, s.Settings("app"), s.Token)
	require.NoError(t, err)
	for _, want := range []connector.SchemaAttribute{
		{Name: "title", Type: connector.TypeString},
		{Name: "userName", Type: connector.TypeString, ReadOnly: true, Required: true},
		{Name: "active", Type: connector.TypeBool, ReadOnly: true},
		{Name: "name.givenName", Type: connector.TypeString},
		{Name: "name", Type: connector.TypeMap},
		{Name: "emails", Type: connector.TypeString, Multi: true},
		{Name: "emails.work", Type: connector.TypeString},
		{Name: "addresses.work.locality", Type: connector.TypeString},
		{Name: "department", Type: connector.TypeString},
		{Name: "manager", Type: connector.TypeString},
	} {
		requireAttribute(t, list, want)
	}
	private, ok := connector.FindAttribute(list, "emails.private")
	require.True(t, ok)
	require.Equal(t, "emails.*", private.Name)
	byURN, ok := connector.FindAttribute(list, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter")
	require.True(t, ok)
	require.Equal(t, "costCenter", byURN.Name)
	_, ok = connector.FindAttribute(list, "members")
	require.False(t, ok, "what groups hold is nothing for users")

	// Every name that is listed as settable is one that the connection takes.
	dir := connectortest.Open(t, ours.Type{}, s.Settings("app"), map[string]string{"token": s.Token}).(connector.Directory)
	made, err := dir.EnsureAccount(t.Context(), connector.Ensure{Stamp: "hris:schema", Name: "schema", Attributes: map[string]any{"emails.work": address()}})
	require.NoError(t, err)
	for _, name := range []string{"title", "department", "costCenter", "employeeNumber", "name.familyName", "userType"} {
		a, ok := connector.FindAttribute(list, name)
		require.True(t, ok, name)
		require.False(t, a.ReadOnly, name)
		changes, err := dir.UpdateAccount(t.Context(), made.ID, map[string]any{a.Name: "Value"})
		require.NoError(t, err, name)
		require.Len(t, changes, 1, name)
	}
}

// noUsers is a resource handler of which only the description is asked.
type noUsers struct{ scim.ResourceHandler }

// The library that the demo directory is built on describes itself by the
// standard's own schemas, with types of values and all parts.
func TestSchema_Elimity(t *testing.T) {
	t.Parallel()
	custom := schema.Schema{ID: "urn:corp:scim:badge:2.0:User", Name: optional.NewString("Badge"), Attributes: []schema.CoreAttribute{
		schema.SimpleCoreAttribute(schema.SimpleNumberParams(schema.NumberParams{Name: "number", Required: true, Type: schema.AttributeTypeInteger()})),
		schema.SimpleCoreAttribute(schema.SimpleDateTimeParams(schema.DateTimeParams{Name: "issued", Mutability: schema.AttributeMutabilityImmutable()})),
		schema.SimpleCoreAttribute(schema.SimpleBinaryParams(schema.BinaryParams{Name: "picture", MultiValued: true})),
	}}
	server, err := scim.NewServer(&scim.ServerArgs{ServiceProviderConfig: &scim.ServiceProviderConfig{}, ResourceTypes: []scim.ResourceType{
		{ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(), Handler: noUsers{},
			SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}, {Schema: custom, Required: true}}},
		{ID: optional.NewString("Group"), Name: "Group", Endpoint: "/Groups", Schema: schema.CoreGroupSchema(), Handler: noUsers{}},
	}})
	require.NoError(t, err)
	web := httptest.NewServer(http.StripPrefix("/scim", server))
	t.Cleanup(web.Close)
	list, err := readSchema(t, at(web.URL+"/scim/v2"), "t")
	require.NoError(t, err)
	for _, want := range []connector.SchemaAttribute{
		{Name: "emails.home", Type: connector.TypeString},
		{Name: "phoneNumbers.mobile", Type: connector.TypeString},
		{Name: "addresses.home.postalCode", Type: connector.TypeString},
		{Name: "groups", Type: connector.TypeMap, Multi: true, ReadOnly: true},
		{Name: "x509Certificates.work", Type: connector.TypeBinary},
		{Name: "manager", Type: connector.TypeString},
		{Name: "manager.displayName", Type: connector.TypeString, ReadOnly: true},
		{Name: "urn:corp:scim:badge:2.0:User:number", Type: connector.TypeNumber, Required: true},
		{Name: "urn:corp:scim:badge:2.0:User:issued", Type: connector.TypeTimestamp, CreateOnly: true},
		{Name: "urn:corp:scim:badge:2.0:User:picture", Type: connector.TypeBinary, Multi: true},
	} {
		requireAttribute(t, list, want)
	}
	require.Contains(t, connector.MissingAttributes(list, []string{"title"}), "urn:corp:scim:badge:2.0:User:number")
}

func TestSchema_Habits(t *testing.T) {
	t.Parallel()
	core := map[string]any{"id": "urn:ietf:params:scim:schemas:core:2.0:User", "attributes": []any{map[string]any{"name": "title", "type": "string"}}}
	extension := map[string]any{"id": "urn:ietf:params:scim:schemas:extension:corp:2.0:User", "attributes": []any{map[string]any{"name": "desk", "type": "string"}}}
	device := map[string]any{"id": "urn:ietf:params:scim:schemas:extension:corp:2.0:Device", "attributes": []any{map[string]any{"name": "serial", "type": "string"}}}
	for name, c := range map[string]struct {
		status int
		body   any
		kind   fault.Kind
		says   string
	}{
		"a list":             {200, map[string]any{"Resources": []any{core, extension, device}}, "", ""},
		"a bare array":       {200, []any{core, extension, device}, "", ""},
		"none":               {404, map[string]any{}, fault.NotFound, "cannot be checked"},
		"empty":              {200, map[string]any{"Resources": []any{}}, fault.NotFound, "cannot be checked"},
		"only other things":  {200, []any{device}, fault.NotFound, "cannot be checked"},
		"a problem":          {503, map[string]any{"detail": "later"}, fault.Unavailable, "later"},
		"a refusal":          {401, map[string]any{}, fault.Forbidden, "did not accept"},
		"something not SCIM": {200, "hello", fault.Invalid, "not SCIM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/Schemas" {
					w.WriteHeader(404)
					return
				}
				w.WriteHeader(c.status)
				_ = json.NewEncoder(w).Encode(c.body)
			}))
			t.Cleanup(web.Close)
			list, err := readSchema(t, at(web.URL), "t")
			if c.says != "" {
				require.True(t, fault.Is(err, c.kind), "%v", err)
				require.Contains(t, fault.Sentence(err), c.says)
				return
			}
			require.NoError(t, err)
			require.Len(t, list, 2)
			require.Equal(t, "title", list[0].Name)
			require.Equal(t, "urn:ietf:params:scim:schemas:extension:corp:2.0:User:desk", list[1].Name)
		})
	}
}
