package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/form"
)

// AccountRule looks for the joiner among the accounts of a connection, whoever made
// them. Only what a rule names is ever looked for, and only what it finds can be
// adopted: the joiner's mark is put on the account, which is the joiner's from then on.
type AccountRule struct {
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	// Connection is the directory whose accounts are searched.
	Connection string `json:"connection" yaml:"connection"`
	// Equal lists what must be equal: "employee_number = employeeID", or
	// "{{ joiner.first_name }} {{ joiner.last_name }} = displayName". All of them.
	Equal  []string `json:"equal" yaml:"equal"`
	Weight float64  `json:"weight" yaml:"weight"`
}

// Candidate is an account that may be the joiner's, as rules see it.
type Candidate struct {
	Connection, ID, Name string
	// Mark is whose account it is already; Protected why it must not be adopted.
	Mark, Protected string
	Groups          []string
	Attributes      map[string]any
	Enabled         bool
	// Apart says that a person has said that it is somebody else's.
	Apart bool
}

// What a correlation comes to for an account.
const MatchAdopt = "adopt"

// loginAttribute stands for the login, whatever a system calls it.
const loginAttribute = "login"

func accountsField() form.Field {
	return form.Field{Key: "accounts", Label: "Accounts that Joinery did not make", Kind: form.Table, Group: "Accounts of a directory",
		Help: "Looked through when nobody known fits. When a rule is sure, the account becomes the joiner's: Joinery's mark is put on it. Privileged accounts and those of other joiners never are.",
		Columns: []form.Field{
			{Key: "name", Label: "Name", Kind: form.Text, Placeholder: "Personnel number"},
			{Key: "connection", Label: "Directory", Kind: form.Directory, Required: true},
			{Key: "equal", Label: "Must be equal: joiner = account", Kind: form.List, Required: true, Placeholder: "employee_number = employeeID"},
			{Key: "weight", Label: "Weight", Kind: form.Number, Required: true, Placeholder: "1"},
		}}
}

// Title is what pages call a rule.
func (r AccountRule) Title() string {
	if r.Name != "" {
		return r.Name
	}
	return strings.Join(r.Equal, " and ")
}

// Pair is one equality of a rule: what of the joiner, and which attribute.
type Pair struct {
	Source, Attribute string
	value             expr.Value
}

// Pairs reads the equalities of a rule.
func (r AccountRule) Pairs() ([]Pair, []fault.Problem) {
	env, err := Env()
	if err != nil {
		return nil, []fault.Problem{{Path: "equal", Detail: fault.Sentence(err)}}
	}
	var out []Pair
	var problems []fault.Problem
	for i, text := range r.Equal {
		at := fmt.Sprintf("equal.%d", i)
		cut := strings.LastIndex(text, "=")
		if cut < 0 {
			problems = append(problems, fault.Problem{Path: at, Detail: "Write what of the joiner equals which attribute of the account: employee_number = employeeID."})
			continue
		}
		p := Pair{Source: strings.TrimSpace(text[:cut]), Attribute: strings.TrimSpace(text[cut+1:])}
		source := p.Source
		if !strings.Contains(source, "{{") {
			source = "{{ joiner." + source + " }}"
		}
		v, wrong := env.Field(source, expr.String, expr.Where{})
		switch {
		case p.Source == "" || p.Attribute == "" || strings.ContainsAny(p.Attribute, "{} ()*"):
			problems = append(problems, fault.Problem{Path: at, Detail: "Both sides need a name: employee_number = employeeID."})
		case len(wrong) > 0:
			problems = append(problems, fault.Problem{Path: at, Detail: wrong[0].Detail})
		case v == nil || !strings.Contains(source, "joiner."):
			problems = append(problems, fault.Problem{Path: at, Detail: "The left side names nothing of the joiner, so every joiner would have the same account."})
		}
		p.value = v
		out = append(out, p)
	}
	return out, problems
}

// Value is what the left side gives for a joiner; "" where something is missing.
func (p Pair) Value(s Subject) string {
	if p.value == nil {
		return ""
	}
	v, err := p.value.Eval(context.Background(), s.scope())
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(expr.Text(v)), " ")
}

