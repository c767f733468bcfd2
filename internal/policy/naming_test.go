package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"joinery/internal/joiner"
)

// std is the reference's policy "std".
const std = `
key: std
name: Standard names
type: naming
naming:
  spaces:
    - {space: login, kind: ad-login}
    - {space: upn, kind: upn, domain: example.com}
    - {space: mail, kind: mail, same_as: upn, domain: '=Switch(joiner.country, "example.com", "DE", "example.de")'}
    - {space: cn, kind: cn}
  candidates:
    - {space: login, pattern: "{f}{last}"}
    - {space: login, pattern: "{f}{m}{last}"}
    - {space: login, pattern: "{first}.{last}"}
    - {space: login, pattern: "{f}{last}{n}"}
    - {space: upn, pattern: "{first}.{last}"}
    - {space: upn, pattern: "{first}.{last}{n}"}
    - {space: cn, pattern: "{first} {last}"}
    - {space: cn, pattern: "{first} {last} ({worker})"}
  profiles:
    - {when: 'joiner.country == "DE"', profile: de}
    - {when: 'joiner.country == "DK"', profile: nordic}
cases:
  - name: Jörg Müller, whose common name is taken by a Jorg Muller
    worker: E1042
    joiner: {first_name: Jörg, last_name: Müller, country: DE}
    taken: [{space: cn, name: Jorg Muller}]
    expect: {login: jmueller, upn: joerg.mueller@example.com, mail: joerg.mueller@example.de, cn: Jörg Müller (E1042)}
  - name: Jorg Muller, plain
    joiner: {first_name: Jorg, last_name: Muller}
    expect: {login: jmuller, upn: jorg.muller@example.com, mail: jorg.muller@example.com, cn: Jorg Muller}
  - name: Apostrophe, hyphen and marks
    joiner: {first_name: Zoë, last_name: O'Brien-Núñez}
    expect: {login: zobriennunez, upn: zoe.obriennunez@example.com, cn: Zoë O'Brien-Núñez}
  - name: A long name is cut
    joiner: {first_name: Maximiliana, last_name: Featherstonehaugh-Cholmondeley}
    expect: {login: mfeatherstonehaughch, upn: maximiliana.featherstonehaughcholmondeley@example.com}
  - name: The second holder of a long name keeps room for the number
    joiner: {first_name: Maximiliana, last_name: Featherstonehaugh-Cholmondeley}
    taken: [{space: login, name: mfeatherstonehaughch}, {space: login, name: maximiliana.feathers}]
    expect: {login: mfeatherstonehaughc2}
  - name: Particles stay together
    joiner: {first_name: Jan, last_name: van der Berg}
    expect: {login: jvanderberg, mail: jan.vanderberg@example.com, cn: Jan van der Berg}
  - name: Letters without a decomposition
    joiner: {first_name: Łukasz, last_name: Żółć}
    expect: {login: lzolc, mail: lukasz.zolc@example.com}
  - name: Danish, plain
    joiner: {first_name: Søren, last_name: Østergård}
    expect: {login: sostergard, mail: soren.ostergard@example.com}
  - name: Danish, by its profile
    joiner: {first_name: Søren, last_name: Østergård, country: DK}
    expect: {login: soestergaard, mail: soeren.oestergaard@example.com}
  - name: Cyrillic as in passports
    joiner: {first_name: Юлия, last_name: Щербакова}
    expect: {login: ishcherbakova, mail: iuliia.shcherbakova@example.com, cn: Юлия Щербакова}
  - name: No Latin form needs a person
    joiner: {first_name: 小明, last_name: 王}
    error: The name has no Latin form
  - name: The Latin form of the HRIS is taken
    joiner: {first_name: 小明, last_name: 王, latin_first_name: Xiaoming, latin_last_name: Wang}
    expect: {login: xwang, cn: 小明 王}
  - name: One name
    joiner: {first_name: Sukarno}
    expect: {login: sukarno, mail: sukarno@example.com, cn: Sukarno}
  - name: One name that is taken
    joiner: {last_name: Sukarno}
    taken: [{space: login, name: SUKARNO}]
    expect: {login: sukarno2}
  - name: Names kept for the same person come back
    joiner: {first_name: Ann, last_name: Lee}
    taken: [{space: login, name: annlee7, holder: joiner}, {space: upn, name: lee.ann@example.com, holder: joiner}]
    expect: {login: annlee7, upn: lee.ann@example.com, mail: lee.ann@example.com}
  - name: The preferred name counts
    joiner: {first_name: Robert, preferred_name: Bob, last_name: Lee}
    expect: {login: blee, cn: Bob Lee}
`

