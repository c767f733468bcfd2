package node

import (
	"context"
	"maps"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
)

// AttributesMap works out the attributes of the joiner's account by a policy.
type AttributesMap struct{}

var _ Type = AttributesMap{}

// Spec describes the node.
func (AttributesMap) Spec() flow.Spec {
	return flow.Spec{
		Kind: "attributes.map", Version: 1, Category: "people", Title: "Map attributes", Icon: "git-compare-arrows",
		Help:   "Works out the attributes of the joiner's account by the mapping of a policy. Create account and Update account take the result: =steps.<this step>.",
		Fields: []form.Field{policyField("mapping"), policyInputs()},
		Ports:  []flow.Port{{Name: "done", Label: "done"}},
		Outputs: []flow.Output{{Name: "attributes", Type: "map", Help: "What is always written; null removes an attribute."}, {Name: "create_only", Type: "map", Help: "What is given only when the account is made."},
			{Name: "unchanged", Type: "list", Of: "string", Help: "Attributes that are left as they are."}, {Name: "reasons", Type: "list", Of: "map", Entry: reasonEntry(false), Help: "Which row made what."}},
		Decides: true,
	}
}

// Run maps.
func (AttributesMap) Run(ctx context.Context, call Call) (Result, error) {
	out, err := call.decide(ctx)
	if err != nil {
		return Result{}, err
	}
	return Result{Port: "done", Output: out}, nil
}

func mappedField(help string) form.Field {
	return form.Field{Key: "mapped", Label: "Attributes of a mapping", Kind: form.Expression, Result: "map", Placeholder: "=steps.map", Help: "The Map attributes step whose result is taken. " + help}
}

// mapped reads the result of an attributes.map step; empty maps when none is named.
func (c Call) mapped() (always, create map[string]any, err error) {
	v := c.Params["mapped"]
	if v == nil {
		return nil, nil, nil
	}
	all, _ := v.(map[string]any)
	if len(all) == 0 {
		return nil, nil, nil // the step was skipped
	}
	always, ok := all["attributes"].(map[string]any)
	create, also := all["create_only"].(map[string]any)
	if !ok || !also {
		return nil, nil, fault.New(fault.Invalid, "The field Attributes of a mapping takes a Map attributes step as a whole, such as =steps.map.")
	}
	return always, create, nil
}

// newAttributes are those of an account that is made: the mapping's, those only for
// new accounts among them, and over them what the step itself says.
func newAttributes(c Call) (map[string]any, error) {
	always, create, err := c.mapped()
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	lay(out, present(create))
	lay(out, present(always))
	lay(out, present(c.Params.Map("attributes")))
	return out, nil
}

// newValues are those of an account that is there: nil removes an attribute, and
// what does not occur stays. Values only for new accounts do not occur.
func newValues(c Call) (map[string]any, error) {
	always, _, err := c.mapped()
	if err != nil {
		return nil, err
	}
	own := maps.Clone(c.Params.Map("attributes"))
	if c.Params.Text("empty") != "remove" {
		own = present(own)
	}
	for k, v := range own {
		if s, ok := v.(string); ok && strings.TrimSpace(s) == "" {
			own[k] = nil
		}
	}
	out := map[string]any{}
	lay(out, always)
	lay(out, own)
	return out, nil
}

// lay puts attributes over others: names are compared without regard to case, as
// directories do.
func lay(out, over map[string]any) {
	for k := range over {
		for old := range out {
			if strings.EqualFold(old, k) {
				delete(out, old)
			}
		}
	}
	maps.Copy(out, over)
}
