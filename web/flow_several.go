package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// severalShow is GET /flows/:key/several: nodes that are chosen together, and what can
// be done with them.
func (s *Server) severalShow(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	p, err := s.severalPage(e, chosenNodes(e.flow, queryTexts(c, "node")), who.Can(auth.ArtifactWrite))
	if err != nil {
		return err
	}
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: crumbsOf(review.Flow, ui.Link{Text: e.a.Name, URL: "/flows/" + e.a.Key})}, artifacts.Several(p))
}

func (s *Server) severalPage(e editing, ids []flow.NodeID, edits bool) (artifacts.SeveralPage, error) {
	at := "/flows/" + e.a.Key
	p := artifacts.SeveralPage{Head: ui.Head{Title: "Several nodes", Text: "What is to be done with more than one."}, Action: at + "/several", CancelURL: at}
	p.Choose = ui.Field{Name: "node", Label: "Nodes, from the start on", Input: "checks"}
	var all []flow.NodeID
	for _, l := range flow.Outline(e.flow, s.Nodes) {
		all = append(all, l.Node.ID)
		p.Choose.Options = append(p.Choose.Options, ui.Option{Value: string(l.Node.ID), Label: l.Node.Title(), Help: l.Spec.Title + " · " + string(l.Node.ID), Selected: slices.Contains(ids, l.Node.ID)})
	}
	p.AllURL = severalURL(e.a.Key, all)
	if len(ids) == 0 {
		return p, nil
	}
	text, err := e.flow.Part(ids).Snippet()
	if err != nil {
		return p, err
	}
	p.Chosen = plural(len(ids), "node is", "nodes are") + " chosen"
	p.Text = ui.Field{Name: "text", Label: "As text", Input: "code", Rows: min(max(strings.Count(string(text), "\n")+1, 6), 24), Value: string(text), ReadOnly: true, Help: "Copy it, and paste it under Paste nodes on the outline of this or of another flow, or on the canvas."}
	if edits {
		p.Acts = severalActs(e, ids)
	}
	return p, nil
}

// severalActs are what can be done with the chosen nodes.
func severalActs(e editing, ids []flow.NodeID) []artifacts.Side {
	at := "/flows/" + e.a.Key + "/several"
	values := func(op string) []ui.Pair {
		out := []ui.Pair{{Label: "base", Value: itoa(e.a.Head)}, {Label: "op", Value: op}}
		for _, id := range ids {
			out = append(out, ui.Pair{Label: "node", Value: string(id)})
		}
		return out
	}
	fields := func(op string, more ...ui.Field) []ui.Field {
		var out []ui.Field
		for _, v := range values(op) {
			out = append(out, ui.Field{Name: v.Label, Value: v.Value, Input: "hidden"})
		}
		return append(out, more...)
	}
	return []artifacts.Side{
		{Title: "Duplicate", Text: "The copies have the same fields and the connections among them.", Actions: []ui.Button{{Text: "Duplicate these", Icon: "copy", Post: at, Values: values("duplicate")}}},
		{Title: "Group", Text: "A frame on the drawing; it changes nothing in the flow.", Action: at, Submit: "Group", Fields: fields("group", ui.Field{Name: "title", Label: "Title", Required: true, MaxLength: 200})},
		{Title: "On the drawing", Text: "Where boxes stand is no part of what is reviewed.", Action: at, Submit: "Move", Actions: []ui.Button{{Text: "Tidy these up", Icon: "wand-sparkles", Post: at, Values: values("tidy")}},
			Fields: fields("move", ui.Field{Name: "right", Label: "To the right by", Input: "number", Value: "0", Help: "A box is 220 wide and 60 high. Less than nothing is to the left."}, ui.Field{Name: "down", Label: "Down by", Input: "number", Value: "0"})},
		{Title: "Remove", Dangers: []ui.Danger{{Button: "Remove these", Title: "Remove " + plural(len(ids), "node", "nodes"), Text: "What led to each leads to what followed it, when that is one thing. The revisions before keep them.", Post: at, Values: values("remove")}}},
	}
}

