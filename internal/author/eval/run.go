package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"joinery/internal/author"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/luavm"
)

// Ending is what came of one request.
type Ending string

// The endings.
const (
	Right   Ending = "right"   // it passes the gates and every hidden test
	Wrong   Ending = "wrong"   // it passes the gates and not every hidden test: a reviewer has to see it
	Gated   Ending = "gated"   // a gate is missed: it cannot be submitted
	Trouble Ending = "trouble" // there was no answer to judge
)

// Result is how one request went.
type Result struct {
	Item     string            `json:"item"`
	Title    string            `json:"title"`
	Ending   Ending            `json:"ending"`
	Restated Restated          `json:"restated"`
	Gaps     []author.Gap      `json:"gaps,omitempty"`
	Verdict  Verdict           `json:"verdict"`
	Trouble  *author.Trouble   `json:"trouble,omitempty"`
	Stage    author.Stage      `json:"stage,omitempty"` // where the trouble was
	Calls    int               `json:"calls"`
	Repairs  int               `json:"repairs"`
	Unrun    []int             `json:"unrun_lines,omitempty"` // lines that no test of its own runs: for the reviewer
	In       int               `json:"tokens_in"`
	Out      int               `json:"tokens_out"`
	Guessed  bool              `json:"tokens_estimated,omitempty"`
	Took     time.Duration     `json:"took_ns"`
	Answer   *function.Content `json:"answer,omitempty"`
}

// Runner gives requests to the author and judges what comes back.
type Runner struct {
	Settings author.Settings
	Outbound *egress.Guard
	Pool     *luavm.Pool
	Now      func() time.Time
	// Wait waits as long as a provider asked for; nil is the clock of this machine.
	Wait func(ctx context.Context, d time.Duration) error
	// Parallel is how many requests are under way at a time; 0 is one.
	Parallel int
	// Told is called after each request, one call at a time; may be nil.
	Told func(Result)
}

// patience is how often a stage is tried again where the provider asked for it.
const patience = 5

// Run gives every item to the author. It ends early when no answer can be had from the
// model at all, with what there is until then.
func (r Runner) Run(ctx context.Context, items []Item) (Report, error) {
	setting, err := r.Settings.AuthorSetting(ctx)
	if err != nil {
		return Report{}, err
	}
	desk, err := r.desk()
	if err != nil {
		return Report{}, err
	}
	report := Report{At: r.Now().UTC(), Model: setting.Model, Address: setting.Origin(), Setting: setting, Asked: len(items)}
	report.Setting.Words = nil // people are called so; a report is passed on
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex
	var working sync.WaitGroup
	free := make(chan struct{}, max(r.Parallel, 1))
	results := make([]*Result, len(items))
	for n, item := range items {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		working.Go(func() {
			defer func() { <-free }()
			got, err := r.one(ctx, desk, item)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				stop(err)
			case got.Trouble != nil && hopeless(got.Trouble.Kind):
				stop(fault.Wrap(fault.Unavailable, got.Trouble, "%s %s", got.Trouble.Says, got.Trouble.Do))
			default:
				results[n] = &got
				if r.Told != nil {
					r.Told(got)
				}
			}
		})
	}
	working.Wait()
	for _, got := range results {
		if got != nil {
			report.Results = append(report.Results, *got)
		}
	}
	report.count()
	return report, context.Cause(ctx)
}

// hopeless is trouble that the next request would have too.
func hopeless(k author.TroubleKind) bool {
	switch k {
	case author.NotSetUp, author.PolicyOff, author.Unreachable, author.NotAllowed, author.BadKey, author.UnknownModel, author.Budget:
		return true
	}
	return false
}

// desk is an author that leaves nothing behind. All requests have the same, so that what
// an endpoint does not take is found out once.
type desk struct {
	*author.Author
	memory *author.Memory
}

