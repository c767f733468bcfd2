package luavm

import (
	"strconv"
	"strings"

	"joinery/internal/naming"
)

// nameLib makes names that systems take. Whether one is free is for a naming
// policy, or directory.username_taken, to say.
func nameLib() []entry {
	kind := func(c *call, i int) naming.Space {
		k := naming.Kind(c.text(i))
		switch k {
		case naming.ADLogin, naming.UPN, naming.MailSpace, naming.POSIX, naming.CN, naming.Free:
		default:
			c.fail(c.name + " knows the kinds ad-login, upn, mail, posix, cn and plain, not " + string(k))
		}
		return naming.Space{Kind: k}
	}
	limit := func(c *call, i int, s naming.Space) int {
		most := s.Kind.MaxLength()
		n := c.intOr(i, most)
		if n < 1 {
			c.fail(c.name + " wants a length from 1")
		}
		return min(n, most)
	}
	return []entry{
		compute("name.fit", "Makes a text fit a kind of name: its letters, its case, its length (ad-login 20, posix 32, mail 64, upn 64, cn 64).", `name.fit("ad-login", "Zoë O'Brien")  -- "zoeobrien"`,
			[]Param{p("kind", "text"), p("s", "text"), optional("most", "number")}, []Param{p("name", "text")}, func(c *call) {
				s := kind(c, 1)
				c.giveText(s.Text(latinFor(s, c.text(2)), limit(c, 3, s)))
			}),
		compute("name.with_number", "Puts a number behind a name and cuts the name, not the number, when both are too long.", `name.with_number("ad-login", "mfeatherstonehaughch", 2)  -- "mfeatherstonehaughc2"`,
			[]Param{p("kind", "text"), p("s", "text"), p("number", "number"), optional("most", "number")}, []Param{p("name", "text")}, func(c *call) {
				s := kind(c, 1)
				n := strconv.Itoa(c.int(3))
				most := limit(c, 4, s)
				if len(n) >= most {
					c.fail("name.with_number: the number leaves no room for the name")
				}
				c.giveText(s.Text(latinFor(s, c.text(2)), most-len(n)) + n)
			}),
		compute("name.allowed", "Whether a system of this kind takes the name; the second result says why not.", `local ok, why = name.allowed("posix", "Anna")`,
			[]Param{p("kind", "text"), p("name", "text")}, []Param{p("ok", "boolean"), p("why", "text")}, func(c *call) {
				s := kind(c, 1)
				local, domain, _ := strings.Cut(c.text(2), "@")
				why := s.Allows(local, domain, "")
				c.giveBool(why == "")
				c.giveText(why)
			}),
		compute("name.same", "Whether a kind of system takes two names for the same (Active Directory: without case and marks).", `name.same("ad-login", "mueller", "MUELLER")  -- true`,
			[]Param{p("kind", "text"), p("a", "text"), p("b", "text")}, []Param{p("same", "boolean")}, func(c *call) {
				e := kind(c, 1).By()
				c.giveBool(e.Key(c.text(2)) == e.Key(c.text(3)))
			}),
		compute("name.initials", "The first letter of every word.", `name.initials("Anna Maria Meyer")  -- "AMM"`, []Param{p("s", "text")}, []Param{p("initials", "text")}, func(c *call) {
			var b strings.Builder
			for _, w := range strings.FieldsFunc(c.text(1), func(r rune) bool { return r == ' ' || r == '-' }) {
				b.WriteString(string([]rune(w)[:1]))
			}
			c.giveText(b.String())
		}),
	}
}

// latinFor writes a name in Latin letters where the kind of name wants them.
func latinFor(s naming.Space, raw string) string {
	if s.Kind.Written() {
		return raw
	}
	latin, _ := naming.Latin(raw, naming.Plain)
	return latin
}
