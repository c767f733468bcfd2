// Package author has the pages on which a function is asked for: the list of
// conversations, one conversation, what was sent to the model, and its settings.
// What a model wrote is shown as text, never as markup.
package author

import (
	"strconv"

	"joinery/views/policies"
	"joinery/views/ui"
)

// IndexPage lists the conversations and begins one.
type IndexPage struct {
	Head    ui.Head
	Notices []ui.Notice
	Ask     *Ask
	// Examples are what to begin with where no model can be asked.
	Examples []Example
	Usage    []ui.Tile
	Table    ui.Table
	Empty    ui.Empty
	Pager    ui.Pager
}

// Example is a function that ships.
type Example struct{ Name, Text, URL string }

// Ask is a form for what somebody wants.
type Ask struct {
	Title, Text, Action string
	Fields              []ui.Field
	Buttons             []AskButton
}

// AskButton sends what was asked as one kind of question.
type AskButton struct {
	Text, Icon, Kind string
	Primary          bool
}

// Page is one conversation.
type Page struct {
	Head    ui.Head
	Notices []ui.Notice
	// LiveURL streams the body while something is under way; AgainURL is the page itself,
	// for readers without script.
	LiveURL, AgainURL string
	Body              Body
}

// Body is what changes while the model works.
type Body struct {
	// Said is announced to those who do not see the page.
	Said  string
	Turns []Turn
	Ask   *Ask
	About []ui.Pair
	Links []ui.Button
}

// Turn is one thing that was asked, and what came of it.
type Turn struct {
	ID, Kind, By, When, ISO string
	Text                    string
	Badge                   ui.Badge
	Stages                  []Stage
	Trouble                 *Trouble
	Acts                    []ui.Button
}

// Trouble is what went wrong and what to do.
type Trouble struct{ What, Do string }

// Stage is one part of the work.
type Stage struct {
	// ID is unique on the page.
	ID, Title string
	// Tone is the look of its dot; Icon its sign.
	Tone, Icon string
	Badge      ui.Badge
	Text       string
	Stream     *Stream
	Intent     *IntentForm
	Restated   []Restated
	Tests      *ui.Table
	Code       string
	CodeTitle  string
	Diff       *Diff
	Gates      []Gate
	// Passed says in short that all gates are passed; "" unfolds them.
	Passed string
	Pairs  []ui.Pair
	Answer string
	Notice *ui.Notice
	Acts   []ui.Button
}

// Stream is text that is arriving: At is how much of it the page has.
type Stream struct {
	ID, Text string
	At       int
}

func (s Stream) at() string { return strconv.Itoa(s.At) }

// IntentForm is the restated intent, to be corrected and confirmed.
type IntentForm struct {
	Action    string
	Questions []ui.Field
	About     []ui.Field
	Takes     policies.Table
	Gives     policies.Table
	// Examples is the table of the examples; nil where they are Written as YAML.
	Examples *policies.Table
	// More are the tables of what systems answer and of what shall be planned; Apart says that
	// these have tables, even where none is needed yet.
	More    []policies.Table
	Apart   bool
	Written *ui.Field
	// May is what the function may ask and change.
	May       []ui.Field
	Forbidden policies.Table
	// Rest is what is wrong and has no place in the form.
	Rest []string
}

// Restated is one part of the confirmed intent.
type Restated struct {
	Title string
	Lines []string
}

// Diff is what a follow-up changed.
type Diff struct {
	Title string
	Lines []ui.DiffLine
}

// Gate is one thing that has to hold before a function can be submitted.
type Gate struct {
	Badge       ui.Badge
	Title, Text string
	Details     []string
}

// CallsPage is what was sent to the model, word for word.
type CallsPage struct {
	Head  ui.Head
	Calls []Call
	Empty ui.Empty
}

// Call is one call of the model.
type Call struct {
	ID, Title    string
	Badge        ui.Badge
	Pairs        []ui.Pair
	Sent, Answer string
	Messages     []Message
	Trouble      string
}

// Message is one text of what was sent, and who says it to the model.
type Message struct{ Role, Text string }

// ProviderPage is the settings page of the model.
type ProviderPage struct {
	Head    ui.Head
	Notices []ui.Notice
	Action  string
	Groups  []Group
	// TestURL takes the same form and keeps nothing.
	TestURL  string
	Findings []Gate
	Key      Key
	Usage    []ui.Tile
}

// Group is fields under one legend.
type Group struct {
	Legend string
	Fields []ui.Field
}

// Key is the credential of the model's provider.
type Key struct {
	Text    string
	Pairs   []ui.Pair
	Buttons []ui.Button
}
