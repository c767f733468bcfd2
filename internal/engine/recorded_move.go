package engine

import (
	"context"
	"fmt"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/postgres"
)

// MoveAccount gives an account another common name. The id it had is on record before,
// so that a try whose answer was lost is finished and can be undone.
func (r *recorded) MoveAccount(ctx context.Context, m connector.Move) (connector.Moved, error) {
	called := map[string]any{"cn": m.Name}
	if err := r.mayBeCalled(ctx, "", called); err != nil {
		return connector.Moved{}, err
	}
	k := r.b.k
	row := postgres.AccountRow{JoinerID: k.c.JoinerID, Connection: r.key, AccountID: m.ID, Run: k.c.ID}
	begun, err := k.e.DB.FindIntent(ctx, r.b.opKey(r.key, opMove, m.Stamp))
	if err != nil {
		return connector.Moved{}, err
	}
	if begun {
		m.Was, err = k.e.DB.AccountBefore(ctx, row.JoinerID, r.key, m.ID)
	} else {
		a, found, e := r.dir.FindAccount(ctx, connector.Lookup{ID: m.ID})
		if e == nil && found && a.Stamp == m.Stamp && a.Attributes["cn"] == m.Name {
			r.b.isCalled(k.nowCalled("", called))
			return connector.Moved{ID: m.ID, Before: m.Name}, nil
		}
		if err = e; err == nil && !found {
			err = fault.New(fault.NotFound, "There is no account %s in %s. Somebody may have renamed or removed it.", m.ID, r.key)
		}
		if err == nil {
			row.Name, row.Enabled = a.Name, &a.Enabled
			m.Was, err = m.ID, k.e.DB.KnowAccount(ctx, row)
		}
	}
	if err != nil {
		return connector.Moved{}, err
	}
	key, intended, err := r.b.intend(ctx, r.key, opMove, m.Stamp)
	if err != nil {
		return connector.Moved{}, err
	}
	if intended.Receipt != nil {
		m.Was = m.ID // that try came to its end
	}
	out, err := connector.MoveAccount(ctx, r.dir, m)
	if err != nil {
		return connector.Moved{}, err
	}
	row.AccountID = out.ID
	if out.Changed {
		row.Was = m.Was
	}
	r.b.isCalled(k.nowCalled("", called))
	r.b.receipt(key, opMove, r.key, map[string]any{"account": out.ID, "name": out.Before, "changed": out.Changed}, &row)
	if out.Changed {
		r.b.note(Change{Connection: r.key, Operation: opMove, Target: out.ID, Sentence: fmt.Sprintf("The common name is %s in %s", m.Name, r.key),
			Attributes: []connector.Change{{Attribute: "cn", Before: out.Before, After: m.Name}}})
	}
	return out, nil
}

// elsewhere looks by the mark for an account of the joiner that has another id by now;
// somebody else may have its old one. Without one, what the id found stays.
func (r *recorded) elsewhere(ctx context.Context, id string, a connector.Account, found bool) (connector.Account, bool, error) {
	k := r.b.k
	now, err := k.e.DB.AccountNow(ctx, k.c.JoinerID, r.key, id)
	if err != nil || now == "" || found && now == id {
		return a, found, err
	}
	mine, there, err := r.dir.FindAccount(ctx, connector.Lookup{Stamp: k.c.Ref.Stamp()})
	if err != nil || !there {
		return a, found, err
	}
	return mine, true, nil
}

// undoMove gives an account its common name from before, and keeps the id it has then.
func (k *carrier) undoMove(ctx context.Context, dir connector.Directory, connection string, r receiptBody) error {
	row := postgres.AccountRow{JoinerID: k.c.JoinerID, Connection: connection, AccountID: r.Account, Run: k.c.ID}
	out, err := connector.MoveAccount(ctx, dir, connector.Move{ID: r.Account, Was: r.Account, Stamp: k.c.Ref.Stamp(), Name: r.Name})
	if err != nil {
		return err
	}
	row.AccountID, row.Was = out.ID, r.Account
	return k.e.DB.MoveAccount(ctx, row)
}
