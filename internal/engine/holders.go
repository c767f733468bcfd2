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

func (d countedDirectory) Holders(ctx context.Context, attribute, value string) (found []connector.Holder, err error) {
	err = d.k.called(ctx, d.key, opFindHolder, func(ctx context.Context) error {
		found, err = connector.Holders(ctx, d.dir, attribute, value)
		return err
	})
	return found, err
}

func (r *recorded) Holders(ctx context.Context, attribute, value string) ([]connector.Holder, error) {
	return connector.Holders(ctx, r.dir, attribute, value)
}

func (d guardedDirectory) Holders(ctx context.Context, attribute, value string) ([]connector.Holder, error) {
	return connector.Holders(ctx, d.Directory, attribute, value)
}

// Holders knows the accounts that the simulated run has pretended to make, too.
func (p *pretended) Holders(ctx context.Context, attribute, value string) ([]connector.Holder, error) {
	found, err := connector.Holders(ctx, p.dir, attribute, value)
	if err != nil {
		return nil, err
	}
	by := connector.Lookup{Attribute: attribute, Value: value}
	if strings.EqualFold(attribute, connector.LoginName) {
		by = connector.Lookup{Name: value}
	}
	if a, ok := p.own(by); ok {
		found = append(found, connector.Holder{ID: a.ID, Kind: connector.HolderAccount, Label: a.Name, Stamp: a.Stamp, Attribute: attribute, Value: value})
	}
	return found, nil
}
