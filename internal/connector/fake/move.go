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

var _ connector.Mover = (*directory)(nil)

// MoveAccount gives an account another common name, and with it another id, as a
// directory does whose entries are named by it.
func (d *directory) MoveAccount(_ context.Context, m connector.Move) (out connector.Moved, err error) {
	var refused error
	err = Change(d.path, func(s *State) {
		a, found := s.Accounts[m.ID]
		for _, x := range s.Accounts {
			if x.Stamp == m.Stamp && a.Stamp != m.Stamp {
				a, found = x, true
			}
			if strings.EqualFold(fmt.Sprint(x.Attributes["cn"]), m.Name) && x.Stamp != m.Stamp {
				refused = &fault.Error{Kind: fault.Conflict, Key: "common_name", Sentence: fmt.Sprintf("Somebody else is called %s.", m.Name)}
			}
		}
		if !found {
			refused = fault.New(fault.NotFound, "There is no account %s.", m.ID)
		}
		if refused != nil {
			return
		}
		out = connector.Moved{ID: a.ID, Before: fmt.Sprint(a.Attributes["cn"]), Changed: true}
		if out.Before == m.Name {
			out.Changed = m.Was != "" && m.Was != a.ID
			if before, moved := strings.CutPrefix(m.Was, "cn="); out.Changed && moved {
				out.Before = before
			}
			return
		}
		out.ID = "cn=" + m.Name
		s.rename(a, out.ID, m.Name)
	})
	if err == nil {
		err = refused
	}
	return out, err
}

// rename puts the new id wherever the old one stands.
func (s *State) rename(a connector.Account, id, name string) {
	was := a.ID
	delete(s.Accounts, was)
	if a.Attributes = maps.Clone(a.Attributes); a.Attributes == nil {
		a.Attributes = map[string]any{}
	}
	a.ID, a.Attributes["cn"] = id, name
	s.Accounts[id] = a
	if at, ok := s.Made[was]; ok {
		delete(s.Made, was)
		s.Made[id] = at
	}
	for _, members := range s.Groups {
		if i := slices.Index(members, was); i >= 0 {
			members[i] = id
		}
	}
	for _, x := range s.Accounts {
		if x.Attributes["manager"] == was {
			x.Attributes["manager"] = id
		}
	}
}
