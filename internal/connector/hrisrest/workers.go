package hrisrest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

const (
	maxText   = 2000
	maxFields = 200
)

func (c *conn) path(pattern, id string) string {
	return strings.ReplaceAll(pattern, "{id}", url.PathEscape(id))
}

// Worker reads one worker.
func (c *conn) Worker(ctx context.Context, id string) (joiner.Worker, error) {
	answer, _, err := c.call(ctx, "GET", c.path(c.set.readPath, id), nil, nil, "")
	if fault.Is(err, fault.NotFound) {
		return joiner.Worker{}, fault.Wrap(fault.NotFound, err, "The HRIS has no worker %s.", short(id))
	}
	if err != nil {
		return joiner.Worker{}, err
	}
	w, err := c.worker(at(answer, c.set.item))
	if err != nil {
		return joiner.Worker{}, err
	}
	if w.ID != id {
		return joiner.Worker{}, fault.New(fault.Invalid, "The HRIS answered with another worker than the one asked for. Check the address of one worker and where its id stands.")
	}
	return w, nil
}

// Changed lists workers changed since a moment.
func (c *conn) Changed(ctx context.Context, since time.Time, cursor string) ([]joiner.Worker, string, error) {
	q := url.Values{}
	if !since.IsZero() && c.set.sinceParam != "" {
		q.Set(c.set.sinceParam, since.UTC().Format(time.RFC3339))
	}
	if cursor != "" && c.set.cursorParam != "" {
		q.Set(c.set.cursorParam, cursor)
	}
	answer, _, err := c.call(ctx, "GET", c.set.listPath, q, nil, "")
	if err != nil {
		return nil, "", err
	}
	list, ok := at(answer, c.set.items).([]any)
	if !ok {
		return nil, "", fault.New(fault.Invalid, "The HRIS's answer has no list of workers where the settings say (%q).", c.set.items)
	}
	var out []joiner.Worker
	for _, x := range list {
		w, err := c.worker(x)
		if err != nil {
			return nil, "", err
		}
		out = append(out, w)
	}
	next := ""
	if c.set.next != "" {
		next = plain(at(answer, c.set.next))
	}
	if next == cursor && next != "" {
		return nil, "", fault.New(fault.Invalid, "The HRIS gives the same page again and again.")
	}
	return out, next, nil
}

// GivesEverybody is so when the settings name no parameter for "changed since".
func (c *conn) GivesEverybody() bool { return c.set.sinceParam == "" }

// UpdateWorker sets fields of a worker. The version that was read is the
// condition where the HRIS gives one.
func (c *conn) UpdateWorker(ctx context.Context, id string, set map[string]any) error {
	return c.UpdateWorkerFrom(ctx, id, set, nil)
}

// UpdateWorkerFrom is UpdateWorker for fields that must still be as they were.
func (c *conn) UpdateWorkerFrom(ctx context.Context, id string, set, was map[string]any) error {
	answer, etag, err := c.call(ctx, "GET", c.path(c.set.readPath, id), nil, nil, "")
	if err != nil {
		return err
	}
	if was != nil {
		w, err := c.worker(at(answer, c.set.item))
		if err != nil {
			return err
		}
		for name := range set {
			if fmt.Sprint(w.Attributes[name]) != fmt.Sprint(was[name]) {
				return fault.New(fault.Conflict, "The field %s changed in the HRIS meanwhile.", name)
			}
		}
	}
	body := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		path, ok := c.set.fields[name]
		if !ok {
			return fault.New(fault.Invalid, "The settings of this HRIS do not say where %s stands.", name)
		}
		put(body, strings.Split(path, "."), set[name])
	}
	_, _, err = c.call(ctx, "PATCH", c.path(c.set.updatePath, id), nil, body, etag)
	return err
}

