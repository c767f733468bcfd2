package web

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// flowShow is GET /flows/:key: the flow as headings and forms.
func (s *Server) flowShow(c *fiber.Ctx, who auth.Actor) error {
	a, rev, err := s.newest(c, review.Flow)
	if err != nil {
		return err
	}
	f, err := flow.Decode([]byte(rev.Content))
	if err != nil {
		return err
	}
	problems, err := s.DB.Problems(c.UserContext(), review.Flow, []byte(rev.Content))
	if err != nil {
		return err
	}
	undo, redo, err := s.undoable(c, a.Key)
	if err != nil {
		return err
	}
	p := s.outlinePage(a, f, problems, undo, redo, who)
	there, err := s.DB.Attending(c.UserContext(), review.Flow, a.Key)
	if err != nil {
		return err
	}
	if names := othersThere(there, who); len(names) > 0 {
		p.Notices = append(p.Notices, ui.Notice{Tone: "info", Text: "On the canvas now: " + strings.Join(names, ", ") + ". What you save here appears there, and what is changed apart comes together."})
	}
	return s.show(c, who, frame{Title: a.Name, Crumbs: crumbsOf(review.Flow)}, artifacts.Outline(p))
}

// othersThere are the names of those who draw the same flow, each once.
func othersThere(all []postgres.Presence, who auth.Actor) []string {
	var out []string
	for _, p := range all {
		if p.UserID != who.UserID && p.Edits && !slices.Contains(out, p.Name) {
			out = append(out, p.Name)
		}
	}
	return out
}

func (s *Server) outlinePage(a postgres.Artifact, f flow.Content, problems []fault.Problem, undo, redo int, who auth.Actor) artifacts.OutlinePage {
	at := "/flows/" + a.Key
	edits := who.Can(auth.ArtifactWrite)
	p := artifacts.OutlinePage{Head: ui.Head{Title: a.Name, Badges: artifactBadges(a), Text: f.Description}, Tabs: artifactTabs(review.Flow, a.Key, "Outline")}
	p.Head.Actions = s.submitButton(who, a)
	p.Problems = s.problemLinks(at, f, problems, edits)
	if a.Paused {
		p.Notices = append(p.Notices, ui.Notice{Tone: "warn", Text: "This flow is paused: new runs park until it is resumed. " + a.PausedWhy})
	}
	titles := map[flow.NodeID]string{}
	for _, n := range f.Nodes {
		titles[n.ID] = n.Title()
	}
	for _, l := range flow.Outline(f, s.Nodes) {
		n := outlineNode(l, titles)
		n.Problems = problemsAt(f, problems, l.Node.ID)
		if len(n.Problems) > 0 {
			n.Class += " node-bad"
		}
		if edits {
			n.EditURL = at + "/nodes/" + string(l.Node.ID)
		}
		p.Nodes = append(p.Nodes, n)
	}
	if edits {
		p.Add = &artifacts.AddNode{Action: at + "/nodes", Base: itoa(a.Head), Fields: s.addFields(f)}
		p.Paste = &artifacts.AddNode{Action: at + "/paste", Base: itoa(a.Head), Fields: []ui.Field{{Name: "text", Label: "Nodes and edges", Input: "code", Rows: 8, Required: true}}}
		p.Acts = outlineActs(at, a.Head, undo, redo)
	}
	p.Edges = s.edgeLines(a, f, edits)
	p.Invariants = invariantLines(a.Key, f, problems, edits)
	p.Side = s.flowSide(a, f, who)
	return p
}

// problemsAt gives the problems of one node.
func problemsAt(f flow.Content, problems []fault.Problem, id flow.NodeID) []string {
	var out []string
	for _, p := range problems {
		node, field := f.At(p.Path)
		switch {
		case node != id || node == "":
		case field == "":
			out = append(out, p.Detail)
		default:
			out = append(out, strings.TrimPrefix(field, "params.")+": "+p.Detail)
		}
	}
	return out
}

