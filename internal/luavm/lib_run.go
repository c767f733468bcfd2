package luavm

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// given is what a call gets from its run, and what it gives back beside its result.
type given struct {
	now     time.Time
	seed    string
	run     string
	dryRun  bool
	drawn   uint64
	granted map[string]bool
	ask     func(name string, args json.RawMessage, line int) (json.RawMessage, *HostFault)
	tell    func(Line)
	asked   int
	lines   int
	plan    []Entry
	planned int // bytes
}

// ended is how fail and skip end the code; no pcall catches it.
type ended struct {
	kind          Kind
	code, message string
	line          int
}

func givenLib() []entry {
	observe := func(name, help, example string, params, returns []Param, run func(c *call)) entry {
		e := compute(name, help, example, params, returns, run)
		e.Effect = Observes
		return e
	}
	return []entry{
		observe("run.now", "The moment of the run. It stands still while the function runs, and is the same when the call is replayed.", `run.now()  -- "2026-12-01T07:00:00Z"`, nil, []Param{p("moment", "text")}, func(c *call) {
			c.giveText(c.m.given.now.UTC().Format(time.RFC3339))
		}),
		observe("run.today", "The date of the run in a time zone.", `run.today("Europe/Berlin")`, []Param{p("zone", "text")}, []Param{p("date", "text")}, func(c *call) {
			c.giveText(c.m.given.now.In(c.zone(1)).Format(time.DateOnly))
		}),
		observe("run.id", "The run's id.", `log.info("in run " .. run.id())`, nil, []Param{p("id", "text")}, func(c *call) { c.giveText(c.m.given.run) }),
		observe("run.simulated", "Whether nothing of what is planned will be done.", `if run.simulated() then log.info("only looking") end`, nil, []Param{p("yes", "boolean")}, func(c *call) { c.giveBool(c.m.given.dryRun) }),
		observe("rand.int", "A whole number by chance, both ends included; the same when the call is replayed. Not for passwords.", `rand.int(1, 100)`, []Param{p("from", "number"), p("to", "number")}, []Param{p("n", "number")}, func(c *call) {
			from, to := c.int(1), c.int(2)
			if to < from || to-from > 1<<31 {
				c.fail("rand.int wants a range from the smaller to the larger number, up to 2^31 wide")
			}
			c.giveInt(from + int(c.m.given.draw()%uint64(to-from+1)))
		}),
		observe("rand.id", "Letters and digits by chance, up to 32; the same when the call is replayed. Not for passwords.", `rand.id(6)`, []Param{p("length", "number")}, []Param{p("id", "text")}, func(c *call) {
			n := c.int(1)
			if n < 1 || n > 32 {
				c.fail("rand.id gives 1 to 32 letters")
			}
			const letters = "abcdefghijkmnpqrstuvwxyz23456789"
			out := make([]byte, n)
			for i := range out {
				out[i] = letters[c.m.given.draw()%uint64(len(letters))]
			}
			c.giveText(string(out))
		}),
	}
}

// draw is the next number of a sequence that the seed decides.
func (g *given) draw() uint64 {
	g.drawn++
	mac := hmac.New(sha256.New, []byte(g.seed))
	_ = binary.Write(mac, binary.BigEndian, g.drawn)
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

// hostLib asks connected systems, each by a grant that names connection and operation.
func hostLib() []entry {
	connection := p("connection", "text")
	read := func(name, capability, operation, help, example string, params, returns []Param) entry {
		return entry{Func{Name: name, Help: help, Example: example, Params: append([]Param{connection}, params...), Returns: returns, Effect: Reads, Capability: capability, Operation: operation}, (*call).askHost}
	}
	return []entry{
		read("directory.find_account", "directory", "accounts.find", "The account that one attribute finds, as a table of its attributes; nil when there is none.", `directory.find_account("corp-ldap", {employeeNumber = input.worker_id})`, []Param{p("by", "table")}, []Param{p("account", "table")}),
		read("directory.username_taken", "directory", "names.taken", "Whether a login is held, in the directory or by a reservation of Joinery.", `if not directory.username_taken("corp-ldap", login) then … end`, []Param{p("name", "text")}, []Param{p("taken", "boolean")}),
		read("directory.group_exists", "directory", "groups.find", "Whether a group is in the directory.", `directory.group_exists("corp-ldap", "dept-" .. input.department)`, []Param{p("group", "text")}, []Param{p("yes", "boolean")}),
		read("hris.get_worker", "hris", "workers.get", "A worker by the HRIS's id, as the connection maps it; nil when there is none.", `local manager = hris.get_worker("demo-hris", input.manager_id)`, []Param{p("id", "text")}, []Param{p("worker", "table")}),
	}
}

// arguments are all that the function was called with, as a list in JSON.
func (c *call) arguments() json.RawMessage {
	list := []byte{'['}
	for i := range c.L.GetTop() {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, c.json(c.L.Get(i+1), maxArgument)...)
	}
	return append(list, ']')
}

