package web

import (
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/review"
	"joinery/internal/template"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// flowNew is GET /flows/new: the gallery of what a flow can begin with.
func (s *Server) flowNew(c *fiber.Ctx, who auth.Actor) error {
	all, err := template.All(s.kinds())
	if err != nil {
		return err
	}
	own, err := s.ownConnections(c)
	if err != nil {
		return err
	}
	p := artifacts.ChoicePage{Head: ui.Head{Title: wordsOf[review.Flow].newText, Text: "Take one that comes with Joinery and make it yours, bring one in from a file, or begin with an empty one. Nothing goes live before it is reviewed."}}
	for _, t := range all {
		p.Choices = append(p.Choices, s.galleryCard(t, own))
	}
	p.Head.Actions = []ui.Button{{Text: "Import", Icon: "upload", URL: "/import"}}
	p.Blank = []artifacts.Choice{
		{Title: "Empty canvas", Text: "Nothing yet. Draw it: nodes from a palette, edges between them, each with its fields.", URL: "/templates/canvas"},
		{Title: "Empty", Text: "A small flow as text, with one event and one account.", URL: "/templates/empty"},
	}
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: crumbsOf(review.Flow)}, artifacts.Choices(p))
}

// galleryCard is one template beside what this company has.
func (s *Server) galleryCard(t template.Template, own []ownConnection) artifacts.Choice {
	d := drawing(flow.Draw(t.Content, flow.Layout{}, s.Nodes), t.Title)
	out := artifacts.Choice{Title: t.Title, Text: t.Summary, URL: "/templates/" + t.Key, Drawing: &d, Calls: t.Missing, Size: plural(len(t.Content.Nodes), "node", "nodes")}
	if n := s.writes(t.Content); n > 0 {
		out.Size += ", " + fmt.Sprintf("%d of them write", n)
	}
	fits := fitting(t, own)
	missing := 0
	for _, place := range t.Connections {
		need := artifacts.Need{Title: place.Title}
		switch found := fits[place.Key]; len(found) {
		case 0:
			need.Have, need.Missing = "missing. "+placeNeeds(place), true
			missing++
		case 1:
			need.Have = found[0].Label
		default:
			need.Have = fmt.Sprintf("%d of yours fit", len(found))
		}
		out.Needs = append(out.Needs, need)
	}
	for _, p := range t.Policies {
		out.Brings = append(out.Brings, p.Name)
	}
	for _, p := range t.Functions {
		out.Brings = append(out.Brings, "the function "+p.Name)
	}
	out.Ready = ui.Badge{Tone: "good", Text: "Everything is there"}
	if missing > 0 {
		out.Ready = ui.Badge{Tone: "warn", Text: plural(missing, "connection is missing", "connections are missing")}
	}
	return out
}

// writes counts the nodes that change an outside system.
func (s *Server) writes(f flow.Content) int {
	n := 0
	for _, x := range f.Nodes {
		if spec, ok := s.Nodes.Spec(x.Type); ok && spec.Writes {
			n++
		}
	}
	return n
}

// placeNeeds says what a connection has to be able to do to stand in a place.
func placeNeeds(p template.Place) string {
	what := map[connector.Capability]string{connector.CapDirectory: "accounts and groups", connector.CapWorkers: "workers"}[p.Capability]
	if what == "" {
		what = strings.ReplaceAll(string(p.Capability), "_", " ")
	}
	if p.Writes {
		what += ", and takes values back"
	}
	return "It needs a connection that has " + what + "."
}

// ownConnection is a connection of the company and what it can do.
type ownConnection struct {
	key, name string
	can       []string
}

func (s *Server) ownConnections(c *fiber.Ctx) ([]ownConnection, error) {
	var out []ownConnection
	for after := ""; ; {
		page, next, err := s.DB.Artifacts(c.UserContext(), review.Connection, "", after, 200)
		if err != nil {
			return nil, err
		}
		for _, a := range page {
			rev, err := s.DB.Revision(c.UserContext(), review.Connection, a.Key, 0)
			if err != nil {
				return nil, err
			}
			out = append(out, ownConnection{a.Key, a.Name, s.kinds().Capabilities([]byte(rev.Content))})
		}
		if after = next; after == "" {
			return out, nil
		}
	}
}

// fitting gives the connections that can stand for each place.
func fitting(t template.Template, own []ownConnection) map[string][]ui.Option {
	out := map[string][]ui.Option{}
	for _, o := range own {
		for _, place := range t.Connections {
			if place.Fits(o.can) {
				out[place.Key] = append(out[place.Key], ui.Option{Value: o.key, Label: o.name + " (" + o.key + ")"})
			}
		}
	}
	return out
}

// calls tells whether the functions that a template calls and does not bring are there.
func (s *Server) calls(c *fiber.Ctx, t template.Template) ([]ui.Pair, error) {
	var out []ui.Pair
	for _, key := range t.Missing {
		p := ui.Pair{Label: key, Value: "Is there", URL: "/functions/" + key}
		_, err := s.DB.Artifact(c.UserContext(), review.Function, key)
		if fault.Is(err, fault.NotFound) {
			p.Value, p.URL = "Is not there yet. The flow is saved without it, and cannot be submitted before it is there.", ""
		} else if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
