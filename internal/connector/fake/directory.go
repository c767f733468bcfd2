package fake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

// Directory is a connector type whose accounts are kept in the file named by the
// setting "path".
type Directory struct {
	// Hides is how long it does not find what was just made, not even to refuse a
	// name twice, as a directory of many replicas; Now is its clock.
	Hides time.Duration
	Now   func() time.Time
}

var _ connector.Type = Directory{}

// State is what the file holds.
type State struct {
	Accounts map[string]connector.Account `json:"accounts"`
	Groups   map[string][]string          `json:"groups"` // group → account ids
	// Creates counts creations per stamp: more than one is a duplicate account.
	Creates map[string]int           `json:"creates"`
	Workers map[string]joiner.Worker `json:"workers"`
	// Made is when each account was made.
	Made map[string]time.Time `json:"made,omitempty"`
	// Updates are the write-backs that changed something, in order: "worker.field=value".
	Updates []string `json:"updates,omitempty"`
	// Schema is what the directory tells about attributes; empty: it tells nothing.
	Schema []connector.SchemaAttribute `json:"schema,omitempty"`
	// SchemaAsked counts how often it was asked, SchemaAway makes it not answer.
	SchemaAsked int  `json:"schema_asked,omitempty"`
	SchemaAway  bool `json:"schema_away,omitempty"`
	// Reads counts readings of workers.
	Reads int `json:"reads"`
}

// Change changes the state of a file, to set a test up or to look at it.
func Change(path string, change func(*State)) error {
	return update(path, func(s State) State {
		if s.Accounts == nil {
			s.Accounts, s.Groups, s.Creates, s.Workers = map[string]connector.Account{}, map[string][]string{}, map[string]int{}, map[string]joiner.Worker{}
		}
		change(&s)
		return s
	})
}

var settings = []form.Field{{Key: "path", Label: "File", Kind: form.Text, Required: true}}

// Info describes the type.
func (Directory) Info() connector.Info {
	return connector.Info{Kind: "fake-directory", Title: "Fake directory", Icon: "database", Settings: settings, Capabilities: []connector.Capability{connector.CapDirectory}}
}

// Check finds nothing wrong.
func (Directory) Check(map[string]any) []fault.Problem { return nil }

// Open opens it.
func (t Directory) Open(_ context.Context, cfg connector.Config) (connector.Conn, error) {
	if t.Now == nil {
		t.Now = time.Now
	}
	return &directory{path: connector.Values(cfg.Settings).Text("path"), t: t}, nil
}

type directory struct {
	path string
	t    Directory
}

// hidden reports whether an account is too new to be found.
func (d *directory) hidden(s *State, id string) bool {
	return d.t.Hides > 0 && d.t.Now().Sub(s.Made[id]) < d.t.Hides
}

var _ connector.Directory = (*directory)(nil)

func (d *directory) Test(context.Context) []connector.Finding {
	return []connector.Finding{{Title: "Open", OK: true}}
}
func (d *directory) Close() error { return nil }

func (d *directory) FindAccount(_ context.Context, by connector.Lookup) (out connector.Account, found bool, err error) {
	s, err := look[State](d.path)
	if err != nil {
		return out, false, err
	}
	for _, id := range slices.Sorted(maps.Keys(s.Accounts)) {
		a := s.Accounts[id]
		if d.hidden(&s, id) {
			continue
		}
		if by.ID != "" && a.ID == by.ID || by.Stamp != "" && a.Stamp == by.Stamp || by.Name != "" && strings.EqualFold(a.Name, by.Name) ||
			by.Attribute != "" && fmt.Sprint(a.Attributes[by.Attribute]) == by.Value {
			return a, true, nil
		}
	}
	return out, false, nil
}

