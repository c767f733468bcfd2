package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector/all"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

// evil is a text that becomes script or an element wherever something forgets to
// escape: in text, in an attribute, in a title, a text area, a style, an address.
const evil = `</title></textarea></style><script>window.pwned=1</script>"'><img src=x data-xss onerror=window.pwned=1><svg/onload=window.pwned=1> data-xss onfocus=window.pwned=1 javascript:pwned=1//{{7*7}}`

// seedEvil puts the text into everything that people, an HRIS or a system write.
func seedEvil(t *testing.T, db *postgres.DB) {
	t.Helper()
	ctx := context.Background()
	bo := addPerson(t, db, "bo@example.com", clip(evil), auth.Builder, auth.Operator, auth.Admin).Actor()
	re := addPerson(t, db, "re@example.com", clip("Re "+evil), auth.Reviewer).Actor()
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	q := func(s string) string { raw, _ := json.Marshal(s); return string(raw) }
	save := func(kind review.Kind, text string) review.Review {
		doc, err := kinds.ReadText(kind, "", []byte(text))
		require.NoError(t, err)
		_, err = db.SaveRevision(ctx, bo, postgres.Save{Doc: doc, Base: postgres.AnyBase, Message: evil, Via: "console"})
		require.NoError(t, err)
		r, err := db.OpenReview(ctx, bo, kind, doc.Key, 0, evil)
		require.NoError(t, err)
		require.NoError(t, db.CommentReview(ctx, re, r.ID, evil))
		return r
	}
	live := func(kind review.Kind, text string) {
		r := save(kind, text)
		_, err := db.ApproveReview(ctx, re, r.ID, r.Hash, evil)
		require.NoError(t, err)
	}
	for _, n := range []string{"", "2"} {
		name := q(clip(n + evil))
		live(review.Connection, fmt.Sprintf("key: hr\nname: %s\ndescription: %s\ntype: hris-rest\nsettings: {base_url: https://hr.example.com}\n", name, q(evil)))
		live(review.Policy, fmt.Sprintf("key: names\nname: %s\ntype: groups\ngroups: {rows: [{groups: [%s]}]}\n", name, q(evil)))
		live(review.Function, fmt.Sprintf("key: login\nname: %s\nsource: %s\ncases: [{name: joins, input: {first: ada}, output: {login: ada}}]\n", name, q("-- "+evil+"\nreturn { login = input.first }\n")))
		live(review.Flow, fmt.Sprintf("key: ask\nname: %s\ndescription: %s\ntrigger: by_hand\nnodes:\n  - {id: by_hand, type: manual, name: %s, params: {connection: hr}}\n  - {id: ok, type: signoff, name: %s, params: {title: %s, question: %s, fields: [{key: desk, label: %s, kind: text}]}}\nedges: [{from: by_hand.started, to: ok}]\n", name, q(evil), name, name, q(clip(evil)), q(evil), q(clip(evil))))
	}
	save(review.Flow, fmt.Sprintf("key: ask\nname: %s\ntrigger: by_hand\nnodes:\n  - {id: by_hand, type: manual, params: {connection: hr}}\n", q(clip("3"+evil))))
	require.NoError(t, db.SetPaused(ctx, bo, review.Connection, "hr", true, evil))
	_, err := db.SetCredential(ctx, bo, postgres.NewCredential{Connection: "hr", Name: "token", Value: secret.New("x"), Owner: "bo@example.com", Deputy: "re@example.com", Purpose: evil, ExpiresAt: time.Now().AddDate(0, 1, 0)})
	require.NoError(t, err)
	_, _, err = db.CreateToken(ctx, bo, postgres.NewToken{Name: clip(evil), OwnerEmail: "bo@example.com", Roles: []auth.Role{auth.Admin}, ExpiresAt: time.Now().AddDate(0, 1, 0)})
	require.NoError(t, err)
	_, err = db.KeepDeadLetter(ctx, "hr", evil, evil, "cr_1", evil, []byte(evil))
	require.NoError(t, err)
	raw := json.RawMessage(q(evil))
	now := time.Now()
	changes, _ := json.Marshal([]map[string]any{{"sentence": evil, "operation": evil, "target": evil, "attributes": []map[string]any{{"attribute": evil, "before": evil, "after": evil}}}})
	for n, state := range []run.State{run.Waiting, run.Failed} {
		_, err := db.StartRun(ctx, bo, "ask", clip(fmt.Sprint(n, evil)), run.Live)
		require.NoError(t, err)
		claimed, err := db.ClaimRuns(ctx, "test", 1)
		require.NoError(t, err)
		require.Len(t, claimed, 1)
		c := claimed[0]
		cp := postgres.Checkpoint{Run: c.ID, Owner: "test", Epoch: c.Epoch, JoinerID: c.JoinerID, State: state, Reason: evil, WaitingFor: evil,
			Worker:   &joiner.Worker{ID: "x", Attributes: map[string]any{"first_name": evil, "last_name": evil, "department": evil, "title": evil, "location": evil, evil: evil}},
			Attempts: []postgres.AttemptRow{{Node: "by_hand", Number: 1, StartedAt: now, EndedAt: now, Outcome: evil, Error: evil, Log: []string{evil}}},
			Steps:    []postgres.StepRow{{Node: "by_hand", Type: "manual", State: run.StepFailed, Port: evil, Error: evil, Note: evil, Input: raw, Output: json.RawMessage(`{` + q(evil) + `:` + q(evil) + `}`), Changes: changes, StartedAt: &now, EndedAt: &now}, {Node: "ok", Type: "signoff", State: run.StepWaiting, WaitFor: evil, StartedAt: &now}}}
		if state == run.Waiting {
			fields, _ := json.Marshal([]node.SignoffField{{Key: "desk", Label: evil, Kind: "text"}})
			cp.Signoff = &postgres.SignoffRow{Node: "ok", Title: evil, Question: evil, Role: "operator", Person: evil, Fields: fields}
		}
		f, err := db.FinishStep(ctx, cp)
		require.NoError(t, err)
		require.True(t, f.Kept)
	}
	_, err = db.SealAudit(ctx)
	require.NoError(t, err)
}

