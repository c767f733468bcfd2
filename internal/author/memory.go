package author

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"joinery/internal/canon"
	"joinery/internal/fault"
	"joinery/internal/function"
)

// Memory is a store that leaves nothing behind: for evaluating a model.
type Memory struct {
	mu     sync.Mutex
	turns  []Turn
	calls  []Call
	drafts map[TurnID]function.Content
}

var _ Store = (*Memory)(nil)

// Add begins a turn in a conversation.
func (m *Memory) Add(t Turn) Turn {
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Number = len(m.turns) + 1
	t.ID, t.State, t.Stages = TurnID(fmt.Sprintf("%s-%d", t.Conversation, t.Number)), Waiting, nil
	for _, s := range t.Kind.Stages() {
		t.Stages = append(t.Stages, StageState{Stage: s, State: Waiting})
	}
	m.turns = append(m.turns, t)
	return copied(t)
}

// Turn gives a turn as it is now.
func (m *Memory) Turn(id TurnID) Turn {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.find(id); t != nil {
		return copied(*t)
	}
	return Turn{}
}

// Confirm takes an intent as confirmed.
func (m *Memory) Confirm(id TurnID, in Intent) error {
	if err := fault.Refuse("The intent cannot be confirmed before its problems are solved.", in.Check()); err != nil {
		return err
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return m.set(id, IntentStage, func(s *StageState) { s.State, s.Result = Done, raw })
}

// Calls lists what went out and came back.
func (m *Memory) Calls(id TurnID) []Call {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.calls), func(c Call) bool { return c.Turn != id })
}

// Drafted gives the content that a turn came to; false when it came to none.
func (m *Memory) Drafted(id TurnID) (function.Content, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.drafts[id]
	return c, ok
}

func copied(t Turn) Turn {
	t.Stages = slices.Clone(t.Stages)
	return t
}

func (m *Memory) find(id TurnID) *Turn {
	i := slices.IndexFunc(m.turns, func(t Turn) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return &m.turns[i]
}

func (m *Memory) set(id TurnID, s Stage, change func(*StageState)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.find(id)
	if t == nil || t.At(s) == nil {
		return fault.New(fault.NotFound, "There is no such turn.")
	}
	change(t.At(s))
	t.State = Running
	if next := t.Next(); next == nil {
		t.State = Done
	} else if next.State != Waiting {
		t.State = next.State
	}
	return nil
}

// BeginStage sets a stage running.
func (m *Memory) BeginStage(_ context.Context, t TurnID, _ string, s Stage) error {
	return m.set(t, s, func(x *StageState) { *x = StageState{Stage: s, State: Running} })
}

// SaySoFar keeps what was said.
func (m *Memory) SaySoFar(_ context.Context, t TurnID, _ string, s Stage, said string, rounds int) error {
	return m.set(t, s, func(x *StageState) { x.Said, x.Rounds = said, rounds })
}

// EndStage ends a stage.
func (m *Memory) EndStage(_ context.Context, t TurnID, _ string, s StageState) error {
	return m.set(t, s.Stage, func(x *StageState) { *x = s })
}

// BeginCall keeps what goes out; nobody's budget counts here.
func (m *Memory) BeginCall(_ context.Context, _ string, c Call, _ Limits) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.ID = fmt.Sprint(len(m.calls))
	m.calls = append(m.calls, c)
	return c.ID, nil
}

// EndCall keeps what came back.
func (m *Memory) EndCall(_ context.Context, c Call) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.IndexFunc(m.calls, func(x Call) bool { return x.ID == c.ID }); i >= 0 {
		m.calls[i] = c
	}
	return nil
}

// HoldBack records nothing: the trouble says it.
func (*Memory) HoldBack(context.Context, Call, []Leak) error { return nil }

// SaveDraft keeps the content.
func (m *Memory) SaveDraft(_ context.Context, t TurnID, _, _ string, left Checks) (Draft, error) {
	c := left.Content
	text, err := canon.Value(c)
	if err != nil {
		return Draft{}, err
	}
	hash, err := canon.Hash(text)
	if err != nil {
		return Draft{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.drafts == nil {
		m.drafts = map[TurnID]function.Content{}
	}
	m.drafts[t] = c
	return Draft{Function: c.Key, Revision: len(m.drafts), Hash: hash, New: true, Gaps: left.Gaps}, nil
}

// Earlier gives the turns before one.
func (m *Memory) Earlier(_ context.Context, t Turn) ([]Turn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Turn
	for _, x := range m.turns {
		if x.Conversation == t.Conversation && x.Number < t.Number {
			out = append(out, copied(x))
		}
	}
	return out, nil
}
