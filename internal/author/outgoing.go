package author

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
)

// before is asked with the exact text that is about to go out.
func (j *job) before(ctx context.Context, body []byte) error {
	c := Call{Turn: j.turn.ID, Stage: j.stage, User: j.turn.OwnerID, Model: j.setting.Model, Parameters: parameters(body), Body: string(body), TokensIn: tokensOf(string(body)), AskedAt: j.a.Now()}
	found, err := j.a.Filter.Leaks(ctx, plain(body), j.ordinary)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		if err := j.a.Store.HoldBack(ctx, c, found); err != nil {
			return err
		}
		return leaked(found)
	}
	if c.ID, err = j.a.Store.BeginCall(ctx, j.a.Owner, c, j.setting.Limits); err != nil {
		return err
	}
	j.call = c
	return nil
}

// after keeps what came of a call, also when it is being stopped.
func (j *job) after(ctx context.Context, r reply, failed error) error {
	c := j.call
	c.Answer, c.Outcome, c.Took = r.whole(), OK, j.a.Now().Sub(c.AskedAt)
	if c.TokensOut = tokensOf(c.Answer); r.counted {
		c.TokensIn, c.TokensOut = r.in, r.out
	}
	c.Estimated = !r.counted
	var t *Trouble
	switch {
	case failed == nil:
	case errors.As(failed, &t):
		c.Outcome, c.Trouble = string(t.Kind), t.Says
	default:
		c.Outcome, c.Trouble = string(Failing), clipped(failed.Error(), 500)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return j.a.Store.EndCall(end, c)
}

func leaked(found []Leak) *Trouble {
	says := "The text for the model was held back, because it holds "
	for i, l := range found[:min(len(found), 5)] {
		if i > 0 {
			says += "; "
		}
		says += l.What
		if l.Word != "" {
			says += " (" + clipped(l.Word, 60) + ")"
		}
	}
	return troubled(Private, "Take it out of the request or of the function, and use made-up people. If it is an ordinary word, an administrator can list it under Settings.", "%s. Nothing was sent.", says)
}

// parameters are what of a request is neither text nor a tool.
func parameters(body []byte) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil {
		return "{}"
	}
	delete(all, "messages")
	delete(all, "tools")
	raw, err := json.Marshal(all)
	if err != nil {
		return "{}"
	}
	return string(raw)
}

// plain is all text of a request without JSON's escapes, as a reader would see it.
func plain(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	var b strings.Builder
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case string:
			b.WriteString(x)
			b.WriteByte('\n')
		case []any:
			for _, e := range x {
				walk(e)
			}
		case map[string]any:
			for k, e := range x {
				b.WriteString(k)
				b.WriteByte('\n')
				walk(e)
			}
		}
	}
	walk(v)
	return b.String()
}

// ordinary says of a word that it is not a name here: it is in our own texts, or an
// administrator listed it.
func (j *job) ordinary(word string) bool {
	return j.a.ours[strings.ToLower(word)] || slices.ContainsFunc(j.setting.Words, func(w string) bool { return strings.EqualFold(w, word) })
}

// ourWords are the words of the texts that are ours.
func ourWords(w World) map[string]bool {
	fixed := []string{rules, luaRules, caseRules, intentForm, testsForm, keptForm, codeForm, repairForm, moreForm, answerForm, fallback, describeTools()}
	if w != nil {
		fixed = append(fixed, w.Library())
		for _, n := range nodeShapes(w.Nodes()) {
			fixed = append(fixed, pretty(n))
		}
	}
	out := map[string]bool{}
	for _, text := range fixed {
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			out[strings.ToLower(word)] = true
		}
	}
	return out
}
