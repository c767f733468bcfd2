package web

import (
	"slices"
	"strings"
	"time"

	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/views/ui"
)

// The words that lists are narrowed by.
func runStates() []string {
	return []string{string(run.Queued), string(run.Running), string(run.Waiting), string(run.Parked), string(run.Succeeded), string(run.Failed), string(run.Canceled), string(run.Compensated)}
}

func runModes() []string { return []string{string(run.Live), string(run.Simulate)} }

func eventStates() []string { return []string{"accepted", "dead", "replayed"} }

func reviewStates() []string {
	return []string{string(review.Open), string(review.ChangesRequested), string(review.Approved), string(review.Closed)}
}

func oneOf(text string, words []string) bool { return slices.Contains(words, text) }

func wrongWord(name string, words []string) string {
	last := len(words) - 1
	return name + " is " + strings.Join(words[:last], ", ") + " or " + words[last] + "."
}

// pickWord gives a page's filter; a word that is none is left out and the page
// says so, because an address typed by hand deserves a list and not an error.
func pickWord(text, name string, words []string) (string, []ui.Notice) {
	if text == "" || oneOf(text, words) {
		return text, nil
	}
	return "", []ui.Notice{{Tone: "warn", Text: "There is no such " + name + ", so all are shown: " + wrongWord(name, words)}}
}

// pickDay gives a page's filter by date; what is none is left out in the same way. The
// zero time is no filter.
func pickDay(text, label string) (time.Time, []ui.Notice) {
	t := day(text)
	if text == "" || !t.IsZero() {
		return t, nil
	}
	return t, []ui.Notice{{Tone: "warn", Text: label + " is no date, so all days are shown: write it like 2026-12-01."}}
}

// day reads a date; the zero time when it is none.
func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}
	}
	return t
}
