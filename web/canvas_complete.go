package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/expr"
	"joinery/internal/flow"
)

// completion is all that the expressions of one node may name. The script gets it
// once when the form opens and finds what fits by itself: no key has to wait for
// the network.
type completion struct {
	Names   []completedName   `json:"names"`
	Helpers []completedHelper `json:"helpers"`
}

type completedName struct {
	Path string `json:"path"`
	Type string `json:"type"`
	Help string `json:"help,omitempty"`
	// Insert is what to write where that is not the path.
	Insert string `json:"insert,omitempty"`
	Value  string `json:"value,omitempty"`
	// Of is the type of a list's entries, and Entry what each of them holds.
	Of    string          `json:"of,omitempty"`
	Entry []completedName `json:"entry,omitempty"`
}

func completed(n flow.Name) completedName {
	x := completedName{Path: n.Path, Type: string(n.Type), Help: n.Help, Of: string(n.Of)}
	if n.Insert != n.Path {
		x.Insert = n.Insert
	}
	for _, e := range n.Entry {
		x.Entry = append(x.Entry, completed(e))
	}
	return x
}

type completedHelper struct {
	Name      string `json:"name"`
	Signature string `json:"signature"`
	Help      string `json:"help"`
	// On is the type that a method belongs to; "" for a function.
	On      string `json:"on,omitempty"`
	Gives   string `json:"gives"`
	Of      string `json:"of,omitempty"`
	Example string `json:"example"`
	Result  string `json:"result"`
}

// canvasComplete is POST /flows/:key/canvas/complete.
func (s *Server) canvasComplete(c *fiber.Ctx, who auth.Actor) error {
	var in panelAsk
	if err := readJSON(c, &in); err != nil {
		return err
	}
	e, err := s.asked(c, in)
	if err != nil {
		return err
	}
	sm, err := s.sampleOf(c.UserContext(), who, e.flow, e.a.Key, in.Sample)
	if err != nil {
		return err
	}
	out := completion{Names: []completedName{}}
	for _, n := range sampledNames(e.flow, s.Nodes, e.node.ID, sm.scope) {
		x := completed(n.Name)
		x.Value = n.Value
		out.Names = append(out.Names, x)
	}
	for _, h := range expr.Helpers() {
		out.Helpers = append(out.Helpers, completedHelper{h.Name, h.Signature, h.Text, string(h.On), string(h.Gives), string(h.Of()), h.Example, h.Result})
	}
	return sendJSON(c, http.StatusOK, out)
}
