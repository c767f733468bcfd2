package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// editing is a flow and one of its nodes, as a form works on them.
type editing struct {
	a    postgres.Artifact
	flow flow.Content
	node flow.Node
	spec flow.Spec
}

func (s *Server) editing(c *fiber.Ctx) (editing, error) {
	a, rev, err := s.newest(c, review.Flow)
	if err != nil {
		return editing{}, err
	}
	f, err := flow.Decode([]byte(rev.Content))
	if err != nil {
		return editing{}, err
	}
	return s.editingNode(a, f, c.Params("node"))
}

// editingNode finds a node of a flow; with id "" there is none.
func (s *Server) editingNode(a postgres.Artifact, f flow.Content, id string) (editing, error) {
	e := editing{a: a, flow: f}
	if id == "" {
		return e, nil
	}
	n, ok := f.Find(flow.NodeID(id))
	if !ok {
		return e, fault.New(fault.NotFound, "This flow has no node %q.", clip(id, 80))
	}
	e.node = n
	if e.spec, ok = s.Nodes.Spec(n.Type); !ok {
		return e, fault.New(fault.Conflict, "This version of Joinery has no node type %q. Change it in the YAML.", n.Type)
	}
	return e, nil
}

// nodeEdit is GET /flows/:key/nodes/:node.
func (s *Server) nodeEdit(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	return s.nodePage(c, who, e, nil, readContent(e), e.a.Head, 0, nil)
}

// nodePage is the page of a node: as it is saved, or as it was sent and refused.
func (s *Server) nodePage(c *fiber.Ctx, who auth.Actor, e editing, f sent, r read, base, status int, notice *ui.Notice) error {
	at := "/flows/" + e.a.Key
	problems, err := s.nodeProblems(c, e)
	if err != nil {
		return err
	}
	sm, err := s.sampleOf(c.UserContext(), who, e.flow, e.a.Key, c.Query("sample"))
	if err != nil {
		return err
	}
	p := artifacts.NodePage{Head: ui.Head{Title: e.node.Title(), Text: e.spec.Title}, Action: at + "/nodes/" + c.Params("node"), Base: itoa(base), CancelURL: at + "#node-" + c.Params("node"), Notice: notice,
		Message: ui.Field{Name: "message", Label: "What changes and why", Value: c.FormValue("message"), Help: "The reviewer reads this."}}
	if p.Form, err = s.nodeForm(c, e, f, r, problems, sm); err != nil {
		return err
	}
	p.Form.Node = c.Params("node")
	p.Acts = s.nodeActs(e, base, who)
	return s.show(c, who, frame{Title: e.node.Title(), Crumbs: crumbsOf(review.Flow, ui.Link{Text: e.a.Name, URL: at}), Status: status}, artifacts.EditNode(p))
}

// nodeActs are what can be done with a node besides filling it in.
func (s *Server) nodeActs(e editing, base int, who auth.Actor) []artifacts.Side {
	at := "/flows/" + e.a.Key + "/nodes/" + string(e.node.ID)
	revision := []ui.Pair{{Label: "base", Value: itoa(base)}}
	copied := artifacts.Side{Title: "Copy", Text: "The copy has the same fields and no connections yet.", Actions: []ui.Button{{Text: "Duplicate this node", Icon: "copy", Post: at + "/duplicate", Values: revision}, {Text: "As text", Icon: "braces", URL: severalURL(e.a.Key, []flow.NodeID{e.node.ID})}}}
	remove := artifacts.Side{Title: "Remove", Dangers: []ui.Danger{{Button: "Remove this node", Title: "Remove " + e.node.Title(), Text: "What led to it leads to what followed it, when that is one thing. The revisions before keep it.", Post: at + "/remove", Values: revision}}}
	var out []artifacts.Side
	if who.Can(auth.RunSimulate) {
		out = append(out, tryNode(e))
	}
	if e.spec.Trigger {
		return append(out, remove)
	}
	place := ui.Field{Name: "to", ID: "move-to", Label: "To", Input: "select", Options: s.places(e.flow, e.node.ID, true)}
	move := artifacts.Side{Title: "Move", Text: "What led to it leads to what followed it. Its other ways out stay.", Action: at + "/move", Submit: "Move", Fields: []ui.Field{{Name: "base", Input: "hidden", Value: itoa(base)}, place}}
	return append(out, move, copied, remove)
}

