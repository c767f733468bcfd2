package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// invariantForm declares the fields of an invariant.
func invariantForm() []form.Field {
	return []form.Field{
		{Key: "name", Label: "In a few words", Kind: form.Text, Required: true, Placeholder: "Contractors never get all-staff"},
		{Key: "when", Label: "For whom", Kind: form.Expression, Result: "bool", Placeholder: `joiner.worker_type == "contractor"`, Help: "A condition over the joiner, the event and the flow's variables. Empty: for everybody."},
		{Key: "never_groups", Label: "Groups that are never given", Kind: form.List, Placeholder: "all-staff", Help: "* stands for any characters: prod-*."},
		{Key: "directory", Label: "In this directory only", Kind: form.Directory, Help: "Where these groups are. None chosen: in any directory."},
		{Key: "never_accounts", Label: "Directories that never get an account", Kind: form.List, Help: "No account is made or enabled there."},
		{Key: "say", Label: "Advice for whoever finds the stopped run", Kind: form.LongText, Placeholder: "Ask iam@example.com whether the table is wrong."},
	}
}

func invariantValues(v flow.Invariant) map[string]any {
	list := func(in []string) any {
		out := make([]any, len(in))
		for i, s := range in {
			out[i] = s
		}
		return out
	}
	return map[string]any{"name": v.Name, "when": v.When, "never_groups": list(v.NeverGroups), "directory": v.Directory, "never_accounts": list(v.NeverAccounts), "say": v.Say}
}

// howInvariants says how they are kept.
func howInvariants() *artifacts.Side {
	return &artifacts.Side{Title: "How it is kept", Text: "Before a run writes anything, Joinery looks at what is decided already: groups that a table gives, and groups that nodes name which are sure to come. Each membership is looked at again when it is about to be given, under every name the directory knows the group by.",
		More: "A run that would break it fails with the name of the invariant and your advice. No error way and no “go on” leads past it, and a simulated run stops in the same place."}
}

// postedInvariant reads the form on top of what it began with.
func postedInvariant(c *fiber.Ctx, was flow.Invariant) flow.Invariant {
	var v flow.Invariant
	sent, old := sentBy(c), invariantValues(was)
	r := read{at: map[string][]entryAt{}, wrong: map[string]string{}}
	for _, f := range invariantForm() {
		x := r.param(sent, f, old[f.Key])
		switch f.Key {
		case "name":
			v.Name, _ = x.(string)
		case "when":
			v.When, _ = x.(string)
		case "never_groups":
			v.NeverGroups = listed(x)
		case "directory":
			v.Directory, _ = x.(string)
		case "never_accounts":
			before, _ := old[f.Key].([]any)
			v.NeverAccounts = listed(ticked(before, sent["p_"+f.Key]))
		case "say":
			v.Say, _ = x.(string)
		}
	}
	return v
}

