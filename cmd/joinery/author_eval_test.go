package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/author/eval"
	"joinery/internal/modeltest"
	"joinery/internal/postgres"
)

// An evaluation needs no database where the model is named, and says in a report what
// came of it. This model refuses all.
func TestAuthorEval(t *testing.T) {
	t.Parallel()
	server := modeltest.Start(t, []modeltest.Fixture{modeltest.Say("shy", "Restate what is wanted", "I'm sorry, but I can't help with that.")})
	dir := t.TempDir()
	s := &shell{t: t, env: map[string]string{"JOINERY_ALLOW_HOSTS": "127.0.0.1", "JOINERY_EVAL_KEY": "key-of-the-test"}}
	text, all := filepath.Join(dir, "a.md"), filepath.Join(dir, "a.json")
	out, errs := s.run("", 0, "author", "eval", "--only", "seniority,buddy", "--url", server.URL, "--model", "shy", "--reduced", "--report", text, "--report", all)
	require.Contains(t, out, "| trouble: there was no answer | 2 |")
	require.Contains(t, out, "These figures are of this model, at this address")
	require.Contains(t, errs, "The report is in "+text)
	require.Contains(t, errs, "2 of 2  trouble")
	raw, err := os.ReadFile(text)
	require.NoError(t, err)
	require.Equal(t, out, string(raw))
	raw, err = os.ReadFile(all)
	require.NoError(t, err)
	require.NotContains(t, string(raw)+out+errs, "key-of-the-test")
	var report eval.Report
	require.NoError(t, json.Unmarshal(raw, &report))
	require.Equal(t, "shy", report.Model)
	require.Equal(t, version(), report.Program)
	require.Equal(t, map[author.TroubleKind]int{author.Refused: 2}, report.Counts.Troubles)
	require.Equal(t, 2, report.Counts.Endings[eval.Trouble])

	out, _ = s.run("", 0, "author", "eval", "--list")
	require.Contains(t, out, "login-first-initial")
	_, errs = s.run("", 2, "author", "eval", "--only", "no-such")
	require.Contains(t, errs, "--list shows them")
	_, errs = s.run("", 1, "author", "eval", "--only", "buddy", "--url", server.URL, "--model", "shy", "--reduced", "--least", "50")
	require.Contains(t, errs, "0 of a hundred requests are right; 50 were wanted.")
	_, errs = s.run("", 2, "author", "eval", "--url", server.URL)
	require.Contains(t, errs, "--url and --model go together")
	_, errs = s.run("", 1, "author", "eval", "--url", "nowhere", "--model", "shy")
	require.Contains(t, errs, "Write an address like")
	_, errs = s.run("", 2, "author", "eval", "--report", "report.txt")
	require.Contains(t, errs, "neither")
}

// What every request would meet ends the evaluation at once, and leaves no empty report;
// without a name on the command line it is the console's model that counts.
func TestAuthorEval_WhichModel(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "a.md")
	s := &shell{t: t, env: map[string]string{}}
	_, errs := s.run("", 1, "author", "eval", "--url", "http://127.0.0.1:1/v1", "--model", "any", "--reduced", "--report", report)
	require.Contains(t, errs, "Outbound rules do not allow the model's address.")
	require.Contains(t, errs, "JOINERY_ALLOW_HOSTS")
	require.NoFileExists(t, report)
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	s = newShell(t)
	_, errs = s.run("", 1, "author", "eval")
	require.Equal(t, "No language model is configured, so there is nothing to evaluate. An administrator sets one up in the console, or name one here with --url and --model. See docs/author-providers.md.\n", errs)
	s.env["OPENAI_BASE_URL"], s.env["OPENAI_MODEL"] = "https://model.example.com/v1", "any"
	_, errs = s.run("", 1, "author", "eval")
	require.Contains(t, errs, "The function author is switched off in this console.")

	server := modeltest.Start(t, []modeltest.Fixture{modeltest.Say("set-up", "Restate what is wanted", "I'm sorry, but I can't help with that.")})
	h, err := (&tool{env: func(k string) string { return s.env[k] }, errs: io.Discard}).open(t.Context())
	require.NoError(t, err)
	set := author.DefaultSetting()
	set.Policy, set.BaseURL, set.Model, set.NoKey = author.On, server.URL, "set-up", true
	ada, err := h.db.AddUser(t.Context(), cli(), h.hasher, postgres.NewUser{Email: "ada@x.example", Name: "Ada", Password: randomPassword(), Roles: []auth.Role{auth.Admin}})
	require.NoError(t, err)
	require.NoError(t, h.db.SaveAuthorSetting(t.Context(), ada.Actor(), set))
	h.close()
	s.env["JOINERY_ALLOW_HOSTS"] = "127.0.0.1"
	out, _ := s.run("", 0, "author", "eval", "--only", "seniority")
	require.Contains(t, out, "**Model**: set-up")
	require.Contains(t, out, "| refused | 1 |")
}
