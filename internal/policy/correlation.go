package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

// Correlation recognises people: who was here before, who has two records. A rule
// compares some attributes of two records; all of them have to be equal. The
// strongest rule that fits counts.
type Correlation struct {
	Rules []MatchRule `json:"rules,omitempty" yaml:"rules,omitempty"`
	// Join and Ask are thresholds from 0 to 1: from Join on it is the same person,
	// from Ask on a person decides, below it is somebody new. Left out: 0.95 and 0.5.
	Join float64 `json:"join,omitempty" yaml:"join,omitempty"`
	Ask  float64 `json:"ask,omitempty" yaml:"ask,omitempty"`
	// Blocked is a condition in CEL on the earlier record: somebody who must not be
	// hired again.
	Blocked string `json:"blocked,omitempty" yaml:"blocked,omitempty"`
	// Accounts are looked through when nobody known fits.
	Accounts []AccountRule `json:"accounts,omitempty" yaml:"accounts,omitempty"`
	// Protected are groups whose members' accounts are never adopted.
	Protected []string `json:"protected,omitempty" yaml:"protected,omitempty"`
}

// MatchRule is one row.
type MatchRule struct {
	Name   string   `json:"name,omitempty" yaml:"name,omitempty"`
	Fields []string `json:"fields" yaml:"fields"`
	// Weight is how sure equal fields make, from 0 to 1.
	Weight float64 `json:"weight" yaml:"weight"`
}

var _ Rules = (*Correlation)(nil)

const (
	defaultJoin = 0.95
	defaultAsk  = 0.5
)

// What a correlation comes to.
const (
	MatchNew     = "new"
	MatchJoin    = "join"
	MatchAsk     = "ask"
	MatchBlocked = "blocked"
)

func correlationKind() kind {
	return kind{
		spec: Spec{
			Type: "correlation", Title: "Correlation", Icon: "users",
			Help: "Who of those known already a joiner is: somebody who comes back, or somebody with two records.",
			Fields: []form.Field{
				{Key: "rules", Label: "What is compared", Kind: form.Table, Required: true, Columns: []form.Field{
					{Key: "name", Label: "Name", Kind: form.Text, Placeholder: "Private e-mail and birth date"},
					{Key: "fields", Label: "Attributes that must be equal", Kind: form.List, Required: true, Placeholder: "personal_email, birth_date"},
					{Key: "weight", Label: "Weight", Kind: form.Number, Required: true, Placeholder: "0.9", Help: "0 to 1. The strongest rule that fits counts; they do not add up."},
				}},
				{Key: "join", Label: "Same person from", Kind: form.Number, Default: defaultJoin, Help: "From this weight on nobody is asked."},
				{Key: "ask", Label: "A person decides from", Kind: form.Number, Default: defaultAsk, Help: "Below this weight it is somebody new."},
				{Key: "blocked", Label: "Must not be hired again when", Kind: form.Expression, Result: "bool", Placeholder: `joiner.do_not_rehire == "true"`, Help: "Looked at on the earlier record."},
				accountsField(),
				{Key: "protected", Label: "Never adopted: members of", Kind: form.List, Placeholder: "domain-admins, sudo", Group: "Accounts of a directory", Help: "Groups, beside those that a directory itself calls privileged."},
			},
			Rows:    "rules",
			Starter: "key: who-is-it\nname: Who is it\ntype: correlation\ncorrelation:\n  rules:\n    - name: National id\n      fields: [national_id]\n      weight: 1\n    - name: Private e-mail and birth date\n      fields: [personal_email, birth_date]\n      weight: 0.9\n    - name: Name and birth date\n      fields: [first_name, last_name, birth_date]\n      weight: 0.6\n    - name: Name only\n      fields: [first_name, last_name]\n      weight: 0.2\n  blocked: joiner.do_not_rehire == \"true\"\ncases:\n  - name: The same name and birth date are asked about\n    joiner: {first_name: Zoë, last_name: Müller, birth_date: \"1990-02-03\"}\n    people:\n      - {worker: \"77\", first_name: zoe, last_name: Mueller, birth_date: \"1990-02-03\"}\n      - {worker: \"78\", first_name: Zoë, last_name: Müller, birth_date: \"1990-02-03\"}\n    expect: {decision: ask, worker: \"78\", weight: 0.6}\n  - name: The same name with another birth date is somebody new\n    joiner: {first_name: Zoë, last_name: Müller, birth_date: \"1990-02-03\"}\n    people:\n      - {worker: \"77\", first_name: Zoë, last_name: Müller, birth_date: \"1971-02-03\"}\n    expect: {decision: new}\n",
		},
		rules: func(c Content) (Rules, bool) { return c.Correlation, c.Correlation != nil },
	}
}

// Check finds what is wrong with the rules.
func (c *Correlation) Check(k Known) []fault.Problem {
	out := c.checkAccounts(k)
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if len(c.Rules)+len(c.Accounts) == 0 || len(c.Rules) > 50 {
		add("rules", "Write 1 to 50 rules.")
	}
	sets := map[string]bool{}
	for i, r := range c.Rules {
		at := fmt.Sprintf("rules.%d", i)
		if len(r.Fields) == 0 || len(r.Fields) > 10 {
			add(at+".fields", "Name 1 to 10 attributes.")
		}
		for j, f := range r.Fields {
			if strings.TrimSpace(f) == "" {
				add(fmt.Sprintf("%s.fields.%d", at, j), "An attribute needs a name.")
			}
		}
		if key := r.Key(); sets[key] {
			add(at+".fields", "Two rules compare the same attributes.")
		} else {
			sets[key] = true
		}
		if r.Weight <= 0 || r.Weight > 1 {
			add(at+".weight", "A weight is above 0 and up to 1.")
		}
	}
	join, ask := c.thresholds()
	if join > 1 || ask <= 0 || ask > join {
		add("ask", "The thresholds are between 0 and 1, and a person is asked below the one from which it is the same person.")
	}
	env, err := Env()
	if err != nil {
		add("blocked", "%s", fault.Sentence(err))
		return out
	}
	if _, problems := condition(env, c.Blocked); len(problems) > 0 {
		add("blocked", "%s", problems[0].Detail)
	}
	return out
}

