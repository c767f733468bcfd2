package web

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/internal/review"
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
	out := doc{"summary": op.summary, "operationId": operationID(op), "description": strings.TrimSpace("Needs the permission " + string(op.needs) + ". " + apiNotes()[op.method+" "+strings.TrimPrefix(op.path, v1)])}
	switch op.needs {
	case auth.Public:
		out["security"], out["description"] = []any{}, "Needs no token."
	case auth.SignedIn:
		out["description"] = strings.Replace(out["description"].(string), "Needs the permission signed_in.", "Needs a token.", 1)
	}
	if params := parameters(op); len(params) > 0 {
		out["parameters"] = params
	}
	if op.in != "" {
		content := doc{"application/json": doc{"schema": ref(op.in)}}
		if op.in == "Lines" {
			content = doc{"text/csv": doc{"schema": doc{"type": "string"}}, "application/jsonl": doc{"schema": doc{"type": "string"}}, "application/x-ndjson": doc{"schema": doc{"type": "string"}}}
		}
		out["requestBody"] = doc{"required": op.in != "OptionalReason", "content": content}
	}
	responses := doc{strconv.Itoa(op.status): respond("Done", "application/json", op.out), "default": respond("What is wrong and what to do", "application/problem+json", "Problem")}
	if strings.HasSuffix(op.path, "/stream") {
		responses[strconv.Itoa(op.status)] = doc{"description": "Events: draft (the whole, as the operation without /stream answers it), delta (stream, from, to, text: what the model adds in a stage), done (nothing goes on by itself any more)", "content": doc{"text/event-stream": doc{"schema": doc{"type": "string"}}}}
	}
	if op.out == "Saved" {
		responses["200"] = respond("Nothing changed", "application/json", op.out)
	}
	if strings.HasSuffix(op.path, "/reviews/:id/approve") {
		responses["202"] = respond("On record; a second reviewer has to approve the same content", "application/json", "Review")
	}
	for _, status := range refusals(op) {
		responses[strconv.Itoa(status)] = respond(refusalWords[status], "application/problem+json", "Problem")
	}
	out["responses"] = responses
	return out
}

func respond(what, media, schema string) doc {
	return doc{"description": what, "content": doc{media: doc{"schema": ref(schema)}}}
}

// apiNotes say what a handler asks for beyond its permission.
func apiNotes() map[string]string {
	out := map[string]string{
		"POST /flows/:key/runs":              "A live run needs the permission run.start. A joiner must come from the HRIS that the flow reads.",
		"POST /flows/:key/bulk":              "Up to 100,000 workers and 16 MiB: one CSV column with the heading worker, or a JSON object with worker in each line. All runs start, or none; a worker that is there twice is started once and named in repeated. More than one person may bring in within a day is parked whole, and second_person names the request that somebody else has to agree to (POST /limits/{id}/approve).",
		"POST /signoffs/:id":                 "The sign-off must be addressed to the person or to one of the roles of the token. form has the sign-off's fields by key: a text, true or false, or a date; one that is left out counts as empty.",
		"POST /functions/drafts":             "function names the one to be changed; without it, a new one is asked for. Nothing is saved before the intent is confirmed, and what is saved is a draft: a review and another person's approval are needed as for any content.",
		"POST /functions/drafts/:id/confirm": "Only while state is needs_you, by who asked. intent has the shape of the result of the stage intent; left out, it is confirmed as it was restated.",
		"GET /exceptions":                    "Without state, all that are not resolved; any is all.",
		"POST /exceptions/:id/resolve":       "push writes ours over HR's value, only while HR still has the one that seen stands for, and reads it back; where the contract asks for a sign-off, a person without its role only asks for it (state asked), and one with it agrees (push) or says no (refuse). until needs until (a date), reason and owner (an e-mail address). close, with a reason, is for those that are about no field. 409 when seen is not what is there any more.",
		"POST /policies/:key/try":            "attributes are those of the joiner; joiner is the id of one that is known, whose attributes then count where attributes says nothing (it needs run.read, and leaves out what the token may not see). content tries another content than the newest revision. live looks at the names that are held (run.read); systems are never asked. person says why a person has to decide, else it is empty.",
		"POST /reviews/:id/approve":          "The token's owner must not have written any part of the revision. 202 with the review when a second reviewer is needed and this was the first yes.",
	}
	for _, k := range review.Kinds() {
		out["POST /"+k.Plural()+"/:key/ratify"] = "The token's owner must neither have released the revision nor written any part of it. release names the release that was looked at."
	}
	return out
}

var refusalWords = map[int]string{
	http.StatusBadRequest: "The request cannot be read: malformed JSON, an unknown field or parameter, a wrong one", http.StatusUnauthorized: "There is no valid token", http.StatusForbidden: "The token's roles, or a rule, do not allow it",
	http.StatusNotFound: "There is no such thing", http.StatusConflict: "The state of things does not allow it", http.StatusRequestEntityTooLarge: "The body is too large",
	http.StatusUnsupportedMediaType: "The body is of another media type", http.StatusUnprocessableEntity: "A value is not right", http.StatusServiceUnavailable: "Our own trouble: send the request again later",
}

// refusals are the statuses by which an operation says no.
func refusals(op apiOp) []int {
	if op.needs == auth.Public {
		return nil
	}
	out := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable}
	if op.method != get {
		out = append(out, http.StatusRequestEntityTooLarge)
	}
	if op.in != "" {
		out = append(out, http.StatusUnsupportedMediaType)
	}
	if strings.Contains(op.path, ":") {
		out = append(out, http.StatusNotFound)
	}
	if op.method != get {
		out = append(out, http.StatusConflict)
	}
	return append(out, http.StatusUnprocessableEntity)
}

func parameters(op apiOp) []any {
	var params []any
	for _, m := range pathParam.FindAllStringSubmatch(op.path, -1) {
		schema := doc{"type": "string"}
		if m[1] == "n" {
			schema = doc{"type": "integer", "minimum": 1}
		}
		params = append(params, doc{"name": m[1], "in": "path", "required": true, "schema": schema})
	}
	if repeatable(op) {
		params = append(params, doc{"name": repeatHeader, "in": "header", "required": false, "schema": doc{"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
			"description": "Of your choice, such as a UUID. Sent again within a day with the same body, the request does nothing and is answered as the first time, with the header " + repeatedHeader + ": true. With another body it is a 422; while the first is still being answered, a 409."})
	}
	for _, q := range op.query {
		params = append(params, doc{"name": q, "in": "query", "required": q == "from" || q == "to", "schema": querySchema(op, q)})
	}
	return params
}

func querySchema(op apiOp, name string) doc {
	words := func(ws []string) doc { return doc{"type": "string", "enum": ws} }
	switch name {
	case "limit":
		return doc{"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
	case "from", "to":
		return doc{"type": "integer", "minimum": 1}
	case "after":
		return doc{"type": "integer", "minimum": 0}
	case "since":
		return doc{"type": "string", "description": "A time in RFC 3339, or a date"}
	case "mode":
		return words(runModes())
	case "state":
		switch strings.TrimPrefix(op.path, v1) {
		case "/events":
			return words(eventStates())
		case "/exceptions":
			return words(exceptionStates())
		case "/reviews":
			return words(reviewStates())
		case "/names":
			return words(postgres.NameStates())
		}
		word := "(" + strings.Join(runStates(), "|") + ")"
		return doc{"type": "string", "pattern": "^" + word + "(," + word + ")*$"}
	}
	return doc{"type": "string"}
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
