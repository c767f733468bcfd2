package author

import (
	"context"
	"time"

	"github.com/sashabaranov/go-openai"

	"joinery/internal/secret"
)

// Tried is one thing that a try of the settings showed. Part is address, key, model or
// tools; Good is false where something is to be done, and Known where it could be seen.
type Tried struct {
	Part     string
	Known    bool
	Good     bool
	Says, Do string
}

// tryMost bounds one try as a whole.
const tryMost = 40 * time.Second

// Try asks the model two small questions and tells what is wrong with the address, the
// key, the model and its tools, each apart. The texts are fixed, and nothing is kept. The
// key goes to the saved address only.
func (a *Author) Try(ctx context.Context, s Setting) []Tried {
	ctx, cancel := context.WithTimeout(ctx, tryMost)
	defer cancel()
	s.Limits.CallSeconds = min(s.Limits.CallSeconds, int(tryMost/time.Second))
	key, missing := a.keyToTry(ctx, s)
	p := &provider{setting: s, key: key, guard: a.Outbound, now: a.Now,
		before: func(context.Context, []byte) error { return nil }, after: func(context.Context, reply, error) error { return nil }}
	ask := func(text string, tools []openai.Tool) (reply, *Trouble) {
		r, err := p.ask(ctx, []openai.ChatCompletionMessage{{Role: openai.ChatMessageRoleUser, Content: text}}, tools, func(string) {})
		if err == nil {
			return r, nil
		}
		t := asTrouble(err)
		if t.Kind == CutOff || t.Kind == Empty { // it thinks longer than this question is worth
			return r, nil
		}
		return r, t
	}
	_, trouble := ask("Answer with the word ready.", nil)
	out := basics(trouble, missing, s.NoKey)
	if trouble != nil {
		return out
	}
	return append(out, toolsTried(p, ask))
}

// keyToTry gives the key where the address is the saved one, and else why there is none.
func (a *Author) keyToTry(ctx context.Context, s Setting) (secret.Value, *Trouble) {
	saved, err := a.Settings.AuthorSetting(ctx)
	if err != nil {
		return secret.Value{}, asTrouble(err)
	}
	if s.NoKey {
		return secret.Value{}, nil
	}
	if s.Origin() != saved.Origin() {
		return secret.Value{}, troubled(BadKey, "Save the address, set the key for it, then test again.", "This address is not saved yet, so no key was sent to it.")
	}
	key, err := a.Settings.AuthorKey(ctx, s)
	if err != nil {
		return key, asTrouble(err)
	}
	return key, nil
}

// basics tells the address, the key and the model apart.
func basics(t, missing *Trouble, noKey bool) []Tried {
	address, key, model := Tried{Part: "address", Known: true, Good: true}, Tried{Part: "key"}, Tried{Part: "model"}
	wrong := &model
	switch {
	case t == nil:
		key.Known, model.Known, key.Good, model.Good = true, true, true, true
		if missing != nil {
			key.Says, key.Do = "It takes calls without a key.", "Say so in the settings, or set the key: without either nothing is asked."
			key.Good = false
		}
		return []Tried{address, key, model}
	case t.Kind == Unreachable || t.Kind == NotAllowed || t.Kind == TimedOut || t.Kind == Dropped:
		wrong = &address
	case t.Kind == BadKey:
		wrong = &key
		if missing != nil {
			t = missing
		}
	default:
		key.Known, key.Good = true, true
	}
	wrong.Known, wrong.Good, wrong.Says, wrong.Do = true, false, t.Says, t.Do
	return []Tried{address, key, model}
}

// toolsTried finds out whether the model can call tools.
func toolsTried(p *provider, ask func(string, []openai.Tool) (reply, *Trouble)) Tried {
	out := Tried{Part: "tools", Known: true}
	if p.setting.NoTools {
		out.Good, out.Says = true, "The settings say that it has none: it asks in blocks of text."
		return out
	}
	tool := openai.Tool{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{Name: "ready", Description: "Say that you are ready.", Parameters: map[string]any{"type": "object", "properties": map[string]any{}}}}
	r, t := ask("Call the tool ready.", []openai.Tool{tool})
	switch {
	case p.quirks.noTools || t != nil && t.Kind == NoTools:
		out.Says, out.Do = "The model cannot call tools.", "Tick that in the settings. It then asks in blocks of text, which works with any model."
	case t != nil:
		out.Says, out.Do = t.Says, t.Do
	case len(r.asked) == 0:
		out.Says, out.Do = "The model answered without calling the tool that it was asked to call.", "It may still work. Where it looks nothing up, tick that it cannot call tools: it then asks in blocks of text."
	default:
		out.Good = true
	}
	return out
}
