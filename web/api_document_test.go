package web

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
)

// The document is whole: each operation names schemas that are there.
func TestAPI_Document(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	schemas := apiSchemas()
	seen := map[string]bool{}
	for _, op := range a.ops {
		for _, name := range []string{op.in, op.out} {
			if name != "" && name != "Lines" {
				require.Contains(t, schemas, name, op.path)
				_, err := a.schema.Compile("openapi.json#/components/schemas/" + name)
				require.NoError(t, err)
			}
		}
		require.NotEmpty(t, op.summary)
		require.False(t, seen[operationID(op)], operationID(op))
		seen[operationID(op)] = true
	}
	raw := a.call("", "GET", "/openapi.json", nil, 200)
	require.Equal(t, "3.1.0", raw["openapi"])
	paths := raw["paths"].(obj)
	require.Contains(t, paths, "/openapi.json", "the document names itself")
	start := paths["/flows/{key}/runs"].(obj)["post"].(obj)
	require.Contains(t, start["description"], "run.simulate")
	require.Contains(t, start["description"], "run.start", "what a live run needs is told")
	for _, status := range []string{"202", "400", "401", "403", "404", "409", "413", "415", "422"} {
		require.Contains(t, start["responses"], status)
	}
	comment := paths["/reviews/{id}/comments"].(obj)["post"].(obj)
	require.Contains(t, comment["description"], "review.comment")
}

// Every route of the API is in the document.
func TestAPI_DocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, r := range a.s.routes() {
		if strings.HasPrefix(r.path, v1) {
			_, ok := a.find(r.method, r.path)
			require.True(t, ok, "%s %s", r.method, r.path)
		}
	}
}

// Whoever asks gets the schemas, without a token, as the documentation shows them.
func TestAPI_Schemas(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, kind := range artifact.Published() {
		want, err := os.ReadFile("../docs/schemas/" + string(kind) + ".json")
		require.NoError(t, err)
		got, err := json.Marshal(a.call("", "GET", "/schemas/"+string(kind)+".json", nil, 200))
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
	}
}
