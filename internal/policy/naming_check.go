package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/naming"
)

// Bounds of a naming policy.
const (
	maxSpaces  = 20
	maxHighest = 9999
)

var spaceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

type namingProblem = fault.Problem

// namer is a naming policy ready to decide.
type namer struct {
	profile  naming.Profile
	profiles []profileWhen
	groups   []spaceGroup
	highest  int
}

type profileWhen struct {
	when    expr.Value
	profile naming.Profile
}

// spaceGroup is a space with candidates of its own and those that share its local part.
type spaceGroup struct {
	members    []space
	candidates []candidate
}

type space struct {
	row SpaceRow
	naming.Space
	domain, within expr.Value
}

type candidate struct {
	row     int // from 1
	source  string
	pattern naming.Pattern
	// computed gives the name itself; nil for a pattern.
	computed expr.Value
	when     expr.Value
}

// compiled gives the rules ready to decide, and what is wrong with them.
func (n *Naming) compiled() (*namer, []fault.Problem) {
	n.read.once.Do(func() {
		k := namingCompiler{n: n, c: &namer{profile: naming.Profile(n.Profile), highest: n.Highest}, of: map[string]int{}}
		if k.env, k.err = envOf(n.programs, nil); k.err != nil {
			k.add("", "%s", fault.Sentence(k.err))
		} else {
			k.all()
		}
		n.read.c, n.read.problems = k.c, k.problems
	})
	return n.read.c, n.read.problems
}

type namingCompiler struct {
	n        *Naming
	c        *namer
	env      *expr.Env
	err      error
	problems []fault.Problem
	of       map[string]int // space → its group
}

