package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// canvasMarks are what differs, for the canvas. Moved are boxes that stood elsewhere.
type canvasMarks struct {
	Nodes map[flow.NodeID]flow.Mark     `json:"nodes"`
	Edges map[string]flow.Mark          `json:"edges"`
	Moved map[flow.NodeID]flow.Position `json:"moved"`
}

// diffed are two revisions of a flow, and one drawing of both.
type diffed struct {
	a        postgres.Artifact
	from, to int // from is 0 where there was nothing before
	what     flow.Comparison
	layout   flow.Layout
	moved    map[flow.NodeID]flow.Position
}

// canvasDiff is GET /flows/:key/canvas/diff: both revisions in one drawing, and what
// differs in words beside it. The revision 0 is nothing.
func (s *Server) canvasDiff(c *fiber.Ctx, who auth.Actor) error {
	x, err := s.comparedBy(c)
	if err != nil {
		return err
	}
	at := "/flows/" + x.a.Key
	query := fmt.Sprintf("?from=%d&to=%d", x.from, x.to)
	p := artifacts.CanvasPage{Head: ui.Head{Title: fmt.Sprintf("%s: revision %d → %d", x.a.Name, x.from, x.to)}, Flow: x.a.Key, Mode: "diff", From: itoa(x.from), To: itoa(x.to), Data: at + "/canvas/diff.json" + query,
		Tabs:    []ui.Tab{{Text: "Canvas", URL: at + "/canvas/diff" + query, Current: true}},
		Drawing: s.drawnDiff(x, "#change-"), Aside: artifacts.ComparedAside(s.comparedWords(x)), AsideLabel: "The difference in words"}
	if x.from == 0 {
		p.Head.Title = fmt.Sprintf("%s: revision %d, which is new", x.a.Name, x.to)
	} else {
		p.Tabs = append(p.Tabs, ui.Tab{Text: "Text", URL: at + "/diff" + query})
	}
	if id := c.Query("review"); id != "" {
		if r, err := s.DB.Review(c.UserContext(), id); err == nil && r.Kind == review.Flow && r.Key == x.a.Key && r.Revision == x.to {
			p.Head.Actions = []ui.Button{{Text: "Back to the review", Icon: "badge-check", URL: "/reviews/" + r.ID}}
		}
	}
	return s.show(c, who, frame{Title: "Compare", Crumbs: crumbsOf(review.Flow, ui.Link{Text: x.a.Name, URL: at}), Island: true}, artifacts.Canvas(p))
}

// canvasDiffRead is GET /flows/:key/canvas/diff.json.
func (s *Server) canvasDiffRead(c *fiber.Ctx, who auth.Actor) error {
	x, err := s.comparedBy(c)
	if err != nil {
		return err
	}
	marks := canvasMarks{Nodes: map[flow.NodeID]flow.Mark{}, Edges: map[string]flow.Mark{}, Moved: x.moved}
	for _, n := range x.what.Nodes {
		marks.Nodes[n.Node.ID] = n.Mark
	}
	for _, e := range x.what.Edges {
		marks.Edges[e.Edge.From+">"+string(e.Edge.To)] = e.Mark
	}
	c.Set("Cache-Control", "no-store")
	return sendJSON(c, http.StatusOK, canvasDoc{Flow: x.a.Key, Revision: x.to, Content: contentOf(x.what.Both), Layout: x.layout, Problems: []apiProblem{}, Types: s.Nodes.Specs(), User: canvasUser{who.UserID, who.Name}, CSRF: csrf(c), Marks: &marks})
}

// comparedBy finds the two revisions that a query names.
func (s *Server) comparedBy(c *fiber.Ctx) (diffed, error) {
	a, err := s.DB.Artifact(c.UserContext(), review.Flow, c.Params("key"))
	if err != nil {
		return diffed{}, err
	}
	from, err1 := strconv.Atoi(c.Query("from"))
	to, err2 := strconv.Atoi(c.Query("to"))
	if err1 != nil || err2 != nil || from < 0 || to < 1 {
		return diffed{}, fault.New(fault.Invalid, "Say which two revisions to compare: ?from=1&to=2. From 0 compares with nothing.")
	}
	var before, after flow.Content
	if from > 0 {
		if before, err = s.contentAt(c, a.Key, from); err != nil {
			return diffed{}, err
		}
	}
	if after, err = s.contentAt(c, a.Key, to); err != nil {
		return diffed{}, err
	}
	return s.compare(c.UserContext(), a, from, to, before, after)
}

