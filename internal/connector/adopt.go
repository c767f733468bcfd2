package connector

import "context"

// AccountSearcher is a directory whose accounts can be found by what they hold,
// whoever made them.
type AccountSearcher interface {
	// AccountsWith gives accounts that hold all of the values (attribute → value), by
	// the system's own equality, up to most. Attributes are named as in
	// Ensure.Attributes; LoginName is the login. Groups and Protected are filled.
	AccountsWith(ctx context.Context, equal map[string]string, most int) ([]Account, error)
}

// Adopter can put Joinery's mark on an account that somebody else made, and take it
// off again. Both are ensures: doing so twice changes nothing.
type Adopter interface {
	AccountSearcher
	// Adopt puts the mark on an account without one. fault.Conflict when anything
	// else stands where the mark goes, or another account bears this one;
	// fault.Forbidden when the account is protected. Nothing was written then.
	Adopt(ctx context.Context, id, stamp string) (changed bool, err error)
	// Abandon takes the mark off, if it is still this one.
	Abandon(ctx context.Context, id, stamp string) (changed bool, err error)
}
