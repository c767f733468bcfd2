package web

import (
	"context"
	"fmt"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// canvasShow is GET /flows/:key/canvas: the drawing, which the script makes an editor.
func (s *Server) canvasShow(c *fiber.Ctx, who auth.Actor) error {
	a, rev, err := s.newest(c, review.Flow)
	if err != nil {
		return err
	}
	f, err := flow.Decode([]byte(rev.Content))
	if err != nil {
		return err
	}
	drawn := a
	drawn.Live = nil // what is drawn next can be submitted without loading the page anew
	p := artifacts.CanvasPage{Head: ui.Head{Title: a.Name, Badges: artifactBadges(a), Actions: s.submitButton(who, drawn)}, Tabs: artifactTabs(review.Flow, a.Key, "Canvas"), Flow: a.Key, Mode: "view", OutlineURL: "/flows/" + a.Key,
		Drawing: drawing(flow.Draw(f, layoutOf(a), s.Nodes), a.Name)}
	if who.Can(auth.ArtifactWrite) {
		p.Mode = "edit"
	}
	return s.show(c, who, frame{Title: a.Name, Crumbs: crumbsOf(review.Flow), Island: true}, artifacts.Canvas(p))
}

// layoutAt reads where the boxes stood while a revision was the newest; where they
// stand now when nobody had placed them by then.
func (s *Server) layoutAt(ctx context.Context, a postgres.Artifact, revision int) (flow.Layout, bool, error) {
	raw, err := s.DB.LayoutAt(ctx, review.Flow, a.Key, revision)
	if err != nil || raw == "" {
		return layoutOf(a), false, err
	}
	return layoutOf(postgres.Artifact{Layout: raw}), true, nil
}

// layoutOf reads the stored layout; one that cannot be read is as good as none,
// because the drawing can always be made anew.
func layoutOf(a postgres.Artifact) flow.Layout {
	l, err := flow.ReadLayout([]byte(a.Layout))
	if err != nil {
		return flow.Layout{}
	}
	return l
}

// drawing gives the numbers of a drawing as the page writes them.
func drawing(d flow.Drawing, name string) artifacts.Drawing {
	const margin = 24
	n := func(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }
	out := artifacts.Drawing{Label: fmt.Sprintf("Drawing of %s: %s", name, plural(len(d.Boxes), "node", "nodes")), ViewBox: fmt.Sprintf("0 0 %s %s", n(d.Width+2*margin), n(d.Height+2*margin)), Width: n(d.Width + 2*margin), Height: n(d.Height + 2*margin)}
	for _, b := range d.Boxes {
		out.Boxes = append(out.Boxes, artifacts.DrawnBox{ID: string(b.ID), MarkY: n(b.Y + margin - 7), Title: clipText(b.Title, 23), Type: clipText(b.Type, 30), Icon: b.Icon, Class: "drawn drawn-" + b.Category, X: n(b.X + margin), Y: n(b.Y + margin), IconX: n(b.X + margin + 14), IconY: n(b.Y + margin + 20), TextX: n(b.X + margin + 46), TitleY: n(b.Y + margin + 27), TypeY: n(b.Y + margin + 45), W: n(flow.BoxWidth), H: n(flow.BoxHeight)})
	}
	for _, l := range d.Lines {
		mid := (l.Y1 + l.Y2) / 2
		out.Lines = append(out.Lines, artifacts.DrawnLine{From: string(l.From), Port: l.Port, To: string(l.To), X: n((l.X1+l.X2)/2 + margin), Y: n(mid + margin + 5), Path: fmt.Sprintf("M%s %sC%s %s %s %s %s %s", n(l.X1+margin), n(l.Y1+margin), n(l.X1+margin), n(mid+margin), n(l.X2+margin), n(mid+margin), n(l.X2+margin), n(l.Y2+margin))})
	}
	return out
}
