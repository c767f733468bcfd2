package template

import (
	"fmt"
	"slices"
	"strings"

	"joinery/internal/artifact"
	"joinery/internal/fault"
	"joinery/internal/review"
)

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
	// Docs are the functions, the policies and, last, the flow.
	Docs []artifact.Doc
	// Parts are all that the flow uses of what comes with it, as they are now called.
	Parts []MadePart
}

// MadePart is a part of a template in a company.
type MadePart struct {
	Part
	// Now is its key; another than its own where that one is taken by something else.
	Now string
	// Reused says that it is there already with the very same content.
	Reused bool
}

// Taken gives the hash of the policy or function that has a key; "" when the key is free.
type Taken func(kind review.Kind, key string) (hash string, err error)

// Make gives the flow, its policies and its functions with a company's own keys and connections.
func (t Template) Make(kinds artifact.Kinds, c Choice, taken Taken) (Made, error) {
	if err := artifact.CheckKey(c.Key); err != nil {
		return Made{}, err
	}
	for _, p := range t.Connections {
		if strings.TrimSpace(c.Connections[p.Key]) == "" {
			return Made{}, fault.New(fault.Invalid, "Choose the connection that stands for %s.", p.Title)
		}
	}
	var out Made
	own := names{connections: c.Connections, policies: map[string]string{}, functions: map[string]string{}}
	for _, p := range append(slices.Clone(t.Functions), t.Policies...) {
		doc, reused, err := t.part(kinds, p, c, taken)
		if err != nil {
			return Made{}, err
		}
		if p.Kind == review.Function {
			own.functions[p.Key] = doc.Key
		} else {
			own.policies[p.Key] = doc.Key
		}
		out.Parts = append(out.Parts, MadePart{Part: p, Now: doc.Key, Reused: reused})
		if !reused {
			out.Docs = append(out.Docs, doc)
		}
	}
	doc, err := fill(kinds, review.Flow, t.flow, c, own, c.Key, c.Name)
	if err != nil {
		return Made{}, err
	}
	out.Docs = append(out.Docs, doc)
	return out, nil
}

// part gives a part a key that is free; one that is there with the very same content is
// used as it is.
func (t Template) part(kinds artifact.Kinds, p Part, c Choice, taken Taken) (doc artifact.Doc, reused bool, err error) {
	for n := 1; n < 100; n++ {
		key := p.Key
		if n > 1 {
			key = cut(c.Key, 63-len(p.Key)-1) + "-" + p.Key
		}
		if n > 2 {
			key = cut(key, 60) + fmt.Sprintf("-%d", n-1)
		}
		if doc, err = fill(kinds, p.Kind, p.text, c, names{connections: c.Connections}, key, p.Name); err != nil {
			return doc, false, err
		}
		hash, err := taken(p.Kind, key)
		if err != nil {
			return doc, false, err
		}
		if hash == "" || hash == doc.Hash {
			return doc, hash != "", nil
		}
	}
	return doc, false, fault.New(fault.Conflict, "No free key was found for the %s %s.", p.Kind, p.Key)
}

func cut(s string, n int) string {
	if len(s) > n {
		s = s[:max(n, 1)]
	}
	return strings.Trim(s, "-")
}