// tryNode leads to the page that tries the flow: up to this node, or with its output pinned.
func tryNode(e editing) artifacts.Side {
	at, id := "/flows/"+e.a.Key+"/try", string(e.node.ID)
	out := artifacts.Side{Title: "Try", Text: "Works out what is saved, up to this node. Nothing is written anywhere.", Actions: []ui.Button{{Text: "Try up to here", Icon: "play", URL: at + "?until=" + id}}}
	if !e.spec.Trigger && !e.spec.Ends {
		out.Actions = append(out.Actions, ui.Button{Text: "Pin its output", Icon: "pin", URL: at + "?pin=" + id + "#pins"})
	}
	return out
}

func contentOf(f flow.Content) []byte {
	raw, err := f.JSON()
	if err != nil {
		return nil
	}
	return raw
}

// nodeSave is POST /flows/:key/nodes/:node.
func (s *Server) nodeSave(c *fiber.Ctx, who auth.Actor) error {
	e, base, err := s.editingFrom(c)
	if err != nil {
		return err
	}
	f := sentBy(c)
	e, r, err := s.changed(e, f)
	if err != nil {
		return err
	}
	if len(r.wrong) > 0 {
		return s.nodePage(c, who, e, f, r, base, http.StatusUnprocessableEntity, &ui.Notice{Tone: "bad", Text: "Nothing is saved yet. What has to be solved first is shown at its field."})
	}
	met, err := s.saveFlow(c, who, e.a, e.flow, base)
	if two, ok := clashed(err); ok {
		return s.nodeClash(c, who, e, two)
	}
	if badContent(err) {
		n := refusal(err)
		return s.nodePage(c, who, e, f, r, base, http.StatusUnprocessableEntity, &n)
	}
	if err != nil {
		return err
	}
	if was := flow.NodeID(c.Params("node")); was != e.node.ID { // its box stays where it is
		if err := s.saveLayout(c, e.a.Key, layoutOf(e.a).Rename(was, e.node.ID)); err != nil {
			return err
		}
	}
	return s.done(c, "/flows/"+e.a.Key+"#node-"+string(e.node.ID), "Saved as a new revision."+met)
}

// nodeClash shows the form with both changes where they go together, and this one
// where they do not. A node that is gone cannot be saved again.
func (s *Server) nodeClash(c *fiber.Ctx, who auth.Actor, e editing, two clash) error {
	newest, err := s.flowAt(c.UserContext(), e.a.Key, e.a.Head)
	if err != nil {
		return err
	}
	if _, there := newest.Find(flow.NodeID(c.Params("node"))); !there {
		return two
	}
	e, err = s.editingNode(e.a, two.merged, string(e.node.ID))
	if err != nil {
		return err
	}
	return s.nodePage(c, who, e, nil, readContent(e), e.a.Head, http.StatusConflict, two.again())
}

// saveFlow saves a flow that was made of the revision base, together with what others
// saved since; met says so.
func (s *Server) saveFlow(c *fiber.Ctx, who auth.Actor, a postgres.Artifact, f flow.Content, base int) (met string, err error) {
	f, base, met, err = s.meet(c.UserContext(), a, f, base)
	if err != nil {
		return "", err
	}
	doc, err := s.kinds().Read(review.Flow, a.Key, contentOf(f))
	if err != nil {
		return "", err
	}
	_, err = s.DB.SaveRevision(c.UserContext(), who, postgres.Save{Doc: doc, Message: c.FormValue("message"), Base: base, Via: "console"})
	return met, err
}
