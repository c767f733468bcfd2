package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/review"
	"joinery/views/ui"
)

// edit reads a flow, changes it by one act and saves it. to is where the reader goes
// then, said what happened.
func (s *Server) edit(act func(c *fiber.Ctx, e editing) (f flow.Content, to, said string, err error)) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		e, base, err := s.editingFrom(c)
		if err != nil {
			return err
		}
		f, to, said, err := act(c, e)
		if err != nil {
			return err
		}
		met, err := s.saveFlow(c, who, e.a, f, base)
		if err != nil {
			return err
		}
		return s.done(c, "/flows/"+e.a.Key+to, said+met)
	}
}

// nodeAdd is POST /flows/:key/nodes: a node behind a port, on an edge, or alone.
func (s *Server) nodeAdd(c *fiber.Ctx, who auth.Actor) error {
	return s.edit(func(c *fiber.Ctx, e editing) (flow.Content, string, string, error) {
		spec, ok := s.Nodes.Spec(c.FormValue("type"))
		if !ok {
			return e.flow, "", "", fault.New(fault.Invalid, "Choose a type of node.")
		}
		after := c.FormValue("after")
		if _, started := e.flow.Find(e.flow.Trigger); spec.Trigger && started {
			return e.flow, "", "", fault.New(fault.Invalid, "A flow has one start, and this one has it already.")
		} else if spec.Trigger {
			after = ""
		}
		f, id, err := e.flow, flow.NodeID(""), error(nil)
		if from, to, onEdge := strings.Cut(after, ">"); onEdge {
			f, id, err = f.Insert(spec, flow.Edge{From: from, To: flow.NodeID(to)})
		} else if f, id = f.Add(spec, after); after != "" && !offers(s.Nodes, e.flow, after) {
			err = fault.New(fault.NotFound, "This flow has no way out %q.", clip(after, 80))
		}
		if err != nil {
			return f, "", "", err
		}
		if own := flow.NodeID(strings.TrimSpace(c.FormValue("node"))); own != "" {
			if f, err = f.Rename(s.Nodes, id, own); err != nil {
				return f, "", "", err
			}
			id = own
		}
		if name := strings.TrimSpace(c.FormValue("name")); name != "" {
			n, _ := f.Find(id)
			n.Name = name
			f = f.Set(n)
		}
		return f, "/nodes/" + string(id), "Added. Fill in what it needs.", nil
	})(c, who)
}

// offers tells whether a flow has a way out.
func offers(cat flow.Catalog, f flow.Content, from string) bool {
	id, port := flow.Edge{From: from}.Split()
	n, ok := f.Find(id)
	spec, known := cat.Spec(n.Type)
	if !ok || !known || spec.Ends {
		return false
	}
	for _, p := range flow.PortsOf(n, spec) {
		if p.Name == port {
			return true
		}
	}
	return port == flow.ErrorPort
}

// nodeRemove is POST /flows/:key/nodes/:node/remove.
func (s *Server) nodeRemove(c *fiber.Ctx, who auth.Actor) error {
	return s.edit(func(_ *fiber.Ctx, e editing) (flow.Content, string, string, error) {
		return e.flow.Remove(e.node.ID), "", "The node is removed.", nil
	})(c, who)
}

// nodeDuplicate is POST /flows/:key/nodes/:node/duplicate.
func (s *Server) nodeDuplicate(c *fiber.Ctx, who auth.Actor) error {
	return s.edit(func(_ *fiber.Ctx, e editing) (flow.Content, string, string, error) {
		f, id, err := e.flow.Duplicate(s.Nodes, e.node.ID)
		return f, "/nodes/" + string(id), "This is the copy. Nothing leads to it yet.", err
	})(c, who)
}

// nodeMove is POST /flows/:key/nodes/:node/move.
func (s *Server) nodeMove(c *fiber.Ctx, who auth.Actor) error {
	return s.edit(func(c *fiber.Ctx, e editing) (flow.Content, string, string, error) {
		f, err := e.flow.Move(s.Nodes, e.node.ID, c.FormValue("to"))
		return f, "#node-" + string(e.node.ID), e.node.Title() + " is moved.", err
	})(c, who)
}

// edgeAdd is POST /flows/:key/edges: an edge more, or one in the place of another.
func (s *Server) edgeAdd(c *fiber.Ctx, who auth.Actor) error {
	return s.edit(func(c *fiber.Ctx, e editing) (flow.Content, string, string, error) {
		now := flow.Edge{From: c.FormValue("from"), To: flow.NodeID(c.FormValue("to"))}
		if from, to, instead := strings.Cut(c.FormValue("instead"), ">"); instead {
			f, err := e.flow.Relink(s.Nodes, flow.Edge{From: from, To: flow.NodeID(to)}, now)
			return f, "#edges", "The connection is moved.", err
		}
		f, err := e.flow.Link(s.Nodes, now.From, now.To)
		return f, "#edges", "Connected.", err
	})(c, who)
}

