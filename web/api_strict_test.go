package web

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

// A parameter that an operation does not know is refused, and not passed over: a
// mistyped filter would answer with everything.
func TestAPI_UnknownParameters(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.live("policies", "names", policyContent("a"))
	for at, says := range map[string]string{
		"/runs?stat=failed": `"stat"`, "/runs?State=failed": `"State"`, "/runs?state=failed&state=queued": "there twice", "/runs?": "", "/policies/names?revision=1": "takes none", "/policies?limit=1&page=2": "q, limit, cursor",
		"/audit?since=2026-01-01": "after, limit, cursor", "/policies/names/diff?from=1&to=1&format=text": `"format"`, "/runs?%00=1": "no parameter",
	} {
		want := 400
		if says == "" {
			want = 200
		}
		require.Contains(t, sayings(a.call(auth.Admin, "GET", at, nil, want)), says, at)
	}
	require.Contains(t, sayings(a.call(auth.Operator, "POST", "/flows/x/runs?mode=simulate", obj{"worker": "1"}, 400)), `"mode"`, "a simulation that was asked for in the wrong place is no live run")
	for body, want := range map[string]int{`{"settings":{"path":"/elsewhere"}}`: 400, "x": 400, " {} ": 404, "": 404} {
		req := httptest.NewRequest("POST", "/api/v1/connections/none/test", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+a.tokens[auth.Admin])
		a.send(req, want)
	}
	require.Contains(t, a.call(auth.Operator, "GET", "/reviews?state=open&limit=1", nil, 200), "items")
}

// Stages of a list are numbers that a list can have, and not any that a column cannot.
func TestAPI_ListPlanOutOfBounds(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	a.manual("join", "hr", nil)
	req := httptest.NewRequest("POST", "/api/v1/flows/join/lists", strings.NewReader("worker\n1\n"))
	req.Header.Set("Content-Type", "text/csv")
	req.Header.Set("Authorization", "Bearer "+a.tokens[auth.Operator])
	list := a.send(req, 201)["id"].(string)
	for _, n := range []int{3_000_000_000, 1 << 31, 1 << 62, 100_001, 0, -1} {
		p := a.call(auth.Operator, "POST", "/lists/"+list+"/start", obj{"plan": []int{1, n}, "reason": "first day of the month", "release": "x"}, 422)
		require.Equal(t, "plan", p["problems"].([]any)[0].(obj)["path"], "%d", n)
	}
}
