package web

import (
	"strings"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// problemLinks lead from each problem to the field where it is solved.
func (s *Server) problemLinks(at string, f flow.Content, problems []fault.Problem, edits bool) []ui.Link {
	var out []ui.Link
	for _, p := range problems {
		l := ui.Link{Text: p.Path + ": " + p.Detail}
		root, _, _ := strings.Cut(p.Path, ".")
		switch root {
		case "nodes":
			id, path := f.At(p.Path)
			n, ok := f.Find(id)
			if !ok {
				break
			}
			l.Text, l.URL = n.Title()+": "+p.Detail, "#node-"+string(id)
			spec, known := s.Nodes.Spec(n.Type)
			if !known {
				break
			}
			l.Text, l.URL = n.Title()+": "+label(spec, path)+p.Detail, at+"/nodes/"+string(id)
			if name := readContent(editing{flow: f, node: n, spec: spec}).input(spec, path); name != "" {
				l.URL += "#" + name
			}
			if !edits {
				l.URL = "#node-" + string(id)
			}
		case "edges":
			l.Text, l.URL = "Connections: "+p.Detail, "#edges"
		case "invariants":
			l.Text, l.URL = "What must never happen: "+p.Detail, "#invariants"
		case "trigger":
			if l.Text, l.URL = p.Detail, at+"/settings#trigger"; len(f.Nodes) == 0 {
				l.Text, l.URL = "Add the node that starts the flow.", "#add"
			}
		case "name", "vars", "limits":
			l.URL = at + "/settings"
		case "backtest":
			l.Text, l.URL = "Backtest before approval: "+p.Detail, at+"/settings#p_backtest_joiners"
		}
		if !edits && !strings.HasPrefix(l.URL, "#") {
			l.URL = ""
		}
		out = append(out, l)
	}
	return out
}

// label names the field of a path, for a sentence.
func label(spec flow.Spec, path string) string {
	key, ok := strings.CutPrefix(path, "params.")
	key, entry, _ := strings.Cut(key, ".")
	for _, x := range spec.Fields {
		if ok && x.Key == key {
			if entry != "" && x.Kind == "mapping" {
				return x.Label + ", " + entry + ": "
			}
			return x.Label + ": "
		}
	}
	return ""
}

// outlineActs are undo and redo, and the page of the settings.
func outlineActs(at string, head, undo, redo int) []ui.Button {
	out := []ui.Button{{Text: "Settings", Icon: "settings", URL: at + "/settings"}, {Text: "Notes and groups", Icon: "message-square", URL: at + "/notes"},
		{Text: "Several nodes", Icon: "list-checks", URL: at + "/several"}, {Text: "Tidy up the drawing", Icon: "wand-sparkles", Post: at + "/several", Values: []ui.Pair{{Label: "op", Value: "tidy"}}}}
	if undo > 0 {
		out = append(out, ui.Button{Text: "Undo", Icon: "undo-2", Post: at + "/undo", Values: []ui.Pair{{Label: "base", Value: itoa(head)}, {Label: "op", Value: "undo"}}})
	}
	if redo > 0 {
		out = append(out, ui.Button{Text: "Redo", Icon: "redo-2", Post: at + "/undo", Values: []ui.Pair{{Label: "base", Value: itoa(head)}, {Label: "op", Value: "redo"}}})
	}
	return out
}

// edgeLines are the connections of a flow, and the form that adds one.
func (s *Server) edgeLines(a postgres.Artifact, f flow.Content, edits bool) artifacts.Edges {
	at := "/flows/" + a.Key + "/edges"
	title := func(id flow.NodeID) string {
		if n, ok := f.Find(id); ok {
			return n.Title()
		}
		return string(id) + " (is not there)"
	}
	var out artifacts.Edges
	instead := ui.Field{Name: "instead", Label: "In place of", Input: "select", Options: []ui.Option{{Value: "", Label: "None: a connection more"}}, Help: "A connection that is moved keeps its place among the others."}
	for _, e := range f.Edges {
		id, port := e.Split()
		instead.Options = append(instead.Options, ui.Option{Value: e.From + ">" + string(e.To), Label: title(id) + " → " + port + " → " + title(e.To)})
		l := artifacts.EdgeLine{From: title(id), Port: port, To: title(e.To)}
		if edits {
			l.Remove = &ui.Button{Text: "Disconnect", Tone: "small", Post: at + "/remove", Values: []ui.Pair{{Label: "base", Value: itoa(a.Head)}, {Label: "from", Value: e.From}, {Label: "to", Value: string(e.To)}}}
		}
		out.Lines = append(out.Lines, l)
	}
	if !edits {
		return out
	}
	from := ui.Field{Name: "from", Label: "From", Input: "select", Required: true, Options: []ui.Option{{Value: "", Label: "Choose a way out"}}}
	to := ui.Field{Name: "to", Label: "To", Input: "select", Required: true, Options: []ui.Option{{Value: "", Label: "Choose a node"}}}
	for _, l := range flow.Outline(f, s.Nodes) {
		for _, x := range l.Ports {
			if !l.Spec.Ends {
				from.Options = append(from.Options, ui.Option{Value: string(l.Node.ID) + "." + x.Name, Label: l.Node.Title() + " → " + x.Name})
			}
		}
		if !l.Spec.Trigger {
			to.Options = append(to.Options, ui.Option{Value: string(l.Node.ID), Label: l.Node.Title()})
		}
	}
	out.Add = &artifacts.AddNode{Action: at, Base: itoa(a.Head), Fields: []ui.Field{from, to}}
	if len(f.Edges) > 0 {
		out.Add.Fields = append(out.Add.Fields, instead)
	}
	return out
}

func (s *Server) addFields(f flow.Content) []ui.Field {
	kind := ui.Field{Name: "type", Label: "Type", Input: "select", Required: true}
	_, started := f.Find(f.Trigger)
	for _, sp := range s.Nodes.Specs() {
		if sp.Trigger != started { // first what starts it, then what follows
			kind.Options = append(kind.Options, ui.Option{Value: sp.Kind, Label: sp.Title + " (" + sp.Category + ")"})
		}
	}
	after := ui.Field{Name: "after", Label: "Where", Input: "select", Help: "What followed there follows the new node.", Options: s.places(f, "", false)}
	return []ui.Field{kind, after,
		{Name: "name", Label: "Name", ID: "add-name", Help: "What people call it. It can wait."},
		{Name: "node", Label: "Id", ID: "add-id", Help: "Empty: one is made of its type."}}
}
