package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/function"
	"joinery/internal/node"
	"joinery/internal/policy"
	"joinery/internal/review"
)

// release is a flow release made ready to run: its graph, its compiled fields and
// the exact connection settings it pins.
type release struct {
	content     flow.Content
	plan        *node.Plan
	connections map[string]pinned
	policies    map[string]policy.Content
	functions   map[string]pinnedFunction
	// computed are the nodes whose result follows from what is kept already, now and
	// at any later time; reads are those that change nothing, if they intend nothing.
	computed, reads map[flow.NodeID]bool
}

// pinnedFunction is a function as a release pins it.
type pinnedFunction struct {
	function.Content
	revision int
	hash     string
}

// ofTheMoment finds what an expression reads that changes by itself.
var ofTheMoment = regexp.MustCompile(`\b(now|today)\b`)

// computes reports whether trying a node again gives the same, whenever that is.
func computes(n flow.Node, types node.Types) bool {
	spec, ok := types.Spec(n.Type)
	raw, err := json.Marshal(n.Params)
	return ok && spec.Computes && err == nil && !ofTheMoment.Match(raw)
}

type pinned struct {
	settings connector.Settings
	hash     string
}

// release prepares a release once; it never changes.
func (e *Engine) release(ctx context.Context, id string) (*release, error) {
	if r, ok := e.releases.Load(id); ok {
		return r.(*release), nil
	}
	rel, raw, err := e.DB.Release(ctx, id)
	if err != nil {
		return nil, err
	}
	out, err := e.prepare(ctx, raw, rel.Pins)
	if err != nil {
		return nil, err
	}
	e.releases.Store(id, out)
	return out, nil
}

// prepare makes content ready to run with exact releases of what it uses.
func (e *Engine) prepare(ctx context.Context, raw []byte, pins []review.Pin) (out *release, err error) {
	out = &release{connections: map[string]pinned{}, policies: map[string]policy.Content{}, functions: map[string]pinnedFunction{}}
	if out.content, err = flow.Decode(raw); err != nil {
		return nil, err
	}
	if out.plan, err = node.Prepare(out.content, e.Nodes); err != nil {
		return nil, err
	}
	out.computed, out.reads = map[flow.NodeID]bool{}, map[flow.NodeID]bool{}
	for _, n := range out.content.Nodes {
		spec, _ := e.Nodes.Spec(n.Type)
		out.computed[n.ID], out.reads[n.ID] = computes(n, e.Nodes), spec.Reads
	}
	for _, p := range pins {
		if err := e.part(ctx, out, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// part reads one pinned artifact of a flow's release.
func (e *Engine) part(ctx context.Context, out *release, p review.Pin) error {
	part, content, err := e.DB.Release(ctx, p.Release)
	if err != nil {
		return fmt.Errorf("read pinned %s %s: %w", p.Kind, p.Key, err)
	}
	if part.Hash != p.Hash {
		return fault.New(fault.Internal, "The %s %s is not the one that was released with this flow. Release the flow again.", p.Kind, p.Key)
	}
	switch p.Kind {
	case review.Connection:
		s, err := artifact.Settings(content)
		if err != nil {
			return err
		}
		out.connections[p.Key] = pinned{s, p.Hash}
	case review.Function:
		f := pinnedFunction{revision: p.Revision, hash: p.Hash}
		f.Content, err = function.Decode(content)
		out.functions[p.Key] = f
		return err
	case review.Policy:
		out.policies[p.Key], err = policy.Decode(content)
		return err
	}
	return nil
}

// policy gives a pinned policy.
func (r *release) policy(key string) (policy.Content, error) {
	p, ok := r.policies[key]
	if !ok {
		return policy.Content{}, fault.New(fault.Invalid, "The policy %q is not pinned by this flow's release. Name it in the flow and have it approved.", key)
	}
	return p, nil
}

// open gives the pinned connection.
func (e *Engine) open(ctx context.Context, rel *release, key string) (connector.Conn, func(), error) {
	p, ok := rel.connections[key]
	if !ok {
		return nil, nil, notPinned(key)
	}
	if err := e.mayUse(key); err != nil {
		return nil, nil, err
	}
	here := seatOf(ctx).away()
	conn, back, err := e.Pool.Use(ctx, p.settings, p.hash)
	here()
	var resting *connector.RestingError
	if errors.As(err, &resting) {
		return nil, nil, e.rests(resting)
	}
	return conn, back, err
}

func notPinned(key string) error {
	return fault.New(fault.Invalid, "The connection %q is not pinned by this flow's release. Name it in the flow and have it approved.", key)
}

// parkError says that a threshold is reached; the run parks.
type parkError struct{ why string }

func (p *parkError) Error() string { return p.why }

// lostError says that the run is in other hands.
type lostError struct{}

func (lostError) Error() string { return "the run is in other hands" }
