package main

import (
	"context"
	"fmt"

	"joinery/internal/artifact"
	"joinery/internal/connector/all"
	"joinery/internal/fault"
	"joinery/internal/node"
	"joinery/internal/policy"
	"joinery/internal/review"
)

type policyTestCmd struct {
	Path []string `arg:"" type:"path" help:"Policy files, or folders with a folder policies in them."`
}

// Run checks policies and runs their tests without a database: connections are not
// looked up, and only the names that a test lists are taken.
func (c policyTestCmd) Run(ctx context.Context, t *tool) error {
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	sources, err := readSources(kinds, c.Path, review.Policy)
	if err != nil {
		return err
	}
	policies, bad := 0, 0
	for _, s := range sources {
		if s.doc.Kind != review.Policy {
			continue
		}
		policies++
		content, err := policy.Decode(s.doc.Content)
		if err != nil {
			return err
		}
		bad += t.tested(ctx, s, content)
	}
	switch {
	case policies == 0:
		return fault.New(fault.Invalid, "There is no policy there. Name a file, or a folder with a folder policies in it.")
	case bad > 0:
		return errSilent
	}
	return nil
}

// tested prints how one policy's tests went, and counts what is wrong.
func (t *tool) tested(ctx context.Context, s source, content policy.Content) int {
	results := policy.RunCases(ctx, content)
	bad := 0
	for _, r := range results {
		if r.Passed {
			fmt.Fprintf(t.out, "  ok    %s\n", r.Case.Name)
			continue
		}
		bad++
		fmt.Fprintf(t.out, "  FAIL  %s\n        %s\n", r.Case.Name, r.Why)
	}
	failed := bad
	for _, p := range policy.Check(content, policy.Known{}) {
		if failed > 0 && isResult(p, results) {
			continue // told above
		}
		bad++
		fmt.Fprintf(t.out, "  WRONG %s: %s\n", p.Path, p.Detail)
	}
	fmt.Fprintf(t.out, "%s (%s): %d of %d tests pass", s.doc.Key, content.Type, len(results)-failed, len(results))
	if n := bad - failed; n > 0 {
		fmt.Fprintf(t.out, ", %d problems", n)
	}
	fmt.Fprintln(t.out, ".")
	return bad
}

// isResult tells whether a problem is that a test does not pass.
func isResult(p fault.Problem, results []policy.CaseResult) bool {
	for i := range results {
		if p.Path == fmt.Sprintf("cases.%d", i) {
			return true
		}
	}
	return false
}