func (s *Server) contentAt(c *fiber.Ctx, key string, n int) (flow.Content, error) {
	rev, err := s.DB.Revision(c.UserContext(), review.Flow, key, n)
	if err != nil {
		return flow.Content{}, err
	}
	return flow.Decode([]byte(rev.Content))
}

// compare puts two contents into one drawing: what is gone keeps the place it had, or
// the nearest free one beside it.
func (s *Server) compare(ctx context.Context, a postgres.Artifact, from, to int, before, after flow.Content) (diffed, error) {
	x := diffed{a: a, from: from, to: to, what: flow.Compare(before, after), moved: map[flow.NodeID]flow.Position{}}
	now, known, err := s.layoutAt(ctx, a, to)
	if err != nil {
		return x, err
	}
	var was flow.Layout
	if from > 0 {
		var had bool
		if was, had, err = s.layoutAt(ctx, a, from); err != nil {
			return x, err
		}
		known = known && had
	}
	x.layout = now.Beside(x.what.Both, was)
	for _, n := range x.what.Nodes {
		old, there := was.Nodes[n.Node.ID]
		is, here := now.Nodes[n.Node.ID]
		if known && there && here && old != is && n.Mark != flow.Added && n.Mark != flow.Removed {
			x.moved[n.Node.ID] = old
		}
	}
	return x, nil
}

// signs say what became of something, beside the colour.
var signs = map[flow.Mark]ui.Badge{flow.Added: {Tone: "good", Text: "+ added"}, flow.Removed: {Tone: "bad", Text: "− removed"}, flow.Changed: {Tone: "warn", Text: "± changed"}}

// drawnDiff is the drawing of both, each box leading to what is said of it.
func (s *Server) drawnDiff(x diffed, to string) artifacts.Drawing {
	d := drawing(flow.Draw(x.what.Both, x.layout, s.Nodes), x.a.Name)
	d.Label, d.Linked = "Drawing of what differs in "+x.a.Name, true
	nodes, edges := map[string]flow.Mark{}, map[string]flow.Mark{}
	for _, n := range x.what.Nodes {
		nodes[string(n.Node.ID)] = n.Mark
	}
	for _, e := range x.what.Edges {
		edges[e.Edge.From+">"+string(e.Edge.To)] = e.Mark
	}
	for i, b := range d.Boxes {
		mark := nodes[b.ID]
		if mark == flow.Same {
			d.Boxes[i].Class += " drawn-is-same"
			continue
		}
		d.Boxes[i].Mark, d.Boxes[i].URL = signs[mark].Text, to+b.ID
		d.Boxes[i].Class += " drawn-" + signs[mark].Tone + " drawn-is-" + string(mark)
	}
	for i, l := range d.Lines {
		mark := edges[l.From+"."+l.Port+">"+l.To]
		d.Lines[i].Class = "drawn-is-" + string(mark)
		if mark != flow.Same {
			d.Lines[i].Sign, _, _ = strings.Cut(signs[mark].Text, " ")
		}
	}
	return d
}

// drawnDiffOf is the picture of a difference for a page that shows it in words.
func (s *Server) drawnDiffOf(ctx context.Context, a postgres.Artifact, from, to int, old, now, query string) (*artifacts.DrawnDiff, error) {
	var before, after flow.Content
	var err error
	if old != "" {
		if before, err = flow.Decode([]byte(old)); err != nil {
			return nil, err
		}
	}
	if after, err = flow.Decode([]byte(now)); err != nil {
		return nil, err
	}
	x, err := s.compare(ctx, a, from, to, before, after)
	if err != nil {
		return nil, err
	}
	at := fmt.Sprintf("/flows/%s/canvas/diff?from=%d&to=%d%s", a.Key, from, to, query)
	return &artifacts.DrawnDiff{Drawing: s.drawnDiff(x, at+"#change-"), Counts: diffCounts(x.what), URL: at}, nil
}

