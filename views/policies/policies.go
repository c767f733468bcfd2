// Package policies has the pages of policies: choosing a type, and the form with its
// tables, tests and the panel that tries it.
package policies

import "joinery/views/ui"

// Choice is one type of policy, to choose from.
type Choice struct{ Icon, Title, Help, URL string }

// ChoosePage offers the types of policy.
type ChoosePage struct {
	Head    ui.Head
	Choices []Choice
	TextURL string
}

// EditPage is the form of one policy.
type EditPage struct {
	Head    ui.Head
	Tabs    []ui.Tab
	Notices []ui.Notice
	// Action takes the whole form; DraftURL answers what is wrong with it and what it would decide.
	Action, DraftURL string
	Type, Base       string
	ReadOnly         bool
	// Changed says that the form holds what is not saved yet.
	Changed  bool
	Conflict *Conflict
	About    []ui.Field
	// Fields stand before the tables.
	Title, Help string
	Icon        string
	Fields      []ui.Field
	Tables      []Table
	Cases       []Case
	Results     Results
	CaseAdd     Case // the empty one that script copies
	Message     ui.Field
	CancelURL   string
	Try         Try
	Uses        *Uses
	Builder     Builder
	// ConditionURL reads and writes conditions for the builder.
	ConditionURL string
	// Stale are notices about the form as it was sent; script takes them away.
	Stale []ui.Notice
	// Wide puts the panel below tables that need the width.
	Wide bool
}

// Conflict says that somebody saved meanwhile, and shows the two versions.
type Conflict struct {
	Text          string
	Newest        string
	Theirs, Mine  []string
	Lines         []ui.DiffLine
	TheirsURL     string
	KeepMine      string
	TheirRevision string
}

// Table is a table to type in.
type Table struct {
	Key, Label, Help, Error string
	Columns                 []Column
	Rows                    []Row
	// Of is what rows can belong to, where it is too much to be listed in each of them.
	Of []ui.Option
	// Blank is the row that script copies.
	Blank    Row
	ReadOnly bool
	Pasted   string
	Open     bool
	// Many columns never fit beside each other: each row is a card.
	Many bool
	// Fold puts the table behind its name; Shown unfolds it.
	Fold, Shown bool
}

// Column is the heading of a column. Class says how wide it is.
type Column struct {
	Key, Label, Help, Class string
	Required                bool
}

// Row is one row. Number counts from 1.
type Row struct {
	ID, Number string
	Selected   bool
	Cells      []Cell
	Error      string
}

// Cell is one cell. Input is text, lines, number, date, select, check or lines-code.
type Cell struct {
	Name, Value, Placeholder, Error string
	Column                          string
	Label, Help, Class, Input       string
	Options                         []ui.Option
	Focus, Condition                bool
	Disabled, Required              bool
	// ShowColumn and ShowIn (values joined by a space) say with what in another cell of
	// the row this one counts; Off that it does not now.
	ShowColumn, ShowIn string
	// Ref is the table whose rows this cell names, by their ids.
	Ref string
	Off bool
}

// Case is one test.
type Case struct {
	ID, Title, Error string
	// Fields are short, Large have several lines.
	Fields, Large []ui.Field
	Result        *ui.Badge
	Why           string
	Open          bool
}

// Results sum up how the tests went.
type Results struct {
	Text  string
	Badge *ui.Badge
	Tests []TestLine
}

// TestLine is how one test went.
type TestLine struct {
	Name, Why string
	Badge     ui.Badge
}

// Try is the panel that tries the form's policy.
type Try struct {
	Query      ui.Field
	Joiner     string
	JoinerName string
	Matches    []ui.Option
	Attributes []ui.Field
	More, Now  ui.Field
	Live       *ui.Field
	// Extra are the fields that only some types look at; Open unfolds them.
	Extra   []ui.Field
	Open    bool
	Outcome TryOutcome
	CanPick bool
	CanKeep bool
	Note    string
}

// TryOutcome is what came of it.
type TryOutcome struct {
	Notice  *ui.Notice
	Outputs []ui.Pair
	// All are all outputs as YAML, where Outputs leaves some out.
	All     string
	Reasons []Reason
	// More counts reasons that are not shown.
	More string
	Took string
	Note string
	// Seen is what live systems said. Asked are those that answered, Missed says why
	// others did not.
	Seen               []Reason
	Asked, Missed      []string
	SeenMore, SeenNote string
}

// Reason is one step of the decision, or one thing that was seen.
type Reason struct {
	Row, Title, Detail string
	// Where is the system that it was seen in.
	Where  string
	Took   bool
	RowURL string
}

// Uses are the flows that use the policy.
type Uses struct {
	Text  string
	Flows []Use
}

// Use is one flow and the revision it pins.
type Use struct {
	Name, URL, Text string
	Behind          bool
	// Take is the form that releases the flow again with the live revision.
	Take *ui.Danger
}

// Builder is what the builder of a condition offers.
type Builder struct {
	Attributes []string
	// Operators name the comparisons; Help is how many values each takes.
	Operators []ui.Option
}
