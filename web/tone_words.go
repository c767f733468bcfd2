package web

import (
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/views/ui"
)

// runWords say a run's state to people.
var runWords = map[run.State]string{run.Queued: "Queued", run.Running: "Running", run.Waiting: "Waiting", run.Parked: "Parked", run.Succeeded: "Succeeded", run.Failed: "Failed",
	run.Canceled: "Canceled", run.Compensated: "Undone"}

// stepWords say a step's state to people.
var stepWords = map[run.StepState]string{run.StepPending: "Not yet", run.StepRunning: "Running", run.StepWaiting: "Waiting", run.StepSucceeded: "Done", run.StepFailed: "Failed",
	run.StepSkipped: "Skipped", run.StepCanceled: "Canceled", run.StepUndone: "Undone"}

func runBadge(s run.State) ui.Badge {
	return ui.Badge{Tone: stateBadge(string(s)).Tone, Text: runWords[s]}
}

func stepBadge(s run.StepState) ui.Badge {
	return ui.Badge{Tone: stateBadge(string(s)).Tone, Text: stepWords[s]}
}

// reviewBadge is a review's state as pages show it.
func reviewBadge(s review.State) ui.Badge {
	words := map[review.State]string{review.Open: "Waits for a reviewer", review.ChangesRequested: "Changes requested", review.Approved: "Approved", review.Closed: "Closed"}
	return ui.Badge{Tone: stateBadge(string(s)).Tone, Text: words[s]}
}
