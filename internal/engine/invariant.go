package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"joinery/internal/connector"
	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/run"
)

// guard keeps one try of a step from breaking an invariant of its flow. Before the
// first write it looks ahead: what is already decided and would break one stops the
// run while nothing is written. Each grant is judged again when it is about to leave.
type guard struct {
	t *try
	// steps are the run's steps when the try began.
	steps map[flow.NodeID]run.Step

	once    sync.Once
	holding []flow.Invariant
	ahead   error

	mu     sync.Mutex
	breach error
}

// breachError stops the run: no error port and no "continue" leads past it.
type breachError struct{ cause error }

func (b *breachError) Error() string { return b.cause.Error() }
func (b *breachError) Unwrap() error { return b.cause }

func newBreach(v flow.Invariant, what string) error {
	return &breachError{fault.New(fault.Forbidden, "%s", v.Breach(what))}
}

// watch gives the guard of a try; nil when its flow has no invariants.
func (k *carrier) watch(t *try) *guard {
	if len(k.rel.content.Invariants) == 0 {
		return nil
	}
	return &guard{t: t, steps: k.view()}
}

// stopped gives the breach that this try ran into; nil when it did not.
func (g *guard) stopped() error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.breach
}

// keep notes a breach, whatever the node makes of the error.
func (g *guard) keep(err error) error {
	var b *breachError
	if errors.As(err, &b) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.breach = err
	}
	return err
}

// write is asked before every write.
func (g *guard) write(ctx context.Context) error {
	if g == nil {
		return nil
	}
	g.once.Do(func() {
		if g.holding, g.ahead = g.t.k.rel.plan.Holding(ctx, g.t.scope); g.ahead != nil {
			g.ahead = &breachError{g.ahead}
		} else if len(g.holding) > 0 {
			g.ahead = g.lookAhead(ctx)
		}
	})
	return g.keep(g.ahead)
}

// account is asked before an account is made or enabled.
func (g *guard) account(ctx context.Context, connection string) error {
	if err := g.write(ctx); err != nil || g == nil {
		return err
	}
	for _, v := range g.holding {
		if v.ForbidsAccount(connection) {
			return g.keep(newBreach(v, fmt.Sprintf("it would make or enable an account in %s", connection)))
		}
	}
	return nil
}

// grant is asked before an account comes into a group. A group may be named by its
// name or id, so it is compared as the directory knows it.
func (g *guard) grant(ctx context.Context, dir connector.Directory, connection, group string) error {
	if err := g.write(ctx); err != nil || g == nil || len(g.holding) == 0 {
		return err
	}
	it, found, err := dir.FindGroup(ctx, group)
	if err != nil {
		return err
	}
	names := []string{group}
	if found {
		names = append(names, it.Name, it.ID)
	}
	for _, v := range g.holding {
		same, err := g.sameGroup(ctx, dir, v, connection, it, found)
		if err != nil {
			return err
		}
		if same || v.Forbids(connection, names...) {
			return g.keep(newBreach(v, fmt.Sprintf("it would give the group %s in %s", group, connection)))
		}
	}
	return nil
}

// sameGroup looks whether a forbidden name stands for the same group of the directory.
func (g *guard) sameGroup(ctx context.Context, dir connector.Directory, v flow.Invariant, connection string, it connector.Group, found bool) (bool, error) {
	if !found || v.Directory != "" && v.Directory != connection {
		return false, nil
	}
	for _, name := range v.NeverGroups {
		other, there, err := dir.FindGroup(ctx, name)
		if err != nil {
			return false, err
		}
		if there && other.ID == it.ID {
			return true, nil
		}
	}
	return false, nil
}

