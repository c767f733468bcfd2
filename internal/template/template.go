// Package template knows the flows that are offered as a start for one's own: what
// each brings, and how it becomes a company's flow and policies.
package template

import (
	"encoding/json"
	"fmt"
	"slices"

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
	Policies    []Part
	// Functions are those that the flow calls and that come with it.
	Functions []Part
	// Groups are those that have to be there first, by place.
	Groups map[string][]string
	// Content is the flow as it ships, to be looked at.
	Content flow.Content
	// Missing are the keys of functions that the flow calls and that do not come with it.
	Missing []string

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

// Part is one policy or function that comes with a template.
type Part struct {
	Kind                   review.Kind
	Key, Name, Description string

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
		text := flows.Function(u.Function)
		if text == nil {
			t.Missing = append(t.Missing, u.Function)
			continue
		}
		p, err := readPart(kinds, review.Function, u.Function, text)
		if err != nil {
			return t, err
		}
		if !slices.ContainsFunc(t.Functions, func(o Part) bool { return o.Key == p.Key }) {
			t.Functions = append(t.Functions, p)
		}
	}
	slices.Sort(t.Missing)
	t.Missing = slices.Compact(t.Missing)
	keys, texts, err := flows.Policies(key)
	if err != nil {
		return t, err
	}
	for _, own := range keys {
		p, err := readPart(kinds, review.Policy, own, texts[own])
		if err != nil {
			return t, err
		}
		t.Policies = append(t.Policies, p)
	}
	return t, nil
}

func readPart(kinds artifact.Kinds, kind review.Kind, key string, text []byte) (Part, error) {
	doc, err := kinds.ReadText(kind, key, text)
	if err != nil {
		return Part{}, fmt.Errorf("%s: %w", key, err)
	}
	var c struct{ Description string }
	if err := json.Unmarshal(doc.Content, &c); err != nil {
		return Part{}, fmt.Errorf("%s: %w", key, err)
	}
	return Part{Kind: kind, Key: key, Name: doc.Name, Description: c.Description, text: text}, nil
}
