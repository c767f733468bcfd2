package scim

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"joinery/internal/fault"
)

// edit brings one attribute to a value; nil removes it.
type edit struct {
	at    attr
	value any
}

// change reads a resource, asks what to edit, and brings that about by PATCH, or
// by PUT where PATCH is missing or does nothing. It reads again when someone
// else was faster.
func (c *conn) change(ctx context.Context, kind, id string, decide func(r map[string]any) []edit) error {
	var last error
	for range 3 {
		a, ok, err := c.read(ctx, kind, id)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.NotFound, "There is no account %s in %s. It may have been deleted.", short(id), c.set.base.Host)
		}
		edits := decide(a.resource)
		if len(edits) == 0 {
			return nil
		}
		if last = c.apply(ctx, kind, id, a, edits); status(last) != http.StatusPreconditionFailed {
			return last
		}
	}
	return last
}

func (c *conn) apply(ctx context.Context, kind, id string, a answer, edits []edit) error {
	if !c.lacksPatch(ctx) {
		done, err := c.patch(ctx, kind, id, a, edits)
		if err != nil || done {
			return err
		}
	}
	r := clone(a.resource)
	for _, name := range []string{"meta", "groups", "password"} {
		delete(r, key(r, name))
	}
	for _, e := range edits {
		e.at.put(r, e.value)
	}
	if _, err := c.call(ctx, http.MethodPut, at(kind, id), nil, r, a.etag); err != nil {
		return err
	}
	now, ok, err := c.read(ctx, kind, id)
	if err != nil {
		return err
	}
	if !ok || !reached(now.resource, edits) {
		return fault.New(fault.Invalid, "%s accepted the change but did not make it. It may not let %s be changed.", c.set.base.Host, short(edits[0].at.String()))
	}
	return nil
}

// patch reports whether the change was made; false without an error means that
// PATCH does not work here for this and PUT should be tried.
func (c *conn) patch(ctx context.Context, kind, id string, a answer, edits []edit) (bool, error) {
	var ops []any
	for _, e := range edits {
		ops = append(ops, e.at.operation(a.resource, e.value))
	}
	got, err := c.call(ctx, http.MethodPatch, at(kind, id), nil, map[string]any{"schemas": []any{patchOp}, "Operations": ops}, a.etag)
	switch status(err) {
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		c.setLacksPatch(true)
		return false, nil
	case http.StatusBadRequest:
		return false, nil // a path or filter it cannot parse
	}
	if err != nil {
		return false, err
	}
	if text(got.resource, "id") == id && reached(got.resource, edits) {
		return true, nil
	}
	// 204, a partial answer, or an operation it silently ignored.
	now, ok, err := c.read(ctx, kind, id)
	return ok && reached(now.resource, edits), err
}

func reached(r map[string]any, edits []edit) bool {
	for _, e := range edits {
		if !same(e.at.in(r), e.value) {
			return false
		}
	}
	return true
}

// same compares values as JSON does: numbers by value.
func same(a, b any) bool {
	return reflect.DeepEqual(clone(a), clone(b))
}

func clone[T any](v T) T {
	var out T
	data, err := json.Marshal(v)
	if err != nil || json.Unmarshal(data, &out) != nil {
		return v
	}
	return out
}

// lacksPatch asks the service once what it offers. A service without that page
// is taken to have PATCH, as nearly all do.
func (c *conn) lacksPatch(ctx context.Context) bool {
	c.mu.Lock()
	known := c.noPatch
	c.mu.Unlock()
	if known != nil {
		return *known
	}
	a, err := c.call(ctx, http.MethodGet, "/ServiceProviderConfig", nil, nil, "")
	if fault.Is(err, fault.Unavailable) {
		return false // asked again next time
	}
	supported, said := get(child(a.resource, "patch"), "supported").(bool)
	c.setLacksPatch(err == nil && said && !supported)
	return err == nil && said && !supported
}

func (c *conn) setLacksPatch(lacks bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noPatch = &lacks
}
