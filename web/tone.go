package web

import (
	"strings"

	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/views/ui"
)

// The one table of states and their tones. A word never changes its colour from
// page to page.
var tones = map[string]string{
	string(run.Queued): "neutral", string(run.Running): "info", string(run.Waiting): "warn", string(run.Parked): "warn", string(run.Succeeded): "good",
	string(run.Failed): "bad", string(run.Canceled): "neutral", string(run.Compensated): "neutral",
	string(run.StepPending): "neutral", string(run.StepSkipped): "neutral", string(run.StepUndone): "neutral",
	string(review.Open): "info", string(review.ChangesRequested): "warn", string(review.Approved): "good", string(review.Closed): "neutral",
	"accepted": "good", "matched": "good", "ignored": "neutral", "dead": "bad", "duplicate": "neutral",
}

// stateBadge shows a stored state as a badge.
func stateBadge(state string) ui.Badge {
	tone := tones[state]
	if tone == "" {
		tone = "neutral"
	}
	return ui.Badge{Tone: tone, Text: strings.ReplaceAll(state, "_", " ")}
}
