package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector/fake"
	"joinery/internal/review"
	"joinery/internal/run"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The guides' worked example of F1 is what it says: its policies go live with their
// tests, and its flow runs for an engineer, a contractor and somebody who moves.
func TestDocs_WorkedExampleOfF1(t *testing.T) {
	t.Parallel()
	h := open(t)
	apps := filepath.Join(t.TempDir(), "apps.json")
	require.NoError(t, fake.Change(apps, func(s *fake.State) {
		for _, g := range []string{"github", "jira", "beta-lab", "crm-users", "erp-users"} {
			s.Groups[g] = nil
		}
	}))
	require.NoError(t, fake.Change(h.dir, func(s *fake.State) {
		for _, g := range []string{"contractors", "dept-engineering", "dept-sales", "dept-finance", "loc-ham", "loc-akl"} {
			s.Groups[g] = nil
		}
	}))
	h.live(review.Connection, "corp-ad", fmt.Sprintf(`{"key":"corp-ad","name":"AD","type":"fake-directory","settings":{"path":%q}}`, h.dir))
	h.live(review.Connection, "apps", fmt.Sprintf(`{"key":"apps","name":"Apps","type":"fake-directory","settings":{"path":%q}}`, apps))
	for _, name := range []string{"policies-mapping.md", "policies-groups.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		require.NoError(t, err)
		for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			kind, key := review.Policy, strings.TrimPrefix(strings.SplitN(block[1], "\n", 2)[0], "key: ")
			if strings.Contains(block[1], "\ntrigger: ") {
				kind = review.Flow
			}
			h.live(kind, key, block[1])
		}
	}
	inApps := func() (groups []string) {
		require.NoError(t, fake.Change(apps, func(s *fake.State) {
			for _, a := range s.Accounts {
				groups = append(groups, a.Groups...)
			}
		}))
		return groups
	}
	h.start()
	h.hire("1", map[string]any{"location": "Hamburg", "country": "DE", "title": "Engineer"})
	h.until(run.Succeeded)
	_, groups := h.groupsOf("hr:1")
	require.Equal(t, []string{"all-staff", "dept-engineering", "loc-ham"}, groups)
	have := inApps()
	require.Contains(t, have, "github")
	require.Contains(t, have, "jira")
	account := h.state().Accounts["a1"]
	require.Equal(t, "Germany", account.Attributes["co"])
	require.Equal(t, "alovelace1@example.com", account.Attributes["mail"])

	// The department changes: groups are replaced in both directories.
	h.person("1", map[string]any{"location": "Hamburg", "department": "Sales", "title": ""})
	h.event("moved", "worker.updated", "1")
	require.Len(t, h.runs(), 2)
	d := h.until(run.Succeeded)
	_, groups = h.groupsOf("hr:1")
	require.ElementsMatch(t, []string{"all-staff", "dept-sales", "loc-ham"}, groups)
	have = inApps()
	require.Equal(t, []string{"crm-users"}, have)
	require.Nil(t, h.state().Accounts["a1"].Attributes["title"], "an empty title is removed")
	require.Equal(t, []any{"dept-engineering"}, output(t, d, "ad_line")["removed"])

	// A contractor never gets all-staff.
	h.hire("2", map[string]any{"location": "Hamburg", "worker_type": "contractor"})
	h.until(run.Succeeded)
	_, groups = h.groupsOf("hr:2")
	require.Equal(t, []string{"dept-engineering", "loc-ham", "contractors"}, groups)

	// Nobody knows the site: a person has to look, and nothing was written.
	h.hire("3", map[string]any{"location": "Mars"})
	d = h.until(run.Failed)
	require.Contains(t, d.Reason, "loc-{{ inputs.site_code }}")
	id, _ := h.groupsOf("hr:3")
	require.Empty(t, id)
}
