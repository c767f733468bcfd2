package web

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// A template becomes a flow and its policies in one go, or nothing at all.
func TestTemplate_TakenAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "canary-template")
	gallery := w.bo.get(t, "/flows/new").body
	require.Contains(t, gallery, `aria-label="Drawing of Employee, with a second directory`)
	require.Contains(t, gallery, "is missing")
	require.Contains(t, gallery, "<b>Directory</b>: missing. It needs a connection that has accounts and groups.")
	require.Contains(t, gallery, "Standard names")
	lacks := w.bo.get(t, "/templates/future-hire").body
	require.Contains(t, lacks, "Something that this flow needs is not there yet.")
	require.Contains(t, lacks, "Directory: It needs a connection that has accounts and groups.")
	require.Contains(t, lacks, `aria-label="Drawing of Future hire`)
	for _, text := range []string{"key: hr\nname: HR\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n", "key: dir\nname: Directory\ntype: scim\nsettings: {base_url: https://dir.example.com}\n"} {
		doc, err := w.server.kinds().ReadText(review.Connection, "", []byte(text))
		require.NoError(t, err)
		_, err = w.server.DB.SaveRevision(t.Context(), w.boWho, postgres.Save{Doc: doc, Base: postgres.AnyBase, Via: "console"})
		require.NoError(t, err)
	}
	page := w.bo.get(t, "/flows/new")
	require.Contains(t, page.body, "Everything is there")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.body, "Employee, with a second directory")
	require.Contains(t, page.body, "/templates/empty")
	page = w.bo.get(t, "/templates/future-hire")
	require.Contains(t, page.body, "std-names")
	require.Contains(t, page.body, "all-staff")
	require.Equal(t, http.StatusNotFound, w.bo.get(t, "/templates/nothing").status)

	form := func(more ...string) url.Values {
		v := fields("op", "save", "name", "Ours", "key", "hires", "domain", "acme.example", "connection.hris", "hr", "connection.corp-ad", "dir")
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	none := func() {
		_, err := w.server.DB.Artifact(t.Context(), review.Policy, "future-hire-groups")
		require.True(t, fault.Is(err, fault.NotFound), "nothing was saved: %v", err)
	}
	for want, v := range map[string]url.Values{
		"Choose the connection":            form("connection.corp-ad", "hr"), // an HRIS is no directory
		"A key has up to 63":               form("key", "Not A Key"),
		"Write what the flow is called":    form("name", ""),
		"Write a domain such as":           form("domain", "@acme"),
		"There is already a flow with the": form("key", "c-flow"),
	} {
		got := w.bo.post(t, "/templates/future-hire", v)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, want)
		require.Contains(t, got.body, want)
		none()
	}
	got := w.bo.post(t, "/templates/future-hire", form("op", "look"))
	require.Equal(t, http.StatusOK, got.status)
	none()

	got = w.bo.post(t, "/templates/future-hire", form())
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	require.Equal(t, "/flows/hires", got.header.Get("Location"))
	rev, err := w.server.DB.Revision(t.Context(), review.Policy, "std-names", 0)
	require.NoError(t, err)
	require.Contains(t, rev.Content, "acme.example")
	require.Contains(t, rev.Content, `"connections":["dir"]`)
	problems, err := w.server.DB.Problems(t.Context(), review.Flow, []byte(must(w.server.DB.Revision(t.Context(), review.Flow, "hires", 0)).Content))
	require.NoError(t, err)
	require.Empty(t, problems)

	// Once more: the policies are there, the very same, and are used.
	got = w.bo.post(t, "/templates/future-hire", form("key", "more-hires", "op", "look"))
	require.Contains(t, got.body, "Is there already, the very same")
	got = w.bo.post(t, "/templates/future-hire", form("key", "more-hires"))
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	// With another domain the rules differ, so they get a key of their own.
	got = w.bo.post(t, "/templates/future-hire", form("key", "third", "domain", "other.example"))
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	_, err = w.server.DB.Artifact(t.Context(), review.Policy, "third-std-names")
	require.NoError(t, err)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
