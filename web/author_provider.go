package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	views "joinery/views/author"
	"joinery/views/ui"
)

// providerShow is GET /system/author: which language model is asked, and how much.
func (s *Server) providerShow(c *fiber.Ctx, who auth.Actor) error {
	set, err := s.DB.AuthorSetting(c.UserContext())
	if err != nil {
		return err
	}
	return s.providerPage(c, who, providerFormOf(set), nil, nil)
}

// providerForm is a setting as the texts of its form.
type providerForm struct {
	set      author.Setting
	numbers  map[string]string
	problems []fault.Problem
}

func providerFormOf(set author.Setting) providerForm {
	l := set.Limits
	return providerForm{set: set, numbers: map[string]string{
		"temperature": strconv.FormatFloat(set.Temperature, 'f', -1, 64), "mutation": itoa(set.Mutation),
		"limits.rounds": itoa(l.Rounds), "limits.answer_tokens": itoa(l.AnswerTokens), "limits.call_seconds": itoa(l.CallSeconds),
		"limits.calls_per_day": itoa(l.CallsPerDay), "limits.tokens_per_day": strconv.FormatInt(l.TokensPerDay, 10), "limits.all_per_day": strconv.FormatInt(l.AllPerDay, 10)}}
}

// postedProvider reads the form. What is no number is among its problems.
func (s *Server) postedProvider(c *fiber.Ctx) (providerForm, error) {
	set, err := s.DB.AuthorSetting(c.UserContext())
	if err != nil {
		return providerForm{}, err
	}
	f := providerForm{set: set, numbers: map[string]string{}}
	f.set.Policy, f.set.BaseURL, f.set.Model, f.set.APIVersion = author.Policy(c.FormValue("policy")), strings.TrimSpace(c.FormValue("base_url")), strings.TrimSpace(c.FormValue("model")), strings.TrimSpace(c.FormValue("api_version"))
	f.set.NoKey, f.set.NoTools = c.FormValue("no_key") != "", c.FormValue("no_tools") != ""
	f.set.Words = lines(unixLines(c.FormValue("words")))
	number := func(name string) int64 {
		text := strings.TrimSpace(c.FormValue(name))
		f.numbers[name] = text
		n, err := strconv.ParseInt(strings.NewReplacer(",", "", " ", "").Replace(text), 10, 64)
		if err != nil {
			f.problems = append(f.problems, fault.Problem{Path: name, Detail: "Write a whole number."})
		}
		return n
	}
	l := &f.set.Limits
	l.Rounds, l.AnswerTokens, l.CallSeconds, l.CallsPerDay = int(number("limits.rounds")), int(number("limits.answer_tokens")), int(number("limits.call_seconds")), int(number("limits.calls_per_day"))
	l.TokensPerDay, l.AllPerDay = number("limits.tokens_per_day"), number("limits.all_per_day")
	f.set.Mutation = int(number("mutation"))
	f.numbers["temperature"] = strings.TrimSpace(c.FormValue("temperature"))
	if f.set.Temperature, err = strconv.ParseFloat(f.numbers["temperature"], 64); err != nil {
		f.problems = append(f.problems, fault.Problem{Path: "temperature", Detail: "Write a number from 0 to 2."})
	}
	return f, nil
}

// providerSave is POST /system/author.
func (s *Server) providerSave(c *fiber.Ctx, who auth.Actor) error {
	f, err := s.postedProvider(c)
	if err != nil {
		return err
	}
	refused := fault.Refuse("The setting was not saved. The fields say what is wrong.", f.problems)
	if refused == nil {
		refused = s.DB.SaveAuthorSetting(c.UserContext(), who, f.set)
	}
	if badContent(refused) {
		f.problems = fault.Problems(refused)
		return s.providerPage(c, who, f, refused, nil)
	}
	if refused != nil {
		return refused
	}
	return s.done(c, "/system/author", "Saved. It holds at once.")
}

// providerTest is POST /system/author/test: it asks the model what the form says, and
// keeps nothing.
func (s *Server) providerTest(c *fiber.Ctx, who auth.Actor) error {
	f, err := s.postedProvider(c)
	if err != nil {
		return err
	}
	if f.problems = append(f.problems, f.set.Check()...); len(f.problems) > 0 {
		return s.providerPage(c, who, f, fault.Refuse("Nothing was asked. The fields say what is wrong.", f.problems), nil)
	}
	findings, err := s.tryModel(c.UserContext(), who, f.set)
	if err != nil {
		return err
	}
	return s.providerPage(c, who, f, nil, findings)
}

