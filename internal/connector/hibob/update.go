package hibob

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/connector/hris"
	"joinery/internal/fault"
)

// emailField is changed by a call of its own.
const emailField = "root.email"

// keepFields is how long the account's list of fields is good for.
const keepFields = 10 * time.Minute

// field is what Bob says about one of its fields.
type field struct {
	id, path, kind string
	historical     bool
}

// UpdateWorker sets fields of an employee; fields that are not named stay. Bob
// answers before its reads show the change: verify after ReadLag. Fields that this
// call cannot change are refused before anything is written.
func (c *conn) UpdateWorker(ctx context.Context, id string, set map[string]any) error {
	return c.UpdateWorkerFrom(ctx, id, set, nil)
}

// UpdateWorkerFrom is UpdateWorker for fields that must still be as they were. Bob
// has no conditional update, so they are read once more just before it. Its reads lag:
// an edit of the seconds before is seen neither here nor by anybody else.
func (c *conn) UpdateWorkerFrom(ctx context.Context, id string, set, was map[string]any) error {
	if err := hris.Unmapped("Bob", c.set.fields, set); err != nil {
		return err
	}
	if !number(id) {
		return fault.New(fault.NotFound, "Bob has no employee %s: its employee ids are numbers.", hris.Short(id))
	}
	known, err := c.fields(ctx)
	if err != nil {
		return fmt.Errorf("read the fields: %w", err)
	}
	if err := c.writable(known, set); err != nil {
		return err
	}
	if err := c.still(ctx, id, set, was); err != nil {
		return err
	}
	body, email := map[string]any{}, false
	for name, v := range set {
		path := c.set.fields[name]
		if path == emailField {
			email = true
			if err := c.setEmail(ctx, id, v); err != nil {
				return c.missing(id, err)
			}
			continue
		}
		put(body, strings.Split(strings.TrimPrefix(known[path].path, "root."), "."), v)
	}
	if len(body) == 0 && email {
		return nil
	}
	_, err = c.api.Call(ctx, "PUT", "/people/"+id, nil, body) // 304: it was so already
	return c.missing(id, err)
}

// still refuses to write where a field is neither as it was read nor as it is to be.
func (c *conn) still(ctx context.Context, id string, set, was map[string]any) error {
	if was == nil {
		return nil
	}
	now, err := c.Worker(ctx, id)
	if err != nil {
		return err
	}
	plain := func(v any) string {
		if v == nil {
			return ""
		}
		return strings.TrimSpace(fmt.Sprint(v))
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		have := plain(now.Attributes[name])
		if have != plain(was[name]) && have != plain(set[name]) {
			return fault.New(fault.Conflict, "The field %s changed in Bob meanwhile.", name)
		}
	}
	return nil
}

func (c *conn) setEmail(ctx context.Context, id string, v any) error {
	mail, ok := v.(string)
	if !ok || !strings.Contains(mail, "@") {
		return fault.New(fault.Invalid, "Bob signs employees in with their e-mail address, so it can be changed but not removed.")
	}
	_, err := c.api.Call(ctx, "PUT", "/people/"+id+"/email", nil, map[string]any{"email": mail})
	return err
}

func (c *conn) missing(id string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.Wrap(fault.NotFound, err, "Bob has no employee %s.", id)
	}
	return err
}

// writable says which fields the update cannot change: Bob would answer OK, or
// 304, and do nothing.
func (c *conn) writable(known map[string]field, set map[string]any) error {
	var problems []fault.Problem
	for _, name := range slices.Sorted(maps.Keys(set)) {
		path := c.set.fields[name]
		f, ok := known[path]
		why := ""
		switch {
		case path == emailField:
		case !ok:
			why = "Bob has no field of this id."
		case f.historical:
			why = "Bob keeps its history in a table, which an update of fields does not change."
		case f.kind == "list" || f.kind == "multi-list" || f.kind == "hierarchy-list" || f.kind == "employee-reference" || f.kind == "document":
			why = "it is a " + f.kind + " in Bob, and only texts, numbers and dates can be written back."
		}
		if why != "" {
			problems = append(problems, fault.Problem{Path: name, Detail: fmt.Sprintf("%s (%s): %s", name, path, why)})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Sentence: "Nothing was written to Bob. " + problems[0].Detail, Problems: problems}
}

func put(m map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		next, ok := m[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[name] = next
		}
		m = next
	}
	m[path[len(path)-1]] = v
}

// fields gives what Bob says about its fields, by id.
func (c *conn) fields(ctx context.Context) (map[string]field, error) {
	c.mu.Lock()
	known, fresh := c.known, c.cfg.Now().Sub(c.knownAt) < keepFields
	c.mu.Unlock()
	if known != nil && fresh {
		return known, nil
	}
	a, err := c.api.Call(ctx, "GET", "/company/people/fields", nil, nil)
	if err != nil {
		return nil, err
	}
	list, ok := a.Body.([]any)
	if !ok {
		return nil, fault.New(fault.Invalid, "Bob's answer is not a list of fields. Check the base address.")
	}
	known = map[string]field{}
	for _, x := range list {
		m, _ := x.(map[string]any)
		f := field{id: hris.Plain(m["id"]), path: hris.Plain(m["jsonPath"]), kind: hris.Plain(m["type"])}
		f.historical, _ = m["historical"].(bool)
		if f.path == "" {
			f.path = f.id
		}
		if f.id != "" {
			known[f.id] = f
		}
	}
	c.mu.Lock()
	c.known, c.knownAt = known, c.cfg.Now()
	c.mu.Unlock()
	return known, nil
}
