package luavm

import "strings"

// Effect is what a function of the library does beyond computing.
type Effect string

// The effects.
const (
	Computes Effect = "compute"
	Reads    Effect = "read"  // asks the host, by a grant
	Plans    Effect = "plan"  // is done after the function has ended, by a grant
	Logs     Effect = "log"   // a line in the step
	Ends     Effect = "end"   // ends the function
	Observes Effect = "given" // comes from the run: the clock, the chance, the ids
)

// Param is a parameter or a result.
type Param struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional,omitempty"`
}

// Func describes one function of the library. The editor, the guide and the
// language model's catalogue are made of these.
type Func struct {
	Name    string  `json:"name"` // module.function
	Params  []Param `json:"params,omitempty"`
	Returns []Param `json:"returns,omitempty"`
	Help    string  `json:"help"`
	Example string  `json:"example"`
	Effect  Effect  `json:"effect"`
	// Capability and Operation name the grant that a call needs, with the
	// connection of its first argument between them:
	// directory:corp-ldap:accounts.find.
	Capability string `json:"capability,omitempty"`
	Operation  string `json:"operation,omitempty"`
}

// Signature is how the function is written.
func (f Func) Signature() string {
	list := func(ps []Param) string {
		var out []string
		for _, p := range ps {
			s := p.Name + ": " + p.Type
			if p.Optional {
				s += "?"
			}
			out = append(out, s)
		}
		return strings.Join(out, ", ")
	}
	s := f.Name + "(" + list(f.Params) + ")"
	if len(f.Returns) > 0 {
		s += " → " + list(f.Returns)
	}
	return s
}

// Module is the part of the name before the dot; empty for fail and skip.
func (f Func) Module() string {
	if m, _, ok := strings.Cut(f.Name, "."); ok {
		return m
	}
	return ""
}

// Grant is the grant that a call for a connection needs.
func (f Func) Grant(connection string) string {
	return f.Capability + ":" + connection + ":" + f.Operation
}

// entry is a function of the library with what it does.
type entry struct {
	Func
	run func(c *call)
}

// Catalogue lists the library for function code: Joinery's modules first, then
// what is left of Lua's own.
func Catalogue() []Func {
	var out []Func
	for _, e := range library() {
		out = append(out, e.Func)
	}
	return append(out, standard()...)
}

// library is everything beyond Lua's own.
func library() []entry {
	var out []entry
	for _, part := range [][]entry{textLib(), nameLib(), timeLib(), listLib(), mapLib(), regexLib(), dataLib(), givenLib(), hostLib(), planLib(), endLib()} {
		out = append(out, part...)
	}
	return out
}

// standard is Lua's own part, as far as function code has it.
func standard() []Func {
	var out []Func
	for _, line := range strings.Split(strings.TrimSpace(standardText), "\n") {
		signature, help, _ := strings.Cut(line, " -- ")
		name, params, _ := strings.Cut(strings.TrimSpace(signature), "(")
		f := Func{Name: name, Help: help, Effect: Computes, Example: strings.TrimSpace(signature)}
		for _, p := range strings.Split(strings.TrimSuffix(params, ")"), ", ") {
			if p != "" {
				f.Params = append(f.Params, Param{Name: strings.TrimSuffix(p, "?"), Type: "any", Optional: strings.HasSuffix(p, "?")})
			}
		}
		out = append(out, f)
	}
	return out
}

const standardText = `
assert(value, message?) -- Gives the value back, or ends with the message when it is false or nil.
error(message, level?) -- Ends the function with an error. For what a person should read, use fail.
pcall(f, ...) -- Calls f and tells whether it went well. Limits cannot be caught.
type(value) -- The type of a value as text.
tostring(value) -- A value as text.
tonumber(value, base?) -- Text as a number, nil when it is none.
select(n, ...) -- The arguments from the n-th on, or their number for "#".
unpack(list, from?, to?) -- The elements of a list as values.
rawequal(a, b) -- Whether two values are the same.
next(table, key?) -- The next key and value.
pairs(table) -- For loops over all fields, in the order they were set.
ipairs(list) -- For loops over a list, from 1 to the first gap.
string.byte(s, from?, to?) -- Bytes as numbers.
string.char(...) -- Text of byte values.
string.find(s, pattern, from?, plain?) -- Where a Lua pattern begins and ends.
string.match(s, pattern, from?) -- What a Lua pattern captures.
string.gmatch(s, pattern) -- For loops over all matches.
string.gsub(s, pattern, with, most?) -- Replaces what matches; the number of replacements is the second result.
string.format(form, ...) -- Text by a form as in C: %s %d %5.2f %q.
string.len(s) -- Length in bytes. For letters, text.len.
string.lower(s) -- Lower case of A to Z only. For names, text.lower.
string.upper(s) -- Upper case of a to z only. For names, text.upper.
string.rep(s, n) -- The text n times.
string.reverse(s) -- The bytes in reverse.
string.sub(s, from, to?) -- Bytes from one place to another. For letters, text.sub.
table.concat(list, separator?, from?, to?) -- The elements as one text.
table.insert(list, place?, value) -- Puts a value into a list.
table.remove(list, place?) -- Takes a value out of a list.
table.sort(list, less?) -- Sorts a list; equal elements keep their order.
table.maxn(list) -- The largest place.
math.abs(n) -- The number without its sign.
math.floor(n) -- The next whole number below.
math.ceil(n) -- The next whole number above.
math.sqrt(n) -- The square root.
math.min(n, ...) -- The least.
math.max(n, ...) -- The greatest.
math.fmod(a, b) -- The rest of a division.
`

// LibraryText describes the library, one function a line, for who writes code by it.
func LibraryText() string {
	var b strings.Builder
	for _, f := range Catalogue() {
		b.WriteString(f.Signature() + " -- " + f.Help)
		if f.Example != "" {
			b.WriteString(" Example: " + f.Example)
		}
		if f.Capability != "" {
			b.WriteString(" Needs the grant " + f.Grant("<connection>") + ".")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
