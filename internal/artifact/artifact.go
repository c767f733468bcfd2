// Package artifact knows what the content of each kind of artifact is: how it is
// read strictly, what is wrong with it, what it uses, and how it is written for
// people. Change control works on its canonical bytes and knows no kind.
package artifact

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"joinery/internal/canon"
	"joinery/internal/connector"
	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/function"
	"joinery/internal/policy"
	"joinery/internal/review"
)

// MaxContent bounds one artifact's content in bytes.
const MaxContent = 1 << 20

// Kinds reads and judges artifacts with the node types and connector types there are.
type Kinds struct {
	Flows      flow.Catalog
	Connectors connector.Catalog
	// Programs keeps the compiled expressions of policies; nil keeps nothing.
	Programs *expr.Programs
	// Functions judges functions by running them; nil only reads them.
	Functions FunctionJudge
}

// KeepPrograms is how much source of expressions one server keeps compiled: nine
// thousand conditions as they are common, in 18 MB; 50 MB at the most.
const KeepPrograms = 2 << 20

// Policy reads a policy that is going to be tried.
func (k Kinds) Policy(content []byte) (policy.Content, error) {
	c, err := policy.Decode(content)
	return c.With(k.Programs), err
}

// Doc is a piece of content that was read: its canonical bytes and their hash.
type Doc struct {
	Kind    review.Kind
	Key     string
	Name    string
	Content []byte
	Hash    string
}

// FunctionJudge reads a function's source and runs its cases.
type FunctionJudge interface {
	Problems(c function.Content) []fault.Problem
	// Examine also runs the cases against small changes of the source.
	Examine(ctx context.Context, c function.Content) (function.Examination, error)
}

// grantedConnections finds grants for connections that are not there.
func grantedConnections(c function.Content, known Known) []fault.Problem {
	if known.Connections == nil {
		return nil
	}
	var out []fault.Problem
	for i, g := range c.Manifest.Grants {
		parts := strings.Split(g, ":")
		if len(parts) != 3 {
			continue
		}
		if _, found := known.Connections[parts[1]]; !found {
			out = append(out, fault.Problem{Path: fmt.Sprintf("manifest.grants.%d", i), Detail: fmt.Sprintf("There is no connection %q.", parts[1])})
		}
	}
	return out
}

// Ref names an artifact.
type Ref struct {
	Kind review.Kind
	Key  string
}

var keyForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// CheckKey judges an artifact's key.
func CheckKey(key string) error {
	if !keyForm.MatchString(key) {
		return fault.New(fault.Invalid, "A key has up to 63 lower-case letters, digits and hyphens, and starts with a letter.")
	}
	return nil
}

// Read takes JSON of one kind strictly and gives it in canonical form. The key in
// the content must be the address's key; "" takes the content's own.
func (k Kinds) Read(kind review.Kind, key string, raw []byte) (Doc, error) {
	if len(raw) > MaxContent {
		return Doc{}, fault.New(fault.TooLarge, "The content is larger than 1 MiB.")
	}
	if !utf8.Valid(raw) || bytes.Contains(raw, []byte(`\u0000`)) {
		return Doc{}, fault.New(fault.Invalid, "The content holds characters that cannot be stored (a null byte or broken UTF-8).")
	}
	doc := Doc{Kind: kind}
	var typed any
	switch kind {
	case review.Flow:
		c, err := flow.Decode(raw)
		if err != nil {
			return Doc{}, err
		}
		doc.Key, doc.Name, typed = c.Key, c.Name, c
	case review.Function:
		c, err := function.Decode(raw)
		if err != nil {
			return Doc{}, err
		}
		doc.Key, doc.Name, typed = c.Key, c.Name, c
	case review.Policy:
		c, err := policy.Decode(raw)
		if err != nil {
			return Doc{}, err
		}
		doc.Key, doc.Name, typed = c.Key, c.Name, c
	case review.Connection:
		c, err := Settings(raw)
		if err != nil {
			return Doc{}, err
		}
		doc.Key, doc.Name, typed = c.Key, c.Name, c
	default:
		return Doc{}, fault.New(fault.NotFound, "There is no kind of artifact %q.", kind)
	}
	return k.finish(doc, key, typed)
}

func (k Kinds) finish(doc Doc, key string, typed any) (Doc, error) {
	if key != "" && doc.Key != key {
		return Doc{}, &fault.Error{Kind: fault.Invalid, Sentence: fmt.Sprintf("The content names the key %q, and the address names %q. They must be the same.", clip(doc.Key), key),
			Problems: []fault.Problem{{Path: "key", Detail: "Must be " + key + "."}}}
	}
	if err := CheckKey(doc.Key); err != nil {
		return Doc{}, &fault.Error{Kind: fault.Invalid, Sentence: fault.Sentence(err), Problems: []fault.Problem{{Path: "key", Detail: fault.Sentence(err)}}}
	}
	if n := utf8.RuneCountInString(strings.TrimSpace(doc.Name)); n == 0 || n > 200 {
		return Doc{}, &fault.Error{Kind: fault.Invalid, Sentence: "The name needs 1 to 200 characters.", Problems: []fault.Problem{{Path: "name", Detail: "Write 1 to 200 characters."}}}
	}
	content, err := canon.Value(typed)
	if err != nil {
		return Doc{}, fmt.Errorf("write content: %w", err)
	}
	if doc.Hash, err = canon.Hash(content); err != nil {
		return Doc{}, err
	}
	doc.Content = content
	return doc, nil
}

// Settings reads a connection's content strictly.
func Settings(raw []byte) (connector.Settings, error) {
	var s connector.Settings
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return connector.Settings{}, fault.Wrap(fault.Invalid, err, "This is not a connection: %s.", strings.TrimPrefix(err.Error(), "json: "))
	}
	return s, nil
}

