package scim

import (
	"context"
	"maps"
	"slices"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

var _ connector.Adopter = (*conn)(nil)

// AccountsWith searches users by what they hold: the service by one of the values,
// and each user that it gives is looked at for all. Upper and lower case are not
// told apart, because services do not agree on it.
func (c *conn) AccountsWith(ctx context.Context, equal map[string]string, most int) ([]connector.Account, error) {
	type want struct {
		at    attr
		login bool
		value string
	}
	var all []want
	for _, name := range slices.Sorted(maps.Keys(equal)) {
		value := equal[name]
		if strings.TrimSpace(value) == "" {
			return nil, nil // nothing equals nothing
		}
		if err := checkText(name, value); err != nil {
			return nil, err
		}
		if strings.EqualFold(name, connector.LoginName) || strings.EqualFold(name, "userName") {
			all = append(all, want{login: true, value: c.userName(value)})
			continue
		}
		p, err := parse(name)
		if err != nil {
			return nil, err
		}
		all = append(all, want{at: p, value: value})
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "Nothing was given to look for.")
	}
	match := func(r map[string]any) bool {
		for _, w := range all {
			held := text(r, "userName")
			if !w.login {
				held, _ = w.at.in(r).(string)
			}
			if !strings.EqualFold(strings.TrimSpace(held), strings.TrimSpace(w.value)) {
				return false
			}
		}
		return true
	}
	filter := "userName"
	if !all[0].login {
		untyped := all[0].at // few services filter by type and value together
		untyped.kind = ""
		filter = untyped.String()
	}
	found, err := c.find(ctx, users, filter, all[0].value, most, match)
	if lower := strings.ToLower(all[0].value); err == nil && len(found) == 0 && lower != all[0].value {
		found, err = c.find(ctx, users, filter, lower, most, match)
	}
	if err != nil {
		return nil, err
	}
	var out []connector.Account
	for _, r := range found {
		a := c.account(r)
		a.Existed = true
		if a.Groups, err = c.groupsOf(ctx, r); err != nil {
			return nil, err
		}
		a.Protected = protected(r)
		out = append(out, a)
	}
	return out, nil
}

// protected says why a user is never adopted: one that the service gives a role of
// an administrator.
func protected(r map[string]any) string {
	for _, list := range []string{"roles", "entitlements"} {
		entries, _ := get(r, list).([]any)
		for _, x := range entries {
			name, _ := x.(string)
			if m, ok := x.(map[string]any); ok {
				name = text(m, "value") + " " + text(m, "display")
			}
			if low := strings.ToLower(name); strings.Contains(low, "admin") || strings.Contains(low, "owner") || strings.Contains(low, "root") {
				return "It has the role " + strings.TrimSpace(name) + " there."
			}
		}
	}
	return ""
}

// Adopt puts the mark into externalId where it is empty.
func (c *conn) Adopt(ctx context.Context, id, stamp string) (bool, error) {
	unlock, err := c.locks.Lock(ctx, "account:"+stamp)
	if err != nil {
		return false, err
	}
	defer unlock()
	if other, err := c.byStamp(ctx, stamp); err != nil {
		return false, err
	} else if other != nil {
		if text(other, "id") == id {
			return false, nil
		}
		return false, fault.New(fault.Conflict, "The joiner has the account %s already, so %s was not adopted.", short(text(other, "userName")), short(id))
	}
	var refused error
	changed := false
	err = c.change(ctx, users, id, func(r map[string]any) []edit {
		held := text(r, "externalId")
		changed, refused = false, nil
		switch why := protected(r); {
		case why != "":
			refused = fault.New(fault.Forbidden, "The account %s is not adopted. %s", short(text(r, "userName")), why)
		case held == stamp:
		case held != "":
			refused = fault.New(fault.Conflict, "The account %s has externalId %q where Joinery's mark goes: it is another joiner's, or another system provisions it. It was not adopted.", short(text(r, "userName")), short(held))
		default:
			changed = true
			return []edit{{attr{name: "externalId"}, stamp}}
		}
		return nil
	})
	if err == nil {
		err = refused
	}
	return changed && err == nil, err
}

// Abandon takes exactly this mark off.
func (c *conn) Abandon(ctx context.Context, id, stamp string) (bool, error) {
	changed := false
	err := c.change(ctx, users, id, func(r map[string]any) []edit {
		if changed = text(r, "externalId") == stamp; changed {
			return []edit{{attr{name: "externalId"}, nil}}
		}
		return nil
	})
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return changed && err == nil, err
}
