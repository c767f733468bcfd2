package connector

import (
	"context"

	"joinery/internal/fault"
)

// Move asks for another common name of an account. Where that is part of the
// account's id, the account gets another id.
type Move struct {
	ID    string // the account as it was found
	Stamp string // the joiner's mark; an account without it is not moved
	Name  string // the common name
	// Was is the id that was last known. It differs from ID when an earlier try's
	// answer was lost; then that try is finished.
	Was string
}

// Moved is what came of it.
type Moved struct {
	ID      string // the id from now on
	Before  string // the common name from before; Name when nothing changed
	Changed bool   // by this try or by the lost one
}

// Mover is implemented by a directory whose accounts have a common name of their
// own. Groups and managers name the same account afterwards. It is an ensure:
// repeating it changes nothing. fault.Conflict with the key "common_name" when
// another entry of the same place is called so; nothing was written then.
type Mover interface {
	MoveAccount(ctx context.Context, m Move) (Moved, error)
}

// MoveAccount gives an account another common name where the directory can do that.
func MoveAccount(ctx context.Context, dir Directory, m Move) (Moved, error) {
	r, ok := dir.(Mover)
	if !ok {
		return Moved{}, fault.New(fault.Invalid, "Accounts of this directory have no common name of their own. Leave the common name empty.")
	}
	return r.MoveAccount(ctx, m)
}
