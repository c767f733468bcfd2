package scim

import (
	"context"
	"net/http"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// Where a service describes itself (RFC 7644 4).
const (
	schemasPath = "/Schemas"
	typesPath   = "/ResourceTypes"
)

// discovery tells the paths where a bare array is understood. Elsewhere it would
// pass for "nobody was found".
func discovery(path string) bool { return path == schemasPath || path == typesPath }

// Schema lists what the service says its users hold (RFC 7643 7), under the
// names that flows write.
func (c *conn) Schema(ctx context.Context) ([]connector.SchemaAttribute, error) {
	return c.schema.Get(c.cfg.Now(), func() ([]connector.SchemaAttribute, error) { return c.readSchema(ctx) })
}

func (c *conn) readSchema(ctx context.Context) ([]connector.SchemaAttribute, error) {
	list, err := c.all(ctx, schemasPath)
	if err != nil {
		return nil, err
	}
	core, extensions := c.userSchemas(ctx)
	var out []connector.SchemaAttribute
	for _, s := range list {
		id := text(s, "id")
		switch {
		case strings.EqualFold(id, core):
			out = append(out, schemaAttributes("", s)...)
		case extensions == nil && extendsUsers(id) || hasFold(extensions, id):
			out = append(out, schemaAttributes(id, s)...)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.NotFound, "%s does not say which attributes its users have (/Schemas), so attributes cannot be checked beforehand.", c.set.base.Host)
	}
	return out, nil
}

// all reads a discovery list: a list response as the standard has it, or the
// bare array that some services send. One that is not there is empty.
func (c *conn) all(ctx context.Context, path string) ([]map[string]any, error) {
	a, err := c.call(ctx, http.MethodGet, path, nil, nil, "")
	switch status(err) {
	case http.StatusNotFound, http.StatusNotImplemented, http.StatusMethodNotAllowed, http.StatusBadRequest:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	page, ok := get(a.resource, "Resources").([]any)
	if !ok {
		page = a.list
	}
	var out []map[string]any
	for _, x := range page {
		if m, ok := x.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out, nil
}

// userSchemas tells which schemas make up a user. Extensions are nil when the
// service does not say; then all that are named for users count.
func (c *conn) userSchemas(ctx context.Context) (core string, extensions []string) {
	types, err := c.all(ctx, typesPath)
	if err != nil {
		return coreUser, nil // the list of types only narrows what /Schemas said
	}
	for _, t := range types {
		if !strings.EqualFold(strings.Trim(text(t, "endpoint"), "/"), users) && !strings.HasSuffix(strings.ToLower(text(t, "endpoint")), "/users") {
			continue
		}
		core, extensions = text(t, "schema"), []string{}
		list, _ := get(t, "schemaExtensions").([]any)
		for _, x := range list {
			if m, ok := x.(map[string]any); ok {
				extensions = append(extensions, text(m, "schema"))
			}
		}
		if core == "" {
			core = coreUser
		}
		return core, extensions
	}
	return coreUser, nil
}

func extendsUsers(id string) bool {
	id = strings.ToLower(id)
	return strings.Contains(id, ":extension:") && strings.HasSuffix(id, ":user")
}

// schemaAttributes lists the attributes of one schema; urn is "" for the core.
func schemaAttributes(urn string, s map[string]any) []connector.SchemaAttribute {
	var out []connector.SchemaAttribute
	for _, a := range declared(s, "attributes") {
		name := text(a, "name")
		if name == "" {
			continue
		}
		top := describe(a, name)
		if urn != "" {
			full := urn + ":" + name
			top.Name = full
			if strings.EqualFold(urn, enterprise) && hasFold(enterpriseNames, name) {
				top.Name, top.Aliases = name, []string{full}
			}
		}
		top.ReadOnly = top.ReadOnly || urn == "" && hasFold(ownNames, name)
		out = append(out, parts(urn, top, a)...)
	}
	return out
}

// parts lists an attribute and, for one that has parts, each under the dotted
// name that flows write.
func parts(urn string, top connector.SchemaAttribute, a map[string]any) []connector.SchemaAttribute {
	subs := declared(a, "subAttributes")
	name := text(a, "name")
	if len(subs) == 0 || top.ReadOnly {
		return []connector.SchemaAttribute{top}
	}
	typed := hasFold(multiNames, name) && urn == ""
	var out []connector.SchemaAttribute
	value := connector.SchemaAttribute{}
	for _, sub := range subs {
		part := text(sub, "name")
		s := describe(sub, part)
		s.Required = false // it is needed only where the whole is there
		switch {
		case part == "value" && strings.EqualFold(name, "manager"):
			value = s
		case typed && (part == "type" || part == "primary" || part == "display" || part == "$ref"):
		case typed && part == "value":
			value = s
			out = append(out, kinds(top.Name, "", a, s)...)
		case typed:
			out = append(out, kinds(top.Name, "."+part, a, s)...)
		case top.Multi: // a list of maps goes in as a whole
		default:
			s.Name = top.Name + "." + part
			out = append(out, s)
		}
	}
	if value.Name != "" { // the plain name stands for the value: manager, emails
		top.Type, top.Multi = value.Type, typed
	}
	return append(out, top)
}

// kinds lists an attribute that is told apart by type: emails.work, and * for
// any other, since no service is bound to the types it proposes.
func kinds(name, suffix string, a map[string]any, s connector.SchemaAttribute) []connector.SchemaAttribute {
	types := []string{"work"}
	for _, sub := range declared(a, "subAttributes") {
		if text(sub, "name") != "type" {
			continue
		}
		list, _ := get(sub, "canonicalValues").([]any)
		for _, v := range list {
			if t, ok := v.(string); ok && attrName.MatchString(t) && !hasFold(types, t) {
				types = append(types, t)
			}
		}
	}
	var out []connector.SchemaAttribute
	for _, t := range append(types, "*") {
		one := s
		one.Name = name + "." + t + suffix
		out = append(out, one)
	}
	return out
}

func describe(a map[string]any, name string) connector.SchemaAttribute {
	multi, _ := get(a, "multiValued").(bool)
	required, _ := get(a, "required").(bool)
	out := connector.SchemaAttribute{Name: name, Type: connector.TypeString, Multi: multi, Required: required, Help: text(a, "description"),
		ReadOnly: strings.EqualFold(text(a, "mutability"), "readOnly"), CreateOnly: strings.EqualFold(text(a, "mutability"), "immutable")}
	switch strings.ToLower(text(a, "type")) {
	case "boolean":
		out.Type = connector.TypeBool
	case "decimal", "integer":
		out.Type = connector.TypeNumber
	case "datetime":
		out.Type = connector.TypeTimestamp
	case "binary":
		out.Type = connector.TypeBinary
	case "complex":
		out.Type = connector.TypeMap
	}
	return out
}

func declared(m map[string]any, name string) []map[string]any {
	list, _ := get(m, name).([]any)
	var out []map[string]any
	for _, x := range list {
		if a, ok := x.(map[string]any); ok {
			out = append(out, a)
		}
	}
	return out
}
