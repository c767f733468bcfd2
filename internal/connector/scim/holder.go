package scim

import (
	"context"
	"strings"

	"joinery/internal/connector"
)

// maxHolders is how many are of interest: one makes a name taken.
const maxHolders = 5

// Holders finds who holds a name. Services differ in whether they tell upper from
// lower case; here none is told apart, because most do not and mail never does.
func (c *conn) Holders(ctx context.Context, q connector.NameQuery) ([]connector.Holder, error) {
	attribute, value := q.Attribute, q.Value
	if err := checkText(attribute, value); err != nil || strings.TrimSpace(value) == "" {
		return nil, err
	}
	if strings.EqualFold(attribute, connector.LoginName) {
		attribute = "userName"
	}
	if strings.EqualFold(attribute, "userName") {
		value = c.userName(value)
		return c.holders(ctx, attribute, "userName", value, func(r map[string]any) string { return matching(value, text(r, "userName")) })
	}
	p, err := parse(attribute)
	if err != nil {
		return nil, err
	}
	untyped := p
	untyped.kind = ""
	return c.holders(ctx, attribute, untyped.String(), value, func(r map[string]any) string {
		if p.kind == "" {
			s, _ := p.in(r).(string)
			return matching(value, s)
		}
		// An address is taken whatever type it stands under.
		list, _ := get(r, p.name).([]any)
		for _, x := range list {
			if m, ok := x.(map[string]any); ok && matching(value, text(m, p.sub)) != "" {
				return text(m, p.sub)
			}
		}
		return ""
	})
}

// matching gives what is held when it is the same name, else "".
func matching(value, held string) string {
	if strings.EqualFold(value, held) {
		return held
	}
	return ""
}

func (c *conn) holders(ctx context.Context, attribute, filter, value string, held func(map[string]any) string) ([]connector.Holder, error) {
	match := func(r map[string]any) bool { return held(r) != "" }
	found, err := c.find(ctx, users, filter, value, maxHolders, match)
	if lower := strings.ToLower(value); err == nil && len(found) == 0 && lower != value {
		found, err = c.find(ctx, users, filter, lower, maxHolders, match)
	}
	if err != nil {
		return nil, err
	}
	var out []connector.Holder
	for _, r := range found {
		label := text(r, "displayName")
		if label == "" {
			label = text(r, "userName")
		}
		out = append(out, connector.Holder{ID: text(r, "id"), Kind: connector.HolderAccount, Label: label, Stamp: text(r, "externalId"), Attribute: attribute, Value: held(r)})
	}
	return out, nil
}
