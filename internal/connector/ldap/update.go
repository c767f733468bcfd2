package ldap

import (
	"context"
	"maps"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

func contains(s, part string) bool { return strings.Contains(strings.ToLower(s), part) }

// UpdateAccount sets attributes and gives what changed.
func (c *conn) UpdateAccount(ctx context.Context, id string, want map[string]any) ([]connector.Change, error) {
	attrs, err := c.attributes(want)
	if err != nil {
		return nil, err
	}
	e, err := c.entry(ctx, id, wanted)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, noAccount(id)
	}
	req := goldap.NewModifyRequest(e.DN, nil)
	var changes []connector.Change
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		before := e.GetEqualFoldAttributeValues(name)
		if sameValues(before, attrs[name]) {
			continue
		}
		if fold(name, c.set.rdn) {
			return nil, fault.New(fault.Invalid, "%s is part of the entry's name, and renaming is not possible here. Rename it in the directory.", short(name))
		}
		req.Replace(name, attrs[name])
		changes = append(changes, connector.Change{Attribute: name, Before: display(before), After: display(attrs[name])})
	}
	if len(changes) == 0 {
		return nil, nil
	}
	err = c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
	if noSuchObject(err) {
		return nil, noAccount(id)
	}
	if err != nil {
		return nil, c.refusal(ctx, "change an account", e.DN, attrs, err)
	}
	return changes, nil
}

// sameValues compares as sets: LDAP values have no order.
func sameValues(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, slices.Compact(b))
}
