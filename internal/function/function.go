// Package function knows what a function is: Lua source, its manifest and its
// cases. It does not run it.
package function

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"joinery/internal/fault"
)

// MaxSource bounds Lua source.
const MaxSource = 64 << 10

// Content is a function as it is written, reviewed and hashed.
type Content struct {
	Key         string   `json:"key" yaml:"key"`
	Name        string   `json:"name" yaml:"name"`
	Description string   `json:"description,omitempty" yaml:"description,omitempty"`
	Source      string   `json:"source" yaml:"source"`
	Manifest    Manifest `json:"manifest,omitzero" yaml:"manifest,omitempty"`
	Cases       []Case   `json:"cases,omitempty" yaml:"cases,omitempty"`
}

// Manifest says what a function takes, gives and may call.
type Manifest struct {
	// Input and Output are JSON Schemas.
	Input  map[string]any `json:"input,omitempty" yaml:"input,omitempty"`
	Output map[string]any `json:"output,omitempty" yaml:"output,omitempty"`
	// Grants are "capability:connection:operation".
	Grants []string `json:"grants,omitempty" yaml:"grants,omitempty"`
	Limits Limits   `json:"limits,omitzero" yaml:"limits,omitempty"`
}

// Limits bound one call.
type Limits struct {
	Milliseconds int `json:"milliseconds,omitempty" yaml:"milliseconds,omitempty"`
	MemoryMB     int `json:"memory_mb,omitempty" yaml:"memory_mb,omitempty"`
	HostCalls    int `json:"host_calls,omitempty" yaml:"host_calls,omitempty"`
}

// Case is one test: an input, stubbed look-ups, and the expected output or error.
type Case struct {
	Name  string         `json:"name" yaml:"name"`
	Input map[string]any `json:"input,omitempty" yaml:"input,omitempty"`
	// Now is the moment of the call, RFC 3339; empty is noon of 1 December 2026, UTC.
	Now string `json:"now,omitempty" yaml:"now,omitempty"`
	// Stubs answer look-ups. A look-up that no stub answers fails the case.
	Stubs []Stub `json:"stubs,omitempty" yaml:"stubs,omitempty"`
	// Output is what it gives; {} is an empty table, missing expects no output.
	Output map[string]any `json:"output,omitzero" yaml:"output,omitzero"`
	// Plan is what the function shall plan, in order; missing expects nothing.
	Plan []Planned `json:"plan,omitempty" yaml:"plan,omitempty"`
	// Error is the kind that the function fails with, or a part of the sentence.
	Error string `json:"error,omitempty" yaml:"error,omitempty"`
}

// Stub answers a look-up in a test: the first whose arguments are those of the
// call, or that has none.
type Stub struct {
	Call   string `json:"call" yaml:"call"`
	Args   []any  `json:"args,omitempty" yaml:"args,omitempty"`
	Answer any    `json:"answer,omitempty" yaml:"answer,omitempty"`
	// Fails is a sentence: the system did not answer.
	Fails string `json:"fails,omitempty" yaml:"fails,omitempty"`
}

// Planned is a change that a function wants done.
type Planned struct {
	Do   string `json:"do" yaml:"do"`
	Args []any  `json:"args" yaml:"args"`
}

// At is the moment of the case.
func (k Case) At() (time.Time, error) {
	if k.Now == "" {
		return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), nil
	}
	return time.Parse(time.RFC3339, k.Now)
}

// Decode reads JSON strictly.
func Decode(raw []byte) (Content, error) {
	var c Content
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return Content{}, fault.Wrap(fault.Invalid, err, "This is not a function: %s.", strings.TrimPrefix(err.Error(), "json: "))
	}
	return c, nil
}

// GrantPattern is how a grant looks: capability:connection:operation.
const GrantPattern = `^[a-z_]+:[a-z0-9-]+:[a-z_.]+$`

var grant = regexp.MustCompile(GrantPattern)

// Check finds what is wrong with a function.
func Check(c Content) []fault.Problem {
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if strings.TrimSpace(c.Name) == "" {
		add("name", "Name is needed.")
	}
	if strings.TrimSpace(c.Source) == "" {
		add("source", "Write the function's Lua source.")
	}
	if len(c.Source) > MaxSource {
		add("source", "The source may have up to %d kB.", MaxSource>>10)
	}
	if why := CheckSchema(c.Manifest.Input); why != "" {
		add("manifest.input", "%s.", upperFirst(why))
	}
	if why := CheckSchema(c.Manifest.Output); why != "" {
		add("manifest.output", "%s.", upperFirst(why))
	}
	for i, g := range c.Manifest.Grants {
		if !grant.MatchString(g) {
			add(fmt.Sprintf("manifest.grants.%d", i), "A grant looks like directory:corp-ldap:accounts.find.")
		}
	}
	if l := c.Manifest.Limits; l.Milliseconds < 0 || l.MemoryMB < 0 || l.HostCalls < 0 {
		add("manifest.limits", "Limits cannot be below 0.")
	}
	names := map[string]bool{}
	takes, gives := judge(c.Manifest.Input), judge(c.Manifest.Output)
	for i, k := range c.Cases {
		at := fmt.Sprintf("cases.%d", i)
		if strings.TrimSpace(k.Name) == "" {
			add(at+".name", "Give the case a name.")
		} else if names[k.Name] {
			add(at+".name", "There is another case of this name.")
		}
		names[k.Name] = true
		if (k.Output == nil) == (k.Error == "") {
			add(at, "A case expects either an output or an error.")
		}
		for _, v := range takes(emptyIfNil(k.Input)) {
			add(at+".input", "The input is not what the manifest says: %s.", v)
		}
		if k.Output != nil {
			for _, v := range gives(k.Output) {
				add(at+".output", "The output is not what the manifest says: %s.", v)
			}
		}
		if _, err := k.At(); err != nil {
			add(at+".now", "Write a moment like 2026-12-01T08:00:00Z.")
		}
		for j, s := range k.Stubs {
			if !strings.Contains(s.Call, ".") {
				add(fmt.Sprintf("%s.stubs.%d.call", at, j), "Name the look-up that this answers, like directory.username_taken.")
			}
			if s.Answer != nil && s.Fails != "" {
				add(fmt.Sprintf("%s.stubs.%d", at, j), "A look-up is either answered or fails.")
			}
		}
	}
	if len(c.Cases) == 0 {
		add("cases", "A function needs at least one case that shows what it does.")
	}
	return out
}

func emptyIfNil(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
