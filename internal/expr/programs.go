package expr

import (
	"container/list"
	"encoding/json"
	"fmt"
	"sync"
)

// Programs keeps compiled expressions for whoever compiles the same ones again and
// again: a table of a thousand conditions that is judged at each pause in typing.
// What was not used for longest goes first. It is safe for concurrent use; a nil
// one keeps nothing.
type Programs struct {
	most int

	mu       sync.Mutex
	size     int
	order    list.List // of *kept, used last at the front
	kept     map[programKey]*list.Element
	envs     map[string]*Env
	compiled int
}

// Bounds of Programs. A program takes two kilobytes, or twenty-five times the room of
// its source where that is more (measured).
const (
	programWeight = 200 // counted for each beside its source, in bytes
	mostEnvs      = 64
)

// programKey is what one compilation depends on. An environment never changes.
type programKey struct {
	env    *Env
	source string
	want   Type
	lead   int
}

type keptProgram struct {
	key      programKey
	value    Value
	problems []Problem
}

// NewPrograms makes room for so many bytes of source.
func NewPrograms(most int) *Programs {
	return &Programs{most: most, kept: map[programKey]*list.Element{}, envs: map[string]*Env{}}
}

// Compiled tells how many expressions had to be compiled so far.
func (p *Programs) Compiled() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.compiled
}

// Env prepares an environment whose compiled expressions are kept, or gives the one
// that was prepared for the same names before.
func (p *Programs) Env(d Decls) (*Env, error) {
	if p == nil {
		return NewEnv(d)
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("name an environment: %w", err)
	}
	p.mu.Lock()
	env := p.envs[string(raw)]
	p.mu.Unlock()
	if env != nil {
		return env, nil
	}
	if env, err = NewEnv(d); err != nil {
		return nil, err
	}
	env.programs = p
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.envs) >= mostEnvs {
		clear(p.envs) // rarely, and only time is lost
	}
	p.envs[string(raw)] = env
	return env, nil
}

// find gives what was compiled before.
func (p *Programs) find(k programKey) (*keptProgram, bool) {
	if p == nil {
		return nil, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.kept[k]
	if !ok {
		return nil, false
	}
	p.order.MoveToFront(e)
	return e.Value.(*keptProgram), true
}

// keep remembers a compilation, also one that failed: a table keeps its broken rows
// while its other rows are typed.
func (p *Programs) keep(x *keptProgram) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.compiled++
	if _, ok := p.kept[x.key]; ok || x.weight() > p.most {
		return
	}
	p.kept[x.key] = p.order.PushFront(x)
	for p.size += x.weight(); p.size > p.most; {
		last := p.order.Back()
		old := p.order.Remove(last).(*keptProgram)
		delete(p.kept, old.key)
		p.size -= old.weight()
	}
}

func (x *keptProgram) weight() int { return programWeight + len(x.key.source) }
