package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

// The whole answer while somebody types, in a table of a hundred rows (the common
// case, bounded by 300 ms) and of a thousand: reading the form, checking it, running
// the tests, and trying the joiner. Run with -v to see the numbers.
func TestPolicyForm_AnswersWhileTyping(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
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
		var took []time.Duration
		for range 15 {
			f := url.Values{"_csrf": {token}}
			for name, v := range form {
				if name != "_csrf" {
					f[name] = v
				}
			}
			began := time.Now()
			a := b.send(t, post, fmt.Sprintf("/policies/t%d/draft", n), f, here)
			took = append(took, time.Since(began))
			require.Equal(t, http.StatusOK, a.status)
			has(t, a, "g5")
		}
		slices.Sort(took)
		t.Logf("%d rows: median %s, slowest of 15 %s", n, took[7].Round(time.Millisecond), took[14].Round(time.Millisecond))
		if n == 100 {
			require.Less(t, took[7], 300*time.Millisecond)
		}
	}
}
