package flow

import (
	"fmt"
	"maps"
	"slices"

	"joinery/internal/expr"
	"joinery/internal/joiner"
)

// Name is something that an expression at one place of a flow can read.
type Name struct {
	// Path is how it is written: steps.find.account_id.
	Path string
	Type expr.Type
	Help string
	// Insert is what to write where that differs: a value that may be missing is read
	// by Attribute.
	Insert string
	// Of is the type of a list's entries, and Entry what each of them holds.
	Of    expr.Type
	Entry []Name
}

// Holding gives the name of a list with the entries of a value of it, where the
// type of its entries is not declared.
func (n Name) Holding(v any) Name {
	list, ok := v.([]any)
	if n.Type != expr.List || n.Of != "" || !ok || len(list) == 0 {
		return n
	}
	n.Of = expr.TypeOf(list[0])
	first, _ := list[0].(map[string]any)
	for _, k := range slices.Sorted(maps.Keys(first)) {
		n.Entry = append(n.Entry, Name{Path: k, Type: expr.TypeOf(first[k])})
	}
	return n
}

// Names lists what expressions of a node can read, in the order people look for it:
// the joiner, the steps before, the flow's variables, the event, the run and the time.
// With at "" they are those of an invariant, which reads no steps.
func Names(c Content, cat Catalog, at NodeID) []Name {
	var out []Name
	add := func(path string, t expr.Type, help string) { out = append(out, Name{Path: path, Type: t, Help: help}) }
	words := attributeHelp()
	for _, a := range joiner.Known() {
		add("joiner."+a, expr.String, words[a])
	}
	before := Before(c)[at]
	for _, id := range Order(c) {
		if !before[id] {
			continue
		}
		n, _ := c.Find(id)
		out = append(out, stepNames(n, cat)...)
	}
	for _, k := range slices.Sorted(maps.Keys(c.Vars)) {
		out = append(out, Name{Path: "vars." + k, Type: expr.TypeOf(c.Vars[k]), Help: "A value of this flow."}.Holding(c.Vars[k]))
	}
	add("event.type", expr.String, "worker.hired, worker.updated and so on; empty for a run by hand.")
	add("event.worker", expr.String, "The HRIS's id of the worker.")
	out = append(out, Name{Path: "event.changed", Type: expr.List, Of: expr.String, Help: "The attributes that changed, where the HRIS tells."})
	add("event.at", expr.Timestamp, "When it happened.")
	add("event.key", expr.String, "The sender's own key of the event.")
	add("run.id", expr.String, "This run.")
	add("run.flow", expr.String, "The key of this flow.")
	add("run.mode", expr.String, "live or simulate.")
	add("run.started_at", expr.Timestamp, "When the run began.")
	add("today", expr.String, "The day where the joiner works: 2026-12-01.")
	add("now", expr.Timestamp, "This moment.")
	return out
}

// stepNames are the outputs of one step.
func stepNames(n Node, cat Catalog) []Name {
	spec, ok := cat.Spec(n.Type)
	if !ok {
		return nil
	}
	at := "steps." + string(n.ID)
	var out []Name
	for _, o := range spec.Outputs {
		x := Name{Path: at + "." + o.Name, Type: expr.Type(o.Type), Help: o.Help, Of: expr.Type(o.Of)}
		for _, e := range o.Entry {
			x.Entry = append(x.Entry, Name{Path: e.Name, Type: expr.Type(e.Type), Help: e.Help, Of: expr.Type(e.Of)})
		}
		out = append(out, x)
		if o.Name != "form" {
			continue
		}
		list, _ := n.Params["fields"].([]any)
		for _, x := range list { // an answer that never came has no fields, so they are read with care
			m, _ := x.(map[string]any)
			key, _ := m["key"].(string)
			label, _ := m["label"].(string)
			if slug.MatchString(key) {
				out = append(out, Name{Path: at + ".form." + key, Type: expr.Any, Help: label, Insert: fmt.Sprintf("Attribute(%s.form, %q)", at, key)})
			}
		}
	}
	if m, ok := n.Params[spec.OutputsFrom].(map[string]any); ok && spec.OutputsFrom != "" {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			out = append(out, Name{Path: at + "." + k, Type: expr.Any})
		}
	}
	return out
}

func attributeHelp() map[string]string {
	return map[string]string{
		joiner.PreferredName: "What the person wants to be called; often empty.", joiner.DisplayName: "The whole name, where the HRIS has one.", joiner.WorkEmail: "The address at work, once there is one.",
		joiner.PersonalEmail: "The private address: personal data.", joiner.Phone: "A private number: personal data.", joiner.Country: "Two letters: DE.", joiner.TimeZone: "Europe/Berlin.",
		joiner.ManagerID: "The worker id of the manager.", joiner.StartDate: "2026-12-01.", joiner.EndDate: "2027-11-30; empty without an end.", joiner.WorkerType: "employee, contractor and so on.",
		joiner.Status: "planned, active, rescinded or terminated.", joiner.Title: "The job title.", joiner.Location: "The site.", joiner.EmployeeNo: "The number people see, which may differ from the worker id.",
	}
}
