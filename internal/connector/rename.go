package connector

import (
	"context"

	"joinery/internal/fault"
)

// Renamer is implemented by a directory that can give an account another user
// name. It gives the name from before; the same as the new one when nothing
// changed. fault.Conflict with the key "name" when somebody else has the new one.
type Renamer interface {
	RenameAccount(ctx context.Context, id, name string) (before string, err error)
}

// Rename gives an account another user name where the directory can do that.
func Rename(ctx context.Context, dir Directory, id, name string) (before string, err error) {
	r, ok := dir.(Renamer)
	if !ok {
		return "", fault.New(fault.Invalid, "This directory cannot give an account another user name. Rename it there, or keep the name.")
	}
	return r.RenameAccount(ctx, id, name)
}
