package luavm

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
)

// Outcome is how a call ended, checked by the host.
type Outcome struct {
	Kind    Kind            `json:"kind"`
	Result  json.RawMessage `json:"result,omitempty"`
	Plan    []Entry         `json:"plan,omitempty"`
	Log     []Line          `json:"log,omitempty"`
	Asked   []Asked         `json:"asked,omitempty"`
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
	Line    int             `json:"line,omitempty"`
	Steps   int64           `json:"steps"`
	Peak    int64           `json:"peak,omitempty"` // bytes
	Took    time.Duration   `json:"took"`
	Covered []int           `json:"covered,omitempty"` // lines that ran
	Lines   []int           `json:"lines,omitempty"`   // lines that hold code
	Level   Level           `json:"level"`
	// Retryable says that a system did not answer, and another try may do.
	Retryable bool `json:"retryable,omitempty"`

	limits Limits
	check  *Analysis
}

// Asked is one question of the code, with its answer: with the input, the clock
// and the seed it is all that a replay needs.
type Asked struct {
	Name   string          `json:"name"`
	Args   json.RawMessage `json:"args"`
	Line   int             `json:"line,omitempty"`
	Answer json.RawMessage `json:"answer,omitempty"`
	Fault  *HostFault      `json:"fault,omitempty"`
}

// Sentence says to an admin how the call ended.
func (o Outcome) Sentence() string {
	where := ""
	if o.Line > 0 {
		where = fmt.Sprintf(" (line %d)", o.Line)
	}
	switch o.Kind {
	case OK:
		return "The function ended well."
	case Failed:
		return o.Message
	case Error:
		return "The function raised an error" + where + ": " + o.Message
	case Compile:
		return "The source cannot be read" + where + ": " + o.Message
	case Steps:
		return fmt.Sprintf("The function took more than %d steps and was ended. Does a loop never end?", o.limits.Steps)
	case Timeout:
		return fmt.Sprintf("The function took longer than %s and was ended.", o.limits.Compute)
	case Memory:
		return fmt.Sprintf("The function held more than %d MB and was ended.", o.limits.Heap>>20)
	case Denied:
		return o.Message + where
	case Result:
		return o.Message
	case Host:
		return "A connected system did not answer: " + o.Message
	case Security:
		return "The function was ended because its worker did what no function does. " + o.Message
	}
	return "The function's worker ended before the function did."
}

// Limits are those that the call had.
func (o Outcome) Limits() Limits { return o.limits }

// Under gives the outcome as one of a call with these limits.
func (o Outcome) Under(l Limits) Outcome {
	o.limits = l
	return o
}

const (
	grace       = 500 * time.Millisecond // for what the worker itself should have noticed
	compileTime = 2 * time.Second

	patience = 10 * time.Millisecond // of computing: some times what a call takes; who computes longer does so aside
)

// order has one worker do one thing, and believes nothing it says.
func (p *Pool) order(ctx context.Context, o order, grants map[string]bool, c *Call) (Outcome, error) {
	w, err := p.worker(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer p.leave(w)
	began := time.Now()
	t := &talk{w: w, calls: p.calls, order: o, grants: grants, call: c, nonce: rand.Text()}
	t.out.Level, t.out.limits = levelOf(w.hello.Layers), o.Limits
	ctx, cancel := context.WithDeadline(ctx, began.Add(o.Limits.Total+grace+compileTime))
	defer cancel()
	t.hold(ctx)
	t.out.Took = time.Since(began)
	if err := ctx.Err(); err == context.Canceled {
		return t.out, err
	}
	if t.out.Kind == Security {
		p.cfg.Log.Error("function worker ended for what it did", "run", c.RunID, "reason", t.out.Message)
	}
	return t.out, nil
}
