package web

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
)

func TestAPI_Credentials(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.hris("hr")
	in := obj{"value": "whsec_secret-value-1", "owner": "builder@x.example", "purpose": "hooks", "expires_at": time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339)}
	a.call(auth.Builder, "PUT", "/connections/hr/credentials/webhook_secret", in, 403)
	set := a.call(auth.Admin, "PUT", "/connections/hr/credentials/webhook_secret", in, 201)
	require.NotContains(t, fmt.Sprint(set), "secret-value")
	in["owner"] = "nobody@x.example"
	wrong := a.call(auth.Admin, "PUT", "/connections/hr/credentials/webhook_secret", in, 422)
	require.Equal(t, "owner", wrong["problems"].([]any)[0].(obj)["path"])
	require.NotContains(t, fmt.Sprint(wrong), "secret-value")
	rotated := a.call(auth.Admin, "POST", "/credentials/"+set["id"].(string)+"/rotate", obj{"value": "whsec_secret-value-2", "expires_at": in["expires_at"], "overlap_hours": 1}, 201)
	require.Len(t, a.call(auth.Builder, "GET", "/credentials", nil, 200)["items"], 2)
	gone := a.call(auth.Admin, "POST", "/credentials/"+rotated["id"].(string)+"/revoke", obj{"reason": "leaked"}, 200)
	require.Equal(t, "revoked", gone["state"])

	// An overlap that is too long is refused, also where hours would wrap around.
	for _, hours := range []int{-1, 721, 5124096, 1 << 62} {
		rotate := obj{"value": "whsec_secret-value-3", "expires_at": in["expires_at"], "overlap_hours": hours}
		p := a.call(auth.Admin, "POST", "/credentials/"+set["id"].(string)+"/rotate", rotate, 422)
		require.Equal(t, "overlap_hours", p["problems"].([]any)[0].(obj)["path"], "%d", hours)
		in["owner"], in["overlap_hours"] = "builder@x.example", hours
		a.call(auth.Admin, "PUT", "/connections/hr/credentials/webhook_secret", in, 422)
	}
	delete(in, "overlap_hours")
	a.call(auth.Admin, "PUT", "/connections/hr/credentials/webhook_secret", in, 201)
	for _, name := range []string{"a", "b", "c"} {
		a.call(auth.Admin, "PUT", "/connections/hr/credentials/"+name, in, 201)
	}
	all := a.call(auth.Builder, "GET", "/credentials?connection=hr&limit=200", nil, 200)["items"].([]any)
	a.pages("/credentials", len(all))
	require.Empty(t, a.call(auth.Builder, "GET", "/credentials?connection=none", nil, 200)["items"])
}
