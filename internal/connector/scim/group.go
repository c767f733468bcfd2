package scim

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

const groups = "Groups"

// FindGroup finds a group by name or id.
func (c *conn) FindGroup(ctx context.Context, name string) (connector.Group, bool, error) {
	if err := checkText("the group", name); err != nil {
		return connector.Group{}, false, err
	}
	if name == "" {
		return connector.Group{}, false, nil
	}
	found, err := c.find(ctx, groups, "displayName", name, 2, func(r map[string]any) bool { return text(r, "displayName") == name })
	if err != nil {
		return connector.Group{}, false, err
	}
	if len(found) > 1 {
		return connector.Group{}, false, fault.New(fault.Conflict, "Several groups are called %q in %s. Give the group's id.", short(name), c.set.base.Host)
	}
	if len(found) == 0 {
		a, ok, err := c.read(ctx, groups, name)
		if err != nil || !ok {
			return connector.Group{}, false, err
		}
		found = append(found, a.resource)
	}
	return connector.Group{ID: text(found[0], "id"), Name: text(found[0], "displayName")}, true, nil
}

// groupsOf lists an account's groups by name. Services show them on the user, or
// let groups be filtered by member, or only show members.
func (c *conn) groupsOf(ctx context.Context, user map[string]any) ([]string, error) {
	var out []string
	if list, ok := get(user, "groups").([]any); ok {
		for _, x := range list {
			g, _ := x.(map[string]any)
			name := text(g, "display")
			if name == "" {
				found, ok, err := c.FindGroup(ctx, text(g, "value"))
				if err != nil {
					return nil, err
				}
				if ok {
					name = found.Name
				}
			}
			out = append(out, name)
		}
		slices.Sort(out)
		return slices.Compact(out), nil
	}
	id := text(user, "id")
	found, err := c.find(ctx, groups, "members.value", id, 1000, func(r map[string]any) bool {
		in, _ := member(r, id)
		return in
	})
	for _, g := range found {
		out = append(out, text(g, "displayName"))
	}
	slices.Sort(out)
	return out, err
}

// member reports whether a group shows this member, and whether it shows members
// at all.
func member(group map[string]any, id string) (in, shown bool) {
	list, shown := get(group, "members").([]any)
	for _, x := range list {
		if m, ok := x.(map[string]any); ok && text(m, "value") == id {
			return true, true
		}
	}
	return false, shown
}

// EnsureMember puts an account into a group. It reads first: some services store
// a member twice.
func (c *conn) EnsureMember(ctx context.Context, group, account string) (bool, error) {
	return c.membership(ctx, group, account, true)
}

// EnsureNotMember takes an account out of a group.
func (c *conn) EnsureNotMember(ctx context.Context, group, account string) (bool, error) {
	return c.membership(ctx, group, account, false)
}

func (c *conn) membership(ctx context.Context, group, account string, want bool) (bool, error) {
	g, ok, err := c.FindGroup(ctx, group)
	if err != nil {
		return false, err
	}
	if !ok {
		return false, fault.New(fault.NotFound, "There is no group %q in %s. Create it, or correct the name in the flow.", short(group), c.set.base.Host)
	}
	if _, ok, err := c.read(ctx, users, account); err != nil || !ok {
		if err == nil {
			err = fault.New(fault.NotFound, "There is no account %s in %s. It may have been deleted.", short(account), c.set.base.Host)
		}
		return false, err
	}
	unlock, err := c.locks.Lock(ctx, "group:"+g.ID)
	if err != nil {
		return false, err
	}
	defer unlock()
	var last error
	for range 3 {
		a, ok, err := c.read(ctx, groups, g.ID)
		if err != nil {
			return false, err
		}
		if !ok {
			return false, fault.New(fault.NotFound, "The group %q was deleted in %s just now.", short(g.Name), c.set.base.Host)
		}
		if in, known := c.member(a.resource, account); known && in == want {
			return false, nil
		}
		if last = c.setMember(ctx, g.ID, a, account, want); status(last) != http.StatusPreconditionFailed {
			return last == nil, last
		}
	}
	return false, last
}

// member reports whether an account is in a group. A group without the members
// attribute is empty, unless this service never shows members: then nothing is
// known, and the change is sent to be sure.
func (c *conn) member(group map[string]any, id string) (in, known bool) {
	in, shown := member(group, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.showsMembers = c.showsMembers || shown
	return in, c.showsMembers
}

func (c *conn) setMember(ctx context.Context, id string, a answer, account string, want bool) error {
	if !c.lacksPatch(ctx) {
		op := map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": account}}}
		if !want {
			op = map[string]any{"op": "remove", "path": `members[value eq ` + quote(account) + `]`}
		}
		_, err := c.call(ctx, http.MethodPatch, at(groups, id), nil, map[string]any{"schemas": []any{patchOp}, "Operations": []any{op}}, a.etag)
		switch code := status(err); {
		case code == http.StatusNotImplemented || code == http.StatusMethodNotAllowed:
			c.setLacksPatch(true)
		case code != http.StatusBadRequest && err != nil:
			return err
		default:
			done, checkErr := c.memberReached(ctx, id, account, want)
			if checkErr != nil || done {
				return checkErr
			}
		}
	}
	r := clone(a.resource)
	list, _ := get(r, "members").([]any)
	list = slices.DeleteFunc(list, func(x any) bool { m, ok := x.(map[string]any); return ok && text(m, "value") == account })
	if want {
		list = append(list, map[string]any{"value": account})
	}
	delete(r, key(r, "meta"))
	r[key(r, "members")] = append([]any{}, list...)
	if _, err := c.call(ctx, http.MethodPut, at(groups, id), url.Values{}, r, a.etag); err != nil {
		return err
	}
	if done, err := c.memberReached(ctx, id, account, want); err != nil || done {
		return err
	}
	return fault.New(fault.Invalid, "%s accepted the change of the group's members but did not make it.", c.set.base.Host)
}

// memberReached looks whether a change of members took effect. What a service
// never shows must be believed.
func (c *conn) memberReached(ctx context.Context, id, account string, want bool) (bool, error) {
	a, ok, err := c.read(ctx, groups, id)
	if err != nil || !ok {
		return false, err
	}
	in, shown := member(a.resource, account)
	return in == want || !shown, nil
}
