package e2e

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/connector/all"
	"joinery/internal/egress"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/secret"
	"joinery/web"
)

const smallFlow = `key: small
name: Small
trigger: hired
nodes:
  - {id: hired, type: manual, name: By hand}
  - {id: work, type: set, name: Work it out, params: {values: {a: "1"}}}
  - {id: end, type: stop, name: The end, params: {reason: Done.}}
edges:
  - {from: hired.started, to: work}
  - {from: work.done, to: end}
`

// restarting is a server that can be stopped and started again at one address.
type restarting struct {
	t    *testing.T
	db   *postgres.DB
	addr string
	stop func()
	s    *web.Server
}

func (r *restarting) start() {
	r.t.Helper()
	ln, err := net.Listen("tcp", r.addr)
	require.NoError(r.t, err)
	r.addr = ln.Addr().String()
	guard, err := egress.New("127.0.0.1")
	require.NoError(r.t, err)
	types := all.New()
	r.s = &web.Server{DB: r.db, Hasher: auth.NewHasher(2), Log: slog.New(slog.DiscardHandler), Now: time.Now, BaseURL: "http://" + r.addr, Version: "test", Static: assets(r.t), Catalog: types, Nodes: node.All(),
		Pool: &connector.Pool{Catalog: types, Guard: guard, Secret: r.db.Secret, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, Kick: func() {}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.s.Serve(ctx, ln) }()
	r.stop = func() {
		cancel()
		require.NoError(r.t, <-ended)
	}
}

// A reload in the middle of drawing and a server that starts again lose nothing;
// undoing everything comes back to the first hash, and doing it again to the last.
func TestCanvas_NothingIsLost(t *testing.T) {
	t.Parallel()
	needsBrowser(t)
	sealer, err := secret.NewSealer(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	r := &restarting{t: t, addr: "127.0.0.1:0", db: pgtest.Open(t, postgres.Config{Artifacts: artifact.Kinds{Flows: node.All(), Connectors: all.New()}, Sealer: sealer})}
	r.start()
	t.Cleanup(func() { r.stop() })
	ada := addPerson(t, r.db, "ada@example.com", "Ada Brandt", auth.Admin)
	saveFlowText(t, r.s, ada.Actor(), smallFlow)
	b := openTab(t, "http://"+r.addr)
	b.use(screens()[0])
	b.signIn("ada@example.com", password)
	b.atCanvas("small")
	first := b.savedAs(r.s, "small")

	// Fifty and more acts, and back.
	b.click(`.react-flow__node[data-id="work"]`)
	for range 26 {
		b.key("d", ctrl)
		b.key("ArrowRight", alt)
	}
	b.until("copies", `document.querySelectorAll(".react-flow__node-box").length === 29`)
	drawn := b.savedAs(r.s, "small")
	require.NotEqual(t, first.HeadHash, drawn.HeadHash)
	for range 52 {
		b.key("z", ctrl)
	}
	b.until("three nodes again", `document.querySelectorAll(".react-flow__node-box").length === 3`)
	require.Equal(t, first.HeadHash, b.savedAs(r.s, "small").HeadHash)
	for range 52 {
		b.key("z", ctrl|shift)
	}
	b.until("all copies again", `document.querySelectorAll(".react-flow__node-box").length === 29`)
	require.Equal(t, drawn.HeadHash, b.savedAs(r.s, "small").HeadHash)
	b.click(`.react-flow__pane`)

	// A reload before anything could be saved.
	b.savedAs(r.s, "small")
	eval[bool](b, `window.fetch = ((f) => (u, o) => o?.method === "PUT" ? new Promise(() => {}) : f(u, o))(window.fetch); true`)
	b.key("f", ctrl) // the drawing has followed the copies
	b.until("the list", `document.activeElement.matches("dialog.picker[open] input")`)
	b.typed("end")
	b.until("it is found", `document.querySelector("dialog.picker [aria-selected=true] .picker-text > span")?.innerText === "The end"`)
	b.key("Enter", 0)
	b.until("it is chosen", `document.querySelector('.react-flow__node.selected[data-id="end"]') !== null && !document.querySelector("dialog[open]")`)
	b.key("Delete", 0)
	b.until("it is gone", `document.querySelector('.react-flow__node[data-id="end"]') === null`)
	b.do(chromedp.Reload())
	b.until("the canvas", `document.querySelector(".island[data-ready=yes] .react-flow__pane") !== null`)
	b.until("28 nodes", `document.querySelectorAll(".react-flow__node-box").length === 28`)
	b.savedAs(r.s, "small")
	require.NotContains(t, contentText(t, r.s, "small"), `"id":"end"`)

	// The server goes, somebody draws on, the tab is loaded anew when it is back.
	b.expect = []string{"ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "503"}
	r.stop()
	b.key("/", 0)
	b.until("the picker", `document.querySelector("dialog.picker[open]") !== null`)
	b.typed("stop")
	b.key("Enter", 0)
	b.until("offline is said", `document.querySelector(".save-offline") !== null`)
	b.shot("canvas-offline")
	r.start()
	b.until("it is saved once the server is back", `document.querySelector(".save-saved") !== null`)
	require.Contains(t, contentText(t, r.s, "small"), `"type":"stop"`)
	r.stop()
	b.key("z", ctrl)
	b.until("offline again", `document.querySelector(".save-offline") !== null`)
	r.start()
	b.do(chromedp.Reload())
	b.until("the canvas", `document.querySelector(".island[data-ready=yes] .react-flow__pane") !== null`)
	b.savedAs(r.s, "small")
	b.until("it is on the server", `document.querySelectorAll(".react-flow__node-box").length === 28`)
	require.NotContains(t, contentText(t, r.s, "small"), `"type":"stop"`)
	b.clean()

	// What was drawn in one sitting is one line of the history.
	b.visit("/flows/small/revisions")
	b.says("Drawn on the canvas: revisions")
}