func (d *directory) EnsureAccount(_ context.Context, want connector.Ensure) (out connector.Account, err error) {
	var taken error
	err = Change(d.path, func(s *State) {
		for id, a := range s.Accounts {
			if a.Stamp == want.Stamp && !d.hidden(s, id) {
				out = a
				out.Existed = !want.Attempted
				return
			}
		}
		for id, a := range s.Accounts {
			if strings.EqualFold(a.Name, want.Name) && !d.hidden(s, id) {
				taken = &fault.Error{Kind: fault.Conflict, Key: "name", Sentence: fmt.Sprintf("The name %s is taken by someone else's account.", want.Name)}
				return
			}
		}
		out = connector.Account{ID: fmt.Sprintf("a%d", len(s.Accounts)+1), Name: want.Name, Stamp: want.Stamp, Enabled: want.Enabled, Attributes: maps.Clone(want.Attributes)}
		s.Accounts[out.ID] = out
		s.Creates[want.Stamp]++
		if s.Made == nil {
			s.Made = map[string]time.Time{}
		}
		s.Made[out.ID] = d.t.Now()
	})
	if err == nil {
		err = taken
	}
	return out, err
}

func (d *directory) UpdateAccount(_ context.Context, id string, set map[string]any) (out []connector.Change, err error) {
	err = d.with(id, func(_ *State, a *connector.Account) {
		if a.Attributes == nil {
			a.Attributes = map[string]any{}
		}
		for _, k := range slices.Sorted(maps.Keys(set)) {
			if fmt.Sprint(a.Attributes[k]) != fmt.Sprint(set[k]) {
				out = append(out, connector.Change{Attribute: k, Before: a.Attributes[k], After: set[k]})
				a.Attributes[k] = set[k]
			}
		}
	})
	return out, err
}

func (d *directory) SetEnabled(_ context.Context, id string, enabled bool) (did bool, err error) {
	err = d.with(id, func(_ *State, a *connector.Account) { did, a.Enabled = a.Enabled != enabled, enabled })
	return did, err
}

var _ connector.Renamer = (*directory)(nil)

// RenameAccount gives an account another name.
func (d *directory) RenameAccount(_ context.Context, id, name string) (before string, err error) {
	var taken error
	err = d.with(id, func(s *State, a *connector.Account) {
		for other, x := range s.Accounts {
			if other != id && strings.EqualFold(x.Name, name) {
				taken = &fault.Error{Kind: fault.Conflict, Key: "name", Sentence: fmt.Sprintf("The name %s is taken by someone else's account.", name)}
				return
			}
		}
		before, a.Name = a.Name, name
	})
	if err == nil {
		err = taken
	}
	return before, err
}

func (d *directory) with(id string, change func(*State, *connector.Account)) error {
	missing := false
	err := Change(d.path, func(s *State) {
		a, ok := s.Accounts[id]
		if missing = !ok; missing {
			return
		}
		change(s, &a)
		s.Accounts[id] = a
	})
	if err == nil && missing {
		err = fault.New(fault.NotFound, "There is no account %s.", id)
	}
	return err
}

func (d *directory) FindGroup(_ context.Context, name string) (g connector.Group, found bool, err error) {
	s, err := look[State](d.path)
	_, found = s.Groups[name]
	return connector.Group{ID: name, Name: name}, found, err
}

func (d *directory) EnsureMember(_ context.Context, group, account string) (bool, error) {
	return d.member(group, account, true)
}

func (d *directory) EnsureNotMember(_ context.Context, group, account string) (bool, error) {
	return d.member(group, account, false)
}

func (d *directory) member(group, account string, in bool) (did bool, err error) {
	missing := false
	err = d.with(account, func(s *State, a *connector.Account) {
		members, ok := s.Groups[group]
		if missing = !ok; missing {
			return
		}
		if did = slices.Contains(members, account) != in; !did {
			return
		}
		if in {
			s.Groups[group], a.Groups = append(members, account), append(a.Groups, group)
			return
		}
		s.Groups[group] = slices.DeleteFunc(members, func(m string) bool { return m == account })
		a.Groups = slices.DeleteFunc(a.Groups, func(g string) bool { return g == group })
	})
	if err == nil && missing {
		err = fault.New(fault.NotFound, "There is no group %s.", group)
	}
	return did, err
}