func (c *Correlation) thresholds() (join, ask float64) {
	join, ask = c.Join, c.Ask
	if join == 0 {
		join = defaultJoin
	}
	if ask == 0 {
		ask = defaultAsk
	}
	return join, ask
}

// Connections lists those whose accounts are looked through.
func (c *Correlation) Connections() []string { return c.AccountConnections() }

// Key names the attributes of a rule, whatever their order.
func (r MatchRule) Key() string {
	fields := make([]string, len(r.Fields))
	for i, f := range r.Fields {
		fields[i] = strings.TrimSpace(f)
	}
	slices.Sort(fields)
	return strings.Join(fields, "+")
}

// Title is what pages call a rule.
func (r MatchRule) Title() string {
	if r.Name != "" {
		return r.Name
	}
	return strings.Join(r.Fields, " and ")
}

// Value is what two records are compared by: the attributes in lower case, without
// diacritics and spaces around. "" when one is missing: nothing equals nothing.
func (r MatchRule) Value(attributes map[string]any) string {
	var parts []string
	for _, f := range strings.Split(r.Key(), "+") {
		text := MatchText(attributes[f])
		if text == "" {
			return ""
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "\x00")
}

// MatchText is a value as it is compared.
func MatchText(v any) string {
	return strings.Join(strings.Fields(strings.ToLower(expr.PlainLetters(expr.Text(v)))), " ")
}

// Strongest gives the rule of most weight among those that fit.
func (c *Correlation) Strongest(fits func(MatchRule) bool) (MatchRule, bool) {
	var best MatchRule
	for _, r := range c.Rules {
		if r.Weight > best.Weight && fits(r) {
			best = r
		}
	}
	return best, best.Weight > 0
}

// Decide tells what a weight leads to.
func (c *Correlation) Decide(weight float64) string {
	join, ask := c.thresholds()
	switch {
	case weight >= join:
		return MatchJoin
	case weight >= ask:
		return MatchAsk
	}
	return MatchNew
}

// Bars reports whether an earlier record says that the person must not be hired again.
func (c *Correlation) Bars(ctx context.Context, earlier Subject) (bool, error) {
	if strings.TrimSpace(c.Blocked) == "" {
		return false, nil
	}
	env, err := Env()
	if err != nil {
		return false, err
	}
	value, problems := condition(env, c.Blocked)
	if len(problems) > 0 {
		return false, fault.New(fault.Invalid, "The condition %q cannot be computed: %s", c.Blocked, problems[0].Detail)
	}
	v, err := value.Eval(ctx, earlier.scope())
	return v == true, err
}

// Try compares the joiner with the people of a test, or with nobody.
func (c *Correlation) Try(ctx context.Context, s Subject) (Outcome, error) {
	out := Outcome{Output: map[string]any{"decision": MatchNew, "worker": "", "weight": 0.0, "rule": "", "accounts": map[string]any{}}}
	var best joiner.Worker
	weight := 0.0
	for _, p := range s.People {
		r, ok := c.Strongest(func(r MatchRule) bool {
			v := r.Value(s.Worker.Attributes)
			return v != "" && v == r.Value(p.Attributes)
		})
		reason := Reason{Title: "Worker " + p.ID, Detail: "No rule fits."}
		if ok {
			reason.Row = slices.IndexFunc(c.Rules, func(x MatchRule) bool { return x.Key() == r.Key() }) + 1
			reason.Detail = fmt.Sprintf("%s are equal: %g.", strings.Join(r.Fields, ", "), r.Weight)
		}
		if ok && r.Weight > weight {
			best, weight = p, r.Weight
			out.Output["rule"] = r.Title()
		}
		out.Reasons = append(out.Reasons, reason)
	}
	if weight == 0 || c.Decide(weight) == MatchNew {
		out.Output["weight"], out.Output["worker"] = weight, best.ID
		err := c.tryAccounts(ctx, s, &out)
		return out, err
	}
	out.Output["decision"], out.Output["worker"], out.Output["weight"] = c.Decide(weight), best.ID, weight
	for i := range out.Reasons {
		out.Reasons[i].Took = out.Reasons[i].Title == "Worker "+best.ID && out.Output["decision"] != MatchNew
	}
	if out.Output["decision"] == MatchNew {
		return out, nil
	}
	barred, err := c.Bars(ctx, Subject{Worker: best, Now: s.Now})
	if barred {
		out.Output["decision"] = MatchBlocked
	}
	return out, err
}

// people are the known ones of a test: their attributes, and "worker" for the id.
func people(rows []map[string]any) []joiner.Worker {
	out := make([]joiner.Worker, len(rows))
	for i, r := range rows {
		a := maps.Clone(r)
		id := expr.Text(a["worker"])
		if delete(a, "worker"); id == "" {
			id = fmt.Sprint("known ", i+1)
		}
		out[i] = joiner.Worker{ID: id, Attributes: a}
	}
	return out
}
