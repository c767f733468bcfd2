package policy

import (
	"context"
	"fmt"
	"maps"
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
	for _, g := range c.groups {
		found, err := t.group(ctx, g)
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
	written naming.Person // as people write it
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

// latinOf takes the Latin form that the HRIS has of a name that cannot be written so.
func (t *namingTry) latinOf(name string, profile naming.Profile, attribute, otherwise string) string {
	if _, lost := naming.Latin(name, profile); len(lost) == 0 {
		return name
	}
	if given := strings.TrimSpace(t.s.Worker.Text(or(attribute, otherwise))); given != "" {
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
type place struct {
	space
	domain, within string
}

// idea is one candidate worked out for a group.
type idea struct {
	row   int
	from  string // the pattern
	names []naming.Name
	why   string // what keeps it from being used; "" for nothing
}

// group finds the first candidate that is free in all spaces of a group.
func (t *namingTry) group(ctx context.Context, g spaceGroup) (bool, error) {
	places, why, err := t.places(ctx, g)
	if err != nil {
		return false, err
	}
	if why != "" {
		t.out.Reasons = append(t.out.Reasons, Reason{Title: g.members[0].Name, Detail: why})
		return false, nil
	}
	ideas, err := t.ideas(ctx, g, places)
	if err != nil {
		return false, err
	}
	// Most joiners get one of the first; for the others all that is left is asked at once.
	for ask := 6; len(ideas) > 0; ask = 64 {
		some := ideas[:min(ask, len(ideas))]
		ideas = ideas[len(some):]
		if found, err := t.first(ctx, places, some); err != nil || found {
			return found, err
		}
	}
	return false, nil
}

func (t *namingTry) places(ctx context.Context, g spaceGroup) (out []place, why string, err error) {
	for _, m := range g.members {
		p := place{space: m}
		if p.domain, err = t.text(ctx, m.domain); err != nil {
			return nil, "", fmt.Errorf("domain of %s: %w", m.Name, err)
		}
		if p.within, err = t.text(ctx, m.within); err != nil {
			return nil, "", fmt.Errorf("place of %s: %w", m.Name, err)
		}
		if m.Kind.HasDomain() {
			if bad := naming.CheckDomain(p.domain); bad != "" {
				return nil, fmt.Sprintf("For %s %s.", m.Name, bad), nil
			}
		}
		out = append(out, p)
	}
	return out, "", nil
}

func (t *namingTry) text(ctx context.Context, v expr.Value) (string, error) {
	if v == nil {
		return "", nil
	}
	x, err := v.Eval(ctx, t.s.scope())
	if err != nil || x == nil {
		return "", err
	}
	return strings.TrimSpace(expr.Text(x)), nil
}

// ideas works out all candidates in order, what the joiner has already first.
func (t *namingTry) ideas(ctx context.Context, g spaceGroup, places []place) ([]idea, error) {
	var out []idea
	if kept, ok := t.kept(places); ok {
		out = append(out, kept)
	}
	limit := places[0].Limit(places[0].domain)
	for _, p := range places[1:] {
		limit = min(limit, p.Limit(p.domain))
	}
	lead, who := places[0].Space, t.latin
	if lead.Kind.Written() && !places[0].row.Latin {
		who = t.written
	}
	seen := map[string]bool{}
	add := func(row int, from, local, literals, why string) {
		i := idea{row: row, from: from, why: why}
		if why == "" {
			if seen[local] {
				return
			}
			seen[local] = true
			i.names, i.why = t.set(places, local, literals)
		}
		out = append(out, i)
	}
	candidates := g.candidates
	if who.One() != "" && !hasOneName(candidates) {
		candidates = append(candidates[:len(candidates):len(candidates)], oneName...)
	}
	for _, c := range candidates {
		holds, err := t.holds(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("candidate %d: %w", c.row, err)
		}
		switch {
		case !holds:
			out = append(out, idea{row: c.row, from: c.source, why: "its condition does not hold"})
		case c.computed != nil:
			text, err := t.text(ctx, c.computed)
			if err != nil {
				return nil, fmt.Errorf("candidate %d: %w", c.row, err)
			}
			if !lead.Kind.Written() || places[0].row.Latin {
				text, _ = naming.Latin(text, t.c.profile)
			}
			add(c.row, c.source, lead.Text(text, limit), "", "")
		case !c.pattern.Counts():
			local, why := c.pattern.Render(lead, who, 0, limit)
			add(c.row, c.source, local, c.pattern.Literals(), why)
		default:
			for n := 2; n <= t.c.highest; n++ {
				local, why := c.pattern.Render(lead, who, n, limit)
				add(c.row, c.source, local, c.pattern.Literals(), why)
				if why != "" {
					break
				}
			}
		}
	}
	return out, nil
}

// oneName are the candidates of people with a single name, where the policy has none.
var oneName = func() (out []candidate) {
	for _, source := range []string{"{one}", "{one}{n}"} {
		p, _ := naming.Parse(source, nil)
		out = append(out, candidate{source: source, pattern: p})
	}
	return out
}()

func hasOneName(list []candidate) bool {
	for _, c := range list {
		if c.computed == nil && c.pattern.ForOneName() {
			return true
		}
	}
	return false
}

func (t *namingTry) holds(ctx context.Context, c candidate) (bool, error) {
	if c.when == nil {
		return true, nil
	}
	v, err := c.when.Eval(ctx, t.s.scope())
	return v == true, err
}

// kept is the names that the joiner has in a group already.
func (t *namingTry) kept(places []place) (idea, bool) {
	first, ok := t.own[places[0].Name]
	if !ok {
		return idea{}, false
	}
	local := first
	if places[0].Kind.HasDomain() {
		if at := strings.LastIndexByte(first, '@'); at > 0 {
			local = first[:at]
		}
	}
	i := idea{from: "kept"}
	for _, p := range places {
		if name, ok := t.own[p.Name]; ok {
			local, domain, _ := strings.Cut(name, "@")
			i.names = append(i.names, p.Make(local, domain, p.within))
			continue
		}
		i.names = append(i.names, p.Make(local, p.domain, p.within))
	}
	return i, true
}

// set makes the names of a group from one local part, and tells what keeps it from
// being used.
func (t *namingTry) set(places []place, local, literals string) ([]naming.Name, string) {
	var out []naming.Name
	for _, p := range places {
		extra := literals
		if p.row.SameAs != "" && p.Alphabet == "" {
			extra = local // the first space's alphabet has decided
		}
		if why := p.Allows(local, p.domain, extra); why != "" {
			return nil, fmt.Sprintf("not a name in %s: %s", p.Name, why)
		}
		if p.Reserved(local, t.n.Reserved) {
			return nil, "reserved"
		}
		out = append(out, p.Make(local, p.domain, p.within))
	}
	return out, ""
}

// first takes the first idea that is free, and tells about those before it.
func (t *namingTry) first(ctx context.Context, places []place, ideas []idea) (bool, error) {
	var ask []naming.Name
	for _, i := range ideas {
		if i.why == "" {
			ask = append(ask, i.names...)
		}
	}
	holders, err := t.names.Holders(ctx, ask)
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
			var mine []string
			mine, holders = holders[:len(i.names)], holders[len(i.names):]
			if why = heldBy(i.names, mine); why == "" && i.from != "kept" {
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

func heldBy(names []naming.Name, holders []string) string {
	for i, h := range holders {
		if h != "" {
			return fmt.Sprintf("taken in %s (%s): %s", names[i].Space, names[i].Name, h)
		}
	}
	return ""
}

func (t *namingTry) live(ctx context.Context, places []place, names []naming.Name) (string, error) {
	for i, n := range names {
		where, err := t.names.Live(ctx, n, places[i].row, places[i].within)
		if err != nil {
			return "", fmt.Errorf("look for %s: %w", n.Name, err)
		}
		if where != "" {
			return fmt.Sprintf("taken in %s (%s): %s", n.Space, n.Name, where), nil
		}
	}
	return "", nil
}

// asNames gives lookups that can be asked for many names.
func asNames(l Lookups) Names {
	if n, ok := l.(Names); ok {
		return n
	}
	return oneByOne{l}
}

// oneByOne asks plain lookups; none at all knows nobody.
type oneByOne struct{ Lookups }

func (o oneByOne) Holders(ctx context.Context, names []naming.Name) ([]string, error) {
	out := make([]string, len(names))
	for i, n := range names {
		if o.Lookups == nil {
			continue
		}
		var err error
		if out[i], err = o.Holder(ctx, n.Space, n.Name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (oneByOne) Own(context.Context) (map[string]string, error) { return nil, nil }
func (oneByOne) Live(context.Context, naming.Name, SpaceRow, string) (string, error) {
	return "", nil
}
