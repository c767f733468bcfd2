package engine_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/flows"
	"joinery/internal/connector"
	"joinery/internal/review"
	"joinery/internal/run"
)

// flowCase is one case of a shipped flow: what the HRIS says, and what must come of it.
type flowCase struct {
	Name     string         `yaml:"name"`
	Now      time.Time      `yaml:"now"`
	Worker   map[string]any `yaml:"worker"`
	Stranger string         `yaml:"stranger"`
	Then     []struct {
		Worker map[string]any `yaml:"worker"`
		Event  string         `yaml:"event"`
	} `yaml:"then"`
	Expect struct {
		State   run.State         `yaml:"state"`
		Steps   map[string]string `yaml:"steps"` // node → port, or the step's state
		Account *struct {
			Name       string            `yaml:"name"`
			Enabled    bool              `yaml:"enabled"`
			Groups     []string          `yaml:"groups"`
			Attributes map[string]string `yaml:"attributes"`
		} `yaml:"account"`
		Mails int `yaml:"mails"`
	} `yaml:"expect"`
}

// The shipped flows keep their promises: each case runs through the real engine
// and database against directories kept in a file.
func TestShippedFlows(t *testing.T) {
	t.Parallel()
	for _, key := range flows.Keys() {
		entries, err := flows.Files.ReadDir(key + "/cases")
		require.NoError(t, err)
		require.NotEmpty(t, entries)
		for _, e := range entries {
			raw, err := flows.Files.ReadFile(path.Join(key, "cases", e.Name()))
			require.NoError(t, err)
			var c flowCase
			require.NoError(t, yaml.UnmarshalWithOptions(raw, &c, yaml.Strict()), "%s/%s", key, e.Name())
			t.Run(key+"/"+strings.TrimSuffix(e.Name(), ".yaml"), func(t *testing.T) {
				t.Parallel()
				runCase(t, key, c)
			})
		}
	}
}

func runCase(t *testing.T, key string, c flowCase) {
	h := open(t)
	h.clock.mu.Lock()
	h.clock.now = c.Now
	h.clock.mu.Unlock()
	text, err := flows.Flow(key)
	require.NoError(t, err)
	// The flow's own connections, led to the fakes.
	for name, fakeKey := range map[string]string{"demo-hris": "hr", "hris": "hr", "demo-scim": "dir", "corp-ldap": "dir"} {
		text = []byte(strings.NewReplacer("connection: "+name+"\n", "connection: "+fakeKey+"\n", "directory: "+name+"\n", "directory: "+fakeKey+"\n").Replace(string(text)))
	}
	require.NoError(t, change(h, func(s *state) {
		for _, g := range []string{"all-staff", "contractors", "engineering", "sales", "finance", "people", "it"} {
			s.Groups[g] = nil
		}
		if c.Stranger != "" {
			s.Accounts["x"] = connector.Account{ID: "x", Name: c.Stranger, Enabled: true}
		}
	}))
	h.live(review.Flow, key, string(text))
	h.start()
	worker := maps.Clone(c.Worker)
	h.person("1", worker)
	h.event("e1", "worker.hired", "1")
	state := c.Expect.State
	for i, then := range c.Then {
		h.until(run.Waiting)
		maps.Copy(worker, then.Worker)
		h.person("1", worker)
		h.event(fmt.Sprint("then", i), then.Event, "1")
	}
	d := h.until(state)
	want := func() string {
		for _, s := range d.Steps {
			if w, ok := c.Expect.Steps[string(s.Node)]; ok && w != s.Port && w != string(s.State) {
				return fmt.Sprintf("step %s: want %q, got %s %q %s", s.Node, w, s.State, s.Port, s.Error)
			}
		}
		return ""
	}
	for end := time.Now().Add(5 * time.Second); want() != "" && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		d = h.until(state)
	}
	require.Empty(t, want())
	s := h.state()
	delete(s.Accounts, "x")
	if c.Expect.Account == nil {
		require.Empty(t, s.Accounts)
		return
	}
	require.Len(t, s.Accounts, 1)
	a := slices.Collect(maps.Values(s.Accounts))[0]
	require.Equal(t, c.Expect.Account.Name, a.Name)
	require.Equal(t, c.Expect.Account.Enabled, a.Enabled)
	require.ElementsMatch(t, c.Expect.Account.Groups, a.Groups)
	for k, v := range c.Expect.Account.Attributes {
		require.Equal(t, v, a.Attributes[k], k)
	}
	require.Equal(t, c.Expect.Mails, h.mails.count())
}
