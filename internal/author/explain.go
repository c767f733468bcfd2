package author

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sashabaranov/go-openai"

	"joinery/internal/fault"
)

// How soon a call is made again where the provider did not say.
const (
	afterLimit  = 20 * time.Second
	afterBreak  = 5 * time.Second
	afterFailed = 10 * time.Second
)

// explain makes trouble of what went wrong with a call: its kind, a sentence, what to do.
func (p *provider) explain(ctx context.Context, err error, d *door) error {
	var t *Trouble
	if errors.As(err, &t) {
		return t
	}
	if context.Cause(ctx) == context.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded) {
		return troubled(TimedOut, "Try again, or have an administrator allow more seconds for one call.", "The model did not finish within %d seconds.", p.setting.Limits.CallSeconds).because(err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, errTooLarge) || fault.Is(err, fault.TooLarge) {
		return troubled(TooLarge, "Nothing of it is used. Ask for less, or use another model.", "The model answered with more than is read (%d kB), so the rest was not read.", mostAnswer>>10).because(err)
	}
	var api *openai.APIError
	var request *openai.RequestError
	switch {
	case errors.As(err, &api) && api.HTTPStatusCode >= 400:
		return p.explainStatus(api.HTTPStatusCode, fmt.Sprint(api.Code, " ", api.Type, " ", api.Message), d.header, err)
	case errors.As(err, &api) && d.status >= 400: // its form is not the protocol's: {"error": "Unauthorized"}
		return p.explainStatus(d.status, fmt.Sprint(api.Code, " ", api.Type, " ", api.Message, " ", err), d.header, err)
	case errors.As(err, &api):
		return p.explainStatus(http.StatusInternalServerError, fmt.Sprint(api.Code, " ", api.Type, " ", api.Message), nil, err)
	case errors.As(err, &request):
		return p.explainStatus(request.HTTPStatusCode, string(request.Body), d.header, err)
	}
	if quirk := ownQuirk(err); quirk != "" {
		return &refusedField{quirk, err}
	}
	return p.explainStream(err, d)
}

// explainStream is about calls that got no status, or broke after a good one.
func (p *provider) explainStream(err error, d *door) error {
	if d.status/100 == 3 {
		return p.explainStatus(d.status, "", d.header, err)
	}
	if d.status == 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)) {
		return p.dropped(err)
	}
	if d.status == 0 {
		if fault.Is(err, fault.Forbidden) {
			return troubled(NotAllowed, "Have it added to JOINERY_ALLOW_HOSTS, or use a public address with https.", "Outbound rules do not allow the model's address. %s", fault.Sentence(err)).because(err)
		}
		return troubled(Unreachable, "Check that the model's server runs and that the address under Settings is right, then try again.", "The model's address cannot be reached. %s", reason(err)).because(err)
	}
	if errors.Is(err, errNoEnd) && !strings.Contains(d.header.Get("Content-Type"), "event-stream") {
		return troubled(Malformed, "Check the address under Settings: it should be that of an OpenAI-compatible API, usually ending in /v1.", "What answers at the model's address does not speak the protocol: it sent no stream.").because(err)
	}
	if errors.Is(err, errNoEnd) || fault.Is(err, fault.Unavailable) {
		return p.dropped(err)
	}
	return troubled(Malformed, "Try again. If it stays so, the provider does not keep to the protocol.", "What the model's server sent cannot be read as a stream of the protocol.").because(err)
}

func (p *provider) dropped(err error) error {
	return troubled(Dropped, "It is tried again by itself a few times. What is done is kept.", "The stream from the model broke before its end.").again(p.now().Add(afterBreak)).because(err)
}

func reason(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Sentence
	}
	return ""
}

func (t *Trouble) again(at time.Time) *Trouble {
	t.RetryAt = at
	return t
}

