package author

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// draft saves the content that the checks left as a revision of the turn's owner.
func (j *job) draft(ctx context.Context) (Draft, error) {
	var checks Checks
	s := j.turn.At(ChecksStage)
	if err := json.Unmarshal(s.Result, &checks); err != nil {
		return Draft{}, fmt.Errorf("read what the checks left: %w", err)
	}
	return j.a.Store.SaveDraft(ctx, j.turn.ID, j.a.Owner, j.setting.Model, checks)
}

// explain asks for words about the function there is.
func (j *job) explain(ctx context.Context) (Answer, error) {
	ask := j.asked()
	if j.turn.Kind == Why && j.base != nil {
		r, err := j.look(ctx, *j.base, false)
		if err != nil {
			return Answer{}, err
		}
		ask += "\n" + j.data("How its tests went", pretty(r)) + "\n"
	}
	var out Answer
	err := j.converse(ctx, j.system(true), ask+"\n"+answerForm, func(answer string) (string, error) {
		out.Text = strings.TrimSpace(spoken(answer))
		return "", nil
	})
	return out, err
}

// schemaOf is the JSON Schema of fields. What the schema before said more closely of a
// field of the same type stays.
func schemaOf(fields []Value, before map[string]any) map[string]any {
	old, _ := before["properties"].(map[string]any)
	props, required := map[string]any{}, []any{}
	for _, f := range fields {
		shape := map[string]any{"type": Types()[f.Type]}
		if was, ok := old[f.Name].(map[string]any); ok && was["type"] == shape["type"] {
			shape = maps.Clone(was)
		}
		if f.Means != "" {
			shape["description"] = f.Means
		}
		props[f.Name] = shape
		if !f.Optional {
			required = append(required, f.Name)
		}
	}
	out := map[string]any{"type": "object", "properties": props}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}
