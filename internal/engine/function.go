package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/node"
	"joinery/internal/postgres"
)

// function runs a pinned function for a step, in a worker of its own. The clock is that
// of the step's first try and chance follows from the run and the step, so that a step
// that is tried again chooses the same.
func (t *try) function(ctx context.Context, key string, input map[string]any, ask node.Ask) (node.FunctionEnd, error) {
	k := t.k
	content, ok := k.rel.functions[key]
	if !ok {
		return node.FunctionEnd{}, fault.New(fault.Invalid, "The function %q is not pinned by this flow's release. Name it in the flow and have it approved.", key)
	}
	if k.e.Functions == nil {
		return node.FunctionEnd{}, fault.New(fault.Unavailable, "This process runs no functions.")
	}
	if wrong := function.Violations(content.Manifest.Input, input); len(wrong) > 0 {
		return node.FunctionEnd{}, fault.New(fault.Invalid, "The input of the function %s is not what it takes: %s.", key, strings.Join(wrong, "; "))
	}
	raw, err := json.Marshal(input)
	if err != nil {
		return node.FunctionEnd{}, fmt.Errorf("write input: %w", err)
	}
	defer seatOf(ctx).away()()
	now, err := t.moment(ctx)
	if err != nil {
		return node.FunctionEnd{}, err
	}
	call := luavm.Call{
		Source: content.Source, Input: raw, Now: now, Seed: stepKey(k.c.ID, t.node.ID), RunID: string(k.c.ID), DryRun: k.sim != nil,
		Limits: luavm.LimitsOf(content.Manifest.Limits), Grants: content.Manifest.Grants,
		Answer: func(ctx context.Context, name string, args []json.RawMessage) (json.RawMessage, *luavm.HostFault) {
			raw, wrong := toCode(ask(ctx, name, args))
			return t.withoutSecrets(ctx, args, raw, wrong)
		},
	}
	out, err := k.e.Functions.Call(seated(ctx, nil), call)
	if err != nil {
		return node.FunctionEnd{}, err
	}
	for _, l := range out.Log {
		t.b.logf("%s: %s %s", l.Level, l.Message, l.Fields)
	}
	t.b.logf("function %s: %d steps in %s, %s sandbox", key, out.Steps, out.Took.Round(100_000), out.Level)
	t.b.recordCall(key, content, luavm.Record(call, out))
	return ended(content.Content, key, out)
}

// moment is what the function is told of the time: the moment at which the step's first
// try began, kept before the code runs. What a crash leaves is then gone on with as it was begun.
func (t *try) moment(ctx context.Context) (time.Time, error) {
	at := t.scope.Now
	if !t.b.told.IsZero() || t.k.foresees != nil {
		return at, nil
	}
	cp := t.k.checkpointOf()
	cp.Moments = []postgres.FunctionMoment{{Node: t.node.ID, At: at}}
	f, err := t.k.riding.keep(ctx, cp, false)
	if err != nil {
		return at, err
	}
	if !f.Kept {
		return at, lostError{}
	}
	t.b.told = at
	t.k.e.reached(AfterMoment)
	return at, nil
}

// mostTape bounds what is kept of a call, in bytes. Beyond it the answers of systems
// are left out, and a replay says that they are missing.
const mostTape = 2 << 20

// recordCall keeps a call with the step, so that it can be replayed.
func (b *boundary) recordCall(key string, f pinnedFunction, tape luavm.Tape) {
	if b.k.foresees != nil {
		return // nothing of a forecast is kept
	}
	raw, err := json.Marshal(tape)
	if err == nil && len(raw) > mostTape {
		tape.Asked = slices.Clone(tape.Asked)
		for i := range tape.Asked {
			tape.Asked[i].Answer = nil
		}
		raw, err = json.Marshal(tape)
	}
	if err != nil {
		b.logf("The call of %s is not on record: it cannot be written.", key)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls[:0], postgres.FunctionCall{Node: b.node.ID, Function: key, Revision: f.revision, Hash: f.hash, At: tape.Now, Tape: string(raw)})
}

// withoutSecrets takes the credentials of the asked connection out of what code gets,
// should its system send them back.
func (t *try) withoutSecrets(ctx context.Context, args []json.RawMessage, raw json.RawMessage, wrong *luavm.HostFault) (json.RawMessage, *luavm.HostFault) {
	var connection, said string
	if len(args) == 0 || json.Unmarshal(args[0], &connection) != nil {
		return raw, wrong
	}
	answer := string(raw)
	if wrong != nil {
		said = wrong.Message
	}
	t.k.e.Pool.WithoutSecrets(ctx, t.k.rel.connections[connection].settings.Type, connection, &answer, &said)
	if wrong != nil {
		clean := *wrong
		clean.Message, wrong = said, &clean
	}
	if raw == nil {
		return nil, wrong
	}
	return json.RawMessage(answer), wrong
}

// toCode turns an answer of a connected system into what the code gets.
func toCode(v any, err error) (json.RawMessage, *luavm.HostFault) {
	if err != nil {
		return nil, &luavm.HostFault{Code: string(fault.KindOf(err)), Message: fault.Sentence(err), Retryable: fault.Is(err, fault.Unavailable)}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, &luavm.HostFault{Code: string(fault.Internal), Message: "The answer cannot be read."}
	}
	return raw, nil
}

// ended judges how a call ended: only what another try may mend is tried again.
func ended(content function.Content, key string, out luavm.Outcome) (node.FunctionEnd, error) {
	switch out.Kind {
	case luavm.OK:
		value, wrong := content.Read(out.Result)
		if len(wrong) > 0 {
			return node.FunctionEnd{}, fault.New(fault.Invalid, "The function %s gave what its manifest does not allow: %s.", key, strings.Join(wrong, "; "))
		}
		result, _ := value.(map[string]any)
		end := node.FunctionEnd{Result: result}
		for _, e := range out.Plan {
			p := function.Planned{Do: e.Do}
			if err := json.Unmarshal(e.Args, &p.Args); err != nil {
				return node.FunctionEnd{}, fault.Wrap(fault.Internal, err, "The plan of the function %s cannot be read.", key)
			}
			end.Plan = append(end.Plan, p)
		}
		return end, nil
	case luavm.Failed:
		return node.FunctionEnd{Failed: out.Code, Sentence: out.Message}, nil
	case luavm.Host, luavm.Crashed:
		return node.FunctionEnd{}, fault.New(fault.Unavailable, "%s", out.Sentence())
	}
	if out.Retryable && out.Kind == luavm.Error {
		return node.FunctionEnd{}, fault.New(fault.Unavailable, "%s", out.Sentence())
	}
	return node.FunctionEnd{}, fault.New(fault.Invalid, "The function %s: %s", key, out.Sentence())
}

// connected says whether a port of this step leads anywhere.
func (t *try) connected(port string) bool {
	for _, e := range t.k.rel.content.Edges {
		if from, p := e.Split(); from == t.node.ID && p == port {
			return true
		}
	}
	return false
}
