package hibob

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/connector/hris"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// perPage is how many employees one page of Changed asks for by id.
const perPage = 400

// keepIDs is how long the list of all ids serves the pages of a walk.
const keepIDs = 10 * time.Minute

// both asks for both of Bob's forms: ids of list values, and their words.
const both = "APPEND"

// asIs are the attributes read in Bob's own form, where its readable one depends
// on the company's language and date format, or names a person.
var asIs = []string{joiner.ManagerID, joiner.StartDate, joiner.EndDate, joiner.Status, joiner.EmployeeNo, joiner.WorkEmail}

// Worker reads one employee.
func (c *conn) Worker(ctx context.Context, id string) (joiner.Worker, error) {
	// Bob takes an e-mail address as well, which is no lasting id.
	if !number(id) {
		return joiner.Worker{}, fault.New(fault.NotFound, "Bob has no employee %s: its employee ids are numbers.", hris.Short(id))
	}
	a, err := c.api.Call(ctx, "POST", "/people/"+id, nil, map[string]any{"fields": c.wanted(), "humanReadable": both})
	if fault.Is(err, fault.NotFound) {
		return joiner.Worker{}, fault.Wrap(fault.NotFound, err, "Bob has no employee %s.", id)
	}
	if err != nil {
		return joiner.Worker{}, err
	}
	m, ok := a.Body.(map[string]any)
	if !ok {
		return joiner.Worker{}, fault.New(fault.Invalid, "Bob's answer is not an employee. Check the base address.")
	}
	if list, several := m["employees"].([]any); several {
		if len(list) == 0 {
			return joiner.Worker{}, fault.New(fault.NotFound, "Bob has no employee %s, or the service user may not see it.", id)
		}
		m, _ = list[0].(map[string]any)
	}
	w, err := c.worker(m)
	if err != nil {
		return joiner.Worker{}, err
	}
	if w.ID != id {
		return joiner.Worker{}, fault.New(fault.Invalid, "Bob answered with another employee than the one asked for.")
	}
	return w, nil
}

func number(id string) bool {
	return id != "" && len(id) <= 20 && strings.Trim(id, "0123456789") == ""
}

// wanted lists the fields that are mapped and the id, and no others.
func (c *conn) wanted() []string {
	out := append(slices.Collect(maps.Values(c.set.fields)), "root.id")
	slices.Sort(out)
	return slices.Compact(out)
}

// Changed lists all employees, the inactive ones too, by id: Bob tells nobody when
// an employee changed, so since is of no use. A worker's version is the hash of
// what was read, which shows who did.
func (c *conn) Changed(ctx context.Context, _ time.Time, cursor string) ([]joiner.Worker, string, error) {
	ids, err := c.everybody(ctx, cursor != "")
	if err != nil {
		return nil, "", err
	}
	begin, found := slices.BinarySearchFunc(ids, cursor, order)
	if found {
		begin++
	}
	end := min(begin+perPage, len(ids))
	if begin == end {
		return nil, "", nil
	}
	list, err := c.search(ctx, c.wanted(), ids[begin:end])
	if err != nil {
		return nil, "", err
	}
	var page []joiner.Worker
	for _, m := range list {
		w, err := c.worker(m)
		if err != nil {
			c.cfg.Log.Warn("an employee was left out, because a value cannot be read")
			continue
		}
		page = append(page, w)
	}
	slices.SortFunc(page, func(a, b joiner.Worker) int { return order(a.ID, b.ID) })
	if end == len(ids) {
		return page, "", nil
	}
	return page, ids[end-1], nil
}

// order sorts ids as the numbers they are; Bob's grow with time.
func order(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// everybody gives all ids: asked for anew for the first page, kept for the others.
func (c *conn) everybody(ctx context.Context, further bool) ([]string, error) {
	c.mu.Lock()
	kept, fresh := c.ids, c.cfg.Now().Sub(c.idsAt) < keepIDs
	c.mu.Unlock()
	if further && fresh && kept != nil {
		return kept, nil
	}
	list, err := c.search(ctx, []string{"root.id"}, nil)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, m := range list {
		if id := hris.Plain(at(m, "root.id")); number(id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, order)
	ids = slices.Compact(ids)
	c.mu.Lock()
	c.ids, c.idsAt = ids, c.cfg.Now()
	c.mu.Unlock()
	return ids, nil
}

// search gives the employees with these ids, or all.
func (c *conn) search(ctx context.Context, fields, ids []string) ([]map[string]any, error) {
	ask := map[string]any{"fields": fields, "showInactive": true, "humanReadable": both}
	if ids != nil {
		ask["filters"] = []any{map[string]any{"fieldPath": "root.id", "operator": "equals", "values": ids}}
	}
	a, err := c.api.Call(ctx, "POST", "/people/search", nil, ask)
	if err != nil {
		return nil, err
	}
	m, _ := a.Body.(map[string]any)
	list, ok := m["employees"].([]any)
	if !ok {
		return nil, fault.New(fault.Invalid, "Bob's answer has no list of employees. Check the base address.")
	}
	out := []map[string]any{}
	for _, x := range list {
		if e, ok := x.(map[string]any); ok {
			out = append(out, e)
		}
	}
	return out, nil
}

func (c *conn) worker(m map[string]any) (joiner.Worker, error) {
	w := joiner.Worker{ID: hris.Plain(at(m, "root.id")), Attributes: map[string]any{}}
	if w.ID == "" {
		return w, fault.New(fault.Invalid, "Bob's answer has an employee without an id. The service user needs the right to see basic information.")
	}
	readable, _ := m["humanReadable"].(map[string]any)
	for name, path := range c.set.fields {
		v, err := hris.Value(name, pick(name, at(m, path), at(readable, path)))
		if err != nil {
			return joiner.Worker{}, err
		}
		if v != nil {
			w.Attributes[name] = v
		}
	}
	c.set.words.Apply(w.Attributes)
	text, err := json.Marshal(w.Attributes)
	if err != nil {
		return joiner.Worker{}, fault.Wrap(fault.Invalid, err, "Bob's answer has a value that cannot be kept.")
	}
	w.Version = hris.Key(string(text))[:32]
	return w, nil
}

// pick chooses between a field's two forms.
func pick(name string, own, readable any) any {
	if person, ok := own.(map[string]any); ok && name == joiner.ManagerID {
		return person["id"] // work.reportsTo is a person
	}
	if s, ok := readable.(string); ok && s != "" && !slices.Contains(asIs, name) {
		return s
	}
	if own == nil {
		return readable
	}
	return own
}

// at finds a field in Bob's answer, which writes it as {"/work/title": {"value": …}},
// or nested as {"work": {"title": …}}; fields of root stand at the top.
func at(m map[string]any, path string) any {
	if flat, ok := m["/"+strings.ReplaceAll(path, ".", "/")].(map[string]any); ok {
		return flat["value"]
	}
	parts := strings.Split(path, ".")
	if parts[0] == "root" {
		parts = parts[1:]
	}
	var v any = m
	for _, p := range parts {
		inner, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = inner[p]
	}
	return v
}
