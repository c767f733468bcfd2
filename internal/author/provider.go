package author

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sashabaranov/go-openai"

	"joinery/internal/egress"
	"joinery/internal/secret"
)

// Bounds of one exchange.
const (
	mostAnswer   = 1 << 20   // of the text that a model says
	mostStream   = 8 << 20   // of the stream around it
	mostOutgoing = 512 << 10 // of one request
	mostToolsAsk = 8         // calls of tools in one answer
	mostComments = 10_000    // lines of a stream that say nothing, one after another
)

// provider is one endpoint, for one call after another.
type provider struct {
	setting Setting
	key     secret.Value
	guard   *egress.Guard
	quirks  quirks
	now     func() time.Time
	// before sees the exact text that is going out, and can hold it back; after sees what
	// came of it. Neither is nil.
	before func(ctx context.Context, body []byte) error
	after  func(ctx context.Context, r reply, err error) error
}

// quirks are what an endpoint was found not to take.
type quirks struct{ noTools, noUsage, noTemperature, newLimit bool }

// reply is one answer of a model.
type reply struct {
	text    string
	asked   []openai.ToolCall
	in, out int
	counted bool
}

// whole is the answer as it is kept.
func (r reply) whole() string {
	out := r.text
	for _, c := range r.asked {
		out += fmt.Sprintf("\n[asks the tool %s] %s", c.Function.Name, c.Function.Arguments)
	}
	return strings.TrimPrefix(out, "\n")
}

// ask sends messages and reads the stream; said gets each piece as it comes. What an
// endpoint does not take is left out the next time, and asked once more.
func (p *provider) ask(ctx context.Context, messages []openai.ChatCompletionMessage, tools []openai.Tool, said func(piece string)) (reply, error) {
	for {
		r, err := p.once(ctx, messages, tools, said)
		if err == nil || p.quirks.learn(err) {
			if err == nil {
				return r, nil
			}
			continue
		}
		var field *refusedField
		if errors.As(err, &field) {
			err = troubled(Failing, "An administrator looks whether this model takes conversations.", "The provider does not take the request: %s", clipped(field.Error(), 300)).because(err)
		}
		return r, err
	}
}

func (p *provider) request(messages []openai.ChatCompletionMessage, tools []openai.Tool) openai.ChatCompletionRequest {
	req := openai.ChatCompletionRequest{Model: p.setting.Model, Messages: messages, Stream: true}
	if !p.quirks.noTemperature {
		req.Temperature = max(float32(p.setting.Temperature), 1e-6) // 0 would be left out
	}
	if p.quirks.newLimit {
		req.MaxCompletionTokens = p.setting.Limits.AnswerTokens
	} else {
		req.MaxTokens = p.setting.Limits.AnswerTokens
	}
	if !p.quirks.noUsage {
		req.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
	}
	if !p.noTools() {
		req.Tools = tools
	}
	return req
}

func (p *provider) noTools() bool { return p.quirks.noTools || p.setting.NoTools }

func (p *provider) once(ctx context.Context, messages []openai.ChatCompletionMessage, tools []openai.Tool, said func(string)) (reply, error) {
	limit := time.Duration(p.setting.Limits.CallSeconds) * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	door := &door{next: p.guard.HTTPClient(egress.Limits{Timeout: limit, MaxBytes: mostStream}), before: p.before}
	defer door.next.CloseIdleConnections()
	var r reply
	stream, err := openai.NewClientWithConfig(p.config(door)).CreateChatCompletionStream(ctx, p.request(messages, tools))
	if err == nil {
		r, err = read(stream, said)
		_ = stream.Close()
	}
	switch {
	case err == nil:
	case door.held != nil:
		return r, door.held
	default:
		err = p.explain(ctx, err, door)
	}
	if !door.passed {
		return r, err
	}
	if kept := p.after(ctx, r, err); kept != nil && err == nil {
		err = kept
	}
	return r, err
}

