package scim

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

const users = "Users"

// FindAccount finds one account.
func (c *conn) FindAccount(ctx context.Context, by connector.Lookup) (connector.Account, bool, error) {
	var r map[string]any
	var err error
	switch {
	case by.ID != "":
		a, ok, readErr := c.read(ctx, users, by.ID)
		if r, err = a.resource, readErr; !ok {
			r = nil
		}
	case by.Stamp != "":
		r, err = c.byStamp(ctx, by.Stamp)
	case by.Name != "":
		r, err = c.byName(ctx, by.Name)
	case by.Attribute != "":
		r, err = c.byAttribute(ctx, by.Attribute, by.Value)
	default:
		err = fault.New(fault.Invalid, "Nothing was given to look for.")
	}
	if err != nil || r == nil {
		return connector.Account{}, false, err
	}
	a := c.account(r)
	a.Existed = true
	a.Groups, err = c.groupsOf(ctx, r)
	return a, true, err
}

// read gets one resource by id; ok is false when there is none. An id that could
// be more than one step of a path is nobody's id.
func (c *conn) read(ctx context.Context, kind, id string) (answer, bool, error) {
	if err := checkText("the id", id); err != nil {
		return answer{}, false, err
	}
	if id == "." || id == ".." || strings.ContainsAny(id, `/\?#%`) {
		return answer{}, false, nil
	}
	a, err := c.call(ctx, http.MethodGet, at(kind, id), nil, nil, "")
	if code := status(err); code == http.StatusNotFound || code == http.StatusBadRequest || code == http.StatusGone {
		return answer{}, false, nil
	}
	if err != nil {
		return answer{}, false, err
	}
	return a, text(a.resource, "id") == id, nil
}

func at(kind, id string) string { return "/" + kind + "/" + url.PathEscape(id) }

func (c *conn) byStamp(ctx context.Context, stamp string) (map[string]any, error) {
	if err := checkText("the mark", stamp); err != nil {
		return nil, err
	}
	found, err := c.find(ctx, users, "externalId", stamp, 2, func(r map[string]any) bool { return text(r, "externalId") == stamp })
	return only(found, err, "externalId", stamp)
}

// byName looks in both spellings: some services compare userName exactly.
func (c *conn) byName(ctx context.Context, name string) (map[string]any, error) {
	if err := checkText("the name", name); err != nil {
		return nil, err
	}
	full := c.userName(name)
	match := func(r map[string]any) bool { return strings.EqualFold(text(r, "userName"), full) }
	found, err := c.find(ctx, users, "userName", full, 2, match)
	if lower := strings.ToLower(full); err == nil && len(found) == 0 && lower != full {
		found, err = c.find(ctx, users, "userName", lower, 2, match)
	}
	return only(found, err, "userName", full)
}

func (c *conn) byAttribute(ctx context.Context, attribute, value string) (map[string]any, error) {
	p, err := parse(attribute)
	if err != nil {
		return nil, err
	}
	if err := checkText(attribute, value); err != nil || value == "" {
		return nil, err
	}
	untyped := p // few services filter by type and value together
	untyped.kind = ""
	found, err := c.find(ctx, users, untyped.String(), value, 2, func(r map[string]any) bool {
		s, _ := p.in(r).(string)
		return s == value || (p.name == "emails" && strings.EqualFold(s, value))
	})
	return only(found, err, attribute, value)
}

func only(found []map[string]any, err error, attribute, value string) (map[string]any, error) {
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if len(found) > 1 {
		return nil, fault.New(fault.Conflict, "Several accounts have %s %q. Make it unique in the service, or look by something else.", short(attribute), short(value))
	}
	return found[0], nil
}

// userName is the login as the service writes it.
func (c *conn) userName(login string) string {
	if c.set.suffix == "" || strings.HasSuffix(strings.ToLower(login), strings.ToLower(c.set.suffix)) {
		return login
	}
	return login + c.set.suffix
}

func (c *conn) login(userName string) string {
	if n := len(userName) - len(c.set.suffix); n > 0 && strings.EqualFold(userName[n:], c.set.suffix) {
		return userName[:n]
	}
	return userName
}

// account reads a user resource.
func (c *conn) account(r map[string]any) connector.Account {
	active, known := get(r, "active").(bool)
	a := connector.Account{ID: text(r, "id"), Name: c.login(text(r, "userName")), Stamp: text(r, "externalId"), Enabled: active || !known, Attributes: map[string]any{}}
	for k, v := range r {
		switch {
		case hasFold(ownNames, k):
		case strings.HasPrefix(strings.ToLower(k), "urn:"):
			prefix := k + ":"
			if strings.EqualFold(k, enterprise) {
				prefix = ""
			}
			m, _ := v.(map[string]any)
			flatten(a.Attributes, prefix, m)
		default:
			flatten(a.Attributes, "", map[string]any{k: v})
		}
	}
	return a
}

// flatten writes nested values under the dotted names that flows use.
func flatten(out map[string]any, prefix string, m map[string]any) {
	for k, v := range m {
		switch x := v.(type) {
		case map[string]any:
			if strings.EqualFold(k, "manager") {
				out[prefix+k] = get(x, "value")
				continue
			}
			flatten(out, prefix+k+".", x)
		case []any:
			flattenList(out, prefix+k, x)
		default:
			out[prefix+k] = v
		}
	}
}

func flattenList(out map[string]any, name string, list []any) {
	for _, x := range list {
		e, ok := x.(map[string]any)
		if !ok {
			out[name] = list
			return
		}
		kind := text(e, "type")
		if kind == "" {
			kind = "work"
		}
		if v := get(e, "value"); v != nil {
			out[name+"."+kind] = v
			continue
		}
		for k, v := range e {
			if !strings.EqualFold(k, "type") && !strings.EqualFold(k, "primary") {
				out[name+"."+kind+"."+k] = v
			}
		}
	}
}

func (c *conn) checkName(name string) error {
	bad := func(format string, args ...any) error {
		f := fault.New(fault.Invalid, format, args...)
		f.Key = "name"
		return f
	}
	switch n := utf8.RuneCountInString(name); {
	case strings.TrimSpace(name) == "":
		return bad("The account has no name. Give it one in the flow.")
	case n > 256:
		return bad("The name is %d characters long; at most 256 are possible. Choose another naming rule.", n)
	case !utf8.ValidString(name):
		return bad("The name is not valid text (UTF-8).")
	case strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0:
		return bad("The name holds a control character.")
	}
	return nil
}

// resource builds a new user.
func (c *conn) resource(want connector.Ensure) (map[string]any, error) {
	r := map[string]any{"schemas": []any{coreUser}, "userName": c.userName(want.Name), "externalId": want.Stamp, "active": want.Enabled}
	for _, name := range slices.Sorted(maps.Keys(want.Attributes)) {
		p, err := parse(name)
		if err != nil {
			return nil, err
		}
		v, err := clean(name, want.Attributes[name])
		if err != nil {
			return nil, err
		}
		if v != nil {
			place(r, p, name, v)
		}
	}
	if !want.Password.Empty() {
		r["password"] = want.Password.Reveal()
	}
	return r, nil
}

// place writes a value; a whole list for emails and the like goes in as it is.
func place(r map[string]any, p attr, name string, v any) {
	if list, ok := v.([]any); ok && p.kind != "" && !strings.Contains(name, ".") {
		r[key(r, p.name)] = list
		return
	}
	p.put(r, v)
}
