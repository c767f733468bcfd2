package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/flows"
	"joinery/internal/artifact"
	"joinery/internal/bulk"
	"joinery/internal/connector"
	"joinery/internal/connector/fake"
	"joinery/internal/naming"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
)

// listOf is a list of people: so many, of whom twins share their name with somebody
// earlier in it, namesakes have a login that somebody here has, and odd have a
// department code that no table knows.
type listOf struct {
	People    int `yaml:"people"`
	Twins     int `yaml:"twins"`
	Namesakes int `yaml:"namesakes"`
	Odd       int `yaml:"odd"`
}

type startsAt struct {
	Plan []int `yaml:"plan"`
	// Refused is part of why it is not started.
	Refused string `yaml:"refused"`
}

// lastName gives each person a last name of their own, in letters.
func lastName(n int) string {
	return "Q" + string(rune('a'+n/26/26%26)) + string(rune('a'+n/26%26)) + string(rune('a'+n%26))
}

// uploads keeps a list and looks ahead at it.
func (h *caseHouse) uploads(l listOf) {
	t := h.t
	t.Helper()
	var text strings.Builder
	text.WriteString("Worker ID,First name,Last name,Department,Start date,Work email\n")
	strangers := map[string]connector.Account{}
	for i := range l.People {
		last, code := lastName(i), []string{"ENG", "SAL"}[i%2]
		switch {
		case i >= l.People-l.Odd:
			code = "OPS"
		case i >= l.People-l.Odd-l.Twins:
			last = lastName(i - l.People + l.Odd + l.Twins)
		case i >= l.People-l.Odd-l.Twins-l.Namesakes:
			strangers[fmt.Sprint("x", i)] = connector.Account{ID: fmt.Sprint("x", i), Name: strings.ToUpper("a" + last), Enabled: true}
		}
		fmt.Fprintf(&text, "A%d,Ada,%s,%s,2026-12-01,ada.%d@old.example.com\n", i+1, last, code, i)
	}
	require.NoError(t, fake.Change(h.files["corp-ad"], func(s *fake.State) {
		for id, a := range strangers {
			s.Accounts[id] = a
		}
	}))
	sheet, err := bulk.Read(bulk.CSV, []byte(text.String()))
	require.NoError(t, err)
	h.list, err = h.db.CreateList(t.Context(), olga, "acquired", "people.csv", bulk.CSV, sheet)
	require.NoError(t, err)
	require.NoError(t, h.db.MapList(t.Context(), olga, h.list, bulk.Guess(sheet.Columns)))
	release, err := h.db.BeginCheck(t.Context(), olga, h.list, true)
	require.NoError(t, err)
	require.NoError(t, h.e.CheckList(t.Context(), h.list, release))
}

func (h *caseHouse) liveFlow() string {
	a, err := h.db.Artifact(h.t.Context(), review.Flow, "acquired")
	require.NoError(h.t, err)
	return a.Live.ID
}

func (h *caseHouse) starts(s startsAt) {
	h.t.Helper()
	err := h.db.StartList(h.t.Context(), olga, h.list, postgres.StartList{Plan: s.Plan, Release: h.liveFlow(), Reason: "the acquisition"})
	if s.Refused != "" {
		require.ErrorContains(h.t, err, s.Refused)
		return
	}
	require.NoError(h.t, err)
}

// fixes adds a row to a shipped table, and has it and the flow that uses it approved.
func (h *caseHouse) fixes(key string, row map[string]any) {
	t := h.t
	t.Helper()
	kinds := artifact.Kinds{Flows: node.All(), Connectors: h.catalog}
	_, texts, err := flows.Policies("acquired")
	require.NoError(t, err)
	var p map[string]any
	require.NoError(t, yaml.Unmarshal(texts[key], &p))
	groups := p["groups"].(map[string]any)
	groups["rows"] = append(groups["rows"].([]any), row)
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	doc, err := kinds.Read(review.Policy, key, raw)
	require.NoError(t, err)
	h.release(doc)
	// A release pins its policies, so the flow is released again.
	text, err := flows.Flow("acquired")
	require.NoError(t, err)
	doc, err = kinds.ReadText(review.Flow, "", []byte(strings.Replace(string(text), "name: Acquired company\n", "name: The acquired company\n", 1)))
	require.NoError(t, err)
	h.release(doc)
}

func (h *caseHouse) retriesNewest(most int) {
	h.t.Helper()
	failed, err := h.db.ListRuns(h.t.Context(), h.list, run.Failed, most)
	require.NoError(h.t, err)
	for _, id := range failed {
		require.NoError(h.t, h.db.RetryRunNewest(h.t.Context(), olga, id))
	}
}

// ofList counts the list's runs that are started, by state.
func (h *caseHouse) ofList() map[run.State]int {
	out := map[run.State]int{}
	for stage, states := range h.stages(h.list) {
		for s, n := range states {
			if stage > 0 && n > 0 {
				out[s] += n
			}
		}
	}
	return out
}

// listDiffers compares the forecast, how many are started, and whether every name
// is one person's under the directory's own equality.
func (h *caseHouse) listDiffers(want expect) string {
	if want.Report != nil {
		l, err := h.db.List(h.t.Context(), h.list)
		require.NoError(h.t, err)
		raw, err := json.Marshal(l.Report)
		require.NoError(h.t, err)
		var have map[string]any
		require.NoError(h.t, json.Unmarshal(raw, &have))
		for k, n := range want.Report {
			if fmt.Sprint(have[k]) != fmt.Sprint(n) {
				return fmt.Sprintf("the forecast's %s should be %d, and is %v", k, n, have[k])
			}
		}
	}
	if want.Started > 0 {
		n := 0
		for _, k := range h.ofList() {
			n += k
		}
		if n != want.Started {
			return fmt.Sprintf("%d should be started, and %d are", want.Started, n)
		}
	}
	if want.Unique == 0 {
		return ""
	}
	made, names, mails := 0, map[string]bool{}, map[string]bool{}
	for _, a := range h.stateOf("corp-ad").Accounts {
		name := naming.Space{Kind: naming.ADLogin}.By().Key(a.Name)
		if names[name] {
			return "two accounts are called " + a.Name
		}
		names[name] = true
		if a.Stamp == "" {
			continue
		}
		mail := naming.Space{Kind: naming.MailSpace}.By().Key(fmt.Sprint(a.Attributes["mail"]))
		if mails[mail] {
			return "two accounts have the address " + mail
		}
		made, mails[mail] = made+1, true
	}
	if made != want.Unique {
		return fmt.Sprintf("%d accounts should be made, and %d are", want.Unique, made)
	}
	return ""
}
