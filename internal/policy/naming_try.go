package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/naming"
)

// Try finds free names for one joiner in all spaces.

func (n *Naming) Try(ctx context.Context, s Subject) (Outcome, error) {
	c, problems := n.compiled()
	if len(problems) > 0 {
		return Outcome{}, fault.New(fault.Invalid, "The naming policy cannot be used: %s", problems[0].Detail)
	}
	t := &namingTry{n: n, c: c, s: s, names: asNames(s.Lookups), out: Outcome{Output: map[string]any{}}}
	if why, err := t.person(ctx); err != nil || why != "" {
		t.out.Person = why
		return t.out, err
	}
	var err error
	if t.own, err = t.names.Own(ctx); err != nil {
		return Outcome{}, err
	}
	work, err := t.work(ctx)
	if err != nil {
		return Outcome{}, err
	}
	for i, g := range c.groups {
		found, err := t.group(ctx, g, work[i])
		if err != nil {
			return Outcome{}, err
		}
		if !found {
			t.out.Person = fmt.Sprintf("Every candidate for %s is taken or does not fit. Look at what was tried, and add a candidate to the policy or release a name.", g.members[0].Name)
			t.out.Output, t.out.Names = map[string]any{}, nil
			return t.out, nil
		}
	}
	return t.out, nil
}

// namingTry is one decision under way.

type namingTry struct {
	n       *Naming
	c       *namer
	s       Subject
	names   Names
	own     map[string]string
	holders map[naming.Name]string // "" for free
	written naming.Person          // as people write it
	latin   naming.Person
	out     Outcome
}

// person finds the names of the joiner, in Latin letters too. It gives why a

// person has to help.

func (t *namingTry) person(ctx context.Context) (string, error) {
	profile := t.c.profile
	for i, p := range t.c.profiles {
		v, err := p.when.Eval(ctx, t.s.scope())
		if err != nil {
			return "", fmt.Errorf("transliteration %d: %w", i+1, err)
		}
		if v == true {
			profile = p.profile
			break
		}
	}
	w := t.s.Worker
	p := naming.Person{First: strings.TrimSpace(w.Text(joiner.FirstName)), Last: strings.TrimSpace(w.Text(joiner.LastName)), Middle: w.Text(joiner.MiddleName), Preferred: w.Text(joiner.PreferredName), Worker: w.ID, Attributes: map[string]string{}}
	for _, name := range joiner.Known() {
		if v, ok := w.Attributes[name]; ok && v != nil {
			p.Attributes[name] = expr.Text(v)
		}
	}
	for field, text := range p.Attributes {
		if len(text) > longestName && slices.Contains([]string{joiner.FirstName, joiner.LastName, joiner.MiddleName, joiner.PreferredName}, field) {
			return fmt.Sprintf("The HRIS gives a %s of %d letters, which is no name. Correct it there, then try again.", field, len([]rune(text))), nil
		}
	}
	if len(p.Worker) > longestName {
		return fmt.Sprintf("The worker's id has %d letters, which is no id.", len([]rune(p.Worker))), nil
	}
	if preferred := strings.TrimSpace(p.Preferred); t.n.First != "legal" && preferred != "" {
		if _, lost := naming.Latin(preferred, profile); len(lost) == 0 {
			p.First = preferred
		}
	}
	if p.First == "" && p.Last == "" {
		return "The HRIS gives no name for this joiner. Enter one there, then try again.", nil
	}
	t.written = p
	p.First, p.Last = t.latinOf(p.First, profile, t.n.LatinFirst, defaultLatinFirst), t.latinOf(p.Last, profile, t.n.LatinLast, defaultLatinLast)
	var lost []rune
	if t.latin, lost = p.Latin(profile); len(lost) > 0 {
		return fmt.Sprintf("The name has no Latin form: nothing is known for %s. Give it in the attributes %s and %s, or let a person choose the names.", spelled(lost), or(t.n.LatinFirst, defaultLatinFirst), or(t.n.LatinLast, defaultLatinLast)), nil
	}
	return "", nil
}

// longestName bounds what names are made of, in bytes. Each candidate goes through all
// of it, and whoever may try a policy decides how long it is.
const longestName = 4000

// latinOf takes the Latin form that the HRIS has of a name that cannot be written so.

func (t *namingTry) latinOf(name string, profile naming.Profile, attribute, otherwise string) string {
	if _, lost := naming.Latin(name, profile); len(lost) == 0 {
		return name
	}
	if given := strings.TrimSpace(t.s.Worker.Text(or(attribute, otherwise))); given != "" && len(given) <= longestName {
		return given
	}
	return name
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func spelled(rs []rune) string {
	if len(rs) > 8 {
		return string(rs[:8]) + "…"
	}
	return string(rs)
}

// place is a space for this joiner: its domain and where it is unique.

// idea is one candidate worked out for a group.

// groupWork is what there is to try for a group.

// firstAsk is how many candidates of each group are asked for at once. Most joiners

// get one of them; for the others what is left is asked in larger portions.

// work works out what to try for all groups, and asks who holds the first of them.

// ask finds who holds names that were not asked for yet.

// group finds the first candidate that is free in all spaces of a group.

func (t *namingTry) group(ctx context.Context, g spaceGroup, w groupWork) (bool, error) {
	if w.why != "" {
		t.out.Reasons = append(t.out.Reasons, Reason{Title: g.members[0].Name, Detail: w.why})
		return false, nil
	}
	for ask := firstAsk; len(w.ideas) > 0; ask = laterAsk {
		some := w.ideas[:min(ask, len(w.ideas))]
		w.ideas = w.ideas[len(some):]
		if found, err := t.first(ctx, w.places, some); err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// ideas works out all candidates in order, what the joiner has already first.

// oneName are the candidates of people with a single name, where the policy has none.

// kept is the names that the joiner has in a group already.

// set makes the names of a group from one local part, and tells what keeps it from

// being used.

// first takes the first idea that is free, and tells about those before it.

func (t *namingTry) first(ctx context.Context, places []place, ideas []idea) (bool, error) {
	var ask []naming.Name
	for _, i := range ideas {
		if i.why == "" {
			ask = append(ask, i.names...)
		}
	}
	err := t.ask(ctx, ask)
	if err != nil {
		return false, err
	}
	for _, i := range ideas {
		title := places[0].Name + ": " + i.from
		if len(i.names) > 0 {
			title = places[0].Name + ": " + i.names[0].Name
		}
		why := i.why
		if why == "" {
			if why = t.heldBy(i.names); why == "" && i.from != "kept" {
				if why, err = t.live(ctx, places, i.names); err != nil {
					return false, err
				}
			}
		}
		if why != "" {
			t.out.Reasons = append(t.out.Reasons, Reason{Row: i.row, Title: title, Detail: capital(why) + "."})
			continue
		}
		detail := "Free, by " + i.from + "."
		if i.from == "kept" {
			detail = "The joiner has it already."
		}
		t.out.Reasons = append(t.out.Reasons, Reason{Row: i.row, Took: true, Title: title, Detail: detail})
		out := map[string]any{}
		for _, n := range i.names {
			out[n.Space] = n.Name
		}
		maps.Copy(t.out.Output, out)
		t.out.Names = append(t.out.Names, i.names...)
		return true, nil
	}
	return false, nil
}

// asNames gives lookups that can be asked for many names.

// oneByOne asks plain lookups; none at all knows nobody.