func (k *namingCompiler) add(path, format string, args ...any) {
	k.problems = append(k.problems, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
}

func (k *namingCompiler) all() {
	n := k.n
	if n.First != "" && n.First != "preferred" && n.First != "legal" {
		k.add("first", "Choose preferred or legal.")
	}
	if k.c.profile == "" {
		k.c.profile = naming.Plain
	}
	k.knownProfile("profile", string(k.c.profile))
	if k.c.highest == 0 {
		k.c.highest = defaultHighest
	}
	if k.c.highest < 2 || k.c.highest > maxHighest {
		k.add("highest", "Write a number from 2 to %d.", maxHighest)
	}
	for path, text := range map[string]string{"hold": n.Hold, "after_leaving": n.AfterLeaving, "after_rescinding": n.AfterRescinding} {
		if strings.TrimSpace(text) == "" {
			continue
		}
		if d, ok := duration(text); !ok || d <= 0 {
			k.add(path, "Write a duration such as 12h or 30d.")
		}
	}
	for i, r := range n.Profiles {
		at := fmt.Sprintf("profiles.%d", i)
		when, problems := condition(k.env, r.When)
		switch {
		case len(problems) > 0:
			k.add(at+".when", "%s", problems[0].Detail)
		case when == nil:
			k.add(at+".when", "Write for whom. The transliteration for everybody is the field above.")
		}
		k.knownProfile(at+".profile", r.Profile)
		k.c.profiles = append(k.c.profiles, profileWhen{when, naming.Profile(r.Profile)})
	}
	k.spaces()
	k.candidates()
}

func (k *namingCompiler) knownProfile(path, name string) {
	for _, p := range naming.Profiles() {
		if string(p.Profile) == name {
			return
		}
	}
	k.add(path, "There is no transliteration %q.", name)
}

func (k *namingCompiler) spaces() {
	if len(k.n.Spaces) == 0 {
		k.add("spaces", "Name at least one space, such as login.")
	}
	if len(k.n.Spaces) > maxSpaces {
		k.add("spaces", "A policy may have up to %d spaces.", maxSpaces)
		return
	}
	seen := map[string]bool{}
	for i, r := range k.n.Spaces {
		at := fmt.Sprintf("spaces.%d", i)
		switch {
		case !spaceName.MatchString(r.Space):
			k.add(at+".space", "A space is named by lower-case letters, digits and underscores, and begins with a letter.")
			continue
		case seen[r.Space]:
			k.add(at+".space", "Two spaces have this name.")
			continue
		}
		seen[r.Space] = true
		s, ok := k.space(at, r)
		if ok && r.SameAs == "" {
			k.of[r.Space] = len(k.c.groups)
			k.c.groups = append(k.c.groups, spaceGroup{members: []space{s}})
		}
	}
	for i, r := range k.n.Spaces {
		if r.SameAs == "" || !spaceName.MatchString(r.Space) {
			continue
		}
		at := fmt.Sprintf("spaces.%d", i)
		g, ok := k.of[r.SameAs]
		if !ok {
			k.add(at+".same_as", "There is no space %q with candidates of its own.", r.SameAs)
			continue
		}
		k.of[r.Space] = g
		if s, ok := k.space("", r); ok {
			k.c.groups[g].members = append(k.c.groups[g].members, s)
		}
	}
}

// space reads one row; at is "" where its problems are told already.
func (k *namingCompiler) space(at string, r SpaceRow) (space, bool) {
	s := space{row: r, Space: naming.Space{Name: r.Space, Kind: naming.Kind(r.Kind), Equality: naming.Equality(r.Equality), Max: r.Max, Alphabet: r.Alphabet, Case: r.Case}}
	was := len(k.problems)
	if field, detail := s.Check(); detail != "" {
		k.add(at+"."+field, "%s", detail)
	}
	text := func(field, source string) (v expr.Value) {
		if strings.TrimSpace(source) == "" {
			return nil
		}
		v, problems := k.env.Field(strings.TrimSpace(source), expr.String, expr.Where{})
		if len(problems) > 0 {
			k.add(at+"."+field, "%s", problems[0].Detail)
		}
		return v
	}
	s.domain, s.within = text("domain", r.Domain), text("within", r.Within)
	switch {
	case s.Kind.HasDomain() && strings.TrimSpace(r.Domain) == "":
		k.add(at+".domain", "Names of this kind need a domain, such as example.com.")
	case !s.Kind.HasDomain() && r.Domain != "":
		k.add(at+".domain", "Names of this kind have no domain. Take it out.")
	case !strings.ContainsAny(r.Domain, "={") && s.Kind.HasDomain():
		if why := naming.CheckDomain(strings.TrimSpace(r.Domain)); why != "" {
			k.add(at+".domain", "%s. Write one such as example.com.", capital(why))
		}
	}
	if len(r.Attributes) > 0 && len(r.Connections) == 0 {
		k.add(at+".connections", "Name the connections to look into by these attributes.")
	}
	failed := len(k.problems) > was
	if at == "" {
		k.problems = k.problems[:was]
	}
	return s, !failed
}

func (k *namingCompiler) candidates() {
	if len(k.n.Candidates) == 0 {
		k.add("candidates", "Write at least one pattern, such as {f}{last}.")
	}
	if len(k.n.Candidates) > 100 {
		k.add("candidates", "A policy may have up to 100 candidates.")
		return
	}
	names := map[string]SpaceRow{}
	for _, r := range k.n.Spaces {
		names[r.Space] = r
	}
	for i, r := range k.n.Candidates {
		at := fmt.Sprintf("candidates.%d", i)
		row, known := names[r.Space]
		switch {
		case !known:
			k.add(at+".space", "There is no space %q above.", r.Space)
			continue
		case row.SameAs != "":
			k.add(at+".space", "%s is the same as %s: its candidates are those.", r.Space, row.SameAs)
			continue
		}
		c, ok := k.candidate(at, i, r, row)
		if g, known := k.of[r.Space]; ok && known {
			k.c.groups[g].candidates = append(k.c.groups[g].candidates, c)
		}
	}
	for i, r := range k.n.Spaces {
		if r.SameAs == "" && spaceName.MatchString(r.Space) && !slices.ContainsFunc(k.n.Candidates, func(c CandidateRow) bool { return c.Space == r.Space }) {
			k.add(fmt.Sprintf("spaces.%d.space", i), "No candidate is for %s. Write one below, or let it be the same as another space.", r.Space)
		}
	}
}

func (k *namingCompiler) candidate(at string, i int, r CandidateRow, row SpaceRow) (candidate, bool) {
	c := candidate{row: i + 1, source: strings.TrimSpace(r.Pattern)}
	was := len(k.problems)
	var problems []expr.Problem
	if c.when, problems = condition(k.env, r.When); len(problems) > 0 {
		k.add(at+".when", "%s", problems[0].Detail)
	}
	if strings.HasPrefix(c.source, "=") {
		if c.computed, problems = k.env.Expression(c.source, expr.String, expr.Where{}); len(problems) > 0 {
			k.add(at+".pattern", "%s", problems[0].Detail)
		}
		return c, len(k.problems) == was
	}
	var why string
	if c.pattern, why = naming.Parse(c.source, joiner.Known()); why != "" {
		k.add(at+".pattern", "%s", why)
		return c, false
	}
	for _, s := range k.n.Spaces {
		if s.Space == row.Space || s.SameAs == row.Space {
			if why := c.pattern.CheckFor(naming.Space{Kind: naming.Kind(s.Kind)}); why != "" {
				k.add(at+".pattern", "%s", why)
				break
			}
		}
	}
	return c, len(k.problems) == was
}

// Check finds what is wrong with the policy.
func (n *Naming) Check(known Known) []fault.Problem {
	_, out := n.compiled()
	out = slices.Clone(out)
	if known.Connections == nil {
		return out
	}
	for i, s := range n.Spaces {
		for j, c := range s.Connections {
			at := fmt.Sprintf("spaces.%d.connections.%d", i, j)
			can, there := known.Connections[c]
			switch {
			case !there:
				out = append(out, fault.Problem{Path: at, Detail: fmt.Sprintf("There is no connection %q.", c)})
			case !slices.Contains(can, "directory"):
				out = append(out, fault.Problem{Path: at, Detail: fmt.Sprintf("The connection %s has no accounts to look among.", c)})
			}
		}
	}
	return out
}

// duration reads "90m", "12h" or "30d".
func duration(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		return time.Duration(n * float64(24*time.Hour)), err == nil && n < 36500
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
