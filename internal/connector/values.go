package connector

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/form"
)

// Values reads settings, whichever of JSON or YAML they came from.
type Values map[string]any

// Text gives a setting as text, trimmed; "" when absent.
func (v Values) Text(key string) string {
	s, _ := v[key].(string)
	return strings.TrimSpace(s)
}

// Int gives a number as an integer; otherwise when absent.
func (v Values) Int(key string, otherwise int) int {
	if n, ok := number(v[key]); ok {
		return int(n)
	}
	return otherwise
}

// Bool gives a yes/no setting.
func (v Values) Bool(key string) bool {
	b, _ := v[key].(bool)
	return b
}

// List gives a list of texts. A single text counts as a list of its lines.
func (v Values) List(key string) []string {
	var in []string
	switch x := v[key].(type) {
	case string:
		in = strings.Split(x, "\n")
	case []string:
		in = x
	case []any:
		for _, e := range x {
			if s, ok := e.(string); ok {
				in = append(in, s)
			}
		}
	}
	var out []string
	for _, s := range in {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Map gives a mapping of texts.
func (v Values) Map(key string) map[string]string {
	out := map[string]string{}
	switch m := v[key].(type) {
	case map[string]string:
		maps.Copy(out, m)
	case map[string]any:
		for k, x := range m {
			if s, ok := x.(string); ok {
				out[k] = s
			}
		}
	}
	return out
}

// Duration gives a duration ("90s", "5d"); otherwise when absent or unreadable.
func (v Values) Duration(key string, otherwise time.Duration) time.Duration {
	if d, err := parseDuration(v.Text(key)); err == nil {
		return d
	}
	return otherwise
}

func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		return time.Duration(n * 24 * float64(time.Hour)), err
	}
	return time.ParseDuration(text)
}

func number(x any) (float64, bool) {
	switch n := x.(type) {
	case float64:
		return n, true
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}

// WithDefaults fills in what the settings leave out.
func WithDefaults(fields []form.Field, settings map[string]any) map[string]any {
	out := maps.Clone(settings)
	if out == nil {
		out = map[string]any{}
	}
	for _, f := range fields {
		if _, ok := out[f.Key]; !ok && f.Default != nil {
			out[f.Key] = f.Default
		}
	}
	return out
}

// Shown reports whether a field applies, given the other values.
func Shown(when *form.When, settings map[string]any) bool {
	if when == nil {
		return true
	}
	have := ""
	if x := settings[when.Field]; x != nil {
		have = fmt.Sprint(x)
	}
	return slices.Contains(when.In, have)
}

// CheckSettings finds what is wrong with a connection's content. Paths are those
// of the content: "type", "settings.base_url", "private.0".
func CheckSettings(c Catalog, s Settings) []fault.Problem {
	t, ok := c.Type(s.Type)
	if !ok {
		return []fault.Problem{{Path: "type", Detail: fmt.Sprintf("There is no connector of type %q. Choose one of: %s.", s.Type, kinds(c))}}
	}
	var out []fault.Problem
	info := t.Info()
	filled := WithDefaults(info.Settings, s.Settings)
	known := map[string]bool{}
	for _, f := range info.Settings {
		known[f.Key] = true
		if !Shown(f.ShowWhen, filled) {
			continue
		}
		if detail := checkField(f, filled[f.Key]); detail != "" {
			out = append(out, fault.Problem{Path: "settings." + f.Key, Detail: detail})
		}
	}
	for _, k := range slices.Sorted(maps.Keys(s.Settings)) {
		if !known[k] {
			out = append(out, fault.Problem{Path: "settings." + k, Detail: fmt.Sprintf("%s has no setting of this name.", info.Title)})
		}
	}
	if len(out) == 0 {
		for _, p := range t.Check(filled) {
			out = append(out, fault.Problem{Path: "settings." + p.Path, Detail: p.Detail})
		}
	}
	for _, p := range egress.CheckList(s.Private) {
		out = append(out, fault.Problem{Path: "private." + p.Path, Detail: p.Detail})
	}
	return append(out, checkLimits(s.Limits)...)
}

func checkLimits(l Limits) []fault.Problem {
	var out []fault.Problem
	if l.CreatesPerHour < 0 {
		out = append(out, fault.Problem{Path: "limits.creates_per_hour", Detail: "This cannot be below 0. Leave it out for no limit."})
	}
	if l.GrantsPerHour < 0 {
		out = append(out, fault.Problem{Path: "limits.grants_per_hour", Detail: "This cannot be below 0. Leave it out for no limit."})
	}
	if l.WriteBacksPerHour < 0 {
		out = append(out, fault.Problem{Path: "limits.write_backs_per_hour", Detail: "This cannot be below 0. Leave it out for no limit."})
	}
	if l.CallsPerSecond < 0 || math.IsNaN(l.CallsPerSecond) || math.IsInf(l.CallsPerSecond, 0) {
		out = append(out, fault.Problem{Path: "limits.calls_per_second", Detail: "This cannot be below 0. Leave it out for no limit."})
	}
	return out
}

func kinds(c Catalog) string {
	var out []string
	for _, t := range c.Types() {
		out = append(out, t.Info().Kind)
	}
	return strings.Join(out, ", ")
}

// checkField says what is wrong with one value; "" when nothing.
func checkField(f form.Field, x any) string {
	if blank(x) {
		if f.Required {
			return f.Label + " is needed."
		}
		return ""
	}
	switch f.Kind {
	case form.Text, form.LongText, form.Duration, form.Select:
		return checkText(f, x)
	case form.Number:
		if n, ok := number(x); !ok || math.IsNaN(n) || math.IsInf(n, 0) {
			return "Write a number."
		}
	case form.Bool:
		if _, ok := x.(bool); !ok {
			return "Write true or false."
		}
	case form.List:
		if len((Values{"x": x}).List("x")) == 0 {
			return "Write a list of texts."
		}
	case form.Mapping:
		if len((Values{"x": x}).Map("x")) == 0 {
			return "Write names and texts."
		}
	}
	return ""
}

func checkText(f form.Field, x any) string {
	s, ok := x.(string)
	if !ok {
		return "Write a text."
	}
	if len(s) > 100_000 {
		return "This is longer than any such value can be."
	}
	switch f.Kind {
	case form.Duration:
		if d, err := parseDuration(s); err != nil || d < 0 {
			return "Write a duration such as 10s, 5m or 2d."
		}
	case form.Select:
		var values []string
		for _, o := range f.Options {
			if o.Value == s {
				return ""
			}
			values = append(values, o.Value)
		}
		return "Choose one of: " + strings.Join(values, ", ") + "."
	}
	return ""
}

func blank(x any) bool {
	switch v := x.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case []any:
		return len(v) == 0
	case []string:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
