package engine

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/naming"
)

// pretence is what a simulated run has pretended so far: accounts that a live run
// would have made, memberships, and how far its clock would be.
type pretence struct {
	now      time.Time
	mu       sync.Mutex
	accounts map[string]*shelf         // by connection
	fields   map[string]map[string]any // by worker: fields that would be written back
	// names are those that were pretended to be held, and for whom (a stamp).
	names map[naming.Name]string
}

// shelf holds the pretended accounts of one connection, found by what people ask for.
type shelf struct {
	ids     map[string]connector.Account
	stamped map[string]string    // stamp → id
	named   map[string]string    // name in lower case → id
	valued  map[[2]string]string // attribute and value → id
}

func newPretence() *pretence {
	return &pretence{accounts: map[string]*shelf{}, names: map[naming.Name]string{}}
}

const simulated = "simulated:"

// pretended is a directory in a simulated run: it reads the real one and lists
// every write as a planned change.
type pretended struct {
	b   *boundary
	key string
	dir connector.Directory
}

var _ connector.Directory = (*pretended)(nil)

func (p *pretended) own(by connector.Lookup) (connector.Account, bool) {
	s := p.b.k.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	on := s.accounts[p.key]
	if on == nil {
		return connector.Account{}, false
	}
	id := by.ID
	switch {
	case by.Stamp != "":
		id = on.stamped[by.Stamp]
	case by.Name != "":
		id = on.named[strings.ToLower(by.Name)]
	case by.Attribute != "":
		id = on.valued[[2]string{by.Attribute, by.Value}]
		if fmt.Sprint(on.ids[id].Attributes[by.Attribute]) != by.Value {
			id = "" // it had this value before
		}
	}
	a, ok := on.ids[id]
	return a, ok
}

func (p *pretended) remember(a connector.Account) {
	s := p.b.k.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	on := s.accounts[p.key]
	if on == nil {
		on = &shelf{map[string]connector.Account{}, map[string]string{}, map[string]string{}, map[[2]string]string{}}
		s.accounts[p.key] = on
	}
	on.ids[a.ID], on.named[strings.ToLower(a.Name)] = a, a.ID
	if a.Stamp != "" {
		on.stamped[a.Stamp] = a.ID
	}
	for name, v := range a.Attributes {
		on.valued[[2]string{name, fmt.Sprint(v)}] = a.ID
	}
}

func (p *pretended) plan(op, target, sentence string, attrs []connector.Change) {
	p.b.note(Change{Connection: p.key, Operation: op, Target: target, Sentence: sentence, Attributes: attrs, Planned: true})
}

func (p *pretended) FindAccount(ctx context.Context, by connector.Lookup) (connector.Account, bool, error) {
	a, ok := p.own(by)
	if ok || strings.HasPrefix(by.ID, simulated) {
		return a, ok, nil
	}
	return p.dir.FindAccount(ctx, by)
}

func (p *pretended) FindGroup(ctx context.Context, name string) (connector.Group, bool, error) {
	return p.dir.FindGroup(ctx, name)
}

func (p *pretended) EnsureAccount(ctx context.Context, want connector.Ensure) (connector.Account, error) {
	if a, found, err := p.FindAccount(ctx, connector.Lookup{Stamp: want.Stamp}); err != nil || found {
		a.Existed = true
		return a, err
	}
	if a, found, err := p.FindAccount(ctx, connector.Lookup{Name: want.Name}); err != nil {
		return connector.Account{}, err
	} else if found {
		return connector.Account{}, &fault.Error{Kind: fault.Conflict, Key: "name", Sentence: fmt.Sprintf("The name %s is taken in %s by an account that is not this joiner's.", a.Name, p.key)}
	}
	a := connector.Account{ID: simulated + want.Name, Name: want.Name, Stamp: want.Stamp, Enabled: want.Enabled, Attributes: maps.Clone(want.Attributes)}
	var attrs []connector.Change
	for _, n := range slices.Sorted(maps.Keys(want.Attributes)) {
		attrs = append(attrs, connector.Change{Attribute: n, After: want.Attributes[n]})
	}
	p.plan(opCreate, a.Name, fmt.Sprintf("Account %s would be made in %s", a.Name, p.key), attrs)
	p.remember(a)
	return a, nil
}

func (p *pretended) account(ctx context.Context, id string) (connector.Account, error) {
	a, found, err := p.FindAccount(ctx, connector.Lookup{ID: id})
	if err != nil {
		return a, err
	}
	if !found {
		return a, fault.New(fault.NotFound, "There is no account %s in %s.", id, p.key)
	}
	return a, nil
}

