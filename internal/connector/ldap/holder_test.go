package ldap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
)

func openLive(t *testing.T, s connector.Settings, password string, change map[string]any) *conn {
	t.Helper()
	for k, v := range change {
		s.Settings[k] = v
	}
	return connectortest.Open(t, Type{}, s, map[string]string{"bind_password": password}).(*conn)
}

type holding struct {
	attribute, value string
	by               string // the label of who holds it; "" for nobody
}

// ask looks for common names among the people only.
func ask(c *conn, attribute, value string) connector.NameQuery {
	q := connector.NameQuery{Attribute: attribute, Value: value}
	if attribute == "cn" {
		q.Within = c.set.peopleBase
	}
	return q
}

func requireHolders(t *testing.T, c *conn, cases []holding) {
	t.Helper()
	for _, h := range cases {
		found, err := c.Holders(t.Context(), ask(c, h.attribute, h.value))
		require.NoError(t, err, "%v", h)
		if h.by == "" {
			require.Empty(t, found, "%v", h)
			continue
		}
		require.Len(t, found, 1, "%v", h)
		require.Equal(t, h.by, found[0].Label, "%v", h)
	}
}

func make1(t *testing.T, c *conn, login string, attrs map[string]any) connector.Account {
	t.Helper()
	all := map[string]any{"sn": "Holder"}
	for k, v := range attrs {
		all[k] = v
	}
	a, err := c.EnsureAccount(t.Context(), connector.Ensure{Stamp: "hris:" + login, Name: login, Attributes: all})
	require.NoError(t, err)
	return a
}

func TestHolders_ActiveDirectory(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedSamba(t)
	c := openLive(t, s.Settings("ad"), s.Password, nil)
	jorg := make1(t, c, "hmüller", map[string]any{"cn": "Hörg Müller", "mail": "hoerg@corp.example", "proxyAddresses": []any{"SMTP:hoerg@corp.example", "smtp:h.mueller@corp.example"}})
	make1(t, c, "hstrasse", map[string]any{"cn": "Hans Straße", "userPrincipalName": "h.strasse@corp.example"})
	require.NoError(t, s.Add("OU=deep,"+s.PeopleBase, map[string][]string{"objectClass": {"organizationalUnit"}}))
	require.NoError(t, s.Add("CN=In Depth,OU=deep,"+s.PeopleBase, map[string][]string{"objectClass": {"user"}, "sAMAccountName": {"indepth"}}))
	require.NoError(t, s.Add("CN=Press,"+s.GroupsBase, map[string][]string{"objectClass": {"contact"}, "proxyAddresses": {"smtp:press@corp.example"}}))
	require.NoError(t, s.Add("CN=hpc,CN=Computers,"+s.BaseDN, map[string][]string{"objectClass": {"computer"}, "sAMAccountName": {"hpc$"}, "userAccountControl": {"4096"}}))
	requireHolders(t, c, []holding{
		{connector.LoginName, "HMÜLLER", "Hörg Müller"}, {"sAMAccountName", "hmüller", "Hörg Müller"}, {"sAMAccountName", "hmueller", ""},
		{"sAMAccountName", "sales", "sales"}, {"sAMAccountName", "Administrator", "Administrator"}, {"sAMAccountName", "HPC$", "hpc"}, {"samaccountname", "indepth", "In Depth"},
		{"userPrincipalName", "hmüller@AD.joinery.test", "Hörg Müller"}, {"userPrincipalName", "hstrasse@ad.joinery.test", "Hans Straße"},
		{"userPrincipalName", "H.Strasse@corp.example", "Hans Straße"}, {"userPrincipalName", "sales@ad.joinery.test", "sales"}, {"userPrincipalName", "hstrasse@corp.example", ""},
		{"mail", "Hoerg@Corp.example", "Hörg Müller"}, {"mail", "H.Mueller@corp.example", "Hörg Müller"}, {"proxyAddresses", "smtp:HOERG@corp.example", "Hörg Müller"},
		{"mail", "press@corp.example", "Press"}, {"mail", "pres@corp.example", ""},
		{"cn", "hÖRG mÜLLER", "Hörg Müller"}, {"cn", "Hörg  Müller", "Hörg Müller"}, {"cn", "HANS STRAßE", "Hans Straße"},
		{"cn", "In Depth", "In Depth"}, {"cn", "sales", ""}, {"cn", "deep", ""},
		{"cn", "*", ""}, {"cn", "H*", ""}, {"cn", ")(cn=*", ""}, {"cn", "", ""},
	})
	held, err := c.Holders(t.Context(), ask(c, "mail", "h.mueller@CORP.example"))
	require.NoError(t, err)
	require.Equal(t, []connector.Holder{{ID: jorg.ID, Kind: connector.HolderAccount, Label: "Hörg Müller", Stamp: "hris:hmüller", Attribute: "proxyAddresses", Value: "smtp:h.mueller@corp.example"}}, held)
	held, err = c.Holders(t.Context(), connector.NameQuery{Attribute: "cn", Value: "sales"})
	require.NoError(t, err)
	require.Len(t, held, 1, "everywhere")
	held, err = c.Holders(t.Context(), connector.NameQuery{Attribute: "cn", Value: "sales", Within: "OU=nowhere," + s.BaseDN})
	require.NoError(t, err)
	require.Empty(t, held, "nothing lies there yet")
	for _, bad := range []string{"OU=people,DC=other", "nonsense"} {
		_, err = c.Holders(t.Context(), connector.NameQuery{Attribute: "cn", Value: "sales", Within: bad})
		require.True(t, fault.Is(err, fault.Invalid), bad)
	}
	for attribute, kinds := range map[string]map[string]string{"sAMAccountName": {"sales": connector.HolderGroup, "hpc$": connector.HolderComputer}, "mail": {"press@corp.example": connector.HolderContact}} {
		for value, kind := range kinds {
			held, err = c.Holders(t.Context(), ask(c, attribute, value))
			require.NoError(t, err)
			require.Equal(t, kind, held[0].Kind)
			require.Empty(t, held[0].Stamp)
		}
	}
}

