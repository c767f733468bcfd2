package connector

import (
	"context"
	"strings"

	"joinery/internal/fault"
)

// Kinds of things that hold names.
const (
	HolderAccount  = "account"
	HolderGroup    = "group"
	HolderComputer = "computer"
	HolderContact  = "contact"
	HolderOther    = "other"
)

// Holder is who holds a name in an outside system.
type Holder struct {
	ID    string `json:"id"`              // DN, or the system's id
	Kind  string `json:"kind"`            // HolderAccount, …
	Label string `json:"label"`           // what people call it there
	Stamp string `json:"stamp,omitempty"` // our mark; "" when it is none of ours
	// Attribute and Value are where the name stands and how it is written there.
	Attribute string `json:"attribute"`
	Value     string `json:"value"`
}

// NameQuery asks who holds a name: by which attribute, and where. Within is a
// place (a DN) below which alone it has to be unique, at any depth; "" is
// everywhere. Systems without places take no notice of it.
type NameQuery struct {
	Attribute string // LoginName for the login, whatever it is called in the system
	Value     string
	Within    string
}

// NameKeeper is a directory that can tell who holds a name. The equality is the
// system's own (case, diacritics, spaces), and everything that the name must be
// told apart from counts: a login of Active Directory is shared by users, groups
// and computers of the whole domain; a mail address is taken wherever mail could
// be delivered by it. No holder means that the system would take the name now, as
// far as we may see.
type NameKeeper interface {
	Holders(ctx context.Context, q NameQuery) ([]Holder, error)
}

// LoginName is the attribute that stands for the login, whatever it is called in
// the system: sAMAccountName, uid, userName.
const LoginName = "login"

// Holders asks a directory who holds a name. One that is no NameKeeper is asked
// for an account, which finds only what accounts hold.
func Holders(ctx context.Context, dir AccountReader, q NameQuery) ([]Holder, error) {
	if k, ok := dir.(NameKeeper); ok {
		return k.Holders(ctx, q)
	}
	by := Lookup{Attribute: q.Attribute, Value: q.Value}
	if strings.EqualFold(q.Attribute, LoginName) {
		by = Lookup{Name: q.Value}
	}
	a, ok, err := dir.FindAccount(ctx, by)
	if fault.Is(err, fault.Conflict) { // several have it
		return []Holder{{Kind: HolderOther, Label: q.Value, Attribute: q.Attribute, Value: q.Value}}, nil
	}
	if err != nil || !ok {
		return nil, err
	}
	h := Holder{ID: a.ID, Kind: HolderAccount, Label: a.Name, Stamp: a.Stamp, Attribute: q.Attribute, Value: q.Value}
	if s, ok := a.Attributes[q.Attribute].(string); ok {
		h.Value = s
	}
	return []Holder{h}, nil
}
