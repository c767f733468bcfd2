package luavm

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain turns the test binary into a worker when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == SandboxCommand {
		os.Exit(Serve())
	}
	if len(os.Args) == 3 && os.Args[1] == evilCommand {
		os.Exit(evil(os.Args[2]))
	}
	if len(os.Args) == 2 && os.Args[1] == hostCommand {
		os.Exit(hostOnly())
	}
	os.Exit(m.Run())
}

func open(t testing.TB, cfg Config) *Pool {
	t.Helper()
	cfg.AllowReduced = true
	p, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func (p *Pool) try(t testing.TB, c Call) Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if c.Input == nil {
		c.Input = json.RawMessage(`{}`)
	}
	out, err := p.Call(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPool_Call(t *testing.T) {
	p := open(t, Config{})
	out := p.try(t, Call{
		Source: `return function(input)
  local latin, missing = text.ascii(input.first .. " " .. input.last, "de")
  log.info("latin", {n = text.len(latin)})
  local login = name.fit("ad-login", text.sub(input.first, 1, 1) .. input.last)
  if directory.username_taken("corp-ldap", login) then login = name.with_number("ad-login", login, 2) end
  plan.add_group("corp-ldap", "dept-" .. text.slug(input.department))
  return {login = login, latin = latin, today = run.today("Pacific/Auckland"), id = rand.id(6)}
end`,
		Input: json.RawMessage(`{"first":"Jörg","last":"Müller","department":"Sales EMEA"}`), Now: time.Date(2026, 12, 1, 20, 0, 0, 0, time.UTC), Seed: "s",
		Grants: []string{"directory:corp-ldap:names.taken", "directory:corp-ldap:groups.add"},
		Answer: func(_ context.Context, name string, args []json.RawMessage) (json.RawMessage, *HostFault) {
			if name != "directory.username_taken" || string(args[1]) != `"jmuller"` {
				t.Errorf("asked %s %s", name, args)
			}
			return json.RawMessage(`true`), nil
		},
	})
	if out.Kind != OK || string(out.Result) != `{"id":"`+idOf(t, out)+`","latin":"Joerg Mueller","login":"jmuller2","today":"2026-12-02"}` {
		t.Fatalf("%s %s: %s", out.Kind, out.Sentence(), out.Result)
	}
	if len(out.Plan) != 1 || string(out.Plan[0].Args) != `["corp-ldap","dept-sales-emea"]` || len(out.Log) != 1 || len(out.Asked) != 1 {
		t.Errorf("plan %v log %v asked %v", out.Plan, out.Log, out.Asked)
	}
	t.Logf("level %s steps %d took %s", out.Level, out.Steps, out.Took)
	_, layers, _ := p.Shelter()
	for _, l := range layers {
		t.Logf("%v", l)
	}
}

func idOf(t *testing.T, o Outcome) string {
	var r struct{ ID string }
	if err := json.Unmarshal(o.Result, &r); err != nil {
		t.Error(err, o.Sentence())
	}
	return r.ID
}

// A worker that asks and does not take the answer holds nobody up longer than the
// call may last, and neither does one that takes no order.
func TestPool_WorkerThatDoesNotRead_S53(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range []string{"deaf", "silence"} {
		if self != "" {
			exe = self
		}
		p := open(t, Config{Command: []string{exe, evilCommand, act}, Warm: 1})
		out := p.try(t, Call{Source: "return function() end", Input: json.RawMessage(`"` + strings.Repeat("x", 300<<10) + `"`), Grants: []string{"directory:corp-ldap:accounts.find"},
			Limits: Limits{Compute: 200 * time.Millisecond}, Answer: func(context.Context, string, []json.RawMessage) (json.RawMessage, *HostFault) {
				return json.RawMessage(`"` + strings.Repeat("x", 200<<10) + `"`), nil // more than a pipe holds
			}})
		if out.Kind != Timeout || out.Took > 20*time.Second {
			t.Errorf("%s: %s after %s", act, out.Kind, out.Took)
		}
	}
}
