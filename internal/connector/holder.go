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

// NameKeeper is a directory that can tell who holds a name. The equality is the
// system's own (case, diacritics, spaces), and so is where the name must be
// unique: a login of Active Directory in the whole domain, among users, groups
// and computers; a common name among the entries of one folder; a mail address
// wherever mail could be delivered. No holder means that the system would take
// the name now, as far as we may see.
type NameKeeper interface {
	Holders(ctx context.Context, attribute, value string) ([]Holder, error)
}

// LoginName is the attribute that stands for the login, whatever it is called in
// the system: sAMAccountName, uid, userName.
const LoginName = "login"

// Holders asks a directory who holds a name. One that is no NameKeeper is asked
// for an account, which finds only what accounts hold.
func Holders(ctx context.Context, dir Directory, attribute, value string) ([]Holder, error) {
	if k, ok := dir.(NameKeeper); ok {
		return k.Holders(ctx, attribute, value)
	}
	by := Lookup{Attribute: attribute, Value: value}
	if strings.EqualFold(attribute, LoginName) {
		by = Lookup{Name: value}
	}
	a, ok, err := dir.FindAccount(ctx, by)
	if fault.Is(err, fault.Conflict) { // several have it
		return []Holder{{Kind: HolderOther, Label: value, Attribute: attribute, Value: value}}, nil
	}
	if err != nil || !ok {
		return nil, err
	}
	h := Holder{ID: a.ID, Kind: HolderAccount, Label: a.Name, Stamp: a.Stamp, Attribute: attribute, Value: value}
	if s, ok := a.Attributes[attribute].(string); ok {
		h.Value = s
	}
	return []Holder{h}, nil
}
