package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/run"
)

// expects waits until all of it is true, and says what is not.
func (h *caseHouse) expects(i int, want expect) {
	h.t.Helper()
	var wrong string
	for range 3 { // what is not so when all has come to rest will hardly come
		h.e.Kick()
		h.rests(i)
		if wrong = h.differs(want); wrong == "" {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	h.t.Fatalf("timeline %d: %s\n%s", i, wrong, h.story())
}

func (h *caseHouse) differs(want expect) string {
	rows := h.runs()
	if want.Runs != nil {
		have := map[run.State]int{}
		for _, r := range rows {
			have[r.State]++
		}
		if h.list != "" {
			have = h.ofList()
		}
		if !maps.Equal(have, want.Runs) {
			return fmt.Sprintf("runs should be %v, and are %v", want.Runs, have)
		}
	}
	if want.Reason != "" && (len(rows) == 0 || !strings.Contains(rows[0].Reason, want.Reason)) {
		return fmt.Sprintf("the newest run's reason should hold %q", want.Reason)
	}
	for _, check := range []func(expect) string{h.listDiffers, h.differsIn, h.managersDiffer, h.namesDiffer, h.hrDiffers, h.peopleDiffer, h.stepsDiffer, h.recordDiffers} {
		if wrong := check(want); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (h *caseHouse) stateOf(key string) (out fake.State) {
	require.NoError(h.t, fake.Change(h.files[key], func(s *fake.State) { out = *s }))
	return out
}

// differsIn compares directories: accounts that were made, each exactly once.
func (h *caseHouse) differsIn(want expect) string {
	for _, key := range slices.Sorted(maps.Keys(want.Accounts)) {
		list := want.Accounts[key]
		s := h.stateOf(key)
		for stamp, n := range s.Creates {
			if n > 1 {
				return fmt.Sprintf("%s: %d accounts were made for %s", key, n, stamp)
			}
		}
		maps.DeleteFunc(s.Accounts, func(id string, a connector.Account) bool { return strings.HasPrefix(id, "x") && a.Stamp == "" })
		if len(s.Accounts) != len(list) {
			return fmt.Sprintf("%s: there should be %d accounts, and there are %d", key, len(list), len(s.Accounts))
		}
		for _, w := range list {
			if wrong := accountDiffers(s, w); wrong != "" {
				return key + ": " + wrong
			}
		}
	}
	return ""
}

// managersDiffer compares who is whose manager.
func (h *caseHouse) managersDiffer(want expect) string {
	if want.Managers == nil {
		return ""
	}
	have, s := map[string]string{}, h.stateOf("corp-ad")
	for _, a := range s.Accounts {
		if m, _ := a.Attributes["manager"].(string); m != "" {
			have[a.Name] = s.Accounts[m].Name
		}
	}
	if !maps.Equal(have, want.Managers) {
		return fmt.Sprintf("the managers should be %v, and are %v", want.Managers, have)
	}
	return ""
}

func accountDiffers(s fake.State, w wantAccount) string {
	for _, a := range s.Accounts {
		if a.Name != w.Name {
			continue
		}
		have, list := slices.Sorted(slices.Values(a.Groups)), slices.Sorted(slices.Values(w.Groups))
		switch {
		case a.Enabled != w.Enabled:
			return fmt.Sprintf("%s should be enabled: %v", w.Name, w.Enabled)
		case w.Groups != nil && !slices.Equal(have, list):
			return fmt.Sprintf("%s should be in %v, and is in %v", w.Name, list, have)
		}
		for _, k := range slices.Sorted(maps.Keys(w.Attributes)) {
			if fmt.Sprint(a.Attributes[k]) != fmt.Sprint(w.Attributes[k]) {
				return fmt.Sprintf("%s of %s should be %v, and is %v", k, w.Name, w.Attributes[k], a.Attributes[k])
			}
		}
		return ""
	}
	return "there is no account " + w.Name
}

// recordDiffers compares what the newest run did, and what the audit log tells of it.
func (h *caseHouse) recordDiffers(want expect) string {
	for what, x := range map[string]struct {
		want []string
		sql  string
	}{
		"done":                  {want.Order, `SELECT coalesce(array_agg(operation || ' ' || connection ORDER BY at, key), '{}') FROM intents WHERE run_id = $1`},
		"told by the audit log": {want.Story, `SELECT coalesce(array_agg(action ORDER BY id), '{}') FROM audit_events WHERE object_id = $1 AND (action LIKE 'run.%' OR action LIKE 'group.%')`},
	} {
		if x.want == nil {
			continue
		}
		var have []string
		require.NoError(h.t, h.db.RawScan(h.t.Context(), &have, x.sql, string(h.runs()[0].ID)))
		if have = slices.Compact(have); !slices.Equal(have, x.want) {
			return fmt.Sprintf("%q should be %s, and %q is", x.want, what, have)
		}
	}
	return ""
}

// story is what happened, for whoever reads a case that does not pass.
func (h *caseHouse) story() string {
	var b strings.Builder
	for _, r := range h.runs() {
		d, err := h.db.RunDetail(h.t.Context(), r.ID)
		require.NoError(h.t, err)
		fmt.Fprintf(&b, "%s %s %s %s\n", r.ID, r.State, r.Reason, r.WaitingFor)
		for _, s := range d.Steps {
			if s.State != run.StepSkipped && s.State != run.StepPending {
				fmt.Fprintf(&b, "  %s %s %s %s %s %s\n", s.Node, s.State, s.Port, s.Error, s.WaitFor, strings.Join(s.Log, " / "))
			}
		}
	}
	for k := range h.files {
		raw, _ := yaml.Marshal(h.stateOf(k).Accounts)
		fmt.Fprintf(&b, "%s: %s\n", k, raw)
	}
	return b.String()
}
