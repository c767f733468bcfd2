package template

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/node"
	"joinery/internal/review"
)

func kinds() artifact.Kinds {
	return artifact.Kinds{Flows: node.All()}
}

func free(string) (string, error) { return "", nil }

// Every template, filled with a company's own names, has no problem, passes its
// policies' tests, and names nothing of the template's any more.
func TestMake_HasNoProblems(t *testing.T) {
	t.Parallel()
	all, err := All(kinds())
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, tpl := range all {
		t.Run(tpl.Key, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, tpl.Title)
			require.NotEmpty(t, tpl.Summary)
			known := artifact.Known{Known: flow.Known{Connections: map[string][]string{}, Policies: map[string]string{}, Contracts: map[string]map[string][]string{}}}
			choice := Choice{Key: "our-" + tpl.Key, Name: "Ours", Connections: map[string]string{}, Domain: "acme.example"}
			for _, p := range tpl.Connections {
				choice.Connections[p.Key] = "own-" + p.Key
				known.Connections["own-"+p.Key] = []string{string(p.Capability)}
				if p.Writes {
					known.Connections["own-"+p.Key] = append(known.Connections["own-"+p.Key], string(connector.CapWriteBack))
				}
			}
			made, err := tpl.Make(kinds(), choice, free)
			require.NoError(t, err)
			require.Len(t, made.Docs, len(tpl.Policies)+1)
			for _, d := range made.Docs {
				if d.Kind == review.Policy {
					known.Policies[d.Key] = kinds().PolicyType(d.Content)
					if c := kinds().Contract(d.Content); c != nil {
						known.Contracts[d.Key] = c
					}
				}
			}
			for _, d := range made.Docs {
				require.Empty(t, kinds().Check(d.Kind, d.Content, known), "%s %s", d.Kind, d.Key)
				text := string(d.Content)
				for _, p := range tpl.Connections {
					require.NotContains(t, text, `"`+p.Key+`"`, "%s %s", d.Kind, d.Key)
				}
				require.NotContains(t, text, Domain, "%s %s", d.Kind, d.Key)
			}
			last := made.Docs[len(made.Docs)-1]
			require.Equal(t, "our-"+tpl.Key, last.Key)
			require.Equal(t, "Ours", last.Name)
		})
	}
}

// A policy that is there with the same content is used; one with another content
// keeps its key, and the template's gets another, which the flow then names.
func TestMake_KeysThatAreTaken(t *testing.T) {
	t.Parallel()
	tpl, err := Find(kinds(), "employee")
	require.NoError(t, err)
	choice := Choice{Key: "berlin", Connections: map[string]string{"hris": "hr", "corp-ad": "ad", "apps": "entra"}}
	first, err := tpl.Make(kinds(), choice, free)
	require.NoError(t, err)
	hash := map[string]string{}
	for _, d := range first.Docs {
		hash[d.Key] = d.Hash
	}
	hash["std-names"] = "another"
	again, err := tpl.Make(kinds(), choice, func(key string) (string, error) { return hash[key], nil })
	require.NoError(t, err)
	require.Equal(t, map[string]string{"std-names": "berlin-std-names"}, again.Renamed)
	require.NotContains(t, again.Reused, "std-names")
	require.Len(t, again.Reused, len(tpl.Policies)-1)
	require.Len(t, again.Docs, 2)
	var c flow.Content
	require.NoError(t, json.Unmarshal(again.Docs[1].Content, &c))
	n, _ := c.Find("names")
	require.Equal(t, "berlin-std-names", n.Params["policy"])
	hash["berlin-std-names"] = "also another"
	third, err := tpl.Make(kinds(), choice, func(key string) (string, error) { return hash[key], nil })
	require.NoError(t, err)
	require.Equal(t, "berlin-std-names-2", third.Renamed["std-names"])
}

func TestMake_Refuses(t *testing.T) {
	t.Parallel()
	tpl, err := Find(kinds(), "employee")
	require.NoError(t, err)
	_, err = tpl.Make(kinds(), Choice{Key: "x", Connections: map[string]string{"hris": "hr", "apps": "entra"}}, free)
	require.Equal(t, "Choose the connection that stands for Directory.", fault.Sentence(err))
	_, err = tpl.Make(kinds(), Choice{Key: "Not A Key", Connections: map[string]string{}}, free)
	require.True(t, strings.HasPrefix(fault.Sentence(err), "A key has"), fault.Sentence(err))
	_, err = Find(kinds(), "../employee-joiner")
	require.True(t, fault.Is(err, fault.NotFound))
}
