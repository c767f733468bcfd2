package luavm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"

	lua "github.com/yuin/gopher-lua"
)

// regexLib are regular expressions of the kind whose time grows with the text
// and no faster (RE2 syntax).
func regexLib() []entry {
	s, re := p("s", "text"), p("expression", "text")
	return []entry{
		compute("regex.test", "Whether an expression is found in a text (RE2 syntax, as in CEL).", `regex.test(input.id, "^E[0-9]{4}$")`, []Param{s, re}, []Param{p("yes", "boolean")}, func(c *call) {
			c.giveBool(c.regex(2).MatchString(c.scanned(1)))
		}),
		compute("regex.match", "The first match and its groups, nil when there is none.", `regex.match("E-0042", "([A-Z])-([0-9]+)")  -- {"E-0042", "E", "0042"}`, []Param{s, re}, []Param{p("groups", "list")}, func(c *call) {
			if m := c.regex(2).FindStringSubmatch(c.scanned(1)); m != nil {
				c.giveTexts(m)
				return
			}
			c.giveNothing()
		}),
		compute("regex.find_all", "All matches.", `regex.find_all("a1 b2", "[0-9]")  -- {"1", "2"}`, []Param{s, re}, []Param{p("matches", "list")}, func(c *call) {
			c.giveTexts(c.regex(2).FindAllString(c.scanned(1), maxList))
		}),
		compute("regex.replace", "Puts a text in the place of every match; $1 is the first group.", `regex.replace("0042", "^0+", "")  -- "42"`, []Param{s, re, p("with", "text")}, []Param{p("text", "text")}, func(c *call) {
			subject, with := c.scanned(1), c.text(3)
			e := c.regex(2)
			n := len(e.FindAllStringIndex(subject, -1))
			c.m.long(c.L, len(subject)+n*(len(with)+len(subject)/max(n, 1)))
			c.giveText(e.ReplaceAllString(subject, with))
		}),
	}
}

func (c *call) regex(i int) *regexp.Regexp {
	source := c.text(i)
	if len(source) > 512 {
		c.fail(c.name + " takes expressions of up to 512 bytes")
	}
	c.m.charge(c.L, 200+len(source)*4)
	if e := c.m.regexes[source]; e != nil {
		return e
	}
	e, err := regexp.Compile(source)
	if err != nil {
		c.fail(c.name + ": " + clip(err.Error(), 200))
	}
	if len(c.m.regexes) < 64 {
		c.m.regexes[source] = e
	}
	return e
}

// scanned is a text that is read letter by letter, and charged as that.
func (c *call) scanned(i int) string {
	s := c.text(i)
	c.m.charge(c.L, len(s))
	return s
}

// dataLib reads and writes JSON, and makes checksums.
func dataLib() []entry {
	return []entry{
		compute("json.decode", "A value of JSON text; null is nil.", `json.decode('{"a": 1}').a`, []Param{p("s", "text")}, []Param{p("value", "any")}, func(c *call) {
			v, err := c.m.fromJSON([]byte(c.scanned(1)))
			if err != nil {
				c.fail("json.decode: " + clip(err.Error(), 200))
			}
			c.give(v)
		}),
		compute("json.encode", "A value as JSON text, its fields sorted.", `json.encode({b = 1, a = {1, 2}})  -- '{"a":[1,2],"b":1}'`, []Param{p("value", "any")}, []Param{p("s", "text")}, func(c *call) {
			raw := c.json(c.L.Get(1), maxResult)
			c.m.charge(c.L, len(raw))
			c.giveText(string(raw))
		}),
		compute("hash.sha256", "The SHA-256 of a text, in hexadecimal. Not for passwords.", `text.sub(hash.sha256(input.worker_id), 1, 8)`, []Param{p("s", "text")}, []Param{p("hex", "text")}, func(c *call) {
			sum := sha256.Sum256([]byte(c.scanned(1)))
			c.giveText(hex.EncodeToString(sum[:]))
		}),
	}
}

// jsonFields is a table as JSON, nothing when there is none.
func (c *call) jsonFields(i, most int) json.RawMessage {
	if !c.has(i) {
		return nil
	}
	if _, ok := c.L.Get(i).(*lua.LTable); !ok {
		c.wrong(i, "a table")
	}
	return c.json(c.L.Get(i), most)
}
