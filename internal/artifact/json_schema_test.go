package artifact_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector/all"
	"joinery/internal/function"
	"joinery/internal/node"
	"joinery/internal/policy"
	"joinery/internal/review"
)

var update = flag.Bool("update", false, "write docs/schemas anew")

func kinds() artifact.Kinds { return artifact.Kinds{Flows: node.All(), Connectors: all.New()} }

// compiled is the schema of a kind as an editor reads it.
func compiled(t *testing.T, kind review.Kind) *jsonschema.Schema {
	t.Helper()
	s, err := kinds().JSONSchema(kind)
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema.json", plain(t, s)))
	out, err := c.Compile("schema.json")
	require.NoError(t, err)
	return out
}

func plain(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	out, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	require.NoError(t, err)
	return out
}

// written is a file's text as an editor sees it, before Joinery reads it.
func written(t *testing.T, text string) any {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal([]byte(text), &v))
	return plain(t, v)
}

func read(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(raw)
}

// Every flow, policy and function that ships, and every first text of a new one, is
// what its schema says; and as Joinery writes it again too.
func TestJSONSchema_TakesWhatShips(t *testing.T) {
	t.Parallel()
	texts := map[review.Kind]map[string]string{review.Flow: {}, review.Policy: {}, review.Function: {"the starter": function.Starter}}
	for kind, at := range map[review.Kind]string{review.Flow: "../../flows/*/flow.yaml", review.Policy: "../../flows/*/policies/*.yaml", review.Function: "../../flows/functions/*.yaml"} {
		files, err := filepath.Glob(at)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, f := range files {
			texts[kind][f] = read(t, f)
		}
	}
	for _, s := range policy.Specs() {
		texts[review.Policy]["the starter of "+s.Type] = s.Starter
	}
	for kind, all := range texts {
		schema := compiled(t, kind)
		for name, text := range all {
			require.NoError(t, schema.Validate(written(t, text)), name)
			if kind == review.Function && !strings.Contains(text, "source:") {
				continue // its source lies beside it
			}
			doc, err := kinds().ReadText(kind, "", []byte("# yaml-language-server: $schema=https://joinery.example.com/api/v1/schemas/"+string(kind)+".json\n"+text))
			require.NoError(t, err, name)
			again, err := kinds().YAML(kind, doc.Content)
			require.NoError(t, err)
			require.NoError(t, schema.Validate(written(t, string(again))), name)
		}
	}
}

// What Joinery refuses or finds wrong, an editor marks at the same place.
func TestJSONSchema_RefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	const flow = "../../flows/employee-joiner/flow.yaml"
	const names = "../../flows/employee/policies/std-names.yaml"
	const groups = "../../flows/employee/policies/employee-groups.yaml"
	const fn = "../../flows/functions/phone-number.yaml"
	for name, c := range map[string]struct {
		kind     review.Kind
		file     string
		old, new string
		at       string
	}{
		"unknown field of a flow":       {review.Flow, flow, "name:", "nam: x\nname:", ""},
		"unknown type of node":          {review.Flow, flow, "type: account.ensure", "type: account.create", "/nodes/"},
		"unknown field of a node":       {review.Flow, flow, "type: account.ensure", "type: account.ensure\n    retries: 3", "/nodes/"},
		"unknown param":                 {review.Flow, flow, "enabled: false", "enable: false", "/params"},
		"needed param is missing":       {review.Flow, flow, "connection: demo-hris", "", "/params"},
		"an id of other letters":        {review.Flow, flow, "- id: hired", "- id: Hired!", "/nodes/0/id"},
		"key of other letters":          {review.Flow, flow, "key: employee-joiner", "key: Employee_Joiner", "/key"},
		"unknown type of policy":        {review.Policy, names, "type: naming", "type: names", "/type"},
		"rules of another type":         {review.Policy, names, "type: naming", "type: groups", "groups"},
		"unknown word in a choice":      {review.Policy, names, "kind: ad-login", "kind: logon", "/kind"},
		"unknown column":                {review.Policy, groups, "reason:", "because:", "/groups/rows/"},
		"a row's groups are no list":    {review.Policy, groups, "groups: [all-staff]", "groups: all-staff", "/groups"},
		"unknown field of a function":   {review.Function, fn, "manifest:", "manifesto:", ""},
		"a grant that is none":          {review.Function, fn, "manifest:", "manifest:\n  grants: [everything]", "/manifest/grants/0"},
		"a limit below nothing":         {review.Function, fn, "manifest:", "manifest:\n  limits: {milliseconds: -1}", "/manifest/limits"},
		"a case that stubs nothing":     {review.Function, fn, "cases:", "cases:\n  - {name: x, stubs: [{answer: 1}]}", "/cases/0/stubs/0"},
		"a function without any case":   {review.Function, fn, "cases:", "cases: []\nx:", ""},
		"a backtest against too many":   {review.Flow, flow, "trigger:", "backtest: {joiners: 501}\ntrigger:", "/backtest/joiners"},
		"an invariant without its name": {review.Flow, flow, "- name: Contractors never get all-staff", "- directory: demo-scim", "/invariants/0"},
	} {
		text := read(t, c.file)
		require.Contains(t, text, c.old, name)
		require.NoError(t, compiled(t, c.kind).Validate(written(t, text)), name)
		err := compiled(t, c.kind).Validate(written(t, strings.Replace(text, c.old, c.new, 1)))
		require.Error(t, err, name)
		require.Contains(t, err.Error(), c.at, name)
	}
	_, err := kinds().JSONSchema(review.Connection)
	require.ErrorContains(t, err, "flow, policy, function")
}

// The schemas beside the documentation are those of the node types, rules and
// contents of today: go test ./internal/artifact -run JSONSchema -update.
func TestJSONSchema_IsFresh(t *testing.T) {
	t.Parallel()
	for _, kind := range artifact.Published() {
		s, err := kinds().JSONSchema(kind)
		require.NoError(t, err)
		want, err := artifact.SchemaText(s)
		require.NoError(t, err)
		file := "../../docs/schemas/" + string(kind) + ".json"
		if *update {
			require.NoError(t, os.WriteFile(file, want, 0o644))
		}
		require.Equal(t, string(want), read(t, file), "a schema is out of date; -update writes it anew")
	}
	s, err := kinds().JSONSchema(review.Flow)
	require.NoError(t, err)
	text, err := artifact.SchemaText(s)
	require.NoError(t, err)
	for _, spec := range node.All().Specs() {
		require.Contains(t, string(text), `"const": "`+spec.Kind+`"`)
		for _, f := range spec.Fields {
			require.Contains(t, string(text), `"`+f.Key+`": {`, spec.Kind)
		}
	}
}
