package web

import (
	"archive/zip"
	"bytes"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/review"
)

// What comes from a file is judged before anything is made; all of it is saved, or nothing.
func TestImport_JudgesThenSavesAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	const names = "key: in-groups\nname: Groups\ntype: groups\ngroups:\n  directory: c-connection\n  rows:\n    - {groups: [a]}\n"
	const text = "key: in-flow\nname: In\ntrigger: start\nnodes:\n  - {id: start, type: manual, params: {connection: hr}}\n  - id: groups\n    type: groups.resolve\n    params: {policy: in-groups}\n  - {id: odd, type: set, params: {values: {a: =joiner.departmen}}}\nedges:\n  - {from: start.started, to: groups}\n  - {from: groups.found, to: odd}\n---\n" + names
	seen := regexp.MustCompile(`name="seen" value="([0-9a-f]+)"`)
	look := func(text string, more ...string) answer {
		return w.bo.post(t, "/import", fields(append([]string{"op", "look", "text", text}, more...)...))
	}
	save := func(text string, more ...string) answer {
		return w.bo.post(t, "/import", fields(append([]string{"op", "save", "text", text, "seen", seenHash(text)}, more...)...))
	}
	none := func(kind review.Kind, key string) {
		t.Helper()
		_, err := w.server.DB.Artifact(t.Context(), kind, key)
		require.True(t, fault.Is(err, fault.NotFound), "nothing was saved: %v", err)
	}
	before := w.digest()
	require.Equal(t, http.StatusOK, w.bo.get(t, "/import").status)
	got := look(text)
	require.Equal(t, http.StatusOK, got.status)
	require.Contains(t, got.body, "Flow in-flow (In)")
	require.Contains(t, got.body, "Policy in-groups (Groups)")
	require.Regexp(t, `Line 9: nodes\.odd\.params\.values\.a: .*department`, got.body)
	require.NotContains(t, got.body, "There is no policy &#34;", "it comes with the flow")
	require.Equal(t, seenHash(text), seen.FindStringSubmatch(got.body)[1])

	for want, bad := range map[string]string{
		"Line 3: There is no field \"triger\" here": strings.Replace(text, "trigger:", "triger:", 1),
		"Line 18: This is not a policy":             strings.Replace(text, "  directory: c-connection", "  directry: c-connection", 1),
		"It is there twice: the first begins":       text + "---\n" + names,
		"Connections are not brought in here":       text + "---\nkey: x\nname: X\ntype: scim\nsettings: {base_url: https://x.example.com}\n",
		"There is nothing in it":                    "# nothing\n",
		"Line 1: A key has up to 63":                strings.Replace(text, "key: in-flow", "key: In Flow", 1),
	} {
		got := look(bad)
		require.Contains(t, html.UnescapeString(got.body), want)
		require.NotContains(t, got.body, "Save as revisions", want)
		require.Equal(t, http.StatusUnprocessableEntity, save(bad).status, want)
		none(review.Policy, "in-groups")
	}
	got = w.bo.post(t, "/import", fields("op", "save", "text", text, "seen", seenHash("other")))
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Contains(t, got.body, "another one than you looked at")
	require.Equal(t, before, w.digest(), "looking and being refused makes nothing")

	got = save(text)
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	require.Equal(t, "/flows/in-flow", got.header.Get("Location"))
	require.Equal(t, 1, w.head(review.Policy, "in-groups"))
	require.Contains(t, look(text).body, "There is nothing to save")

	// A key that is taken: a revision of what is there, another key, or nothing.
	other := strings.ReplaceAll(strings.Replace(text, "groups: [a]", "groups: [b]", 1), "name: In\n", "name: Inwards\n")
	got = look(other)
	require.Contains(t, got.body, "its revision 1 is another one")
	require.Contains(t, got.body, "Revision 2 of the policy in-groups")
	require.Contains(t, got.body, "{groups: [b]}", "the text is there still")
	require.Contains(t, got.body, `class="diff`)
	for want, more := range map[string][]string{
		"A key has up to 63": {"as.0", "other", "key.0", "Not A Key"},
		"There is already a": {"as.1", "other", "key.1", "c-policy", "as.0", "leave"},
		"after you looked":   {"base.0", "7", "base.1", "1"},
		"nothing to save":    {"as.0", "leave", "as.1", "leave"},
	} {
		got := save(other, more...)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, want)
		require.Contains(t, got.body, want)
		require.Equal(t, 1, w.head(review.Flow, "in-flow"))
	}
	got = save(other, "as.0", "other", "key.0", "in-flow-b", "as.1", "other", "key.1", "in-groups-b")
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	rev, err := w.server.DB.Revision(t.Context(), review.Flow, "in-flow-b", 0)
	require.NoError(t, err)
	require.Contains(t, rev.Content, `"policy":"in-groups-b"`)
	require.Equal(t, 1, w.head(review.Policy, "in-groups"))
	got = save(other, "as.0", "revision", "base.0", "1", "as.1", "revision", "base.1", "1")
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	require.Equal(t, 2, w.head(review.Flow, "in-flow"))
	require.Equal(t, 2, w.head(review.Policy, "in-groups"))
}

// An export holds the flow and what it uses, and is read back as the very same.
func TestExport_IsReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	w.save(review.Policy, "key: ex-groups\nname: Groups\ntype: groups\ngroups: {rows: [{groups: [a]}]}\n")
	w.save(review.Flow, "key: ex\nname: Ex\ntrigger: start\nnodes:\n  - {id: start, type: manual, params: {connection: hr}}\n  - {id: groups, type: groups.resolve, params: {policy: ex-groups}}\n  - {id: more, type: groups.resolve, params: {policy: not-there}}\nedges: [{from: start.started, to: groups}]\n")
	page := w.bo.get(t, "/flows/ex/export").body
	require.Contains(t, page, "policies/ex-groups.yaml")
	require.Contains(t, page, "Not in it: it is not there")
	require.Contains(t, page, "Only named")
	alone := w.bo.get(t, "/flows/ex/export.yaml")
	require.Equal(t, `attachment; filename="ex.yaml"`, alone.header.Get("Content-Disposition"))
	require.Contains(t, w.bo.post(t, "/import", fields("op", "look", "text", alone.body)).body, "There is nothing to save")
	got := w.bo.get(t, "/flows/ex/export.zip")
	z, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
	require.NoError(t, err)
	require.Len(t, z.File, 2)
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Contains(t, string(raw), "key: ex")
	}
	text, err := fileText("ex.zip", []byte(got.body))
	require.NoError(t, err)
	page = w.bo.post(t, "/import", fields("op", "look", "text", text)).body
	require.Contains(t, page, "There is nothing to save")
	require.Contains(t, page, "Policy ex-groups")

	_, err = fileText("x.zip", []byte(got.body[:60]))
	require.ErrorContains(t, err, "not a whole ZIP")
	var bomb bytes.Buffer
	big := zip.NewWriter(&bomb)
	f, err := big.Create("flows/big.yaml")
	require.NoError(t, err)
	_, err = f.Write(bytes.Repeat([]byte("a"), maxImport+1))
	require.NoError(t, err)
	require.NoError(t, big.Close())
	_, err = fileText("big.zip", bomb.Bytes())
	require.ErrorContains(t, err, "more than 4 MB")
}
