package template

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/function"
	"joinery/internal/node"
	"joinery/internal/review"
)

func kinds() artifact.Kinds {
	return artifact.Kinds{Flows: node.All()}
}

func free(review.Kind, string) (string, error) { return "", nil }

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
			require.Len(t, made.Docs, len(tpl.Functions)+len(tpl.Policies)+1)
			known.Functions = map[string]bool{}
			for _, d := range made.Docs {
				if d.Kind == review.Function {
					known.Functions[d.Key] = true
				}
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
	again, err := tpl.Make(kinds(), choice, func(_ review.Kind, key string) (string, error) { return hash[key], nil })
	require.NoError(t, err)
	for _, p := range again.Parts {
		if p.Key == "std-names" {
			require.Equal(t, "berlin-std-names", p.Now)
		} else {
			require.Equal(t, p.Key, p.Now)
		}
		require.Equal(t, p.Key != "std-names", p.Reused, p.Key)
	}
	require.Len(t, again.Parts, len(tpl.Policies))
	require.Len(t, again.Docs, 2)
	var c flow.Content
	require.NoError(t, json.Unmarshal(again.Docs[1].Content, &c))
	n, _ := c.Find("names")
	require.Equal(t, "berlin-std-names", n.Params["policy"])
	hash["berlin-std-names"] = "also another"
	third, err := tpl.Make(kinds(), choice, func(_ review.Kind, key string) (string, error) { return hash[key], nil })
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(third.Parts, func(p MadePart) bool { return p.Now == "berlin-std-names-2" && p.Key == "std-names" }))
}

// The functions that a flow calls come with it, with a company's connections in their
// code, grants and cases, and another key where theirs is taken.
func TestMake_BringsFunctions(t *testing.T) {
	t.Parallel()
	tpl, err := Find(kinds(), "external")
	require.NoError(t, err)
	require.Empty(t, tpl.Missing)
	made, err := tpl.Make(kinds(), Choice{Key: "ours", Connections: map[string]string{"hris": "corp-ad", "corp-ad": "hris"}}, func(_ review.Kind, key string) (string, error) {
		return map[string]string{"contractor-login": "another"}[key], nil
	})
	require.NoError(t, err)
	require.Len(t, made.Docs, 3)
	login, err := function.Decode(made.Docs[slices.IndexFunc(made.Docs, func(d artifact.Doc) bool { return d.Key == "ours-contractor-login" })].Content)
	require.NoError(t, err)
	require.Contains(t, login.Source, `directory.username_taken("hris", login)`)
	require.NotContains(t, login.Source, "corp-ad")
	require.Equal(t, []string{"directory:hris:names.taken"}, login.Manifest.Grants)
	require.Equal(t, []any{"hris", "c-aokafor"}, login.Cases[0].Stubs[0].Args)
	require.Empty(t, function.Check(login))
	var c flow.Content
	require.NoError(t, json.Unmarshal(made.Docs[2].Content, &c))
	n, _ := c.Find("login")
	require.Equal(t, "ours-contractor-login", n.Params["function"])
	n, _ = c.Find("shown")
	require.Equal(t, "display-name", n.Params["function"])
	n, _ = c.Find("hired")
	require.Equal(t, "corp-ad", n.Params["connection"])
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
