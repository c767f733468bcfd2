package web

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
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

// nodeField makes an input out of a declared field.
func (s *Server) nodeField(c *fiber.Ctx, f form.Field, v any) (ui.Field, error) {
	out := ui.Field{Name: "p_" + f.Key, Label: f.Label, Help: f.Help, Required: f.Required, Placeholder: f.Placeholder, Value: nodeValue(f, v)}
	if v == nil && f.Default != nil {
		out.Value = plainText(f.Default)
	}
	if f.ShowWhen != nil {
		out.ShowField, out.ShowIn = "p_"+f.ShowWhen.Field, strings.Join(f.ShowWhen.In, " ")
		out.Required = false
	}
	switch f.Kind {
	case form.LongText:
		out.Input, out.Rows = "lines", 5
	case form.Mapping:
		out.Input, out.Rows, out.Help = "code", max(3, strings.Count(out.Value, "\n")+2), strings.TrimSpace(f.Help+" One a line: name: value.")
	case form.List:
		if len(f.Options) > 0 {
			out.Input = "checks"
			for _, o := range f.Options {
				out.Options = append(out.Options, ui.Option{Value: o.Value, Label: o.Label, Selected: hasText(v, o.Value)})
			}
			return out, nil
		}
		out.Input, out.Rows, out.Help = "code", max(2, strings.Count(out.Value, "\n")+2), strings.TrimSpace(f.Help+" One a line.")
	case form.Cases:
		out.Input, out.Rows, out.Help = "code", max(3, strings.Count(out.Value, "\n")+2), strings.TrimSpace(f.Help+" One a line: way out: condition.")
	case form.Fields:
		out.Input, out.Rows, out.Help = "code", max(2, strings.Count(out.Value, "\n")+2), strings.TrimSpace(f.Help+" One a line: key | label | text, bool or date.")
	case form.Select:
		out.Input = "select"
		for _, o := range f.Options {
			out.Options = append(out.Options, ui.Option{Value: o.Value, Label: o.Label, Selected: o.Value == out.Value})
		}
	case form.Bool:
		if f.Expr {
			out.Help = strings.TrimSpace(f.Help + " true, false, or an =expression.")
			break
		}
		out.Input, out.Checked, out.Required = "check", v == true || v == nil && f.Default == true, false
	case form.Directory, form.HRIS:
		return s.connectionField(c, f, out)
	}
	return out, nil
}

func hasText(v any, want string) bool {
	list, _ := v.([]any)
	for _, x := range list {
		if x == want {
			return true
		}
	}
	return false
}

// connectionField offers the connections that can do what the field needs.
func (s *Server) connectionField(c *fiber.Ctx, f form.Field, out ui.Field) (ui.Field, error) {
	all, _, err := s.DB.Artifacts(c.UserContext(), review.Connection, "", "", 200)
	if err != nil {
		return out, err
	}
	need := "directory"
	if f.Kind == form.HRIS {
		need = "workers"
	}
	out.Input = "select"
	out.Options = []ui.Option{{Label: "Choose a connection"}}
	known := false
	for _, a := range all {
		rev, err := s.DB.Revision(c.UserContext(), review.Connection, a.Key, 0)
		if err != nil {
			return out, err
		}
		for _, can := range s.kinds().Capabilities([]byte(rev.Content)) {
			if can == need {
				known = known || a.Key == out.Value
				out.Options = append(out.Options, ui.Option{Value: a.Key, Label: a.Name + " (" + a.Key + ")", Selected: a.Key == out.Value})
			}
		}
	}
	if out.Value != "" && !known {
		out.Options = append(out.Options, ui.Option{Value: out.Value, Label: out.Value + " (is not there)", Selected: true})
	}
	return out, nil
}

func exitFields(e editing) []ui.Field {
	if e.spec.Ends {
		return nil
	}
	var out []ui.Field
	ports := append(flow.PortsOf(e.node, e.spec), flow.Port{Name: flow.ErrorPort, Label: "on error"})
	for _, port := range ports {
		f := ui.Field{Name: "x_" + port.Name, Label: port.Name, Help: port.Label, Input: "select", Options: []ui.Option{{Value: "", Label: "The end"}}}
		if port.Name == port.Label {
			f.Help = ""
		}
		if port.Name == flow.ErrorPort {
			f.Options[0].Label, f.Help = "The run fails, and a person looks", ""
		}
		targets := 0
		for _, n := range e.flow.Nodes {
			if n.ID == e.node.ID || n.ID == e.flow.Trigger {
				continue
			}
			leads := false
			for _, x := range e.flow.Edges {
				leads = leads || x.From == string(e.node.ID)+"."+port.Name && x.To == n.ID
			}
			if leads {
				targets++
			}
			f.Options = append(f.Options, ui.Option{Value: string(n.ID), Label: n.Title(), Selected: leads})
		}
		if targets > 1 {
			// Several at once are kept as they are; they are changed in the YAML.
			f = ui.Field{Name: "keep_" + port.Name, Label: port.Name, Value: "leads to several nodes at once; change that in the YAML", ReadOnly: true}
		}
		out = append(out, f)
	}
	return out
}

func aboutFields(e editing) []ui.Field {
	return []ui.Field{
		{Name: "name", Label: "Name", Value: e.node.Name, Help: "What people call this node."},
		{Name: "id", Label: "Id", Value: string(e.node.ID), Required: true, Help: "Expressions read its results as steps.<id>."},
		{Name: "message", Label: "What changes and why", Help: "The reviewer reads this."},
	}
}

