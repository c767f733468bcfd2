package connectortest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

func (s suite) anyScript(t *testing.T) {
	dir := s.open(t, Options{})
	for _, name := range []string{"Zoë Łukasz-Ødegård", "李 小龍", "Нина Ильинична", "محمد", "J̈ürgen\u0308", "O'Brien, Jr.", "😀 Smith"} {
		want := s.want("k.")
		want.Attributes[s.Wide] = name
		made, err := dir.EnsureAccount(ctx(t), want)
		require.NoError(t, err, name)
		got, ok, err := dir.FindAccount(ctx(t), connector.Lookup{ID: made.ID})
		require.NoError(t, err, name)
		require.True(t, ok)
		require.Equal(t, name, got.Attributes[s.Wide])
	}
}

// Injections is S-84's corpus: what a name could hold to mean more than itself
// in a filter, a DN, a SCIM filter, an OData filter or a path.
func Injections() []string {
	return []string{
		"*", "a*", "*)(uid=*", "*)(|(uid=*))", "x)(objectClass=*", `\2a`, `\`, `a\`, "(", ")", "(&)", "|(uid=*)", "a)(&(uid=b", "!(uid=a)",
		"a,ou=svc", `a\,ou=svc`, "a+cn=b", `a"b`, "#04024869", "a;b", "a<b>c", "a=b", " lead", "trail ", "a/b", ".", "..", "../admin", "..%2fadmin", "%2e%2e", "a?b=c", "a#b",
		`a" or userName pr or userName eq "b`, `" or "1" eq "1`, `\" or userName pr or \"`, `a') or (true`, "a' or '1'='1", "userName sw \"a\"", "a]b[c", "emails[type eq \"work\"]",
		"${jndi:ldap://x}", "{{7*7}}", "<script>", "a&b|c`d`", "${IFS}", "-rf", "a%00b", "%s%n", "a:b", "a@b@c",
	}
}

func (s suite) injection(t *testing.T) {
	dir, victim := s.open(t, Options{}), s.want("lena.")
	_, err := dir.EnsureAccount(ctx(t), victim)
	require.NoError(t, err)
	for _, name := range Injections() {
		// Nothing is called this, so nothing may be found, whoever is in the directory.
		for _, by := range []connector.Lookup{{Name: name}, {Stamp: name}, {ID: name}, {Attribute: s.Field, Value: name}} {
			_, ok, err := dir.FindAccount(ctx(t), by)
			if err != nil {
				require.True(t, fault.Is(err, fault.Invalid), "%q: %v", name, err)
			}
			require.False(t, ok, "%q found something by %+v", name, by)
		}
		_, ok, err := dir.FindGroup(ctx(t), name)
		if err != nil {
			require.True(t, fault.Is(err, fault.Invalid), "%q: %v", name, err)
		}
		require.False(t, ok, "%q is no group", name)

		// As a login it is taken literally or refused with a sentence.
		want := s.wantAs(name)
		want.Attributes[s.Wide] = "!" + name + "!"
		made, err := dir.EnsureAccount(ctx(t), want)
		if err != nil {
			require.True(t, fault.Is(err, fault.Invalid), "%q: %v", name, err)
			continue
		}
		// Some services trim the ends.
		require.True(t, strings.EqualFold(strings.TrimSpace(name), strings.TrimSpace(made.Name)), "%q became %q", name, made.Name)
		got, ok, err := dir.FindAccount(ctx(t), connector.Lookup{Stamp: want.Stamp})
		require.NoError(t, err, name)
		require.True(t, ok, name)
		require.Equal(t, made.ID, got.ID, name)
		require.Equal(t, "!"+name+"!", got.Attributes[s.Wide])
	}
	still, ok, err := dir.FindAccount(ctx(t), connector.Lookup{Name: victim.Name})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, victim.Stamp, still.Stamp)
}

func (s suite) hugeName(t *testing.T) {
	dir := s.open(t, Options{})
	huge := strings.Repeat("ä", 5<<20)
	_, err := dir.EnsureAccount(ctx(t), s.wantAs(huge))
	requireShortRefusal(t, err)
	want := s.want("mia.")
	want.Attributes[s.Wide] = huge
	_, err = dir.EnsureAccount(ctx(t), want)
	requireShortRefusal(t, err)
	_, ok, err := dir.FindAccount(ctx(t), connector.Lookup{Stamp: want.Stamp})
	require.NoError(t, err)
	require.False(t, ok, "nothing may be half-written")
	_, _, err = dir.FindAccount(ctx(t), connector.Lookup{Name: huge})
	requireShortRefusal(t, err)
}

func (s suite) invalidText(t *testing.T) {
	dir := s.open(t, Options{})
	for _, bad := range []string{"a\xff\xfeb", "a\x00b", "line\nbreak", "", "   "} {
		_, err := dir.EnsureAccount(ctx(t), s.wantAs(bad))
		requireShortRefusal(t, err)
	}
}

func requireShortRefusal(t *testing.T, err error) {
	t.Helper()
	require.True(t, fault.Is(err, fault.Invalid), "%.300v", err)
	require.Less(t, len(fault.Sentence(err)), 1000)
}
