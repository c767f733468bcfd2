package web

import (
	"slices"

	"joinery/internal/connector"
	"joinery/views/connections"
)

// connectionFindings turns the lines of a test into what the page shows.
func connectionFindings(fs []connector.Finding) []connections.Finding {
	out := make([]connections.Finding, len(fs))
	for i, f := range fs {
		out[i] = connections.Finding{Title: f.Title, Detail: f.Detail, Badge: connections.Badge{Tone: "good", Text: "Works"}}
		if !f.OK {
			out[i].Badge = connections.Badge{Tone: "bad", Text: "Fails"}
		}
	}
	return out
}

// connectionPairs lists the settings that apply, defaults included, because a
// reviewer needs to see what will happen and not only what was typed.
func connectionPairs(info connector.Info, s connector.Settings) []connections.Pair {
	values := connector.WithDefaults(info.Settings, s.Settings)
	var out []connections.Pair
	for _, f := range info.Settings {
		text := settingText(values[f.Key])
		if text == "" || !connector.Shown(f.ShowWhen, values) {
			continue
		}
		for _, o := range f.Options {
			if o.Value == text {
				text = o.Label
			}
		}
		out = append(out, connections.Pair{Label: f.Label, Value: text})
	}
	if len(s.Private) > 0 {
		out = append(out, connections.Pair{Label: "Private hosts", Value: settingText(s.Private)})
	}
	for _, l := range []struct {
		label string
		value float64
	}{{"Accounts created per hour, at most", float64(s.Limits.CreatesPerHour)}, {"Memberships given per hour, at most", float64(s.Limits.GrantsPerHour)},
		{"Write-backs per hour, at most", float64(s.Limits.WriteBacksPerHour)}, {"Calls per second, at most", s.Limits.CallsPerSecond}} {
		if l.value > 0 {
			out = append(out, connections.Pair{Label: l.label, Value: settingText(l.value)})
		}
	}
	return out
}

// connectionCredentials lists the secrets that these settings need. set holds
// the names that have a value; address gives the page to set or rotate one, or
// "" when the reader may not.
func connectionCredentials(info connector.Info, s connector.Settings, set map[string]bool, address func(name string) string) []connections.Credential {
	values := connector.WithDefaults(info.Settings, s.Settings)
	var out []connections.Credential
	for _, c := range info.Credentials {
		if !connector.Shown(c.ShowWhen, values) {
			continue
		}
		row := connections.Credential{Label: c.Label, Help: c.Help, URL: address(c.Name), LinkText: "Set", Badge: connections.Badge{Tone: "neutral", Text: "Not set"}}
		switch {
		case set[c.Name]:
			row.Badge, row.LinkText = connections.Badge{Tone: "good", Text: "Set"}, "Rotate"
		case c.Required:
			row.Badge = connections.Badge{Tone: "bad", Text: "Missing"}
		}
		out = append(out, row)
	}
	return out
}

// connectionWebhook gives the address an HRIS sends its events to; "" for types
// that send none.
func connectionWebhook(info connector.Info, baseURL, key string) string {
	if !slices.Contains(info.Capabilities, connector.CapWebhook) {
		return ""
	}
	return baseURL + "/hooks/" + key
}

// restSentence says why a connection is not called just now; "" when it is.
func restSentence(h connector.Health) string {
	if !h.Resting {
		return ""
	}
	when := "One call will be tried at " + h.Until.UTC().Format("15:04:05") + " UTC."
	if h.Probing {
		when = "One call is being tried now."
	}
	return "Since " + h.Since.UTC().Format("15:04:05") + " UTC nothing is sent to this system: " + h.Why + " " + when + " Runs that need it wait and go on by themselves; nothing is lost."
}
