package luavm

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"joinery/internal/naming"
)

func p(name, typ string) Param        { return Param{Name: name, Type: typ} }
func optional(name, typ string) Param { return Param{Name: name, Type: typ, Optional: true} }

// compute is a function that only computes.
func compute(name, help, example string, params, returns []Param, run func(c *call)) entry {
	return entry{Func{Name: name, Help: help, Example: example, Params: params, Returns: returns, Effect: Computes}, run}
}

// onText is a function from one text to another.
func onText(name, help, example string, f func(string) string) entry {
	return compute(name, help, example, []Param{p("s", "text")}, []Param{p("text", "text")}, func(c *call) { c.giveText(f(c.text(1))) })
}

// textLib works on letters, not on bytes.
func textLib() []entry {
	s := []Param{p("s", "text")}
	return []entry{
		compute("text.ascii", `Writes a text in plain Latin letters by a profile (plain, de, nordic, icao, uk, bg). The second result lists letters that have no Latin form, "" when there are none: then ask a person.`,
			`local latin, missing = text.ascii("Łukasz Żółć", "plain")  -- "Lukasz Zolc", ""`,
			[]Param{p("s", "text"), optional("profile", "text")}, []Param{p("latin", "text"), p("missing", "text")}, func(c *call) {
				profile := c.textOr(2, string(naming.Plain))
				if !profileKnown(profile) {
					c.fail("text.ascii knows the profiles plain, de, nordic, icao, uk and bg, not " + profile)
				}
				latin, missing := naming.Latin(c.text(1), naming.Profile(profile))
				c.giveText(strings.Join(strings.Fields(latin), " "))
				c.giveText(string(missing))
			}),
		onText("text.normalize", "Brings letters that are written in several ways into one (Unicode NFC), takes out what cannot be seen, and leaves one space between words.", `text.normalize("  Zoe\204\136  ")`, func(s string) string {
			return strings.Join(strings.Fields(norm.NFC.String(strings.Map(func(r rune) rune {
				if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && !unicode.IsSpace(r) {
					return -1
				}
				return r
			}, s))), " ")
		}),
		onText("text.lower", "Lower case of all letters.", `text.lower("ŻÓŁĆ")  -- "żółć"`, strings.ToLower),
		onText("text.upper", "Upper case of all letters.", `text.upper("żółć")  -- "ŻÓŁĆ"`, strings.ToUpper),
		onText("text.fold", "For comparing: two texts that differ only in upper and lower case are the same afterwards.", `text.fold("STRASSE") == text.fold("Straße")  -- true`, func(s string) string { return cases.Fold().String(norm.NFC.String(s)) }),
		onText("text.title", "Begins every word with a capital.", `text.title("anna maria")  -- "Anna Maria"`, func(s string) string { return cases.Title(language.Und).String(s) }),
		onText("text.trim", "Takes the space off both ends.", `text.trim("  a ")  -- "a"`, strings.TrimSpace),
		onText("text.slug", "Plain Latin lower case with a dash between words.", `text.slug("Jörg Müller")  -- "jorg-muller"`, func(s string) string {
			latin, _ := naming.Latin(s, naming.Plain)
			return strings.Join(strings.FieldsFunc(strings.ToLower(latin), func(r rune) bool {
				return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
			}), "-")
		}),
		compute("text.len", "The number of letters.", `text.len("Zoë")  -- 3`, s, []Param{p("n", "number")}, func(c *call) { c.giveInt(utf8.RuneCountInString(c.text(1))) }),
		compute("text.sub", "The letters from one place to another; -1 is the last.", `text.sub("Zoë", 1, 2)  -- "Zo"`,
			[]Param{p("s", "text"), p("from", "number"), optional("to", "number")}, []Param{p("text", "text")}, func(c *call) {
				rs := []rune(c.text(1))
				from, to := span(c.int(2), c.intOr(3, -1), len(rs))
				c.giveText(string(rs[from:to]))
			}),
		compute("text.split", "The parts between a separator; without one, the words.", `text.split("a,b", ",")  -- {"a", "b"}`,
			[]Param{p("s", "text"), optional("separator", "text")}, []Param{p("parts", "list")}, func(c *call) {
				if !c.has(2) || c.text(2) == "" {
					c.giveTexts(strings.Fields(c.text(1)))
					return
				}
				if strings.Count(c.text(1), c.text(2)) > maxList {
					c.fail("text.split gives up to 100,000 parts")
				}
				c.giveTexts(strings.Split(c.text(1), c.text(2)))
			}),
		compute("text.replace", "Puts one text in the place of another, wherever it is. No pattern.", `text.replace("a-b-c", "-", ".")  -- "a.b.c"`,
			[]Param{p("s", "text"), p("old", "text"), p("new", "text")}, []Param{p("text", "text")}, func(c *call) {
				s, old, with := c.text(1), c.text(2), c.text(3)
				if old == "" {
					c.fail("text.replace wants a text to replace as argument 2")
				}
				c.m.long(c.L, len(s)+strings.Count(s, old)*max(len(with)-len(old), 0))
				c.giveText(strings.ReplaceAll(s, old, with))
			}),
		compute("text.starts_with", "Whether a text begins with another.", `text.starts_with("Sales EMEA", "Sales")`, []Param{p("s", "text"), p("prefix", "text")}, []Param{p("yes", "boolean")}, func(c *call) { c.giveBool(strings.HasPrefix(c.text(1), c.text(2))) }),
		compute("text.ends_with", "Whether a text ends with another.", `text.ends_with("a@acme.com", "@acme.com")`, []Param{p("s", "text"), p("suffix", "text")}, []Param{p("yes", "boolean")}, func(c *call) { c.giveBool(strings.HasSuffix(c.text(1), c.text(2))) }),
		compute("text.contains", "Whether a text holds another.", `text.contains("Sales EMEA", "EMEA")`, []Param{p("s", "text"), p("part", "text")}, []Param{p("yes", "boolean")}, func(c *call) { c.giveBool(strings.Contains(c.text(1), c.text(2))) }),
		compute("text.pad", "Fills a text up from the left to a number of letters.", `text.pad("7", 3, "0")  -- "007"`, []Param{p("s", "text"), p("length", "number"), optional("with", "text")}, []Param{p("text", "text")}, func(c *call) {
			s, n, with := c.text(1), c.int(2), c.textOr(3, " ")
			if utf8.RuneCountInString(with) != 1 || n > 1000 {
				c.fail("text.pad wants one letter to fill with, and a length up to 1000")
			}
			c.giveText(strings.Repeat(with, max(n-utf8.RuneCountInString(s), 0)) + s)
		}),
		compute("text.similar", "How alike two texts are, from 0 to 1 (Jaro-Winkler, case and marks aside).", `text.similar("Meyer", "Maier")`, []Param{p("a", "text"), p("b", "text")}, []Param{p("likeness", "number")}, func(c *call) {
			a, b := c.text(1), c.text(2)
			if len(a) > 1000 || len(b) > 1000 {
				c.fail("text.similar compares texts of up to 1000 bytes")
			}
			c.m.charge(c.L, len(a)*len(b)/16)
			c.give(lua.LNumber(jaroWinkler(plainRunes(a), plainRunes(b))))
		}),
	}
}