func triesFields(e editing) []ui.Field {
	attempts, first := "", ""
	if r := e.node.Retry; r != nil {
		first = r.First
		if r.Attempts > 0 {
			attempts = itoa(r.Attempts)
		}
	}
	return []ui.Field{
		{Name: "attempts", Label: "Tries", Value: attempts, Placeholder: "8", Help: "Only trouble that may pass is tried again: no answer, busy, too many calls."},
		{Name: "first", Label: "Wait before the second try", Value: first, Placeholder: "2s", Help: "It doubles each time, up to 15 minutes."},
		{Name: "timeout", Label: "Time limit of one try", Value: e.node.Timeout, Placeholder: "30s"},
		{Name: "on_error", Label: "Then", Input: "select", Options: []ui.Option{{Value: "", Label: "take the way “error”, or fail the run"}, {Value: "continue", Label: "go on as if nothing happened", Selected: e.node.OnError == "continue"}}},
	}
}

func expressionNames(e editing, cat flow.Catalog) []ui.Pair {
	out := []ui.Pair{{Label: "joiner", Value: "first_name, last_name, preferred_name, department, title, location, start_date, worker_type, status, manager_id, …"}, {Label: "event", Value: "type, worker, at, changed"}}
	before := flow.Before(e.flow)[e.node.ID]
	for _, id := range flow.Order(e.flow) {
		n, _ := e.flow.Find(id)
		spec, ok := cat.Spec(n.Type)
		if !ok || !before[id] {
			continue
		}
		var names []string
		for _, o := range spec.Outputs {
			names = append(names, o.Name)
		}
		if m, ok := n.Params[spec.OutputsFrom].(map[string]any); ok {
			names = append(names, slices.Sorted(maps.Keys(m))...)
		}
		if len(names) > 0 {
			out = append(out, ui.Pair{Label: "steps." + string(id), Value: strings.Join(names, ", ")})
		}
	}
	return append(out, ui.Pair{Label: "helpers", Value: "Lower, Upper, NormalizeDiacritics, StripSpaces, Left, Replace, RegexReplace, Coalesce, IIF, Switch, Join, FormatDateTime, DateAdd, IsPresent, …"})
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

// postedNode reads the form of a node.
func postedNode(c *fiber.Ctx, e editing) flow.Node {
	n := e.node
	n.Name = strings.TrimSpace(c.FormValue("name"))
	n.Timeout, n.OnError = strings.TrimSpace(c.FormValue("timeout")), c.FormValue("on_error")
	attempts, _ := strconv.Atoi(strings.TrimSpace(c.FormValue("attempts")))
	first, most := strings.TrimSpace(c.FormValue("first")), ""
	if n.Retry != nil {
		most = n.Retry.Max
	}
	n.Retry = nil
	if attempts != 0 || first != "" || most != "" {
		n.Retry = &flow.Retry{Attempts: attempts, First: first, Max: most}
	}
	n.Params = map[string]any{}
	for _, f := range e.spec.Fields {
		if v := postedParam(c, f); v != nil {
			n.Params[f.Key] = unlessSpace(e.node.Params[f.Key], v)
		}
	}
	return n
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

// postedParam reads one field; nil when it is empty.
func postedParam(c *fiber.Ctx, f form.Field) any {
	text := strings.ReplaceAll(c.FormValue("p_"+f.Key), "\r\n", "\n")
	trimmed := strings.TrimSpace(text)
	switch f.Kind {
	case form.Bool:
		if !f.Expr {
			return text != ""
		}
		if b, err := strconv.ParseBool(trimmed); err == nil {
			return b
		}
	case form.Number:
		if n, err := strconv.ParseFloat(trimmed, 64); err == nil {
			return n
		}
	case form.List:
		if len(f.Options) > 0 {
			out := []any{}
			for _, v := range c.Request().PostArgs().PeekMulti("p_" + f.Key) {
				out = append(out, string(v))
			}
			return out
		}
		if strings.HasPrefix(trimmed, "=") {
			return trimmed
		}
		return linesOf(trimmed, func(line string) any { return line })
	case form.Mapping:
		out := map[string]any{}
		for line := range strings.SplitSeq(trimmed, "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) != "" {
				out[strings.TrimSpace(name)] = strings.TrimSpace(value)
			} else if strings.TrimSpace(line) != "" {
				out[strings.TrimSpace(line)] = ""
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case form.Cases:
		return linesOf(trimmed, func(line string) any {
			port, when, _ := strings.Cut(line, ":")
			return map[string]any{"port": strings.TrimSpace(port), "when": strings.TrimSpace(when)}
		})
	case form.Fields:
		return linesOf(trimmed, func(line string) any {
			parts := append(strings.Split(line, "|"), "", "")
			return map[string]any{"key": strings.TrimSpace(parts[0]), "label": strings.TrimSpace(parts[1]), "kind": strings.TrimSpace(parts[2])}
		})
	case form.LongText:
		trimmed = strings.TrimRight(text, "\n ")
	}
	if trimmed == "" {
		return nil
	}
	return trimmed
}

func linesOf(text string, read func(string) any) any {
	out := []any{}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, read(line))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
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
