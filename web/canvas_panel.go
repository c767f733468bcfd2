package web

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/review"
	"joinery/views/artifacts"
)

// panelAsk is what the script of a node's form asks. Without content the newest
// revision counts; without values the form of the node is made, with them it is read.
type panelAsk struct {
	Content json.RawMessage `json:"content"`
	Node    string          `json:"node"`
	Values  sent            `json:"values"`
	// Sample is the run whose values are shown; "" is the made-up joiner.
	Sample string `json:"sample"`
	// Data asks for the list of what expressions can read too.
	Data bool `json:"data"`
}

// panelAnswer is the form of a node, or the node that the form says.
type panelAnswer struct {
	// HTML is the form for the canvas; the page of a node gets the parts that follow
	// from others.
	HTML string `json:"html,omitempty"`
	// Node is the node with its changes, and Content the whole flow with it: another
	// id changes other nodes too.
	Node     flow.Node       `json:"node"`
	Content  json.RawMessage `json:"content,omitempty"`
	Problems []apiProblem    `json:"problems"`
	// Marks are what is wrong, and what expressions give, by the names of inputs.
	Marks map[string]mark `json:"marks"`
	// Rest are the problems of the node that belong to no input.
	Rest []string `json:"rest"`
	// Parts are the parts of the form that follow from others.
	Parts map[string]string `json:"parts,omitempty"`
}

// canvasPanel is POST /flows/:key/canvas/panel. It keeps nothing.
func (s *Server) canvasPanel(c *fiber.Ctx, who auth.Actor) error {
	var in panelAsk
	if err := readJSON(c, &in); err != nil {
		return err
	}
	e, err := s.asked(c, in)
	if err != nil {
		return err
	}
	if in.Values.has("sample") { // beside the canvas the choice is a part of the form
		in.Sample = in.Values.text("sample")
	}
	sm, err := s.sampleOf(c.UserContext(), who, e.flow, e.a.Key, in.Sample)
	if err != nil {
		return err
	}
	if in.Values == nil {
		return s.panelForm(c, who, e, sm)
	}
	if !who.Can(auth.ArtifactWrite) {
		return fault.New(fault.Forbidden, "Your roles do not allow you to change flows.")
	}
	return s.panelRead(c, e, in, sm)
}

// asked finds the flow and the node that are asked about.
func (s *Server) asked(c *fiber.Ctx, in panelAsk) (editing, error) {
	a, rev, err := s.newest(c, review.Flow)
	if err != nil {
		return editing{}, err
	}
	raw := []byte(rev.Content)
	if len(in.Content) > 0 {
		raw = in.Content
	}
	f, err := flow.Decode(raw)
	if err != nil {
		return editing{}, err
	}
	return s.editingNode(a, f, in.Node)
}

// panelForm answers with the form of a node.
func (s *Server) panelForm(c *fiber.Ctx, who auth.Actor, e editing, sm sample) error {
	problems, err := s.nodeProblems(c, e)
	if err != nil {
		return err
	}
	r := readContent(e)
	p, err := s.nodeForm(c, e, nil, r, problems, sm)
	if err != nil {
		return err
	}
	p.ReadOnly = !who.Can(auth.ArtifactWrite)
	out := panelAnswer{Node: e.node, Problems: problemsOf(problems), Marks: map[string]mark{}, Rest: p.Problems}
	if out.HTML, err = s.fragment(c)(c.UserContext(), artifacts.Panel(besideCanvas(p))); err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, out)
}

// panelRead answers with the node that the form says, judged.
func (s *Server) panelRead(c *fiber.Ctx, e editing, in panelAsk, sm sample) error {
	e, r, err := s.changed(e, in.Values)
	if err != nil {
		return err
	}
	problems, err := s.nodeProblems(c, e)
	if err != nil {
		return err
	}
	p, err := s.nodeForm(c, e, in.Values, r, problems, sm)
	if err != nil {
		return err
	}
	marks, rest := r.marks(e, problems)
	previews(c.UserContext(), e, r, s.Nodes, sm.scope, marks)
	out := panelAnswer{Node: e.node, Content: contentOf(e.flow), Problems: problemsOf(problems), Marks: marks, Rest: rest, Parts: map[string]string{}}
	if out.Rest == nil {
		out.Rest = []string{}
	}
	render := s.fragment(c)
	if len(in.Content) > 0 {
		out.HTML, err = render(c.UserContext(), artifacts.Panel(besideCanvas(p)))
		out.Parts = nil
		if err != nil {
			return err
		}
		return sendJSON(c, http.StatusOK, out)
	}
	parts := map[string]templ.Component{"problems": artifacts.NodeProblems(rest), "touches": artifacts.NodeTouches(p.Touches), "exits": artifacts.NodeExits(p.Exits)}
	if in.Data {
		parts["data"] = artifacts.NodeData(p.Data)
	}
	for name, part := range parts {
		if out.Parts[name], err = render(c.UserContext(), part); err != nil {
			return err
		}
	}
	return sendJSON(c, http.StatusOK, out)
}

// changed gives the flow as a node's form says it should be. An id that cannot be is
// told at its input, and the node keeps the one it has.
func (s *Server) changed(e editing, f sent) (editing, read, error) {
	r := readNode(f, e)
	was, before := e.node.ID, e.node
	e.node = r.node
	out := e.flow.Set(e.node).FollowPorts(s.Nodes, before, e.node)
	for _, port := range append(flow.PortsOf(e.node, e.spec), flow.Port{Name: flow.ErrorPort}) {
		if !f.has("x_" + port.Name) {
			continue
		}
		var to []flow.NodeID
		for _, id := range f["x_"+port.Name] {
			to = append(to, flow.NodeID(id))
		}
		out = out.Route(string(was)+"."+port.Name, to)
	}
	if id := flow.NodeID(strings.TrimSpace(f.text("id"))); f.has("id") && id != was {
		renamed, err := out.Rename(s.Nodes, was, id)
		if err != nil {
			r.wrong["id"] = fault.Sentence(err)
		} else {
			out = renamed
			e.node, _ = out.Find(id)
			r.node = e.node
		}
	}
	e.flow = out
	return e, r, nil
}

// besideCanvas leaves out what is for readers without script: a canvas has one.
func besideCanvas(p artifacts.NodeForm) artifacts.NodeForm {
	for _, f := range p.Fields {
		if f.Entries != nil {
			f.Entries.More = nil
		}
	}
	return p
}
