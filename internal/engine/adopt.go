package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/naming"
	"joinery/internal/node"
	"joinery/internal/policy"
	"joinery/internal/postgres"
)

// opAdopt is putting the joiner's mark on an account that somebody else made, as
// intents and the audit log name it; opSearch looks for one.
const (
	opAdopt  = "account.adopt"
	opSearch = "account.search"
)

// mostFound is how many accounts one rule may find; more say that it is no rule to
// know people by.
const mostFound = 20

// adoption is what a run may do with accounts that no joiner stands behind.
type adoption struct{ b *boundary }

var _ node.Adoption = adoption{}

// blind says that the run looks ahead without asking systems.
func (a adoption) blind() bool { f := a.b.k.foresees; return f != nil && !f.Live }

// Mine finds the account that bears the joiner's mark, and how it got it.
func (a adoption) Mine(ctx context.Context, key string) (out connector.Account, how node.Mine, err error) {
	if a.blind() {
		return out, node.MineNone, nil
	}
	dir, err := a.b.directory(ctx, key)
	if err != nil {
		return out, node.MineNone, err
	}
	k, found := a.b.k, false
	if out, found, err = dir.FindAccount(ctx, connector.Lookup{Stamp: k.c.Ref.Stamp()}); err != nil || !found {
		return out, node.MineNone, err
	}
	if k.sim == nil {
		if begun, err := k.e.DB.FindIntent(ctx, a.b.opKey(key, opAdopt, out.ID)); err != nil || begun {
			return out, node.MineBegun, err
		}
	}
	if adopted, err := k.e.DB.AdoptedBefore(ctx, k.c.JoinerID, key, out.ID); err != nil || adopted {
		return out, node.MineAdopted, err
	}
	return out, node.MineMade, nil
}

// Search gives the accounts that hold all of the values, and of each whether a person
// has said that it is not the joiner's.
func (a adoption) Search(ctx context.Context, key string, equal map[string]string) ([]policy.Candidate, error) {
	if a.blind() {
		return nil, nil
	}
	conn, err := a.b.use(ctx, key)
	if err != nil {
		return nil, err
	}
	s, ok := conn.(connector.AccountSearcher)
	if !ok {
		return nil, connector.CannotSearch(key)
	}
	k := a.b.k
	var found []connector.Account
	err = k.called(ctx, key, opSearch, func(ctx context.Context) error { found, err = s.AccountsWith(ctx, equal, mostFound+1); return err })
	if err != nil {
		return nil, err
	}
	if len(found) > mostFound {
		return nil, fault.New(fault.Invalid, "A rule finds more than %d accounts in %s, so it does not tell people apart. Make it compare more.", mostFound, key)
	}
	apart, err := k.e.DB.ApartFrom(ctx, k.c.JoinerID)
	if err != nil {
		return nil, err
	}
	out := make([]policy.Candidate, len(found))
	for i, x := range found {
		if k.sim != nil { // another joiner of the same list may have got it
			if mine, ok := (&pretended{b: a.b, key: key}).own(connector.Lookup{ID: x.ID}); ok {
				x.Stamp = mine.Stamp
			}
		}
		out[i] = policy.Candidate{Connection: key, ID: x.ID, Name: x.Name, Enabled: x.Enabled, Mark: x.Stamp, Protected: x.Protected, Groups: x.Groups, Attributes: x.Attributes, Apart: slices.Contains(apart, apartID(key, x.ID))}
	}
	return out, nil
}

// apartID names an account without saying what it is called: a DN has a name in it,
// and the audit log is for ever.
func apartID(key, id string) string {
	sum := sha256.Sum256([]byte(id))
	return "account:" + key + ":" + hex.EncodeToString(sum[:12])
}

// Apart remembers that an account is somebody else's.
func (a adoption) Apart(ctx context.Context, x policy.Candidate, by string) error {
	if a.b.k.sim != nil {
		return nil
	}
	return a.b.k.e.DB.KeepApart(ctx, a.b.k.c.JoinerID, apartID(x.Connection, x.ID), by)
}

