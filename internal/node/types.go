package node

import (
	"context"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/flow"
)

// Types is a list of node types; it is also a flow.Catalog.
type Types struct {
	list []Type
	kind map[string]Type
}

var _ flow.Catalog = Types{}

// All lists the node types that ship, in the order of the palette.
func All() Types {
	return Of(
		HRISEvent{}, SchedulePoll{}, Manual{},
		Branch{}, Switch{}, Set{}, Function{}, WaitUntil{}, Stop{},
		SignoffType{},
		HRISRead{}, JoinerCorrelate{}, HRISWriteBack{}, NameGenerate{}, ManagerResolve{}, GroupsResolve{}, AttributesMap{},
		AccountFind{}, AccountEnsure{}, AccountUpdate{}, AccountRename{}, AccountEnable{}, AccountDisable{}, GroupAdd{}, GroupRemove{}, GroupSync{},
		NotifyEmail{}, HTTPRequest{},
	)
}

// Of makes a list of the given types, for tests.
func Of(list ...Type) Types {
	kind := make(map[string]Type, len(list))
	for _, t := range list {
		kind[t.Spec().Kind] = t
	}
	return Types{list, kind}
}

// Find gives the type of a kind.
func (t Types) Find(kind string) (Type, bool) {
	x, ok := t.kind[kind]
	return x, ok
}

// Spec gives the spec of a kind.
func (t Types) Spec(kind string) (flow.Spec, bool) {
	x, ok := t.Find(kind)
	if !ok {
		return flow.Spec{}, false
	}
	return x.Spec(), true
}

// Specs lists the specs.
func (t Types) Specs() []flow.Spec {
	out := make([]flow.Spec, len(t.list))
	for i, x := range t.list {
		out[i] = x.Spec()
	}
	return out
}

// Plan is a flow's fields ready to be evaluated, safe for concurrent use.
type Plan struct{ program *flow.Program }

// Prepare compiles a flow's fields; fault.Invalid with problems when one does not compile.
func Prepare(c flow.Content, t Types) (*Plan, error) {
	p, problems := flow.Compile(c, t)
	if err := fault.Refuse("Some fields of this flow cannot be computed.", problems); err != nil {
		return nil, err
	}
	return &Plan{p}, nil
}

// Param evaluates one field of a node.
func (p *Plan) Param(ctx context.Context, id flow.NodeID, key string, s expr.Scope) (any, error) {
	return p.program.Param(ctx, id, key, s)
}

// Holding gives the invariants of the flow that hold for a joiner.
func (p *Plan) Holding(ctx context.Context, s expr.Scope) ([]flow.Invariant, error) {
	return p.program.Holding(ctx, s)
}

// Params evaluates a node's fields.
func (p *Plan) Params(ctx context.Context, id flow.NodeID, s expr.Scope) (Params, error) {
	out, err := p.program.Params(ctx, id, s)
	if err != nil {
		return nil, err
	}
	return out, nil
}