// Wanted gives what an account has to hold for a joiner, by attribute; nil when
// something that the rule compares is missing: nothing equals nothing.
func (r AccountRule) Wanted(ctx context.Context, s Subject) (map[string]string, error) {
	pairs, problems := r.Pairs()
	if len(problems) > 0 {
		return nil, fault.New(fault.Invalid, "The rule “%s” cannot be used: %s", r.Title(), problems[0].Detail)
	}
	out := map[string]string{}
	for _, p := range pairs {
		v, err := p.value.Eval(ctx, s.scope())
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.Title(), err)
		}
		text := strings.Join(strings.Fields(expr.Text(v)), " ")
		if text == "" || expr.Blank(ctx, p.value, s.scope()) {
			return nil, nil
		}
		out[p.Attribute] = text
	}
	return out, nil
}

// fits judges an account of a test by the rule.
func (r AccountRule) fits(wanted map[string]string, c Candidate) bool {
	for name, text := range wanted {
		held := named(c.Attributes, name)
		if strings.EqualFold(name, loginAttribute) {
			held = c.Name
		}
		if len(wanted) == 0 || !slices.ContainsFunc(textsOf(held), func(x string) bool { return strings.EqualFold(strings.TrimSpace(x), text) }) {
			return false
		}
	}
	return len(wanted) > 0
}

// Matched is an account and the strongest rule that found it.
type Matched struct {
	Candidate
	Rule AccountRule
	Row  int // of the rule, from 1
}

// MayAdopt says why an account that a rule found is not the joiner's; "" when it may be.
func (c *Correlation) MayAdopt(x Candidate, marks []string) string {
	switch {
	case x.Apart:
		return "A person has said that it is somebody else's."
	case x.Mark != "" && slices.Contains(marks, x.Mark):
		return "It is the joiner's already."
	case x.Mark != "":
		return "It bears a mark: it is another joiner's account, or another system's."
	case x.Protected != "":
		return x.Protected
	}
	for _, p := range c.Protected {
		if slices.ContainsFunc(x.Groups, func(g string) bool {
			return strings.EqualFold(strings.TrimSpace(p), g) || strings.EqualFold(strings.TrimSpace(p), groupName(g))
		}) {
			return "It is a member of " + strings.TrimSpace(p) + ", whose members are never adopted."
		}
	}
	return ""
}

// groupName is the name of a group that is named by its place (a DN).
func groupName(g string) string {
	first, _, _ := strings.Cut(g, ",")
	if _, name, ok := strings.Cut(first, "="); ok {
		return name
	}
	return g
}

// DecideAccounts tells what comes of the accounts that rules found in one connection.
// All are by the rule of most weight; of several that it finds none is chosen by
// itself. It gives the account it is about, and why a person has to look.
func (c *Correlation) DecideAccounts(all []Matched) (best Matched, decision, why string) {
	for _, m := range all {
		if m.Rule.Weight > best.Rule.Weight {
			best = m
		}
	}
	if best.Rule.Weight == 0 {
		return best, MatchNew, ""
	}
	same := 0
	for _, m := range all {
		if m.Rule.Weight == best.Rule.Weight {
			same++
		}
	}
	decision = c.Decide(best.Rule.Weight)
	if decision == MatchJoin {
		decision = MatchAdopt
	}
	if decision == MatchAdopt && same > 1 {
		return best, MatchAsk, fmt.Sprintf("%d accounts fit alike", same)
	}
	return best, decision, ""
}

// AccountConnections lists the connections whose accounts are searched.
func (c *Correlation) AccountConnections() []string {
	var out []string
	for _, r := range c.Accounts {
		if r.Connection != "" && !slices.Contains(out, r.Connection) {
			out = append(out, r.Connection)
		}
	}
	return out
}

