package tryton

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"joinery/internal/connector/hris"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// Models of Tryton.
const (
	employees  = "company.employee"
	parties    = "party.party"
	mechanisms = "party.contact_mechanism"
	addresses  = "party.address"
)

// Dates of a record. write_date is empty until the first change.
var dates = []string{"create_date", "write_date", "party.create_date", "party.write_date"}

// bySequence is the order in which people put addresses and contact mechanisms.
var bySequence = []any{[]any{"sequence", "ASC NULLS FIRST"}, []any{"id", "ASC"}}

// Worker reads one employee.
func (c *conn) Worker(ctx context.Context, id string) (joiner.Worker, error) {
	n, ok := employeeID(id)
	if !ok {
		return joiner.Worker{}, fault.New(fault.NotFound, "Tryton has no employee %s: its ids are numbers.", hris.Short(id))
	}
	list, unreadable, err := c.workers(ctx, []int64{n})
	if err == nil {
		err = unreadable
	}
	if err != nil {
		return joiner.Worker{}, err
	}
	if len(list) == 0 {
		return joiner.Worker{}, fault.New(fault.NotFound, "Tryton has no employee %s%s. The employee may have been deleted.", id, c.within())
	}
	return list[0], nil
}

func (c *conn) within() string {
	if c.set.company == "" {
		return ""
	}
	return " in " + hris.Short(c.set.company)
}

func employeeID(id string) (int64, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == id
}

// inCompany is the condition for the company of the settings.
func (c *conn) inCompany() []any {
	if c.set.company == "" {
		return nil
	}
	return []any{[]any{"company.party.name", "=", c.set.company}}
}

// workers reads employees by id, in this order. Those that are not there are left
// out, and those with a value that cannot be one; unreadable tells of the last.
func (c *conn) workers(ctx context.Context, ids []int64) (list []joiner.Worker, unreadable, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	fields := append([]string{"party", "party.name", "party.active", "company.timezone"}, dates...)
	fields = append(fields, slices.Sorted(maps.Values(c.set.fields))...)
	slices.Sort(fields)
	domain := append([]any{[]any{"id", "in", ids}}, c.inCompany()...)
	// Those of inactive parties too: a hire that was called off is one.
	found, err := c.search(ctx, employees, domain, nil, slices.Compact(fields), map[string]any{"active_test": false})
	if err != nil {
		return nil, nil, err
	}
	var of []int64
	for _, e := range found {
		of = append(of, number(e["party"]))
	}
	around, err := c.around(ctx, of)
	if err != nil {
		return nil, nil, err
	}
	byID := map[int64]joiner.Worker{}
	for _, e := range found {
		w, err := c.worker(e, around[number(e["party"])])
		if err != nil {
			unreadable = err
			continue
		}
		byID[number(e["id"])] = w
	}
	for _, id := range ids {
		if w, ok := byID[id]; ok {
			list = append(list, w)
		}
	}
	return list, unreadable, nil
}

// search reads records; all that match.
func (c *conn) search(ctx context.Context, model string, domain, order []any, fields []string, more map[string]any) ([]map[string]any, error) {
	if domain == nil {
		domain = []any{}
	}
	result, err := c.rpc(ctx, more, "model."+model+".search_read", domain, 0, nil, order, fields)
	if err != nil {
		return nil, err
	}
	if _, ok := result.([]any); !ok {
		return nil, fault.Wrap(fault.Invalid, errShape, "Tryton's answer is not a list of records.")
	}
	return rows(result), nil
}

// surroundings are what lies around a party in tables of its own, and when any of
// it last changed: a change there moves no date of the employee or the party.
type surroundings struct {
	mechanisms, addresses []map[string]any
	changed               time.Time
}

func (c *conn) around(ctx context.Context, of []int64) (map[int64]surroundings, error) {
	out := map[int64]surroundings{}
	if len(of) == 0 {
		return out, nil
	}
	slices.Sort(of)
	domain := []any{[]any{"party", "in", slices.Compact(of)}}
	for model, fields := range map[string][]string{
		mechanisms: {"party", "type", "value", "name", "active", "create_date", "write_date"},
		addresses:  {"party", "city", "country.code", "active", "create_date", "write_date"},
	} {
		// Those taken away (inactive) are read for their dates only.
		found, err := c.search(ctx, model, domain, bySequence, fields, map[string]any{"active_test": false})
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			s := out[number(m["party"])]
			s.changed = latest(s.changed, m, "create_date", "write_date")
			if m["active"] != false {
				if model == mechanisms {
					s.mechanisms = append(s.mechanisms, m)
				} else {
					s.addresses = append(s.addresses, m)
				}
			}
			out[number(m["party"])] = s
		}
	}
	return out, nil
}