func profileKnown(profile string) bool {
	for _, k := range naming.Profiles() {
		if string(k.Profile) == profile {
			return true
		}
	}
	return false
}

func plainRunes(s string) []rune {
	latin, _ := naming.Latin(s, naming.Plain)
	if strings.TrimSpace(latin) == "" {
		latin = s
	}
	return []rune(cases.Fold().String(latin))
}

// jaroWinkler is the measure of Winkler (1990): Jaro's, raised for a common
// beginning of up to four letters by 0.1 each.
func jaroWinkler(a, b []rune) float64 {
	if len(a) == 0 || len(b) == 0 {
		if len(a) == len(b) {
			return 1
		}
		return 0
	}
	window := max(max(len(a), len(b))/2-1, 0)
	inA, inB := make([]bool, len(a)), make([]bool, len(b))
	same := 0.0
	for i, r := range a {
		for k := max(i-window, 0); k < min(i+window+1, len(b)); k++ {
			if !inB[k] && b[k] == r {
				inA[i], inB[k] = true, true
				same++
				break
			}
		}
	}
	if same == 0 {
		return 0
	}
	moved, k := 0.0, 0
	for i, r := range a {
		if !inA[i] {
			continue
		}
		for !inB[k] {
			k++
		}
		if b[k] != r {
			moved++
		}
		k++
	}
	jaro := (same/float64(len(a)) + same/float64(len(b)) + (same-moved/2)/same) / 3
	common := 0
	for common < min(4, len(a), len(b)) && a[common] == b[common] {
		common++
	}
	return math.Min(jaro+float64(common)*0.1*(1-jaro), 1)
}