// ReadText takes YAML or JSON as people write it.
func (k Kinds) ReadText(kind review.Kind, key string, text []byte) (Doc, error) {
	if kind == review.Flow {
		c, err := flow.Parse(text)
		if err != nil {
			return Doc{}, err
		}
		return k.finish(Doc{Kind: kind, Key: c.Key, Name: c.Name}, key, c)
	}
	if len(text) > MaxContent {
		return Doc{}, fault.New(fault.TooLarge, "The content is larger than 1 MiB.")
	}
	if err := flow.PlainYAML(text); err != nil {
		return Doc{}, err
	}
	var plain any
	if err := yaml.UnmarshalWithOptions(text, &plain, yaml.Strict()); err != nil {
		return Doc{}, fault.Wrap(fault.Invalid, err, "This is not readable YAML: %s.", firstLine(yaml.FormatError(err, false, false)))
	}
	raw, err := json.Marshal(plain)
	if err != nil {
		return Doc{}, fault.Wrap(fault.Invalid, err, "This YAML holds something JSON cannot express.")
	}
	return k.Read(kind, key, raw)
}

// YAML writes content as people read it.
func (k Kinds) YAML(kind review.Kind, content []byte) ([]byte, error) {
	var typed any
	var err error
	switch kind {
	case review.Flow:
		c, err := flow.Decode(content)
		if err != nil {
			return nil, err
		}
		return c.YAML()
	case review.Function:
		typed, err = function.Decode(content)
	case review.Policy:
		typed, err = policy.Decode(content)
	case review.Connection:
		typed, err = Settings(content)
	}
	if err != nil {
		return nil, err
	}
	options := []yaml.EncodeOption{yaml.Indent(2), yaml.IndentSequence(true), yaml.UseLiteralStyleIfMultiline(true)}
	if kind != review.Function { // a function's fields say themselves what is left out: {} as a case's output is not
		options = append(options, yaml.OmitEmpty())
	}
	out, err := yaml.MarshalWithOptions(typed, options...)
	if err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out, nil
}

// Check finds what keeps content from going live.
func (k Kinds) Check(kind review.Kind, content []byte, known Known) []fault.Problem {
	return append(hiddenIn(content), k.check(kind, content, known)...)
}

func (k Kinds) check(kind review.Kind, content []byte, known Known) []fault.Problem {
	switch kind {
	case review.Flow:
		c, err := flow.Decode(content)
		if err != nil {
			return asProblems(err)
		}
		return flow.Check(c, k.Flows, known.Known)
	case review.Function:
		c, err := function.Decode(content)
		if err != nil {
			return asProblems(err)
		}
		if wrong := function.Check(c); len(wrong) > 0 || k.Functions == nil {
			return append(wrong, grantedConnections(c, known)...)
		}
		return append(k.Functions.Problems(c), grantedConnections(c, known)...)
	case review.Policy:
		c, err := policy.Decode(content)
		if err != nil {
			return asProblems(err)
		}
		return policy.Check(c.With(k.Programs), known.policy())
	}
	s, err := Settings(content)
	if err != nil {
		return asProblems(err)
	}
	return connector.CheckSettings(k.Connectors, s)
}

// Uses lists the artifacts that content uses, each once.
func (k Kinds) Uses(kind review.Kind, content []byte) ([]Ref, error) {
	var out []Ref
	add := func(kind review.Kind, key string) {
		if r := (Ref{kind, key}); !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	switch kind {
	case review.Flow:
		c, err := flow.Decode(content)
		if err != nil {
			return nil, err
		}
		for _, u := range c.Uses(k.Flows) {
			add(review.Connection, u.Connection)
		}
		for _, u := range c.Policies(k.Flows) {
			add(review.Policy, u.Policy)
		}
		for _, u := range c.Functions(k.Flows) {
			add(review.Function, u.Function)
		}
	case review.Function:
		c, err := function.Decode(content)
		if err != nil {
			return nil, err
		}
		for _, g := range c.Manifest.Grants {
			if parts := strings.Split(g, ":"); len(parts) == 3 {
				add(review.Connection, parts[1])
			}
		}
	case review.Policy:
		c, err := policy.Decode(content)
		if err != nil {
			return nil, err
		}
		if rules, ok := c.Rules(); ok {
			for _, key := range rules.Connections() {
				add(review.Connection, key)
			}
		}
	}
	return out, nil
}

// PolicyType gives the type of a policy; "" when the content cannot be read.
func (k Kinds) PolicyType(content []byte) string {
	c, err := policy.Decode(content)
	if err != nil {
		return ""
	}
	return c.Type
}

// Contract gives the fields that a write-back policy lets flows write, by
// connection; nil for another policy.
func (k Kinds) Contract(content []byte) map[string][]string {
	c, err := policy.Decode(content)
	if err != nil || c.WriteBack == nil {
		return nil
	}
	out := map[string][]string{}
	for _, f := range c.WriteBack.Fields {
		out[f.Connection] = append(out[f.Connection], f.Field)
	}
	return out
}

// Capabilities gives what a connection of these settings can do.
func (k Kinds) Capabilities(content []byte) []string {
	s, err := Settings(content)
	if err != nil {
		return nil
	}
	t, ok := k.Connectors.Type(s.Type)
	if !ok {
		return nil
	}
	var out []string
	for _, c := range t.Info().Capabilities {
		out = append(out, string(c))
	}
	return out
}

func asProblems(err error) []fault.Problem {
	if ps := fault.Problems(err); len(ps) > 0 {
		return ps
	}
	return []fault.Problem{{Path: "", Detail: fault.Sentence(err)}}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSuffix(line, ".")
}

func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