// worker turns an employee into Joinery's form.
func (c *conn) worker(e map[string]any, around surroundings) (joiner.Worker, error) {
	w := joiner.Worker{ID: strconv.FormatInt(number(e["id"]), 10), Attributes: map[string]any{}}
	w.ChangedAt = latest(around.changed, e, dates...)
	w.Version = w.ChangedAt.Format(time.RFC3339Nano)
	c.derive(w.Attributes, e, around)
	for name, path := range c.set.fields {
		v, err := hris.Value(name, plain(at(e, path)))
		if err != nil {
			return joiner.Worker{}, err
		}
		if v != nil {
			w.Attributes[name] = v
		}
	}
	c.state(w.Attributes, e)
	return w, nil
}

// derive works out what Tryton has no field of its own for.
func (c *conn) derive(out, e map[string]any, around surroundings) {
	first, last := c.split(text(at(e, "party.name")))
	work, personal := c.emails(around.mechanisms)
	for name, v := range map[string]string{joiner.FirstName: first, joiner.LastName: last, joiner.WorkEmail: text(work["value"]), joiner.PersonalEmail: text(personal["value"])} {
		if v != "" {
			out[name] = v
		}
	}
	for _, m := range around.mechanisms {
		if kind := m["type"]; (kind == "phone" || kind == "mobile") && text(m["value"]) != "" {
			out[joiner.Phone] = text(m["value"])
			break
		}
	}
	if len(around.addresses) > 0 {
		first := around.addresses[0]
		if city := text(first["city"]); city != "" {
			out[joiner.Location] = city
		}
		if country := text(at(first, "country.code")); country != "" {
			out[joiner.Country] = country
		}
	}
}

func text(v any) string {
	s, _ := v.(string)
	return strings.TrimSpace(s)
}

// emails finds the work address and the personal one.
func (c *conn) emails(all []map[string]any) (work, personal map[string]any) {
	for _, m := range all {
		if m["type"] != "email" || text(m["value"]) == "" {
			continue
		}
		if is := c.set.workLabel == "" || strings.EqualFold(text(m["name"]), c.set.workLabel); is && work == nil {
			work = m
		} else if !is && personal == nil || is && c.set.workLabel == "" && personal == nil {
			personal = m
		}
	}
	return work, personal
}

// split parts a whole name. Words in small letters go with the last name they
// stand before: "Ludwig van Beethoven" is Ludwig, van Beethoven.
func (c *conn) split(name string) (first, last string) {
	if l, f, ok := strings.Cut(name, ","); ok {
		return strings.TrimSpace(f), strings.TrimSpace(l)
	}
	parts := strings.Fields(name)
	switch len(parts) {
	case 0:
		return "", ""
	case 1:
		return "", parts[0]
	}
	small := func(s string) bool { return unicode.IsLower([]rune(s)[0]) }
	if c.set.nameForm == lastFirst {
		n := 1
		for n < len(parts)-1 && small(parts[n-1]) {
			n++
		}
		return strings.Join(parts[n:], " "), strings.Join(parts[:n], " ")
	}
	n := len(parts) - 1
	for n > 1 && small(parts[n-1]) {
		n--
	}
	return strings.Join(parts[:n], " "), strings.Join(parts[n:], " ")
}

// state tells what Tryton leaves to its readers: who has left has an end date in
// the past or an inactive party, which before the first day means a hire called off.
func (c *conn) state(out, e map[string]any) {
	words := c.set.words
	if zone := text(at(e, "company.timezone")); zone != "" {
		if _, err := time.LoadLocation(zone); err == nil {
			words.Zone = zone
		}
	}
	words.Apply(out) // the zone, which today depends on
	if _, given := c.set.fields[joiner.Status]; given {
		return
	}
	end, _ := out[joiner.EndDate].(string)
	out[joiner.Status] = hris.Active
	if at(e, "party.active") == false || end != "" && end < c.today(text(out[joiner.TimeZone])) {
		out[joiner.Status] = hris.Terminated
	}
	words.Apply(out)
}

func (c *conn) today(zone string) string {
	now := c.cfg.Now().UTC()
	if l, err := time.LoadLocation(zone); err == nil && zone != "" {
		now = now.In(l)
	}
	return now.Format(time.DateOnly)
}