// Adopt puts the joiner's mark on an account, and holds what it is called for the
// joiner. A simulated run plans it.
func (a adoption) Adopt(ctx context.Context, m policy.Matched, by string) error {
	b, k := a.b, a.b.k
	stamp := k.c.Ref.Stamp()
	if err := b.guard.write(ctx); err != nil {
		return err
	}
	if k.sim != nil {
		p := &pretended{b: b, key: m.Connection}
		p.plan(opAdopt, m.Name, fmt.Sprintf("Account %s in %s would be adopted: the joiner's mark would be put on it", m.Name, m.Connection), []connector.Change{{Attribute: "mark", After: stamp}})
		p.remember(connector.Account{ID: m.ID, Name: m.Name, Stamp: stamp, Enabled: m.Enabled, Attributes: m.Attributes, Groups: m.Groups, Existed: true})
		return nil
	}
	conn, err := b.use(ctx, m.Connection)
	if err != nil {
		return err
	}
	to, ok := conn.(connector.Adopter)
	if !ok {
		return fault.New(fault.Invalid, "Accounts of %s cannot be adopted.", m.Connection)
	}
	key, intended, err := b.intend(ctx, m.Connection, opAdopt, m.ID)
	if err != nil {
		return err
	}
	changed := false
	err = k.called(ctx, m.Connection, opAdopt, func(ctx context.Context) error { changed, err = to.Adopt(ctx, m.ID, stamp); return err })
	if err != nil {
		return err
	}
	names, err := a.holdNames(ctx, m)
	if err != nil {
		return err
	}
	b.receipt(key, opAdopt, m.Connection, map[string]any{"existed": true, "account": m.ID, "changed": changed || madeBefore(intended), "names": names},
		&postgres.AccountRow{JoinerID: k.c.JoinerID, Connection: m.Connection, AccountID: m.ID, Name: m.Name, Enabled: &m.Enabled, Run: k.c.ID})
	b.mu.Lock()
	b.acts = append(b.acts, postgres.Act{Actor: auth.Engine(), Action: "joiner.adopt", Kind: "joiner", ID: k.c.JoinerID,
		Detail: map[string]any{"connection": m.Connection, "rule": m.Rule.Title(), "weight": m.Rule.Weight, "decided_by": by, "run": k.c.ID}})
	b.mu.Unlock()
	b.note(Change{Connection: m.Connection, Operation: opAdopt, Target: m.ID, Sentence: fmt.Sprintf("Account %s in %s adopted: it bears the joiner's mark now", m.Name, m.Connection), Attributes: []connector.Change{{Attribute: "mark", After: stamp}}})
	return nil
}

// holdNames makes what an adopted account is called the joiner's own names, in the
// spaces of the flow's naming policies. A name that is held for somebody else stays
// theirs, and the step says so. It gives the names that are held now.
func (a adoption) holdNames(ctx context.Context, m policy.Matched) ([]string, error) {
	k := a.b.k
	if !k.rel.choosesNames() {
		return nil, nil
	}
	var names []naming.Name
	for _, s := range k.rel.spaces(m.Connection) {
		by := naming.Space{Kind: naming.Kind(s.Kind), Equality: naming.Equality(s.Equality)}.By()
		for _, value := range called(s, m.Name, folded(m.Attributes, s.Attributes)) {
			if !slices.ContainsFunc(names, func(n naming.Name) bool { return n.Space == s.Space }) {
				names = append(names, naming.Name{Space: s.Space, Name: value, Key: by.Key(value), Equality: by})
			}
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	out, err := k.e.DB.ClaimNames(ctx, postgres.NameClaim{Run: k.c.ID, Owner: k.e.Owner, Epoch: k.c.Epoch, Node: a.b.node.ID, JoinerID: k.c.JoinerID, Stamp: k.c.Ref.Stamp(), Names: names})
	switch {
	case err != nil:
		return nil, err
	case !out.Kept:
		return nil, lostError{}
	case out.Moved:
		a.b.logf("The joiner has other names already; those of the adopted account were not taken.")
	case len(out.Taken) > 0:
		a.b.logf("The adopted account is called %s, which is held for somebody else. Look at it on the page Names.", out.Taken[0].Name)
	default:
		a.b.isCalled(k.nowCalled(m.Name, m.Attributes))
		held := make([]string, len(names))
		for i, n := range names {
			held[i] = n.Name
		}
		return held, nil
	}
	return nil, nil
}

// folded gives attributes under the names that a space has for them.
func folded(attributes map[string]any, names []string) map[string]any {
	out := map[string]any{}
	for _, n := range names {
		for k, v := range attributes {
			if strings.EqualFold(k, n) {
				out[n] = v
			}
		}
	}
	return out
}

// giveAccountBack takes the joiner's mark off an account that was adopted.
func (k *carrier) giveAccountBack(ctx context.Context, e postgres.Effect, r receiptBody, conn connector.Conn) error {
	to, ok := conn.(connector.Adopter)
	if !ok {
		return fault.New(fault.Invalid, "Accounts of %s cannot be given back.", e.Connection)
	}
	id := r.Account
	if id == "" {
		id = e.Target // the answer was lost: the mark is there, or it is not
	}
	return k.called(ctx, e.Connection, opAdopt, func(ctx context.Context) error {
		_, err := to.Abandon(ctx, id, k.c.Ref.Stamp())
		return err
	})
}