// severalDo is POST /flows/:key/several.
func (s *Server) severalDo(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	op := c.FormValue("op")
	ids := chosenNodes(e.flow, sentBy(c)["node"])
	if len(ids) == 0 && op != "tidy" {
		return fault.New(fault.Invalid, "Choose at least one node.")
	}
	switch op {
	case "duplicate", "remove":
		return s.edit(func(_ *fiber.Ctx, e editing) (flow.Content, string, string, error) {
			if op == "remove" {
				return e.flow.RemoveAll(ids), "", plural(len(ids), "node is", "nodes are") + " removed.", nil
			}
			f, made, err := e.flow.Paste(s.Nodes, e.flow.Part(ids))
			return f, strings.TrimPrefix(severalURL(e.a.Key, made), "/flows/"+e.a.Key), "These are the copies. Nothing leads to them yet.", err
		})(c, who)
	}
	l, said, err := drawnAnew(c, e, s.Nodes, op, ids)
	if err != nil {
		return err
	}
	if err := s.saveLayout(c, e.a.Key, l); err != nil {
		return err
	}
	to := severalURL(e.a.Key, ids)
	if len(ids) == 0 {
		to = "/flows/" + e.a.Key
	}
	return s.done(c, to, said)
}

// drawnAnew is the layout after an act that changes only what the drawing shows.
func drawnAnew(c *fiber.Ctx, e editing, cat flow.Catalog, op string, ids []flow.NodeID) (flow.Layout, string, error) {
	l := layoutOf(e.a)
	switch op {
	case "tidy":
		return l.Tidy(e.flow, cat, ids), "The drawing is tidied up.", nil
	case "group":
		title := strings.TrimSpace(c.FormValue("title"))
		if title == "" {
			return l, "", fault.New(fault.Invalid, "Give the group a title.")
		}
		id := freshID(len(l.Groups)+1, func(id string) bool {
			return slices.ContainsFunc(l.Groups, func(g flow.Group) bool { return g.ID == id })
		})
		return l.Group(id, title, ids), "They are a group now: " + clip(title, 80) + ".", nil
	case "move":
		right, err1 := strconv.ParseFloat(c.FormValue("right"), 64)
		down, err2 := strconv.ParseFloat(c.FormValue("down"), 64)
		if err1 != nil || err2 != nil {
			return l, "", fault.New(fault.Invalid, "Write two numbers: how far to the right, and how far down.")
		}
		return l.Shift(e.flow, cat, ids, right, down), "Moved on the drawing.", nil
	}
	return l, "", fault.New(fault.Invalid, "Choose what is to be done with the nodes.")
}

// saveLayout keeps a layout that may be kept.
func (s *Server) saveLayout(c *fiber.Ctx, key string, l flow.Layout) error {
	raw, err := l.JSON()
	if err != nil {
		return err
	}
	if _, err := flow.ReadLayout(raw); err != nil {
		return err
	}
	return s.DB.SaveLayout(c.UserContext(), review.Flow, key, string(raw))
}

// chosenNodes are the nodes of a flow with these ids, in the flow's order.
func chosenNodes(f flow.Content, ids []string) []flow.NodeID {
	var out []flow.NodeID
	for _, n := range f.Nodes {
		if slices.Contains(ids, string(n.ID)) {
			out = append(out, n.ID)
		}
	}
	return out
}

func queryTexts(c *fiber.Ctx, name string) []string {
	var out []string
	for _, v := range c.Context().QueryArgs().PeekMulti(name) {
		out = append(out, string(v))
	}
	return out
}

func severalURL(key string, ids []flow.NodeID) string {
	q := url.Values{}
	for _, id := range ids {
		q.Add("node", string(id))
	}
	return "/flows/" + key + "/several?" + q.Encode() + "#chosen"
}
