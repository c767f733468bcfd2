package ldap_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
)

func readSchema(t *testing.T, conn connector.Conn) []connector.SchemaAttribute {
	t.Helper()
	list, err := conn.(connector.SchemaReader).Schema(t.Context())
	require.NoError(t, err)
	return list
}

func requireAttribute(t *testing.T, list []connector.SchemaAttribute, want connector.SchemaAttribute) {
	t.Helper()
	got, ok := connector.FindAttribute(list, want.Name)
	require.True(t, ok, want.Name)
	got.Help, got.Aliases = "", nil
	require.Equal(t, want, got)
}

func TestSchema_OpenLDAP(t *testing.T) {
	t.Parallel()
	s := connectortest.StartSlapd(t)
	list := readSchema(t, open(t, s, connectortest.Options{}, nil))
	for _, want := range []connector.SchemaAttribute{
		{Name: "sn", Type: connector.TypeString, Multi: true, Required: true},
		{Name: "cn", Type: connector.TypeString, Multi: true},
		{Name: "uid", Type: connector.TypeString, Multi: true, ReadOnly: true},
		{Name: "employeeNumber", Type: connector.TypeString, ReadOnly: true},
		{Name: "objectClass", Type: connector.TypeString, Multi: true, ReadOnly: true},
		{Name: "userPassword", Type: connector.TypeBinary, Multi: true, ReadOnly: true},
		{Name: "title", Type: connector.TypeString, Multi: true},
		{Name: "displayName", Type: connector.TypeString},
		{Name: "manager", Type: connector.TypeDN, Multi: true},
		{Name: "jpegPhoto", Type: connector.TypeBinary, Multi: true},
	} {
		requireAttribute(t, list, want)
	}
	sn, ok := connector.FindAttribute(list, "Surname")
	require.True(t, ok)
	require.Equal(t, "sn", sn.Name)
	_, ok = connector.FindAttribute(list, "uidNumber")
	require.False(t, ok, "the classes of an account do not allow it")
	require.Equal(t, []string{"sn"}, connector.MissingAttributes(list, []string{"title"}))

	posix := readSchema(t, open(t, s, connectortest.Options{}, map[string]any{"person_classes": []any{"inetOrgPerson", "posixAccount"}}))
	requireAttribute(t, posix, connector.SchemaAttribute{Name: "uidNumber", Type: connector.TypeNumber, Required: true})
	require.Equal(t, []string{"gidNumber", "homeDirectory", "uidNumber"}, connector.MissingAttributes(posix, []string{"sn"}))

	_, err := open(t, s, connectortest.Options{}, map[string]any{"person_classes": []any{"martian"}}).(connector.SchemaReader).Schema(t.Context())
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.Contains(t, fault.Sentence(err), "martian")
}

func TestSchema_ActiveDirectory(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedSamba(t)
	list := readSchema(t, openAD(t, s, connectortest.Options{}, nil))
	for _, want := range []connector.SchemaAttribute{
		{Name: "sn", Type: connector.TypeString, MaxLength: 64},
		{Name: "cn", Type: connector.TypeString, MaxLength: 64, CreateOnly: true},
		{Name: "sAMAccountName", Type: connector.TypeString, MaxLength: 20, ReadOnly: true},
		{Name: "userAccountControl", Type: connector.TypeNumber, ReadOnly: true},
		{Name: "unicodePwd", Type: connector.TypeBinary, ReadOnly: true},
		{Name: "memberOf", Type: connector.TypeDN, Multi: true, ReadOnly: true},
		{Name: "objectSid", Type: connector.TypeBinary, ReadOnly: true, MaxLength: 28},
		{Name: "whenChanged", Type: connector.TypeTimestamp, ReadOnly: true},
		{Name: "tokenGroups", Type: connector.TypeBinary, Multi: true, ReadOnly: true},
		{Name: "userPrincipalName", Type: connector.TypeString, MaxLength: 1024},
		{Name: "mail", Type: connector.TypeString, MaxLength: 256},
		{Name: "title", Type: connector.TypeString, MaxLength: 128},
		{Name: "department", Type: connector.TypeString, MaxLength: 64},
		{Name: "manager", Type: connector.TypeDN},
		{Name: "accountExpires", Type: connector.TypeNumber},
		{Name: "proxyAddresses", Type: connector.TypeString, Multi: true, MaxLength: 1123},
		{Name: "msNPAllowDialin", Type: connector.TypeBool},
	} {
		requireAttribute(t, list, want)
	}
	_, ok := connector.FindAttribute(list, "groupType")
	require.False(t, ok, "groups have it, users do not")
	require.Empty(t, connector.MissingAttributes(list, nil), "the connection fills in what Active Directory asks for")
}

// particular lists what takes only values of a form of its own, or entries of a
// kind that this domain does not have.
var particular = []string{"preferredDeliveryMethod", "teletexTerminalIdentifier", "x500UniqueIdentifier", "pwdLastSet", "servicePrincipalName", "userParameters",
	"msDS-AssignedAuthNPolicy", "msDS-AssignedAuthNPolicySilo", "msTSPrimaryDesktop", "msTSSecondaryDesktops"}

// What the schema lists as settable can be set, with values of the listed type.
func TestSchema_SettableIsTrue(t *testing.T) {
	t.Parallel()
	slapd := connectortest.StartSlapd(t)
	for name, openIt := range map[string]func(t *testing.T) connector.Conn{
		"OpenLDAP": func(t *testing.T) connector.Conn { return open(t, slapd, connectortest.Options{}, nil) },
		"Active Directory": func(t *testing.T) connector.Conn {
			return openAD(t, connectortest.SharedSamba(t), connectortest.Options{}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := openIt(t)
			dir := conn.(connector.Directory)
			made, err := dir.EnsureAccount(t.Context(), want("settable", nil))
			require.NoError(t, err)
			tried := 0
			for _, a := range readSchema(t, conn) {
				v, ok := map[connector.ValueType]any{connector.TypeString: "12", connector.TypeBool: true, connector.TypeNumber: 1.0, connector.TypeDN: made.ID,
					connector.TypeTimestamp: "20261201000000.0Z"}[a.Type]
				if !ok || a.ReadOnly || a.CreateOnly || slices.Contains(particular, a.Name) {
					continue
				}
				tried++
				_, err := dir.UpdateAccount(t.Context(), made.ID, map[string]any{a.Name: v})
				if err != nil {
					t.Errorf("%s %s: %v", a.Name, a.Type, err)
				}
			}
			require.Greater(t, tried, 20)
		})
	}
}
