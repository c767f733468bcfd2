package tryton

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"joinery/internal/connector/hris"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// fieldKind is what Tryton says of one of its fields.
type fieldKind struct {
	kind     string // "char", "date", "many2one", …
	readonly bool
}

// keepKinds is how long a description of a field is good for.
const keepKinds = 10 * time.Minute

// UpdateWorker sets fields of an employee and reads them again. The work e-mail
// is a contact mechanism of the employee's party; other attributes go to the
// fields that the settings map them to. Each record is written only in the state
// in which it was read: one that somebody changes at the same moment is
// fault.Conflict.
func (c *conn) UpdateWorker(ctx context.Context, id string, set map[string]any) error {
	return c.UpdateWorkerFrom(ctx, id, set, nil)
}

// UpdateWorkerFrom is UpdateWorker for fields that must still be as they were.
func (c *conn) UpdateWorkerFrom(ctx context.Context, id string, set, was map[string]any) error {
	n, ok := employeeID(id)
	if !ok {
		return fault.New(fault.NotFound, "Tryton has no employee %s: its ids are numbers.", hris.Short(id))
	}
	values, err := c.plan(ctx, set)
	if err != nil {
		return err
	}
	r, err := c.recordsOf(ctx, n, set)
	if err != nil {
		return err
	}
	if err := c.still(r, set, was); err != nil {
		return err
	}
	wrote := false
	for _, w := range []struct {
		model  string
		record int64
		stamp  any
	}{{employees, n, r.employee["_timestamp"]}, {parties, r.party, at(r.employee, "party._timestamp")}} {
		if len(values[w.model]) == 0 {
			continue
		}
		if _, err := c.rpc(ctx, asRead(w.model, w.record, w.stamp), "model."+w.model+".write", []int64{w.record}, values[w.model]); err != nil {
			return inPart(wrote, err)
		}
		wrote = true
	}
	if v, given := set[joiner.WorkEmail]; given && c.set.fields[joiner.WorkEmail] == "" {
		if err := c.setWorkEmail(ctx, r, v); err != nil {
			return inPart(wrote, err)
		}
	}
	return c.readBack(ctx, id, set)
}

// inPart keeps the promise that a conflict means that nothing was written: after
// the first of several records it is a matter of trying again, which reads anew.
func inPart(wrote bool, err error) error {
	if wrote && fault.Is(err, fault.Conflict) {
		return fault.Wrap(fault.Unavailable, err, "Somebody changed one of the employee's records in Tryton while several were written.")
	}
	return err
}

// records are what an update of an employee may touch, as read.
type records struct {
	employee map[string]any
	party    int64
	work     map[string]any // the contact mechanism of the work e-mail; nil when there is none
}

func (c *conn) recordsOf(ctx context.Context, id int64, set map[string]any) (records, error) {
	fields := []string{"party", "_timestamp", "party._timestamp"}
	for name := range set {
		if path := c.set.fields[name]; path != "" {
			fields = append(fields, path)
		}
	}
	slices.Sort(fields)
	found, err := c.search(ctx, employees, append([]any{[]any{"id", "=", id}}, c.inCompany()...), nil, slices.Compact(fields), map[string]any{"active_test": false})
	if err != nil {
		return records{}, err
	}
	if len(found) == 0 {
		return records{}, fault.New(fault.NotFound, "Tryton has no employee %d%s. Nothing was written.", id, c.within())
	}
	r := records{employee: found[0], party: number(found[0]["party"])}
	if _, given := set[joiner.WorkEmail]; !given || c.set.fields[joiner.WorkEmail] != "" {
		return r, nil
	}
	all, err := c.search(ctx, mechanisms, []any{[]any{"party", "=", r.party}, []any{"type", "=", "email"}}, bySequence, []string{"party", "type", "value", "name", "_timestamp"}, nil)
	r.work, _ = c.emails(all)
	return r, err
}

// still compares the fields with what they were; one that has the wanted value
// already is no conflict.
func (c *conn) still(r records, set, was map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, given := set[name]; !given {
			continue
		}
		now := any(nil)
		if path := c.set.fields[name]; path != "" {
			now = plain(at(r.employee, path))
		} else if r.work != nil {
			now = r.work["value"]
		}
		now, err := hris.Value(name, now)
		if err != nil {
			return err
		}
		before, err := hris.Value(name, plainNumber(was[name]))
		if err != nil {
			return err
		}
		wanted, err := hris.Value(name, plainNumber(set[name]))
		if err != nil {
			return err
		}
		if !same(now, before) && !same(now, wanted) {
			return &fault.Error{Kind: fault.Conflict, Key: name, Sentence: fmt.Sprintf("Somebody has changed %s in Tryton meanwhile. Nothing was written.", name)}
		}
	}
	return nil
}

// asRead lets Tryton refuse a write to a record that has changed since.
func asRead(model string, record int64, stamp any) map[string]any {
	if text(stamp) == "" {
		return nil
	}
	return map[string]any{"_timestamp": map[string]any{model + "," + strconv.FormatInt(record, 10): stamp}}
}

