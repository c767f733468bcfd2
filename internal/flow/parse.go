package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"joinery/internal/canon"
	"joinery/internal/fault"
)

// MaxText bounds a flow's text in bytes.
const MaxText = 1 << 20

// Parse reads a flow from YAML or JSON text, strictly: an unknown field, a double
// key or a value of the wrong type is refused with its line. Anchors and aliases
// are refused too: what is reviewed should be what is written.
func Parse(text []byte) (Content, error) {
	if err := plainText(text); err != nil {
		return Content{}, err
	}
	if err := PlainYAML(text); err != nil {
		return Content{}, err
	}
	var c Content
	dec := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := dec.Decode(&c); err != nil {
		return Content{}, explainYAML(err, text)
	}
	var more any
	if err := dec.Decode(&more); err == nil {
		return Content{}, fault.New(fault.Invalid, "The text holds more than one document. Keep one flow in one file.")
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return Content{}, fault.Wrap(fault.Invalid, err, "The flow holds a value that JSON cannot express.")
	}
	return Decode(raw)
}

// maxNesting bounds how deep values may lie in one another.
const maxNesting = 64

// PlainYAML refuses what YAML can do and people's content never needs: anchors and
// aliases, which are expanded, and deep nesting, for which the parser's memory
// grows with the square.
func PlainYAML(text []byte) error {
	depth, line, entries := 0, 0, 0
	for _, t := range lexer.Tokenize(string(text)) {
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return refuseLine(line, "Anchors, aliases and merge keys cannot be used here. Write the values out.")
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType, token.MappingKeyType:
			entries++
		}
		if depth > maxNesting || entries > maxNesting {
			return refuseLine(line, fmt.Sprintf("Values lie in one another more than %d deep.", maxNesting))
		}
	}
	return nil
}

func plainText(text []byte) error {
	switch {
	case len(text) > MaxText:
		return fault.New(fault.TooLarge, "The flow's text is larger than 1 MiB.")
	case !utf8.Valid(text):
		return fault.New(fault.Invalid, "The flow's text is not valid UTF-8. Save the file as UTF-8.")
	case bytes.ContainsRune(text, 0):
		return fault.New(fault.Invalid, "The flow's text holds a null character.")
	case len(bytes.TrimSpace(text)) == 0:
		return fault.New(fault.Invalid, "The text is empty.")
	}
	return nil
}

func refuseLine(line int, detail string) error {
	return fault.Refuse(fmt.Sprintf("Line %d: %s", line, detail), []fault.Problem{{Path: fmt.Sprintf("line %d", line), Detail: detail}})
}

// otherShape is how the library says that a list stands where fields are needed.
var otherShape = regexp.MustCompile(`^(\w+) was used where (\w+) is expected`)

// shapeWord is the library's name of a shape in words for people.
func shapeWord(name string) string {
	switch strings.ToLower(name) {
	case "sequence":
		return "a list (lines that begin with -)"
	case "mapping":
		return "fields (lines like name: value)"
	case "string", "literal":
		return "a text"
	case "int", "integer", "float":
		return "a number"
	case "bool":
		return "true or false"
	case "null":
		return "nothing"
	}
	return "a " + strings.ToLower(name)
}

func explainYAML(err error, text []byte) error {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return fault.Wrap(fault.Invalid, err, "This is not readable YAML.")
	}
	line := at.GetToken().Position.Line
	detail := strings.TrimSuffix(at.GetMessage(), ".") + "."
	switch {
	case strings.HasPrefix(detail, "unknown field"):
		detail = "There is no field " + strings.TrimSuffix(strings.TrimPrefix(detail, "unknown field "), ".") + " here. Check its spelling and its indentation."
	case otherShape.MatchString(detail):
		m := otherShape.FindStringSubmatch(detail)
		detail = "This needs " + shapeWord(m[2]) + ", and here is " + shapeWord(m[1]) + "."
	case strings.HasPrefix(detail, "cannot unmarshal"):
		detail = "This value is of the wrong type (" + strings.TrimSuffix(detail, ".") + ")."
	}
	lines := strings.Split(string(text), "\n")
	if line >= 1 && line <= len(lines) && strings.Contains(lines[line-1], ": {{") {
		detail = "A value that begins with {{ needs quotes around it."
	}
	return refuseLine(line, strings.ToUpper(detail[:1])+detail[1:])
}

// Decode reads a flow from JSON strictly.
func Decode(raw []byte) (Content, error) {
	var c Content
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return Content{}, fault.Refuse(fmt.Sprintf("The field %s has a value of the wrong type.", wrong.Field),
				[]fault.Problem{{Path: wrong.Field, Detail: fmt.Sprintf("This is a %s; another type is needed.", wrong.Value)}})
		}
		return Content{}, fault.Wrap(fault.Invalid, err, "This is not a flow: %s.", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); err == nil {
		return Content{}, fault.New(fault.Invalid, "There is more text after the flow.")
	}
	if bytes.Contains(raw, []byte(`\u0000`)) {
		return Content{}, fault.New(fault.Invalid, "The flow holds a null character.")
	}
	if c.Nodes == nil {
		c.Nodes = []Node{} // absent and empty have one hash
	}
	return c, nil
}

// JSON writes the canonical form: what is hashed.
func (c Content) JSON() ([]byte, error) { return canon.Value(c) }

// YAML writes a flow as people read it; Parse reads it back to the same content.
// Where YAML would not keep an odd text, JSON is written, which is YAML too.
func (c Content) YAML() ([]byte, error) {
	want, err := c.JSON()
	if err != nil {
		return nil, err
	}
	tidy := c.clone()
	for i := range tidy.Nodes {
		tidy.Nodes[i].Params, _ = whole(tidy.Nodes[i].Params).(map[string]any)
	}
	tidy.Vars, _ = whole(tidy.Vars).(map[string]any)
	out, err := yaml.MarshalWithOptions(tidy, yaml.Indent(2), yaml.IndentSequence(true), yaml.UseLiteralStyleIfMultiline(true))
	if err == nil {
		if again, err := Parse(out); err == nil {
			if have, err := again.JSON(); err == nil && bytes.Equal(have, want) {
				return out, nil
			}
		}
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, want, "", "  "); err != nil {
		return nil, fmt.Errorf("write flow: %w", err)
	}
	return append(pretty.Bytes(), '\n'), nil
}

// whole writes whole numbers without a point, as people do.
func whole(v any) any {
	switch x := v.(type) {
	case float64:
		if x == float64(int64(x)) && x < 1e15 && x > -1e15 {
			return int64(x)
		}
	case map[string]any:
		if x == nil {
			return x
		}
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = whole(e)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = whole(e)
		}
		return out
	}
	return v
}
