//go:build !worker

package luavm

import (
	"context"
	"fmt"
	"sync"
	"time"

	"joinery/internal/canon"
	"joinery/internal/fault"
	"joinery/internal/function"
)

// Judge says what keeps a function from being submitted. What it found is kept by
// the content's hash: the same content is judged once.
type Judge struct {
	Pool *Pool

	mu       sync.Mutex
	known    map[string][]fault.Problem
	examined map[string]function.Examination
	// one is held by who examines: it takes all workers that pages may have.
	one sync.Mutex
}

// judged bounds how many contents are remembered.
const judged = 200

// Problems reads the source, compares it with the grants, and runs the cases.
func (j *Judge) Problems(c function.Content) []fault.Problem {
	hash, err := contentHash(c)
	if err != nil {
		return []fault.Problem{{Path: "source", Detail: "The function cannot be read."}}
	}
	j.mu.Lock()
	found, ok := j.known[hash]
	j.mu.Unlock()
	if ok {
		return found
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := j.Pool.Test(ctx, c, false)
	if err != nil {
		return []fault.Problem{{Path: "cases", Detail: fault.Sentence(err)}} // not remembered: it may work the next time
	}
	out := r.Refusals()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.known == nil || len(j.known) >= judged {
		j.known = map[string][]fault.Problem{}
	}
	j.known[hash] = out
	return out
}

func contentHash(c function.Content) (string, error) {
	raw, err := canon.Value(c)
	if err != nil {
		return "", err
	}
	return canon.Hash(raw)
}

// Examine also runs the cases against small changes of the source, one function at a
// time. The same content is examined once: who cannot wait finds the result later.
func (j *Judge) Examine(ctx context.Context, c function.Content) (function.Examination, error) {
	hash, err := contentHash(c)
	if err != nil {
		return function.Examination{}, err
	}
	type result struct {
		report function.Examination
		err    error
	}
	done := make(chan result, 1)
	go func() {
		report, err := j.examine(context.WithoutCancel(ctx), hash, c)
		done <- result{report, err}
	}()
	select {
	case r := <-done:
		return r.report, r.err
	case <-ctx.Done():
		return function.Examination{}, fault.New(fault.Unavailable, "The tests of this function are still being run against small changes of its code. Try again in a minute: what was found is kept.")
	}
}

func (j *Judge) examine(ctx context.Context, hash string, c function.Content) (function.Examination, error) {
	j.one.Lock()
	defer j.one.Unlock()
	j.mu.Lock()
	found, ok := j.examined[hash]
	j.mu.Unlock()
	if ok {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	found, err := j.Pool.Examine(ctx, c)
	if err != nil {
		return found, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.examined == nil || len(j.examined) >= judged {
		j.examined = map[string]function.Examination{}
	}
	j.examined[hash] = found
	return found, nil
}

// Refusals lists what keeps the function from being submitted.
func (r Report) Refusals() []fault.Problem {
	var out []fault.Problem
	for _, p := range r.Problems {
		if !p.Warning {
			out = append(out, fault.Problem{Path: "source", Detail: fmt.Sprintf("Line %d: %s", p.Line, p.Detail)})
		}
	}
	for _, g := range r.Ungranted() {
		out = append(out, fault.Problem{Path: "manifest.grants", Detail: "The source needs the grant " + g + ", and the manifest does not ask for it."})
	}
	for i, k := range r.Cases {
		if !k.Passed {
			out = append(out, fault.Problem{Path: fmt.Sprintf("cases.%d", i), Detail: fmt.Sprintf("The case %q does not pass: %s", k.Name, k.Why)})
		}
	}
	return out
}
