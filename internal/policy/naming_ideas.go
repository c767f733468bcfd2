package policy

import (
	"context"
	"fmt"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/naming"
)

type place struct {
	space
	domain, within string
}

type idea struct {
	row   int
	from  string // the pattern
	names []naming.Name
	why   string // what keeps it from being used; "" for nothing
}

type groupWork struct {
	places []place
	ideas  []idea
	why    string // why nothing can be tried
}

const (
	firstAsk = 6
	laterAsk = 64
)

func (t *namingTry) work(ctx context.Context) ([]groupWork, error) {
	out := make([]groupWork, len(t.c.groups))
	var ask []naming.Name
	for i, g := range t.c.groups {
		w := &out[i]
		var err error
		if w.places, w.why, err = t.places(ctx, g); err != nil {
			return nil, err
		}
		if w.why != "" {
			continue
		}
		if w.ideas, err = t.ideas(ctx, g, w.places); err != nil {
			return nil, err
		}
		for _, x := range w.ideas[:min(firstAsk, len(w.ideas))] {
			ask = append(ask, x.names...)
		}
	}
	t.holders = map[naming.Name]string{}
	return out, t.ask(ctx, ask)
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
