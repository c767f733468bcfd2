package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/internal/naming"
	"joinery/internal/policy"
)

// NameGenerate chooses the joiner's names by a policy and holds them all at once.
type NameGenerate struct{}

var _ Type = NameGenerate{}

// Spec describes the node.
func (NameGenerate) Spec() flow.Spec {
	return flow.Spec{
		Kind: "name.generate", Version: 1, Category: "people", Title: "Choose names", Icon: "at-sign",
		Help: "Chooses the joiner's names by a policy: user name, e-mail address and all others at once, each free in its systems. They are held until an account is made with them. A joiner who has names already keeps them. Where no candidate is free, or the name has no Latin form, the step fails and a person has to help: connect its port error to a sign-off to ask for a name.",
		Fields: []form.Field{
			policyField("naming"),
			{Key: "existing", Label: "If the joiner has names already", Kind: form.Select, Default: "keep", Options: []form.Option{{Value: "keep", Label: "keep them"}, {Value: "anew", Label: "choose anew (after a change of name)"}},
				Help: "The old names stay theirs, whatever is chosen."},
			{Key: "spaces", Label: "Only in these name spaces", Kind: form.List, Expr: true, Placeholder: "mail", Help: "Empty: in all of the policy. In others nothing is chosen and nothing is held."},
			{Key: "first_name", Label: "First name instead", Kind: form.Text, Expr: true, Placeholder: "=steps.ask.form.first_name", Help: "Where a person gave one. Empty: what the HRIS says."},
			{Key: "last_name", Label: "Last name instead", Kind: form.Text, Expr: true, Placeholder: "=steps.ask.form.last_name"},
		},
		Ports: []flow.Port{{Name: "done", Label: "done"}},
		Outputs: []flow.Output{
			{Name: "names", Type: "map", Help: "Every name by its space: names.login."},
			{Name: "login", Type: "string", Help: "The name of the first space of kind Active Directory login or POSIX."},
			{Name: "upn", Type: "string", Help: "Of the first space of user principal names."}, {Name: "mail", Type: "string", Help: "Of the first space of e-mail addresses."}, {Name: "cn", Type: "string", Help: "Of the first space of common names."},
			{Name: "former", Type: "map", Help: "By space, the names of this policy that the joiner had in use before, oldest first: former.mail."},
			{Name: "reasons", Type: "list", Of: "map", Entry: reasonEntry(true), Help: "Every candidate that was tried, and who holds it."},
		},
	}
}

// claimTries is how often names are chosen anew because others were quicker.
const claimTries = 60

// Run chooses and holds.
func (NameGenerate) Run(ctx context.Context, call Call) (Result, error) {
	p, err := call.Policy(call.Params.Text("policy"))
	if err != nil {
		return Result{}, err
	}
	rules := p.Naming
	if rules == nil {
		return Result{}, fault.New(fault.Invalid, "The policy %s has no naming rules.", p.Key)
	}
	if rules, err = rules.Only(call.Params.List("spaces")); err != nil {
		return Result{}, err
	}
	chosenFor := ""
	if call.Params.Text("existing") == "anew" {
		chosenFor = calledNow(call.named())
	}
	look := &liveNames{Names: call.Names.Lookups(chosenFor), call: call, open: map[string]connector.Directory{}, seen: map[naming.Name]string{}}
	subject := policy.Subject{Worker: call.named(), Now: call.Now(), Lookups: look}
	for range claimTries {
		o, err := rules.Try(ctx, subject)
		if err != nil {
			return Result{}, err
		}
		if o.Person != "" {
			tell(call, o)
			return Result{}, fault.New(fault.Invalid, "%s", o.Person)
		}
		taken, again, err := call.Names.Claim(ctx, NameClaim{Policy: p.Key, Names: o.Names, Keep: rules.Keeps(), For: chosenFor})
		if err != nil {
			return Result{}, err
		}
		if len(taken) == 0 && !again {
			tell(call, o)
			former, err := call.Names.Former(ctx, p.Key)
			if err != nil {
				return Result{}, err
			}
			return Result{Port: "done", Output: nameOutput(rules, o, former)}, nil
		}
	}
	return Result{}, fault.New(fault.Unavailable, "Too many joiners want the same names at this moment.")
}

// calledNow tells one name of a joiner from another: names that were chosen anew for
// it are kept as long as it stays the same.
func calledNow(w joiner.Worker) string {
	sum := sha256.New()
	for _, a := range []string{joiner.FirstName, joiner.PreferredName, joiner.MiddleName, joiner.LastName} {
		_, _ = fmt.Fprintf(sum, "%q", w.Text(a))
	}
	return hex.EncodeToString(sum.Sum(nil)[:12])
}

// named is the joiner with the names that a person gave.
func (c Call) named() joiner.Worker {
	w := c.Joiner
	first, last := strings.TrimSpace(c.Params.Text("first_name")), strings.TrimSpace(c.Params.Text("last_name"))
	if first == "" && last == "" {
		return w
	}
	w.Attributes = maps.Clone(w.Attributes)
	if w.Attributes == nil {
		w.Attributes = map[string]any{}
	}
	if first != "" {
		w.Attributes[joiner.FirstName] = first
		delete(w.Attributes, joiner.PreferredName)
	}
	if last != "" {
		w.Attributes[joiner.LastName] = last
	}
	return w
}