func listed(x any) []string {
	list, _ := x.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// invariantLines are the invariants of a flow on its outline.
func invariantLines(a string, f flow.Content, problems []fault.Problem, edits bool) artifacts.Invariants {
	at := "/flows/" + a + "/invariants/"
	var out artifacts.Invariants
	for i, v := range f.Invariants {
		line := artifacts.Invariant{Name: v.Name, Problems: invariantProblems(problems, i, "")}
		values := invariantValues(v)
		for _, field := range invariantForm()[1:] {
			if text := nodeValue(field, values[field.Key]); text != "" {
				line.Pairs = append(line.Pairs, ui.Pair{Label: field.Label, Value: text, Code: field.Key != "say"})
			}
		}
		if v.When == "" {
			line.Pairs = append([]ui.Pair{{Label: "For whom", Value: "everybody"}}, line.Pairs...)
		}
		if edits {
			line.EditURL = at + itoa(i+1)
		}
		out.Lines = append(out.Lines, line)
	}
	if edits && len(f.Invariants) < flow.MaxInvariants {
		out.AddURL = at + "new"
	}
	return out
}

// invariantProblems gives the problems of one invariant, or of one of its fields.
func invariantProblems(problems []fault.Problem, i int, field string) []string {
	at := fmt.Sprintf("invariants.%d", i)
	if field != "" {
		at += "." + field
	}
	var out []string
	for _, p := range problems {
		if p.Path == at || strings.HasPrefix(p.Path, at+".") {
			out = append(out, p.Detail)
		}
	}
	return out
}

// invariant gives the number of the one that an address names, from 0; -1 for a new one.
func (e editing) invariant(c *fiber.Ctx) (int, error) {
	if c.Params("invariant") == "new" {
		return -1, nil
	}
	n, err := strconv.Atoi(c.Params("invariant"))
	if err != nil || n < 1 || n > len(e.flow.Invariants) {
		return 0, fault.New(fault.NotFound, "This flow has no such invariant.")
	}
	return n - 1, nil
}

// invariantEdit is GET /flows/:key/invariants/:invariant.
func (s *Server) invariantEdit(c *fiber.Ctx, who auth.Actor) error {
	e, err := s.editing(c)
	if err != nil {
		return err
	}
	i, err := e.invariant(c)
	if err != nil {
		return err
	}
	var v flow.Invariant
	if i >= 0 {
		v = e.flow.Invariants[i]
	}
	return s.invariantPage(c, who, e, i, v, e.a.Head, 0, nil)
}

func (s *Server) invariantPage(c *fiber.Ctx, who auth.Actor, e editing, i int, v flow.Invariant, base, status int, notice *ui.Notice) error {
	at, number := "/flows/"+e.a.Key, "new"
	p := artifacts.FlowPartPage{Legend: "What must never happen", CompleteURL: at + "/canvas/complete", Explain: howInvariants(), Head: ui.Head{Title: "New invariant"}, CancelURL: at, Base: itoa(base), Notice: notice, About: []ui.Field{{Name: "message", Label: "What changes and why", Value: c.FormValue("message"), Help: "The reviewer reads this."}}}
	var problems []fault.Problem
	if i >= 0 {
		number, p.Head.Title = itoa(i+1), v.Name
		var err error
		if problems, err = s.problems(c.UserContext(), review.Flow, contentOf(e.flow)); err != nil {
			return err
		}
		p.Remove = &ui.Danger{Button: "Remove this invariant", Title: "Remove " + v.Name, Text: "What it forbids is not kept from happening any more, once this is approved and live. Reviewers see that it is gone.", Post: at + "/invariants/" + number + "/remove", Values: []ui.Pair{{Label: "base", Value: itoa(base)}}}
	}
	p.Action = at + "/invariants/" + number
	values := invariantValues(v)
	for _, f := range invariantForm() {
		if f.Key == "never_accounts" {
			var err error
			if f.Options, err = s.directories(c, v.NeverAccounts); err != nil {
				return err
			}
			if len(f.Options) == 0 {
				continue
			}
		}
		input, err := s.nodeInput(c, f, values[f.Key], nil)
		if err != nil {
			return err
		}
		if i >= 0 {
			input.Error = strings.Join(invariantProblems(problems, i, f.Key), " ")
		}
		p.Fields = append(p.Fields, input)
	}
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: crumbsOf(review.Flow, ui.Link{Text: e.a.Name, URL: at}), Status: status}, artifacts.EditFlowPart(p))
}

// directories offers the connections that have accounts, and those that are chosen.
func (s *Server) directories(c *fiber.Ctx, chosen []string) ([]form.Option, error) {
	f, err := s.connectionField(c, form.Field{Kind: form.Directory}, ui.Field{})
	var out []form.Option
	for _, o := range f.Options {
		if o.Value != "" {
			out = append(out, form.Option{Value: o.Value, Label: o.Label})
		}
	}
	for _, key := range chosen {
		if !slices.ContainsFunc(out, func(o form.Option) bool { return o.Value == key }) {
			out = append(out, form.Option{Value: key, Label: key + " (is not there)"})
		}
	}
	return out, err
}

// invariantSave is POST /flows/:key/invariants/:invariant.
func (s *Server) invariantSave(c *fiber.Ctx, who auth.Actor) error {
	e, base, err := s.editingFrom(c)
	if err != nil {
		return err
	}
	i, err := e.invariant(c)
	if err != nil {
		return err
	}
	var was flow.Invariant
	if i >= 0 {
		was = e.flow.Invariants[i]
	}
	v := postedInvariant(c, was)
	f := e.flow
	f.Invariants = slices.Clone(f.Invariants)
	if i < 0 {
		f.Invariants = append(f.Invariants, v)
	} else {
		f.Invariants[i] = v
	}
	if strings.TrimSpace(v.Name) == "" {
		return s.invariantPage(c, who, e, i, v, base, http.StatusUnprocessableEntity, &ui.Notice{Tone: "bad", Text: "Say in a few words what must never happen."})
	}
	met, err := s.saveFlow(c, who, e.a, f, base)
	if badContent(err) {
		n := refusal(err)
		return s.invariantPage(c, who, e, i, v, base, http.StatusUnprocessableEntity, &n)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/flows/"+e.a.Key+"#invariants", "Saved as a new revision."+met)
}

// invariantRemove is POST /flows/:key/invariants/:invariant/remove.
func (s *Server) invariantRemove(c *fiber.Ctx, who auth.Actor) error {
	e, base, err := s.editingFrom(c)
	if err != nil {
		return err
	}
	i, err := e.invariant(c)
	if err != nil {
		return err
	}
	if i < 0 {
		return fault.New(fault.NotFound, "This flow has no such invariant.")
	}
	e.flow.Invariants = slices.Delete(slices.Clone(e.flow.Invariants), i, i+1)
	if len(e.flow.Invariants) == 0 {
		e.flow.Invariants = nil
	}
	met, err := s.saveFlow(c, who, e.a, e.flow, base)
	if err != nil {
		return err
	}
	return s.done(c, "/flows/"+e.a.Key+"#invariants", "The invariant is removed. It still counts for runs until this is approved and live."+met)
}