// plan sorts attributes by the record they belong to, in Tryton's form, before
// anything is written.
func (c *conn) plan(ctx context.Context, set map[string]any) (map[string]map[string]any, error) {
	out := map[string]map[string]any{employees: {}, parties: {}}
	var problems []fault.Problem
	add := func(name, format string, args ...any) {
		problems = append(problems, fault.Problem{Path: name, Detail: fmt.Sprintf(format, args...)})
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		path := c.set.fields[name]
		if _, err := hris.Value(name, plainNumber(set[name])); err != nil {
			add(name, "%s", fault.Sentence(err))
			continue
		}
		if path == "" {
			if name == joiner.WorkEmail {
				if s, text := set[name].(string); set[name] != nil && (!text || strings.ContainsAny(s, "\r\n")) {
					add(name, "%s takes a text of one line.", name)
				}
				continue
			}
			add(name, "The connection's settings name no field of Tryton for %s.", name)
			continue
		}
		model, field := employees, path
		if rest, ok := strings.CutPrefix(path, "party."); ok {
			model, field = parties, rest
		}
		if strings.Contains(field, ".") {
			add(name, "%s (%s) belongs to another record than the employee or the party, so it cannot be written.", name, path)
			continue
		}
		v, why, err := c.native(ctx, model, field, set[name])
		if err != nil {
			return nil, err
		}
		if why != "" {
			add(name, "%s (%s): %s", name, path, why)
			continue
		}
		out[model][field] = v
	}
	if len(problems) > 0 {
		return nil, &fault.Error{Kind: fault.Invalid, Sentence: problems[0].Detail + " Nothing was written.", Problems: problems}
	}
	return out, nil
}

// native gives a value in Tryton's form, or says why the field does not take it.
func (c *conn) native(ctx context.Context, model, field string, v any) (out any, why string, err error) {
	k, known, err := c.kind(ctx, model, field)
	if err != nil {
		return nil, "", err
	}
	switch {
	case !known:
		return nil, "Tryton has no field of this name.", nil
	case k.readonly:
		return nil, "Tryton lets nobody write this field.", nil
	case v == nil:
		return nil, "", nil
	}
	s, isText := v.(string)
	switch k.kind {
	case "char", "text", "selection", "fulltext":
		if isText {
			return s, "", nil
		}
		return nil, "the field takes a text.", nil
	case "date":
		if t, err := time.Parse(time.DateOnly, s); isText && err == nil {
			return date(t), "", nil
		}
		return nil, "the field takes a date like 2026-12-01.", nil
	case "boolean":
		if b, ok := v.(bool); ok {
			return b, "", nil
		}
		return nil, "the field takes yes or no.", nil
	case "integer", "float":
		switch v.(type) {
		case float64, int, int64, json.Number:
			return v, "", nil
		}
		return nil, "the field takes a number.", nil
	case "many2one":
		if n, ok := employeeID(s); isText && ok {
			return n, "", nil
		}
		return nil, "the field points to another record and takes its id.", nil
	}
	return nil, "a field of this kind (" + hris.Short(k.kind) + ") cannot be written from here.", nil
}

// kind asks Tryton what a field takes.
func (c *conn) kind(ctx context.Context, model, field string) (fieldKind, bool, error) {
	c.mu.Lock()
	if c.cfg.Now().Sub(c.kindsAt) > keepKinds {
		c.kinds, c.kindsAt = map[string]fieldKind{}, c.cfg.Now()
	}
	k, ok := c.kinds[model+"."+field]
	c.mu.Unlock()
	if ok {
		return k, k.kind != "", nil
	}
	result, err := c.rpc(ctx, nil, "model."+model+".fields_get", []string{}, 0)
	if err != nil {
		return k, false, err
	}
	all, _ := result.(map[string]any)
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, x := range all {
		if m, ok := x.(map[string]any); ok {
			c.kinds[model+"."+name] = fieldKind{kind: text(m["type"]), readonly: m["readonly"] == true}
		}
	}
	k, ok = c.kinds[model+"."+field]
	if !ok {
		c.kinds[model+"."+field] = fieldKind{} // not there: asked once
	}
	return k, ok, nil
}

// setWorkEmail writes the work e-mail where it is read from; nil takes it away. A
// repetition finds it there and writes nothing.
func (c *conn) setWorkEmail(ctx context.Context, r records, v any) error {
	work := r.work
	value := text(v)
	switch {
	case work == nil && value == "", work != nil && text(work["value"]) == value:
		return nil
	case work == nil:
		created := map[string]any{"party": r.party, "type": "email", "value": value}
		if c.set.workLabel != "" {
			created["name"] = c.set.workLabel
		}
		_, err := c.rpc(ctx, nil, "model."+mechanisms+".create", []any{created})
		return err
	}
	changed := map[string]any{"value": value}
	if value == "" {
		changed = map[string]any{"active": false} // what it was stays to be seen
	}
	id := number(work["id"])
	_, err := c.rpc(ctx, asRead(mechanisms, id, work["_timestamp"]), "model."+mechanisms+".write", []int64{id}, changed)
	return err
}

// readBack compares what was sent with what is there now.
func (c *conn) readBack(ctx context.Context, id string, set map[string]any) error {
	now, err := c.Worker(ctx, id)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	var problems []fault.Problem
	for _, name := range slices.Sorted(maps.Keys(set)) {
		want, err := hris.Value(name, plainNumber(set[name]))
		if err != nil {
			return err
		}
		if have := now.Attributes[name]; !same(want, have) {
			problems = append(problems, fault.Problem{Path: name, Detail: fmt.Sprintf("%s: Tryton shows %s afterwards.", name, shown(have))})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Sentence: "Tryton answered that it saved the employee, but not every value is there. " + problems[0].Detail, Problems: problems}
}

// plainNumber writes numbers as the protocol reads them back.
func plainNumber(v any) any {
	switch x := v.(type) {
	case float64:
		return json.Number(strconv.FormatFloat(x, 'f', -1, 64))
	case int:
		return json.Number(strconv.Itoa(x))
	case int64:
		return json.Number(strconv.FormatInt(x, 10))
	}
	return v
}

func same(want, have any) bool { return fmt.Sprint(want) == fmt.Sprint(have) }

func shown(v any) string {
	if v == nil {
		return "none"
	}
	return "another value"
}
