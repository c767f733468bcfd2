package luavm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"joinery/internal/canon"
)

// Tape is one call with all that it was given, and what it came to. A call has no
// other input, so the same source gives the same again.
type Tape struct {
	Input  json.RawMessage `json:"input"`
	Now    time.Time       `json:"now"`
	Seed   string          `json:"seed"`
	RunID  string          `json:"run"`
	DryRun bool            `json:"dry_run,omitempty"`
	Limits Limits          `json:"limits"`
	Grants []string        `json:"grants,omitempty"`
	End    Ending          `json:"end"`
	Asked  []Asked         `json:"asked,omitempty"`
	Log    []Line          `json:"log,omitempty"`
}

// Ending is how a recorded call ended.
type Ending struct {
	Kind    Kind            `json:"kind"`
	Result  json.RawMessage `json:"result,omitempty"`
	Plan    []Entry         `json:"plan,omitempty"`
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
	Line    int             `json:"line,omitempty"`
	Steps   int64           `json:"steps"`
	Peak    int64           `json:"peak,omitempty"` // bytes
	Took    time.Duration   `json:"took"`
}

// Record makes the tape of a call that ended.
func Record(c Call, out Outcome) Tape {
	return Tape{Input: c.Input, Now: c.Now.UTC(), Seed: c.Seed, RunID: c.RunID, DryRun: c.DryRun, Limits: c.Limits.Within(), Grants: c.Grants, Asked: out.Asked, Log: out.Log,
		End: Ending{Kind: out.Kind, Result: out.Result, Plan: out.Plan, Code: out.Code, Message: out.Message, Line: out.Line, Steps: out.Steps, Peak: out.Peak, Took: out.Took}}
}

// Difference is one thing that was not as it was recorded.
type Difference struct {
	What, Then, Now string
}

// Replayed is what came of a replay.
type Replayed struct {
	Outcome Outcome
	// Differences is empty when the call did and gave what it did and gave then.
	Differences []Difference
	// Notes say what may explain a difference, or does not change the result.
	Notes []string
}

// Same says that the call gave the same.
func (r Replayed) Same() bool { return len(r.Differences) == 0 }

// Replay runs a recorded call again with the recorded answers. No system is asked:
// a question that was not recorded, or comes at another place, ends the code.
func (p *Pool) Replay(ctx context.Context, source string, t Tape) (Replayed, error) {
	var r Replayed
	asked := 0
	out, err := p.Call(ctx, Call{
		Source: source, Input: t.Input, Now: t.Now, Seed: t.Seed, RunID: t.RunID, DryRun: t.DryRun, Limits: t.Limits, Grants: t.Grants,
		Answer: func(_ context.Context, name string, args []json.RawMessage) (json.RawMessage, *HostFault) {
			asked++
			now := question(name, list(args))
			if asked > len(t.Asked) {
				r.differs(fmt.Sprintf("Question %d", asked), "was not asked, so no answer is recorded", now)
				return nil, &HostFault{Code: "denied", Message: "The replay has no answer to this question."}
			}
			then := t.Asked[asked-1]
			if then.Name != name || !sameJSON(then.Args, list(args)) {
				r.differs(fmt.Sprintf("Question %d", asked), question(then.Name, then.Args), now)
				return nil, &HostFault{Code: "denied", Message: "The replay has no answer to this question."}
			}
			if then.Answer == nil && then.Fault == nil {
				r.differs(fmt.Sprintf("The answer to question %d", asked), "is missing in the record", now)
				return nil, &HostFault{Code: "denied", Message: "The replay has no answer to this question."}
			}
			return then.Answer, then.Fault
		},
	})
	if err != nil {
		return r, err
	}
	r.Outcome = out
	r.compare(t, out)
	return r, nil
}

func (r *Replayed) differs(what, then, now string) {
	r.Differences = append(r.Differences, Difference{what, then, now})
}

// compare says where an outcome is not the recorded one. What only follows from an
// earlier difference is told as well: it is what the flow would have seen.
func (r *Replayed) compare(t Tape, out Outcome) {
	end := t.End
	if n := len(out.Asked); n < len(t.Asked) && len(r.Differences) == 0 {
		r.differs("Questions", fmt.Sprintf("%d were asked", len(t.Asked)), fmt.Sprintf("%d are asked; the next was %s", n, question(t.Asked[n].Name, t.Asked[n].Args)))
	}
	then := Outcome{Kind: end.Kind, Message: end.Message, Line: end.Line, limits: t.Limits}
	if end.Kind != out.Kind || end.Code != out.Code || end.Message != out.Message {
		r.differs("How it ended", then.ending(end.Code), out.ending(out.Code))
	} else if end.Line != out.Line {
		r.differs("The line it ended at", fmt.Sprint(end.Line), fmt.Sprint(out.Line))
	}
	if !sameJSON(end.Result, out.Result) {
		r.differs("Result", shownJSON(end.Result), shownJSON(out.Result))
	}
	if a, b := planText(end.Plan), planText(out.Plan); a != b {
		r.differs("Planned changes", a, b)
	}
	if a, b := logText(t.Log), logText(out.Log); a != b {
		r.differs("Log", a, b)
	}
	if end.Steps != out.Steps && len(r.Differences) == 0 && end.Steps > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("It took %d steps of the machine and %d then: this version of Joinery counts them differently.", out.Steps, end.Steps))
	}
	switch end.Kind {
	case Timeout, Crashed, Security:
		r.Notes = append(r.Notes, "The recorded call was ended from outside: that depends on the machine and its load, not on the code and its answers alone.")
	}
}

// ending is how a call ended, with the short word of fail.
func (o Outcome) ending(code string) string {
	if code != "" {
		return fmt.Sprintf("fail %q: %s", code, o.Sentence())
	}
	return o.Sentence()
}

func list(args []json.RawMessage) json.RawMessage {
	raw, _ := json.Marshal(args) // it was read from JSON
	return raw
}

func question(name string, args json.RawMessage) string {
	return fmt.Sprintf("%s(%s)", name, bytes.Trim(bytes.TrimSpace(args), "[]"))
}

// sameJSON compares two values as canonical JSON; nothing is the same as nothing.
func sameJSON(a, b json.RawMessage) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	x, err := canon.JSON(a)
	if err != nil {
		return bytes.Equal(a, b)
	}
	y, err := canon.JSON(b)
	return err == nil && bytes.Equal(x, y)
}

func shownJSON(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "none"
	}
	if c, err := canon.JSON(raw); err == nil {
		raw = c
	}
	return clip(string(raw), 2_000)
}

func planText(plan []Entry) string {
	if len(plan) == 0 {
		return "none"
	}
	var b bytes.Buffer
	for _, e := range plan {
		fmt.Fprintf(&b, "%s %s\n", e.Do, shownJSON(e.Args))
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

func logText(log []Line) string {
	if len(log) == 0 {
		return "none"
	}
	var b bytes.Buffer
	for _, l := range log {
		fmt.Fprintf(&b, "%s: %s", l.Level, l.Message)
		if len(l.Fields) > 0 {
			fmt.Fprintf(&b, " %s", shownJSON(l.Fields))
		}
		b.WriteByte('\n')
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
