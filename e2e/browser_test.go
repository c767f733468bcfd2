package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

// screen is a size and a theme that every page is looked at in.
type screen struct {
	name          string
	width, height int64
	theme         string
}

func screens() []screen {
	return []screen{{"wide-light", 1440, 900, "light"}, {"wide-dark", 1440, 900, "dark"}, {"phone-light", 390, 844, "light"}, {"phone-dark", 390, 844, "dark"}}
}

// tab is one browser tab, with everything that went wrong in it.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	judged string // the page as axe last judged it whole: its size and markup

	mu     sync.Mutex
	wrong  []string
	expect []string // what may go wrong: a part of its text
}

// openTab opens a tab whose cookies, storage and cache are its own.
func openTab(t *testing.T, base string) *tab {
	t.Helper()
	needsBrowser(t)
	browser, err := browser()
	require.NoError(t, err)
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	ctx, timeout := context.WithTimeout(ctx, 10*time.Minute)
	b := &tab{t: t, ctx: ctx, base: base}
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		timeout()
		cancel()
	})
	// The tab lives as long as the context of its first action, so that one has no limit of its own.
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	require.NoError(t, chromedp.Listen(ctx, b.hear))
	_, err = chromedp.Call(b.ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	// Beside other tabs, each believes that it is the one looked at.
	_, err = chromedp.Call(b.ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(t, err)
	return b
}

// hear collects errors: of scripts, of the network, and of the content policy.
func (b *tab) hear(ev any) {
	text := ""
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError {
			text = fmt.Sprintf("%s: %s %s", ev.Entry.Source, ev.Entry.Text, ev.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text = "exception: " + ev.ExceptionDetails.Text
		if ev.ExceptionDetails.Exception != nil {
			text += " " + ev.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeAssert {
			text = "console"
			for _, a := range ev.Args {
				text += " " + string(a.Value) + a.Description
			}
		}
	}
	if text == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = append(b.wrong, text)
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pgtest.Hang)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		at, _ := chromedp.Run(b.ctx, chromedp.Location())
		body, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 2000)`))
		b.t.Fatalf("at %s: %v\n%s", at, err, body)
	}
}

func eval[T any](b *tab, js string) T {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	require.NoError(b.t, err, js)
	return out
}

// visit opens a page of the console and waits until its script has run.
func (b *tab) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// use sets the size and the theme.
func (b *tab) use(s screen) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.theme}}})
	require.NoError(b.t, err)
	b.do(chromedp.EmulateViewport(s.width, s.height))
	b.until("the movements over", `document.getAnimations().length === 0`)
}

// fill types into the field of this name, replacing what was there.
func (b *tab) fill(name, value string) {
	b.t.Helper()
	sel := chromedp.CSS(fmt.Sprintf(`main [name=%q]`, name))
	b.do(chromedp.WaitVisible(sel))
	eval[bool](b, fmt.Sprintf(`(() => { const e = document.querySelector('main [name=%q]'); e.value = ""; e.focus(); return true; })()`, name))
	b.do(chromedp.SendKeys(sel, value))
}

// press clicks the visible button or link with this text and waits for the page
// that follows.
func (b *tab) press(text string) {
	b.t.Helper()
	js := fmt.Sprintf(`(() => { for (const e of document.querySelectorAll("[data-pressed]")) delete e.dataset.pressed;
		const found = [...document.querySelectorAll("main button, main a.button, main a, dialog[open] button, summary, .menu button")]
		.find((e) => e.checkVisibility() && e.innerText?.trim() === %q); if (!found) return false; found.dataset.pressed = "yes"; return true; })()`, text)
	for end := time.Now().Add(pgtest.Hang); ; {
		if !eval[bool](b, js) {
			b.t.Fatalf("there is no visible button %q in:\n%s", text, b.text())
		}
		// A live part may be replaced between finding and clicking; then nothing is marked any more, and nothing was clicked.
		ctx, cancel := context.WithTimeout(b.ctx, 15*time.Second)
		err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(`[data-pressed="yes"]`)))
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(end) || eval[bool](b, `document.querySelector("[data-pressed]") !== null`) {
			b.t.Fatalf("clicking %q: %v\n%s", text, err, b.text())
		}
	}
}

// follow presses and waits until another document is there.
func (b *tab) follow(text string) {
	b.t.Helper()
	eval[bool](b, `window.beforeThat = true`)
	b.press(text)
	b.until("a new page after "+text, `!window.beforeThat && document.readyState === "complete"`)
}

// until waits for a condition in the page.
func (b *tab) until(what, js string) {
	b.t.Helper()
	for end := time.Now().Add(pgtest.Hang); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](js)); err == nil && ok {
			return
		}
	}
	b.shot("not-in-time")
	b.t.Fatalf("not in time: %s; the page says:\n%s", what, b.text())
}

func (b *tab) text() string {
	b.t.Helper()
	return eval[string](b, `document.body.innerText`)
}

func (b *tab) says(part string) {
	b.t.Helper()
	b.until("the text "+part, fmt.Sprintf(`document.body.innerText.includes(%q)`, part))
}

// signIn signs a person in.
func (b *tab) signIn(email, password string) {
	b.t.Helper()
	b.visit("/sign-in")
	b.fill("email", email)
	b.fill("password", password)
	b.follow("Sign in")
}

// everySize looks at the page in each size and theme.
func (b *tab) everySize(name string) {
	b.t.Helper()
	for _, sc := range screens() {
		b.use(sc)
		eval[bool](b, `(scrollTo(0, 0), true)`)
		b.look(name + "-" + sc.name)
	}
	b.use(screens()[0])
}

// look judges the page as it is: nothing went wrong, axe finds nothing, nothing
// is wider than the screen. It keeps a picture where JOINERY_SHOTS says.
func (b *tab) look(name string) {
	b.t.Helper()
	b.clean()
	wide := eval[string](b, `(() => { const d = document.documentElement; if (d.scrollWidth <= d.clientWidth) return "";
		return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > d.clientWidth + 1).slice(0, 5).map((e) => e.outerHTML.slice(0, 160)).join("\n") || "the page"; })()`)
	if wide != "" {
		b.t.Errorf("%s is wider than the screen:\n%s", name, wide)
	}
	b.shot(name)
	b.axe(name)
}

// clean reports what went wrong since the last time.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		if !slices.ContainsFunc(b.expect, func(e string) bool { return strings.Contains(w, e) }) {
			b.t.Errorf("in the browser: %s", w)
		}
	}
	b.wrong = nil
}

func (b *tab) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("JOINERY_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.MkdirAll(dir, 0o755))
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

var axeSource = sync.OnceValues(func() (string, error) {
	raw, err := os.ReadFile("../static/node_modules/axe-core/axe.min.js")
	return string(raw), err
})

// axe runs axe-core through the debugging protocol, which the page's content
// policy does not bind, so the policy stays as strict as in production. A page
// that was judged whole in this size and differs by the theme alone is judged by
// the rules that a theme can break.
func (b *tab) axe(name string) {
	b.t.Helper()
	source, err := axeSource()
	if err != nil {
		b.t.Fatal("axe-core is not installed. Run e2e/setup.sh, or npm ci --ignore-scripts in static.")
	}
	rules := `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
	state := eval[string](b, `(() => { const d = document.documentElement; return [innerWidth, innerHeight, scrollY, location.href, document.querySelectorAll(":popover-open, dialog[open], :checked, :focus").length, d.outerHTML].join("\n"); })()`)
	if state == b.judged {
		rules = `["color-contrast", "link-in-text-block"]`
	}
	judge := `axe.run(document, {runOnly: ` + rules + `, resultTypes: ["violations"], selectors: false})
		.then((r) => JSON.stringify(r.violations.map((v) => ({id: v.id, help: v.help, nodes: v.nodes.slice(0, 4).map((n) => n.html.slice(0, 200) + " :: " + n.failureSummary)}))))`
	// A page may be replaced between two evaluations, so one brings all it needs.
	raw, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`typeof axe === "object" ? `+judge+` : Promise.resolve("")`, chromedp.EvalAwaitPromise))
	if err != nil || raw == "" {
		raw, err = chromedp.Run(b.ctx, chromedp.Evaluate[string](source+";\n"+judge, chromedp.EvalAwaitPromise))
	}
	require.NoError(b.t, err)
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	require.NoError(b.t, json.Unmarshal([]byte(raw), &found))
	for _, f := range found {
		b.t.Errorf("%s: axe: %s: %s\n  %s", name, f.ID, f.Help, strings.Join(f.Nodes, "\n  "))
	}
	b.judged = state
}
