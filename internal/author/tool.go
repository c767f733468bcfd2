package author

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sashabaranov/go-openai"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/function"
)

// mostToolAnswer bounds what one tool tells, mostArguments what it is asked with, and
// mostBack how much of what a model said goes back to it, in characters.
const (
	mostToolAnswer = 24 << 10
	mostArguments  = 64 << 10
	mostBack       = 64 << 10
)

// tool is something that the model may ask. None changes anything, and none tells data
// of people.
type tool struct {
	name, help string
	params     map[string]string // names and what they mean; all are text, but cases
	run        func(ctx context.Context, j *job, in toolInput) (any, error)
}

type toolInput struct {
	Key    string          `json:"key"`
	Source string          `json:"source"`
	Grants []string        `json:"grants"`
	Cases  []function.Case `json:"cases"`
}

func tools() []tool {
	return []tool{
		{"library", "What Lua code can call, with the grant that each call needs.", nil, func(_ context.Context, j *job, _ toolInput) (any, error) {
			return j.a.World.Library(), nil
		}},
		{"nodes", "The kinds of steps that a flow can have around a function.", nil, func(_ context.Context, j *job, _ toolInput) (any, error) {
			return nodeShapes(j.a.World.Nodes()), nil
		}},
		{"connections", "The connections there are: what each can do, and the names and types of its fields.", nil, func(ctx context.Context, j *job, _ toolInput) (any, error) {
			return j.a.World.Connections(ctx)
		}},
		{"functions", "The functions there are: keys and names.", nil, func(ctx context.Context, j *job, _ toolInput) (any, error) {
			return j.a.World.Functions(ctx)
		}},
		{"function", "One function: its Lua, manifest and tests.", map[string]string{"key": "the function's key"}, func(ctx context.Context, j *job, in toolInput) (any, error) {
			c, err := j.a.World.Function(ctx, in.Key)
			if err != nil {
				return nil, err
			}
			return describe(c), nil
		}},
		{"policies", "The policies there are: keys and names.", nil, func(ctx context.Context, j *job, _ toolInput) (any, error) {
			return j.a.World.Policies(ctx)
		}},
		{"policy", "The shape of one policy: the names of its fields and the types of their values.", map[string]string{"key": "the policy's key"}, func(ctx context.Context, j *job, in toolInput) (any, error) {
			return j.a.World.PolicyShape(ctx, in.Key)
		}},
		{"check", "Reads Lua and says what is wrong with it and which grants it needs.", map[string]string{"source": "the whole Lua source"}, func(ctx context.Context, j *job, in toolInput) (any, error) {
			return j.look(ctx, function.Content{Key: j.key(), Name: "check", Source: in.Source}, false)
		}},
		{"run_tests", "Runs tests on Lua in the governed runtime. No system is asked.", map[string]string{"source": "the whole Lua source", "grants": "the grants that the manifest asks for", "cases": "the tests; without them, those there are"}, runTests},
	}
}

func runTests(ctx context.Context, j *job, in toolInput) (any, error) {
	c := j.content()
	c.Source, c.Manifest.Grants = in.Source, in.Grants
	if len(in.Cases) > 0 {
		c.Cases = in.Cases
	}
	if len(c.Cases) == 0 {
		return nil, fault.New(fault.Invalid, "There are no tests to run.")
	}
	if len(c.Cases) > mostCases {
		return nil, fault.New(fault.Invalid, "Up to %d tests can be run at once.", mostCases)
	}
	return j.look(ctx, c, false)
}

// nodeShape is what is told of a kind of step.
type nodeShape struct {
	Kind    string   `json:"kind"`
	Title   string   `json:"title"`
	Help    string   `json:"help"`
	Fields  []string `json:"fields,omitempty"`
	Outputs []string `json:"outputs,omitempty"`
	Writes  bool     `json:"writes,omitempty"`
}

func nodeShapes(specs []flow.Spec) []nodeShape {
	out := make([]nodeShape, 0, len(specs))
	for _, s := range specs {
		n := nodeShape{Kind: s.Kind, Title: s.Title, Help: s.Help, Writes: s.Writes}
		for _, f := range s.Fields {
			n.Fields = append(n.Fields, f.Key)
		}
		for _, o := range s.Outputs {
			n.Outputs = append(n.Outputs, o.Name)
		}
		out = append(out, n)
	}
	return out
}

// toolDefinitions are the tools as the protocol has them.
func toolDefinitions() []openai.Tool {
	var out []openai.Tool
	for _, t := range tools() {
		props, required := map[string]any{}, []string{}
		for name, help := range t.params {
			shape := map[string]any{"type": "string", "description": help}
			switch name {
			case "grants":
				shape = map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "description": help}
			case "cases":
				shape = map[string]any{"type": "array", "items": map[string]any{"type": "object"}, "description": help}
			default:
				required = append(required, name)
			}
			props[name] = shape
		}
		out = append(out, openai.Tool{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{Name: t.name, Description: t.help,
			Parameters: map[string]any{"type": "object", "properties": props, "required": required}}})
	}
	return out
}

func describeTools() string {
	var b strings.Builder
	for _, t := range tools() {
		names := make([]string, 0, len(t.params))
		for n := range t.params {
			names = append(names, n)
		}
		slices.Sort(names)
		fmt.Fprintf(&b, "- %s(%s): %s\n", t.name, strings.Join(names, ", "), t.help)
	}
	return b.String()
}

// use answers one question of the model: bounded, marked as data, and held back where it
// would tell data of people.
func (j *job) use(ctx context.Context, name, arguments string) (string, error) {
	text, err := j.answerTool(ctx, name, arguments)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		text = "This did not work: " + fault.Sentence(err) // it may hold text of strangers too
	}
	if len(text) > mostToolAnswer {
		text = strings.ToValidUTF8(text[:mostToolAnswer], "") + "\n(cut off: there is more than is told)"
	}
	found, err := j.leaks(ctx, text)
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return "This is not told: it holds " + found[0].What + ".", nil
	}
	return j.data("Result of "+name, text), nil
}

func (j *job) answerTool(ctx context.Context, name, arguments string) (string, error) {
	all := tools()
	i := slices.IndexFunc(all, func(t tool) bool { return t.name == name })
	if i < 0 {
		return "", fault.New(fault.Invalid, "There is no tool %q.", clipped(name, 60))
	}
	if len(arguments) > mostArguments {
		return "", fault.New(fault.Invalid, "The arguments are larger than is read (%d kB).", mostArguments>>10)
	}
	if deep([]byte(arguments)) {
		return "", fault.New(fault.Invalid, "The arguments are nested deeper than is read (%d levels).", mostDeep)
	}
	var in toolInput
	if strings.TrimSpace(arguments) != "" {
		if err := json.Unmarshal([]byte(arguments), &in); err != nil {
			return "", fault.New(fault.Invalid, "The arguments cannot be read as JSON.")
		}
	}
	out, err := all[i].run(ctx, j, in)
	if err != nil {
		return "", err
	}
	if text, ok := out.(string); ok {
		return text, nil
	}
	raw, err := json.Marshal(out)
	return string(raw), err
}
