package web

import (
	"context"
	"strings"

	"joinery/internal/auth"
	"joinery/internal/author"
	views "joinery/views/author"
	"joinery/views/ui"
)

// What each part of a try is called, and its badges where it is good and where not.
var triedWords = map[string]struct{ title, good, bad string }{
	"address": {"The address", "Reached", "Not reached"},
	"key":     {"The key", "Accepted", "Key refused"},
	"model":   {"The model", "It answers", "No answer"},
	"tools":   {"Calling tools", "It can", "It cannot"},
}

// forAdmin says to an administrator on the page of the settings what others are told to
// have done there.
func forAdmin(text string) string {
	return strings.NewReplacer("An administrator sets", "Set", "An administrator corrects", "Correct", ", or says there", ", or say there", " under Settings", " below", "Tick that in the settings", "Tick that below").Replace(text)
}

// tryModel asks the model and shows what came of it, part by part.
func (s *Server) tryModel(ctx context.Context, who auth.Actor, set author.Setting) ([]views.Gate, error) {
	var all []author.Tried
	out := []views.Gate{}
	if s.Author != nil {
		all = s.Author.Try(ctx, set)
	} else {
		out = append(out, views.Gate{Badge: ui.Badge{Tone: "warn", Text: "Not tried"}, Title: "This process asks no model."})
	}
	seen := map[string]any{}
	for _, p := range all {
		w := triedWords[p.Part]
		v := views.Gate{Badge: ui.Badge{Tone: "good", Text: w.good}, Title: w.title, Text: visible(p.Says)}
		switch {
		case !p.Known:
			v.Badge = ui.Badge{Tone: "neutral", Text: "Not known"}
		case !p.Good:
			v.Badge = ui.Badge{Tone: "bad", Text: w.bad}
			v.Details = []string{visible(forAdmin(p.Do))}
		}
		seen[p.Part] = v.Badge.Text
		out = append(out, v)
	}
	return out, s.DB.RecordModelTried(ctx, who, set, seen)
}
