package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"joinery/internal/connector"
	"joinery/internal/postgres"
)

// Operations, as intents and the audit log name them.
const (
	opCreate  = "account.ensure"
	opUpdate  = "account.update"
	opRename  = "account.rename"
	opMove    = "account.move"
	opEnable  = "account.enable"
	opDisable = "account.disable"
	opAdd     = "group.add"
	opRemove  = "group.remove"
	opMail    = "notify.email"
	opHTTP    = "http.request"
)

// recorded is a directory in a live run.
type recorded struct {
	b   *boundary
	key string
	dir connector.Directory
}

var _ connector.Directory = (*recorded)(nil)

func (r *recorded) FindAccount(ctx context.Context, by connector.Lookup) (connector.Account, bool, error) {
	a, found, err := r.dir.FindAccount(ctx, by)
	if err == nil && by.ID != "" && (!found || a.Stamp != r.b.k.c.Ref.Stamp()) {
		a, found, err = r.elsewhere(ctx, by.ID, a, found)
	}
	if err == nil && found {
		r.b.saw(r.key, a)
	}
	return a, found, err
}

func (r *recorded) FindGroup(ctx context.Context, name string) (connector.Group, bool, error) {
	return r.dir.FindGroup(ctx, name)
}

func (r *recorded) EnsureAccount(ctx context.Context, want connector.Ensure) (connector.Account, error) {
	// An account of ours from before this step is found first, so that no intent
	// is on record for it and a later try does not take it for its own making.
	key := r.b.opKey(r.key, opCreate, want.Stamp)
	making := postgres.Intent{Key: key, Connection: r.key, Operation: opCreate, Target: want.Stamp, Run: r.b.k.c.ID}
	m, err := r.b.k.e.DB.FindMaking(ctx, making, r.b.k.c.JoinerID)
	if err != nil {
		return connector.Account{}, err
	}
	if !m.Before {
		old, found, err := r.dir.FindAccount(ctx, connector.Lookup{Stamp: want.Stamp})
		if err != nil {
			return connector.Account{}, err
		}
		if found {
			old.Existed = true
			r.keep(key, old, want.Attributes)
			return old, nil
		}
		if m.Other {
			return connector.Account{}, r.otherRecord()
		}
	}
	if err := r.mayBeCalled(ctx, want.Name, want.Attributes); err != nil {
		return connector.Account{}, err
	}
	key, intended, err := r.b.intend(ctx, r.key, opCreate, want.Stamp)
	if err != nil {
		return connector.Account{}, err
	}
	if m.Shared {
		if m, err = r.b.k.e.DB.FindMaking(ctx, making, r.b.k.c.JoinerID); err != nil {
			return connector.Account{}, err
		}
		if m.Other {
			return connector.Account{}, r.otherRecord()
		}
	}
	if want.Attempted = intended.Before; want.Attempted && intended.Receipt == nil {
		// What the earlier try came to is not known. Some systems show what was
		// made only after a while, so not finding it once proves nothing.
		_, found, err := r.dir.FindAccount(ctx, connector.Lookup{Stamp: want.Stamp})
		if err != nil {
			return connector.Account{}, err
		}
		if !found {
			if err := r.b.settled(ctx, key, r.key); err != nil {
				return connector.Account{}, err
			}
		}
	}
	account, err := r.dir.EnsureAccount(ctx, want)
	if err != nil {
		return connector.Account{}, err
	}
	r.keep(key, account, want.Attributes)
	return account, nil
}

// otherRecord waits for the run of this person's other record.
func (r *recorded) otherRecord() error {
	return &waitError{until: r.b.k.e.Now().Add(5 * time.Second), what: "the run of this person's other record, which is making the account"}
}

func (r *recorded) keep(key string, a connector.Account, asked map[string]any) {
	k := r.b.k
	enabled := a.Enabled
	row := &postgres.AccountRow{JoinerID: k.c.JoinerID, Connection: r.key, AccountID: a.ID, Name: a.Name, Enabled: &enabled, Created: !a.Existed, Run: k.c.ID}
	if a.Existed {
		asked = a.Attributes // nothing of what was asked for was set
	}
	r.b.isCalled(k.nowCalled(a.Name, asked))
	r.b.receipt(key, opCreate, r.key, map[string]any{"existed": a.Existed, "account": a.ID, "changed": !a.Existed}, row)
	if a.Existed {
		r.b.logf("The account %s was there before.", a.Name)
		return
	}
	var attrs []connector.Change
	for _, n := range slices.Sorted(maps.Keys(a.Attributes)) {
		attrs = append(attrs, connector.Change{Attribute: n, After: a.Attributes[n]})
	}
	r.b.note(Change{Connection: r.key, Operation: opCreate, Target: a.ID, Sentence: fmt.Sprintf("Account %s made in %s", a.Name, r.key), Attributes: attrs})
}

func (r *recorded) UpdateAccount(ctx context.Context, id string, set map[string]any) ([]connector.Change, error) {
	if err := r.mayBeCalled(ctx, "", set); err != nil {
		return nil, err
	}
	key, _, err := r.b.intend(ctx, r.key, opUpdate, id)
	if err != nil {
		return nil, err
	}
	changes, err := r.dir.UpdateAccount(ctx, id, set)
	if err != nil {
		return nil, err
	}
	r.b.receipt(key, opUpdate, r.key, map[string]any{"account": id, "changes": changes, "changed": len(changes) > 0}, nil)
	r.b.isCalled(r.b.k.nowCalled("", set))
	if len(changes) > 0 {
		r.b.note(Change{Connection: r.key, Operation: opUpdate, Target: id, Sentence: fmt.Sprintf("%d attributes changed in %s", len(changes), r.key), Attributes: changes})
	}
	return changes, nil
}

