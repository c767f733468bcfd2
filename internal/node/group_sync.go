package node

import (
	"context"
	"slices"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// GroupSync brings the groups that Joinery gave an account in line with a list.
type GroupSync struct{}

var _ Type = GroupSync{}

// Whether groups that others gave stay.
const (
	keepOthers   = "keep"
	removeOthers = "remove"
)

// Spec describes the node.
func (GroupSync) Spec() flow.Spec {
	return flow.Spec{
		Kind: "group.sync", Version: 1, Category: "directory", Title: "Bring groups in line", Icon: "list-checks", Writes: true, Grants: "groups",
		Help: "Gives the account the groups of a list and takes away those that Joinery gave it earlier and that are not on the list any more. Groups that others gave stay. A group on the list that is missing fails the step before anything is changed.",
		Fields: []form.Field{directoryField(), accountField(),
			{Key: "groups", Label: "Groups", Kind: form.List, Required: true, Expr: true, Placeholder: "=steps.groups.groups", Help: "All groups the joiner should have from Joinery, as a list or an =expression that gives one."},
			{Key: "others", Label: "Groups that others gave", Kind: form.Select, Default: keepOthers, Options: []form.Option{{Value: keepOthers, Label: "stay"}, {Value: removeOthers, Label: "are removed too (somebody who comes back starts anew)"}}}},
		Ports: []flow.Port{{Name: "changed", Label: "changed"}, {Name: "unchanged", Label: "was right already"}},
		Outputs: []flow.Output{{Name: "added", Type: "list", Of: "string"}, {Name: "removed", Type: "list", Of: "string"}, {Name: "already", Type: "list", Of: "string", Help: "Groups of the list that the account was in before."},
			{Name: "kept", Type: "list", Of: "string", Help: "Groups that others gave and that were left."}},
	}
}

// Run brings the memberships in line: what has to go goes first, so that a limit on
// new memberships never keeps an access alive that should be gone.
func (GroupSync) Run(ctx context.Context, call Call) (Result, error) {
	where := call.Params.Text("directory")
	dir, err := call.Directory(ctx, where)
	if err != nil {
		return Result{}, err
	}
	a, err := account(ctx, call, dir)
	if err != nil {
		return Result{}, err
	}
	if a.Stamp != "" && a.Stamp != call.Ref.Stamp() {
		return Result{}, fault.New(fault.Conflict, "The account %s belongs to another joiner, so its groups are not changed.", a.Name)
	}
	want, err := groupList(call)
	if err != nil {
		return Result{}, err
	}
	found, err := findGroups(ctx, dir, want, where)
	if err != nil {
		return Result{}, err
	}
	gone, kept, err := surplus(ctx, call, dir, a, found)
	if err != nil {
		return Result{}, err
	}
	out := map[string]any{"added": []any{}, "removed": []any{}, "already": []any{}, "kept": kept}
	note := func(word, group string) { out[word] = append(out[word].([]any), group) }
	for _, g := range gone {
		did, err := dir.EnsureNotMember(ctx, g, a.ID)
		if err != nil {
			return Result{}, err
		}
		if did {
			note("removed", g)
		}
	}
	for _, g := range want {
		did, err := dir.EnsureMember(ctx, g, a.ID)
		if err != nil {
			return Result{}, err
		}
		if did {
			note("added", g)
		} else {
			note("already", g)
		}
	}
	if len(out["added"].([]any))+len(out["removed"].([]any)) == 0 {
		return Result{Port: "unchanged", Output: out}, nil
	}
	return Result{Port: "changed", Output: out}, nil
}

// surplus finds which memberships have to go and which ones of others stay. Only
// groups that may have to go are looked up.
func surplus(ctx context.Context, call Call, dir connector.Directory, a connector.Account, want []connector.Group) (gone []string, kept []any, err error) {
	look, err := call.Granted(ctx, call.Params.Text("directory"), a.ID)
	if err != nil {
		return nil, nil, err
	}
	look, kept = slices.Clone(look), []any{}
	for _, g := range a.Groups {
		is := func(o string) bool { return strings.EqualFold(o, g) }
		switch {
		case slices.ContainsFunc(look, is) || slices.ContainsFunc(want, func(o connector.Group) bool { return is(o.Name) || is(o.ID) }):
		case call.Params.Text("others") == removeOthers:
			look = append(look, g)
		default:
			kept = append(kept, g)
		}
	}
	for _, g := range look {
		it, there, err := dir.FindGroup(ctx, g)
		if err != nil {
			return nil, nil, err
		}
		// A group that is gone from the directory took its memberships with it.
		if there && !slices.ContainsFunc(want, func(o connector.Group) bool { return o.ID == it.ID }) {
			gone = append(gone, g)
		}
	}
	return gone, kept, nil
}

// groupList reads the groups of a step, each once.
func groupList(call Call) ([]string, error) {
	var groups []string
	for _, g := range call.Params.List("groups") {
		if g = strings.TrimSpace(g); g != "" && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	if len(groups) > 200 {
		return nil, fault.New(fault.Invalid, "A step may name up to 200 groups; this one has %d.", len(groups))
	}
	return groups, nil
}

// findGroups finds all groups of a list, or names the first that is missing.
func findGroups(ctx context.Context, dir connector.Directory, groups []string, where string) ([]connector.Group, error) {
	var out []connector.Group
	for _, g := range groups {
		it, found, err := dir.FindGroup(ctx, g)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, fault.New(fault.NotFound, "There is no group %s in %s. Create it there, or correct the flow. No group was changed.", g, where)
		}
		out = append(out, it)
	}
	return out, nil
}
