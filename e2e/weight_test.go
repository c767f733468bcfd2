package e2e

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// What a list or a detail page may weigh on the way to a browser that has nothing of
// it yet: kB as they are sent, and requests.
const (
	mostWeight   = 60_000
	mostRequests = 8
)

// weighs opens a page with nothing cached, and bounds what is sent for it.
func (b *tab) weighs(path string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.ClearBrowserCache, cdp.Empty{})
	require.NoError(b.t, err)
	b.visit(path)
	b.until("all fonts", `document.fonts.status === "loaded" && document.readyState === "complete"`)
	sent := eval[map[string]float64](b, `Object.fromEntries([...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].map((e) => [new URL(e.name).pathname, e.transferSize]))`)
	sum := 0.0
	for _, n := range sent {
		sum += n
	}
	b.t.Logf("%s: %.0f bytes in %d requests: %v", path, sum, len(sent), sent)
	require.LessOrEqual(b.t, sum, float64(mostWeight), "P15: %s: %v", path, sent)
	require.LessOrEqual(b.t, len(sent), mostRequests, "P15: %s: %v", path, sent)
}
