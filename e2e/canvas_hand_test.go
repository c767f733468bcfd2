package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/web"
)

// What a hand does at the canvas: with the mouse, and with the keyboard.

type spot struct{ X, Y float64 }

// spotOf gives the middle of an element that is in sight.
func (b *tab) spotOf(selector string) spot {
	b.t.Helper()
	var out spot
	raw := eval[string](b, fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (!e) return ""; const r = e.getBoundingClientRect(); return JSON.stringify({X: r.x + r.width / 2, Y: r.y + r.height / 2}); })()`, selector))
	if raw == "" {
		b.shot("failed")
		b.t.Fatalf("there is no %s in:\n%s", selector, b.text())
	}
	require.NoError(b.t, json.Unmarshal([]byte(raw), &out))
	return out
}

// click presses the mouse in the middle of an element.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.until(selector, fmt.Sprintf(`document.querySelector(%q) !== null`, selector))
	p := b.spotOf(selector)
	b.do(chromedp.MouseClickXY(p.X, p.Y))
}

// pull presses at one place, moves, and lets go at another.
func (b *tab) pull(from, to spot) {
	b.t.Helper()
	send := func(kind input.DispatchMouseEventType, p spot, buttons int64) {
		b.t.Helper()
		_, err := chromedp.Call(b.ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: p.X, Y: p.Y, Button: input.MouseButtonLeft, Buttons: buttons, ClickCount: 1})
		require.NoError(b.t, err)
	}
	send(input.DispatchMouseEventTypeMousePressed, from, 1)
	for i := 1; i <= 4; i++ {
		f := float64(i) / 4
		send(input.DispatchMouseEventTypeMouseMoved, spot{from.X + (to.X-from.X)*f, from.Y + (to.Y-from.Y)*f}, 1)
	}
	send(input.DispatchMouseEventTypeMouseReleased, to, 0)
}

// dragType drags a node type from the palette onto the drawing.
func (b *tab) dragType(title string, to spot) {
	b.t.Helper()
	js := fmt.Sprintf(`(() => { const e = [...document.querySelectorAll(".palette-type")].find((e) => e.innerText.trim() === %q); e.scrollIntoView({block: "center"}); e.id = "dragged-type"; return true; })()`, title)
	eval[bool](b, `document.querySelector("#dragged-type")?.removeAttribute("id"); true`)
	eval[bool](b, js)
	from := b.spotOf("#dragged-type")
	b.do(chromedp.DragAndDropXY(from.X, from.Y, to.X, to.Y))
}

// nodes counts the nodes of the drawing, culled ones too.
func (b *tab) nodeCount() int {
	b.t.Helper()
	return eval[int](b, `document.querySelectorAll(".react-flow__node-box").length`)
}

// savedAs waits until the canvas says that all is saved, and gives what is newest.
func (b *tab) savedAs(s *web.Server, key string) postgres.Artifact {
	b.t.Helper()
	b.until("all is saved", `document.querySelector(".save-saved") !== null`)
	a, err := s.DB.Artifact(context.Background(), review.Flow, key)
	require.NoError(b.t, err)
	return a
}

func contentText(t *testing.T, s *web.Server, key string) string {
	t.Helper()
	rev, err := s.DB.Revision(context.Background(), review.Flow, key, 0)
	require.NoError(t, err)
	return rev.Content
}
