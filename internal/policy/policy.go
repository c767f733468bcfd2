// Package policy knows what a policy is: an ordered rule set of one of the
// declared types, under change control like a flow.
package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/fault"
)

// Types lists the types of policy.
func Types() []string { return []string{"naming", "groups", "mapping", "exceptions", "write_back"} }

// Content is a policy as it is written, reviewed and hashed.
type Content struct {
	Key         string `json:"key" yaml:"key"`
	Name        string `json:"name" yaml:"name"`
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
	Type        string `json:"type" yaml:"type"`
	// Rules are ordered; what a rule holds depends on the type.
	Rules []map[string]any `json:"rules,omitempty" yaml:"rules,omitempty"`
}

// Decode reads JSON strictly.
func Decode(raw []byte) (Content, error) {
	var c Content
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return Content{}, fault.Wrap(fault.Invalid, err, "This is not a policy: %s.", strings.TrimPrefix(err.Error(), "json: "))
	}
	return c, nil
}

// Check finds what is wrong with a policy.
func Check(c Content) []fault.Problem {
	var out []fault.Problem
	if strings.TrimSpace(c.Name) == "" {
		out = append(out, fault.Problem{Path: "name", Detail: "Name is needed."})
	}
	if !slices.Contains(Types(), c.Type) {
		out = append(out, fault.Problem{Path: "type", Detail: fmt.Sprintf("Choose one of: %s.", strings.Join(Types(), ", "))})
	}
	if len(c.Rules) == 0 {
		out = append(out, fault.Problem{Path: "rules", Detail: "A policy needs at least one rule."})
	}
	for i, r := range c.Rules {
		if len(r) == 0 {
			out = append(out, fault.Problem{Path: fmt.Sprintf("rules.%d", i), Detail: "This rule is empty."})
		}
	}
	return out
}
