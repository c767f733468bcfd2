package engine

import (
	"context"
	"strings"

	"joinery/internal/connector"
)

// opFindHolder is the call that asks who holds a name.
const opFindHolder = "name.find"

// Every directory that a step gets can tell who holds a name, whatever stands
// around the connection.
var (
	_ connector.NameKeeper = countedDirectory{}
	_ connector.NameKeeper = (*recorded)(nil)
	_ connector.NameKeeper = (*pretended)(nil)
	_ connector.NameKeeper = guardedDirectory{}
)

func (d countedDirectory) Holders(ctx context.Context, q connector.NameQuery) (found []connector.Holder, err error) {
	err = d.k.called(ctx, d.key, opFindHolder, func(ctx context.Context) error {
		found, err = connector.Holders(ctx, d.dir, q)
		return err
	})
	return found, err
}

func (r *recorded) Holders(ctx context.Context, q connector.NameQuery) ([]connector.Holder, error) {
	return connector.Holders(ctx, r.dir, q)
}

func (d guardedDirectory) Holders(ctx context.Context, q connector.NameQuery) ([]connector.Holder, error) {
	return connector.Holders(ctx, d.Directory, q)
}

// Holders knows the accounts that the simulated run has pretended to make, too.
func (p *pretended) Holders(ctx context.Context, q connector.NameQuery) ([]connector.Holder, error) {
	found, err := connector.Holders(ctx, p.dir, q)
	if err != nil {
		return nil, err
	}
	by := connector.Lookup{Attribute: q.Attribute, Value: q.Value}
	if strings.EqualFold(q.Attribute, connector.LoginName) {
		by = connector.Lookup{Name: q.Value}
	}
	if a, ok := p.own(by); ok {
		found = append(found, connector.Holder{ID: a.ID, Kind: connector.HolderAccount, Label: a.Name, Stamp: a.Stamp, Attribute: q.Attribute, Value: q.Value})
	}
	return found, nil
}
