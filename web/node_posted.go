package web

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/flow"
	"joinery/internal/form"
)

// postedNode reads the form of a node.
func postedNode(c *fiber.Ctx, e editing) flow.Node {
	n := e.node
	n.Name = strings.TrimSpace(c.FormValue("name"))
	n.Timeout, n.OnError = strings.TrimSpace(c.FormValue("timeout")), c.FormValue("on_error")
	attempts, _ := strconv.Atoi(strings.TrimSpace(c.FormValue("attempts")))
	first, most := strings.TrimSpace(c.FormValue("first")), ""
	if n.Retry != nil {
		most = n.Retry.Max
	}
	n.Retry = nil
	if attempts != 0 || first != "" || most != "" {
		n.Retry = &flow.Retry{Attempts: attempts, First: first, Max: most}
	}
	n.Params = map[string]any{}
	for _, f := range e.spec.Fields {
		if v := postedParam(c, f); v != nil {
			n.Params[f.Key] = unlessSpace(e.node.Params[f.Key], v)
		}
	}
	return n
}

// postedParam reads one field; nil when it is empty.
func postedParam(c *fiber.Ctx, f form.Field) any {
	text := strings.ReplaceAll(c.FormValue("p_"+f.Key), "\r\n", "\n")
	trimmed := strings.TrimSpace(text)
	switch f.Kind {
	case form.Bool:
		if !f.Expr {
			return text != ""
		}
		if b, err := strconv.ParseBool(trimmed); err == nil {
			return b
		}
	case form.Number:
		if n, err := strconv.ParseFloat(trimmed, 64); err == nil {
			return n
		}
	case form.List:
		if len(f.Options) > 0 {
			out := []any{}
			for _, v := range c.Request().PostArgs().PeekMulti("p_" + f.Key) {
				out = append(out, string(v))
			}
			return out
		}
		if strings.HasPrefix(trimmed, "=") {
			return trimmed
		}
		return linesOf(trimmed, func(line string) any { return line })
	case form.Mapping:
		if strings.HasPrefix(trimmed, "=") {
			return trimmed
		}
		out := map[string]any{}
		for line := range strings.SplitSeq(trimmed, "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) != "" {
				out[strings.TrimSpace(name)] = strings.TrimSpace(value)
			} else if strings.TrimSpace(line) != "" {
				out[strings.TrimSpace(line)] = ""
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case form.Cases:
		return linesOf(trimmed, func(line string) any {
			port, when, _ := strings.Cut(line, ":")
			return map[string]any{"port": strings.TrimSpace(port), "when": strings.TrimSpace(when)}
		})
	case form.Fields:
		return linesOf(trimmed, func(line string) any {
			parts := append(strings.Split(line, "|"), "", "")
			return map[string]any{"key": strings.TrimSpace(parts[0]), "label": strings.TrimSpace(parts[1]), "kind": strings.TrimSpace(parts[2])}
		})
	case form.LongText:
		trimmed = strings.TrimRight(text, "\n ")
	}
	if trimmed == "" {
		return nil
	}
	return trimmed
}

func linesOf(text string, read func(string) any) any {
	out := []any{}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, read(line))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
