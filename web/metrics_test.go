package web

import (
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

var (
	typeLine   = regexp.MustCompile(`(?m)^# TYPE (joinery_\S+) (\S+)$`)
	sampleLine = regexp.MustCompile(`(?m)^(joinery_[a-z_]+?)(?:_count|_sum|_bucket)?(?:\{([^}]*)\})? `)
	labelName  = regexp.MustCompile(`([a-z]+)="`)
	docRow     = regexp.MustCompile("(?m)^\\| `(joinery_[a-z_]+)` \\| (\\w+) \\|([^|]*)\\|")
)

// The guide lists every metric with its kind and labels, and none that is not
// there, so the two cannot drift.
func TestMetrics_TheGuideListsThem(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:1")
	k.server.Beat, k.server.InHand = time.Now, func() int { return 0 }
	m := k.server.Metrics
	m.Step("set", "passed", time.Second)
	m.Call("hr", "worker.read", "ok", time.Second)
	m.Answer(202, true, time.Second)
	m.Batch("event", 1, time.Second)
	m.RunEnded("succeeded")
	a := k.person(t, "ada@x.example", auth.Auditor).get(t, "/metrics")
	require.Equal(t, http.StatusOK, a.status)
	have := map[string]string{}
	for _, l := range typeLine.FindAllStringSubmatch(a.body, -1) {
		have[l[1]] = l[2]
	}
	labels := map[string]map[string]bool{}
	for _, l := range sampleLine.FindAllStringSubmatch(a.body, -1) {
		name := l[1]
		if _, ok := have[name]; !ok {
			continue
		}
		if labels[name] == nil {
			labels[name] = map[string]bool{}
		}
		for _, n := range labelName.FindAllStringSubmatch(l[2], -1) {
			if n[1] != "le" {
				labels[name][n[1]] = true
			}
		}
	}
	for name, kind := range have {
		have[name] = kind + " " + strings.Join(slices.Sorted(maps.Keys(labels[name])), ", ")
	}
	guide, err := os.ReadFile("../docs/operating.md")
	require.NoError(t, err)
	told := map[string]string{}
	for _, r := range docRow.FindAllStringSubmatch(string(guide), -1) {
		names := regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(r[3], -1)
		var list []string
		for _, n := range names {
			list = append(list, n[1])
		}
		slices.Sort(list)
		told[r[1]] = r[2] + " " + strings.Join(list, ", ")
	}
	for name, is := range have { // a test of the source finds those that are not seen here
		require.Equal(t, is, told[name], name)
	}
	require.Greater(t, len(have), 20)
	require.NotContains(t, a.body, "ada@x.example")
	for _, line := range strings.Split(a.body, "\n") {
		if strings.HasPrefix(line, "# TYPE joinery_") && strings.HasSuffix(line, "counter") {
			require.Contains(t, line, "_total ", "counters are named so")
		}
	}
}
