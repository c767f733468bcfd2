package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/connector"
)

// One connection from nothing to a set, rotated and revoked credential, through
// the pages alone.
func TestCredentials_FromSettingToRevoking(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "ada@example.com", auth.Admin)
	viewer := k.person(t, "vic@example.com", auth.Viewer)

	form := filled(connector.Settings{Key: "app", Name: "The app", Type: "scim", Settings: map[string]any{"base_url": "https://app.example/scim/v2"}}, "0")
	form.Set("key", "app")
	form.Set("message", "First")
	a := b.post(t, "/connections", form)
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	a = b.get(t, "/connections/app")
	require.Contains(t, a.body, "/connections/app/credentials/token")
	require.NotContains(t, viewer.get(t, "/connections/app").body, "/credentials/token")
	require.Contains(t, b.get(t, "/connections").body, "The app")

	at := "/connections/app/credentials/token"
	a = b.post(t, at, url.Values{"value": {"s3cr3t-one"}, "owner": {"nobody@example.com"}, "purpose": {"accounts"}, "expires_at": {time.Now().AddDate(1, 0, 0).Format(time.DateOnly)}})
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.body, "no active user")
	require.NotContains(t, a.body, "s3cr3t-one", "a secret is never sent back")
	a = b.post(t, at, url.Values{"value": {"s3cr3t-one"}, "owner": {"ada@example.com"}, "purpose": {"accounts"}, "expires_at": {time.Now().AddDate(1, 0, 0).Format(time.DateOnly)}})
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	got, err := k.server.DB.Secret(context.Background(), "app", "token")
	require.NoError(t, err)
	require.Equal(t, "s3cr3t-one", got.Reveal())
	require.Contains(t, b.get(t, at).body, "Rotate")
	require.Equal(t, http.StatusNotFound, b.get(t, "/connections/app/credentials/other").status)

	list := viewerOf(t, k).get(t, "/credentials").body
	require.Contains(t, list, "app · token")
	require.NotContains(t, list, "s3cr3t-one")
	all, err := k.server.DB.Credentials(context.Background(), "app")
	require.NoError(t, err)
	page := "/credentials/" + all[0].ID
	require.Contains(t, b.get(t, page).body, "No live flow uses the connection.")
	a = b.post(t, page+"/revoke", url.Values{"confirm": {"wrong"}, "reason": {"it leaked"}})
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.body, "Type token exactly.")
	a = b.post(t, page+"/revoke", url.Values{"confirm": {"token"}, "reason": {"it leaked"}})
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	_, err = k.server.DB.Secret(context.Background(), "app", "token")
	require.Error(t, err)
	require.Contains(t, b.get(t, page).body, "it leaked")
	for _, body := range []string{b.get(t, "/audit").body, b.get(t, page).body} {
		require.False(t, strings.Contains(body, "s3cr3t-one"))
	}
}

// viewerOf is somebody who may see the inventory and nothing more of it.
func viewerOf(t *testing.T, k *console) *browser {
	t.Helper()
	return k.person(t, "aud@example.com", auth.Auditor)
}
