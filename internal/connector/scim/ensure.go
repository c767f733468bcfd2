package scim

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// EnsureAccount finds the account with the stamp or makes it.
func (c *conn) EnsureAccount(ctx context.Context, want connector.Ensure) (connector.Account, error) {
	if want.Stamp == "" {
		return connector.Account{}, fault.New(fault.Internal, "An account was asked for without the joiner's mark.")
	}
	if err := c.checkName(want.Name); err != nil {
		return connector.Account{}, err
	}
	body, err := c.resource(want)
	if err != nil {
		return connector.Account{}, err
	}
	unlock, err := c.locks.Lock(ctx, "account:"+want.Stamp)
	if err != nil {
		return connector.Account{}, err
	}
	defer unlock()

	if r, err := c.byStamp(ctx, want.Stamp); err != nil || r != nil {
		return c.ours(ctx, r, want, err)
	}
	if r, err := c.byName(ctx, want.Name); err != nil || r != nil {
		return c.named(ctx, r, want, err)
	}
	a, err := c.call(ctx, http.MethodPost, "/"+users, nil, body, "")
	if duplicate(err) {
		return c.collision(ctx, want, err)
	}
	if err != nil {
		return connector.Account{}, err
	}
	want.Attempted = true // what follows finishes our own account
	r, err := c.created(ctx, a, want)
	return c.ours(ctx, r, want, err)
}

// created reads the new account back when the answer does not hold it, and sees
// that the mark was kept: without it nothing could recognise the account again.
func (c *conn) created(ctx context.Context, a answer, want connector.Ensure) (map[string]any, error) {
	r := a.resource
	if text(r, "id") == "" || text(r, "externalId") != want.Stamp || text(r, "userName") == "" {
		id := text(r, "id")
		if id == "" {
			id = a.location[strings.LastIndex(a.location, "/")+1:]
		}
		found, ok, err := c.read(ctx, users, id)
		if err != nil {
			return nil, err
		}
		if r = found.resource; id == "" || !ok {
			if r, err = c.byStamp(ctx, want.Stamp); err != nil {
				return nil, err
			}
		}
	}
	if text(r, "externalId") != want.Stamp {
		return nil, fault.New(fault.Invalid, "%s created the account but does not keep externalId, by which Joinery recognises its accounts. It cannot be used with this connector; the account %q was left there.",
			c.set.base.Host, short(want.Name))
	}
	return r, nil
}

// ours completes an account that carries our stamp: some services ignore active
// when they create.
func (c *conn) ours(ctx context.Context, r map[string]any, want connector.Ensure, err error) (connector.Account, error) {
	if err != nil {
		return connector.Account{}, err
	}
	a := c.account(r)
	if want.Attempted && a.Enabled != want.Enabled {
		if _, err := c.SetEnabled(ctx, a.ID, want.Enabled); err != nil {
			return connector.Account{}, err
		}
		a.Enabled = want.Enabled
	}
	a.Existed = !want.Attempted
	return a, nil
}

// named judges the account that has the name: ours when a service without a
// working externalId filter hid it, else someone else's.
func (c *conn) named(ctx context.Context, r map[string]any, want connector.Ensure, err error) (connector.Account, error) {
	if err != nil {
		return connector.Account{}, err
	}
	stamp := text(r, "externalId")
	if stamp == want.Stamp {
		return c.ours(ctx, r, want, nil)
	}
	whose := "another account"
	if stamp != "" {
		whose = "the account of another joiner or system"
	}
	f := fault.New(fault.Conflict, "userName %q is taken in %s by %s. Choose another name.", short(want.Name), c.set.base.Host, whose)
	f.Key = "name"
	return connector.Account{}, f
}

func (c *conn) collision(ctx context.Context, want connector.Ensure, cause error) (connector.Account, error) {
	if r, err := c.byStamp(ctx, want.Stamp); err != nil || r != nil {
		return c.ours(ctx, r, want, err)
	}
	if r, err := c.byName(ctx, want.Name); err != nil || r != nil {
		return c.named(ctx, r, want, err)
	}
	f := fault.Wrap(fault.Conflict, cause, "%s", fault.Sentence(cause))
	if strings.Contains(strings.ToLower(f.Sentence), "email") {
		f.Key = "emails"
	}
	return connector.Account{}, f
}

// UpdateAccount sets attributes and gives what changed.
func (c *conn) UpdateAccount(ctx context.Context, id string, set map[string]any) ([]connector.Change, error) {
	want := map[string]any{}
	paths := map[string]attr{}
	for name, v := range set {
		p, err := parse(name)
		if err != nil {
			return nil, err
		}
		if _, list := v.([]any); list {
			p = attr{urn: p.urn, name: p.name}
		}
		if want[name], err = clean(name, v); err != nil {
			return nil, err
		}
		paths[name] = p
	}
	var changes []connector.Change
	err := c.change(ctx, users, id, func(r map[string]any) []edit {
		var edits []edit
		changes = nil
		for _, name := range slices.Sorted(maps.Keys(want)) {
			before := paths[name].in(r)
			if same(before, want[name]) {
				continue
			}
			edits = append(edits, edit{paths[name], want[name]})
			changes = append(changes, connector.Change{Attribute: name, Before: before, After: want[name]})
		}
		return edits
	})
	if err != nil {
		return nil, err
	}
	return changes, nil
}

// SetEnabled sets active.
func (c *conn) SetEnabled(ctx context.Context, id string, enabled bool) (bool, error) {
	changed := false
	err := c.change(ctx, users, id, func(r map[string]any) []edit {
		if changed = c.account(r).Enabled != enabled; changed {
			return []edit{{attr{name: "active"}, enabled}}
		}
		return nil
	})
	return changed && err == nil, err
}
