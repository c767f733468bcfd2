package author

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// before is asked with the exact text that is about to go out.
func (j *job) before(ctx context.Context, body []byte) error {
	c := Call{Turn: j.turn.ID, Stage: j.stage, User: j.turn.OwnerID, Model: j.setting.Model, Parameters: parameters(body), Body: string(body), TokensIn: tokensOf(string(body)), AskedAt: j.a.Now()}
	found, err := j.leaks(ctx, plain(body))
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

// leaks finds what must not go out.
func (j *job) leaks(ctx context.Context, text string) ([]Leak, error) {
	said := []string{j.said()}
	for _, t := range append(slices.Clone(j.earlier), j.turn) {
		for _, s := range t.Stages {
			said = append(said, s.Said)
		}
	}
	return j.a.Filter.Leaks(ctx, text, func(found string) bool { return j.ordinary(found, said) })
}

// ordinary says of what was found that it tells nothing: it is in our own texts, an
// administrator listed it, or the model said it by itself in this conversation (made-up
// people who are called like somebody here).
func (j *job) ordinary(found string, said []string) bool {
	return j.a.ours.has(found) || slices.ContainsFunc(j.setting.Words, func(w string) bool { return strings.EqualFold(w, found) }) ||
		slices.ContainsFunc(said, func(s string) bool { return saysWhole(s, found) })
}

// saysWhole says whether a text holds another as whole words.
func saysWhole(text, found string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], found)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(text[:from+i])
		after, _ := utf8.DecodeRuneInString(text[from+i+len(found):])
		if !unicode.IsLetter(before) && !unicode.IsDigit(before) && !unicode.IsLetter(after) && !unicode.IsDigit(after) {
			return true
		}
		from += i + len(found)
	}
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
	return troubled(Private, "Take it out of the request or of the function, and use made-up people: Ada Sample, Ben Muster and Sean O'Brien always pass. If it is an ordinary word, an administrator can list it under Settings.", "%s. Nothing was sent.", says)
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

// fixedTexts are the texts that are ours, and their words.
type fixedTexts struct {
	all   string
	words map[string]bool
}

func (f fixedTexts) has(found string) bool {
	low := strings.ToLower(found)
	return f.words[low] || strings.ContainsAny(low, " -'.") && strings.Contains(f.all, low)
}

func ourTexts(w World) fixedTexts {
	texts := []string{rules, luaRules, caseRules, intentForm, testsForm, keptForm, codeForm, repairForm, moreForm, answerForm, fallback, describeTools(), pretty(toolDefinitions())}
	if w != nil {
		texts = append(texts, w.Library())
		for _, n := range nodeShapes(w.Nodes()) {
			texts = append(texts, pretty(n))
		}
	}
	out := fixedTexts{all: strings.ToLower(strings.Join(texts, "\n")), words: map[string]bool{}}
	for word := range strings.FieldsFuncSeq(out.all, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		out.words[word] = true
	}
	return out
}