// edgeRemove is POST /flows/:key/edges/remove.
func (s *Server) edgeRemove(c *fiber.Ctx, who auth.Actor) error {
	return s.edit(func(c *fiber.Ctx, e editing) (flow.Content, string, string, error) {
		f, err := e.flow.Unlink(flow.Edge{From: c.FormValue("from"), To: flow.NodeID(c.FormValue("to"))})
		return f, "#edges", "Disconnected.", err
	})(c, who)
}

// nodePaste is POST /flows/:key/paste: nodes that were copied as YAML or JSON.
func (s *Server) nodePaste(c *fiber.Ctx, who auth.Actor) error {
	return s.edit(func(c *fiber.Ctx, e editing) (flow.Content, string, string, error) {
		part, err := flow.Parse([]byte(strings.ReplaceAll(c.FormValue("text"), "\r\n", "\n")))
		if err != nil {
			return e.flow, "", "", err
		}
		f, ids, err := e.flow.Paste(s.Nodes, part)
		if err != nil {
			return f, "", "", err
		}
		return f, "#node-" + string(ids[0]), plural(len(ids), "node is", "nodes are") + " pasted.", nil
	})(c, who)
}

// flowUndo is POST /flows/:key/undo: the content before the last change is saved as
// a new revision, or what was undone comes back.
func (s *Server) flowUndo(c *fiber.Ctx, who auth.Actor) error {
	a, err := s.DB.Artifact(c.UserContext(), review.Flow, c.Params("key"))
	if err != nil {
		return err
	}
	base, err := postedBase(c)
	if err != nil {
		return err
	}
	undo, redo, err := s.undoable(c, a.Key)
	if err != nil {
		return err
	}
	to, said := undo, "Undone. Revision %s is the newest content again."
	if c.FormValue("op") == "redo" {
		to, said = redo, "Done again: revision %s is the newest content."
	}
	if to == 0 {
		return fault.New(fault.Conflict, "There is nothing to undo here any more. The history has every revision.")
	}
	if _, err := s.DB.RestoreRevision(c.UserContext(), who, review.Flow, a.Key, to, base, "console"); err != nil {
		return err
	}
	return s.done(c, "/flows/"+a.Key, strings.Replace(said, "%s", itoa(to), 1))
}

// undoDepth is how many revisions undoing looks back.
const undoDepth = 200

// undoable gives the revisions that undo and redo lead to; 0 where there is none.
func (s *Server) undoable(c *fiber.Ctx, key string) (undo, redo int, err error) {
	revs, _, err := s.DB.Revisions(c.UserContext(), review.Flow, key, 0, undoDepth)
	if err != nil {
		return 0, 0, err
	}
	var numbers []int
	var hashes []string
	for i := len(revs) - 1; i >= 0; i-- {
		numbers, hashes = append(numbers, revs[i].Number), append(hashes, revs[i].Hash)
	}
	u, r := flow.Undo(hashes)
	if u >= 0 {
		undo = numbers[u]
	}
	if r >= 0 {
		redo = numbers[r]
	}
	return undo, redo, nil
}

// places offers where a node can stand: behind each way out, on each edge of ways
// out that lead to several nodes, or alone.
func (s *Server) places(f flow.Content, except flow.NodeID, moves bool) []ui.Option {
	var out []ui.Option
	for _, l := range flow.Outline(f, s.Nodes) {
		if l.Spec.Ends || l.Node.ID == except {
			continue
		}
		for _, x := range l.Ports {
			at := string(l.Node.ID) + "." + x.Name
			free := len(x.To) == 0 && x.Name != flow.ErrorPort && !moves
			label := l.Node.Title() + " → " + x.Name
			if len(x.To) == 0 {
				label += ", which leads nowhere yet"
			}
			out = append(out, ui.Option{Value: at, Label: "After " + label, Selected: free})
			for _, to := range x.To {
				if n, _ := f.Find(to); len(x.To) > 1 && to != except {
					out = append(out, ui.Option{Value: at + ">" + string(to), Label: "Only on the way from " + label + " to " + n.Title()})
				}
			}
		}
	}
	none := "Nothing yet: it stands alone"
	if moves {
		none = "Nowhere: it stands alone"
	}
	return append(out, ui.Option{Value: "", Label: none})
}
