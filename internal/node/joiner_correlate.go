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
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/internal/policy"
)

// JoinerCorrelate finds out whether a joiner is somebody known: before an account is made.
type JoinerCorrelate struct{}

var _ Type = JoinerCorrelate{}

// Spec describes the node.
func (JoinerCorrelate) Spec() flow.Spec {
	roles := []form.Option{}
	for _, r := range []auth.Role{auth.Operator, auth.Reviewer, auth.Admin} {
		roles = append(roles, form.Option{Value: string(r), Label: "Everyone with the role " + string(r)})
	}
	return flow.Spec{
		Kind: "joiner.correlate", Version: 1, Category: "people", Title: "Recognise the joiner", Icon: "user-check",
		Help: "Looks whether the joiner is somebody known: comes back, changes from contractor to employee, or has two records. When the rules are sure, the earlier accounts and names are the joiner's from here on; when they are not, a person compares the two records side by side. A policy may also name directories whose accounts are looked through, those that Joinery never made included: one that is surely the joiner's is adopted. Put it before names and accounts. Groups from before do not come back by themselves.",
		Fields: []form.Field{policyField("correlation"),
			{Key: "role", Label: "Who decides when the rules are not sure", Kind: form.Select, Default: string(auth.Operator), Options: roles}},
		Ports: []flow.Port{{Name: "new", Label: "somebody new"}, {Name: "known", Label: "somebody known"}, {Name: "blocked", Label: "must not be hired again"}},
		Outputs: []flow.Output{{Name: "worker", Type: "string", Help: "The earlier record's id in its HRIS."}, {Name: "connection", Type: "string", Help: "The HRIS of the earlier record."},
			{Name: "rule", Type: "string"}, {Name: "weight", Type: "number"}, {Name: "worker_type", Type: "string", Help: "What the earlier record was: employee, contractor, …"},
			{Name: "active", Type: "bool", Help: "The earlier record is still active: two at once."}, {Name: "accounts", Type: "map", Help: "The earlier or adopted accounts' ids, by directory."},
			{Name: "adopted", Type: "bool", Help: "An account that Joinery had not made was found and is the joiner's now. It may be in use: it keeps what it has."}},
	}
}

// Run compares, asks, and joins.
func (JoinerCorrelate) Run(ctx context.Context, call Call) (Result, error) {
	c, err := call.correlation()
	if err != nil {
		return Result{}, err
	}
	all, err := call.People.Match(ctx, c.Rules)
	if err != nil {
		return Result{}, err
	}
	k, rule, ok := best(c, all)
	if !ok {
		return call.accounts(ctx, c)
	}
	decision, by := c.Decide(rule.Weight), ""
	if k.Same {
		decision = policy.MatchJoin
	}
	asked := call.Memory["known"] == k.ID
	if d := call.Wake.Signoff; decision == policy.MatchAsk && d != nil && !d.Expired && asked {
		if by = d.By; !d.Approved {
			if err := call.People.Apart(ctx, k, by); err != nil {
				return Result{}, err
			}
			call.Log("%s has said that this is somebody else.", by)
			call.Wake, call.Memory = Wake{}, nil
			return JoinerCorrelate{}.Run(ctx, call) // the next one may fit too
		}
		decision = policy.MatchJoin
	}
	if decision != policy.MatchNew {
		barred, err := c.Bars(ctx, policy.Subject{Worker: k.Worker, Now: call.Now()})
		if err != nil {
			return Result{}, err
		}
		if barred && decision == policy.MatchJoin {
			return call.blocked(ctx, k, rule)
		}
	}
	switch decision {
	case policy.MatchAsk:
		return call.askWho(k, rule), nil
	case policy.MatchNew:
		return call.accounts(ctx, c)
	}
	return call.join(ctx, k, rule, by)
}

func (c Call) correlation() (*policy.Correlation, error) {
	p, err := c.Policy(c.Params.Text("policy"))
	if err != nil {
		return nil, err
	}
	if p.Correlation == nil {
		return nil, fault.New(fault.Invalid, "The policy %s has no rules to recognise people by.", p.Key)
	}
	return p.Correlation, nil
}

// best gives who fits most: somebody known for the same person first, then by the
// strongest rule; of equals the newest record.
func best(c *policy.Correlation, all []Known) (k Known, rule policy.MatchRule, ok bool) {
	for _, x := range all {
		if x.Apart {
			continue
		}
		r, fits := c.Strongest(func(r policy.MatchRule) bool { return slices.Contains(x.Sets, r.Key()) })
		if fits && (!ok || x.Same && !k.Same || x.Same == k.Same && r.Weight >= rule.Weight) {
			k, rule, ok = x, r, true
		}
	}
	return k, rule, ok
}

