package author

import (
	"encoding/json"
	"fmt"
	"strings"
)

// block is a fenced part of an answer.
type block struct{ language, text string }

// blocks finds the fenced parts. closed is false when the last one does not end.
func blocks(answer string) (out []block, closed bool) {
	var at *block
	fence := ""
	for line := range strings.SplitSeq(strings.ReplaceAll(spoken(answer), "\r\n", "\n"), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case at == nil && strings.HasPrefix(trimmed, "```"):
			fence = trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
			at = &block{language: strings.ToLower(strings.TrimSpace(strings.TrimPrefix(trimmed, fence)))}
		case at != nil && trimmed == fence:
			if at.language == "" {
				at.language = guessed(at.text)
			}
			out = append(out, *at)
			at = nil
		case at != nil:
			at.text += line + "\n"
		}
	}
	return out, at == nil
}

// spoken is an answer without what some models think aloud before it.
func spoken(answer string) string {
	if _, after, ok := strings.Cut(answer, "</think>"); ok && strings.HasPrefix(strings.TrimSpace(answer), "<think>") {
		return strings.TrimSpace(after)
	}
	return answer
}

// guessed is the language of a block that names none.
func guessed(text string) string {
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), "{"):
		return "json"
	case strings.Contains(text, "function"):
		return "lua"
	}
	return ""
}

// only gives the one block of a language; a complaint when there is none or more.
func only(answer, language string) (text, complaint string) {
	all, closed := blocks(answer)
	if !closed {
		return "", "The last block does not end. Write the whole answer again."
	}
	found := 0
	for _, b := range all {
		if b.language == language {
			text = b.text
			found++
		}
	}
	switch {
	case found == 0 && language == "json" && len(all) == 0 && strings.HasPrefix(strings.TrimSpace(spoken(answer)), "{"):
		return spoken(answer), ""
	case found == 0:
		return "", fmt.Sprintf("There is no ```%s block in the answer.", language)
	case found > 1:
		return "", fmt.Sprintf("There are %d ```%s blocks in the answer. Write exactly one.", found, language)
	}
	return text, ""
}

// object reads the one JSON block of an answer.
func object(answer string, into any) (complaint string) {
	text, complaint := only(answer, "json")
	if complaint != "" {
		return complaint
	}
	if deep([]byte(text)) {
		return fmt.Sprintf("The JSON block is nested deeper than is read (%d levels).", mostDeep)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return "The JSON block cannot be read: " + clipped(err.Error(), 200) + "."
	}
	return ""
}

// toolAsked finds a question in the fenced form.
func toolAsked(answer string) (name, arguments string, ok bool) {
	var q struct {
		Tool      string          `json:"tool"`
		Arguments json.RawMessage `json:"arguments"`
	}
	text, complaint := only(answer, "json")
	if complaint != "" || json.Unmarshal([]byte(text), &q) != nil || q.Tool == "" {
		return "", "", false
	}
	if len(q.Arguments) == 0 {
		q.Arguments = json.RawMessage("{}")
	}
	return q.Tool, string(q.Arguments), true
}

// refuses says whether words alone look like a refusal.
func refuses(answer string) bool {
	if all, _ := blocks(answer); len(all) > 0 || len(answer) > 1500 {
		return false
	}
	low := strings.ToLower(strings.ReplaceAll(answer, "’", "'"))
	for _, w := range []string{"i can't help", "i cannot help", "i can't assist", "i cannot assist", "i'm unable to", "i am unable to", "i won't", "i will not", "i'm sorry, but", "i am sorry, but"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// mostDeep is how deep JSON of a model may be nested.
const mostDeep = 60

// deep says whether JSON is nested deeper than is read.
func deep(raw []byte) bool {
	depth, text := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '[' || c == '{':
			if depth++; depth > mostDeep {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}
