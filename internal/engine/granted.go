package engine

import (
	"context"
	"slices"
	"strings"

	"joinery/internal/connector"
)

// member names one account of one connection.
type member struct{ connection, account string }

// saw keeps which groups an account was in when this try looked at it.
func (b *boundary) saw(connection string, a connector.Account) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.groups == nil {
		b.groups = map[member][]string{}
	}
	b.groups[member{connection, a.ID}] = slices.Clone(a.Groups)
}

func (b *boundary) isIn(connection, account, group string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.groups[member{connection, account}], func(g string) bool { return strings.EqualFold(g, group) })
}

// grants lists the groups that Joinery gave an account of this joiner.
func (b *boundary) grants(ctx context.Context, connection, account string) ([]string, error) {
	if b.k.foresees != nil && (b.k.c.JoinerID == "" || b.k.trial.Past != nil) {
		return nil, nil
	}
	list, err := b.k.e.DB.GrantedGroups(ctx, b.k.c.JoinerID, connection, account)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ours == nil {
		b.ours = map[member][]string{}
	}
	b.ours[member{connection, account}] = list
	return list, nil
}

// granted reports whether Joinery gave a membership, as far as this try has asked.
func (b *boundary) granted(connection, account, group string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.ours[member{connection, account}], group)
}