// askHost sends the arguments to the host and gives its answer. What it refuses is
// an error table {code, message, retryable}, for pcall; denied calls end the code.
func (c *call) askHost() {
	g := &c.m.given
	args := c.arguments()
	if !c.has(1) {
		c.wrong(1, "the key of a connection")
	}
	if g.asked++; g.asked > c.m.budget.limits.HostCalls {
		c.m.end(Denied, "", fmt.Sprintf("The function asked more than %d times.", c.m.budget.limits.HostCalls), c.line())
	}
	began := time.Now()
	raw, wrong := g.ask(c.name, args, c.line())
	c.m.budget.waited += time.Since(began)
	c.m.charge(c.L, 100+len(raw)/8)
	switch {
	case wrong == nil:
		v, err := c.m.fromJSON(raw)
		if err != nil {
			c.fail(c.name + ": the answer cannot be read")
		}
		c.give(v)
	case wrong.Code == "denied":
		c.m.end(Denied, "", wrong.Message, c.line())
	default:
		t := c.L.NewTable()
		t.RawSetString("code", lua.LString(wrong.Code))
		t.RawSetString("message", lua.LString(wrong.Message))
		t.RawSetString("retryable", lua.LBool(wrong.Retryable))
		if wrong.Retryable {
			c.m.unavailable = wrong.Message
		}
		c.L.Error(t, 0)
	}
}

// planLib says what is to be done once the function has ended well.
func planLib() []entry {
	connection := p("connection", "text")
	plan := func(name, operation, help, example string, params []Param, kinds ...string) entry {
		return entry{Func{Name: name, Help: help, Example: example, Params: append([]Param{connection}, params...), Effect: Plans, Capability: "directory", Operation: operation}, func(c *call) {
			for i := range len(kinds) + 1 {
				if i == 0 || kinds[i-1] == "text" {
					c.text(i + 1)
				} else if !c.has(i + 1) {
					c.wrong(i+1, "a value")
				}
			}
			c.planned()
		}}
	}
	return []entry{
		plan("plan.add_group", "groups.add", "The joiner's account shall be in a group.", `plan.add_group("corp-ldap", "dept-" .. text.slug(input.department))`, []Param{p("group", "text")}, "text"),
		plan("plan.remove_group", "groups.remove", "The joiner's account shall not be in a group.", `plan.remove_group("corp-ldap", "contractors")`, []Param{p("group", "text")}, "text"),
		plan("plan.set", "accounts.set", "An attribute of the joiner's account shall have this value.", `plan.set("corp-ldap", "description", "Starts " .. input.start_date)`, []Param{p("attribute", "text"), p("value", "any")}, "text", "any"),
	}
}

func (c *call) planned() {
	g := &c.m.given
	args := c.arguments()
	if !g.granted[c.name] {
		c.m.end(Denied, "", c.name+" needs a grant that this function does not have.", c.line())
	}
	if g.planned += len(args); len(g.plan) >= c.m.budget.limits.PlanEntries || g.planned > maxResult {
		c.m.end(Denied, "", fmt.Sprintf("The function planned more than %d changes.", c.m.budget.limits.PlanEntries), c.line())
	}
	g.plan = append(g.plan, Entry{Do: c.name, Args: args, Line: c.line()})
}

// endLib ends the function, and writes lines into the step.
func endLib() []entry {
	line := func(level string) func(c *call) {
		return func(c *call) {
			g := &c.m.given
			message := clip(c.text(1), maxLogLine)
			fields := c.jsonFields(2, maxLogLine*4)
			if g.lines++; g.lines > maxLogLines {
				return
			}
			if g.lines == maxLogLines {
				message, fields = "Further lines are left out.", nil
			}
			g.tell(Line{Level: level, Message: strings.ToValidUTF8(message, "?"), Fields: fields, Line: c.line()})
		}
	}
	logs := func(name, help, example string, run func(c *call)) entry {
		return entry{Func{Name: name, Help: help, Example: example, Params: []Param{p("message", "text"), optional("fields", "table")}, Effect: Logs}, run}
	}
	ends := func(name, help, example string, kind Kind, params []Param, run func(c *call) (code, message string)) entry {
		return entry{Func{Name: name, Help: help, Example: example, Params: params, Effect: Ends}, func(c *call) {
			code, message := run(c)
			c.m.end(kind, clip(code, 60), clip(strings.ToValidUTF8(message, "?"), maxErrorText), c.line())
		}}
	}
	return []entry{
		logs("log.info", "A line in the step's log. Names and addresses of people do not belong there.", `log.info("login chosen", {tries = n})`, line("info")),
		logs("log.warn", "A line that a person should see.", `log.warn("no department; base groups only")`, line("warn")),
		ends("fail", "Ends the function: a person is needed, and reads the sentence. The kind is a short word for branching.", `fail("no-latin-name", "The HRIS has no Latin form of this name. Ask the joiner for one.")`, Failed, []Param{p("kind", "text"), p("sentence", "text")}, func(c *call) (string, string) { return c.text(1), c.text(2) }),
	}
}

// seedOf makes the seed of a call from a secret and what names the call.
func seedOf(secret []byte, parts ...string) string {
	mac := hmac.New(sha256.New, secret)
	for _, s := range parts {
		_, _ = mac.Write([]byte(s))
		_, _ = mac.Write([]byte{0})
	}
	return hex.EncodeToString(mac.Sum(nil))
}
