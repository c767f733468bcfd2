package web

import (
	"testing"

	"joinery/internal/review"
)

// A policy's page names the flows that use it, and those that still go by an earlier revision.
func TestPolicy_FlowsThatUseIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "uses")
	has(t, w.bo.get(t, "/policies/c-policy"), "No live flow uses this policy yet.")
	w.live(review.Flow, "key: user\nname: Uses the table\ntrigger: by_hand\nnodes:\n  - {id: by_hand, type: manual, params: {connection: hr}}\n  - {id: table, type: groups.resolve, params: {policy: c-policy}}\nedges: [{from: by_hand.started, to: table}]\n")
	a := w.bo.get(t, "/policies/c-policy")
	has(t, a, `<a href="/flows/user">Uses the table</a>`)
	has(t, a, "Pinned at revision 2.")
	has(t, a, "They all use what is live.")
	w.live(review.Policy, w.text(review.Policy, "c-policy", 4))
	a = w.bo.get(t, "/policies/c-policy")
	has(t, a, "1 flow can take revision 4.")
	has(t, a, "Newer one is live")
}