func (s *Server) providerPage(c *fiber.Ctx, who auth.Actor, f providerForm, refused error, findings []views.Gate) error {
	p := views.ProviderPage{Head: ui.Head{Title: "Language model", Text: "Functions can be asked for in plain words where a model with an OpenAI-compatible address is set up. Nothing about it has to be trusted: it writes drafts, and people decide."},
		Action: "/system/author", TestURL: "/system/author/test", Groups: f.groups(), Findings: findings}
	status := 0
	if refused != nil {
		p.Notices, status = []ui.Notice{{Tone: "bad", Text: fault.Sentence(refused)}}, http.StatusUnprocessableEntity
	}
	var err error
	if p.Key, err = s.modelKey(c, who, f.set); err != nil {
		return err
	}
	if p.Usage, err = s.usageOfAll(c.UserContext(), f.set.Limits); err != nil {
		return err
	}
	return s.show(c, who, frame{Title: "Language model", Nav: "/system/author", Crumbs: []ui.Link{{Text: "System", URL: "/system"}}, Status: status}, views.Provider(p))
}

// groups are the fields of the form.
func (f providerForm) groups() []views.Group {
	policy := ui.Field{Name: "policy", Label: "What people here may do", Input: "radio", Options: []ui.Option{
		{Value: string(author.Off), Label: "Off", Help: "Nobody asks a model, and what one wrote cannot be submitted."},
		{Value: string(author.DraftOnly), Label: "Drafts only", Help: "The model writes drafts. What it wrote can be submitted once a person has changed it."},
		{Value: string(author.On), Label: "On", Help: "What passes the gates can be submitted for review. Another person approves it, as always."}}}
	for i := range policy.Options {
		policy.Options[i].Selected = policy.Options[i].Value == string(f.set.Policy)
	}
	number := func(name, label, help string) ui.Field {
		return ui.Field{Name: name, ID: strings.ReplaceAll(name, ".", "-"), Label: label, Input: "number", Value: f.numbers[name], Required: true, Help: help}
	}
	words := strings.Join(f.set.Words, "\n")
	out := []views.Group{
		{Legend: "The model", Fields: []ui.Field{policy,
			{Name: "base_url", Label: "Address", Value: f.set.BaseURL, Placeholder: "https://api.openai.com/v1", Help: "What comes before /chat/completions. A private address, such as a model on your own machine, must be allowed by the installation (JOINERY_ALLOW_HOSTS)."},
			{Name: "model", Label: "Model", Value: f.set.Model, MaxLength: 200, Help: "The name that the provider gives it."},
			{Name: "api_version", Label: "API version", Value: f.set.APIVersion, Placeholder: "2024-10-21", Help: "For Azure OpenAI only; the model is then the name of the deployment."},
			number("temperature", "Temperature", "0 is the steadiest; 0 to 0.3 suits code."),
			{Name: "no_key", Label: "This address needs no key", Input: "check", Checked: f.set.NoKey, Help: "For servers of your own that take calls without one."},
			{Name: "no_tools", Label: "The model cannot call tools", Input: "check", Checked: f.set.NoTools, Help: "It then asks for what it needs in blocks of text. The test says when a model needs this."}}},
		{Legend: "Limits", Fields: []ui.Field{
			number("limits.rounds", "Answers in one stage", "How often the model may look something up or repair before a stage ends."),
			number("limits.answer_tokens", "Tokens of one answer", ""),
			number("limits.call_seconds", "Seconds of one call", ""),
			number("limits.calls_per_day", "Calls of one person a day", "Days are in UTC."),
			number("limits.tokens_per_day", "Tokens of one person a day", "Sent and received together."),
			number("limits.all_per_day", "Tokens of everybody a day", "What is used up is refused before anything is sent.")}},
		{Legend: "Gates", Fields: []ui.Field{
			number("mutation", "Small changes that the tests have to notice, of a hundred", "A function whose tests notice fewer cannot be submitted. 80 is usual.")}},
		{Legend: "Privacy", Fields: []ui.Field{
			{Name: "words", Label: "Words that are no names here", Input: "lines", Rows: 4, Value: words, Help: "One a line. A text with a name, address or number of somebody whom Joinery knows is not sent. Where people are called like ordinary words or departments, list those words."}}},
	}
	for i := range out {
		out[i].Fields = withProblems(out[i].Fields, fault.Refuse("", f.problems))
	}
	return out
}
