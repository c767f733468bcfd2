package exception_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/exception"
	"joinery/internal/fault"
)

var now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func TestNext(t *testing.T) {
	operator := auth.Actor{UserID: "u1", Roles: []auth.Role{auth.Operator}}
	reviewer := auth.Actor{UserID: "u2", Roles: []auth.Role{auth.Reviewer}}
	lent := auth.Actor{UserID: "u2", Roles: []auth.Role{auth.Reviewer}, Lent: true}
	field := func(s exception.State) exception.Exception {
		return exception.Exception{Kind: exception.WriteBack, State: s, Values: true}
	}
	other := exception.Exception{Kind: exception.Manager, State: exception.Open}
	asks := exception.Consent{Needed: true, Role: "reviewer"}
	day := now.AddDate(0, 0, 7)
	for name, c := range map[string]struct {
		e    exception.Exception
		by   auth.Actor
		w    exception.Wish
		c    exception.Consent
		to   exception.State
		kind fault.Kind
	}{
		"HR's value is accepted":                       {e: field(exception.Open), by: operator, w: exception.Wish{Act: exception.AcceptHR}, to: exception.Resolved},
		"there is nothing to accept without values":    {e: other, by: operator, w: exception.Wish{Act: exception.AcceptHR}, kind: fault.Invalid},
		"pushed by contract":                           {e: field(exception.Open), by: operator, w: exception.Wish{Act: exception.Push}, to: exception.Pushing},
		"pushing asks for the contract's role":         {e: field(exception.Open), by: operator, w: exception.Wish{Act: exception.Push}, c: asks, to: exception.Asked},
		"who asked does not ask twice":                 {e: field(exception.Asked), by: operator, w: exception.Wish{Act: exception.Push}, c: asks, kind: fault.Conflict},
		"the role agrees":                              {e: field(exception.Asked), by: reviewer, w: exception.Wish{Act: exception.Push}, c: asks, to: exception.Pushing},
		"a lent token does not":                        {e: field(exception.Open), by: lent, w: exception.Wish{Act: exception.Push}, c: asks, to: exception.Asked},
		"the role says no":                             {e: field(exception.Asked), by: reviewer, w: exception.Wish{Act: exception.Refuse}, c: asks, to: exception.Open},
		"who has not the role cannot say no":           {e: field(exception.Asked), by: operator, w: exception.Wish{Act: exception.Refuse}, c: asks, kind: fault.Forbidden},
		"until a date, with reason and owner":          {e: field(exception.Open), by: operator, w: exception.Wish{Act: exception.Until, Reason: "their merger", Owner: "u1", Until: day}, to: exception.Excepted},
		"not without an owner":                         {e: field(exception.Open), by: operator, w: exception.Wish{Act: exception.Until, Reason: "their merger", Until: day}, kind: fault.Invalid},
		"not in the past":                              {e: field(exception.Open), by: operator, w: exception.Wish{Act: exception.Until, Reason: "their merger", Owner: "u1", Until: now}, kind: fault.Invalid},
		"not for ever":                                 {e: field(exception.Open), by: operator, w: exception.Wish{Act: exception.Until, Reason: "their merger", Owner: "u1", Until: now.AddDate(2, 0, 0)}, kind: fault.Invalid},
		"nothing happens while it is pushed":           {e: field(exception.Pushing), by: operator, w: exception.Wish{Act: exception.AcceptHR}, kind: fault.Conflict},
		"but somebody may answer for it":               {e: field(exception.Pushing), by: operator, w: exception.Wish{Act: exception.Assign, Owner: "u1"}, to: exception.Pushing},
		"what is resolved stays so":                    {e: field(exception.Resolved), by: operator, w: exception.Wish{Act: exception.Push}, kind: fault.Conflict},
		"others are closed by hand":                    {e: other, by: operator, w: exception.Wish{Act: exception.Close, Reason: "the manager was set"}, to: exception.Resolved},
		"with a reason":                                {e: other, by: operator, w: exception.Wish{Act: exception.Close}, kind: fault.Invalid},
		"two values are not closed without a decision": {e: field(exception.Open), by: operator, w: exception.Wish{Act: exception.Close, Reason: "never mind"}, kind: fault.Invalid},
		"an unknown act":                               {e: field(exception.Open), by: operator, w: exception.Wish{Act: "burn"}, kind: fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			to, err := c.e.Next(c.by, c.w, c.c, now)
			if c.kind != "" {
				require.Error(t, err)
				require.Equal(t, c.kind, fault.KindOf(err), err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.to, to)
		})
	}
}
