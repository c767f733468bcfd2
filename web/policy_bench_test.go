package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/pgtest"
)

// The whole answer while somebody types, in a table of a hundred rows and of a
// thousand: reading the form, checking it, running the tests, and trying the joiner.
// Each is bounded by 300 ms. What is measured is the time that this process
// computes, because the machine's other work would show in any other clock. Each
// answer is after one more change of one row, as typing is. Run with -v to see the
// numbers.
func TestPolicyForm_AnswersWhileTyping(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	pgtest.WithoutRaceDetector(t)
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "bo@example.com", auth.Builder)
	for _, n := range []int{100, 1000} {
		var text strings.Builder
		fmt.Fprintf(&text, "key: t%d\nname: T\ntype: groups\ngroups:\n  rows:\n", n)
		for i := range n {
			fmt.Fprintf(&text, "    - {when: 'joiner.department == \"d%d\"', groups: [g%d, all-staff], reason: Row %d}\n", i, i, i)
		}
		text.WriteString("cases:\n  - {name: one, joiner: {department: d7}, expect: {groups: [g7, all-staff]}}\n")
		k.keep(t, "bo@example.com", text.String())
		_, form := formOf(t, b.get(t, fmt.Sprintf("/policies/t%d", n)).body)
		form.Set("try.a.department", "d5")
		token := b.token(t)
		compiled := k.server.DB.Programs().Compiled()
		var took, waited []time.Duration
		for i := range 15 {
			f := url.Values{"_csrf": {token}}
			for name, v := range form {
				if name != "_csrf" {
					f[name] = v
				}
			}
			f.Set("t.rows.9.when", fmt.Sprintf(`joiner.department == "typed%d of %d"`, i, n))
			began, busy := time.Now(), computed(t)
			a := b.send(t, post, fmt.Sprintf("/policies/t%d/draft", n), f, here)
			took, waited = append(took, computed(t)-busy), append(waited, time.Since(began))
			require.Equal(t, http.StatusOK, a.status)
			has(t, a, "g5")
		}
		slices.Sort(took)
		slices.Sort(waited)
		t.Logf("%d rows: computing, median %s, most of 15 %s; waiting, median %s, longest %s", n, took[7].Round(time.Millisecond), took[14].Round(time.Millisecond), waited[7].Round(time.Millisecond), waited[14].Round(time.Millisecond))
		require.Equal(t, 15, k.server.DB.Programs().Compiled()-compiled, "only the row that was typed into is compiled")
		require.Less(t, took[7], 300*time.Millisecond)
	}
}

// computed is the processor time of this process so far.
func computed(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
