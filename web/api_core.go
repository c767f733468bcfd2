package web

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// statusError answers with a status of its own; the kind of the fault inside still
// decides how it is logged.
type statusError struct {
	status int
	error
}

func (e statusError) Unwrap() error { return e.error }

func badRequest(format string, args ...any) error {
	return statusError{http.StatusBadRequest, fault.New(fault.Invalid, format, args...)}
}

// apiOp is one operation of the API: its route, and what the OpenAPI document says
// about it. The document is made of this list, so neither can lack the other.
type apiOp struct {
	route
	summary string
	// in and out name schemas; "" for none. query lists the parameters.
	in, out string
	status  int
	query   []string
}

func (s *Server) apiRoutes() []route {
	var out []route
	for _, op := range s.apiOps() {
		out = append(out, op.route)
	}
	return append(out, route{get, "/api/v1/openapi.json", auth.Public, s.apiDocument})
}

// readJSON reads a request's body strictly.
func readJSON(c *fiber.Ctx, into any) error {
	media, _, err := mime.ParseMediaType(c.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return fault.New(fault.Unsupported, "Send the body as application/json.")
	}
	body := c.Body()
	if len(bytes.TrimSpace(body)) == 0 {
		return badRequest("The body is empty; a JSON object is needed.")
	}
	if !utf8.Valid(body) {
		return badRequest("The body is not valid UTF-8.")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return explainJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badRequest("The body holds more than one JSON document.")
	}
	return nil
}

func explainJSON(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		f := fault.New(fault.Invalid, "The field %s has a value of the wrong type (%s).", wrong.Field, wrong.Value)
		f.Problems = []fault.Problem{{Path: wrong.Field, Detail: "A " + wrong.Value + " is not possible here."}}
		return statusError{http.StatusBadRequest, f}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		f := fault.New(fault.Invalid, "There is no field %s in this request.", name)
		f.Problems = []fault.Problem{{Path: strings.Trim(name, `"`), Detail: "This field is not known."}}
		return statusError{http.StatusBadRequest, f}
	}
	return badRequest("The body is not JSON: %s.", strings.TrimPrefix(err.Error(), "json: "))
}

// sendJSON answers with a document.
func sendJSON(c *fiber.Ctx, status int, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	c.Set("Content-Type", "application/json")
	return c.Status(status).Send(b.Bytes())
}

// page is an answer with a list.
type page struct {
	Items any     `json:"items"`
	Next  *string `json:"next"`
}

func sendPage[T any](c *fiber.Ctx, items []T, next string) error {
	if items == nil {
		items = []T{}
	}
	p := page{Items: items}
	if next != "" {
		cursor := base64.RawURLEncoding.EncodeToString([]byte(next))
		p.Next = &cursor
	}
	return sendJSON(c, http.StatusOK, p)
}

// pageOf reads limit and cursor.
func pageOf(c *fiber.Ctx) (limit int, after string, err error) {
	if text := c.Query("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 200 {
			return 0, "", badRequest("limit is a number from 1 to 200.")
		}
	}
	if text := c.Query("cursor"); text != "" {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(raw) == 0 || len(raw) > 200 || !utf8.Valid(raw) || bytes.ContainsRune(raw, 0) {
			return 0, "", badRequest("This cursor is not one that a list gave.")
		}
		after = string(raw)
	}
	return limit, after, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func stampOf(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := stamp(*t)
	return &s
}

func queryTime(c *fiber.Ctx, name string) (time.Time, error) {
	text := c.Query(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, badRequest("%s is a time such as 2026-12-01T08:00:00Z.", name)
}
