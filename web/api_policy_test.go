package web

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

// A program tries a policy, saved or not, and learns what came of it and why.
func TestAPI_PolicyTry(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	content := obj{"key": "dept", "name": "Departments", "type": "groups", "groups": obj{"rows": []any{
		obj{"groups": []any{"all-staff"}}, obj{"when": `joiner.department == "Sales"`, "groups": []any{"crm-users"}, "reason": "Sells"}}}}
	a.call(auth.Builder, "PUT", "/policies/dept", obj{"content": content}, 201)
	got := a.call(auth.Viewer, "POST", "/policies/dept/try", obj{"attributes": obj{"department": "Sales"}}, 200)
	require.Equal(t, []any{"all-staff", "crm-users"}, got["output"].(obj)["groups"])
	require.Equal(t, "", got["person"])
	require.Equal(t, obj{"row": json.Number("2"), "took": true, "title": "crm-users", "detail": "Matches: Sells."}, got["reasons"].([]any)[1])
	content["groups"].(obj)["hit"] = "first"
	got = a.call(auth.Viewer, "POST", "/policies/dept/try", obj{"attributes": obj{"department": "Sales"}, "content": content}, 200)
	require.Equal(t, []any{"all-staff"}, got["output"].(obj)["groups"])
	got = a.call(auth.Viewer, "POST", "/policies/dept/try", obj{"attributes": obj{"department": "Sales"}}, 200)
	require.Len(t, got["output"].(obj)["groups"], 2, "nothing was kept")

	require.Contains(t, sayings(a.call(auth.Viewer, "POST", "/policies/dept/try", obj{}, 422)), "attributes, or the id of a joiner")
	require.Contains(t, sayings(a.call(auth.Viewer, "POST", "/policies/dept/try", obj{"joiner": "nobody"}, 404)), "no such joiner")
	require.Contains(t, sayings(a.call(auth.Viewer, "POST", "/policies/none/try", obj{"attributes": obj{}}, 404)), "no policy")
	require.Contains(t, sayings(a.call(auth.Viewer, "POST", "/policies/dept/try", obj{"attributes": obj{}, "now": "yesterday"}, 422)), "2026-03-01")
	require.Contains(t, sayings(a.call(auth.Viewer, "POST", "/policies/dept/try", obj{"attributes": obj{}, "content": obj{"key": "other", "name": "x", "type": "groups"}}, 422)), "must be the same")
}
