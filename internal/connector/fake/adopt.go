package fake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

var _ connector.Adopter = (*directory)(nil)

// AccountsWith finds accounts by what they hold.
func (d *directory) AccountsWith(_ context.Context, equal map[string]string, most int) (out []connector.Account, err error) {
	err = Change(d.path, func(s *State) {
		for _, id := range slices.Sorted(maps.Keys(s.Accounts)) {
			a := s.Accounts[id]
			fits := len(equal) > 0
			for name, value := range equal {
				held := fmt.Sprint(a.Attributes[name])
				if name == connector.LoginName {
					held = a.Name
				}
				fits = fits && value != "" && strings.EqualFold(held, value)
			}
			if fits && len(out) < most && !d.hidden(s, id) {
				out = append(out, a)
			}
		}
	})
	return out, err
}

// Adopt puts a mark on an account.
func (d *directory) Adopt(_ context.Context, id, stamp string) (did bool, err error) {
	var refused error
	err = d.with(id, func(s *State, a *connector.Account) {
		for other, x := range s.Accounts {
			if x.Stamp == stamp && other != id {
				refused = fault.New(fault.Conflict, "The joiner has the account %s already.", x.Name)
			}
		}
		switch {
		case refused != nil || a.Stamp == stamp:
		case a.Protected != "":
			refused = fault.New(fault.Forbidden, "The account %s is not adopted. %s", a.Name, a.Protected)
		case a.Stamp != "":
			refused = fault.New(fault.Conflict, "The account %s is another joiner's.", a.Name)
		default:
			a.Stamp, did = stamp, true
		}
	})
	if err == nil {
		err = refused
	}
	return did, err
}

// Abandon takes a mark off.
func (d *directory) Abandon(_ context.Context, id, stamp string) (did bool, err error) {
	err = d.with(id, func(_ *State, a *connector.Account) {
		if a.Stamp == stamp {
			a.Stamp, did = "", true
		}
	})
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return did, err
}

var _ connector.Adopter = clumsyDirectory{}

func (c clumsyDirectory) adopter() (connector.Adopter, error) {
	if a, ok := c.d.(connector.Adopter); ok {
		return a, nil
	}
	return nil, connector.CannotSearch("this directory")
}

func (c clumsyDirectory) AccountsWith(ctx context.Context, equal map[string]string, most int) (found []connector.Account, err error) {
	err = c.w.call(ctx, "AccountsWith", func() error {
		a, err := c.adopter()
		if err == nil {
			found, err = a.AccountsWith(ctx, equal, most)
		}
		return err
	})
	return found, err
}

func (c clumsyDirectory) Adopt(ctx context.Context, id, stamp string) (did bool, err error) {
	err = c.w.call(ctx, "Adopt", func() error {
		a, err := c.adopter()
		if err == nil {
			did, err = a.Adopt(ctx, id, stamp)
		}
		return err
	})
	return did, err
}

func (c clumsyDirectory) Abandon(ctx context.Context, id, stamp string) (did bool, err error) {
	err = c.w.call(ctx, "Abandon", func() error {
		a, err := c.adopter()
		if err == nil {
			did, err = a.Abandon(ctx, id, stamp)
		}
		return err
	})
	return did, err
}
