package web

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/flow"
	"joinery/internal/form"
)

// read is a node as its form says, with what the form says that a node cannot hold.
type read struct {
	node flow.Node
	// at gives the line that each entry of a field was read from.
	at map[string][]entryAt
	// wrong is what is wrong with single inputs, by their names.
	wrong map[string]string
}

// entryAt is where an entry stands: its name in the content, and its line's id.
type entryAt struct{ name, line string }

// readNode reads the form of a node. What a field does not say stays unsaid: a
// default that nobody wrote is no change.
func readNode(f sent, e editing) read {
	r := read{node: e.node, at: map[string][]entryAt{}, wrong: map[string]string{}}
	n := &r.node
	n.Name = strings.Join(strings.Fields(f.text("name")), " ")
	n.Timeout = f.trimmed("timeout")
	if n.OnError = f.trimmed("on_error"); n.OnError == "" && e.node.OnError == "stop" {
		n.OnError = "stop"
	}
	n.Retry = nil
	if r := (flow.Retry{First: f.trimmed("first"), Max: f.trimmed("max")}); f.trimmed("attempts") != "" || r != (flow.Retry{}) {
		attempts, err := strconv.Atoi(f.trimmed("attempts"))
		if err != nil && f.trimmed("attempts") != "" {
			attempts = -1 // said to be wrong by the check
		}
		r.Attempts = attempts
		n.Retry = &r
	}
	n.Params = map[string]any{}
	for key, v := range e.node.Params { // a field that this version does not know is kept
		if !slices.ContainsFunc(e.spec.Fields, func(x form.Field) bool { return x.Key == key }) {
			n.Params[key] = v
		}
	}
	for _, x := range e.spec.Fields {
		if v := r.param(f, x, e.node.Params[x.Key]); v != nil {
			n.Params[x.Key] = v
		}
	}
	if len(n.Params) == 0 {
		n.Params = nil
	}
	return r
}

// param reads one field; nil when nothing is said.
func (r *read) param(f sent, x form.Field, was any) any {
	name := "p_" + x.Key
	switch {
	case !hasEntries(x):
		return unlessSpace(was, plainParam(f, x, was))
	case oneForAll(x) && (f.has(name+".one") || f.trimmed(name+".all") != "" && r.entries(f, x) == nil):
		if all := f.trimmed(name + ".all"); all != "" {
			if !strings.HasPrefix(all, "=") {
				all = "=" + all
			}
			return unlessSpace(was, all)
		}
		return nil
	}
	return unlessSpace(was, r.entries(f, x))
}

// entries reads the lines of a field.
func (r *read) entries(f sent, x form.Field) any {
	name := "p_" + x.Key
	r.at[x.Key] = nil
	list, pairs := []any{}, map[string]any{}
	for _, id := range f.lines(name) {
		at := name + "." + id + "."
		cell := func(key string) string { return f.trimmed(at + key) }
		switch x.Kind {
		case form.Mapping:
			key, value := cell("name"), scalar(f.text(at+"value"))
			if key == "" && value == nil {
				continue
			}
			if _, twice := pairs[key]; twice {
				r.wrong[at+"name"] = "Another line has this name. Each may be there once."
			} else if key == "" {
				r.wrong[at+"name"] = "Write the name that this value gets."
			}
			if value == nil {
				value = ""
			}
			if cell("value") == "null" {
				value = nil
			}
			pairs[key] = value
			r.at[x.Key] = append(r.at[x.Key], entryAt{key, id})
			continue
		case form.Cases:
			if cell("port")+cell("when") == "" {
				continue
			}
			list = append(list, map[string]any{"port": cell("port"), "when": cell("when")})
		case form.Fields:
			if cell("key")+cell("label") == "" {
				continue
			}
			list = append(list, map[string]any{"key": cell("key"), "label": cell("label"), "kind": cell("kind")})
		default:
			if cell("value") == "" {
				continue
			}
			list = append(list, cell("value"))
		}
		r.at[x.Key] = append(r.at[x.Key], entryAt{strconv.Itoa(len(list) - 1), id})
	}
	switch {
	case x.Kind == form.Mapping && len(pairs) > 0:
		return pairs
	case len(list) > 0:
		return list
	}
	return nil
}

// plainParam reads a field of one input, or of boxes to tick.
func plainParam(f sent, x form.Field, was any) any {
	name := "p_" + x.Key
	trimmed := f.trimmed(name)
	switch x.Kind {
	case form.Bool:
		if !x.Expr {
			on := f.has(name)
			if standard, _ := x.Default.(bool); was == nil && on == standard {
				return nil // as it is when nobody says anything
			}
			return on
		}
		if b, err := strconv.ParseBool(trimmed); err == nil {
			return b
		}
	case form.Number:
		if n, err := strconv.ParseFloat(trimmed, 64); err == nil {
			return n
		}
	case form.List:
		return ticked(was, f[name])
	case form.LongText:
		if trimmed == "" {
			return nil
		}
		return f.text(name)
	case form.Text, form.Expression, form.Duration:
		trimmed = strings.Join(strings.Split(trimmed, "\n"), " ")
		if x.Kind == form.Expression {
			trimmed = f.trimmed(name)
		}
	}
	if trimmed == "" {
		return nil
	}
	return trimmed
}

// ticked gives the boxes that are ticked: those of before in their order, then what
// is new. Nothing at all is no list, unless there was an empty one.
func ticked(was any, now []string) any {
	before, _ := was.([]any)
	out := []any{}
	for _, v := range before {
		if s, ok := v.(string); ok && slices.Contains(now, s) {
			out = append(out, s)
		}
	}
	for _, s := range now {
		if !slices.Contains(out, any(s)) {
			out = append(out, s)
		}
	}
	if len(out) == 0 && len(before) > 0 || len(out) == 0 && was == nil {
		return nil
	}
	return out
}

// hasEntries tells whether a field is shown as lines.
func hasEntries(x form.Field) bool {
	switch x.Kind {
	case form.Mapping, form.Cases, form.Fields:
		return true
	case form.List:
		return len(x.Options) == 0
	}
	return false
}

// oneForAll tells whether one expression may give all lines of a field.
func oneForAll(x form.Field) bool {
	return x.Expr && (x.Kind == form.Mapping || x.Kind == form.List)
}

// unlessSpace keeps the old text where only space around it differs: a text of a
// file ends in a line break that a form does not send back, and a reviewer should
// not see changes that nobody made.
func unlessSpace(old, now any) any {
	switch x := now.(type) {
	case string:
		if was, ok := old.(string); ok && strings.TrimSpace(was) == strings.TrimSpace(x) {
			return old
		}
	case []any:
		was, _ := old.([]any)
		for i := range min(len(x), len(was)) {
			x[i] = unlessSpace(was[i], x[i])
		}
	case map[string]any:
		was, _ := old.(map[string]any)
		for k := range x {
			x[k] = unlessSpace(was[k], x[k])
		}
	}
	return now
}

// postedParam reads one field of a policy's form; nil when it is empty.
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
		return linesOf(trimmed, func(line string) any { return line })
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
