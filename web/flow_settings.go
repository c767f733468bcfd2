package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// groupBacktest is the heading of what is asked of a revision before its approval.
const groupBacktest = "Backtest before approval"

// settingsForm declares what a flow has besides nodes, edges and invariants.
func settingsForm() []form.Field {
	const none = "Empty: no limit. Past it new work parks; nothing is lost."
	return []form.Field{
		{Key: "name", Label: "Name", Kind: form.Text, Required: true},
		{Key: "description", Label: "What it is for", Kind: form.LongText},
		{Key: "vars", Label: "Values of this flow", Kind: form.Mapping, Help: "Expressions read them as vars.<name>: an address, a list, a switch."},
		{Key: "runs_per_hour", Label: "Runs an hour", Kind: form.Number, Group: "Limits", Help: none},
		{Key: "creates_per_hour", Label: "Accounts made an hour", Kind: form.Number, Group: "Limits"},
		{Key: "grants_per_hour", Label: "Memberships given an hour", Kind: form.Number, Group: "Limits"},
		{Key: "write_backs_per_hour", Label: "Write-backs an hour", Kind: form.Number, Group: "Limits"},
		{Key: "backtest_required", Label: "A revision is approved only after it was tested against past joiners", Kind: form.Bool, Group: groupBacktest, Help: "The test has to be of exactly what goes live, with its connections and policies of then."},
		{Key: "backtest_joiners", Label: "Against how many joiners at least", Kind: form.Number, Group: groupBacktest, Placeholder: itoa(flow.DefaultBacktest), Help: fmt.Sprintf("From 1 to %d. Empty: %d.", flow.MostBacktest, flow.DefaultBacktest)},
	}
}

func settingsValues(f flow.Content) map[string]any {
	out := map[string]any{"name": f.Name, "description": f.Description}
	if len(f.Vars) > 0 {
		out["vars"] = f.Vars
	}
	if f.Backtest.Required {
		out["backtest_required"] = true
	}
	for key, n := range map[string]int{"runs_per_hour": f.Limits.RunsPerHour, "creates_per_hour": f.Limits.CreatesPerHour, "grants_per_hour": f.Limits.GrantsPerHour, "write_backs_per_hour": f.Limits.WriteBacksPerHour, "backtest_joiners": f.Backtest.Joiners} {
		if n != 0 {
			out[key] = itoa(n)
		}
	}
	return out
}

// settingsEdit is GET /flows/:key/settings.
func (s *Server) settingsEdit(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	return s.settingsPage(c, who, e, nil, settingsRead(e.flow, settingsValues(e.flow)), e.a.Head, 0, nil)
}

// settingsRead tells where the entries of the form stand.
func settingsRead(f flow.Content, values map[string]any) read {
	return readContent(editing{flow: f, node: flow.Node{Params: values}, spec: flow.Spec{Fields: settingsForm()}})
}

