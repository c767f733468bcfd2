package ldap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The words of Microsoft's domain controllers, which no test here can ask, beside
// those of Samba and OpenLDAP.
func TestRefusalTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ taken, attribute string }{
		"00000524: UpdErr: DSID-031A11FA, problem 6005 (ENTRY_EXISTS), data 0":                                                                          {"sAMAccountName", ""},
		"00002071: UpdErr: DSID-0305038D, problem 6005 (ENTRY_EXISTS), data 0":                                                                          {"", ""},
		"000021C8: AtrErr: DSID-03200BBA, #1:\n\t0: 000021C8: DSID-03200BBA, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 90290 (userPrincipalName)": {"userPrincipalName", "userPrincipalName"},
		"00002082: AtrErr: DSID-031519B0, #1:\n\t0: 00002082: DSID-031519B0, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9 (title):len 258":         {"", "title"},
		"00002071: samldb: samAccountName 'x' already in use!":                                                                                          {"samAccountName", ""},
		"00002071: samldb: sAMAccountName 'x' is already in use (implied by userPrincipalName)":                                                         {"userPrincipalName", ""},
		"0000202F: samldb: userPrincipalName 'it's' is already in use ":                                                                                 {"userPrincipalName", ""},
		"0000200B: objectclass_attrs: attribute 'msDS-cloudExtensionAttribute1' on entry 'CN=x' contains":                                               {"", "msDS-cloudExtensionAttribute1"},
		"0000200D: SINGLE-VALUE attribute title on CN=x specified more than once":                                                                       {"", "title"},
		"non-unique attributes found with (|(mail=A@X.test))":                                                                                           {"mail", ""},
		"noSuchThing: attribute type undefined":                                                                                                         {"", "noSuchThing"},
		"some attributes not unique":                                                                                                                    {"", ""},
		"":                                                                                                                                              {"", ""},
	} {
		require.Equal(t, want.taken, saidTaken(text), text)
		require.Equal(t, want.attribute, saidAttribute(text), text)
	}
	require.Equal(t, "0000052D", adCode("0000052d: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0"))
	require.Empty(t, adCode("attribute 'x'"))
}
