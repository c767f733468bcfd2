package web

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/auth"
	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/look"
	"joinery/internal/node"
	"joinery/internal/policy"
)

// mapping holds the attributes against the joiner's account.
func (l *liveTry) mapping(ctx context.Context, out *tried) {
	key := l.content.Mapping.Directory
	switch {
	case key == "":
		l.seen.note = "The policy names no directory, so there is no account to hold the attributes against."
		return
	case len(l.marks) == 0:
		l.seen.note = "Pick a joiner: then the attributes are held against what the joiner's account has now."
		return
	}
	a, found, asked := l.systems.Account(ctx, key, l.marks)
	switch {
	case !asked:
		return
	case !found:
		l.seen.lines = append(l.seen.lines, look.Line{Connection: key, Title: "No account yet", Detail: "The joiner has no account there. All of this would be given when it is made.", Good: true})
		return
	}
	l.seen.lines = append(l.seen.lines, look.Line{Connection: key, Title: "Account " + a.Name, Detail: map[bool]string{true: "Is there, and enabled.", false: "Is there, and disabled."}[a.Enabled], Good: true})
	sees := l.who.Can(auth.PersonalRead)
	for _, p := range l.content.Mapping.Preview(out.outcome, a.Attributes) {
		l.seen.lines = append(l.seen.lines, previewLine(key, p, sees, madeOfPersonal(l.content.Mapping.Rows, p.Attribute)))
	}
}

// previewLine says what would become of one attribute. Values of a person's account
// are for those who may see personal data.
func previewLine(key string, p policy.Preview, sees, personal bool) look.Line {
	out := look.Line{Connection: key, Title: p.Attribute, Row: p.Row, Good: p.Does != policy.PreviewClear}
	if personal && !sees {
		out.Detail = "Is made of personal data, which you may not see."
		return out
	}
	now := "nothing"
	if p.Now != nil {
		if now = "“" + clipText(expr.Text(p.Now), 200) + "”"; !sees {
			now = hidden
		}
	}
	switch p.Does {
	case policy.PreviewSame:
		out.Detail = "Unchanged: " + now + "."
	case policy.PreviewSet:
		out.Detail = fmt.Sprintf("Would set “%s”; it has %s.", clipText(expr.Text(p.Would), 200), now)
	case policy.PreviewClear:
		out.Detail = fmt.Sprintf("Would clear it; it has %s.", now)
	case policy.PreviewCreate:
		out.Detail = fmt.Sprintf("Given on creation only, so it stays: %s.", now)
	default:
		out.Detail = fmt.Sprintf("Left as it is: %s.", now)
	}
	return out
}

// madeOfPersonal reports whether a row of an attribute reads personal attributes.
func madeOfPersonal(rows []policy.MapRow, attribute string) bool {
	return slices.ContainsFunc(rows, func(r policy.MapRow) bool {
		return strings.EqualFold(strings.TrimSpace(r.Attribute), attribute) && slices.ContainsFunc(joiner.Personal(), func(name string) bool {
			return strings.Contains(r.Value, "joiner."+name) || strings.Contains(r.When, "joiner."+name)
		})
	})
}

// correlation lists those whom Joinery knows and who may be the joiner.
func (l *liveTry) correlation(ctx context.Context, out *tried) {
	if l.s.Known == nil {
		l.seen.note = "The joiners who are known cannot be compared here, because no engine runs beside this site."
		return
	}
	c := l.content.Correlation
	all, err := l.s.Known(ctx, l.joinerID, out.subject.Worker.Attributes, c.Rules)
	if err != nil {
		l.seen.note = "The joiners who are known could not be compared: " + fault.Sentence(err)
		return
	}
	for _, k := range all {
		rule, fits := c.Strongest(func(r policy.MatchRule) bool { return slices.Contains(k.Sets, r.Key()) })
		if fits {
			l.seen.lines = append(l.seen.lines, candidateLine(c, k, rule))
		}
	}
	if len(l.seen.lines) == 0 {
		l.seen.lines = append(l.seen.lines, look.Line{Title: "Nobody known", Detail: "No rule fits anybody whom Joinery has met."})
	}
}

// candidates lists accounts that rules find in the directories they name.
func (l *liveTry) candidates(ctx context.Context, out *tried) {
	lines, err := l.systems.Candidates(ctx, l.content.Correlation, out.subject, l.marks)
	if err != nil {
		out.err = err
		return
	}
	if len(lines) == 0 && len(l.content.Correlation.Accounts) > 0 {
		lines = []look.Line{{Title: "No account", Detail: "No rule finds an account for this joiner in the directories that answered."}}
	}
	l.seen.lines = append(l.seen.lines, lines...)
}

func candidateLine(c *policy.Correlation, k node.Known, rule policy.MatchRule) look.Line {
	decision := c.Decide(rule.Weight)
	if k.Same {
		decision = policy.MatchJoin
	}
	out := look.Line{Connection: k.Ref.Connection, Title: "Worker " + k.Ref.Worker, Good: decision != policy.MatchNew && !k.Apart,
		Detail: fmt.Sprintf("%s: %s (weight %g).", rule.Title(), map[string]string{policy.MatchJoin: "the same person", policy.MatchAsk: "a person would be asked", policy.MatchNew: "too weak, somebody new"}[decision], rule.Weight)}
	switch {
	case k.Apart:
		out.Detail += " A person has said that they are two people."
	case k.Same:
		out.Detail += " Both are known to be one person."
	}
	return out
}
