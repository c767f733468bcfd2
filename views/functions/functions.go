// Package functions has the pages of functions: the editor, and a call on record.
package functions

import "joinery/views/ui"

// Outcome is how one call ended.
type Outcome struct {
	Notice ui.Notice
	// Result is JSON, "" for none.
	Result    string
	Plan      []string
	Log       []LogLine
	Questions []Question
	Facts     []ui.Pair
}

// LogLine is a line that the code logged.
type LogLine struct {
	Badge  ui.Badge
	Text   string
	Fields string
	Where  string
}

// Question is what the code asked, and the answer.
type Question struct {
	Text, Answer, Where string
	Bad                 bool
}

// CallPage is a call of a function as it is on record.
type CallPage struct {
	Head    ui.Head
	Pairs   []ui.Pair
	Input   string
	Outcome Outcome
	Replay  ui.Button
	Result  *ReplayResult
}

// ReplayResult is what a replay came to.
type ReplayResult struct {
	Notice      ui.Notice
	Differences []ReplayDifference
	Notes       []string
}

// ReplayDifference is one thing that was not as it was recorded.
type ReplayDifference struct{ What, Then, Now string }
