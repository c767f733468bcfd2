package web

import (
	"net/http"
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
	e := editing{a: a, flow: f}
	if id := c.Params("node"); id != "" {
		n, ok := f.Find(flow.NodeID(id))
		if !ok {
			return e, fault.New(fault.NotFound, "This flow has no node %q.", clip(id, 80))
		}
		e.node = n
		if e.spec, ok = s.Nodes.Spec(n.Type); !ok {
			return e, fault.New(fault.Conflict, "This version of Joinery has no node type %q. Change it in the YAML.", n.Type)
		}
	}
	return e, nil
}

// nodeEdit is GET /flows/:key/nodes/:node.
func (s *Server) nodeEdit(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	return s.nodePage(c, who, e, e.a.Head, 0, nil)
}

func (s *Server) nodePage(c *fiber.Ctx, who auth.Actor, e editing, base, status int, notice *ui.Notice) error {
	at := "/flows/" + e.a.Key
	problems, err := s.DB.Problems(c.UserContext(), review.Flow, contentOf(e.flow))
	if err != nil {
		return err
	}
	p := artifacts.NodePage{Head: ui.Head{Title: e.node.Title(), Text: e.spec.Title}, Action: at + "/nodes/" + string(e.node.ID), Base: itoa(base), CancelURL: at + "#node-" + string(e.node.ID), Help: e.spec.Help, Notice: notice}
	for _, f := range e.spec.Fields {
		input, err := s.nodeField(c, f, e.node.Params[f.Key])
		if err != nil {
			return err
		}
		for _, q := range problems {
			if path := "nodes." + string(e.node.ID) + ".params." + f.Key; q.Path == path || strings.HasPrefix(q.Path, path+".") {
				name := strings.TrimPrefix(strings.TrimPrefix(q.Path, path), ".")
				if name != "" {
					name += ": "
				}
				input.Error = strings.TrimSpace(input.Error + " " + name + q.Detail)
			}
		}
		p.Fields = append(p.Fields, input)
	}
	p.Exits, p.About, p.Tries = exitFields(e), aboutFields(e), triesFields(e)
	p.Names = expressionNames(e, s.Nodes)
	p.Remove = &ui.Danger{Button: "Remove this node", Title: "Remove " + e.node.Title(), Text: "What led to it leads to what followed it, when that is one thing. The revisions before keep it.", Post: at + "/nodes/" + string(e.node.ID) + "/remove", Values: []ui.Pair{{Label: "base", Value: itoa(base)}}}
	return s.show(c, who, frame{Title: e.node.Title(), Crumbs: crumbsOf(review.Flow, ui.Link{Text: e.a.Name, URL: at}), Status: status}, artifacts.EditNode(p))
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
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	base, err := postedBase(c)
	if err != nil {
		return err
	}
	was := e.node.ID
	e.node = postedNode(c, e)
	f := e.flow.Set(e.node)
	for _, port := range append(flow.PortsOf(e.node, e.spec), flow.Port{Name: flow.ErrorPort}) {
		if c.Request().PostArgs().Has("x_" + port.Name) {
			f = f.Connect(string(was)+"."+port.Name, flow.NodeID(c.FormValue("x_"+port.Name)))
		}
	}
	id := flow.NodeID(strings.TrimSpace(c.FormValue("id")))
	renamed, err := f.Rename(was, id)
	if err == nil {
		err = s.saveFlow(c, who, e.a, renamed, base)
	}
	if badContent(err) {
		e.flow = f
		n := refusal(err)
		return s.nodePage(c, who, e, base, http.StatusUnprocessableEntity, &n)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/flows/"+e.a.Key+"#node-"+string(id), "Saved as a new revision.")
}

func (s *Server) saveFlow(c *fiber.Ctx, who auth.Actor, a postgres.Artifact, f flow.Content, base int) error {
	doc, err := s.kinds().Read(review.Flow, a.Key, contentOf(f))
	if err != nil {
		return err
	}
	_, err = s.DB.SaveRevision(c.UserContext(), who, postgres.Save{Doc: doc, Message: c.FormValue("message"), Base: base, Via: "console"})
	return err
}

// unlessSpace keeps the old text where only space around it differs: a text of a
// file ends in a line break that a form does not send back, and a reviewer should
// not see changes that nobody made.
func unlessSpace(old, now any) any {
	a, okA := old.(string)
	b, okB := now.(string)
	if okA && okB && strings.TrimSpace(a) == strings.TrimSpace(b) {
		return old
	}
	return now
}

// nodeAdd is POST /flows/:key/nodes.
func (s *Server) nodeAdd(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	base, err := postedBase(c)
	if err != nil {
		return err
	}
	spec, ok := s.Nodes.Spec(c.FormValue("type"))
	if !ok {
		return fault.New(fault.Invalid, "Choose a type of node.")
	}
	f, id := e.flow.Add(spec, c.FormValue("after"))
	if err := s.saveFlow(c, who, e.a, f, base); err != nil {
		return err
	}
	return s.done(c, "/flows/"+e.a.Key+"/nodes/"+string(id), "Added. Fill in what it needs.")
}

// nodeRemove is POST /flows/:key/nodes/:node/remove.
func (s *Server) nodeRemove(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	base, err := postedBase(c)
	if err != nil {
		return err
	}
	if err := s.saveFlow(c, who, e.a, e.flow.Remove(e.node.ID), base); err != nil {
		return err
	}
	return s.done(c, "/flows/"+e.a.Key, "The node is removed.")
}