func outlineNode(l flow.Line, titles map[flow.NodeID]string) artifacts.Node {
	out := artifacts.Node{ID: string(l.Node.ID), Icon: l.Spec.Icon, Title: l.Node.Title(), Type: l.Spec.Title, Class: fmt.Sprintf("node node-%d", l.Depth)}
	switch {
	case !l.Known:
		out.Icon, out.Type = "circle-help", l.Node.Type
	case l.Spec.Trigger:
		out.Class += " node-trigger"
	case l.Spec.Writes:
		out.Class += " node-writes"
	}
	for _, f := range l.Spec.Fields {
		if v, ok := l.Node.Params[f.Key]; ok {
			if text := nodeValue(f, v); text != "" {
				out.Pairs = append(out.Pairs, ui.Pair{Label: f.Label, Value: text, Code: f.Expr || f.Kind == form.Expression || f.Kind == form.Cases})
			}
		}
	}
	for _, x := range l.Ports {
		if x.Name == flow.ErrorPort && len(x.To) == 0 {
			continue
		}
		e := artifacts.Exit{Port: x.Name, To: "the end"}
		var to []string
		for _, id := range x.To {
			to = append(to, titles[id])
			e.URL = "#node-" + string(id)
		}
		if len(to) > 0 {
			e.To = strings.Join(to, ", ")
		}
		out.Exits = append(out.Exits, e)
	}
	return out
}

// nodeValue writes a param for reading and for text fields: one entry a line.
func nodeValue(f form.Field, v any) string {
	switch x := v.(type) {
	case map[string]any:
		var lines []string
		for _, k := range slices.Sorted(maps.Keys(x)) {
			lines = append(lines, k+": "+plainText(x[k]))
		}
		return strings.Join(lines, "\n")
	case []any:
		var lines []string
		for _, e := range x {
			m, ok := e.(map[string]any)
			switch {
			case ok && f.Kind == form.Cases:
				lines = append(lines, plainText(m["port"])+": "+plainText(m["when"]))
			case ok:
				lines = append(lines, plainText(m["key"])+" | "+plainText(m["label"])+" | "+plainText(m["kind"]))
			default:
				lines = append(lines, plainText(e))
			}
		}
		return strings.Join(lines, "\n")
	}
	return plainText(v)
}

func plainText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case float64:
		return strings.TrimSuffix(fmt.Sprintf("%g", x), ".0")
	}
	return fmt.Sprint(v)
}

// flowSide are the cards beside the outline: state, trying, starting, pausing.
func (s *Server) flowSide(a postgres.Artifact, f flow.Content, who auth.Actor) []artifacts.Side {
	at := "/flows/" + a.Key
	about := artifacts.Side{Title: "About", Pairs: []ui.Pair{{Label: "Key", Value: a.Key, Code: true}, {Label: "Newest", Value: "revision " + itoa(a.Head) + " by " + a.HeadBy, URL: at + "/revisions"}, {Label: "Hash", Value: ui.Short(a.HeadHash), Code: true}}}
	if a.Live != nil {
		about.Pairs = append(about.Pairs, ui.Pair{Label: "Live", Value: "revision " + itoa(a.Live.Revision), URL: fmt.Sprintf("%s/revisions/%d", at, a.Live.Revision)}, ui.Pair{Label: "Since", Value: s.moment(a.Live.At)})
	}
	if connection, events, ok := f.Listens(); ok {
		about.Pairs = append(about.Pairs, ui.Pair{Label: "Listens to", Value: strings.Join(events, ", ")}, ui.Pair{Label: "Of", Value: connection, URL: "/connections/" + connection})
	}
	about.Actions = []ui.Button{{Text: "Runs of this flow", Icon: "history", URL: "/runs?flow=" + a.Key}}
	out := []artifacts.Side{about}
	worker := ui.Field{Name: "worker", Label: "Worker id", Required: true, Help: "The HRIS's id of the person."}
	if a.Live != nil && who.Can(auth.RunSimulate) {
		mode := ui.Field{Name: "mode", Label: "Mode", Input: "select", Options: []ui.Option{{Value: "simulate", Label: "Simulate: read, list what would change, write nothing"}}}
		if who.Can(auth.RunStart) {
			mode.Options = append(mode.Options, ui.Option{Value: "live", Label: "Live"})
		}
		one := artifacts.Side{Title: "Run it for one person", Text: "Runs the live revision.", Action: at + "/runs", Submit: "Start", Fields: []ui.Field{worker, mode}}
		if who.Can(auth.RunStart) {
			one.Actions = []ui.Button{{Text: "Bring in a list", Icon: "upload", URL: at + "/bulk"}}
		}
		out = append(out, one)
	}
	if a.Live != nil && who.Can(auth.RunOperate) {
		pause := artifacts.Side{Title: "Pause"}
		if a.Paused {
			pause.Actions = []ui.Button{{Text: "Resume this flow", Icon: "play", Post: at + "/resume"}}
		} else {
			pause.Dangers = []ui.Danger{{Button: "Pause this flow", Title: "Pause this flow", Text: "New runs park. Runs under way go on. Nothing is lost.", Post: at + "/pause", Fields: []ui.Field{{Name: "reason", Label: "Reason", Required: true}}}}
		}
		out = append(out, pause)
	}
	return out
}
