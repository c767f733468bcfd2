package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"joinery/internal/artifact"
	"joinery/internal/connector/all"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/node"
	"joinery/internal/review"
)

type functionTestCmd struct {
	Path    []string `arg:"" type:"path" help:"Function files, or folders with a folder functions in them. The Lua may be in a .lua file of the same name beside the .yaml."`
	Mutants bool     `help:"Also try the cases against small changes of the source, and tell which nobody noticed."`
	Reduced bool     `help:"Run although this system cannot shut workers in fully (macOS)."`
}

// Run tests functions without a database: look-ups are answered by the stubs of each case.
func (c functionTestCmd) Run(ctx context.Context, t *tool) error {
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	sources, err := readSources(kinds, c.Path, review.Function)
	if err != nil {
		return err
	}
	pool, err := luavm.Open(luavm.Config{AllowReduced: c.Reduced})
	if err != nil {
		return err
	}
	defer pool.Close()
	functions, bad := 0, false
	for _, s := range sources {
		if s.doc.Kind != review.Function {
			continue
		}
		functions++
		content, err := function.Decode(s.doc.Content)
		if err != nil {
			return err
		}
		report, err := pool.Test(ctx, content, c.Mutants)
		if err != nil {
			return err
		}
		bad = t.told(content, report) || bad
	}
	switch {
	case functions == 0:
		return fault.New(fault.Invalid, "There is no function there. Name a file, or a folder with a folder functions in it.")
	case bad:
		return errSilent
	}
	return nil
}

// told prints a report and says whether something is wrong.
func (t *tool) told(content function.Content, r luavm.Report) bool {
	bad, passed := false, 0
	for _, p := range r.Problems {
		word := "WRONG"
		if p.Warning {
			word = "note "
		}
		bad = bad || !p.Warning
		fmt.Fprintf(t.out, "  %s line %d: %s\n", word, p.Line, p.Detail)
	}
	for _, p := range function.Check(content) {
		bad = true
		fmt.Fprintf(t.out, "  WRONG %s: %s\n", p.Path, p.Detail)
	}
	for _, k := range r.Cases {
		if k.Passed {
			passed++
			fmt.Fprintf(t.out, "  ok    %s\n", k.Name)
			continue
		}
		bad = true
		fmt.Fprintf(t.out, "  FAIL  %s\n        %s\n", k.Name, k.Why)
	}
	for _, g := range r.Ungranted() {
		bad = true
		fmt.Fprintf(t.out, "  WRONG the source needs the grant %s, and the manifest does not ask for it.\n", g)
	}
	for _, g := range r.Unused() {
		fmt.Fprintf(t.out, "  note  the manifest asks for %s, and the source does not use it.\n", g)
	}
	if len(r.Missed) > 0 {
		fmt.Fprintf(t.out, "  note  no case runs line %s.\n", ranges(r.Missed))
	}
	for _, m := range r.Survivors {
		fmt.Fprintf(t.out, "  note  line %d: no case notices that %s.\n", m.Line, m.Change)
	}
	fmt.Fprintf(t.out, "%s: %d of %d cases pass", content.Key, passed, len(content.Cases))
	if r.Tried > 0 {
		fmt.Fprintf(t.out, ", %d of %d small changes are noticed", r.Tried-len(r.Survivors), r.Tried)
	}
	touches := "it only computes"
	if len(r.Found) > 0 {
		touches = "it may touch " + strings.Join(r.Found, ", ")
	}
	fmt.Fprintf(t.out, "; %s.\n", touches)
	return bad
}

// ranges writes sorted numbers as 3, 5-8.
func ranges(list []int) string {
	var out []string
	for i := 0; i < len(list); {
		k := i
		for k+1 < len(list) && list[k+1] == list[k]+1 {
			k++
		}
		s := strconv.Itoa(list[i])
		if k > i {
			s += "-" + strconv.Itoa(list[k])
		}
		out = append(out, s)
		i = k + 1
	}
	return strings.Join(out, ", ")
}
