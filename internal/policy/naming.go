package policy

import (
	"context"
	"strings"
	"sync"
	"time"

	"joinery/internal/expr"
	"joinery/internal/form"
	"joinery/internal/naming"
)

// Naming is how a company names its joiners in all its systems at once.
type Naming struct {
	// First is what {first} stands for: "preferred" (the preferred name where there
	// is one) or "legal". Empty means preferred.
	First string `json:"first,omitempty" yaml:"first,omitempty"`
	// Profile writes names in Latin letters, unless a row of Profiles holds.
	Profile  string       `json:"profile,omitempty" yaml:"profile,omitempty"`
	Profiles []ProfileRow `json:"profiles,omitempty" yaml:"profiles,omitempty"`
	Spaces   []SpaceRow   `json:"spaces,omitempty" yaml:"spaces,omitempty"`
	// Candidates are tried in order, each space's own.
	Candidates []CandidateRow `json:"candidates,omitempty" yaml:"candidates,omitempty"`
	// Highest is the last number {n} becomes; 0 means 99.
	Highest int `json:"highest,omitempty" yaml:"highest,omitempty"`
	// Reserved are words that nobody is named, beside those of systems and roles.
	Reserved []string `json:"reserved,omitempty" yaml:"reserved,omitempty"`
	// Hold is how long names stay held after their run ended without an account;
	// empty means 7d. AfterLeaving and AfterRescinding are how long the names of
	// people who left, or never came, stay theirs: empty means for ever and 30d.
	Hold            string `json:"hold,omitempty" yaml:"hold,omitempty"`
	AfterLeaving    string `json:"after_leaving,omitempty" yaml:"after_leaving,omitempty"`
	AfterRescinding string `json:"after_rescinding,omitempty" yaml:"after_rescinding,omitempty"`
	// LatinFirst and LatinLast are attributes that hold a name in Latin letters where
	// the name itself has none; empty means latin_first_name and latin_last_name.
	LatinFirst string `json:"latin_first,omitempty" yaml:"latin_first,omitempty"`
	LatinLast  string `json:"latin_last,omitempty" yaml:"latin_last,omitempty"`

	programs *expr.Programs
	read     compiledNaming
}

// ProfileRow chooses a profile for some joiners.
type ProfileRow struct {
	When    string `json:"when" yaml:"when"`
	Profile string `json:"profile" yaml:"profile"`
}

// SpaceRow is one name space. Its name is known across all policies: two that name
// the same space share what is taken in it.
type SpaceRow struct {
	Space string `json:"space" yaml:"space"`
	Kind  string `json:"kind" yaml:"kind"`
	// SameAs takes the part before the @ of another space's name.
	SameAs string `json:"same_as,omitempty" yaml:"same_as,omitempty"`
	// Domain follows the @; Within is the place (an OU) in which names are unique.
	Domain string `json:"domain,omitempty" yaml:"domain,omitempty"`
	Within string `json:"within,omitempty" yaml:"within,omitempty"`
	// Connections are looked into before a name is used, each by the attributes; no
	// attribute means the user name.
	Connections []string `json:"connections,omitempty" yaml:"connections,omitempty"`
	Attributes  []string `json:"attributes,omitempty" yaml:"attributes,omitempty"`
	Alphabet    string   `json:"alphabet,omitempty" yaml:"alphabet,omitempty"`
	Max         int      `json:"max,omitempty" yaml:"max,omitempty"`
	Case        string   `json:"case,omitempty" yaml:"case,omitempty"`
	Equality    string   `json:"equality,omitempty" yaml:"equality,omitempty"`
	// Latin writes a common name in Latin letters too.
	Latin bool `json:"latin,omitempty" yaml:"latin,omitempty"`
}

// CandidateRow is a pattern of a space, or an =expression that gives the name.
type CandidateRow struct {
	Space   string `json:"space" yaml:"space"`
	Pattern string `json:"pattern" yaml:"pattern"`
	When    string `json:"when,omitempty" yaml:"when,omitempty"`
}

var _ Rules = (*Naming)(nil)

// compiledNaming are the rules ready to decide, made once.
type compiledNaming struct {
	once     sync.Once
	c        *namer
	problems []namingProblem
}

