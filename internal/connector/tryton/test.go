package tryton

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/connector/hris"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/secret"
)

// Test tries what a run needs and changes nothing.
func (c *conn) Test(ctx context.Context) []connector.Finding {
	var out []connector.Finding
	add := func(title string, ok bool, format string, args ...any) bool {
		out = append(out, connector.Finding{Title: title, OK: ok, Detail: fmt.Sprintf(format, args...)})
		return ok
	}
	version, err := c.version(ctx)
	if err != nil {
		add("Connect", false, "%s", fault.Sentence(err))
		return out
	}
	add("Connect", true, "Tryton %s answers.", version)
	if _, err := c.session(ctx, c.stale()); err != nil {
		add("Sign in", false, "%s", fault.Sentence(err))
		return out
	}
	add("Sign in", true, "%s signed in to %s.", hris.Short(c.set.user), c.set.database)
	newest, ok := c.testEmployees(ctx, add)
	if !ok || !c.testFields(ctx, add) {
		return out
	}
	if newest != 0 {
		c.testEmployee(ctx, newest, add)
	}
	c.testWriteBack(ctx, add)
	return out
}

// stale gives the session there is, so that Test signs in anew.
func (c *conn) stale() secret.Value {
	c.signing.Lock()
	defer c.signing.Unlock()
	return c.current.key
}

func (c *conn) version(ctx context.Context) (string, error) {
	a, err := c.open.Call(ctx, http.MethodPost, "/", nil, call("common.server.version"))
	if err != nil {
		return "", err
	}
	v, err := c.result(a)
	if err != nil {
		return "", err
	}
	if text(v) == "" {
		return "", fault.Wrap(fault.Invalid, errShape, "%s did not answer as Tryton does. Check the address.", c.set.base.Host)
	}
	return hris.Short(text(v)), nil
}

// testEmployees gives the newest employee that is seen, 0 when there is none; ok
// is false when more makes no sense.
func (c *conn) testEmployees(ctx context.Context, add func(string, bool, string, ...any) bool) (newest int64, ok bool) {
	const title = "See employees"
	domain := c.inCompany()
	if domain == nil {
		domain = []any{}
	}
	count, err := c.rpc(ctx, nil, "model."+employees+".search_count", domain)
	if fault.Is(err, fault.Invalid) {
		add(title, false, "Tryton does not know employees: the company module is not activated in %s, or this is another version than Joinery knows. (%s)", c.set.database, fault.Sentence(err))
		return 0, false
	}
	if err != nil {
		return 0, add(title, false, "%s", fault.Sentence(err))
	}
	if number(count) == 0 && c.set.company != "" {
		found, err := c.search(ctx, "company.company", []any{[]any{"party.name", "=", c.set.company}}, nil, []string{"id"}, nil)
		if err == nil && len(found) == 0 {
			return 0, add(title, false, "Tryton has no company named %s, or does not show it to %s. Correct the company in the settings.", hris.Short(c.set.company), hris.Short(c.set.user))
		}
	}
	if number(count) == 0 {
		return 0, add(title, true, "There is no employee yet%s, so reading one was not tried.", c.within())
	}
	found, err := c.rpc(ctx, nil, "model."+employees+".search", domain, 0, 1, []any{[]any{"id", "DESC"}})
	if err != nil {
		return 0, add(title, false, "%s", fault.Sentence(err))
	}
	if list, _ := found.([]any); len(list) > 0 {
		newest = number(list[0])
	}
	if number(count) == 1 {
		return newest, add(title, true, "One employee%s.", c.within())
	}
	return newest, add(title, true, "%d employees%s.", number(count), c.within())
}

// testFields looks whether the mapped fields exist: one that does not makes every
// reading fail.
func (c *conn) testFields(ctx context.Context, add func(string, bool, string, ...any) bool) bool {
	const title = "Find the mapped fields"
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(c.set.fields)) {
		field, _, _ := strings.Cut(c.set.fields[name], ".")
		model := employees
		if rest, ok := strings.CutPrefix(c.set.fields[name], "party."); ok {
			model = parties
			field, _, _ = strings.Cut(rest, ".")
		}
		_, known, err := c.kind(ctx, model, field)
		if err != nil {
			return add(title, false, "%s", fault.Sentence(err))
		}
		if !known {
			missing = append(missing, fmt.Sprintf("%s (for %s)", c.set.fields[name], name))
		}
	}
	if len(missing) > 0 {
		return add(title, false, "Tryton has no field %s. Correct Fields, or leave them out.", strings.Join(missing, ", "))
	}
	return add(title, true, "Tryton has all %d.", len(c.set.fields))
}

func (c *conn) testEmployee(ctx context.Context, id int64, add func(string, bool, string, ...any) bool) {
	const title = "Read an employee"
	list, unreadable, err := c.workers(ctx, []int64{id})
	if err == nil {
		err = unreadable
	}
	if err != nil {
		add(title, false, "%s", fault.Sentence(err))
		return
	}
	if len(list) == 0 {
		add(title, true, "Not tried: the employee was taken away meanwhile.")
		return
	}
	w := list[0]
	add(title, true, "The newest employee has %d attributes.", len(w.Attributes))
	if w.Text(joiner.LastName) == "" {
		add("Find a name", false, "The newest employee has no name. Check what Fields says for last_name.")
	}
	if w.Text(joiner.StartDate) == "" {
		add("Find the start date", false, "The newest employee has no start date. Flows that wait for the first day cannot begin for employees without one: enter it in Tryton.")
	}
	if w.Text(joiner.TimeZone) == "" {
		add("Find the time zone", false, "Neither the company nor the settings name a time zone. Days would be counted in UTC: set the company's time zone in Tryton, or Time zone in the settings.")
	}
}

// testWriteBack asks for the rights that writing the work e-mail back needs.
func (c *conn) testWriteBack(ctx context.Context, add func(string, bool, string, ...any) bool) {
	const title = "May write the work e-mail"
	result, err := c.rpc(ctx, nil, "model.ir.model.access.get_access", []string{mechanisms})
	if err != nil {
		add(title, true, "Could not be found out without writing.")
		return
	}
	all, _ := result.(map[string]any)
	access, _ := all[mechanisms].(map[string]any)
	if granted(access["create"]) && granted(access["write"]) {
		add(title, true, "%s may create and change contact mechanisms.", hris.Short(c.set.user))
		return
	}
	add(title, false, "%s may only read contact mechanisms. If the work e-mail is to be written back, give the user a group that may change them; otherwise leave it so.", hris.Short(c.set.user))
}

// granted reads a right, which Tryton writes as true or as 1.
func granted(v any) bool { return v == true || number(v) > 0 }
