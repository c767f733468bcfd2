package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/internal/postgres"
)

// looks keeps what outside systems answered, so that everything foreseen together
// sees one state of them and asks each thing once.
type looks struct {
	mu   sync.Mutex
	kept map[string]keptLook
}

type keptLook struct {
	value any
	found bool
	err   error
}

func newLooks() *looks { return &looks{kept: map[string]keptLook{}} }

// once asks unless it is known. What failed is not kept: it may go better next time.
func (l *looks) once(key string, ask func() (any, bool, error)) (any, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k, ok := l.kept[key]; ok {
		return k.value, k.found, k.err
	}
	v, found, err := ask()
	if err == nil || fault.Is(err, fault.NotFound) {
		l.kept[key] = keptLook{v, found, err}
	}
	return v, found, err
}

// lookedDirectory is a directory of a forecast: it answers from the record where
// there is one, asks the system where that is allowed, and notes what it did.
// It has no way to write: whoever tries is told so.
type lookedDirectory struct {
	b   *boundary
	key string
}

var (
	_ connector.Directory  = (*lookedDirectory)(nil)
	_ connector.NameKeeper = (*lookedDirectory)(nil)
)

// open gives the connection itself, read only; ok is false where nobody is asked.
func (d *lookedDirectory) open(ctx context.Context, what string) (connector.Directory, bool, error) {
	k := d.b.k
	if !k.foresees.Live {
		k.trial.unasked(d.b.node.ID, what)
		return nil, false, nil
	}
	k.trial.asked(d.b.node.ID, what)
	conn, err := d.b.use(ctx, d.key)
	if err != nil {
		return nil, false, err
	}
	dir, ok := conn.(connector.Directory)
	if !ok {
		return nil, false, fault.New(fault.Invalid, "The connection %s has no accounts and groups.", d.key)
	}
	return dir, true, nil
}

func (d *lookedDirectory) FindAccount(ctx context.Context, by connector.Lookup) (connector.Account, bool, error) {
	k := d.b.k
	past := k.trial.Past
	if past != nil && by.Stamp != "" {
		mine := by.Stamp == k.c.Ref.Stamp()
		there, known, err := past.World.HadAccount(ctx, d.key, by.Stamp, "", k.trial.started)
		if err != nil || !there && (known || mine) {
			return connector.Account{}, false, err
		}
	}
	if past != nil && by.Name != "" && past.made(d.key, by.Name) {
		return connector.Account{}, false, nil
	}
	v, found, err := k.foresees.looks.once(fmt.Sprintf("account\x00%s\x00%+v", d.key, by), func() (any, bool, error) {
		dir, ok, err := d.open(ctx, "accounts in "+d.key)
		if err != nil || !ok {
			return connector.Account{}, false, err
		}
		a, found, err := dir.FindAccount(ctx, by)
		return a, found, err
	})
	k.trial.note(d.b.node.ID, k.foresees.Live, "accounts in "+d.key)
	a, _ := v.(connector.Account)
	if err != nil || !found {
		return connector.Account{}, false, err
	}
	a.Attributes = maps.Clone(a.Attributes)
	if k.foresees.Veil != nil {
		for _, n := range joiner.Personal() {
			delete(a.Attributes, n)
		}
	}
	if past == nil {
		return a, true, nil
	}
	if a.Stamp != "" {
		there, known, err := past.World.HadAccount(ctx, d.key, a.Stamp, a.ID, k.trial.started)
		if err != nil || known && !there {
			return connector.Account{}, false, err
		}
	}
	return past.before(d.key, a), true, nil
}

func (d *lookedDirectory) FindGroup(ctx context.Context, name string) (connector.Group, bool, error) {
	k := d.b.k
	recorded := k.trial.Past != nil && k.trial.Past.hadGroup(d.key, name)
	if !recorded && !k.foresees.Live {
		k.trial.unasked(d.b.node.ID, "groups in "+d.key)
	}
	if recorded || !k.foresees.Live {
		return connector.Group{ID: name, Name: name}, true, nil
	}
	v, found, err := k.foresees.looks.once("group\x00"+d.key+"\x00"+name, func() (any, bool, error) {
		dir, ok, err := d.open(ctx, "groups in "+d.key)
		if err != nil || !ok {
			return connector.Group{}, false, err
		}
		return ofGroup(dir.FindGroup(ctx, name))
	})
	k.trial.note(d.b.node.ID, true, "groups in "+d.key)
	g, _ := v.(connector.Group)
	return g, found, err
}