// F1: the fixtures of naming.
func TestNaming_F1_Fixtures(t *testing.T) {
	t.Parallel()
	c := parse(t, std)
	require.Empty(t, Check(c, Known{}))
	for _, r := range RunCases(t.Context(), c) {
		t.Run(r.Case.Name, func(t *testing.T) { require.True(t, r.Passed, "%s %+v", r.Why, r.Outcome.Reasons) })
	}
}

// F2: contractors have a prefix and addresses of their own.
func TestNaming_F2_Contractors(t *testing.T) {
	t.Parallel()
	c := parse(t, `
key: ext
name: Contractors
type: naming
naming:
  spaces: [{space: login, kind: ad-login}, {space: mail, kind: mail, domain: example.com}]
  candidates:
    - {space: login, pattern: "c-{f}{last}"}
    - {space: login, pattern: "c-{f}{last}{n}"}
    - {space: mail, pattern: "{first}.{last}.ext"}
cases:
  - {name: prefix, joiner: {first_name: Zoë, last_name: O'Brien-Núñez}, expect: {login: c-zobriennunez, mail: zoe.obriennunez.ext@example.com}}
  - {name: cut, joiner: {first_name: Max, last_name: Featherstonehaugh-Cholmondeley}, taken: [{space: login, name: C-mfeatherstonehaugh}], expect: {login: c-mfeatherstonehaug2}}
  - {name: exhausted, joiner: {first_name: Ann, last_name: Lee}, taken: [{space: mail, name: ann.lee.ext@EXAMPLE.com}], error: Every candidate for mail is taken}
`)
	for _, r := range RunCases(t.Context(), c) {
		require.True(t, r.Passed, r.Why)
	}
	require.Empty(t, Check(c, Known{}))
}

// F7: the login is the employee number.
func TestNaming_F7_EmployeeNumber(t *testing.T) {
	t.Parallel()
	c := parse(t, `
key: store
name: Stores
type: naming
naming:
  spaces: [{space: login, kind: posix}]
  candidates: [{space: login, pattern: "s{employee_number}"}, {space: login, pattern: '="x" + joiner.last_name', when: 'joiner.country == "DK"'}]
  reserved: [xCeo]
cases:
  - {name: number, joiner: {first_name: A, last_name: B, employee_number: "00471"}, expect: {login: s00471}}
  - {name: computed, joiner: {first_name: A, last_name: Bøg, country: DK}, expect: {login: xbog}}
  - {name: reserved, joiner: {first_name: A, last_name: Ceo, country: DK}, error: Every candidate}
  - {name: none, joiner: {first_name: A, last_name: B}, error: Every candidate}
  - {name: nobody, joiner: {country: DK}, error: gives no name}
`)
	require.Empty(t, Check(c, Known{}))
	var s Subject
	s.Worker.Attributes = map[string]any{"first_name": "A", "last_name": "Ceo", "country": "DK"}
	o, err := c.Naming.Try(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, "There is no employee number.", o.Reasons[0].Detail)
	require.Equal(t, "Reserved.", o.Reasons[1].Detail)
	require.Empty(t, o.Names)
}