// Whatever the live check says about a common name, creating the account says the
// same: nobody holds it and it is made, or somebody does and the answer names cn.
func TestHolders_AgreeWithCreation(t *testing.T) {
	t.Parallel()
	samba, slapd := connectortest.SharedSamba(t), connectortest.StartSlapd(t)
	for name, c := range map[string]*conn{
		"Active Directory": openLive(t, samba.Settings("ad"), samba.Password, nil),
		"OpenLDAP":         openLive(t, slapd.Settings("ldap"), slapd.Password, map[string]any{"rdn_attribute": "cn"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, pair := range [][2]string{
				{"Jörg Möller", "JÖRG MÖLLER"}, {"Jörg Nöller", "Jorg Noller"}, {"Jorg Oller", "Jörg Öller"}, {"Eva Weiß", "Eva Weiss"}, {"Eva Weisser", "Eva Weißer"}, {"Ann Lee", "Ann  Lee"},
				{"Ann Leo", "Ann Le"}, {"Zoë Ka", "Zoe\u0308 Ka"}, {"Ian O'Neil", "Ian O’Neil"}, {"Łucja Z", "Lucja Z"}, {"Søren K", "Soren K"}, {"İlker T", "ilker T"},
			} {
				login := func(n int) string { return "agree" + string(rune('a'+i)) + string(rune('0'+n)) }
				_, err := c.EnsureAccount(t.Context(), connector.Ensure{Stamp: "hris:" + login(0), Name: login(0), Attributes: map[string]any{"cn": pair[0], "sn": "x"}})
				require.NoError(t, err, pair[0])
				held, err := c.Holders(t.Context(), ask(c, "cn", pair[1]))
				require.NoError(t, err)
				_, err = c.EnsureAccount(t.Context(), connector.Ensure{Stamp: "hris:" + login(1), Name: login(1), Attributes: map[string]any{"cn": pair[1], "sn": "x"}})
				if len(held) == 0 {
					require.NoError(t, err, "%v: nobody holds it", pair)
					continue
				}
				requireKey(t, err, "cn")
			}
		})
	}
}

func requireKey(t *testing.T, err error, key string) {
	t.Helper()
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, fault.Conflict, f.Kind, "%v", err)
	require.Equal(t, key, f.Key, "%v", err)
}

// What each server takes for the same common name. Samba is not Microsoft here:
// that folds diacritics and ß too ([MS-ADTS] 3.1.1.2.2.4), which a naming policy's
// name space therefore does by itself.
func TestHolders_Equality(t *testing.T) {
	t.Parallel()
	samba, slapd := connectortest.SharedSamba(t), connectortest.StartSlapd(t)
	ad, open := openLive(t, samba.Settings("ad"), samba.Password, nil), openLive(t, slapd.Settings("ldap"), slapd.Password, map[string]any{"rdn_attribute": "cn"})
	for i, c := range []struct {
		held, asked  string
		inAD, inOpen bool
	}{
		{"Jörg Müller", "JÖRG MÜLLER", true, true},
		{"Jörg Xüller", "Jorg Xuller", false, false},
		{"Jorg Yuller", "Jörg Yüller", false, false},
		{"Max Weiß", "Max Weiss", false, false},
		{"Max Geiss", "Max Geiß", false, false},
		{"Ann Loo", "ann  loo", true, true},
		{"Zoë Qua", "Zoe\u0308 Qua", false, true},
		{"Łukasz Q", "łukasz q", true, true},
		{"Иван П", "ИВАН п", true, true},
		{"Νίκος Σ", "ΝΊΚΟΣ σ", true, false}, // OpenLDAP tells the two small sigmas apart
	} {
		login := "equality" + string(rune('a'+i))
		make1(t, ad, login, map[string]any{"cn": c.held})
		make1(t, open, login, map[string]any{"cn": c.held})
		for dir, want := range map[*conn]bool{ad: c.inAD, open: c.inOpen} {
			held, err := dir.Holders(t.Context(), ask(dir, "cn", c.asked))
			require.NoError(t, err)
			if (len(held) > 0) != want {
				t.Errorf("%q held, %q asked, Active Directory %v: %v", c.held, c.asked, dir.ad(), held)
			}
		}
	}
}
