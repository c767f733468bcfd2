package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/runs"
	"joinery/views/ui"
)

// runTabs lead from the steps of a run to its drawing and back.
func runTabs(id, current string) []ui.Tab {
	out := []ui.Tab{{Text: "Steps", URL: "/runs/" + id}, {Text: "Canvas", URL: "/runs/" + id + "/canvas"}}
	for i := range out {
		out[i].Current = out[i].Text == current
	}
	return out
}

// runCanvas is GET /runs/:id/canvas: the revision that the run goes by, painted with
// what became of its steps, and the steps beside it.
func (s *Server) runCanvas(c *fiber.Ctx, who auth.Actor) error {
	d, l, err := s.runDrawn(c)
	if err != nil {
		return err
	}
	body := s.runBody(d, who)
	p := artifacts.CanvasPage{Head: s.runHead(d), Tabs: runTabs(d.ID, "Canvas"), Flow: d.Flow, Mode: "run", Run: d.ID, Data: "/runs/" + d.ID + "/canvas.json", Drawing: painted(drawing(flow.Draw(d.Content, l, s.Nodes), d.Flow), body.Steps),
		Aside: runs.Part(body), AsideLabel: "The run in words"}
	p.Head.Text = ""
	if !d.State.Terminal() {
		p.LiveURL = "/runs/" + d.ID + "/live"
	}
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: runsCrumb, Island: true}, artifacts.Canvas(p))
}

// runCanvasRead is GET /runs/:id/canvas.json: what the canvas draws. What became of
// the steps is on the page.
func (s *Server) runCanvasRead(c *fiber.Ctx, who auth.Actor) error {
	d, l, err := s.runDrawn(c)
	if err != nil {
		return err
	}
	c.Set("Cache-Control", "no-store")
	return sendJSON(c, http.StatusOK, canvasDoc{Flow: d.Flow, Revision: d.Revision, Content: contentOf(d.Content), Layout: l, Problems: []apiProblem{}, Types: s.Nodes.Specs(), User: canvasUser{who.UserID, who.Name}, CSRF: csrf(c)})
}

// runDrawn finds a run and where the boxes of its revision stood.
func (s *Server) runDrawn(c *fiber.Ctx) (postgres.RunDetail, flow.Layout, error) {
	d, err := s.DB.RunDetail(c.UserContext(), c.Params("id"))
	if err != nil {
		return d, flow.Layout{}, err
	}
	a, err := s.DB.Artifact(c.UserContext(), review.Flow, d.Flow)
	if err != nil {
		return d, flow.Layout{}, err
	}
	l, _, err := s.layoutAt(c.UserContext(), a, d.Revision)
	return d, l, err
}

// painted says at each box what became of it, and shows which edges were gone.
func painted(d artifacts.Drawing, steps []runs.Step) artifacts.Drawing {
	d.Linked = true
	by := map[string]runs.Step{}
	for _, st := range steps {
		by[st.ID] = st
	}
	for i, b := range d.Boxes {
		st := by[b.ID]
		d.Boxes[i].Mark, d.Boxes[i].URL = st.Mark, "#step-"+b.ID
		d.Boxes[i].Class += " drawn-" + st.Badge.Tone
		if st.Quiet {
			d.Boxes[i].Class += " drawn-quiet"
		}
	}
	for i, l := range d.Lines {
		d.Lines[i].Class = "drawn-left"
		if a, b := by[l.From], by[l.To]; a.Port == l.Port && a.Port != "" && b.State != "" && !b.Quiet {
			d.Lines[i].Class = "drawn-taken"
		}
	}
	return d
}
