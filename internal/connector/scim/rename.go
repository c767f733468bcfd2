package scim

import (
	"context"
	"net/http"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

var _ connector.Renamer = (*conn)(nil)

// RenameAccount gives an account another userName.
func (c *conn) RenameAccount(ctx context.Context, id, name string) (string, error) {
	if err := c.checkName(name); err != nil {
		return "", err
	}
	other, err := c.byName(ctx, name)
	if err != nil {
		return "", err
	}
	if other != nil && text(other, "id") != id {
		_, err := c.named(ctx, other, connector.Ensure{Name: name}, nil)
		return "", err
	}
	full, before := c.userName(name), ""
	err = c.change(ctx, users, id, func(r map[string]any) []edit {
		before = text(r, "userName")
		if before == full {
			return nil
		}
		return []edit{{at: attr{name: "userName"}, value: full}}
	})
	if status(err) == http.StatusConflict {
		f := fault.New(fault.Conflict, "userName %q is taken in %s. Choose another name.", short(name), c.set.base.Host)
		f.Key = "name"
		return "", f
	}
	return c.login(before), err
}