func (r Runner) desk() (desk, error) {
	all, err := Items()
	if err != nil {
		return desk{}, err
	}
	m := &author.Memory{}
	return desk{author.New(author.Parts{Store: m, Settings: r.Settings, Runtime: r.Pool, World: newWorld(all), Filter: nobody{}, Outbound: r.Outbound, Now: r.Now, Owner: "evaluation"}), m}, nil
}

// one carries one request to its end. It takes the time of the requests and of the
// gates, not of waiting for a provider that asked for it.
func (r Runner) one(ctx context.Context, a desk, item Item) (Result, error) {
	memory := a.memory
	id := memory.Add(author.Turn{Conversation: author.ConversationID(item.Key), OwnerID: "evaluation", Kind: author.Request, Ask: item.ask()}).ID
	out := Result{Item: item.Key, Title: item.Title}
	err := r.carry(ctx, a, id, &out)
	if t := memory.Turn(id); err == nil && t.State == author.NeedsYou {
		if err = r.confirm(ctx, memory, t, item, &out); err == nil {
			err = r.carry(ctx, a, id, &out)
		}
	}
	if err != nil {
		return out, err
	}
	return r.judged(ctx, memory, id, item, out)
}

// carry brings a turn as far as it goes, and waits where the provider asked for it.
func (r Runner) carry(ctx context.Context, a desk, id author.TurnID, out *Result) error {
	for range patience {
		began := r.Now()
		if err := a.Carry(ctx, a.memory.Turn(id)); err != nil {
			return err
		}
		out.Took += r.Now().Sub(began)
		trouble, _ := troubleOf(a.memory.Turn(id))
		if trouble == nil || trouble.RetryAt.IsZero() || trouble.RetryAt.Sub(r.Now()) > author.LongestWait {
			return nil
		}
		if err := r.wait(ctx, trouble.RetryAt.Sub(r.Now())); err != nil {
			return err
		}
	}
	return nil
}

func (r Runner) wait(ctx context.Context, d time.Duration) error {
	if r.Wait != nil {
		return r.Wait(ctx, d)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func troubleOf(t author.Turn) (*author.Trouble, author.Stage) {
	for _, s := range t.Stages {
		if s.Trouble != nil {
			return s.Trouble, s.Stage
		}
	}
	return nil, ""
}

func (r Runner) confirm(ctx context.Context, memory *author.Memory, t author.Turn, item Item, out *Result) error {
	var in author.Intent
	if err := json.Unmarshal(t.At(author.IntentStage).Result, &in); err != nil {
		return fmt.Errorf("read the intent: %w", err)
	}
	settled, restated, err := item.settle(ctx, r.Pool, in)
	if err != nil {
		return err
	}
	out.Restated = restated
	return memory.Confirm(t.ID, settled)
}

// judged gathers what was used, and says what the answer is worth.
func (r Runner) judged(ctx context.Context, memory *author.Memory, id author.TurnID, item Item, out Result) (Result, error) {
	for _, c := range memory.Calls(id) {
		out.Calls++
		out.In, out.Out, out.Guessed = out.In+c.TokensIn, out.Out+c.TokensOut, out.Guessed || c.Estimated
	}
	t := memory.Turn(id)
	out.Trouble, out.Stage = troubleOf(t)
	answer, ok := memory.Drafted(id)
	if !ok {
		out.Ending = Trouble
		if out.Trouble == nil {
			return out, errors.New("the turn ended without a draft and without trouble")
		}
		return out, nil
	}
	var checks author.Checks
	if err := json.Unmarshal(t.At(author.ChecksStage).Result, &checks); err != nil {
		return out, fmt.Errorf("read the checks: %w", err)
	}
	out.Answer, out.Gaps, out.Repairs, out.Unrun = &answer, checks.Gaps, checks.Repairs, checks.Report.Missed
	var err error
	if out.Verdict, err = item.Judge(ctx, r.Pool, answer); err != nil {
		return out, err
	}
	switch {
	case len(out.Gaps) > 0:
		out.Ending = Gated
	case out.Verdict.Right():
		out.Ending = Right
	default:
		out.Ending = Wrong
	}
	return out, nil
}
