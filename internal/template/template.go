// Package template knows the flows that are offered as a start for one's own: what
// each brings, and how it becomes a company's flow and policies.
package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"joinery/flows"
	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/review"
)

// Template is one flow that is offered, with all it brings.
type Template struct {
	Key     string
	Title   string
	Summary string
	// Name is what the flow is called if nobody says otherwise.
	Name string
	// Connections are the places that a company fills with its own.
	Connections []Place
	Policies    []Policy
	// Groups are those that have to be there first, by place.
	Groups map[string][]string
	// Content is the flow as it ships, to be looked at.
	Content flow.Content
	// Functions are the keys of the functions it calls, which it does not bring.
	Functions []string

	flow []byte
}

// Place is a connection that the template names and a company fills with its own.
type Place struct {
	Key   string `yaml:"key"`
	Title string `yaml:"title"`
	// Capability is what the connection must be able to do; Writes that values are
	// written back into it.
	Capability connector.Capability `yaml:"capability"`
	Writes     bool                 `yaml:"writes"`
	Help       string               `yaml:"help"`
}

// Fits reports whether a connection with these capabilities can stand here.
func (p Place) Fits(capabilities []string) bool {
	return slices.Contains(capabilities, string(p.Capability)) && (!p.Writes || slices.Contains(capabilities, string(connector.CapWriteBack)))
}

// Policy is one policy that comes with a template.
type Policy struct {
	Key, Name, Type, Description string

	text []byte
}

// Domain is the mail domain that shipped texts use, to be replaced by one's own.
const Domain = "example.com"

// All lists the templates in the order in which they are offered.
func All(kinds artifact.Kinds) ([]Template, error) {
	var out []Template
	for _, key := range flows.Templates() {
		t, err := read(kinds, key)
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", key, err)
		}
		out = append(out, t)
	}
	return out, nil
}

// Find gives one template.
func Find(kinds artifact.Kinds, key string) (Template, error) {
	if !slices.Contains(flows.Templates(), key) {
		return Template{}, fault.New(fault.NotFound, "There is no template %q.", key)
	}
	return read(kinds, key)
}

func read(kinds artifact.Kinds, key string) (Template, error) {
	raw, err := flows.Files.ReadFile(key + "/template.yaml")
	if err != nil {
		return Template{}, err
	}
	var about struct {
		Title       string              `yaml:"title"`
		Summary     string              `yaml:"summary"`
		Connections []Place             `yaml:"connections"`
		Groups      map[string][]string `yaml:"groups"`
	}
	if err := yaml.UnmarshalWithOptions(raw, &about, yaml.Strict()); err != nil {
		return Template{}, err
	}
	t := Template{Key: key, Title: about.Title, Summary: about.Summary, Connections: about.Connections, Groups: about.Groups}
	if t.flow, err = flows.Flow(key); err != nil {
		return t, err
	}
	doc, err := kinds.ReadText(review.Flow, key, t.flow)
	if err != nil {
		return t, err
	}
	t.Name = doc.Name
	if t.Content, err = flow.Decode(doc.Content); err != nil {
		return t, err
	}
	for _, u := range t.Content.Functions(kinds.Flows) {
		if !slices.Contains(t.Functions, u.Function) {
			t.Functions = append(t.Functions, u.Function)
		}
	}
	keys, texts, err := flows.Policies(key)
	if err != nil {
		return t, err
	}
	for _, own := range keys {
		doc, err := kinds.ReadText(review.Policy, own, texts[own])
		if err != nil {
			return t, fmt.Errorf("%s: %w", own, err)
		}
		var c struct{ Description, Type string }
		if err := json.Unmarshal(doc.Content, &c); err != nil {
			return t, fmt.Errorf("%s: %w", own, err)
		}
		t.Policies = append(t.Policies, Policy{Key: own, Name: doc.Name, Type: c.Type, Description: c.Description, text: texts[own]})
	}
	return t, nil
}

// Choice is how a company wants a template.
type Choice struct {
	// Key and Name are those of the flow.
	Key, Name string
	// Connections gives the company's own connection for each place.
	Connections map[string]string
	// Domain is the company's mail domain; empty keeps example.com.
	Domain string
}

// Made is what a template becomes.
type Made struct {
	// Docs are the policies and, last, the flow.
	Docs []artifact.Doc
	// Reused are policies that are there already with the very same content, and
	// Renamed the new keys of those whose own key is taken by another policy.
	Reused  []string
	Renamed map[string]string
}

// Taken gives the hash of the policy that has a key; "" when the key is free.
type Taken func(policy string) (hash string, err error)

