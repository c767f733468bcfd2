package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/fault"
)

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
	if f := readObject(body, into); f != nil {
		return statusError{400, f}
	}
	return nil
}

// readObject reads one JSON object into a struct. Go's reader would take a name
// in any case, the last of two equal names, and null for an object: what a
// sender did not mean must not start anything.
func readObject(raw []byte, into any) *fault.Error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	first, err := dec.Token()
	if err != nil {
		return explainJSON(err)
	}
	if first != json.Delim('{') {
		return fault.New(fault.Invalid, "A JSON object is needed here.")
	}
	known, seen := fieldNames(into), map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return explainJSON(err)
		}
		name, _ := token.(string)
		switch {
		case !slices.Contains(known, name):
			return oneField(name, "This field is not known.", "There is no field %q in this request.", clip(name, 80))
		case seen[name]:
			return oneField(name, "This field is there twice.", "The field %q is there twice.", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return explainJSON(err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return explainJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "The body holds more than one JSON document.")
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return explainJSON(err)
	}
	return nil
}

// fieldNames gives the JSON names of the fields of a struct behind a pointer.
func fieldNames(into any) []string {
	t := reflect.TypeOf(into).Elem()
	var out []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

func oneField(path, detail, format string, args ...any) *fault.Error {
	f := fault.New(fault.Invalid, format, args...)
	f.Problems = []fault.Problem{{Path: path, Detail: detail}}
	return f
}

func explainJSON(err error) *fault.Error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return oneField(wrong.Field, "A "+wrong.Value+" is not possible here.", "The field %s has a value of the wrong type (%s).", wrong.Field, wrong.Value)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.New(fault.Invalid, "The JSON ends too early.")
	}
	return fault.New(fault.Invalid, "The body is not JSON: %s.", strings.TrimPrefix(err.Error(), "json: "))
}