// reviewDrawn is the picture of what a review changes; nil for what cannot be drawn.
func (s *Server) reviewDrawn(ctx context.Context, d postgres.ReviewDetail) (*artifacts.DrawnDiff, error) {
	if d.Kind != review.Flow || d.BaseContent == d.Content {
		return nil, nil
	}
	a, err := s.DB.Artifact(ctx, d.Kind, d.Key)
	if err != nil {
		return nil, err
	}
	return s.drawnDiffOf(ctx, a, d.BaseRevision, d.Revision, d.BaseContent, d.Content, "&review="+d.ID)
}

// comparedWords says in words what the drawing shows.
func (s *Server) comparedWords(x diffed) artifacts.Compared {
	out := artifacts.Compared{Counts: diffCounts(x.what), Flow: s.fieldDiffs(x.what.Flow, flow.Spec{})}
	if len(x.moved) > 0 {
		out.Moved = itoa(len(x.moved))
	}
	names := map[flow.NodeID]string{}
	for _, n := range x.what.Nodes {
		names[n.Node.ID] = visible(n.Node.Title())
		if n.Mark == flow.Same {
			continue
		}
		spec, ok := s.Nodes.Spec(n.Node.Type)
		if !ok {
			spec = flow.Spec{Title: n.Node.Type, Icon: "circle-help"}
		}
		out.Nodes = append(out.Nodes, artifacts.NodeDiff{ID: string(n.Node.ID), Title: names[n.Node.ID], Type: spec.Title + " · " + string(n.Node.ID), Icon: spec.Icon, Mark: string(n.Mark), Badge: signs[n.Mark], Fields: s.fieldDiffs(n.Fields, spec)})
	}
	for _, e := range x.what.Edges {
		if e.Mark != flow.Same {
			from, port := e.Edge.Split()
			out.Edges = append(out.Edges, artifacts.EdgeDiff{Badge: signs[e.Mark], From: names[from], Port: port, To: names[e.Edge.To]})
		}
	}
	return out
}

// diffCounts counts what differs, each kind in a badge of its own.
func diffCounts(c flow.Comparison) []ui.Badge {
	var out []ui.Badge
	for _, m := range []flow.Mark{flow.Added, flow.Removed, flow.Changed} {
		nodes, edges := c.Count(m)
		var parts []string
		if nodes > 0 {
			parts = append(parts, plural(nodes, "node", "nodes"))
		}
		if edges > 0 {
			parts = append(parts, plural(edges, "edge", "edges"))
		}
		if len(parts) > 0 {
			out = append(out, ui.Badge{Tone: signs[m].Tone, Text: signs[m].Text + ": " + strings.Join(parts, ", ")})
		}
	}
	return out
}

// fieldDiffs names fields as the form of the node does.
func (s *Server) fieldDiffs(all []flow.FieldChange, spec flow.Spec) []artifacts.FieldDiff {
	var out []artifacts.FieldDiff
	for _, f := range all {
		out = append(out, artifacts.FieldDiff{Label: visible(fieldPath(f.Field, spec)), Before: diffValue(f.Before), After: diffValue(f.After), HasBefore: f.Before != nil, HasAfter: f.After != nil})
	}
	return out
}

var fieldWords = map[string]string{"name": "Name", "type": "Type", "timeout": "Time limit", "on_error": "On error", "retry.attempts": "Tries", "retry.first": "First pause between tries", "retry.max": "Longest pause between tries", "trigger": "Start",
	"description": "Description", "invariants": "Invariants", "key": "Key"}

// fieldPath calls a field by its label, and what is inside it by its name there.
func fieldPath(path string, spec flow.Spec) string {
	if word := fieldWords[path]; word != "" {
		return word
	}
	rest, param := strings.CutPrefix(path, "params.")
	if !param {
		return strings.ReplaceAll(path, ".", " › ")
	}
	key, deeper, deep := strings.Cut(rest, ".")
	for _, f := range spec.Fields {
		if f.Key == key {
			key = f.Label
		}
	}
	if deep {
		return key + " › " + deeper
	}
	return key
}

// diffValue writes a value as it is compared: texts as they are, the rest as JSON.
func diffValue(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v == "" {
			return "(empty)"
		}
		return visible(v)
	}
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprint(v)
	}
	text := string(raw)
	if len(text) < 90 { // short lists stay on one line
		if short, err := json.Marshal(v); err == nil {
			text = string(short)
		}
	}
	return visible(text)
}