func ofGroup(g connector.Group, found bool, err error) (any, bool, error) { return g, found, err }

// Holders tells who holds a name, now or then.
func (d *lookedDirectory) Holders(ctx context.Context, q connector.NameQuery) ([]connector.Holder, error) {
	k := d.b.k
	if past := k.trial.Past; past != nil {
		if free, taken := past.chose(d.key, q.Value); free {
			return nil, nil
		} else if taken {
			return []connector.Holder{{Kind: connector.HolderOther, Label: q.Value, Attribute: q.Attribute, Value: q.Value}}, nil
		}
	}
	v, _, err := k.foresees.looks.once(fmt.Sprintf("holder\x00%s\x00%+v", d.key, q), func() (any, bool, error) {
		dir, ok, err := d.open(ctx, "names in "+d.key)
		if err != nil || !ok {
			return []connector.Holder(nil), false, err
		}
		held, err := connector.Holders(ctx, dir, q)
		return held, true, err
	})
	k.trial.note(d.b.node.ID, k.foresees.Live, "names in "+d.key)
	held, _ := v.([]connector.Holder)
	if err != nil || k.trial.Past == nil {
		return held, err
	}
	var out []connector.Holder
	for _, h := range held {
		if h.Stamp != "" {
			there, known, err := k.trial.Past.World.HadAccount(ctx, d.key, h.Stamp, h.ID, k.trial.started)
			if err != nil {
				return nil, err
			}
			if known && !there {
				continue
			}
		}
		out = append(out, h)
	}
	return out, nil
}

var errNoWrites = fault.New(fault.Internal, "A trial has no way to write.")

func (d *lookedDirectory) EnsureAccount(context.Context, connector.Ensure) (connector.Account, error) {
	return connector.Account{}, errNoWrites
}

func (d *lookedDirectory) UpdateAccount(context.Context, string, map[string]any) ([]connector.Change, error) {
	return nil, errNoWrites
}

func (d *lookedDirectory) SetEnabled(context.Context, string, bool) (bool, error) {
	return false, errNoWrites
}

func (d *lookedDirectory) EnsureMember(context.Context, string, string) (bool, error) {
	return false, errNoWrites
}

func (d *lookedDirectory) EnsureNotMember(context.Context, string, string) (bool, error) {
	return false, errNoWrites
}

// lookedWorkers is an HRIS of a forecast: it knows the joiner, whom the forecaster
// finds, and asks the HRIS for others where that is allowed.
type lookedWorkers struct {
	b   *boundary
	key string
}

var _ connector.Workers = lookedWorkers{}

func (w lookedWorkers) Worker(ctx context.Context, id string) (joiner.Worker, error) {
	k := w.b.k
	f := k.foresees
	own := w.key == k.c.Ref.Connection && id == k.c.Ref.Worker
	if own && !f.FromHRIS {
		return k.foreseen, nil
	}
	if !own && f.People != nil {
		found, ok, err := f.People(ctx, w.key, id)
		if err != nil || ok {
			return f.veiled(found), err
		}
	}
	what := "a worker in " + w.key
	if !f.Live {
		k.trial.unasked(w.b.node.ID, what)
		return joiner.Worker{}, fault.New(fault.NotFound, "Worker %s of %s is not known here, and %s was not asked.", id, w.key, w.key)
	}
	k.trial.asked(w.b.node.ID, what)
	v, _, err := f.looks.once("worker\x00"+w.key+"\x00"+id, func() (any, bool, error) {
		conn, err := w.b.use(ctx, w.key)
		if err != nil {
			return joiner.Worker{}, false, err
		}
		source, ok := conn.(connector.Workers)
		if !ok {
			return joiner.Worker{}, false, fault.New(fault.Invalid, "The connection %s has no workers to read.", w.key)
		}
		found, err := source.Worker(ctx, id)
		return found, err == nil, err
	})
	found, _ := v.(joiner.Worker)
	return f.veiled(found), err
}

func (w lookedWorkers) Changed(context.Context, time.Time, string) ([]joiner.Worker, string, error) {
	return nil, "", nil
}

func (f *Forecaster) veiled(w joiner.Worker) joiner.Worker {
	if f.Veil == nil || w.ID == "" {
		return w
	}
	return f.Veil(w)
}

// note says of an answer that was known already how it came.
func (t *trialed) note(id flow.NodeID, live bool, what string) {
	if live {
		t.asked(id, what)
	} else {
		t.unasked(id, what)
	}
}

