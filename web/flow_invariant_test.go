package web

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/flow"
)

// What the form sends is what the flow holds.
func TestInvariant_Posted(t *testing.T) {
	app := fiber.New()
	var got flow.Invariant
	app.Post("/", func(c *fiber.Ctx) error { got = postedInvariant(c, flow.Invariant{}); return nil })
	body := fields("p_name", " Contractors never ", "p_when", "=joiner.worker_type == \"contractor\"", "p_never_groups.0.value", "all-staff", "p_never_groups.2.value", " prod-* ", "p_never_groups.3.value", " ", "p_directory", "ad", "p_never_accounts", "erp", "p_say", "Ask.\r\nThen go on.\r\n")
	req := httptest.NewRequest("POST", "/", strings.NewReader(body.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err := app.Test(req)
	require.NoError(t, err)
	want := flow.Invariant{Name: "Contractors never", When: `=joiner.worker_type == "contractor"`, NeverGroups: []string{"all-staff", "prod-*"}, Directory: "ad", NeverAccounts: []string{"erp"}, Say: "Ask.\nThen go on.\n"}
	require.Equal(t, want, got)
}

func TestInvariant_OnTheOutline(t *testing.T) {
	f := flow.Content{Invariants: []flow.Invariant{{Name: "A", NeverGroups: []string{"x", "y"}}, {Name: "B", When: "c", NeverAccounts: []string{"erp"}, Say: "Ask."}}}
	problems := []fault.Problem{{Path: "invariants.1.when", Detail: "no"}, {Path: "invariants.10", Detail: "other"}, {Path: "invariants.0.never_groups.1", Detail: "bad"}}
	out := invariantLines("f", f, problems, true)
	require.Equal(t, "/flows/f/invariants/new", out.AddURL)
	require.Equal(t, "/flows/f/invariants/2", out.Lines[1].EditURL)
	require.Equal(t, []string{"bad"}, out.Lines[0].Problems)
	require.Equal(t, []string{"no"}, out.Lines[1].Problems)
	require.Contains(t, fmt.Sprint(out.Lines[0].Pairs), "everybody")
	require.Contains(t, fmt.Sprint(out.Lines[1].Pairs), "erp")
	require.Equal(t, []string{"no"}, invariantProblems(problems, 1, "when"))
	out = invariantLines("f", f, nil, false)
	require.Empty(t, out.AddURL+out.Lines[0].EditURL)
}