// lookAhead finds a breach in what is decided already: groups that a table gave or
// will give, and groups that nodes name which are sure to come.
func (g *guard) lookAhead(ctx context.Context) error {
	f := foresight{guard: g, content: g.t.k.rel.content, at: map[flow.NodeID]*future{}, scope: g.t.scope}
	f.scope.Steps = make(map[string]map[string]any, len(g.t.scope.Steps))
	for id, out := range g.t.scope.Steps {
		f.scope.Steps[id] = out
	}
	for _, id := range flow.Order(f.content) {
		n, _ := f.content.Find(id)
		f.at[id] = f.judge(ctx, n)
		if err := f.breach(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// guardedDirectory asks the guard before each write.
type guardedDirectory struct {
	connector.Directory
	g   *guard
	key string
	// reads finds groups without being recorded.
	reads connector.Directory
}

var _ connector.Directory = guardedDirectory{}

func (d guardedDirectory) EnsureAccount(ctx context.Context, want connector.Ensure) (connector.Account, error) {
	if err := d.g.account(ctx, d.key); err != nil {
		return connector.Account{}, err
	}
	return d.Directory.EnsureAccount(ctx, want)
}

func (d guardedDirectory) UpdateAccount(ctx context.Context, id string, set map[string]any) ([]connector.Change, error) {
	if err := d.g.write(ctx); err != nil {
		return nil, err
	}
	return d.Directory.UpdateAccount(ctx, id, set)
}

func (d guardedDirectory) RenameAccount(ctx context.Context, id, name string) (string, error) {
	if err := d.g.write(ctx); err != nil {
		return "", err
	}
	return connector.Rename(ctx, d.Directory, id, name)
}

func (d guardedDirectory) MoveAccount(ctx context.Context, m connector.Move) (connector.Moved, error) {
	if err := d.g.write(ctx); err != nil {
		return connector.Moved{}, err
	}
	return connector.MoveAccount(ctx, d.Directory, m)
}

func (d guardedDirectory) SetEnabled(ctx context.Context, id string, enabled bool) (bool, error) {
	ask := d.g.write
	if enabled {
		ask = func(ctx context.Context) error { return d.g.account(ctx, d.key) }
	}
	if err := ask(ctx); err != nil {
		return false, err
	}
	return d.Directory.SetEnabled(ctx, id, enabled)
}

func (d guardedDirectory) EnsureMember(ctx context.Context, group, account string) (bool, error) {
	if err := d.g.grant(ctx, d.reads, d.key, group); err != nil {
		return false, err
	}
	return d.Directory.EnsureMember(ctx, group, account)
}

func (d guardedDirectory) EnsureNotMember(ctx context.Context, group, account string) (bool, error) {
	if err := d.g.write(ctx); err != nil {
		return false, err
	}
	return d.Directory.EnsureNotMember(ctx, group, account)
}

// forbidsAgain says why a membership may not be given back when a run is undone; ""
// when it may, or when nothing is known that speaks against it.
func (k *carrier) forbidsAgain(ctx context.Context, dir connector.Directory, connection, group string) (string, error) {
	t := &try{k: k, scope: k.scope()}
	g := k.watch(t)
	if g == nil {
		return "", nil
	}
	var err error
	if g.holding, err = k.rel.plan.Holding(ctx, t.scope); err != nil {
		return "", err
	}
	g.once.Do(func() {}) // there is nothing ahead
	err = g.grant(ctx, dir, connection, group)
	var b *breachError
	if errors.As(err, &b) {
		return fault.Sentence(b.cause), nil
	}
	return "", err
}

// texts reads a list of texts.
func texts(v any) []string {
	var out []string
	switch x := v.(type) {
	case []string:
		return x
	case []any:
		for _, e := range x {
			out = append(out, expr.Text(e))
		}
	}
	return out
}

// mentions reports whether a field reads the results of a step that is not known yet.
func mentions(params any, unknown []flow.NodeID) bool {
	raw, err := json.Marshal(params)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(readSteps.FindAllStringSubmatch(string(raw), -1), func(m []string) bool {
		return m[1] == "" || slices.Contains(unknown, flow.NodeID(m[1]))
	})
}
