package luavm

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// listLib works on lists (tables from 1 on) and gives new ones.
func listLib() []entry {
	l, f := p("list", "list"), p("f", "function")
	out := []Param{p("list", "list")}
	return []entry{
		compute("list.map", "The list of what f makes of each element.", `list.map(names, text.lower)`, []Param{l, f}, out, func(c *call) {
			fn := c.fn(2)
			var to []lua.LValue
			for _, v := range c.list(1) {
				if x := c.invoke(fn, v); x != lua.LNil {
					to = append(to, x)
				}
			}
			c.giveList(to)
		}),
		compute("list.filter", "The elements for which f says true.", `list.filter(groups, function(g) return text.starts_with(g, "dept-") end)`, []Param{l, f}, out, func(c *call) {
			fn := c.fn(2)
			var to []lua.LValue
			for _, v := range c.list(1) {
				if lua.LVAsBool(c.invoke(fn, v)) {
					to = append(to, v)
				}
			}
			c.giveList(to)
		}),
		compute("list.find", "The first element for which f says true, nil when there is none.", `list.find(workers, function(w) return w.active end)`, []Param{l, f}, []Param{p("element", "any")}, func(c *call) {
			fn := c.fn(2)
			for _, v := range c.list(1) {
				if lua.LVAsBool(c.invoke(fn, v)) {
					c.give(v)
					return
				}
			}
			c.giveNothing()
		}),
		compute("list.contains", "Whether a value is in the list.", `list.contains({"DE", "AT"}, input.country)`, []Param{l, p("value", "any")}, []Param{p("yes", "boolean")}, func(c *call) {
			for _, v := range c.list(1) {
				if v == c.L.Get(2) {
					c.giveBool(true)
					return
				}
			}
			c.giveBool(false)
		}),
		compute("list.unique", "The list with every value once, in the order of their first places.", `list.unique({"a", "b", "a"})  -- {"a", "b"}`, []Param{l}, out, func(c *call) {
			seen := map[lua.LValue]bool{}
			var to []lua.LValue
			for _, v := range c.list(1) {
				if !seen[v] {
					seen[v] = true
					to = append(to, v)
				}
			}
			c.giveList(to)
		}),
		compute("list.join", "One list of several.", `list.join(base, extra)`, []Param{p("a", "list"), p("b", "list")}, out, func(c *call) {
			var to []lua.LValue
			for i := 1; i <= c.L.GetTop(); i++ {
				if to = append(to, c.list(i)...); len(to) > maxList {
					c.fail("list.join makes lists of up to 100,000 elements")
				}
			}
			c.giveList(to)
		}),
	}
}

// mapLib works on tables with named fields.
func mapLib() []entry {
	t := p("t", "table")
	names := func(c *call) []string {
		var keys []string
		n := 0
		for k, _ := c.table(1).Next(lua.LNil); k != lua.LNil; k, _ = c.table(1).Next(k) {
			if s, ok := k.(lua.LString); ok {
				keys = append(keys, string(s))
			}
			n++
		}
		c.m.charge(c.L, n*2)
		return keys
	}
	return []entry{
		compute("map.keys", "The names of the fields, sorted.", `map.keys({b = 1, a = 2})  -- {"a", "b"}`, []Param{t}, []Param{p("names", "list")}, func(c *call) {
			set := map[string]bool{}
			for _, k := range names(c) {
				set[k] = true
			}
			c.giveTexts(sortedKeys(set))
		}),
		compute("map.get", "A field by its path; the other value where something on the way is missing.", `map.get(input, "work.location.country", "DE")`, []Param{t, p("path", "text"), optional("other", "any")}, []Param{p("value", "any")}, func(c *call) {
			var v lua.LValue = c.table(1)
			for _, k := range strings.Split(c.text(2), ".") {
				t, ok := v.(*lua.LTable)
				if !ok {
					v = lua.LNil
					break
				}
				v = t.RawGetString(k)
			}
			if v == lua.LNil {
				v = c.L.Get(3)
			}
			c.give(v)
		}),
		compute("map.merge", "A new table with the fields of both; the second's count where both have one.", `map.merge(defaults, input)`, []Param{p("a", "table"), p("b", "table")}, []Param{p("t", "table")}, func(c *call) {
			out := c.L.NewTable()
			n := 0
			for i := 1; i <= 2; i++ {
				from := c.table(i)
				for k, v := from.Next(lua.LNil); k != lua.LNil; k, v = from.Next(k) {
					out.RawSet(k, v)
					n++
				}
			}
			c.m.charge(c.L, n)
			c.give(out)
		}),
	}
}
