package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/luavm"
	"joinery/views/functions"
	"joinery/views/ui"
)

// functionSeats is how many pages may use workers at the same time, so that runs
// never wait for all of them.
const functionSeats = 2

// withFunctions lends the runtime to a page. fault.Unavailable where there is none, or
// too many use it.
func (s *Server) withFunctions(ctx context.Context, act func(context.Context, *luavm.Pool) error) error {
	if s.Functions == nil {
		return fault.New(fault.Unavailable, "This process runs no functions.")
	}
	ctx, cancel := context.WithTimeout(ctx, 50*time.Second)
	defer cancel()
	select {
	case s.seats <- struct{}{}:
		defer func() { <-s.seats }()
		return act(ctx, s.Functions)
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "Many tests of functions run just now. Try again in a minute.")
	}
}

// outcomeView shows how a call ended to a reader. Where it is a try, what it used is told too.
func outcomeView(o luavm.Outcome, e eyesOn, used bool) functions.Outcome {
	e = e.andAnswers(o.Asked)
	out := functions.Outcome{Notice: ui.Notice{Tone: "good", Text: o.Sentence()}, Result: e.json(o.Result)}
	if o.Kind == luavm.OK && out.Result == "" {
		out.Result = string(o.Result)
	}
	if o.Kind != luavm.OK {
		out.Notice.Tone = "bad"
		if o.Kind == luavm.Failed {
			out.Notice.Tone, out.Notice.Text = "warn", fmt.Sprintf("fail %q: a person is needed. %s", o.Code, o.Sentence())
		}
		out.Notice.Text = e.text(out.Notice.Text)
	}
	for _, p := range o.Plan {
		out.Plan = append(out.Plan, e.text(p.Do+spelled(p.Args))+atLine(p.Line))
	}
	for _, q := range o.Asked {
		v := functions.Question{Text: e.text(q.Name + spelled(q.Args)), Answer: e.answer(q.Answer), Where: strings.TrimPrefix(atLine(q.Line), ", ")}
		if q.Fault != nil {
			v.Answer, v.Bad = q.Fault.Message, true
		} else if q.Answer == nil {
			v.Answer, v.Bad = "the answer is missing in the record", true
		}
		out.Questions = append(out.Questions, v)
	}
	for _, l := range o.Log {
		v := functions.LogLine{Badge: ui.Badge{Tone: "neutral", Text: l.Level}, Text: e.text(l.Message), Fields: e.text(string(l.Fields)), Where: strings.TrimPrefix(atLine(l.Line), ", ")}
		if l.Level == "warn" {
			v.Badge.Tone = "warn"
		}
		out.Log = append(out.Log, v)
	}
	if used {
		l := o.Limits()
		out.Facts = []ui.Pair{{Label: "Steps of the machine", Value: fmt.Sprintf("%d of %d", o.Steps, l.Steps)}, {Label: "Time", Value: fmt.Sprintf("%s of %s", tookText(o.Took), l.Compute)},
			{Label: "Questions", Value: fmt.Sprintf("%d of %d", len(o.Asked), l.HostCalls)}, {Label: "Planned changes", Value: fmt.Sprintf("%d of %d", len(o.Plan), l.PlanEntries)}}
		if o.Peak > 0 {
			out.Facts = append(out.Facts, ui.Pair{Label: "Memory", Value: fmt.Sprintf("%.1f of %d MB", float64(o.Peak)/(1<<20), l.Heap>>20)})
		}
	}
	return out
}

func atLine(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(", line %d", n)
}

// spelled writes a list of arguments as a call has them.
func spelled(args json.RawMessage) string {
	text := strings.TrimSpace(string(args))
	return "(" + strings.TrimSuffix(strings.TrimPrefix(text, "["), "]") + ")"
}

func tookText(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return span(d)
}

// andAnswers also hides, from those who may not see personal values, the texts that
// systems told about people: the code may have put them anywhere.
func (e eyesOn) andAnswers(asked []luavm.Asked) eyesOn {
	personal := append([]string(nil), e.personal...)
	for _, q := range asked {
		var v any
		if json.Unmarshal(q.Answer, &v) == nil {
			walk(v, func(s string) string {
				if len(s) > 2 {
					personal = append(personal, s)
				}
				return s
			})
		}
	}
	e.personal = personal
	return e
}

// answer shows an answer of a system: what it tells about a person only to those who
// may see that.
func (e eyesOn) answer(raw json.RawMessage) string {
	if len(raw) > 0 && (raw[0] == '{' || raw[0] == '[' || raw[0] == '"') && !e.who.Can(auth.PersonalRead) {
		return hidden
	}
	return clipText(string(raw), 2000)
}
