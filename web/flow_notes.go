package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// notesForm declares the notes and groups of a drawing, one a line.
func notesForm() []form.Field {
	return []form.Field{
		{Key: "notes", Label: "Notes", Kind: form.List, Help: "What whoever draws or reads the flow should know."},
		{Key: "groups", Label: "Groups", Kind: form.List, Help: "A title and the ids of nodes: Accounts: account, enable."},
	}
}

func notesValues(l flow.Layout) map[string]any {
	notes, groups := []any{}, []any{}
	for _, n := range l.Notes {
		notes = append(notes, n.Text)
	}
	for _, g := range l.Groups {
		ids := make([]string, len(g.Nodes))
		for i, id := range g.Nodes {
			ids[i] = string(id)
		}
		groups = append(groups, g.Title+": "+strings.Join(ids, ", "))
	}
	return map[string]any{"notes": notes, "groups": groups}
}

// notesEdit is GET /flows/:key/notes.
func (s *Server) notesEdit(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	return s.notesPage(c, who, e, nil, nil)
}

func (s *Server) notesPage(c *fiber.Ctx, who auth.Actor, e editing, f sent, wrong map[string]string) error {
	at := "/flows/" + e.a.Key
	p := artifacts.FlowPartPage{Head: ui.Head{Title: "Notes and groups", Text: "They stand on the drawing. They are no part of what is reviewed and hashed."}, Action: at + "/notes", Base: itoa(e.a.Head), CancelURL: at, Legend: "On the drawing"}
	status := 0
	if len(wrong) > 0 {
		status, p.Notice = http.StatusUnprocessableEntity, &ui.Notice{Tone: "bad", Text: "Nothing is saved yet. What has to be solved first is shown at its line."}
	}
	values := notesValues(layoutOf(e.a))
	for _, x := range notesForm() {
		p.Fields = append(p.Fields, entriesField(x, values[x.Key], f))
	}
	marks := map[string]mark{}
	for name, why := range wrong {
		marks[name] = mark{Error: why}
	}
	marked(p.Fields, marks)
	return s.show(c, who, frame{Title: "Notes and groups", Crumbs: crumbsOf(review.Flow, ui.Link{Text: e.a.Name, URL: at}), Status: status}, artifacts.EditFlowPart(p))
}

// notesSave is POST /flows/:key/notes. What stays keeps its place on the drawing;
// what is new stands beside it.
func (s *Server) notesSave(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	sent, l := sentBy(c), layoutOf(e.a)
	r := read{at: map[string][]entryAt{}, wrong: map[string]string{}}
	was := l
	l.Notes, l.Groups = nil, nil
	notes, _ := r.entries(sent, notesForm()[0]).([]any)
	for i, text := range notes {
		n := flow.Note{X: -280, Y: float64(i) * 160, W: 220, H: 120}
		if k, err := strconv.Atoi(r.at["notes"][i].line); err == nil && k < len(was.Notes) {
			n = was.Notes[k]
		} else {
			n.ID = freshID(i+1, func(id string) bool {
				return slices.ContainsFunc(slices.Concat(was.Notes, l.Notes), func(o flow.Note) bool { return o.ID == id })
			})
		}
		n.Text, _ = text.(string)
		l.Notes = append(l.Notes, n)
	}
	groups, _ := r.entries(sent, notesForm()[1]).([]any)
	for i, line := range groups {
		var g flow.Group
		if k, err := strconv.Atoi(r.at["groups"][i].line); err == nil && k < len(was.Groups) {
			g = was.Groups[k]
		} else {
			g.ID = freshID(i+1, func(id string) bool {
				return slices.ContainsFunc(slices.Concat(was.Groups, l.Groups), func(o flow.Group) bool { return o.ID == id })
			})
		}
		text, _ := line.(string)
		title, ids, _ := strings.Cut(text, ":")
		g.Title, g.Nodes = strings.TrimSpace(title), []flow.NodeID{}
		for _, id := range strings.FieldsFunc(ids, func(r rune) bool { return r == ',' || r == ' ' }) {
			if _, ok := e.flow.Find(flow.NodeID(id)); !ok {
				r.wrong["p_groups."+r.at["groups"][i].line+".value"] = "There is no node " + clip(id, 80) + ". Write a title, a colon and ids of nodes."
			}
			g.Nodes = append(g.Nodes, flow.NodeID(id))
		}
		l.Groups = append(l.Groups, g)
	}
	if len(r.wrong) > 0 {
		return s.notesPage(c, who, e, sent, r.wrong)
	}
	if err := s.saveLayout(c, e.a.Key, l); err != nil {
		return err
	}
	return s.done(c, "/flows/"+e.a.Key, "Notes and groups are saved.")
}