func (p *provider) config(d *door) openai.ClientConfig {
	cfg := openai.DefaultConfig(p.key.Reveal())
	if p.setting.APIVersion != "" {
		cfg = openai.DefaultAzureConfig(p.key.Reveal(), p.setting.BaseURL)
		cfg.APIVersion = p.setting.APIVersion
		cfg.AzureModelMapperFunc = func(model string) string { return model } // the deployment's name as it was written
	}
	cfg.BaseURL, cfg.HTTPClient, cfg.EmptyMessagesLimit = p.setting.BaseURL, d, mostComments
	return cfg
}

// door is the only way out: it sees the body as it is sent.
type door struct {
	next   *http.Client
	before func(ctx context.Context, body []byte) error
	// held is why nothing went out, passed says that something did; status and header are
	// the answer's.
	held   error
	passed bool
	status int
	header http.Header
}

// Do sends a request.
func (d *door) Do(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(req.Body, mostOutgoing+1)); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
	}
	if len(body) > mostOutgoing {
		return nil, troubled(TooLong, "Ask about less at once, or begin a new conversation.", "What would go out is larger than %d kB.", mostOutgoing>>10)
	}
	if d.held = d.before(req.Context(), body); d.held != nil {
		return nil, d.held
	}
	d.passed = true
	req.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := d.next.Do(req)
	if err == nil {
		d.status, d.header = resp.StatusCode, resp.Header
	}
	return resp, err
}

var (
	errTooLarge = errors.New("the answer is larger than is read")
	errNoEnd    = errors.New("the stream ended before its end was said")
)

// read takes a stream to its end, within bounds.
func read(stream *openai.ChatCompletionStream, said func(string)) (reply, error) {
	var r reply
	var text, refusal strings.Builder
	var finish openai.FinishReason
	size := 0
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		r.text = text.String()
		if err != nil {
			return r, err
		}
		if chunk.Usage != nil {
			r.in, r.out, r.counted = chunk.Usage.PromptTokens, chunk.Usage.CompletionTokens, true
		}
		for _, c := range chunk.Choices {
			if c.Index != 0 {
				continue
			}
			if size += len(c.Delta.Content) + len(c.Delta.Refusal) + r.collect(c.Delta.ToolCalls); size > mostAnswer {
				return r, errTooLarge
			}
			refusal.WriteString(c.Delta.Refusal)
			if c.Delta.Content != "" {
				text.WriteString(c.Delta.Content)
				said(c.Delta.Content)
			}
			if c.FinishReason != "" {
				finish = c.FinishReason
			}
		}
	}
	r.text = text.String()
	return r, r.ended(finish, refusal.String())
}

// collect puts the pieces of tool calls together.
func (r *reply) collect(pieces []openai.ToolCall) (size int) {
	for _, p := range pieces {
		at := len(r.asked)
		if p.Index != nil && *p.Index >= 0 && *p.Index < at {
			at = *p.Index
		} else if p.Index == nil && p.ID == "" && at > 0 {
			at--
		}
		size += len(p.Function.Name) + len(p.Function.Arguments) + len(p.ID)
		if at > mostToolsAsk*4 {
			continue
		}
		if at == len(r.asked) {
			r.asked = append(r.asked, openai.ToolCall{Type: openai.ToolTypeFunction})
		}
		c := &r.asked[at]
		c.ID += p.ID
		c.Function.Name += p.Function.Name
		c.Function.Arguments += p.Function.Arguments
	}
	return size
}

func (r *reply) ended(finish openai.FinishReason, refusal string) error {
	switch {
	case refusal != "":
		return troubled(Refused, "Say it in other words, or leave out what it does not want to do. Writing by hand always works.", "The model refused: %s", clipped(refusal, 500))
	case finish == openai.FinishReasonContentFilter:
		return troubled(Filtered, "Say it in other words. Writing by hand always works.", "The provider's filter held the answer back.")
	case finish == openai.FinishReasonLength:
		return troubled(CutOff, "Ask for less at once, or have an administrator allow more tokens for one answer.", "The answer was cut off at its limit of tokens.")
	case finish == "" || finish == openai.FinishReasonNull:
		return errNoEnd
	case strings.TrimSpace(r.text) == "" && len(r.asked) == 0:
		return troubled(Empty, "Try again. If it stays so, another model may do better.", "The model said nothing.")
	}
	return nil
}
