package flow

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/fault"
)

// Invariant is what a flow must never do for some joiners, whatever its nodes and
// policies say: "contractors never get all-staff". A run that would break one is
// stopped before it writes anything.
type Invariant struct {
	Name string `json:"name" yaml:"name"`
	// When says for whom it holds, in CEL; empty means everybody. It reads the joiner,
	// the event and variables, but no steps: it has to be known from the start.
	When string `json:"when,omitempty" yaml:"when,omitempty"`
	// NeverGroups are groups that may not be given; * stands for any characters.
	NeverGroups []string `json:"never_groups,omitempty" yaml:"never_groups,omitempty"`
	// NeverAccounts are directories in which no account may be made or enabled.
	NeverAccounts []string `json:"never_accounts,omitempty" yaml:"never_accounts,omitempty"`
	// Directory is where the groups are; empty means any.
	Directory string `json:"directory,omitempty" yaml:"directory,omitempty"`
	// Say tells whoever finds the stopped run what to do.
	Say string `json:"say,omitempty" yaml:"say,omitempty"`
}

// MaxInvariants bounds those of one flow.
const MaxInvariants = 50

// Forbids reports whether a group, known under any of these names in a directory,
// may not be given.
func (v Invariant) Forbids(directory string, names ...string) bool {
	if v.Directory != "" && directory != "" && v.Directory != directory {
		return false
	}
	return slices.ContainsFunc(v.NeverGroups, func(pattern string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			return glob(strings.ToLower(strings.TrimSpace(pattern)), strings.ToLower(strings.TrimSpace(name)))
		})
	})
}

// ForbidsAccount reports whether no account may be made or enabled in a directory.
func (v Invariant) ForbidsAccount(directory string) bool {
	return slices.Contains(v.NeverAccounts, directory)
}

// Breach is the sentence for whoever finds the stopped run.
func (v Invariant) Breach(what string) string {
	out := fmt.Sprintf("The invariant “%s” stopped this run: %s.", v.Name, what)
	if say := strings.TrimSpace(v.Say); say != "" {
		out += " " + strings.TrimSuffix(say, ".") + "."
	}
	return out
}

// glob compares a text with a pattern in which * stands for any characters.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(text, first) || !strings.HasSuffix(text[len(first):], last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return true
}

// Holding gives the invariants that hold for a joiner. One whose condition cannot
// be computed is an error: not knowing is no permission.
func (p *Program) Holding(ctx context.Context, s expr.Scope) ([]Invariant, error) {
	var out []Invariant
	for _, v := range p.invariants {
		holds := true
		if v.when != nil {
			got, err := v.when.Eval(ctx, s)
			if err != nil {
				return nil, fault.Wrap(fault.Invalid, err, "Whether the invariant “%s” holds for this joiner cannot be computed: %s", v.Name, fault.Sentence(err))
			}
			holds = got == true
		}
		if holds {
			out = append(out, v.Invariant)
		}
	}
	return out, nil
}

// Param evaluates one field of a node.
func (p *Program) Param(ctx context.Context, id NodeID, key string, s expr.Scope) (any, error) {
	for _, f := range p.nodes[id] {
		if f.key == key {
			return f.eval(ctx, s)
		}
	}
	return nil, nil
}

type compiledInvariant struct {
	Invariant
	when expr.Value // nil: everybody
}

func (p *Program) addInvariants(env *expr.Env, list []Invariant) []fault.Problem {
	var out []fault.Problem
	for i, v := range list {
		c := compiledInvariant{Invariant: v}
		if strings.TrimSpace(strings.TrimPrefix(v.When, "=")) != "" {
			value, problems := env.Expression(v.When, expr.Bool, expr.Where{Before: func(string) bool { return false }})
			for _, q := range problems {
				out = append(out, fault.Problem{Path: fmt.Sprintf("invariants.%d.when", i), Detail: q.Detail})
			}
			c.when = value
		}
		p.invariants = append(p.invariants, c)
	}
	return out
}

// invariants checks what the flow must never do, and finds nodes that do it for
// everybody: those need no joiner to be wrong.
func (f *checker) invariants() {
	if len(f.c.Invariants) > MaxInvariants {
		f.add("invariants", "A flow may have up to %d invariants.", MaxInvariants)
		return
	}
	names := map[string]bool{}
	for i, v := range f.c.Invariants {
		at := fmt.Sprintf("invariants.%d", i)
		name := strings.TrimSpace(v.Name)
		switch {
		case name == "":
			f.add(at+".name", "Say in a few words what must never happen, such as: Contractors never get all-staff.")
		case names[name]:
			f.add(at+".name", "Two invariants have this name.")
		}
		names[name] = true
		if len(v.NeverGroups)+len(v.NeverAccounts) == 0 {
			f.add(at, "Name the groups that may never be given, or the directories that may never get an account.")
		}
		for j, g := range v.NeverGroups {
			if strings.TrimSpace(g) == "" {
				f.add(fmt.Sprintf("%s.never_groups.%d", at, j), "A group needs a name.")
			}
		}
		for j, d := range v.NeverAccounts {
			f.directory(fmt.Sprintf("%s.never_accounts.%d", at, j), d)
		}
		if v.Directory != "" {
			f.directory(at+".directory", v.Directory)
		}
		if strings.TrimSpace(strings.TrimPrefix(v.When, "=")) == "" {
			f.breaks(v)
		}
	}
}

// breaks finds nodes that break an invariant that holds for everybody.
func (f *checker) breaks(v Invariant) {
	for _, n := range f.c.Nodes {
		spec, ok := f.cat.Spec(n.Type)
		if !ok {
			continue
		}
		directory, _ := n.Params["directory"].(string)
		if spec.Grants != "" {
			list, _ := n.Params[spec.Grants].([]any)
			for i, x := range list {
				if name, ok := x.(string); ok && v.Forbids(directory, name) {
					f.add(fmt.Sprintf("nodes.%s.params.%s.%d", n.ID, spec.Grants, i), "This breaks the invariant “%s”.", v.Name)
				}
			}
		}
		if spec.Enables && v.ForbidsAccount(directory) {
			f.add("nodes."+string(n.ID)+".params.directory", "This breaks the invariant “%s”.", v.Name)
		}
	}
}