// Names are lookups that know who holds names, asked for many at once. A naming
// policy asks them where the Lookups are such; else it asks for one name at a time.
type Names interface {
	Lookups
	// Holders tells who holds each name; "" where it is free or the joiner's own.
	Holders(ctx context.Context, names []naming.Name) ([]string, error)
	// Own gives the name that the joiner holds in each space already.
	Own(ctx context.Context) (map[string]string, error)
	// Live tells where a name is in use although nobody holds it here; "" for nowhere.
	Live(ctx context.Context, name naming.Name, in SpaceRow, within string) (string, error)
}

func namingKind() kind {
	return kind{
		spec:  Spec{Type: "naming", Title: "Names", Icon: "at-sign", Help: "How joiners are named: user name, e-mail address and all other names at once, each free in its system.", Fields: namingFields(), Rows: "candidates", Starter: namingStarter},
		rules: func(c Content) (Rules, bool) { return c.Naming, c.Naming != nil },
	}
}

func namingFields() []form.Field {
	var profiles, kinds, equalities []form.Option
	for _, p := range naming.Profiles() {
		profiles = append(profiles, form.Option{Value: string(p.Profile), Label: p.Title})
	}
	for _, k := range naming.Kinds() {
		kinds = append(kinds, form.Option{Value: string(k.Kind), Label: k.Title})
	}
	equalities = append(equalities, form.Option{Label: "as its kind"})
	for _, e := range naming.Equalities() {
		equalities = append(equalities, form.Option{Value: string(e.Equality), Label: e.Title})
	}
	return []form.Field{
		{Key: "spaces", Label: "Name spaces", Kind: form.Table, Required: true, Help: "Each is a list of names in which no two may be the same. Policies that name the same space share it. All names of a joiner are held together.", Columns: []form.Field{
			{Key: "space", Label: "Space", Kind: form.Text, Required: true, Placeholder: "login", Help: "Lower-case letters, digits, _: later steps find the name by it."},
			{Key: "kind", Label: "Kind", Kind: form.Select, Required: true, Options: kinds},
			{Key: "same_as", Label: "Same as", Kind: form.Text, Placeholder: "upn", Help: "Takes the part before the @ of that space."},
			{Key: "domain", Label: "Domain", Kind: form.Text, Expr: true, Placeholder: "example.com", Help: "For addresses; may be an =expression."},
			{Key: "within", Label: "Unique within", Kind: form.Text, Expr: true, Placeholder: "OU=Staff,DC=corp", Help: "Empty: everywhere."},
			{Key: "connections", Label: "Look into", Kind: form.List, Placeholder: "corp-ldap", Help: "Connections in which a name must not be in use."},
			{Key: "attributes", Label: "By attribute", Kind: form.List, Placeholder: "mail, proxyAddresses", Help: "Empty: the user name."},
			{Key: "alphabet", Label: "Alphabet", Kind: form.Text, Placeholder: "a-z0-9.", Help: "What stays of a person's name. Empty: as the kind has it."},
			{Key: "max", Label: "Longest", Kind: form.Number, Help: "Empty: as the kind has it."},
			{Key: "case", Label: "Case", Kind: form.Select, Options: []form.Option{{Label: "as its kind"}, {Value: "lower", Label: "lower"}, {Value: "upper", Label: "UPPER"}, {Value: "keep", Label: "as written"}}},
			{Key: "equality", Label: "Same name when", Kind: form.Select, Options: equalities},
			{Key: "latin", Label: "Latin letters", Kind: form.Bool, Help: "For common names, which otherwise stay as people write them."},
		}},
		{Key: "candidates", Label: "Candidates", Kind: form.Table, Required: true, Help: "Tried from the top; the first that is free is taken. {n} counts from 2.", Columns: []form.Field{
			{Key: "space", Label: "Space", Kind: form.Text, Required: true, Placeholder: "login"},
			{Key: "pattern", Label: "Pattern", Kind: form.Text, Required: true, Placeholder: "{f}{last}", Help: "{first} {f} {last} {l} {middle} {m} {preferred} {one} {worker} {n}, an attribute, or an =expression."},
			{Key: "when", Label: "When", Kind: form.Expression, Result: "bool", Help: "Empty: always."},
		}},
		{Key: "first", Label: "{first} is", Kind: form.Select, Default: "preferred", Options: []form.Option{{Value: "preferred", Label: "the preferred name, where there is one"}, {Value: "legal", Label: "the first name"}}},
		{Key: "profile", Label: "Transliteration", Kind: form.Select, Default: string(naming.Plain), Options: profiles, Help: "How letters such as ö become plain ones. Cyrillic and Greek are written as in passports."},
		{Key: "profiles", Label: "Other transliteration for some", Kind: form.Table, Columns: []form.Field{
			{Key: "when", Label: "When", Kind: form.Expression, Result: "bool", Required: true, Placeholder: `joiner.country == "DE"`},
			{Key: "profile", Label: "Transliteration", Kind: form.Select, Required: true, Options: profiles},
		}},
		{Key: "highest", Label: "Highest number", Kind: form.Number, Default: float64(defaultHighest), Help: "The last {n} that is tried."},
		{Key: "reserved", Label: "Reserved words", Kind: form.List, Placeholder: "ceo, reception", Help: "Beside names of systems and roles, which nobody gets in any case."},
		{Key: "hold", Label: "Hold for", Kind: form.Duration, Placeholder: defaultHold, Group: "How long names are kept", Help: "How long names stay held after a run ended without making the account."},
		{Key: "after_leaving", Label: "After leaving", Kind: form.Duration, Placeholder: "for ever", Group: "How long names are kept", Help: "How long nobody else gets the names of somebody who left. Empty: never."},
		{Key: "after_rescinding", Label: "After rescinding", Kind: form.Duration, Placeholder: defaultRescinded, Group: "How long names are kept", Help: "The same for somebody who never came."},
		{Key: "latin_first", Label: "Latin first name", Kind: form.Text, Placeholder: defaultLatinFirst, Group: "Names in other scripts", Help: "The attribute with the first name in Latin letters."},
		{Key: "latin_last", Label: "Latin last name", Kind: form.Text, Placeholder: defaultLatinLast, Group: "Names in other scripts"},
	}
}

