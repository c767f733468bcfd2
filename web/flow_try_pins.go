package web

import (
	"encoding/json"
	"strings"

	"joinery/internal/engine"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/views/ui"
)

// postedPin is one output that a trial takes as given: at is a way out such as
// find.missing, or a node that ends the run.
type postedPin struct{ at, output string }

// askedPin begins a pin for a node that somebody came from.
func askedPin(node string) []postedPin {
	if node == "" {
		return nil
	}
	return []postedPin{{at: node, output: "{}"}}
}

// postedPins reads the lines of the form; empty ones are left out.
func postedPins(f sent) []postedPin {
	var out []postedPin
	for i := 0; f.has("pin." + itoa(i) + ".at"); i++ {
		if p := (postedPin{f.trimmed("pin." + itoa(i) + ".at"), f.text("pin." + itoa(i) + ".output")}); p.at != "" {
			out = append(out, p)
		}
	}
	return out
}

// readPins gives the pins of a trial. An output that is no JSON object is told at
// its line.
func readPins(all []postedPin) (map[flow.NodeID]engine.Pin, error) {
	out := map[flow.NodeID]engine.Pin{}
	var problems []fault.Problem
	for i, p := range all {
		id, port := flow.Edge{From: p.at}.Split()
		pin := engine.Pin{Port: port}
		if err := json.Unmarshal([]byte(p.output), &pin.Output); err != nil || pin.Output == nil {
			problems = append(problems, fault.Problem{Path: "pin." + itoa(i) + ".output", Detail: `An output is a JSON object, like {"id": "4711"}.`})
		} else if _, twice := out[id]; twice {
			problems = append(problems, fault.Problem{Path: "pin." + itoa(i) + ".at", Detail: "This node is pinned above already."})
		}
		out[id] = pin
	}
	return out, fault.Refuse("A pinned output cannot be read.", problems)
}

// tryPins are the lines of the form: those that were typed, and an empty one.
func (s *Server) tryPins(f flow.Content, all []postedPin, refused error) [][]ui.Field {
	wrong := map[string]string{}
	for _, p := range fault.Problems(refused) {
		wrong[p.Path] = p.Detail
	}
	var out [][]ui.Field
	for i, p := range append(all, postedPin{output: "{}"}) {
		name := "pin." + itoa(i)
		at := ui.Field{Name: name + ".at", Label: "Node, and the way it leaves by", Input: "select", Error: wrong[name+".at"], Options: []ui.Option{{Value: "", Label: "None"}}}
		for _, l := range flow.Outline(f, s.Nodes) {
			if l.Spec.Trigger || l.Spec.Ends {
				continue
			}
			for k, x := range l.Ports {
				from := string(l.Node.ID) + "." + x.Name
				at.Options = append(at.Options, ui.Option{Value: from, Label: l.Node.Title() + " → " + x.Name, Selected: from == p.at || k == 0 && p.at == string(l.Node.ID)})
			}
		}
		output := ui.Field{Name: name + ".output", Label: "Output", Input: "code", Rows: min(max(strings.Count(p.output, "\n")+1, 3), 12), Value: p.output, Error: wrong[name+".output"]}
		out = append(out, []ui.Field{at, output})
	}
	return out
}