// HRIS is a connector type whose workers are kept in the file named by "path".
type HRIS struct{}

var _ connector.Type = HRIS{}

// Info describes the type.
func (HRIS) Info() connector.Info {
	return connector.Info{Kind: "fake-hris", Title: "Fake HRIS", Icon: "users", Settings: settings, Capabilities: []connector.Capability{connector.CapWorkers, connector.CapWriteBack}}
}

// Check finds nothing wrong.
func (HRIS) Check(map[string]any) []fault.Problem { return nil }

// Open opens it.
func (HRIS) Open(_ context.Context, cfg connector.Config) (connector.Conn, error) {
	return &hris{path: connector.Values(cfg.Settings).Text("path")}, nil
}

type hris struct{ path string }

var (
	_ connector.Workers          = (*hris)(nil)
	_ connector.CarefulWriteBack = (*hris)(nil)
)

func (h *hris) UpdateWorker(ctx context.Context, id string, set map[string]any) error {
	return h.UpdateWorkerFrom(ctx, id, set, nil)
}

// UpdateWorkerFrom sets fields that are still as they were.
func (h *hris) UpdateWorkerFrom(_ context.Context, id string, set, was map[string]any) error {
	var refused error
	err := Change(h.path, func(s *State) {
		w, found := s.Workers[id]
		if !found {
			refused = fault.New(fault.NotFound, "The HRIS has no worker %s.", id)
			return
		}
		for f := range was {
			if fmt.Sprint(w.Attributes[f]) != fmt.Sprint(was[f]) {
				refused = fault.New(fault.Conflict, "The field %s changed in the HRIS meanwhile.", f)
				return
			}
		}
		for _, f := range slices.Sorted(maps.Keys(set)) {
			if fmt.Sprint(w.Attributes[f]) == fmt.Sprint(set[f]) {
				continue
			}
			s.Updates = append(s.Updates, fmt.Sprintf("%s.%s=%v", id, f, set[f]))
			if w.Attributes[f] = set[f]; set[f] == nil {
				delete(w.Attributes, f)
			}
		}
	})
	if err == nil {
		err = refused
	}
	return err
}

func (h *hris) Test(context.Context) []connector.Finding {
	return []connector.Finding{{Title: "Open", OK: true}}
}
func (h *hris) Close() error { return nil }

func (h *hris) Worker(_ context.Context, id string) (w joiner.Worker, err error) {
	found := false
	err = Change(h.path, func(s *State) { w, found = s.Workers[id]; s.Reads++ })
	if err == nil && !found {
		err = fault.New(fault.NotFound, "The HRIS has no worker %s.", id)
	}
	return w, err
}

func (h *hris) Changed(_ context.Context, since time.Time, _ string) (out []joiner.Worker, next string, err error) {
	err = Change(h.path, func(s *State) {
		for _, id := range slices.Sorted(maps.Keys(s.Workers)) {
			if w := s.Workers[id]; w.ChangedAt.After(since) {
				out = append(out, w)
			}
		}
	})
	return out, "", err
}

var _ connector.SchemaReader = (*directory)(nil)

// Schema gives what the state says.
func (d *directory) Schema(context.Context) (out []connector.SchemaAttribute, err error) {
	away := false
	err = Change(d.path, func(s *State) { s.SchemaAsked++; out, away = s.Schema, s.SchemaAway })
	switch {
	case err != nil:
		return nil, err
	case away:
		return nil, fault.New(fault.Unavailable, "The fake directory is not reachable.")
	case len(out) == 0:
		return nil, fault.New(fault.NotFound, "The fake directory publishes no schema.")
	}
	return out, nil
}
