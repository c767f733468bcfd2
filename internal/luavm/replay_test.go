package luavm

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const chancy = `
return function(input)
  local login = rand.id(8) .. "-" .. rand.int(1, 1000000)
  if directory.username_taken("corp", login) then login = login .. "x" end
  local manager = hris.get_worker("hr", input.manager)
  log.info("chosen at " .. run.now(), {login = login})
  plan.set("corp", "description", "reports to " .. manager.name)
  return {login = login, manager = manager.name, run = run.id(), today = run.today("Europe/Berlin")}
end`

// taped runs code with answers and gives its tape.
func taped(t *testing.T, p *Pool, source string, answers map[string]string) Tape {
	t.Helper()
	c := Call{Source: source, Input: json.RawMessage(`{"manager":"9"}`), Now: time.Date(2026, 12, 1, 23, 30, 0, 0, time.UTC), Seed: "seed of the step", RunID: "rn_1", Limits: Limits{Steps: 50_000},
		Grants: []string{"directory:corp:names.taken", "hris:hr:workers.get", "directory:corp:accounts.set"},
		Answer: func(_ context.Context, name string, _ []json.RawMessage) (json.RawMessage, *HostFault) {
			a, ok := answers[name]
			if !ok {
				return nil, &HostFault{Code: "unavailable", Message: "away", Retryable: true}
			}
			return json.RawMessage(a), nil
		}}
	return Record(c, p.try(t, c))
}

// A call that is replayed gives the same in every part, also where it ended badly, and
// the tape outlives being written and read.
func TestReplay_IsTheSameAgain_S54(t *testing.T) {
	t.Parallel()
	p := open(t, Config{})
	all := map[string]string{"directory.username_taken": "true", "hris.get_worker": `{"name":"Boss \u0000 ü"}`}
	for name, tape := range map[string]Tape{
		"answers":      taped(t, p, chancy, all),
		"system away":  taped(t, p, chancy, map[string]string{"directory.username_taken": "false"}),
		"no such":      taped(t, p, chancy, map[string]string{"directory.username_taken": "false", "hris.get_worker": "null"}),
		"endless":      taped(t, p, "return function(input) while true do end end", nil),
		"fails":        taped(t, p, `return function(input) fail("odd", "Ask " .. input.manager) end`, nil),
		"not compiled": taped(t, p, "return function(input) if", nil),
	} {
		raw, err := json.Marshal(tape)
		if err != nil {
			t.Fatal(name, err)
		}
		var back Tape
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(name, err)
		}
		source := map[string]string{"endless": "return function(input) while true do end end", "fails": `return function(input) fail("odd", "Ask " .. input.manager) end`, "not compiled": "return function(input) if"}[name]
		if source == "" {
			source = chancy
		}
		for range 2 {
			r, err := p.Replay(t.Context(), source, back)
			if err != nil || !r.Same() || len(r.Notes) > 0 || r.Outcome.Kind != tape.End.Kind {
				t.Errorf("%s: %v %+v %v", name, err, r.Differences, r.Notes)
			}
		}
	}
}

// What differs is named: another result, another question, a missing answer, a
// smaller budget. Nothing is asked of systems.
func TestReplay_SaysWhatDiffers(t *testing.T) {
	t.Parallel()
	p := open(t, Config{})
	tape := taped(t, p, chancy, map[string]string{"directory.username_taken": "true", "hris.get_worker": `{"name":"Boss"}`})
	for name, c := range map[string]struct {
		source string
		change func(*Tape)
		what   string
		then   string
		now    string
	}{
		"result":           {source: strings.Replace(chancy, `.. "x"`, `.. "y"`, 1), what: "Result", now: `y"`},
		"plan":             {source: strings.Replace(chancy, "reports to", "works for", 1), what: "Planned changes", then: "reports to Boss", now: "works for Boss"},
		"other question":   {source: strings.Replace(chancy, `"-"`, `"+"`, 1), what: "Question 1", then: "directory.username_taken", now: "+"},
		"more questions":   {source: strings.Replace(chancy, "plan.set", `hris.get_worker("hr", "10") plan.set`, 1), what: "Question 3", then: "was not asked", now: `"10"`},
		"fewer questions":  {source: strings.Replace(chancy, `hris.get_worker("hr", input.manager)`, `{name = "Boss"}`, 1), what: "Questions", then: "2 were asked", now: "1 are asked"},
		"another seed":     {source: chancy, change: func(t *Tape) { t.Seed = "another" }, what: "Question 1"},
		"missing answer":   {source: chancy, change: func(t *Tape) { t.Asked[1].Answer = nil }, what: "The answer to question 2", then: "missing in the record"},
		"a smaller budget": {source: chancy, change: func(t *Tape) { t.Limits.HostCalls = 1 }, what: "Questions", then: "2 were asked", now: "1 are asked"},
		"a grant is gone":  {source: chancy, change: func(t *Tape) { t.Grants = t.Grants[:1] }, what: "How it ended", now: "needs the grant hris:hr:workers.get"},
		"log":              {source: strings.Replace(chancy, "chosen at", "taken at", 1), what: "Log", now: "taken at"},
	} {
		changed := tape
		changed.Asked = append([]Asked(nil), tape.Asked...)
		if c.change != nil {
			c.change(&changed)
		}
		r, err := p.Replay(t.Context(), c.source, changed)
		if err != nil || r.Same() {
			t.Errorf("%s: %v: no difference", name, err)
			continue
		}
		d := r.Differences[0]
		if d.What != c.what || !strings.Contains(d.Then, c.then) || !strings.Contains(d.Now, c.now) {
			t.Errorf("%s: %+v", name, r.Differences)
		}
	}
}
