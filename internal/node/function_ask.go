package node

import (
	"context"
	"encoding/json"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// ask answers what a function's code asks of connected systems, through the same
// boundary as every node. That the code may ask was judged before.
func (c Call) ask(ctx context.Context, name string, raw []json.RawMessage) (any, error) {
	var connection, text string
	if len(raw) < 2 || json.Unmarshal(raw[0], &connection) != nil {
		return nil, fault.New(fault.Invalid, "%s needs a connection and what to look for.", name)
	}
	if name != "directory.find_account" && (json.Unmarshal(raw[1], &text) != nil || text == "") {
		return nil, fault.New(fault.Invalid, "%s needs a text to look for.", name)
	}
	c.Log("asked %s of %s", name, connection)
	if name == "hris.get_worker" {
		return c.worker(ctx, connection, text)
	}
	dir, err := c.Directory(ctx, connection)
	if err != nil {
		return nil, err
	}
	switch name {
	case "directory.find_account":
		return findForCode(ctx, dir, raw[1])
	case "directory.username_taken":
		a, found, err := dir.FindAccount(ctx, connector.Lookup{Name: text})
		return found && a.Stamp != c.Ref.Stamp(), err
	case "directory.group_exists":
		_, found, err := dir.FindGroup(ctx, text)
		return found, err
	}
	return nil, fault.New(fault.Invalid, "There is no %s to ask.", name)
}

func (c Call) worker(ctx context.Context, connection, id string) (any, error) {
	hr, err := c.Workers(ctx, connection)
	if err != nil {
		return nil, err
	}
	w, err := hr.Worker(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := plainMap(w.Attributes)
	out["id"] = w.ID
	return out, nil
}

// findForCode finds an account by one attribute, its login, or its id.
func findForCode(ctx context.Context, dir connector.Directory, raw json.RawMessage) (any, error) {
	var by map[string]string
	if json.Unmarshal(raw, &by) != nil || len(by) != 1 {
		return nil, fault.New(fault.Invalid, `directory.find_account looks by one attribute, like {employeeNumber = "E42"}.`)
	}
	var look connector.Lookup
	for k, v := range by {
		if v == "" {
			return nil, fault.New(fault.Invalid, "directory.find_account needs a value to look for.")
		}
		switch k {
		case "login":
			look.Name = v
		case "id":
			look.ID = v
		default:
			look.Attribute, look.Value = k, v
		}
	}
	a, found, err := dir.FindAccount(ctx, look)
	if err != nil || !found {
		return nil, err
	}
	return map[string]any{"id": a.ID, "login": a.Name, "enabled": a.Enabled, "attributes": plainMap(a.Attributes)}, nil
}
