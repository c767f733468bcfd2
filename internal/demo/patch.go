package demo

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/schema"
	filter "github.com/scim2/filter-parser/v2"
)

// patch applies one PATCH operation (RFC 7644 section 3.5.2).
func (r *record) patch(op scim.PatchOperation) error {
	if op.Path == nil {
		m, ok := op.Value.(map[string]any)
		if !ok {
			return errors.ScimErrorInvalidValue
		}
		for k, v := range m {
			r.set(r.Attributes, op.Op, k, v)
		}
		return nil
	}
	at, name := r.Attributes, op.Path.AttributePath.AttributeName
	if uri := op.Path.AttributePath.URI(); uri != "" && uri != schema.UserSchema && uri != schema.GroupSchema {
		inner, _ := at[uri].(map[string]any)
		copied := map[string]any{}
		for k, v := range inner {
			copied[k] = v
		}
		at[uri], at = copied, copied
	}
	sub := op.Path.AttributePath.SubAttributeName()
	if op.Path.ValueExpression != nil {
		if op.Path.SubAttribute != nil {
			sub = *op.Path.SubAttribute
		}
		return r.some(at, op, name, sub)
	}
	if sub != "" {
		inner, _ := at[name].(map[string]any)
		copied := map[string]any{}
		for k, v := range inner {
			copied[k] = v
		}
		at[name] = copied
		at, name = copied, sub
	}
	if op.Op == scim.PatchOperationRemove && op.Value == nil {
		r.unset(at, name)
		return nil
	}
	r.set(at, op.Op, name, op.Value)
	return nil
}

func (r *record) unset(at map[string]any, name string) {
	if name == "externalId" {
		r.ExternalID = ""
		return
	}
	delete(at, name)
}

func (r *record) set(at map[string]any, op, name string, v any) {
	if name == "externalId" {
		r.ExternalID, _ = v.(string)
		return
	}
	old, several := at[name].([]any)
	list, isList := v.([]any)
	if several && !isList && (op == scim.PatchOperationAdd || op == scim.PatchOperationRemove) {
		list, isList = []any{v}, true
	}
	switch {
	case op == scim.PatchOperationRemove && isList:
		at[name] = slices.DeleteFunc(slices.Clone(old), func(x any) bool { return slices.ContainsFunc(list, func(y any) bool { return same(x, y) }) })
	case op == scim.PatchOperationAdd && isList:
		out := slices.Clone(old)
		for _, x := range list {
			if !slices.ContainsFunc(out, func(y any) bool { return same(x, y) }) {
				out = append(out, x)
			}
		}
		at[name] = out
	case v == nil:
		delete(at, name)
	default:
		at[name] = v
	}
}

// same compares members and other multi-valued entries by their value.
func same(a, b any) bool {
	x, ok1 := a.(map[string]any)
	y, ok2 := b.(map[string]any)
	if ok1 && ok2 && x["value"] != nil {
		return x["value"] == y["value"]
	}
	return reflect.DeepEqual(a, b)
}

// some works on the entries of a multi-valued attribute that a value filter picks.
func (r *record) some(at map[string]any, op scim.PatchOperation, name, sub string) error {
	e, ok := op.Path.ValueExpression.(*filter.AttributeExpression)
	if !ok || e.Operator != filter.EQ {
		return errors.ScimErrorBadRequest("the demo directory picks entries with eq only")
	}
	picks := func(x any) bool {
		m, ok := x.(map[string]any)
		return ok && strings.EqualFold(fmt.Sprint(m[e.AttributePath.AttributeName]), fmt.Sprint(e.CompareValue))
	}
	old, _ := at[name].([]any)
	if op.Op == scim.PatchOperationRemove && sub == "" {
		at[name] = slices.DeleteFunc(slices.Clone(old), picks)
		return nil
	}
	out := slices.Clone(old)
	for i, x := range out {
		if !picks(x) {
			continue
		}
		copied := map[string]any{}
		for k, v := range x.(map[string]any) {
			copied[k] = v
		}
		switch {
		case op.Op == scim.PatchOperationRemove:
			delete(copied, sub)
		case sub != "":
			copied[sub] = op.Value
		default:
			m, _ := op.Value.(map[string]any)
			for k, v := range m {
				copied[k] = v
			}
		}
		out[i] = copied
	}
	at[name] = out
	return nil
}