func (p *provider) explainStatus(status int, said string, h http.Header, err error) error {
	low := strings.ToLower(said)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(low, w) {
				return true
			}
		}
		return false
	}
	shown := clipped(strings.TrimSpace(strings.TrimPrefix(said, "<nil>")), 300)
	switch {
	case status == http.StatusTooManyRequests && has("insufficient_quota", "billing"):
		return troubled(RateLimited, "Look at the account with the provider.", "The account with the provider has no quota left.").because(err)
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && h.Get("Retry-After") != "":
		return troubled(RateLimited, "It goes on by itself after that time.", "The provider asks to wait before the next call.").again(p.retryAt(h)).because(err)
	case has("context_length", "context length", "maximum context", "context size", "context window", "too many tokens", "prompt is too long"):
		return troubled(TooLong, "Ask about less at once, begin a new conversation, or use a model with more room.", "The text does not fit the model.").because(err)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return troubled(BadKey, "An administrator sets a valid key under Settings.", "The provider does not take the key.").because(err)
	case has("content_filter", "content management policy", "responsibleaipolicy"):
		return troubled(Filtered, "Say it in other words. Writing by hand always works.", "The provider's filter held the request back.").because(err)
	case has("model_not_found", "deploymentnotfound"), (status == http.StatusNotFound || status == http.StatusBadRequest) && has("model") && has("not found", "does not exist", "unknown", "no such", "invalid model", "not a valid model"):
		return troubled(UnknownModel, "An administrator corrects the model's name under Settings.", "The provider has no model %q.", clipped(p.setting.Model, 100)).because(err)
	case (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) && p.setting.APIVersion != "":
		return troubled(Unreachable, "Check the resource's address, the API version, and that the model is the deployment's name.", "There is nothing at the deployment's address that takes conversations (status %d).", status).because(err)
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return troubled(Unreachable, "Check the address under Settings: it usually ends in /v1.", "There is nothing at the model's address that takes conversations (status %d).", status).because(err)
	case status/100 == 3:
		return troubled(Unreachable, "Write the address that it leads to under Settings.", "The model's address leads elsewhere, and redirects are not followed.").because(err)
	}
	if quirk := quirkOf(low); quirk != "" && status < 501 {
		return &refusedField{quirk, err}
	}
	if status >= 500 {
		return troubled(Failing, "It is tried again by itself a few times.", "The provider has trouble of its own (status %d): %s", status, shown).again(p.now().Add(afterFailed)).because(err)
	}
	return troubled(Failing, "Correct what it says, or ask an administrator to look at the model's settings.", "The provider refused the request (status %d): %s", status, shown).because(err)
}

// retryAt reads Retry-After: seconds or a date.
func (p *provider) retryAt(h http.Header) time.Time {
	said := h.Get("Retry-After")
	if n, err := strconv.ParseFloat(said, 64); err == nil && n >= 0 && n < 1e9 {
		return p.now().Add(time.Duration(max(n, 1) * float64(time.Second)))
	}
	if at, err := http.ParseTime(said); err == nil {
		return at
	}
	return p.now().Add(afterLimit)
}

// refusedField says that an endpoint does not take a part of the request.
type refusedField struct {
	field string
	cause error
}

func (r *refusedField) Error() string {
	return "the endpoint does not take " + r.field + ": " + r.cause.Error()
}
func (r *refusedField) Unwrap() error { return r.cause }

func quirkOf(low string) string {
	for _, f := range []struct{ word, field string }{
		{"stream_options", "usage"}, {"include_usage", "usage"}, {"max_tokens", "limit"}, {"max_completion_tokens", "limit"}, {"temperature", "temperature"},
		{"tool", "tools"}, {"function call", "tools"}, {"functions are not", "tools"},
	} {
		if strings.Contains(low, f.word) {
			return f.field
		}
	}
	return ""
}

// ownQuirk is about what the client library knows of models before it sends.
func ownQuirk(err error) string {
	switch {
	case errors.Is(err, openai.ErrReasoningModelMaxTokensDeprecated):
		return "limit"
	case errors.Is(err, openai.ErrReasoningModelLimitationsOther), errors.Is(err, openai.ErrReasoningSamplingUnsupported):
		return "temperature"
	case errors.Is(err, openai.ErrReasoningToolsRequireResponses):
		return "tools"
	}
	return ""
}

// learn takes a lesson from an error; false when there is none, or it was taken before.
func (q *quirks) learn(err error) bool {
	var r *refusedField
	if !errors.As(err, &r) {
		return false
	}
	at := map[string]*bool{"usage": &q.noUsage, "limit": &q.newLimit, "temperature": &q.noTemperature, "tools": &q.noTools}[r.field]
	if *at {
		return false
	}
	*at = true
	return true
}