// tell writes into the step's log what was tried.
func tell(call Call, o policy.Outcome) {
	for _, r := range o.Reasons {
		call.Log("%s — %s", r.Title, r.Detail)
	}
}

func nameOutput(rules *policy.Naming, o policy.Outcome, former map[string][]string) map[string]any {
	names, before := map[string]any{}, map[string]any{}
	for _, s := range rules.Spaces {
		before[s.Space] = []any{}
	}
	for _, n := range o.Names {
		names[n.Space] = n.Name
		old := []any{}
		for _, f := range former[n.Space] {
			if f != n.Name {
				old = append(old, f)
			}
		}
		before[n.Space] = old
	}
	out := map[string]any{"names": names, "former": before, "reasons": reasonList(o)}
	for _, s := range rules.Spaces {
		key := map[naming.Kind]string{naming.ADLogin: "login", naming.POSIX: "login", naming.UPN: "upn", naming.MailSpace: "mail", naming.CN: "cn"}[naming.Kind(s.Kind)]
		if _, there := out[key]; key != "" && !there {
			out[key] = names[s.Space]
		}
	}
	return out
}

func reasonList(o policy.Outcome) []any {
	out := []any{}
	for _, r := range o.Reasons {
		out = append(out, map[string]any{"row": r.Row, "took": r.Took, "title": r.Title, "detail": r.Detail})
	}
	return out
}

// liveNames are the names held here, and a look into the systems of a space. What
// was found free there is not looked for again in the same step.
type liveNames struct {
	policy.Names
	call   Call
	open   map[string]connector.Directory
	stamps []string
	seen   map[naming.Name]string
}

// Live looks in each connection of the space.
func (l *liveNames) Live(ctx context.Context, n naming.Name, in policy.SpaceRow, within string) (string, error) {
	if where, known := l.seen[n]; known {
		return where, nil
	}
	for _, key := range in.Connections {
		by, stamp, err := l.inUse(ctx, n, in, within, key)
		if err != nil {
			return "", err
		}
		if by != "" {
			l.seen[n] = InUse(key, by)
			return l.seen[n], l.call.Names.Found(ctx, n, key, stamp)
		}
	}
	l.seen[n] = ""
	return "", nil
}

// inUse looks in one connection, by the system's own equality: by is the
// kind of what holds the name, "" for nothing. What is the joiner's own is no obstacle.
func (l *liveNames) inUse(ctx context.Context, n naming.Name, in policy.SpaceRow, within, key string) (by, stamp string, err error) {
	dir := l.open[key]
	if dir == nil {
		if dir, err = l.call.Directory(ctx, key); err != nil {
			return "", "", err
		}
		l.open[key] = dir
		if l.stamps == nil {
			if l.stamps, err = l.call.Names.Stamps(ctx); err != nil {
				return "", "", err
			}
		}
	}
	return HeldLive(n, in, within, l.stamps, func(q connector.NameQuery) ([]connector.Holder, error) { return connector.Holders(ctx, dir, q) })
}

// HeldLive looks for a name in one system, which holders asks: by is the kind of
// what holds it, "" for nothing. What carries one of the joiner's own marks is no
// obstacle.
func HeldLive(n naming.Name, in policy.SpaceRow, within string, own []string, holders func(connector.NameQuery) ([]connector.Holder, error)) (by, stamp string, err error) {
	attributes := in.Attributes
	if len(attributes) == 0 {
		attributes = []string{connector.LoginName}
	}
	for _, a := range attributes {
		q := connector.NameQuery{Attribute: a, Value: n.Name, Within: within}
		if strings.EqualFold(a, "proxyAddresses") {
			q.Value = "smtp:" + q.Value
		}
		held, err := holders(q)
		if err != nil {
			return "", "", err
		}
		for _, h := range held {
			if h.Stamp != "" && slices.Contains(own, h.Stamp) || elsewhere(h.ID, within) {
				continue
			}
			return h.Kind, h.Stamp, nil
		}
	}
	return "", "", nil
}

// InUse says in words that a name is in use in a system.
func InUse(connection, by string) string {
	if by != connector.HolderAccount && by != connector.HolderOther {
		return "in use in " + connection + " by a " + by
	}
	return "in use in " + connection
}

// elsewhere reports whether an account that is named by its place (a DN) lies
// outside the one in which a name has to be unique.
func elsewhere(id, within string) bool {
	if within == "" || !strings.Contains(id, "=") {
		return false
	}
	plain := func(dn string) string {
		parts := strings.Split(strings.ToLower(dn), ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return strings.Join(parts, ",")
	}
	_, place, _ := strings.Cut(plain(id), ",")
	return place != plain(within) && !strings.HasSuffix(place, ","+plain(within))
}

// String keeps names out of logs that print a claim.
func (c NameClaim) String() string { return fmt.Sprintf("%d names by %s", len(c.Names), c.Policy) }
