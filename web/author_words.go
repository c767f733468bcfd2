package web

import (
	"joinery/internal/author"
	"joinery/views/ui"
)

// How turns, stages and gates are called on the pages.
var (
	turnTitles  = map[author.Kind]string{author.Request: "A new function", author.FollowUp: "A change", author.Explain: "An explanation", author.Why: "Why a test fails", author.MoreTests: "More tests"}
	stageTitles = map[author.Stage]string{author.IntentStage: "What was understood", author.TestsStage: "Tests", author.CodeStage: "Code", author.ChecksStage: "Checks", author.DraftStage: "Draft", author.AnswerStage: "Answer"}
	stageWork   = map[author.Stage]string{author.IntentStage: "Reading what you asked for", author.TestsStage: "Writing tests", author.CodeStage: "Writing the code", author.ChecksStage: "Running the tests and the gates", author.DraftStage: "Saving the draft", author.AnswerStage: "Writing an answer"}
	gateTitles  = map[author.Gate]string{
		author.GateCode:      "The code can be read and uses only the library",
		author.GateTests:     "Its tests pass",
		author.GateMutation:  "Its tests notice small changes",
		author.GateGrants:    "It asks for exactly the grants that it uses",
		author.GateLimits:    "It asks for no more time and questions than it needs",
		author.GateIntent:    "It writes only where that was agreed",
		author.GateForbidden: "It does nothing that was ruled out",
		author.GateLiterals:  "Nothing in it looks like a secret or a real person",
	}
	authorTones = map[author.State]ui.Badge{author.Waiting: {Tone: "neutral", Text: "Waiting"}, author.Running: {Tone: "info", Text: "Under way"}, author.NeedsYou: {Tone: "warn", Text: "Needs you"},
		author.Done: {Tone: "good", Text: "Done"}, author.Failed: {Tone: "bad", Text: "Failed"}, author.Cancelled: {Tone: "neutral", Text: "Cancelled"}}
	stageIcons = map[author.State]string{author.Waiting: "clock", author.Running: "loader", author.NeedsYou: "pencil", author.Done: "check", author.Failed: "x", author.Cancelled: "ban"}
)

// turnKinds are what can be asked about a function that there is.
func turnKind(text string) author.Kind {
	switch k := author.Kind(text); k {
	case author.FollowUp, author.Explain, author.Why, author.MoreTests:
		return k
	}
	return author.Request
}