func TestNaming_WrongPolicies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`spaces: []`: "Name at least one space",
		`spaces: [{space: Login, kind: ad-login}]`:                                                           "lower-case letters",
		`spaces: [{space: a, kind: x}]`:                                                                      "Choose a kind",
		`spaces: [{space: a, kind: upn}]`:                                                                    "need a domain",
		`spaces: [{space: a, kind: upn, domain: exa mple}]`:                                                  "no domain",
		`spaces: [{space: a, kind: upn, domain: "=joiner.contry"}]`:                                          "contry",
		`spaces: [{space: a, kind: cn, domain: x.y}]`:                                                        "have no domain",
		`spaces: [{space: a, kind: cn}, {space: a, kind: cn}]`:                                               "Two spaces",
		`spaces: [{space: a, kind: cn, same_as: b}]`:                                                         `no space "b"`,
		`spaces: [{space: a, kind: cn}]`:                                                                     "No candidate is for a",
		`spaces: [{space: a, kind: cn}], candidates: [{space: b, pattern: "{last}"}]`:                        `no space "b"`,
		`spaces: [{space: a, kind: ad-login}], candidates: [{space: a, pattern: "{lsat}"}]`:                  "no token",
		`spaces: [{space: a, kind: ad-login}], candidates: [{space: a, pattern: "{last}+"}]`:                 "does not allow",
		`spaces: [{space: a, kind: ad-login}], candidates: [{space: a, pattern: "=1 +"}]`:                    "candidates.0.pattern",
		`spaces: [{space: a, kind: ad-login}], candidates: [{space: a, pattern: "{last}", when: joiner.x.}]`: "candidates.0.when",
		`profile: xx`:                         "no transliteration",
		`profiles: [{when: "", profile: de}]`: "Write for whom",
		`hold: soon`:                          "duration",
		`highest: 1`:                          "from 2",
		`first: x`:                            "preferred or legal",
		`spaces: [{space: a, kind: cn, connections: [nowhere]}]`: `no connection "nowhere"`,
		`spaces: [{space: a, kind: cn, connections: [hr]}]`:      "no accounts",
	} {
		var all string
		for _, p := range Check(parse(t, "name: x\ntype: naming\nnaming: {"+text+"}"), Known{Connections: map[string][]string{"hr": {"workers"}}}) {
			all += p.Path + ": " + p.Detail + "\n"
		}
		require.Contains(t, all, want, text)
	}
}

// Two joiners in a row never get the same name, and the same joiner gets the same.
func TestNaming_DeterministicAndUnique(t *testing.T) {
	t.Parallel()
	c := parse(t, std)
	name := rapid.OneOf(rapid.SampledFrom([]string{"Jörg", "Jorg", "J.", "JORG", "Müller", "Muller", "Mueller", "王", "", "Sukarno", "O'Brien"}), rapid.String())
	rapid.Check(t, func(r *rapid.T) {
		var held taken
		for i := range rapid.IntRange(1, 12).Draw(r, "joiners") {
			s := Subject{Now: time.Now(), Lookups: held, Worker: joiner.Worker{ID: fmt.Sprint("E", i), Attributes: map[string]any{"first_name": name.Draw(r, "first"), "last_name": name.Draw(r, "last"), "country": rapid.SampledFrom([]string{"DE", "DK", ""}).Draw(r, "country")}}}
			o, err := c.Naming.Try(t.Context(), s)
			require.NoError(t, err)
			again, err := c.Naming.Try(t.Context(), s)
			require.NoError(t, err)
			require.Equal(t, o.Output, again.Output)
			if o.Person != "" {
				require.Empty(t, o.Names)
				continue
			}
			require.Len(t, o.Names, 4)
			for _, n := range o.Names {
				require.NotEmpty(t, n.Name)
				for _, h := range held {
					require.False(t, h.Space == n.Space && n.Equality.Key(h.Name) == n.Key, "%s twice", n.Name)
				}
			}
			for _, n := range o.Names {
				held = append(held, Taken{Space: n.Space, Name: n.Name})
			}
		}
	})
}