func clip(s string) string { return string([]rune(s)[:min(200, len([]rune(s)))]) }

// Each id of a kind is one page to look at.
var ids = regexp.MustCompile(`(_[0-9a-f-]{20,}|/\d+$|=\d+|=[a-z]+_[0-9a-f-]+)`)

// Nothing that anybody writes becomes script, on any page that can be reached, nor
// in the answers to what is typed into searches and forms.
func TestS15_NothingWrittenBecomesScript(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	seedEvil(t, s.DB)
	b := openTab(t, base)
	require.NoError(t, chromedp.Listen(b.ctx, func(ev any) {
		if _, ok := ev.(*page.EventJavascriptDialogOpening); ok {
			b.mu.Lock()
			b.wrong = append(b.wrong, "a dialog was opened by script")
			b.mu.Unlock()
		}
	}))
	b.use(screens()[0])
	b.expect = []string{"401", "404", "422", "409", "403"}
	harmless := func(at string) {
		t.Helper()
		eval[bool](b, `(() => { for (const e of document.querySelectorAll("*")) for (const n of ["mouseover", "focus", "toggle", "error"]) e.dispatchEvent(new Event(n)); return true; })()`)
		wrong := eval[string](b, `window.pwned !== undefined ? "script ran" : document.querySelector("[data-xss], img[src=x]") ? "an element got in: " + document.querySelector("[data-xss], img[src=x]").outerHTML.slice(0, 200)
			: document.querySelector("a[href^='javascript' i], form[action^='javascript' i], [formaction^='javascript' i]") ? "an address is script" : [...document.scripts].some((e) => !e.src) ? "an inline script" : ""`)
		require.Empty(t, wrong, at)
		b.clean() // nothing broke against the content policy either
	}
	refused := func(at, button string, names ...string) {
		b.visit(at)
		eval[bool](b, `document.querySelectorAll("form").forEach((f) => { f.noValidate = true; }), true`)
		for _, name := range names {
			b.fill(name, evil)
		}
		b.follow(button)
		harmless(at + ", refused")
	}
	refused("/sign-in", "Sign in", "email", "password")
	b.signIn("bo@example.com", password)
	harmless("/")

	seen, todo, looked, found := map[string]int{}, []string{"/"}, 0, 0
	for len(todo) > 0 && looked < 120 {
		at := todo[0]
		todo = todo[1:]
		looked++
		b.visit(at)
		harmless(at)
		if strings.Contains(eval[string](b, `document.body.textContent`), "window.pwned=1") {
			found++
		}
		for _, link := range eval[[]string](b, `[...document.querySelectorAll("a[href]")].map((a) => new URL(a.getAttribute("href"), location.href).href)`) {
			u, err := url.Parse(link)
			if err != nil || !strings.HasPrefix(link, base) || strings.HasPrefix(u.Path, "/static/") || strings.Contains(u.Path, "/export.") {
				continue // of another house, or no page
			}
			u.Fragment = ""
			key := ids.ReplaceAllString(u.Path, "") + "?" + strings.Join(keysOf(u.Query()), "&")
			if seen[key]++; seen[key] == 1 {
				todo = append(todo, strings.TrimPrefix(u.String(), base))
			}
		}
	}
	t.Logf("%d pages, the text was on %d", looked, found)
	require.Greater(t, looked, 40)
	require.Greater(t, found, 25, "the text is on the pages, as text")

	hostile := url.QueryEscape(evil)
	for _, at := range []string{"/users?q=%s&role=%s", "/audit?actor=%s&action=%s&kind=%s&id=%s", "/runs?q=%s&state=%s&flow=%s", "/joiners?q=%s", "/events?q=%s&state=%s&type=%s", "/flows?q=%s", "/reviews?state=%s&before=%s", "/credentials?connection=%s", "/sign-in?next=%s", "/%s", "/flows/%s", "/runs/%s", "/users/%s",
		"/flows/ask/diff?from=1&to=2", "/flows/ask/diff?from=%s&to=%s", "/connections/new?type=%s", "/setup?token=%s", "/flows/ask/nodes/ok", "/palette?q=%s"} {
		b.do(chromedp.Navigate(base + strings.ReplaceAll(at, "%s", hostile)))
		harmless(at)
	}
	refused("/users/new", "Add user", "name", "email")
	refused("/tokens/new", "Make token", "owner")
	b.visit("/")
	eval[bool](b, `document.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true})), true`)
	b.until("the palette", `document.querySelector("dialog[data-palette]").open`)
	eval[bool](b, `(() => { const i = document.querySelector("dialog[data-palette] input"); i.value = "script"; i.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`)
	b.until("a result with the text", `[...document.querySelectorAll("dialog[data-palette] li")].some((e) => e.textContent.includes("window.pwned=1"))`)
	harmless("the palette")
}

func keysOf(v url.Values) []string {
	var out []string
	for k := range v {
		out = append(out, k)
	}
	return out
}