func (s *Server) settingsPage(c *fiber.Ctx, who auth.Actor, e editing, f sent, r read, base, status int, notice *ui.Notice) error {
	at := "/flows/" + e.a.Key
	problems, err := s.nodeProblems(c, e)
	if err != nil {
		return err
	}
	p := artifacts.FlowPartPage{Head: ui.Head{Title: "Settings of " + e.a.Name}, Action: at + "/settings", Base: itoa(base), CancelURL: at, Notice: notice, Legend: "The flow",
		About: []ui.Field{{Name: "message", Label: "What changes and why", Value: c.FormValue("message"), Help: "The reviewer reads this."}}}
	values := settingsValues(e.flow)
	for _, x := range settingsForm() {
		input, err := s.nodeInput(c, x, values[x.Key], f)
		if err != nil {
			return err
		}
		if f != nil && x.Kind == form.Number {
			input.Value = f.trimmed("p_" + x.Key)
		}
		switch n := len(p.More); {
		case x.Group == "":
			p.Fields = append(p.Fields, input)
		case n == 0 || p.More[n-1].Legend != x.Group:
			p.More = append(p.More, artifacts.FieldPart{Legend: x.Group, Fields: []ui.Field{input}})
		default:
			p.More[n-1].Fields = append(p.More[n-1].Fields, input)
		}
	}
	marks := map[string]mark{}
	for name, wrong := range r.wrong {
		marks[name] = mark{Error: wrong}
	}
	for _, q := range problems {
		name := "p_" + q.Path
		if rest, ok := strings.CutPrefix(q.Path, "vars."); ok {
			name = r.input(flow.Spec{Fields: settingsForm()}, "params.vars."+rest)
			name = strings.TrimSuffix(name, "value") + "name"
		}
		if q.Path == "backtest.joiners" {
			name = "p_backtest_joiners"
		}
		marks[name] = mark{Error: q.Detail}
	}
	marked(p.Fields, marks)
	for _, part := range p.More {
		marked(part.Fields, marks)
	}
	trigger := ui.Field{Name: "trigger", Label: "Starts with", Input: "select", Options: []ui.Option{{Value: "", Label: "Choose the node that starts it"}}, Help: "What starts it is said in that node's own form.", Error: marks["p_trigger"].Error}
	for _, n := range e.flow.Nodes {
		if spec, ok := s.Nodes.Spec(n.Type); ok && spec.Trigger || n.ID == e.flow.Trigger {
			trigger.Options = append(trigger.Options, ui.Option{Value: string(n.ID), Label: n.Title(), Selected: n.ID == e.flow.Trigger})
		}
	}
	if e.flow.Trigger != "" {
		trigger.Links = []ui.Link{{Text: "Open", URL: at + "/nodes/" + string(e.flow.Trigger)}}
	}
	p.Fields = append(p.Fields, trigger)
	return s.show(c, who, frame{Title: "Settings", Crumbs: crumbsOf(review.Flow, ui.Link{Text: e.a.Name, URL: at}), Status: status}, artifacts.EditFlowPart(p))
}

// settingsSave is POST /flows/:key/settings.
func (s *Server) settingsSave(c *fiber.Ctx, who auth.Actor) error {
	e, base, err := s.editingFrom(c)
	if err != nil {
		return err
	}
	sent := sentBy(c)
	old := settingsValues(e.flow)
	r := read{at: map[string][]entryAt{}, wrong: map[string]string{}}
	values := map[string]any{}
	for _, x := range settingsForm() {
		values[x.Key] = r.param(sent, x, old[x.Key])
	}
	r.node.Params = values
	f := e.flow
	f.Name, _ = values["name"].(string)
	f.Description, _ = values["description"].(string)
	f.Vars, _ = values["vars"].(map[string]any)
	f.Trigger = flow.NodeID(sent.trimmed("trigger"))
	whole := func(key string, into *int, least, most int, wrong string) {
		n, ok := values[key].(float64)
		if values[key] != nil && (!ok || n < float64(least) || n != float64(int(n)) || n > float64(most)) {
			r.wrong["p_"+key] = wrong
		}
		*into = int(n)
	}
	for key, into := range map[string]*int{"runs_per_hour": &f.Limits.RunsPerHour, "creates_per_hour": &f.Limits.CreatesPerHour, "grants_per_hour": &f.Limits.GrantsPerHour, "write_backs_per_hour": &f.Limits.WriteBacksPerHour} {
		whole(key, into, 0, 1e9, "Write a whole number, or nothing for no limit.")
	}
	f.Backtest.Required = values["backtest_required"] == true
	whole("backtest_joiners", &f.Backtest.Joiners, 1, flow.MostBacktest, fmt.Sprintf("Write a whole number from 1 to %d, or nothing for %d.", flow.MostBacktest, flow.DefaultBacktest))
	e.flow = f
	refused := func(text ui.Notice) error {
		return s.settingsPage(c, who, e, sent, r, base, http.StatusUnprocessableEntity, &text)
	}
	if len(r.wrong) > 0 {
		return refused(ui.Notice{Tone: "bad", Text: "Nothing is saved yet. What has to be solved first is shown at its field."})
	}
	if f.Name == "" {
		r.wrong["p_name"] = "Name is needed."
		return refused(ui.Notice{Tone: "bad", Text: "A flow needs a name."})
	}
	met, err := s.saveFlow(c, who, e.a, f, base)
	if two, ok := clashed(err); ok {
		e.flow = two.merged
		return s.settingsPage(c, who, e, nil, settingsRead(e.flow, settingsValues(e.flow)), e.a.Head, http.StatusConflict, two.again())
	}
	if badContent(err) {
		return refused(refusal(err))
	}
	if err != nil {
		return err
	}
	return s.done(c, "/flows/"+e.a.Key, "Saved as a new revision."+met)
}