// RenameAccount gives an account another name. The name from before is kept for
// undoing, also when an earlier try's answer was lost.
func (r *recorded) RenameAccount(ctx context.Context, id, name string) (string, error) {
	if err := r.mayBeCalled(ctx, name, nil); err != nil {
		return "", err
	}
	k := r.b.k
	known, err := k.e.DB.AccountName(ctx, k.c.JoinerID, r.key, id)
	if err != nil {
		return "", err
	}
	key, intended, err := r.b.intend(ctx, r.key, opRename, id)
	if err != nil {
		return "", err
	}
	before, err := connector.Rename(ctx, r.dir, id, name)
	if err != nil {
		return "", err
	}
	if before == name && intended.Before && intended.Receipt == nil && known != "" {
		before = known
	}
	r.b.isCalled(k.nowCalled(name, nil))
	r.b.receipt(key, opRename, r.key, map[string]any{"account": id, "name": before, "changed": before != name}, &postgres.AccountRow{JoinerID: k.c.JoinerID, Connection: r.key, AccountID: id, Name: name, Run: k.c.ID})
	if before != name {
		r.b.note(Change{Connection: r.key, Operation: opRename, Target: id, Sentence: fmt.Sprintf("Account %s is called %s in %s", before, name, r.key)})
	}
	return before, nil
}

func (r *recorded) SetEnabled(ctx context.Context, id string, enabled bool) (bool, error) {
	op, word := opEnable, "enabled"
	if !enabled {
		op, word = opDisable, "disabled"
	}
	key, intended, err := r.b.intend(ctx, r.key, op, id)
	if err != nil {
		return false, err
	}
	changed, err := r.dir.SetEnabled(ctx, id, enabled)
	if err != nil {
		return false, err
	}
	k := r.b.k
	if !changed && intended.Before && intended.Receipt == nil {
		// An earlier try's answer was lost. Where we know that it was otherwise before, that try did it.
		if changed, err = k.e.DB.AccountWas(ctx, k.c.JoinerID, r.key, id, !enabled); err != nil {
			return false, err
		}
	}
	r.b.receipt(key, op, r.key, map[string]any{"account": id, "changed": changed},
		&postgres.AccountRow{JoinerID: k.c.JoinerID, Connection: r.key, AccountID: id, Enabled: &enabled, Run: k.c.ID})
	if changed {
		r.b.note(Change{Connection: r.key, Operation: op, Target: id, Sentence: fmt.Sprintf("Account %s in %s", word, r.key)})
	}
	return changed, nil
}

func (r *recorded) EnsureMember(ctx context.Context, group, account string) (bool, error) {
	return r.member(ctx, opAdd, group, account)
}

func (r *recorded) EnsureNotMember(ctx context.Context, group, account string) (bool, error) {
	return r.member(ctx, opRemove, group, account)
}

func (r *recorded) member(ctx context.Context, op, group, account string) (bool, error) {
	if op == opAdd {
		if is, err := r.alreadyIn(ctx, group, account); err != nil || is {
			return false, err
		}
	}
	key, intended, err := r.b.intend(ctx, r.key, op, group+"\x1f"+account)
	if err != nil {
		return false, err
	}
	k := r.b.k
	row := &postgres.AccountRow{JoinerID: k.c.JoinerID, Connection: r.key, AccountID: account, Run: k.c.ID}
	var changed bool
	sentence := fmt.Sprintf("Added to group %s in %s", group, r.key)
	if op == opAdd {
		changed, err = r.dir.EnsureMember(ctx, group, account)
		row.Add = []string{group}
		row.Grant = changed || madeBefore(intended)
	} else {
		changed, err = r.dir.EnsureNotMember(ctx, group, account)
		row.Remove = []string{group}
		sentence = fmt.Sprintf("Removed from group %s in %s", group, r.key)
	}
	if err != nil {
		return false, err
	}
	r.b.receipt(key, op, r.key, map[string]any{"account": account, "group": group, "changed": changed || op == opAdd && row.Grant, "granted": r.b.granted(r.key, account, group)}, row)
	if changed {
		r.b.note(Change{Connection: r.key, Operation: op, Target: group, Sentence: sentence})
	}
	return changed, nil
}

// alreadyIn reports whether an account was in a group before this step: then there
// is nothing to intend, and the membership is not of our making. A try before this
// one may have made it, so an intent that is on record decides.
func (r *recorded) alreadyIn(ctx context.Context, group, account string) (bool, error) {
	if !r.b.isIn(r.key, account, group) {
		return false, nil
	}
	key := r.b.opKey(r.key, opAdd, group+"\x1f"+account)
	before, err := r.b.k.e.DB.FindIntent(ctx, key)
	if err != nil || before {
		return false, err
	}
	k := r.b.k
	r.b.receipt(key, opAdd, r.key, map[string]any{"account": account, "group": group, "changed": false, "existed": true},
		&postgres.AccountRow{JoinerID: k.c.JoinerID, Connection: r.key, AccountID: account, Add: []string{group}, Run: k.c.ID})
	return true, nil
}

// madeBefore reports whether an earlier try of the step made a membership, or may
// have: its answer was lost, and the account was not in the group before.
func madeBefore(i postgres.Intended) bool {
	var r receiptBody
	return i.Before && (i.Receipt == nil || json.Unmarshal(i.Receipt, &r) == nil && r.Changed)
}