func (p *pretended) UpdateAccount(ctx context.Context, id string, set map[string]any) ([]connector.Change, error) {
	a, err := p.account(ctx, id)
	if err != nil {
		return nil, err
	}
	var changes []connector.Change
	attrs := maps.Clone(a.Attributes)
	if attrs == nil {
		attrs = map[string]any{}
	}
	for _, n := range slices.Sorted(maps.Keys(set)) {
		if reflect.DeepEqual(attrs[n], set[n]) || fmt.Sprint(attrs[n]) == fmt.Sprint(set[n]) {
			continue
		}
		changes = append(changes, connector.Change{Attribute: n, Before: attrs[n], After: set[n]})
		attrs[n] = set[n]
	}
	if len(changes) > 0 {
		p.plan(opUpdate, a.Name, fmt.Sprintf("%d attributes of %s would change in %s", len(changes), a.Name, p.key), changes)
	}
	a.Attributes = attrs
	p.remember(a)
	return changes, nil
}

// RenameAccount plans another name.
func (p *pretended) RenameAccount(ctx context.Context, id, name string) (string, error) {
	a, err := p.account(ctx, id)
	if err != nil || a.Name == name {
		return a.Name, err
	}
	if other, found, err := p.FindAccount(ctx, connector.Lookup{Name: name}); err != nil {
		return "", err
	} else if found && other.ID != id {
		return "", &fault.Error{Kind: fault.Conflict, Key: "name", Sentence: fmt.Sprintf("The name %s is taken in %s by an account that is not this joiner's.", other.Name, p.key)}
	}
	before := a.Name
	a.Name = name
	p.plan(opRename, before, fmt.Sprintf("Account %s would be called %s in %s", before, name, p.key), nil)
	p.remember(a)
	return before, nil
}

// MoveAccount plans another common name. The pretended account keeps its id.
func (p *pretended) MoveAccount(ctx context.Context, m connector.Move) (connector.Moved, error) {
	a, err := p.account(ctx, m.ID)
	if err != nil {
		return connector.Moved{}, err
	}
	before, _ := a.Attributes["cn"].(string)
	if before == m.Name {
		return connector.Moved{ID: a.ID, Before: before}, nil
	}
	p.plan(opMove, a.Name, fmt.Sprintf("The common name of %s would be %s in %s", a.Name, m.Name, p.key), []connector.Change{{Attribute: "cn", Before: a.Attributes["cn"], After: m.Name}})
	if a.Attributes = maps.Clone(a.Attributes); a.Attributes == nil {
		a.Attributes = map[string]any{}
	}
	a.Attributes["cn"] = m.Name
	p.remember(a)
	return connector.Moved{ID: a.ID, Before: before, Changed: true}, nil
}

func (p *pretended) SetEnabled(ctx context.Context, id string, enabled bool) (bool, error) {
	a, err := p.account(ctx, id)
	if err != nil || a.Enabled == enabled {
		return false, err
	}
	op, word := opEnable, "enabled"
	if !enabled {
		op, word = opDisable, "disabled"
	}
	a.Enabled = enabled
	p.remember(a)
	p.plan(op, a.Name, fmt.Sprintf("Account %s would be %s in %s", a.Name, word, p.key), nil)
	return true, nil
}

func (p *pretended) EnsureMember(ctx context.Context, group, account string) (bool, error) {
	a, err := p.account(ctx, account)
	if err != nil {
		return false, err
	}
	g, found, err := p.dir.FindGroup(ctx, group)
	if err != nil {
		return false, err
	}
	if !found {
		return false, fault.New(fault.NotFound, "There is no group %s in %s.", group, p.key)
	}
	if slices.Contains(a.Groups, g.Name) || slices.Contains(a.Groups, g.ID) {
		return false, nil
	}
	a.Groups = append(slices.Clone(a.Groups), g.Name)
	p.remember(a)
	p.plan(opAdd, g.Name, fmt.Sprintf("%s would be added to group %s in %s", a.Name, g.Name, p.key), nil)
	return true, nil
}

func (p *pretended) EnsureNotMember(ctx context.Context, group, account string) (bool, error) {
	a, err := p.account(ctx, account)
	if err != nil {
		return false, err
	}
	g, found, err := p.dir.FindGroup(ctx, group)
	if err != nil {
		return false, err
	}
	if !found {
		return false, fault.New(fault.NotFound, "There is no group %s in %s.", group, p.key)
	}
	was := len(a.Groups)
	a.Groups = slices.DeleteFunc(slices.Clone(a.Groups), func(n string) bool { return n == g.Name || n == g.ID })
	if len(a.Groups) == was {
		return false, nil
	}
	p.remember(a)
	p.plan(opRemove, g.Name, fmt.Sprintf("%s would be removed from group %s in %s", a.Name, g.Name, p.key), nil)
	return true, nil
}
