package author

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sashabaranov/go-openai"

	"joinery/internal/fault"
)

// converse asks until an answer is of use: accept says what is wrong with one, "" when
// nothing is. Questions to tools are answered on the way.
func (j *job) converse(ctx context.Context, system, ask string, accept func(answer string) (complaint string, err error)) error {
	messages := []openai.ChatCompletionMessage{{Role: openai.ChatMessageRoleSystem, Content: system}, {Role: openai.ChatMessageRoleUser, Content: ask}}
	complaint := "it asked tools and gave no answer"
	for range j.setting.Limits.Rounds {
		r, err := j.ask(ctx, messages)
		if err != nil {
			return err
		}
		asked := false
		if messages, asked, err = j.answerTools(ctx, messages, r); err != nil {
			return err
		}
		if asked {
			continue
		}
		if complaint, err = accept(r.text); err != nil || complaint == "" {
			return err
		}
		if refuses(r.text) {
			return troubled(Refused, "Say it in other words, or leave out what it does not want to do. Writing by hand always works.", "The model refused: %s", clipped(r.text, 500))
		}
		messages = append(messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleAssistant, Content: orNothing(clipped(r.text, mostBack))},
			openai.ChatCompletionMessage{Role: openai.ChatMessageRoleUser, Content: "This answer cannot be used. " + complaint})
	}
	return troubled(Malformed, "Try again, say it in other words, or use another model. Writing by hand always works.", "After %d answers of the model none could be used. The last one: %s", j.setting.Limits.Rounds, complaint)
}

func orNothing(s string) string {
	if strings.TrimSpace(s) == "" {
		return "(nothing)"
	}
	return s
}

// answerTools answers the questions of a reply; false when it asked none.
func (j *job) answerTools(ctx context.Context, messages []openai.ChatCompletionMessage, r reply) ([]openai.ChatCompletionMessage, bool, error) {
	if len(r.asked) == 0 {
		name, arguments, ok := toolAsked(r.text)
		if !ok {
			return messages, false, nil
		}
		text, err := j.use(ctx, name, arguments)
		return append(messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleAssistant, Content: clipped(r.text, mostBack)}, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleUser, Content: text}), true, err
	}
	note := ""
	if len(r.asked) > mostToolsAsk {
		note = fmt.Sprintf("\n(You asked more than %d tools at once: the first %d are answered. Ask fewer.)", mostToolsAsk, mostToolsAsk)
		r.asked = r.asked[:mostToolsAsk]
	}
	asked := make([]string, len(r.asked))
	for i := range r.asked { // some servers give no ids, and want them back
		asked[i] = r.asked[i].Function.Arguments
		if r.asked[i].ID == "" {
			r.asked[i].ID = fmt.Sprintf("call_%d_%d", j.rounds, i)
		}
		if a := r.asked[i].Function.Arguments; len(a) > mostArguments || !json.Valid([]byte(a)) { // what goes back is bounded, too
			r.asked[i].Function.Arguments = pretty(map[string]string{"unreadable": clipped(a, 2000)})
		}
	}
	messages = append(messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleAssistant, Content: r.text, ToolCalls: r.asked})
	for i, c := range r.asked {
		text, err := j.use(ctx, c.Function.Name, asked[i])
		if err != nil {
			return messages, true, err
		}
		if i == len(r.asked)-1 {
			text += note
		}
		messages = append(messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleTool, ToolCallID: c.ID, Content: text})
	}
	return messages, true, nil
}

// asComplaint gives a fault of ours that the model can do something about.
func asComplaint(err error) (string, error) {
	if fault.Is(err, fault.Invalid) {
		return fault.Sentence(err) + problemOf(fault.Problems(err)), nil
	}
	return "", err
}
