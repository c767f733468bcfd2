package engine_test

import (
	"path"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/flows"
	"joinery/internal/pgtest"
	"joinery/internal/run"
)

// flowCase is one case of a shipped flow: what there is, what happens in order,
// and what must have come of it at several points.
type flowCase struct {
	Name string    `yaml:"name"`
	Now  time.Time `yaml:"now"`
	// Strangers are accounts that are there already, by directory.
	Strangers map[string][]wantAccount `yaml:"strangers"`
	// With are other shipped flows that are live in the same company.
	With []string `yaml:"with"`
	// Params are what a company sets otherwise in nodes of the flow, Vars in its vars.
	Params map[string]map[string]any `yaml:"params"`
	Vars   map[string]string         `yaml:"vars"`
	// Mishaps are what goes wrong with calls: "EnsureAccount#1:lose".
	Mishaps  []string   `yaml:"mishaps"`
	Timeline []happened `yaml:"timeline"`
}

// happened is one thing of the timeline. Exactly one of its fields is given, but
// for hr, which may come with event.
type happened struct {
	// HR are fields of a worker that HR enters or changes; null empties one. ID is
	// the worker's; "1" when left out. Gone takes the record away.
	HR   map[string]any `yaml:"hr"`
	ID   string         `yaml:"id"`
	Gone bool           `yaml:"gone"`
	// Event is what the HRIS tells. Times is how often the very same one comes.
	Event string `yaml:"event"`
	Times int    `yaml:"times"`
	// Key makes an event the same as an earlier one.
	Key string `yaml:"key"`
	// Clock is the moment to which the clock moves; Pass how far it moves on.
	Clock time.Time `yaml:"clock"`
	Pass  string    `yaml:"pass"`
	// Answer answers an open question.
	Answer *struct {
		Title  string         `yaml:"title"`
		Reject bool           `yaml:"reject"`
		Form   map[string]any `yaml:"form"`
	} `yaml:"answer"`
	// Directory is what somebody else does to an account.
	Directory *struct {
		In      string         `yaml:"in"`
		Account string         `yaml:"account"`
		Set     map[string]any `yaml:"set"`
		Join    []string       `yaml:"join"`
		Remove  bool           `yaml:"remove"`
		Disable bool           `yaml:"disable"`
		// Add makes another account, not ours.
		Add *wantAccount `yaml:"add"`
	} `yaml:"directory"`
	// Ask has the HRIS asked for changes now.
	Ask bool `yaml:"ask"`
	// List uploads a list of people and looks ahead at it, asking the directories too;
	// Start starts it, Agree is a second person's yes, Next starts its next stage.
	List  *listOf   `yaml:"list"`
	Start *startsAt `yaml:"start"`
	Agree bool      `yaml:"agree"`
	Next  bool      `yaml:"next"`
	// Fix adds a row to a table and has it and the flow approved.
	Fix *struct {
		Policy string         `yaml:"policy"`
		Row    map[string]any `yaml:"row"`
	} `yaml:"fix"`
	// RetryNewest retries so many of the list's failed runs by the newest release.
	RetryNewest int `yaml:"retry_newest"`
	// Restart ends the process and starts another.
	Restart bool `yaml:"restart"`
	// Cancel cancels the runs that wait, with this reason.
	Cancel string `yaml:"cancel"`
	// Retry retries the failed runs.
	Retry  bool    `yaml:"retry"`
	Expect *expect `yaml:"expect"`
}

// expect is what must be true; what is left out may be anything.
type expect struct {
	Accounts map[string][]wantAccount `yaml:"accounts"`
	// Report are numbers of the list's forecast, Started how many of it are started.
	Report  map[string]int `yaml:"report"`
	Started int            `yaml:"started"`
	// Unique is how many accounts were made, no two of them with a name in common.
	Unique int `yaml:"unique"`
	// Managers gives who is whose manager in corp-ad, by the names of accounts.
	Managers map[string]string `yaml:"managers"`
	// Names gives the state of names: "login jmueller": confirmed.
	Names map[string]string `yaml:"names"`
	// Exceptions are the fields of open exceptions.
	Exceptions *[]string `yaml:"exceptions"`
	// Tasks are the titles of open exceptions, Why part of the reason of one.
	Tasks *[]string `yaml:"tasks"`
	Why   string    `yaml:"why"`
	// HRIS are fields of workers, by their ids.
	HRIS map[string]map[string]any `yaml:"hris"`
	// Written are the write-backs that changed something, in order.
	Written *[]string `yaml:"written"`
	// Mails are the subjects of all messages, in order.
	Mails *[]string `yaml:"mails"`
	// Runs counts the runs in each state.
	Runs map[run.State]int `yaml:"runs"`
	// Reason is part of the newest run's reason.
	Reason string `yaml:"reason"`
	// Asked are the titles of open questions.
	Asked *[]string `yaml:"asked"`
	// Waits is the step that the run waits at.
	Waits string `yaml:"waits"`
	// Order is what the newest run did to systems, repetitions once: "group.add corp-ad".
	Order []string `yaml:"order"`
	// Story is what the audit log tells of the newest run and its groups, in order,
	// repetitions once.
	Story []string `yaml:"story"`
	// Ports are the ways by which steps of the newest run left.
	Ports map[string]string `yaml:"ports"`
}

type wantAccount struct {
	Name       string         `yaml:"name"`
	Enabled    bool           `yaml:"enabled"`
	Groups     []string       `yaml:"groups"`
	Attributes map[string]any `yaml:"attributes"`
	// Stamp is given for accounts that are there already and ours.
	Stamp string `yaml:"stamp"`
}

// The shipped flows keep their promises: each case runs through the real engine
// and database against systems kept in files.
func TestShippedFlows(t *testing.T) {
	t.Parallel()
	for _, key := range append(flows.Keys(), flows.Templates()...) {
		entries, err := flows.Files.ReadDir(key + "/cases")
		require.NoError(t, err)
		require.NotEmpty(t, entries)
		for _, e := range entries {
			if e.Name() == manyPeople {
				continue
			}
			t.Run(key+"/"+strings.TrimSuffix(e.Name(), ".yaml"), func(t *testing.T) {
				t.Parallel()
				runCase(t, key, readCase(t, key, e.Name()))
			})
		}
	}
}

// manyPeople is the case of an acquired company: four hundred people.
const manyPeople = "four_hundred.yaml"

// TestShippedFlows_ManyPeople is the one case that takes minutes under the race detector.
func TestShippedFlows_ManyPeople(t *testing.T) {
	pgtest.WithoutRaceDetector(t)
	t.Parallel()
	runCase(t, "acquired", readCase(t, "acquired", manyPeople))
}

func readCase(t *testing.T, key, name string) (c flowCase) {
	t.Helper()
	raw, err := flows.Files.ReadFile(path.Join(key, "cases", name))
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalWithOptions(raw, &c, yaml.Strict()), "%s/%s", key, name)
	return c
}
