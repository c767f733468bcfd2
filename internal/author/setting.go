package author

import (
	"fmt"
	"net/url"
	"strings"

	"joinery/internal/fault"
)

// Policy is what the organisation wants of the function author.
type Policy string

// The policies.
const (
	Off       Policy = "off"        // nobody asks a model
	DraftOnly Policy = "draft_only" // drafts are written, and cannot be submitted as they are
	On        Policy = "on"
)

// SettingKey is the setting's key in the store; the database reads its policy too.
const SettingKey = "author"

// The place of the model's key in the credential inventory.
const (
	CredentialPlace = "language-model"
	CredentialName  = "api_key"
)

// Setting says which model is asked, and how much.
type Setting struct {
	Policy  Policy `json:"policy"`
	BaseURL string `json:"base_url"`
	Model   string `json:"model"`
	// APIVersion is for Azure OpenAI, whose addresses and key header are its own.
	APIVersion  string  `json:"api_version,omitempty"`
	Temperature float64 `json:"temperature"`
	// NoKey says that the endpoint takes calls without a key.
	NoKey bool `json:"no_key,omitempty"`
	// NoTools says that the model cannot call tools: it asks in fenced blocks.
	NoTools bool `json:"no_tools,omitempty"`
	// KeyAfter is the version of the key that was there when the address changed: that
	// one and those before it are not sent to the new address.
	KeyAfter int    `json:"key_after,omitempty"`
	Limits   Limits `json:"limits"`
	// Mutation is how many of a hundred small changes the tests have to notice.
	Mutation int `json:"mutation"`
	// Words are no names here although people are called so.
	Words []string `json:"words,omitempty"`
}

// Limits bound what is asked and read.
type Limits struct {
	Rounds       int   `json:"rounds"`         // answers of the model in one stage
	AnswerTokens int   `json:"answer_tokens"`  // of one answer
	CallSeconds  int   `json:"call_seconds"`   // of one call
	CallsPerDay  int   `json:"calls_per_day"`  // of one person
	TokensPerDay int64 `json:"tokens_per_day"` // of one person, both ways
	AllPerDay    int64 `json:"all_per_day"`    // tokens of everybody together
}

// DefaultMutation is the threshold that holds before anybody set one.
const DefaultMutation = 80

// DefaultSetting is what holds before anybody saved one.
func DefaultSetting() Setting {
	return Setting{Policy: Off, Temperature: 0.1, Mutation: DefaultMutation,
		Limits: Limits{Rounds: 8, AnswerTokens: 8000, CallSeconds: 120, CallsPerDay: 300, TokensPerDay: 2_000_000, AllPerDay: 20_000_000}}
}

// Ready says whether there is a model to ask.
func (s Setting) Ready() bool { return s.BaseURL != "" && s.Model != "" }

// Origin is where the key goes: scheme, host and port.
func (s Setting) Origin() string {
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// Check says what is wrong with a setting.
func (s Setting) Check() []fault.Problem {
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	switch s.Policy {
	case Off, DraftOnly, On:
	default:
		add("policy", "Choose off, draft only or on.")
	}
	if s.BaseURL != "" {
		u, err := url.Parse(s.BaseURL)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
			add("base_url", "Write an address like https://api.example.com/v1.")
		case u.User != nil:
			add("base_url", "Leave user and password out of the address. The key is kept under Credentials.")
		case u.RawQuery != "" || u.Fragment != "":
			add("base_url", "Write the address without ? and #.")
		case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/chat/completions"):
			add("base_url", "Leave /chat/completions out: it is added for each call.")
		case s.APIVersion != "" && strings.Trim(u.Path, "/") != "":
			add("base_url", "With an API version, write the address of the resource alone, such as https://NAME.openai.azure.com: the deployment's address is made of it. An address that ends in /openai/v1 takes no API version.")
		}
	}
	if strings.ContainsFunc(s.APIVersion, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.') }) || len(s.APIVersion) > 60 {
		add("api_version", "Write a version such as 2024-10-21, or leave it empty.")
	}
	if s.APIVersion != "" && strings.ContainsAny(s.Model, "/?#% ") {
		add("model", "For Azure, write the deployment's name: it becomes a part of the address.")
	}
	if len(s.Model) > 200 || strings.ContainsAny(s.Model, "\n\r\t") {
		add("model", "Write the model's name on one line, up to 200 characters.")
	}
	if s.Policy != Off && s.BaseURL == "" {
		add("base_url", "Write the address of the model before it is switched on.")
	}
	if s.Policy != Off && strings.TrimSpace(s.Model) == "" {
		add("model", "Name the model before it is switched on.")
	}
	if len(s.Words) > 500 {
		add("words", "Up to 500 words can be listed.")
	}
	within := func(path string, n, least, most int64) {
		if n < least || n > most {
			add(path, "Write a number from %d to %d.", least, most)
		}
	}
	if s.Temperature < 0 || s.Temperature > 2 {
		add("temperature", "Write a number from 0 to 2.")
	}
	within("mutation", int64(s.Mutation), 0, 100)
	within("limits.rounds", int64(s.Limits.Rounds), 1, 30)
	within("limits.answer_tokens", int64(s.Limits.AnswerTokens), 256, 100_000)
	within("limits.call_seconds", int64(s.Limits.CallSeconds), 5, 900)
	within("limits.calls_per_day", int64(s.Limits.CallsPerDay), 1, 100_000)
	within("limits.tokens_per_day", s.Limits.TokensPerDay, 1000, 1_000_000_000)
	within("limits.all_per_day", s.Limits.AllPerDay, 1000, 10_000_000_000)
	return out
}
