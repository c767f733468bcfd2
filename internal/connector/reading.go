package connector

import (
	"context"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// Reading is an open connection that can only be read: it has no method that
// changes anything, and it hands out nothing that has one. Whoever looks at live
// systems outside of a run gets this and never the connection.
type Reading struct {
	key  string
	conn Conn
}

// ReadOnly gives the reading side of an open connection.
func ReadOnly(key string, c Conn) Reading { return Reading{key, c} }

// AccountReader is the reading side of a directory.
type AccountReader interface {
	FindAccount(ctx context.Context, by Lookup) (Account, bool, error)
	FindGroup(ctx context.Context, name string) (Group, bool, error)
}

func (r Reading) accounts() (AccountReader, error) {
	a, ok := r.conn.(AccountReader)
	if !ok {
		return nil, fault.New(fault.Invalid, "The connection %s has no accounts and groups.", r.key)
	}
	return a, nil
}

// FindAccount finds an account.
func (r Reading) FindAccount(ctx context.Context, by Lookup) (Account, bool, error) {
	a, err := r.accounts()
	if err != nil {
		return Account{}, false, err
	}
	return a.FindAccount(ctx, by)
}

// FindGroup finds a group.
func (r Reading) FindGroup(ctx context.Context, name string) (Group, bool, error) {
	a, err := r.accounts()
	if err != nil {
		return Group{}, false, err
	}
	return a.FindGroup(ctx, name)
}

// Holders finds who holds a name.
func (r Reading) Holders(ctx context.Context, q NameQuery) ([]Holder, error) {
	a, err := r.accounts()
	if err != nil {
		return nil, err
	}
	return Holders(ctx, a, q)
}

// Worker reads a worker of an HRIS.
func (r Reading) Worker(ctx context.Context, id string) (joiner.Worker, error) {
	w, ok := r.conn.(interface {
		Worker(ctx context.Context, id string) (joiner.Worker, error)
	})
	if !ok {
		return joiner.Worker{}, fault.New(fault.Invalid, "The connection %s has no workers to read.", r.key)
	}
	return w.Worker(ctx, id)
}

// AccountsWith finds accounts by what they hold.
func (r Reading) AccountsWith(ctx context.Context, equal map[string]string, most int) ([]Account, error) {
	a, ok := r.conn.(AccountSearcher)
	if !ok {
		return nil, CannotSearch(r.key)
	}
	return a.AccountsWith(ctx, equal, most)
}

// CannotSearch says that accounts of a connection cannot be searched.
func CannotSearch(key string) error {
	return fault.New(fault.Invalid, "The accounts of %s cannot be searched by what they hold. Take its rules out of the policy.", key)
}
