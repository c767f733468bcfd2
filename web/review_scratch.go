package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/reviews"
	"joinery/views/ui"
)

// maxScratch bounds the text of one field, in bytes.
const maxScratch = 64 << 10

// try is what a reviewer wants to see the function do: its input, what systems would
// answer, and the moment.
type try struct{ Input, Answers, Now string }

// firstTry begins with what the first case has.
func firstTry(c function.Content) try {
	t := try{Input: "{}"}
	if len(c.Cases) == 0 {
		return t
	}
	k := c.Cases[0]
	if len(k.Input) > 0 {
		t.Input = yamlOf(k.Input)
	}
	if len(k.Stubs) > 0 {
		t.Answers = yamlOf(k.Stubs)
	}
	t.Now = k.Now
	return t
}

func scratchFields(t try, wrong map[string]string) []ui.Field {
	return []ui.Field{
		{Name: "input", ID: "scratch-input", Label: "Input", Input: "code", Rows: 6, Value: t.Input, Error: wrong["input"], Help: "As YAML or JSON, by the names of its input."},
		{Name: "answers", ID: "scratch-answers", Label: "What systems answer", Input: "code", Rows: 4, Value: t.Answers, Error: wrong["answers"], Help: "A list like the stubs of a case: call, args, answer. What is not answered is shown as a question."},
		{Name: "now", ID: "scratch-now", Label: "Moment", Value: t.Now, Error: wrong["now"], Placeholder: "2026-12-01T12:00:00Z", Help: "Empty is noon of 1 December 2026, UTC."},
	}
}

// reviewScratch is POST /reviews/:id/scratch: the revision runs once with the reader's
// own input. Nothing of it is kept but the record that it was done.
func (s *Server) reviewScratch(c *fiber.Ctx, who auth.Actor) error {
	ctx := c.UserContext()
	d, err := s.DB.Review(ctx, c.Params("id"))
	if err != nil {
		return err
	}
	if d.Kind != review.Function {
		return fault.New(fault.Invalid, "Only functions are tried like this.")
	}
	if s.Functions == nil {
		return fault.New(fault.Unavailable, "This process runs no functions.")
	}
	content, err := function.Decode([]byte(d.Content))
	if err != nil {
		return err
	}
	t := try{Input: c.FormValue("input"), Answers: c.FormValue("answers"), Now: strings.TrimSpace(c.FormValue("now"))}
	k, wrong := t.read(content)
	out := &reviews.Scratch{Action: "/reviews/" + d.ID + "/scratch#scratch", Fields: scratchFields(t, wrong)}
	status := 0
	if len(wrong) > 0 {
		status = http.StatusUnprocessableEntity
	} else if err := s.runScratch(ctx, out, who, d, content, k); err != nil {
		return err
	}
	deps, err := s.DB.Dependents(ctx, d.Kind, d.Key)
	if err != nil {
		return err
	}
	p, err := s.reviewPage(ctx, d, deps, who)
	if err != nil {
		return err
	}
	p.Function.Scratch = out
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: []ui.Link{{Text: "Reviews", URL: "/reviews"}}, Status: status}, reviews.Show(p))
}

// read takes the fields as a case without an expectation; wrong says what is wrong with which.
func (t try) read(c function.Content) (k function.Case, wrong map[string]string) {
	wrong = map[string]string{}
	if why := readYAML(t.Input, &k.Input); why != "" {
		wrong["input"] = why
	} else if bad := function.Violations(c.Manifest.Input, emptyMap(k.Input)); len(bad) > 0 {
		wrong["input"] = "The input is not what the manifest says: " + strings.Join(bad, "; ") + "."
	}
	if why := readYAML(t.Answers, &k.Stubs); why != "" {
		wrong["answers"] = why
	}
	k.Now = t.Now
	if _, err := k.At(); err != nil {
		wrong["now"] = "Write a moment like 2026-12-01T08:00:00Z."
	}
	k.Name = "scratch"
	return k, wrong
}

func emptyMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// readYAML reads a text strictly into what it shall be; why says what is wrong with it.
func readYAML(text string, into any) (why string) {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	if len(text) > maxScratch {
		return "Up to 64 kB."
	}
	if err := flow.PlainYAML([]byte(text)); err != nil {
		return fault.Sentence(err)
	}
	var plain any
	if err := yaml.UnmarshalWithOptions([]byte(text), &plain, yaml.Strict()); err != nil {
		return "This is not readable YAML: " + strings.SplitN(yaml.FormatError(err, false, false), "\n", 2)[0] + "."
	}
	raw, err := json.Marshal(plain)
	if err != nil {
		return "This YAML holds something JSON cannot express."
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return "This is not of the right shape: " + strings.TrimPrefix(err.Error(), "json: ") + "."
	}
	return ""
}

func (s *Server) runScratch(ctx context.Context, out *reviews.Scratch, who auth.Actor, d postgres.ReviewDetail, c function.Content, k function.Case) error {
	r, err := s.Functions.RunCase(ctx, c, k, 0)
	if err != nil {
		return err
	}
	o := r.Outcome
	if err := s.DB.RecordScratch(ctx, who, d.Key, d.ID, d.Hash, string(o.Kind)); err != nil {
		return err
	}
	out.Badge = &ui.Badge{Tone: "good", Text: "It ended well"}
	switch o.Kind {
	case luavm.OK:
		if value, bad := c.Read(o.Result); len(bad) > 0 {
			out.Badge = &ui.Badge{Tone: "bad", Text: "The result is not what the manifest says"}
			out.Pairs = append(out.Pairs, ui.Pair{Label: "Wrong", Value: visible(strings.Join(bad, "; "))})
		} else {
			out.Result = visible(yamlOf(value))
		}
		if out.Result == "" {
			out.Result = visible(string(o.Result))
		}
	case luavm.Failed:
		out.Badge = &ui.Badge{Tone: "warn", Text: "It asks for a person"}
		out.Pairs = append(out.Pairs, ui.Pair{Label: "Sentence", Value: visible(o.Message)}, ui.Pair{Label: "Word", Value: visible(o.Code), Code: true})
	default:
		out.Badge = &ui.Badge{Tone: "bad", Text: "It did not end well"}
		out.Pairs = append(out.Pairs, ui.Pair{Label: "Why", Value: visible(o.Sentence())})
	}
	out.Pairs = append(out.Pairs, ui.Pair{Label: "Took", Value: fmt.Sprintf("%s, %d steps", o.Took.Round(100*time.Microsecond), o.Steps)})
	for _, a := range o.Asked {
		answer := string(a.Answer)
		if a.Fault != nil {
			answer = a.Fault.Message
		}
		out.Asked = append(out.Asked, visible(fmt.Sprintf("asked %s(%s): %s", a.Name, strings.Trim(string(a.Args), "[]"), answer)))
	}
	for _, e := range o.Plan {
		out.Plan = append(out.Plan, visible(fmt.Sprintf("would do %s(%s)", e.Do, strings.Trim(string(e.Args), "[]"))))
	}
	for _, l := range o.Log {
		out.Log = append(out.Log, visible(strings.TrimSpace(fmt.Sprintf("logged %s: %s %s", l.Level, l.Message, l.Fields))))
	}
	return nil
}
