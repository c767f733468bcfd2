// Package connections has the pages of connections: list, choice of type,
// settings form, the connection itself, and the findings of a test.
package connections

// Badge is a short coloured state.
type Badge struct {
	Tone string // neutral, good, warn, bad
	Text string
}

// Option is one choice of a field.
type Option struct {
	Value, Label string
	Selected     bool
}

// Field is one input, ready to show.
type Field struct {
	ID, Name, Label, Help, Placeholder, Error string
	// Input is text, lines, number, check or select.
	Input    string
	Value    string
	Rows     string
	Checked  bool
	Required bool
	Options  []Option
	// ShowField and ShowIn name the input this one depends on, and the values
	// (joined by a space) that show it; without JavaScript it is always shown.
	ShowField, ShowIn string
	// HintID and ErrorID are what aria-describedby points to; "" when there is none.
	DescribedBy string
}

// Group is a heading and its fields.
type Group struct {
	Title  string
	Fields []Field
}

// Row is one line of the list.
type Row struct {
	Name, Key, Type, URL string
	Badges               []Badge
}

// ListPage is the list of connections.
type ListPage struct {
	Rows   []Row
	NewURL string // "" when the reader may not make one
}

// Choice is a type to choose from.
type Choice struct{ Title, Help, URL string }

// NewPage is the choice of a type.
type NewPage struct{ Choices []Choice }

// FormPage is the settings form, for a new and for a changed connection.
type FormPage struct {
	Title, TypeTitle, TypeHelp string
	Kind                       string
	CSRF                       string
	SaveURL, TestURL           string
	CancelURL                  string
	// BaseRevision is the revision the form was filled from; saving over a newer
	// one is refused.
	BaseRevision string
	Sentence     string // what is wrong as a whole
	Groups       []Group
	Message      Field
	Findings     []Finding
}

// Finding is one line of Test connection.
type Finding struct {
	Title, Detail string
	Badge         Badge
}

// Pair is a setting as text.
type Pair struct{ Label, Value string }

// Credential is one secret of the connection.
type Credential struct {
	Label, Help string
	Badge       Badge
	LinkText    string
	URL         string // "" when the reader may not set it
}

// ShowPage is one connection.
type ShowPage struct {
	Name, Key, TypeTitle, Description string
	Badges                            []Badge
	Resting                           string // why nothing is sent to it just now
	CSRF                              string
	EditURL, ReviewURL, TestURL       string
	PauseURL, PauseText, PauseHelp    string
	PauseAsks                         bool // for a reason
	Settings                          []Pair
	Credentials                       []Credential
	WebhookURL                        string
	Poll                              *Poll // nil when nobody asks this HRIS what has changed
	Findings                          []Finding
}

// Poll is how asking an HRIS what has changed goes.
type Poll struct {
	Badge  Badge
	Pairs  []Pair
	Notice string // what a person should look at; "" when all is well
	NowURL string // "" when the reader may not ask
}