// checkAccounts finds what is wrong with the rules about accounts.
func (c *Correlation) checkAccounts(k Known) []fault.Problem {
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if len(c.Accounts) > 50 {
		add("accounts", "Write up to 50 rules.")
	}
	for i, r := range c.Accounts {
		at := fmt.Sprintf("accounts.%d", i)
		if strings.TrimSpace(r.Connection) == "" {
			add(at+".connection", "Name the directory whose accounts are looked through.")
		}
		out = append(out, k.directory(at+".connection", r.Connection)...)
		if len(r.Equal) == 0 || len(r.Equal) > 10 {
			add(at+".equal", "Write 1 to 10 equalities, such as employee_number = employeeID.")
		}
		_, problems := r.Pairs()
		for _, p := range problems {
			add(at+"."+p.Path, "%s", p.Detail)
		}
		if r.Weight <= 0 || r.Weight > 1 {
			add(at+".weight", "A weight is above 0 and up to 1.")
		}
	}
	for i, g := range c.Protected {
		if strings.TrimSpace(g) == "" {
			add(fmt.Sprintf("protected.%d", i), "A group needs a name.")
		}
	}
	return out
}

// tryAccounts looks through the accounts of a test.
func (c *Correlation) tryAccounts(ctx context.Context, s Subject, out *Outcome) error {
	for _, key := range c.AccountConnections() {
		var found []Matched
		for _, x := range s.Accounts {
			if x.Connection != key {
				continue
			}
			m, err := c.StrongestAccount(ctx, s, x)
			if err != nil {
				return err
			}
			reason := Reason{Title: "Account " + x.Name + " in " + key, Detail: "No rule fits."}
			if m.Row > 0 {
				reason.Detail = fmt.Sprintf("%s: %g.", m.Rule.Title(), m.Rule.Weight)
				if no := c.MayAdopt(x, nil); no != "" {
					reason.Detail += " " + no
				} else {
					found = append(found, m)
				}
			}
			out.Reasons = append(out.Reasons, reason)
		}
		best, decision, why := c.DecideAccounts(found)
		if decision == MatchNew {
			continue
		}
		if why != "" {
			out.Reasons = append(out.Reasons, Reason{Title: key, Detail: "A person decides: " + why + "."})
		}
		for i, r := range out.Reasons {
			out.Reasons[i].Took = r.Took || r.Title == "Account "+best.Name+" in "+key
		}
		if out.Output["decision"] != MatchAsk {
			out.Output["decision"], out.Output["weight"], out.Output["rule"], out.Output["worker"] = decision, best.Rule.Weight, best.Rule.Title(), ""
		}
		accounts, _ := out.Output["accounts"].(map[string]any)
		accounts[key] = best.Name
	}
	return nil
}

// StrongestAccount gives the rule of most weight that an account fits; Row is 0 when
// none does.
func (c *Correlation) StrongestAccount(ctx context.Context, s Subject, x Candidate) (Matched, error) {
	var best Matched
	for i, r := range c.Accounts {
		if r.Connection != x.Connection || r.Weight <= best.Rule.Weight {
			continue
		}
		wanted, err := r.Wanted(ctx, s)
		if err != nil {
			return best, err
		}
		if r.fits(wanted, x) {
			best = Matched{x, r, i + 1}
		}
	}
	return best, nil
}

// candidates are the accounts of a test: "connection", "account" for the login,
// "mark", "protected" and "groups"; all else are attributes.
func candidates(rows []map[string]any) []Candidate {
	var out []Candidate
	for i, r := range rows {
		x := Candidate{Attributes: map[string]any{}, ID: fmt.Sprint("account ", i+1)}
		for name, v := range r {
			switch name {
			case "connection":
				x.Connection = expr.Text(v)
			case "account":
				x.Name = expr.Text(v)
			case "mark":
				x.Mark = expr.Text(v)
			case "protected":
				if x.Protected = expr.Text(v); v == true {
					x.Protected = "It is protected."
				} else if v == false {
					x.Protected = ""
				}
			case "groups":
				x.Groups = textsOf(v)
			default:
				x.Attributes[name] = v
			}
		}
		out = append(out, x)
	}
	return out
}