const (
	defaultHighest    = 99
	defaultHold       = "7d"
	defaultRescinded  = "30d"
	defaultLatinFirst = "latin_first_name"
	defaultLatinLast  = "latin_last_name"
)

// Keep are the three times, as durations; 0 for AfterLeaving means for ever.
type Keep struct{ Hold, AfterLeaving, AfterRescinding time.Duration }

// Keeps gives how long names are kept.
func (n *Naming) Keeps() Keep {
	get := func(text, otherwise string) time.Duration {
		if strings.TrimSpace(text) == "" {
			text = otherwise
		}
		d, _ := duration(text)
		return d
	}
	return Keep{get(n.Hold, defaultHold), get(n.AfterLeaving, ""), get(n.AfterRescinding, defaultRescinded)}
}

// Connections lists the connections that are looked into.
func (n *Naming) Connections() []string {
	var out []string
	for _, s := range n.Spaces {
		out = append(out, s.Connections...)
	}
	return out
}

const namingStarter = `key: std
name: Standard names
type: naming
naming:
  spaces:
    - {space: login, kind: ad-login}
    - {space: upn, kind: upn, domain: example.com}
    - {space: mail, kind: mail, same_as: upn, domain: example.com}
    - {space: cn, kind: cn}
  candidates:
    - {space: login, pattern: "{f}{last}"}
    - {space: login, pattern: "{f}{m}{last}"}
    - {space: login, pattern: "{first}.{last}"}
    - {space: login, pattern: "{f}{last}{n}"}
    - {space: upn, pattern: "{first}.{last}"}
    - {space: upn, pattern: "{first}.{m}.{last}"}
    - {space: upn, pattern: "{first}.{last}{n}"}
    - {space: cn, pattern: "{first} {last}"}
    - {space: cn, pattern: "{first} {last} ({worker})"}
  profiles:
    - {when: 'joiner.country in ["DE", "AT"]', profile: de}
cases:
  - name: Germans are written in their own way
    joiner: {first_name: Jörg, last_name: Müller, country: DE}
    expect: {login: jmueller, upn: joerg.mueller@example.com, mail: joerg.mueller@example.com, cn: Jörg Müller}
  - name: The second one gets the next candidate
    joiner: {first_name: Ann, last_name: Lee}
    taken: [{space: login, name: ALEE}, {space: cn, name: Ann Lee}]
    worker: E1042
    expect: {login: ann.lee, cn: Ann Lee (E1042)}
`
