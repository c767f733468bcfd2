package web

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
)

type doc = map[string]any

var pathParam = regexp.MustCompile(`:([a-z]+)`)

// apiDocument is GET /api/v1/openapi.json: OpenAPI 3.1, made of the same list as
// the routes.
func (s *Server) apiDocument(c *fiber.Ctx, _ auth.Actor) error {
	return sendJSON(c, http.StatusOK, s.openAPI())
}

func (s *Server) openAPI() doc {
	paths := doc{}
	for _, op := range s.apiOps() {
		at := pathParam.ReplaceAllString(strings.TrimPrefix(op.path, v1), "{$1}")
		item, ok := paths[at].(doc)
		if !ok {
			item = doc{}
			paths[at] = item
		}
		item[strings.ToLower(op.method)] = operation(op)
	}
	return doc{
		"openapi":  "3.1.0",
		"info":     doc{"title": "Joinery", "version": "1", "description": "Everything the console does, for programs. Errors are RFC 9457 problem documents; times are RFC 3339 in UTC; lists take limit and cursor and answer items and next."},
		"servers":  []any{doc{"url": v1}},
		"security": []any{doc{"token": []any{}}},
		"paths":    paths,
		"components": doc{
			"securitySchemes": doc{"token": doc{"type": "http", "scheme": "bearer", "description": "An API token: jnr_…"}},
			"schemas":         apiSchemas(),
		},
	}
}

func operation(op apiOp) doc {
	out := doc{"summary": op.summary, "operationId": operationID(op), "description": "Needs the permission " + string(op.needs) + "."}
	if op.needs == auth.Public {
		out["security"], out["description"] = []any{}, "Needs no token."
	}
	var params []any
	for _, m := range pathParam.FindAllStringSubmatch(op.path, -1) {
		params = append(params, doc{"name": m[1], "in": "path", "required": true, "schema": doc{"type": "string"}})
	}
	for _, q := range op.query {
		schema := doc{"type": "string"}
		if q == "limit" {
			schema = doc{"type": "integer", "minimum": 1, "maximum": 200}
		}
		params = append(params, doc{"name": q, "in": "query", "schema": schema})
	}
	if len(params) > 0 {
		out["parameters"] = params
	}
	if op.in != "" {
		content := doc{"application/json": doc{"schema": ref(op.in)}}
		if op.in == "Lines" {
			content = doc{"text/csv": doc{"schema": doc{"type": "string"}}, "application/jsonl": doc{"schema": doc{"type": "string"}}}
		}
		out["requestBody"] = doc{"required": op.in != "OptionalReason", "content": content}
	}
	responses := doc{strconv.Itoa(op.status): doc{"description": "Done", "content": doc{"application/json": doc{"schema": ref(op.out)}}},
		"default": doc{"description": "What is wrong and what to do", "content": doc{"application/problem+json": doc{"schema": ref("Problem")}}}}
	if op.out == "Saved" {
		responses["200"] = doc{"description": "Nothing changed", "content": doc{"application/json": doc{"schema": ref(op.out)}}}
	}
	out["responses"] = responses
	return out
}

func operationID(op apiOp) string {
	parts := strings.FieldsFunc(strings.TrimPrefix(op.path, v1), func(r rune) bool { return r == '/' || r == ':' || r == '.' || r == '-' })
	return strings.ToLower(op.method) + "_" + strings.Join(parts, "_")
}

func ref(name string) doc { return doc{"$ref": "#/components/schemas/" + name} }

// object makes a closed schema: "name" is required, "name?" is not.
func object(fields doc) doc {
	props, required := doc{}, []any{}
	for k, v := range fields {
		name, optional := strings.CutSuffix(k, "?")
		props[name] = v
		if !optional {
			required = append(required, name)
		}
	}
	slices.SortFunc(required, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	return doc{"type": "object", "additionalProperties": false, "properties": props, "required": required}
}

func list(of doc) doc { return doc{"type": "array", "items": of} }

func nullable(kind string) doc { return doc{"type": []any{kind, "null"}} }

func pageSchema(of string) doc {
	return object(doc{"items": list(ref(of)), "next": nullable("string")})
}