func (c *conn) worker(x any) (joiner.Worker, error) {
	m, ok := x.(map[string]any)
	if !ok {
		return joiner.Worker{}, fault.New(fault.Invalid, "The HRIS's answer has no worker where the settings say.")
	}
	w := joiner.Worker{ID: plain(at(m, c.set.id)), Attributes: map[string]any{}}
	if w.ID == "" || len(w.ID) > 200 {
		return joiner.Worker{}, fault.New(fault.Invalid, "A worker has no usable id where the settings say (%q).", c.set.id)
	}
	if c.set.version != "" {
		w.Version = plain(at(m, c.set.version))
	}
	if t, err := time.Parse(time.RFC3339, plain(at(m, c.set.changedAt))); err == nil && c.set.changedAt != "" {
		w.ChangedAt = t
	}
	if len(c.set.fields) > maxFields {
		return joiner.Worker{}, fault.New(fault.Invalid, "More than %d fields are mapped.", maxFields)
	}
	for name, path := range c.set.fields {
		v, err := value(name, at(m, path))
		if err != nil {
			return joiner.Worker{}, err
		}
		if v != nil {
			w.Attributes[name] = v
		}
	}
	return w, nil
}

// value gives an attribute in Joinery's form: absent instead of empty, dates as
// days, numbers as numbers.
func value(name string, v any) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case string:
		x = strings.TrimSpace(x)
		if len(x) > maxText {
			return nil, fault.New(fault.Invalid, "The HRIS's value of %s is longer than %d bytes, which no such value is.", name, maxText)
		}
		if strings.ContainsRune(x, 0) {
			return nil, fault.New(fault.Invalid, "The HRIS's value of %s holds a null character.", name)
		}
		if x == "" {
			return nil, nil
		}
		if name == joiner.StartDate || name == joiner.EndDate {
			return day(name, x)
		}
		return x, nil
	case json.Number:
		if name == joiner.EmployeeNo || name == joiner.ManagerID || name == joiner.Phone {
			return x.String(), nil
		}
		f, err := x.Float64()
		return f, err
	case bool:
		return x, nil
	}
	raw, err := json.Marshal(v)
	if err != nil || len(raw) > 16<<10 {
		return nil, fault.New(fault.Invalid, "The HRIS's value of %s is too large.", name)
	}
	var out any
	err = json.Unmarshal(raw, &out)
	return out, err
}

func day(name, text string) (any, error) {
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		return text, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.Format(time.DateOnly), nil
	}
	return nil, fault.New(fault.Invalid, "The HRIS's value of %s, %q, is not a date like 2026-12-01.", name, short(text))
}

// at follows a path of names with dots; "" is the value itself.
func at(v any, path string) any {
	if path == "" {
		return v
	}
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
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

// plain writes an id, a version or a cursor as text.
func plain(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case json.Number:
		return x.String()
	}
	return ""
}

// Test tries what a run needs.
func (c *conn) Test(ctx context.Context) []connector.Finding {
	page, _, err := c.Changed(ctx, time.Time{}, "")
	if err != nil {
		return []connector.Finding{{Title: "List workers", Detail: fault.Sentence(err)}}
	}
	out := []connector.Finding{{Title: "List workers", OK: true, Detail: fmt.Sprintf("The HRIS answered, and the first page has %d workers.", len(page))}}
	if len(page) == 0 {
		return append(out, connector.Finding{Title: "Read a worker", OK: true, Detail: "Not tried: there is no worker yet."})
	}
	w, err := c.Worker(ctx, page[0].ID)
	if err != nil {
		return append(out, connector.Finding{Title: "Read a worker", Detail: fault.Sentence(err)})
	}
	out = append(out, connector.Finding{Title: "Read a worker", OK: true, Detail: fmt.Sprintf("A worker has %d of the mapped fields.", len(w.Attributes))})
	if _, named := w.Attributes[joiner.LastName]; !named {
		out = append(out, connector.Finding{Title: "Find a name", Detail: "No last name was found. Check where last_name stands."})
	}
	return out
}
