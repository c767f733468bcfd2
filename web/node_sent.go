package web

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// sent is what a form holds: the values of each name, in the order of the page. It
// comes from a form that is sent, or from a script as JSON.
type sent map[string][]string

func sentBy(c *fiber.Ctx) sent {
	out := sent{}
	for name, value := range c.Request().PostArgs().All() {
		out[string(name)] = append(out[string(name)], strings.ReplaceAll(string(value), "\r\n", "\n"))
	}
	return out
}

func (s sent) text(name string) string {
	if v := s[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (s sent) trimmed(name string) string { return strings.TrimSpace(s.text(name)) }

func (s sent) has(name string) bool { _, ok := s[name]; return ok }

// lines gives the ids of the lines of a field, in the order of their numbers: the
// names are field.line.cell.
func (s sent) lines(field string) []string {
	var out []string
	for name := range s {
		if rest, ok := strings.CutPrefix(name, field+"."); ok {
			if id, _, ok := strings.Cut(rest, "."); ok && rowName.MatchString(id) && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		n, errA := strconv.Atoi(a)
		m, errB := strconv.Atoi(b)
		if errA == nil && errB == nil {
			return n - m
		}
		return strings.Compare(a, b)
	})
	return out
}

// UnmarshalJSON reads {"name": "value"} and {"name": ["one", "two"]}.
func (s *sent) UnmarshalJSON(raw []byte) error {
	var in map[string]any
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*s = sent{}
	for name, v := range in {
		switch x := v.(type) {
		case string:
			(*s)[name] = []string{x}
		case []any:
			(*s)[name] = []string{}
			for _, e := range x {
				if text, ok := e.(string); ok {
					(*s)[name] = append((*s)[name], text)
				}
			}
		}
	}
	return nil
}
