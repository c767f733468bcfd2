package author

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sashabaranov/go-openai"

	"joinery/internal/function"
	"joinery/internal/secret"
)

// job is the work on one stage of a turn.
type job struct {
	a        *Author
	turn     Turn
	stage    Stage
	setting  Setting
	provider *provider
	earlier  []Turn
	base     *function.Content
	intent   *Intent
	tests    Tests
	code     Code
	mark     string
	rounds   int
	call     Call

	mu   sync.Mutex
	text strings.Builder
	kept int // how much of text the store has
}

// job gathers what a stage begins with: what the stages before it left.
func (a *Author) job(ctx context.Context, t Turn, s Stage) (*job, error) {
	setting, err := a.setting(ctx)
	if err != nil {
		return nil, err
	}
	var key secret.Value
	if s != DraftStage { // nobody is asked there
		if key, err = a.Settings.AuthorKey(ctx, setting); err != nil {
			return nil, err
		}
	}
	mark := make([]byte, 8)
	_, _ = rand.Read(mark) // never fails
	j := &job{a: a, turn: t, stage: s, setting: setting, mark: hex.EncodeToString(mark)}
	j.provider = &provider{setting: setting, key: key, guard: a.Outbound, now: a.Now, before: j.before, after: j.after}
	if q, ok := a.quirks.Load(setting.BaseURL + " " + setting.Model); ok {
		j.provider.quirks = q.(quirks)
	}
	if j.earlier, err = a.Store.Earlier(ctx, t); err != nil {
		return nil, err
	}
	if len(t.Content) > 0 {
		c, err := function.Decode(t.Content)
		if err != nil {
			return nil, err
		}
		j.base = &c
	}
	return j, j.recall()
}

// recall reads what the stages before this one left.
func (j *job) recall() error {
	for _, x := range []struct {
		stage Stage
		into  any
	}{{IntentStage, &j.intent}, {TestsStage, &j.tests}, {CodeStage, &j.code}} {
		s := j.turn.At(x.stage)
		if s == nil || s.State != Done || x.stage == j.stage {
			continue
		}
		if err := json.Unmarshal(s.Result, x.into); err != nil {
			return fmt.Errorf("read what stage %s left: %w", x.stage, err)
		}
	}
	return nil
}

func (j *job) do(ctx context.Context) ([]byte, error) {
	var out any
	var err error
	switch j.stage {
	case IntentStage:
		out, err = j.restate(ctx)
	case TestsStage:
		out, err = j.writeTests(ctx)
	case CodeStage:
		out, err = j.writeCode(ctx)
	case ChecksStage:
		out, err = j.check(ctx)
	case DraftStage:
		out, err = j.draft(ctx)
	default:
		out, err = j.explain(ctx)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

func (j *job) said() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *job) key() string {
	switch {
	case j.intent != nil:
		return j.intent.Key
	case j.base != nil:
		return j.base.Key
	}
	return "function"
}

// content is the function as far as it is known.
func (j *job) content() function.Content {
	c := function.Content{Key: j.key(), Name: j.key()}
	if j.base != nil {
		c = *j.base
	}
	if j.intent != nil {
		c.Name, c.Description = j.intent.Name, j.intent.Description
	}
	if j.stage != TestsStage && (j.turn.At(TestsStage) != nil) {
		c.Manifest.Input, c.Manifest.Output, c.Cases = j.tests.Input, j.tests.Output, j.tests.Cases
	}
	if j.turn.At(CodeStage) != nil && j.stage != CodeStage && j.stage != TestsStage {
		c.Source, c.Manifest.Grants, c.Manifest.Limits = j.code.Source, j.code.Grants, j.code.Limits
	}
	return c
}

func (j *job) look(ctx context.Context, c function.Content, deep bool) (function.Examination, error) {
	return j.a.Look(ctx, c, deep)
}

// ask makes one call and tells what is said while it comes.
func (j *job) ask(ctx context.Context, messages []openai.ChatCompletionMessage) (reply, error) {
	if _, err := j.a.setting(ctx); err != nil {
		return reply{}, err // switched off meanwhile
	}
	j.rounds++
	if j.said() != "" {
		j.say(fmt.Sprintf("\n\n(answer %d)\n", j.rounds))
	}
	stop := j.keep(ctx)
	r, err := j.provider.ask(ctx, messages, toolDefinitions(), j.say)
	stop()
	j.a.quirks.Store(j.setting.BaseURL+" "+j.setting.Model, j.provider.quirks)
	for _, c := range r.asked[:min(len(r.asked), mostToolsAsk)] {
		j.say("\n(asks the tool " + clipped(c.Function.Name, 60) + ")\n")
	}
	return r, err
}

// mostSaid is how much of a stage's answers is shown; the calls keep all of them.
const mostSaid = 2 << 20

// keepEvery is how old what the store has of an answer may be.
const keepEvery = 700 * time.Millisecond

// say tells a piece at once.
func (j *job) say(piece string) {
	j.mu.Lock()
	full := j.text.Len() > mostSaid
	if !full {
		j.text.WriteString(piece)
	}
	j.mu.Unlock()
	if !full {
		j.a.Hub.tell(Event{Turn: j.turn.ID, Stage: j.stage, State: Running, Text: piece})
	}
}

// keep has the store follow what is said, beside the stream, until it is stopped.
func (j *job) keep(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	rounds := j.rounds
	beside.Go(func() {
		tick := time.NewTicker(keepEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				j.follow(ctx, rounds)
			}
		}
	})
	return func() { cancel(); beside.Wait() }
}

func (j *job) follow(ctx context.Context, rounds int) {
	said := j.said()
	if len(said) == j.kept {
		return
	}
	if err := j.a.Store.SaySoFar(ctx, j.turn.ID, j.a.Owner, j.stage, said, rounds); err == nil {
		j.kept = len(said)
	} else if ctx.Err() == nil {
		j.a.Log.Warn("keeping what the model said failed", "turn", j.turn.ID, "err", err)
	}
}
