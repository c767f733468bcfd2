package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/auth"
	"joinery/internal/exception"
	"joinery/internal/expr"
	"joinery/internal/joiner"
	"joinery/internal/policy"
)

// accounts looks for the joiner among accounts that no joiner stands behind, in each
// connection that the rules name, and adopts what is surely theirs or what a person
// said is.
func (c Call) accounts(ctx context.Context, rules *policy.Correlation) (Result, error) {
	out, adopted := matched(Known{}, policy.MatchRule{}), map[string]any{}
	for _, key := range rules.AccountConnections() {
		m, wait, err := c.accountIn(ctx, rules, key)
		if err != nil {
			return Result{}, fmt.Errorf("look for an account in %s: %w", key, err)
		}
		if wait != nil {
			return *wait, nil
		}
		if m != nil {
			adopted[key] = m.ID
			if m.Row > 0 {
				out["rule"], out["weight"] = m.Rule.Title(), m.Rule.Weight
			}
		}
	}
	if len(adopted) == 0 {
		return Result{Port: "new", Output: out}, nil
	}
	out["accounts"], out["adopted"] = adopted, true
	return Result{Port: "known", Output: out}, nil
}

// accountIn looks in one connection: it gives the account that was adopted, or what
// the step waits for.
func (c Call) accountIn(ctx context.Context, rules *policy.Correlation, key string) (*policy.Matched, *Result, error) {
	mine, how, err := c.Adoption.Mine(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	if how == MineMade {
		return nil, nil, nil // an account of ours: there is nothing to look for
	}
	if how != MineNone {
		// An earlier run adopted it, or this step was cut off after it did.
		x := policy.Candidate{Connection: key, ID: mine.ID, Name: mine.Name, Enabled: mine.Enabled, Attributes: mine.Attributes}
		m, err := rules.StrongestAccount(ctx, policy.Subject{Worker: c.Joiner, Now: c.Now()}, x)
		if err != nil {
			return nil, nil, err
		}
		if m.Candidate = x; how == MineAdopted {
			return &m, nil, nil
		}
		by := ""
		if d := c.Wake.Signoff; d != nil && d.Approved {
			by = d.By
		}
		return &m, nil, c.Adoption.Adopt(ctx, m, by)
	}
	fit, err := c.fitting(ctx, rules, key)
	if err != nil {
		return nil, nil, err
	}
	best, decision, why := rules.DecideAccounts(fit)
	if decision == policy.MatchNew {
		return nil, nil, nil
	}
	d, by := c.Wake.Signoff, ""
	// A person was asked about one of them; which one was asked about stays, whatever
	// else fits meanwhile.
	for _, m := range fit {
		if d == nil || d.Expired || c.Memory["known"] != askedID(m.Candidate) {
			continue
		}
		if !d.Approved {
			if err := c.Adoption.Apart(ctx, m.Candidate, d.By); err != nil {
				return nil, nil, err
			}
			c.Log("%s has said that the account %s in %s is somebody else's.", d.By, m.Name, key)
			c.Wake, c.Memory = Wake{}, nil
			return c.accountIn(ctx, rules, key) // the next one may fit too
		}
		best, decision, by = m, policy.MatchAdopt, d.By
	}
	if decision == policy.MatchAsk {
		ask := c.askWhose(best, why)
		return nil, &ask, nil
	}
	if err := c.Adoption.Adopt(ctx, best, by); err != nil {
		return nil, nil, err
	}
	c.Log("The account %s in %s is the joiner's, by the rule “%s”.", best.Name, key, best.Rule.Title())
	return &best, nil, nil
}

// fitting gives the accounts of a connection that rules find and that may be adopted,
// each with its strongest rule. One that a sure rule finds and that may not be is a
// matter for a person.
func (c Call) fitting(ctx context.Context, rules *policy.Correlation, key string) ([]policy.Matched, error) {
	byID := map[string]policy.Matched{}
	var order []string
	for i, r := range rules.Accounts {
		if r.Connection != key {
			continue
		}
		wanted, err := r.Wanted(ctx, policy.Subject{Worker: c.Joiner, Now: c.Now()})
		if err != nil {
			return nil, err
		}
		if wanted == nil {
			continue
		}
		found, err := c.Adoption.Search(ctx, key, wanted)
		if err != nil {
			return nil, err
		}
		for _, x := range found {
			if old, known := byID[x.ID]; !known || r.Weight > old.Rule.Weight {
				if !known {
					order = append(order, x.ID)
				}
				byID[x.ID] = policy.Matched{Candidate: x, Rule: r, Row: i + 1}
			}
		}
	}
	var out []policy.Matched
	for _, id := range order {
		m := byID[id]
		why := rules.MayAdopt(m.Candidate, nil)
		if why == "" {
			out = append(out, m)
			continue
		}
		c.Log("The rule “%s” finds the account %s in %s. It is not adopted: %s", m.Rule.Title(), m.Name, key, why)
		if !m.Apart && rules.Decide(m.Rule.Weight) == policy.MatchJoin {
			if err := c.cannotAdopt(ctx, m, why); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (c Call) cannotAdopt(ctx context.Context, m policy.Matched, why string) error {
	if c.Exception == nil {
		return nil
	}
	_, err := c.Exception(ctx, Exception{Kind: exception.Correlation, Subject: "adoption:" + m.Connection + ":" + c.Ref.Connection + ":" + c.Ref.Worker, Connection: m.Connection,
		Title:  "An account fits and cannot be the joiner's",
		Reason: fmt.Sprintf("The rule “%s” finds the account %s in %s for worker %s of %s. %s The joiner gets a new account. If it is theirs all the same, correct the account or the record and start the flow again.", m.Rule.Title(), m.Name, m.Connection, c.Ref.Worker, c.Ref.Connection, why),
		Detail: map[string]any{"rule": m.Rule.Title()}})
	return err
}

func askedID(x policy.Candidate) string { return "account:" + x.Connection + ":" + x.ID }

func (c Call) askWhose(m policy.Matched, why string) Result {
	role := c.Params.Text("role")
	if role == "" {
		role = string(auth.Operator)
	}
	out := matched(Known{}, policy.MatchRule{})
	out["known"], out["rule"], out["weight"] = askedID(m.Candidate), m.Rule.Title(), m.Rule.Weight
	question := fmt.Sprintf("The rule “%s” fits with a weight of %g", m.Rule.Title(), m.Rule.Weight)
	if why != "" {
		question += ", and " + why
	}
	return Result{Output: out, Wait: &Wait{For: "a person to say whether an account is the joiner's", Signoff: &Signoff{
		Title: "Is " + m.Name + " in " + m.Connection + " the account of " + c.Joiner.Label() + "?", Role: role,
		Question: question + ". If it is theirs, Joinery's mark is put on the account and it is the joiner's from then on, with all that it has. If not, the joiner gets a new one.",
		Compare:  compareAccount(c, m)}}}
}

// shownOfAccounts are attributes of accounts that say whose they are and are no
// private matter. Others are shown only where a rule compares them.
func shownOfAccounts() []string {
	return []string{"cn", "displayName", "givenName", "sn", "name.givenName", "name.familyName", "mail", "emails.work", "userPrincipalName", "title", "department", "departmentNumber", "company", "o", "ou",
		"employeeID", "employeeType", "userType", "l", "co", "c", "physicalDeliveryOfficeName", "description", "whenCreated", "meta.created"}
}

// compareAccount puts the joiner beside an account: what the rules compare, then what
// tells people apart. Of personal values it is only told whether they are equal.
func compareAccount(c Call, m policy.Matched) *Comparison {
	state := "disabled"
	if m.Enabled {
		state = "enabled"
	}
	out := &Comparison{Left: "The joiner: worker " + c.Ref.Worker + " of " + c.Ref.Connection, Right: "Account " + m.Name + " in " + m.Connection + ", " + state}
	seen := map[string]bool{}
	pairs, _ := m.Rule.Pairs()
	for _, p := range pairs {
		seen[strings.ToLower(p.Attribute)] = true
		left := expr.Text(c.Joiner.Attributes[p.Source])
		if strings.Contains(p.Source, "{{") {
			left = p.Value(policy.Subject{Worker: c.Joiner, Now: c.Now()})
		}
		right := attributeText(m, p.Attribute)
		row := ComparedRow{Label: strings.ReplaceAll(p.Source, "_", " ") + " · " + p.Attribute, Left: left, Right: right, Same: policy.MatchText(left) == policy.MatchText(right)}
		if slices.ContainsFunc(joiner.Personal(), func(name string) bool { return p.Source == name || strings.Contains(p.Source, "joiner."+name) }) {
			row.Left, row.Right = given(left), given(right)
		}
		out.Rows = append(out.Rows, row)
	}
	of := map[string]string{"givenName": joiner.FirstName, "name.givenName": joiner.FirstName, "sn": joiner.LastName, "name.familyName": joiner.LastName, "mail": joiner.WorkEmail, "emails.work": joiner.WorkEmail,
		"title": joiner.Title, "department": joiner.Department, "employeeID": "employee_number", "description": "", "displayName": ""}
	for _, name := range shownOfAccounts() {
		right := attributeText(m, name)
		if seen[strings.ToLower(name)] || right == "" {
			continue
		}
		left := expr.Text(c.Joiner.Attributes[of[name]])
		out.Rows = append(out.Rows, ComparedRow{Label: name, Left: left, Right: right, Same: left != "" && policy.MatchText(left) == policy.MatchText(right)})
	}
	if len(m.Groups) > 0 {
		out.Rows = append(out.Rows, ComparedRow{Label: "groups", Right: fmt.Sprint(len(m.Groups), " groups")})
	}
	return out
}

func attributeText(m policy.Matched, name string) string {
	if strings.EqualFold(name, "login") {
		return m.Name
	}
	for _, k := range slices.Sorted(maps.Keys(m.Attributes)) {
		if strings.EqualFold(k, name) {
			return expr.Text(m.Attributes[k])
		}
	}
	return ""
}
