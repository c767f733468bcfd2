package web

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/form"
	"joinery/views/connections"
)

// connectionGroups turns a type's declared settings, the values and what is
// wrong with them into the form. New says that the key can still be chosen.
func connectionGroups(info connector.Info, s connector.Settings, problems []fault.Problem, isNew bool) []connections.Group {
	wrong := map[string][]string{}
	for _, p := range problems {
		path := p.Path
		if strings.HasPrefix(path, "private.") {
			path = "private"
		}
		wrong[path] = append(wrong[path], p.Detail)
	}
	add := func(f form.Field, name string, value any) connections.Field {
		return connectionField(f, name, value, strings.Join(wrong[name], " "))
	}
	var first []connections.Field
	if isNew {
		first = append(first, add(form.Field{Label: "Key", Kind: form.Text, Required: true, Placeholder: "corp-ldap",
			Help: "Flows name the connection by it. Lower-case letters, digits and hyphens; it cannot be changed later."}, "key", s.Key))
	}
	out := []connections.Group{{Title: "Connection", Fields: append(first,
		add(form.Field{Label: "Name", Kind: form.Text, Required: true}, "name", s.Name),
		add(form.Field{Label: "Description", Kind: form.LongText}, "description", s.Description),
	)}}
	values := connector.WithDefaults(info.Settings, s.Settings)
	for _, f := range info.Settings {
		title := f.Group
		if title == "" {
			title = "Settings"
		}
		i := slices.IndexFunc(out, func(g connections.Group) bool { return g.Title == title })
		if i < 0 {
			out = append(out, connections.Group{Title: title})
			i = len(out) - 1
		}
		out[i].Fields = append(out[i].Fields, add(f, "settings."+f.Key, values[f.Key]))
	}
	return append(out, connections.Group{Title: "Safety", Fields: []connections.Field{
		add(form.Field{Label: "Private hosts", Kind: form.List, Placeholder: "10.2.0.0/16",
			Help: "Outbound calls reach public addresses only. Name the private hosts or ranges this connection may reach, one per line."}, "private", s.Private),
		add(form.Field{Label: "Accounts created per hour, at most", Kind: form.Number, Help: "Beyond it new runs wait for a person. Empty: no limit."},
			"limits.creates_per_hour", blankZero(float64(s.Limits.CreatesPerHour))),
		add(form.Field{Label: "Memberships given per hour, at most", Kind: form.Number, Help: "Beyond it new runs wait for a person. Empty: no limit."},
			"limits.grants_per_hour", blankZero(float64(s.Limits.GrantsPerHour))),
		add(form.Field{Label: "Write-backs per hour, at most", Kind: form.Number, Help: "Updates of workers in an HRIS. Beyond it runs wait for a person. Empty: no limit."},
			"limits.write_backs_per_hour", blankZero(float64(s.Limits.WriteBacksPerHour))),
		add(form.Field{Label: "Calls per second, at most", Kind: form.Number, Help: "Empty: as fast as the system answers."},
			"limits.calls_per_second", blankZero(s.Limits.CallsPerSecond)),
	}})
}

func blankZero(n float64) any {
	if n == 0 {
		return nil
	}
	return n
}

func connectionField(f form.Field, name string, value any, problem string) connections.Field {
	out := connections.Field{ID: strings.ReplaceAll(name, ".", "-"), Name: name, Label: f.Label, Help: f.Help, Placeholder: f.Placeholder, Error: problem,
		Required: f.Required, Input: "text", Value: settingText(value)}
	switch f.Kind {
	case form.LongText, form.List, form.Mapping:
		out.Input, out.Rows = "lines", strconv.Itoa(min(max(4, strings.Count(out.Value, "\n")+2), 20))
	case form.Number:
		out.Input = "number"
	case form.Bool:
		out.Input = "check"
		out.Checked, _ = value.(bool)
	case form.Select:
		out.Input = "select"
		for _, o := range f.Options {
			out.Options = append(out.Options, connections.Option{Value: o.Value, Label: o.Label, Selected: o.Value == out.Value})
		}
	}
	if f.ShowWhen != nil {
		out.ShowField, out.ShowIn = "settings."+f.ShowWhen.Field, strings.Join(f.ShowWhen.In, " ")
	}
	var ids []string
	if out.Help != "" {
		ids = append(ids, out.ID+"-hint")
	}
	if out.Error != "" {
		ids = append(ids, out.ID+"-error")
	}
	out.DescribedBy = strings.Join(ids, " ")
	return out
}

// settingText writes a setting the way the form and the page show it.
func settingText(x any) string {
	switch v := x.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		return strings.Join(v, "\n")
	case []any:
		var lines []string
		for _, e := range v {
			lines = append(lines, settingText(e))
		}
		return strings.Join(lines, "\n")
	case map[string]any:
		var lines []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			lines = append(lines, k+" = "+settingText(v[k]))
		}
		return strings.Join(lines, "\n")
	}
	return fmt.Sprint(x)
}

// connectionPosted reads the form back. What cannot be read as its kind stays
// text, so that the check complains at the field and the person sees what they
// typed.
func connectionPosted(info connector.Info, key string, posted url.Values) connector.Settings {
	text := func(name string) string {
		return strings.TrimSpace(strings.ReplaceAll(posted.Get(name), "\r\n", "\n"))
	}
	s := connector.Settings{Key: key, Name: text("name"), Description: text("description"), Type: info.Kind, Settings: map[string]any{}, Private: lines(text("private"))}
	if key == "" {
		s.Key = text("key")
	}
	s.Limits.CreatesPerHour = int(postedNumber(text("limits.creates_per_hour")))
	s.Limits.GrantsPerHour = int(postedNumber(text("limits.grants_per_hour")))
	s.Limits.WriteBacksPerHour = int(postedNumber(text("limits.write_backs_per_hour")))
	s.Limits.CallsPerSecond = postedNumber(text("limits.calls_per_second"))
	for _, f := range info.Settings {
		v := postedValue(f, text("settings."+f.Key))
		if v != nil && settingText(v) != settingText(f.Default) {
			s.Settings[f.Key] = v
		}
	}
	// What a choice hides is not saved: it would be approved unseen.
	for _, f := range info.Settings {
		if !connector.Shown(f.ShowWhen, connector.WithDefaults(info.Settings, s.Settings)) {
			delete(s.Settings, f.Key)
		}
	}
	return s
}

func postedValue(f form.Field, text string) any {
	switch f.Kind {
	case form.Bool:
		return text == "true"
	case form.Number:
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n
		}
	case form.List:
		var out []any
		for _, l := range lines(text) {
			out = append(out, l)
		}
		if out == nil {
			return nil
		}
		return out
	case form.Mapping:
		out := map[string]any{}
		for _, l := range lines(text) {
			k, v, _ := strings.Cut(l, "=")
			out[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	if text == "" {
		return nil
	}
	return text
}

func lines(text string) []string {
	var out []string
	for l := range strings.SplitSeq(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// postedNumber gives -1 for what is no number, which the check refuses.
func postedNumber(text string) float64 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return -1
	}
	return n
}