func matched(k Known, rule policy.MatchRule) map[string]any {
	accounts := map[string]any{}
	for c, id := range k.Accounts {
		accounts[c] = id
	}
	return map[string]any{"worker": k.Ref.Worker, "connection": k.Ref.Connection, "rule": rule.Title(), "weight": rule.Weight,
		"worker_type": k.Worker.Text(joiner.WorkerType), "active": k.active(), "accounts": accounts, "known": k.ID, "adopted": false}
}

// active reports whether a record is one of somebody who is here. A record that is
// just being read has nothing kept of it yet; it is one that arrives.
func (k Known) active() bool {
	if len(k.Worker.Attributes) == 0 {
		return true
	}
	switch k.Worker.Text(joiner.Status) {
	case "active", joiner.StatusPlanned:
		return true
	}
	return false
}

func (c Call) join(ctx context.Context, k Known, rule policy.MatchRule, by string) (Result, error) {
	stamp, err := c.People.Join(ctx, k, rule, by)
	if err != nil {
		return Result{}, err
	}
	c.Log("The joiner is known as worker %s of %s, by the rule “%s”.", k.Ref.Worker, k.Ref.Connection, rule.Title())
	if k.active() && c.Exception != nil {
		_, err := c.Exception(ctx, Exception{Kind: exception.Correlation, Subject: "correlation:" + bothOf(c.Ref, k.Ref), Connection: c.Ref.Connection,
			Title:  "Two active records of one person",
			Reason: fmt.Sprintf("Worker %s of %s and worker %s of %s are one person, and both are active. There is one account. Have HR end one of the records, or close this when both are right.", c.Ref.Worker, c.Ref.Connection, k.Ref.Worker, k.Ref.Connection),
			Detail: map[string]any{"other_connection": k.Ref.Connection, "other_worker": k.Ref.Worker}})
		if err != nil {
			return Result{}, err
		}
	}
	return Result{Port: "known", Output: matched(k, rule), As: stamp}, nil
}

// bothOf names two records, whichever of them is looked at.
func bothOf(a, b joiner.Ref) string {
	x, y := a.Connection+":"+a.Worker, b.Connection+":"+b.Worker
	return min(x, y) + "+" + max(x, y)
}

func (c Call) blocked(ctx context.Context, k Known, rule policy.MatchRule) (Result, error) {
	if c.Exception != nil {
		_, err := c.Exception(ctx, Exception{Kind: exception.Correlation, Subject: "correlation:" + c.Ref.Connection + ":" + c.Ref.Worker, Connection: c.Ref.Connection,
			Title:  "Somebody who must not be hired again",
			Reason: fmt.Sprintf("Worker %s of %s is worker %s of %s, whose record says that the person must not be hired again. Nothing was made. Talk to HR.", c.Ref.Worker, c.Ref.Connection, k.Ref.Worker, k.Ref.Connection),
			Detail: map[string]any{"other_connection": k.Ref.Connection, "other_worker": k.Ref.Worker}})
		if err != nil {
			return Result{}, err
		}
	}
	return Result{Port: "blocked", Output: matched(k, rule)}, nil
}

func (c Call) askWho(k Known, rule policy.MatchRule) Result {
	role := c.Params.Text("role")
	if role == "" {
		role = string(auth.Operator)
	}
	return Result{Output: matched(k, rule), Wait: &Wait{For: "a person to say whether the joiner is known", Signoff: &Signoff{
		Title: "Is " + c.Joiner.Label() + " the same person as " + k.Worker.Label() + "?", Role: role,
		Question: fmt.Sprintf("The rule “%s” fits with a weight of %g. The same person gets the earlier accounts and names; somebody new gets the next free name.", rule.Title(), rule.Weight),
		Compare:  compare(c, k)}}}
}

// compare puts two records side by side. Of personal values it is only told whether
// they are equal.
func compare(c Call, k Known) *Comparison {
	out := &Comparison{Left: "The joiner: worker " + c.Ref.Worker + " of " + c.Ref.Connection, Right: "Known: worker " + k.Ref.Worker + " of " + k.Ref.Connection, RightURL: "/joiners/" + k.ID}
	names := maps.Clone(c.Joiner.Attributes)
	if names == nil {
		names = map[string]any{}
	}
	maps.Copy(names, k.Worker.Attributes)
	for _, n := range slices.Sorted(maps.Keys(names)) {
		left, right := expr.Text(c.Joiner.Attributes[n]), expr.Text(k.Worker.Attributes[n])
		if left == "" && right == "" {
			continue
		}
		row := ComparedRow{Label: strings.ReplaceAll(n, "_", " "), Left: left, Right: right, Same: policy.MatchText(left) == policy.MatchText(right)}
		if slices.Contains(joiner.Personal(), n) {
			row.Left, row.Right = given(left), given(right)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func given(v string) string {
	if v == "" {
		return "not given"
	}
	return "given, not shown"
}
