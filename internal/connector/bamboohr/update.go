package bamboohr

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"joinery/internal/connector/hris"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// UpdateWorker sets fields of an employee and reads them again: BambooHR answers
// 200 to a field that it does not know or that the key's user may not change. A
// field that was not taken is fault.Invalid with its name; what else was sent in
// the same call was taken.
func (c *conn) UpdateWorker(ctx context.Context, id string, set map[string]any) error {
	return c.UpdateWorkerFrom(ctx, id, set, nil)
}

// UpdateWorkerFrom is UpdateWorker for fields that must still be as they were.
// BambooHR has no conditional update, so they are read once more just before it.
func (c *conn) UpdateWorkerFrom(ctx context.Context, id string, set, was map[string]any) error {
	if err := hris.Unmapped("BambooHR", c.set.fields, set); err != nil {
		return err
	}
	if !number(id) {
		return fault.New(fault.NotFound, "BambooHR has no employee %s: its employee ids are numbers.", hris.Short(id))
	}
	body, fields := map[string]any{}, []string{}
	for name, v := range set {
		field := c.set.fields[name]
		if v == nil {
			v = "" // what BambooHR takes for no value
		}
		body[field] = v
		fields = append(fields, field)
	}
	slices.Sort(fields)
	if was != nil {
		now, err := c.employee(ctx, id, fields)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(set)) {
			if !same(name, was[name], now[c.set.fields[name]]) {
				return fault.New(fault.Conflict, "The field %s changed in BambooHR meanwhile.", name)
			}
		}
	}
	if _, err := c.api.Call(ctx, "POST", "/api/v1/employees/"+id, nil, body); err != nil {
		if fault.Is(err, fault.NotFound) {
			return fault.Wrap(fault.NotFound, err, "BambooHR has no employee %s.", id)
		}
		return err
	}
	now, err := c.employee(ctx, id, fields)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	return c.taken(ctx, set, now)
}

// taken compares what was sent with what is there now.
func (c *conn) taken(ctx context.Context, set, now map[string]any) error {
	var problems []fault.Problem
	for _, name := range slices.Sorted(maps.Keys(set)) {
		field := c.set.fields[name]
		have, shown := now[field]
		if shown && same(name, set[name], have) {
			continue
		}
		why := "BambooHR did not take it: the field may be one that the API key's user may not change, or it takes only values of a list."
		if known, err := c.fields(ctx); err == nil && !known[strings.ToLower(field)] {
			why = "BambooHR has no field of this name."
		} else if !shown {
			why = "BambooHR does not show it to the API key's user, so it is not known whether it was taken."
		}
		problems = append(problems, fault.Problem{Path: name, Detail: fmt.Sprintf("%s (%s): %s", name, field, why)})
	}
	if len(problems) == 0 {
		return nil
	}
	sentence := "BambooHR answered that it updated the employee, but not every value is there. " + problems[0].Detail
	return &fault.Error{Kind: fault.Invalid, Sentence: sentence, Problems: problems}
}

// same compares a value with BambooHR's way to write it: everything is text, no
// value is "" or null or the date 0000-00-00, and phone numbers are written anew.
func same(name string, sent, have any) bool {
	a, errA := hris.Value(name, plain(sent))
	b, errB := hris.Value(name, plain(have))
	if errA != nil || errB != nil {
		return false
	}
	x, y := plain(a), plain(b)
	if name == joiner.Phone {
		return digits(x) == digits(y)
	}
	return x == y
}

// plain writes a value as the text BambooHR would.
func plain(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(x)
	case json.Number:
		return x.String()
	case time.Time:
		return x.Format(time.DateOnly)
	case bool:
		if x {
			return "true"
		}
		return "false"
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// keepFields is how long the account's list of fields is good for.
const keepFields = 10 * time.Minute

// fields gives the names and numbers of the account's fields, in lower case.
func (c *conn) fields(ctx context.Context) (map[string]bool, error) {
	c.mu.Lock()
	known, fresh := c.known, c.cfg.Now().Sub(c.knownAt) < keepFields
	c.mu.Unlock()
	if known != nil && fresh {
		return known, nil
	}
	a, err := c.api.Call(ctx, "GET", "/api/v1/meta/fields", nil, nil)
	if err != nil {
		return nil, err
	}
	list, ok := a.Body.([]any)
	if !ok {
		return nil, fault.New(fault.Invalid, "BambooHR's answer is not a list of fields. Check the base address.")
	}
	known = map[string]bool{}
	for _, x := range list {
		f, _ := x.(map[string]any)
		for _, k := range []string{"id", "alias"} {
			if name := hris.Plain(f[k]); name != "" {
				known[strings.ToLower(name)] = true
			}
		}
	}
	c.mu.Lock()
	c.known, c.knownAt = known, c.cfg.Now()
	c.mu.Unlock()
	return known, nil
}
