package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"joinery/internal/auth"
	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
	"joinery/internal/run"
	"joinery/views/ui"
)

// sample is somebody for whom expressions are computed while they are written: a
// past run of the flow, or a made-up joiner.
type sample struct {
	scope expr.Scope
	field ui.Field
	note  string
}

// samples is how many past runs are offered.
const samples = 12

// sampleOf gives the chosen sample. Personal fields are hidden from everybody here,
// wherever a flow put them: whoever writes an expression needs the shape of the data
// and not the people.
func (s *Server) sampleOf(ctx context.Context, who auth.Actor, f flow.Content, key, id string) (sample, error) {
	out := sample{field: ui.Field{Name: "sample", Label: "Values of", Input: "select", Options: []ui.Option{{Value: "", Label: "A made-up joiner"}}}}
	if who.Can(auth.RunRead) {
		runs, _, err := s.DB.Runs(ctx, postgres.RunFilter{Flow: key, Limit: samples})
		if err != nil {
			return out, err
		}
		for _, r := range runs {
			out.field.Options = append(out.field.Options, ui.Option{Value: r.ID, Label: strings.Join([]string{joinerName(r.JoinerLabel, r.Worker), runWords[r.State], s.ago(r.CreatedAt)}, " · "), Selected: r.ID == id})
		}
	}
	if id == "" {
		out.scope, out.note = madeUp(f, s.Nodes, s.Now()), "These values are made up. A past run of this flow shows real ones."
		return out, nil
	}
	if !who.Can(auth.RunRead) {
		return out, fault.New(fault.Forbidden, "You may not see runs. Take the made-up joiner.")
	}
	d, err := s.DB.RunDetail(ctx, id)
	if err != nil {
		return out, err
	}
	if d.Flow != key {
		return out, fault.New(fault.NotFound, "That is no run of this flow.")
	}
	if !slices.ContainsFunc(out.field.Options, func(o ui.Option) bool { return o.Value == id }) {
		out.field.Options = append(out.field.Options, ui.Option{Value: id, Label: joinerName(d.JoinerLabel, d.Worker) + " · " + runWords[d.State], Selected: true})
	}
	out.note = "The joiner is shown as HR says now, the steps as they went then. Personal fields are hidden."
	out.scope, err = s.pastScope(ctx, f, d)
	return out, err
}

// pastScope is what the expressions of a past run read, without personal values.
func (s *Server) pastScope(ctx context.Context, f flow.Content, d postgres.RunDetail) (expr.Scope, error) {
	j, err := s.DB.Joiner(ctx, d.JoinerID)
	if err != nil {
		return expr.Scope{}, err
	}
	zone := joiner.Worker{Attributes: j.Attributes}.Zone()
	clean := func(v any) any {
		return walk(hide(v, joiner.Personal()), func(text string) string { return joiner.HideValues(text, d.Personal) })
	}
	out := expr.Scope{Steps: map[string]map[string]any{}, Vars: f.Vars, Now: s.Now(), Zone: zone, Run: expr.Run{ID: d.ID, Flow: d.Flow, Mode: string(d.Mode), StartedAt: d.CreatedAt}}
	out.Joiner, _ = clean(j.Attributes).(map[string]any)
	for _, st := range d.Steps {
		var output map[string]any
		if st.State == run.StepSkipped || json.Unmarshal(st.Output, &output) != nil {
			continue
		}
		out.Steps[string(st.Node)], _ = clean(output).(map[string]any)
	}
	if d.EventID != "" {
		e, err := s.DB.Event(ctx, d.EventID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return out, err
		}
		out.Event = expr.Event{Key: e.Key, Type: e.Type, Worker: e.Worker, Changed: e.Changed}
		if e.At != nil {
			out.Event.At = *e.At
		}
	}
	return out, nil
}

// madeUp is a joiner who does not exist, two weeks before the first day, and steps
// whose outputs have the right types.
func madeUp(f flow.Content, cat flow.Catalog, now time.Time) expr.Scope {
	start := now.AddDate(0, 0, 14).Format(time.DateOnly)
	out := expr.Scope{Vars: f.Vars, Now: now, Steps: map[string]map[string]any{}, Run: expr.Run{ID: "rn_example", Flow: f.Key, Mode: string(run.Simulate), StartedAt: now},
		Event: expr.Event{Key: "example-1", Type: joiner.Hired, Worker: "4711", At: now},
		Joiner: map[string]any{joiner.FirstName: "Zoë", joiner.LastName: "Brandt", joiner.DisplayName: "Zoë Brandt", joiner.Department: "Sales", joiner.Title: "Account Manager", joiner.Location: "Berlin", joiner.Country: "DE",
			joiner.TimeZone: "Europe/Berlin", joiner.ManagerID: "1001", joiner.StartDate: start, joiner.WorkerType: "employee", joiner.Status: joiner.StatusPlanned, joiner.EmployeeNo: "4711", joiner.PersonalEmail: hidden, joiner.Phone: hidden}}
	for _, n := range f.Nodes {
		spec, _ := cat.Spec(n.Type)
		values := map[string]any{}
		for _, o := range spec.Outputs {
			values[o.Name] = exampleOf(o, now)
		}
		if m, ok := n.Params[spec.OutputsFrom].(map[string]any); ok && spec.OutputsFrom != "" {
			for k := range m {
				values[k] = fmt.Sprintf("‹%s›", k)
			}
		}
		out.Steps[string(n.ID)] = values
	}
	return out
}

func exampleOf(o flow.Output, now time.Time) any {
	switch expr.Type(o.Type) {
	case expr.Bool:
		return true
	case expr.Number:
		return 1.0
	case expr.List:
		if o.Of != string(expr.Map) {
			return []any{"‹" + o.Name + "›"}
		}
		entry := map[string]any{}
		for _, x := range o.Entry {
			entry[x.Name] = exampleOf(x, now)
		}
		return []any{entry}
	case expr.Map:
		return map[string]any{}
	case expr.Timestamp:
		return now
	}
	return "‹" + strings.ReplaceAll(o.Name, "_", " ") + "›"
}
