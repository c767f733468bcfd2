package flow_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/node"
)

const good = `
key: join
name: Join
trigger: hired
vars: {domain: x.example}
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.hired]}}
  - id: find
    type: account.find
    params: {directory: dir}
  - id: create
    type: account.ensure
    params:
      directory: dir
      name: =Lower(joiner.last_name)
      attributes: {mail: "{{ joiner.last_name }}@{{ vars.domain }}"}
edges:
  - {from: hired.started, to: find}
  - {from: find.missing, to: create}
`

func parse(t *testing.T, text string) flow.Content {
	t.Helper()
	c, err := flow.Parse([]byte(text))
	require.NoError(t, err, "%v", fault.Problems(err))
	return c
}

var known = flow.Known{Connections: map[string][]string{"hr": {"workers", "webhook"}, "dir": {"directory"}}}

func TestCheck(t *testing.T) {
	t.Parallel()
	require.Empty(t, flow.Check(parse(t, good), node.All(), known))
	for name, c := range map[string]struct{ old, new, path, says string }{
		"unknown type":            {"account.find", "account.fnid", "nodes.find.type", `Did you mean "account.find"?`},
		"unknown field":           {"{directory: dir}\n  - id: create", "{directory: dir, direktory: x}\n  - id: create", "nodes.find.params.direktory", `Did you mean "directory"?`},
		"missing field":           {"name: =Lower(joiner.last_name)\n", "name: ''\n", "nodes.create.params.name", "is needed"},
		"unknown connection":      {"params: {directory: dir}", "params: {directory: dri}", "nodes.find.params.directory", `Did you mean "dir"?`},
		"connection cannot":       {"params: {directory: dir}", "params: {directory: hr}", "nodes.find.params.directory", "no accounts and groups"},
		"event that is none":      {"[worker.hired]", "[worker.fired]", "nodes.hired.params.events.0", "Choose one of"},
		"expression type":         {"=Lower(joiner.last_name)", "=1 +", "nodes.create.params.name", ""},
		"unknown attribute":       {"joiner.last_name)", "joiner.lastname)", "nodes.create.params.name", `"last_name"`},
		"unknown function":        {"=Lower(", "=Lowre(", "nodes.create.params.name", "Lower"},
		"unknown variable":        {"vars.domain", "vars.domian", "nodes.create.params.attributes.mail", `"domain"`},
		"step that runs later":    {"=Lower(joiner.last_name)", "=steps.create.name", "nodes.create.params.name", "own result"},
		"unknown step":            {"=Lower(joiner.last_name)", "=steps.fnid.name", "nodes.create.params.name", "no step"},
		"unknown port":            {"find.missing", "find.mising", "edges.1.from", "has no way out"},
		"edge to nowhere":         {"to: create", "to: creat", "edges.1.to", `Did you mean "create"?`},
		"edge without port":       {"from: find.missing", "from: find", "edges.1.from", "node.port"},
		"edge into the start":     {"{from: find.missing, to: create}", "{from: find.missing, to: create}\n  - {from: create.created, to: hired}", "edges.2.to", "Nothing can lead into"},
		"circle":                  {"{from: find.missing, to: create}", "{from: find.missing, to: create}\n  - {from: create.created, to: find}", "edges.2", "circle"},
		"unreachable":             {"  - {from: find.missing, to: create}\n", "", "nodes.create", "Nothing leads to"},
		"no start":                {"trigger: hired", "trigger: hird", "trigger", `Did you mean "hired"?`},
		"start that is none":      {"trigger: hired", "trigger: find", "trigger", "cannot start a flow"},
		"double id":               {"- id: create", "- id: find", "nodes.find", "Two nodes"},
		"bad id":                  {"- id: create", "- id: Create Me", "nodes.2.id", "lower-case"},
		"double edge":             {"{from: find.missing, to: create}", "{from: find.missing, to: create}\n  - {from: find.missing, to: create}", "edges.2", "twice"},
		"bad time limit":          {"type: account.find", "type: account.find\n    timeout: soon", "nodes.find.timeout", "duration"},
		"bad tries":               {"type: account.find", "type: account.find\n    retry: {attempts: 1000}", "nodes.find.retry.attempts", "1 to 100"},
		"bad limit":               {"name: Join", "name: Join\nlimits: {runs_per_hour: -1}", "limits", "below 0"},
		"bad name of a variable":  {"{domain: x.example}", "{Domain: x, domain: y}", "vars.Domain", "lower-case"},
		"bool where text":         {"name: =Lower(joiner.last_name)", "name: true", "nodes.create.params.name", "Write a text"},
		"list where one is asked": {"events: [worker.hired]", "events: worker.hired", "nodes.hired.params.events", "list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, good, c.old)
			f := parse(t, strings.Replace(good, c.old, c.new, 1))
			problems := flow.Check(f, node.All(), known)
			for _, p := range problems {
				id, _ := f.At(p.Path)
				_, there := f.Find(id)
				root, _, _ := strings.Cut(p.Path, ".")
				ofFlow := root == "limits" || root == "vars" || root == "trigger" && name == "no start"
				require.Equal(t, !ofFlow, there, "%s belongs to a node, which shows it", p.Path)
				if p.Path == c.path && strings.Contains(p.Detail, c.says) {
					return
				}
			}
			t.Fatalf("no problem at %s that says %q: %v", c.path, c.says, problems)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, path, says string }{
		"unknown field":     {"key: a\nname: b\ntriger: x\nnodes: []\n", "line 3", "no field"},
		"wrong type":        {"key: a\nname: b\nnodes: 5\n", "line 3", "needs a list (lines that begin with -), and here is a number."},
		"bad indentation":   {"key: a\n name: b\n", "line 1", ""},
		"double key":        {"key: a\nname: b\nname: c\nnodes: []\n", "line 3", ""},
		"open template":     {"key: a\nname: b\nvars:\n  x: {{ y }}\n", "line 4", "quotes"},
		"anchor":            {"key: &a x\nname: *a\n", "line 1", "Anchors"},
		"several documents": {"key: a\nname: b\n---\nkey: c\n", "", "more than one"},
		"empty":             {" \n", "", "empty"},
		"not UTF-8":         {"key: \xff\n", "", "UTF-8"},
		"null character":    {"key: a\x00\n", "", "null"},
		"too large":         {"key: " + strings.Repeat("x", 2<<20), "", "1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := flow.Parse([]byte(c.text))
			require.Error(t, err)
			require.Contains(t, []fault.Kind{fault.Invalid, fault.TooLarge}, fault.KindOf(err))
			require.Contains(t, err.Error(), c.says)
			if c.path != "" {
				require.NotEmpty(t, fault.Problems(err))
				require.Equal(t, c.path, fault.Problems(err)[0].Path)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := flow.Parse(raw)
		if err != nil {
			return
		}
		flow.Check(c, node.All(), known)
		flow.Outline(c, node.All())
		out, err := c.YAML()
		require.NoError(t, err)
		again, err := flow.Parse(out)
		require.NoError(t, err, string(out))
		a, err := c.JSON()
		require.NoError(t, err)
		b, err := again.JSON()
		require.NoError(t, err)
		require.Equal(t, string(a), string(b))
	})
}

// What ships is well-formed, keeps its hash through YAML and matches the published schema.
func TestShippedFlows(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../flows/*/flow.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("flow.json", jsonable(t, flow.Schema(node.All()))))
	schema, err := compiler.Compile("flow.json")
	require.NoError(t, err)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		c := parse(t, string(raw))
		require.Empty(t, flow.Check(c, node.All(), flow.Known{}), f)
		text, err := c.YAML()
		require.NoError(t, err)
		a, _ := c.JSON()
		b, _ := parse(t, string(text)).JSON()
		require.Equal(t, string(a), string(b))
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(a)))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(v), f)
	}
}

func jsonable(t *testing.T, v any) any {
	t.Helper()
	raw, err := jsonMarshal(v)
	require.NoError(t, err)
	out, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	require.NoError(t, err)
	return out
}

func TestMatch(t *testing.T) {
	t.Parallel()
	c := parse(t, good)
	require.True(t, flow.Match(c, joiner.Event{Type: "worker.hired"}, "hr"))
	require.False(t, flow.Match(c, joiner.Event{Type: "worker.updated"}, "hr"))
	require.False(t, flow.Match(c, joiner.Event{Type: "worker.hired"}, "other"))
}

func TestEditing(t *testing.T) {
	t.Parallel()
	c := parse(t, good)
	spec, _ := node.All().Spec("wait.until")
	d, id := c.Add(spec, "find.missing")
	require.Contains(t, d.Edges, flow.Edge{From: "find.missing", To: id})
	require.Contains(t, d.Edges, flow.Edge{From: string(id) + ".due", To: "create"}, "what followed follows the new node")
	require.Len(t, c.Nodes, 3, "the original is untouched")
	e := d.Remove(id)
	require.Empty(t, flow.Check(e, node.All(), known))
	require.Contains(t, e.Edges, flow.Edge{From: "find.missing", To: "create"})
	r, err := c.Rename(node.All(), "find", "lookup")
	require.NoError(t, err)
	require.Empty(t, flow.Check(r, node.All(), known))
	_, err = c.Rename(node.All(), "find", "create")
	require.Error(t, err)
	require.Equal(t, []flow.NodeID{"hired", "find", "create"}, flow.Order(c))
	words := flow.Differences(c, d, node.All())
	require.Contains(t, strings.Join(words, " "), "New: "+string(id))
	require.Contains(t, strings.Join(flow.Differences(flow.Content{}, c, node.All()), " "), "It now writes to dir.")
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "5d": 120 * time.Hour, "1d12h": 36 * time.Hour} {
		d, err := flow.ParseDuration(text)
		require.NoError(t, err)
		require.Equal(t, want, d)
	}
	for _, bad := range []string{"", "d", "5 days", "1.5d", "xd"} {
		_, err := flow.ParseDuration(bad)
		require.Error(t, err, fmt.Sprintf("%q", bad))
	}
}

func TestParse_ShapesInWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"key: a\nnodes: nonsense\n": "Line 2: This needs a list (lines that begin with -), and here is a text.",
		"key: a\nlimits: [1]\n":     "Line 2: This needs fields (lines like name: value), and here is a list (lines that begin with -).",
	} {
		_, err := flow.Parse([]byte(text))
		require.ErrorContains(t, err, want)
	}
}

// A flow can write no field outside a contract, and only to the HRIS it reads.
func TestCheck_WritesWithoutContract(t *testing.T) {
	t.Parallel()
	k := flow.Known{Connections: map[string][]string{"hr": {"workers", "webhook", "write_back"}, "other": {"workers", "write_back"}, "readonly": {"workers", "webhook"}},
		Policies: map[string]string{"contract": "write-back", "table": "groups"}, Contracts: map[string]map[string][]string{"contract": {"hr": {"work_email"}, "other": {"phone"}}}}
	text := func(source, connection, policy, values string) string {
		return "key: k\nname: K\ntrigger: hired\nnodes:\n  - {id: hired, type: hris.event, params: {connection: " + source + ", events: [worker.hired]}}\n  - {id: back, type: hris.write_back, params: {connection: " + connection +
			", policy: " + policy + ", values: {" + values + "}}}\nedges: [{from: hired.started, to: back}]\n"
	}
	require.Empty(t, flow.Check(parse(t, text("hr", "hr", "contract", "work_email: a@x")), node.All(), k))
	for text, want := range map[string]fault.Problem{
		text("hr", "hr", "contract", "work_email: a@x, phone: '1'"):  {Path: "nodes.back.params.values.phone", Detail: "The contract contract has no row for phone in hr"},
		text("hr", "other", "contract", "phone: '1'"):                {Path: "nodes.back.params.connection", Detail: "The joiners of this flow come from hr"},
		text("readonly", "readonly", "contract", "work_email: a@x"):  {Path: "nodes.back.params.connection", Detail: "no fields that can be written back"},
		text("hr", "hr", "table", "work_email: a@x"):                 {Path: "nodes.back.params.policy", Detail: "is of type groups"},
		text("hr", "hr", "contract", "work_email: =joiner.lastname"): {Path: "nodes.back.params.values.work_email", Detail: ""},
	} {
		problems := flow.Check(parse(t, text), node.All(), k)
		require.NotEmpty(t, problems, text)
		found := false
		for _, p := range problems {
			found = found || p.Path == want.Path && strings.Contains(p.Detail, want.Detail)
		}
		require.True(t, found, "%v", problems)
	}
}

// A flow that has grown too large is told by how much, and what to do.
func TestCheck_TooManyNodes(t *testing.T) {
	t.Parallel()
	c := parse(t, good)
	for i := range flow.MaxNodes + 3 - len(c.Nodes) {
		c.Nodes = append(c.Nodes, flow.Node{ID: flow.NodeID(fmt.Sprintf("more_%d", i)), Type: "stop"})
	}
	problems := flow.Check(c, node.All(), known)
	require.Len(t, problems, 1)
	require.Equal(t, "The flow has 203 nodes, and 200 are the most. Remove 3, or make two flows of it.", problems[0].Detail)
	c.Nodes = c.Nodes[:flow.MaxNodes]
	require.NotContains(t, fmt.Sprint(flow.Check(c, node.All(), known)), "are the most")
}
