package bamboohr

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"joinery/internal/connector/hris"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// perPage is how many employees one page of Changed reads: BambooHR names who
// changed in one answer and gives each employee in one of its own. A page is to be
// done within a minute, also where few calls a second are allowed.
const perPage = 10

// keepList is how long one answer about who changed serves the pages of a walk.
const keepList = 5 * time.Minute

// Worker reads one employee.
func (c *conn) Worker(ctx context.Context, id string) (joiner.Worker, error) {
	raw, err := c.employee(ctx, id, c.wanted())
	if err != nil {
		return joiner.Worker{}, err
	}
	return c.worker(raw)
}

// wanted lists the fields that are mapped, and no others.
func (c *conn) wanted() []string {
	out := slices.Collect(maps.Values(c.set.fields))
	if c.set.changedAt != "" {
		out = append(out, c.set.changedAt)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *conn) employee(ctx context.Context, id string, fields []string) (map[string]any, error) {
	// Employee 0 is whoever the key belongs to, and a path of its own is another call.
	if !number(id) {
		return nil, fault.New(fault.NotFound, "BambooHR has no employee %s: its employee ids are numbers.", hris.Short(id))
	}
	a, err := c.api.Call(ctx, "GET", "/api/v1/employees/"+id, url.Values{"fields": {strings.Join(fields, ",")}}, nil)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.Wrap(fault.NotFound, err, "BambooHR has no employee %s.", id)
	}
	if err != nil {
		return nil, err
	}
	m, ok := a.Body.(map[string]any)
	if !ok {
		return nil, fault.New(fault.Invalid, "BambooHR's answer is not an employee. Check the base address.")
	}
	if hris.Plain(m["id"]) != id {
		return nil, fault.New(fault.Invalid, "BambooHR answered with another employee than the one asked for.")
	}
	return m, nil
}

// number tells an employee id: digits, and not 0.
func number(id string) bool {
	return id != "" && len(id) <= 18 && strings.Trim(id, "0123456789") == "" && id[0] != '0'
}

func (c *conn) worker(m map[string]any) (joiner.Worker, error) {
	w := joiner.Worker{ID: hris.Plain(m["id"]), Attributes: map[string]any{}}
	if c.set.changedAt != "" {
		w.Version = hris.Plain(m[c.set.changedAt])
		w.ChangedAt, _ = hris.Moment(w.Version)
	}
	for name, field := range c.set.fields {
		v, err := hris.Value(name, m[field])
		if err != nil {
			return joiner.Worker{}, err
		}
		if v != nil {
			w.Attributes[name] = v
		}
	}
	c.set.words.Apply(w.Attributes)
	return w, nil
}

// change is one line of BambooHR's list of who changed.
type change struct {
	id      string
	at      time.Time
	deleted bool
}

func (x change) cursor() string { return x.at.Format(time.RFC3339) + " " + x.id }

// Changed lists employees changed since a moment, oldest first. An employee who
// was deleted is a worker whose only attribute is the state rescinded. One whom
// the key's user may not see is left out, because BambooHR names them all.
func (c *conn) Changed(ctx context.Context, since time.Time, cursor string) ([]joiner.Worker, string, error) {
	list, err := c.changes(ctx, since, cursor != "")
	if err != nil {
		return nil, "", err
	}
	begin := 0
	if cursor != "" {
		begin, _ = slices.BinarySearchFunc(list, cursor, func(x change, cursor string) int {
			if x.cursor() <= cursor {
				return -1
			}
			return 1
		})
	}
	end := min(begin+perPage, len(list))
	var page []joiner.Worker
	var unseen error
	hidden := 0
	for _, x := range list[begin:end] {
		if x.deleted {
			page = append(page, joiner.Worker{ID: x.id, ChangedAt: x.at, Attributes: map[string]any{joiner.Status: hris.Rescinded}})
			continue
		}
		w, err := c.Worker(ctx, x.id)
		switch {
		case fault.Is(err, fault.NotFound):
			continue // deleted since the list was made; the next list says so
		case fault.Is(err, fault.Invalid) && ctx.Err() == nil:
			hidden, unseen = hidden+1, err
			continue
		case err != nil:
			return nil, "", err
		}
		w.ChangedAt = x.at
		page = append(page, w)
	}
	if hidden > 0 && hidden == len(list) {
		return nil, "", unseen // it may see nobody at all
	}
	if hidden > 0 {
		c.cfg.Log.Warn("employees were left out, because the API key's user may not see them or a value cannot be read")
	}
	if end == len(list) {
		return page, "", nil
	}
	return page, list[end-1].cursor(), nil
}

// changes gives who changed, oldest first: asked for anew for the first page of a
// walk, kept for its others.
func (c *conn) changes(ctx context.Context, since time.Time, further bool) ([]change, error) {
	c.mu.Lock()
	kept, fresh := c.listed, c.since.Equal(since) && c.cfg.Now().Sub(c.listedAt) < keepList
	c.mu.Unlock()
	if further && fresh && kept != nil {
		return kept, nil
	}
	from := since
	if from.IsZero() {
		from = time.Unix(0, 0) // BambooHR wants a moment
	}
	a, err := c.api.Call(ctx, "GET", "/api/v1/employees/changed", url.Values{"since": {from.UTC().Format(time.RFC3339)}}, nil)
	if err != nil {
		return nil, err
	}
	list, err := readChanges(a.Body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.listed, c.since, c.listedAt = list, since, c.cfg.Now()
	c.mu.Unlock()
	return list, nil
}

func readChanges(body any) ([]change, error) {
	m, _ := body.(map[string]any)
	out := []change{}
	switch all := m["employees"].(type) {
	case map[string]any:
		for key, x := range all {
			e, _ := x.(map[string]any)
			at, ok := hris.Moment(hris.Plain(e["lastChanged"]))
			if !ok || !number(key) {
				return nil, fault.New(fault.Invalid, "BambooHR's list of changed employees has an entry without a number or a time.")
			}
			out = append(out, change{id: key, at: at, deleted: strings.EqualFold(hris.Plain(e["action"]), "Deleted")})
		}
	case []any: // PHP writes an empty map as a list
		if len(all) > 0 {
			return nil, fault.New(fault.Invalid, "BambooHR's list of changed employees is not the map it should be.")
		}
	default:
		return nil, fault.New(fault.Invalid, "BambooHR's answer has no list of changed employees. Check the base address.")
	}
	slices.SortFunc(out, func(a, b change) int { return strings.Compare(a.cursor(), b.cursor()) })
	return out, nil
}