// Make gives the flow and its policies with a company's own keys and connections.
func (t Template) Make(kinds artifact.Kinds, c Choice, taken Taken) (Made, error) {
	if err := artifact.CheckKey(c.Key); err != nil {
		return Made{}, err
	}
	for _, p := range t.Connections {
		if strings.TrimSpace(c.Connections[p.Key]) == "" {
			return Made{}, fault.New(fault.Invalid, "Choose the connection that stands for %s.", p.Title)
		}
	}
	out := Made{Renamed: map[string]string{}}
	names := map[string]string{}
	var made []artifact.Doc
	for _, p := range t.Policies {
		doc, reused, err := t.policy(kinds, p, c, names, taken)
		if err != nil {
			return Made{}, err
		}
		if names[p.Key] != p.Key {
			out.Renamed[p.Key] = names[p.Key]
		}
		if reused {
			out.Reused = append(out.Reused, doc.Key)
			continue
		}
		made = append(made, doc)
	}
	doc, err := t.fill(kinds, review.Flow, t.flow, c, names, c.Key, c.Name)
	if err != nil {
		return Made{}, err
	}
	out.Docs = append(made, doc)
	return out, nil
}

// policy gives a policy a key that is free; one that is there with the very same
// content is used as it is.
func (t Template) policy(kinds artifact.Kinds, p Policy, c Choice, names map[string]string, taken Taken) (doc artifact.Doc, reused bool, err error) {
	for n := 1; n < 100; n++ {
		key := p.Key
		if n > 1 {
			key = cut(c.Key, 63-len(p.Key)-1) + "-" + p.Key
		}
		if n > 2 {
			key = cut(key, 60) + fmt.Sprintf("-%d", n-1)
		}
		if doc, err = t.fill(kinds, review.Policy, p.text, c, nil, key, p.Name); err != nil {
			return doc, false, err
		}
		hash, err := taken(key)
		if err != nil {
			return doc, false, err
		}
		if hash == "" || hash == doc.Hash {
			names[p.Key] = key
			return doc, hash != "", nil
		}
	}
	return doc, false, fault.New(fault.Conflict, "No free key was found for the policy %s.", p.Key)
}

func cut(s string, n int) string {
	if len(s) > n {
		s = s[:max(n, 1)]
	}
	return strings.Trim(s, "-")
}

// fill puts a company's keys, connections and domain into a shipped text.
func (t Template) fill(kinds artifact.Kinds, kind review.Kind, text []byte, c Choice, policies map[string]string, key, name string) (artifact.Doc, error) {
	raw, err := yaml.YAMLToJSON(text)
	if err != nil {
		return artifact.Doc{}, fmt.Errorf("read shipped text: %w", err)
	}
	var content map[string]any
	if err := json.Unmarshal(raw, &content); err != nil {
		return artifact.Doc{}, fmt.Errorf("read shipped text: %w", err)
	}
	replace(content, c.Connections, policies)
	if c.Domain != "" {
		content = atHome(content, c.Domain).(map[string]any)
	}
	content["key"] = key
	if name = strings.TrimSpace(name); name != "" {
		content["name"] = name
	}
	if raw, err = json.Marshal(content); err != nil {
		return artifact.Doc{}, fmt.Errorf("write content: %w", err)
	}
	return kinds.Read(kind, key, raw)
}

// Fields that hold the keys of connections and of policies, in flows, their
// invariants, and policies.
var (
	connectionFields = []string{"connection", "connections", "directory", "other_directory", "mailbox_directory", "never_accounts", "source", "by_directory"}
	policyFields     = []string{"policy", "calendar"}
)

// replace changes keys of connections and policies, wherever they stand.
func replace(v any, connections, policies map[string]string) {
	switch x := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			switch {
			case slices.Contains(connectionFields, k):
				x[k] = named(x[k], connections)
			case slices.Contains(policyFields, k):
				x[k] = named(x[k], policies)
			}
			replace(x[k], connections, policies)
		}
	case []any:
		for _, e := range x {
			replace(e, connections, policies)
		}
	}
}

// named replaces a key, each of a list of keys, or the names of an object's fields.
func named(v any, by map[string]string) any {
	switch x := v.(type) {
	case string:
		if to, ok := by[x]; ok {
			return to
		}
	case []any:
		for i := range x {
			if s, ok := x[i].(string); ok {
				x[i] = named(s, by)
			}
		}
	case map[string]any:
		out := map[string]any{}
		for k, e := range x {
			if to, ok := by[k]; ok {
				k = to
			}
			out[k] = e
		}
		return out
	}
	return v
}

// atHome puts a company's own mail domain into every text.
func atHome(v any, domain string) any {
	switch x := v.(type) {
	case string:
		return strings.ReplaceAll(x, Domain, domain)
	case []any:
		for i := range x {
			x[i] = atHome(x[i], domain)
		}
	case map[string]any:
		for k := range x {
			x[k] = atHome(x[k], domain)
		}
	}
	return v
}