// changes reads the recorded changes in a connection, first to last.
func (p *Past) changes(connection string) []Change {
	var out []Change
	for _, id := range slices.Sorted(maps.Keys(p.Steps)) {
		var list []Change
		if json.Unmarshal(p.Steps[id].Changes, &list) != nil {
			continue
		}
		for _, c := range list {
			if c.Connection == connection && !c.Planned {
				out = append(out, c)
			}
		}
	}
	return out
}

// made reports whether the recorded run made an account of that name itself.
func (p *Past) made(connection, name string) bool {
	for _, s := range p.Steps {
		var out struct {
			Name string `json:"name"`
		}
		var list []Change
		if s.Type != "account.ensure" || json.Unmarshal(s.Output, &out) != nil || !strings.EqualFold(out.Name, name) || json.Unmarshal(s.Changes, &list) != nil {
			continue
		}
		if slices.ContainsFunc(list, func(c Change) bool { return c.Connection == connection && c.Operation == opCreate }) {
			return true
		}
	}
	return false
}

// before takes back what the recorded run changed of an account.
func (p *Past) before(connection string, a connector.Account) connector.Account {
	a.Groups = slices.Clone(a.Groups)
	list := p.changes(connection)
	for i := len(list) - 1; i >= 0; i-- {
		c := list[i]
		switch {
		case c.Operation == opUpdate && c.Target == a.ID:
			for _, x := range c.Attributes {
				if a.Attributes == nil {
					a.Attributes = map[string]any{}
				}
				if a.Attributes[x.Attribute] = x.Before; x.Before == nil {
					delete(a.Attributes, x.Attribute)
				}
			}
		case c.Operation == opEnable && c.Target == a.ID:
			a.Enabled = false
		case c.Operation == opDisable && c.Target == a.ID:
			a.Enabled = true
		case c.Operation == opAdd:
			a.Groups = slices.DeleteFunc(a.Groups, func(g string) bool { return strings.EqualFold(g, c.Target) })
		case c.Operation == opRemove:
			a.Groups = appendNew(a.Groups, c.Target)
		}
	}
	return a
}

// hadGroup reports whether the recorded run put an account into a group of that
// name, or took it out.
func (p *Past) hadGroup(connection, name string) bool {
	return slices.ContainsFunc(p.changes(connection), func(c Change) bool {
		return (c.Operation == opAdd || c.Operation == opRemove) && strings.EqualFold(c.Target, name)
	})
}

// chose tells whether the recorded run found a name free and took it, or found it
// in use in a connection.
func (p *Past) chose(connection, name string) (free, taken bool) {
	for _, s := range p.Steps {
		var out struct {
			Reasons []struct {
				Took   bool   `json:"took"`
				Title  string `json:"title"`
				Detail string `json:"detail"`
			} `json:"reasons"`
		}
		if s.Type != "name.generate" || json.Unmarshal(s.Output, &out) != nil {
			continue
		}
		for _, r := range out.Reasons {
			_, title, _ := strings.Cut(r.Title, ": ")
			if title != name {
				continue
			}
			free = free || r.Took
			taken = taken || !r.Took && strings.Contains(r.Detail, "in use in "+connection)
		}
	}
	return free, taken
}

// recorded is the result that the recorded run has of the same look-up: of the same
// kind, with the same fields. What the run had changed before does not count.
func (t *trialed) recorded(by *try, input []byte) (node.Result, bool) {
	if t.Past == nil {
		return node.Result{}, false
	}
	old, ok := t.Past.Steps[by.node.ID]
	if !ok || old.Type != by.node.Type || old.State != "succeeded" || !sameJSON(old.Input, input) {
		return node.Result{}, false
	}
	var params node.Params
	if json.Unmarshal(input, &params) != nil || by.node.Type != "http.request" || params.Text("method") != "GET" {
		return node.Result{}, false
	}
	var out map[string]any
	if len(old.Output) > 0 && json.Unmarshal(old.Output, &out) != nil {
		return node.Result{}, false
	}
	by.b.logf("The answer is the one on record.")
	return node.Result{Port: old.Port, Output: out}, true
}

func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, errP := json.Marshal(x)
	q, errQ := json.Marshal(y)
	return errP == nil && errQ == nil && string(p) == string(q)
}

// pastNames are the names of the moment that a forecast is about.
func (k *carrier) pastNames(chosenFor string) postgres.PastNames {
	return postgres.PastNames{World: k.trial.Past.World, JoinerID: k.c.JoinerID, Stamp: k.c.Ref.Stamp(), At: k.trial.started, ChosenFor: chosenFor != ""}
}
