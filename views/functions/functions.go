// Package functions has the pages of functions: the editor, and a call on record.
package functions

import (
	"joinery/views/policies"
	"joinery/views/ui"
)

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

// EditPage is the editor of one function.
type EditPage struct {
	Head    ui.Head
	Tabs    []ui.Tab
	Notices []ui.Notice
	// Action takes the form; DraftURL judges and tries it, SaveURL keeps it while
	// somebody types, LibraryURL lists the library. All are for the newest revision.
	Action, DraftURL, SaveURL, LibraryURL string
	Key, Base                             string
	ReadOnly, Changed                     bool
	Conflict                              *Conflict
	About                                 []ui.Field
	Source                                ui.Field
	Findings                              Findings
	SchemaTables                          []Schema
	Limits                                []ui.Field
	Grants                                []GrantGroup
	MoreGrants                            ui.Field
	GrantNotes                            []ui.Notice
	// TestTable are the tests as a table, with its columns; nil where each is written as YAML.
	TestTable *policies.Table
	// TestMore are the tables of what systems answer and of what shall be planned; Apart says
	// that these have tables, even where none is needed yet.
	TestMore      []policies.Table
	Apart         bool
	TestColumns   string
	Cases         []Case
	CaseBlank     Case
	Tests         Tests
	Sample        Sample
	SampleOutcome *Outcome
	Compare       ui.Field
	Compared      *Compared
	Message       ui.Field
	Library       []Module
	// Asks lead to a conversation about this function; none for who may not ask.
	Asks []ui.Button
}

// Conflict says that somebody saved meanwhile.
type Conflict struct {
	Text, Newest, TheirsURL string
	Lines                   []ui.DiffLine
}

// Findings are what reading the source showed.
type Findings struct {
	Notice *ui.Notice
	Lines  []Finding
}

// Finding is one place of the source.
type Finding struct {
	Badge       ui.Badge
	Where, Text string
}

// GrantGroup are the grants for one connection.
type GrantGroup struct {
	Connection, Label string
	Options           []ui.Option
}

// Schema is the input or the output: a table of fields, or written as YAML.
type Schema struct {
	Key, Label      string
	Written, Closed bool
	Field           ui.Field
	Table           policies.Table
}

// Case is one test.
type Case struct {
	ID, Title, Error string
	Short, Large     []ui.Field
	Open             bool
	Result           *CaseResult
}

// CaseResult is how a test went.
type CaseResult struct {
	Badge         ui.Badge
	Why           string
	Expected, Got string
	// WhyURL asks why it failed; "" where it did not.
	WhyURL  string
	Diff    []ui.DiffLine
	Outcome *Outcome
}

// Tests sum up a run of the tests.
type Tests struct {
	Badge *ui.Badge
	Text  string
	// Coverage is the source with a mark at each line; nil where no test ran.
	Coverage []CoverLine
	// Mutants sums up the mutation check, Survivors are the changes nobody noticed.
	Mutants   *ui.Notice
	Survivors []Finding
}

// CoverLine is one line of the source. Mark is ran, missed or "" where there is no code.
type CoverLine struct{ Number, Text, Mark string }

// Compared are two sources side by side.
type Compared struct {
	Label, Left, Right string
	Words              []string
	Rows               []ui.DiffRow
}

// Module is a part of the library.
type Module struct {
	Name      string
	Functions []LibraryFunction
}

// LibraryFunction is one function of the library.
type LibraryFunction struct{ Signature, Help, Example, Grant string }

// Sample is what a function is tried with: its input field by field, and what systems
// answer; or both written as YAML.
type Sample struct {
	Written, ReadOnly bool
	// Columns tells the fields and the table from others.
	Columns string
	Input   []ui.Field
	Now     ui.Field
	// Answers is nil where nothing is asked.
	Answers *policies.Table
}

// NewPage begins a function.
type NewPage struct {
	Head              ui.Head
	Action, CancelURL string
	TextURL           string
	Notice            *ui.Notice
	Fields            []ui.Field
}
