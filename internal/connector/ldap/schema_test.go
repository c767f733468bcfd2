package ldap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

func TestParseDescription(t *testing.T) {
	t.Parallel()
	d, err := parseDescription(`( 2.5.4.4 NAME ( 'sn' 'surname' ) DESC 'RFC2256: last (family) name(s) $ SUP' SUP name SINGLE-VALUE X-ORIGIN 'it' )`)
	require.NoError(t, err)
	require.Equal(t, "2.5.4.4", d.oid)
	require.Equal(t, []string{"sn", "surname"}, d.names())
	require.Equal(t, "name", d.first("SUP"))
	require.Equal(t, "RFC2256: last (family) name(s) $ SUP", d.first("DESC"))
	require.Contains(t, d.fields, "SINGLE-VALUE")

	d, err = parseDescription(`(2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST (sn$cn) MAY ( userPassword $ O $ description ))`)
	require.NoError(t, err)
	require.Equal(t, []string{"sn", "cn"}, d.fields["MUST"])
	require.Equal(t, []string{"userPassword", "O", "description"}, d.fields["MAY"])

	d, err = parseDescription(`( 1.2.3 SYNTAX '1.3.6.1.4.1.1466.115.121.1.12' )`)
	require.NoError(t, err)
	require.Equal(t, []string{"1.2.3"}, d.names())

	for _, bad := range []string{"", "()", "( )", "1.2.3 NAME 'x'", "( 1.2.3 NAME 'x )", "( 1.2.3 NAME ( 'x' )", "nonsense"} {
		_, err := parseDescription(bad)
		require.Error(t, err, bad)
	}
}

func FuzzParseDescription(f *testing.F) {
	f.Add(`( 2.5.4.4 NAME ( 'sn' 'surname' ) SUP name )`)
	f.Add(`( 1 'a`)
	f.Fuzz(func(_ *testing.T, text string) {
		d, err := parseDescription(text)
		if err == nil {
			_ = readSubschema([]string{text}, []string{text}, []string{text})
			_ = d.names()
		}
	})
}

// What a directory may declare and the two under test do not.
func TestReadSubschema(t *testing.T) {
	t.Parallel()
	s := readSubschema([]string{
		`( 1 NAME 'above' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27{64} )`, `( 2 NAME 'below' SUP above SINGLE-VALUE )`,
		`( 3 NAME 'ring' SUP other )`, `( 4 NAME 'other' SUP ring )`, `( 5 NAME 'kept' NO-USER-MODIFICATION USAGE directoryOperation SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 )`, `broken`,
	}, []string{
		`( 10 NAME 'top' ABSTRACT MAY kept )`, `( 11 NAME 'person' SUP top STRUCTURAL MUST ( below $ mark ) MAY ( ring $ unknown ) )`, `( 12 NAME 'extra' AUXILIARY MUST above )`,
		`( 13 NAME 'extensibleObject' SUP top AUXILIARY )`, `broken`,
	}, []string{`( 11 NAME 'rule' MUST other NOT ring )`, `( 99 NAME 'of nobody' )`})
	c := &conn{set: settings{login: "uid", stamp: "mark", rdn: "uid", classes: []string{"person"}}}
	list, err := c.allowed(s)
	require.NoError(t, err)
	require.ElementsMatch(t, []connector.SchemaAttribute{
		{Name: "below", Type: connector.TypeNumber, Required: true, Aliases: []string{}},
		{Name: "kept", Type: connector.TypeTimestamp, Multi: true, ReadOnly: true, Aliases: []string{}},
		{Name: "other", Type: connector.TypeString, Multi: true, Required: true, Aliases: []string{}},
	}, list)
	c.set.classes = []string{"extensibleObject"}
	list, err = c.allowed(s)
	require.NoError(t, err)
	require.Len(t, list, 5, "all that there is")
	c.set.classes = []string{"person", "martian"}
	_, err = c.allowed(s)
	require.True(t, fault.Is(err, fault.Invalid))
	require.Contains(t, fault.Sentence(err), "martian")
}
