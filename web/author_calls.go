package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	views "joinery/views/author"
	"joinery/views/ui"
)

// authorCalls is GET /author/:id/calls: what was sent to the model and what came back,
// word for word.
func (s *Server) authorCalls(c *fiber.Ctx, who auth.Actor) error {
	t, err := s.talk(c.UserContext(), who, author.ConversationID(c.Params("id")))
	if err != nil {
		return err
	}
	if !t.mayReadCalls(who) {
		return fault.New(fault.Forbidden, "What was sent is shown to whose conversation it is, and to those who review.")
	}
	at := "/author/" + string(t.ID)
	p := views.CallsPage{Head: ui.Head{Title: "What was sent", Text: "Every call of the model in this conversation, as it went out and as it came back. The key is sent beside the text and is not kept."},
		Empty: ui.Empty{Icon: "send", Title: "Nothing was sent", Text: "No call of the model was made in this conversation."}}
	for _, x := range t.turns {
		calls, err := s.DB.AuthorCalls(c.UserContext(), x.ID)
		if err != nil {
			return err
		}
		for i, call := range calls {
			p.Calls = append(p.Calls, s.callView(call, fmt.Sprintf("%s, %s: call %d", turnTitles[x.Kind], lowerFirst(stageTitles[call.Stage]), i+1)))
		}
	}
	return s.show(c, who, frame{Title: "What was sent", Nav: "/author", Crumbs: []ui.Link{{Text: "Conversation", URL: at}}}, views.Calls(p))
}

func (s *Server) callView(call author.Call, title string) views.Call {
	v := views.Call{ID: call.ID, Title: title, Badge: ui.Badge{Tone: "good", Text: "Answered"}, Sent: visible(indented(call.Body)), Messages: messagesOf(call.Body), Answer: visible(call.Answer), Trouble: visible(call.Trouble)}
	switch {
	case call.Outcome == "":
		v.Badge = ui.Badge{Tone: "info", Text: "Under way"}
	case call.Outcome != author.OK:
		v.Badge = ui.Badge{Tone: "bad", Text: "Failed"}
	}
	tokens := fmt.Sprintf("%s sent, %s received", thousands(int64(call.TokensIn)), thousands(int64(call.TokensOut)))
	if call.Estimated {
		tokens += " (counted by length: the provider did not say)"
	}
	v.Pairs = []ui.Pair{{Label: "Model", Value: visible(call.Model)}, {Label: "When", Value: s.moment(call.AskedAt)}, {Label: "Took", Value: span(call.Took)}, {Label: "Tokens", Value: tokens}, {Label: "Parameters", Value: visible(call.Parameters), Code: true}}
	return v
}

// messagesOf gives the texts of a call for reading; none where the body is no such JSON.
func messagesOf(body string) []views.Message {
	var sent struct {
		Messages []struct {
			Role    string          `json:"role"`
			Content string          `json:"content"`
			Calls   json.RawMessage `json:"tool_calls"`
		} `json:"messages"`
	}
	if json.Unmarshal([]byte(body), &sent) != nil {
		return nil
	}
	var out []views.Message
	for _, m := range sent.Messages {
		text := m.Content
		if len(m.Calls) > 0 {
			text += "\n" + indented(string(m.Calls))
		}
		out = append(out, views.Message{Role: visible(m.Role), Text: visible(strings.TrimSpace(text))})
	}
	return out
}

// indented writes JSON over several lines; what is none stays as it is.
func indented(text string) string {
	var out bytes.Buffer
	if json.Indent(&out, []byte(text), "", "  ") != nil {
		return text
	}
	return out.String()
}
