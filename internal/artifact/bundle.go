package artifact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/review"
)

// MaxParts bounds how many contents one text may hold.
const MaxParts = 100

// Part is one content of a text that holds several, between lines of ---.
type Part struct {
	Kind review.Kind
	// Line is where it begins in the whole text, from 1. Err and what LineOf gives count
	// from there too.
	Line int
	Doc  Doc
	// Err says why it cannot be read; then there is no Doc.
	Err error

	text []byte
}

// ReadParts takes a text apart and reads each part as what its fields say it is.
func (k Kinds) ReadParts(text []byte) ([]Part, error) {
	var out []Part
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	begin := 0
	for i := 0; i <= len(lines); i++ {
		if i < len(lines) && strings.TrimRight(lines[i], " \t") != "---" {
			continue
		}
		if own := strings.Join(lines[begin:i], "\n"); !blank(own) {
			if len(out) == MaxParts {
				return nil, fault.New(fault.TooLarge, "The text holds more than %d contents. Bring them in in several goes.", MaxParts)
			}
			p := Part{Line: begin + 1, text: []byte(strings.Repeat("\n", begin) + own + "\n")}
			p.Kind = kindOf(own)
			if p.Doc, p.Err = k.ReadText(p.Kind, "", p.text); p.Err != nil {
				p.Doc = Doc{}
			}
			out = append(out, p)
		}
		begin = i + 1
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Invalid, "There is nothing in it. Choose a file, or paste the YAML of a flow.")
	}
	return out, nil
}

// blank tells a part that says nothing but comments.
func blank(text string) bool {
	for l := range strings.SplitSeq(text, "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
			return false
		}
	}
	return true
}

// marks are fields that only one kind has, at the left edge.
var marks = []struct {
	kind  review.Kind
	field *regexp.Regexp
}{
	{review.Flow, regexp.MustCompile(`(?m)^(nodes|edges|trigger)\s*:`)},
	{review.Function, regexp.MustCompile(`(?m)^(source|manifest)\s*:`)},
	{review.Connection, regexp.MustCompile(`(?m)^settings\s*:`)},
	{review.Policy, regexp.MustCompile(`(?m)^type\s*:`)},
}

// kindOf tells what a text is of, also one that cannot be read.
func kindOf(text string) review.Kind {
	var content map[string]any
	if strings.HasPrefix(strings.TrimSpace(text), "{") && yaml.Unmarshal([]byte(text), &content) == nil {
		text = ""
		for key := range content {
			text += key + ":\n"
		}
	}
	for _, m := range marks {
		if m.field.MatchString(text) {
			return m.kind
		}
	}
	return review.Flow
}

// LineOf gives the line of the whole text on which a problem's path stands, or of the
// nearest thing around it; 0 when nothing is known.
func (p Part) LineOf(path string) int {
	file, err := parser.ParseBytes(p.text, 0)
	if err != nil || len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return 0
	}
	at, line := ast.Node(file.Docs[0].Body), 0
	for _, step := range strings.Split(path, ".") {
		next, l := into(at, step)
		if next == nil {
			break
		}
		at, line = next, l
	}
	return line
}

// into goes one step down: by the name of a field, the number of an entry, or its id.
func into(n ast.Node, step string) (ast.Node, int) {
	switch x := n.(type) {
	case *ast.MappingNode:
		for _, v := range x.Values {
			if v.Key.GetToken().Value == step {
				return v.Value, v.Key.GetToken().Position.Line
			}
		}
	case *ast.MappingValueNode:
		if x.Key.GetToken().Value == step {
			return x.Value, x.Key.GetToken().Position.Line
		}
	case *ast.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(x.Values) {
			return x.Values[i], x.Values[i].GetToken().Position.Line
		}
		for _, e := range x.Values {
			if id, _ := into(e, "id"); id != nil && id.GetToken().Value == step {
				return e, id.GetToken().Position.Line
			}
		}
	}
	return nil, 0
}

// Renamed gives a content a key of its own and lets what it uses have other keys.
func (k Kinds) Renamed(d Doc, key string, names map[Ref]string) (Doc, error) {
	var content map[string]any
	dec := json.NewDecoder(bytes.NewReader(d.Content))
	dec.UseNumber()
	if err := dec.Decode(&content); err != nil {
		return Doc{}, fmt.Errorf("read content: %w", err)
	}
	content["key"] = key
	if d.Kind == review.Flow {
		c, err := flow.Decode(d.Content)
		if err != nil {
			return Doc{}, err
		}
		nodes, _ := content["nodes"].([]any)
		for i, n := range c.Nodes {
			node, _ := nodes[i].(map[string]any)
			params, _ := node["params"].(map[string]any)
			k.rename(params, n.Type, names)
		}
	}
	raw, err := json.Marshal(content)
	if err != nil {
		return Doc{}, fmt.Errorf("write content: %w", err)
	}
	return k.Read(d.Kind, key, raw)
}

// rename changes the keys of policies and functions in the fields of one node.
func (k Kinds) rename(params map[string]any, kind string, names map[Ref]string) {
	spec, _ := k.Flows.Spec(kind)
	for _, f := range spec.Fields {
		of := map[form.Kind]review.Kind{form.Policy: review.Policy, form.Function: review.Function}[f.Kind]
		if key, ok := params[f.Key].(string); ok && of != "" {
			if to, ok := names[Ref{of, key}]; ok {
				params[f.Key] = to
			}
		}
	}
}
