// Package ui holds the parts all pages are made of. Parts take finished values:
// texts, addresses and tones; they ask nothing and count nothing.
package ui

import (
	"context"
	"strconv"
)

// Badge is a short coloured state. Tone is neutral, good, warn, bad, info or violet.
type Badge struct{ Tone, Text string }

// Option is one choice of a select, a radio or a list of checkboxes.
type Option struct {
	Value, Label, Help string
	Selected           bool
}

// Field is one labelled input, with its help and what is wrong with it.
type Field struct {
	// ID defaults to Name.
	ID, Name, Label, Help, Error, Placeholder, Value string
	// Input is text (the default), password, email, number, date, datetime-local,
	// search, lines, code, select, check, checks, radio or hidden.
	Input              string
	Rows               int
	Required, Disabled bool
	ReadOnly, Focus    bool
	Checked            bool // of a check
	Options            []Option
	Autocomplete       string
	// ShowField and ShowIn (values joined by a space) hide the field unless another
	// one has such a value; without script it is always shown.
	ShowField, ShowIn string
	MaxLength         int
	// Expr says that the text may be computed: "field" is a literal, a text with
	// {{ expressions }} or an =expression; "expression" is one without the = sign.
	Expr string
	// Preview is what an expression gives for the sample; PreviewBad says that it
	// could not be computed.
	Preview    string
	PreviewBad bool
	// Links stand beside the label: open what is chosen, make a new one.
	Links []Link
	// Entries are the lines of a field that has several (Input is entries).
	Entries *Entries
}

// Entries is a field of several lines, each of one or more cells.
type Entries struct {
	// Columns name the cells.
	Columns []string
	Lines   []Line
	// More are empty lines for readers without script. Blank is what a script adds;
	// its names hold the word BLANK.
	More  []Line
	Blank Line
	// One is the choice that one expression gives all lines, and All is that
	// expression; nil where there is no such choice.
	One, All *Field
	Add      string
}

// Line is one line of entries.
type Line struct{ Cells []Field }

func (f Field) id() string {
	if f.ID != "" {
		return f.ID
	}
	return f.Name
}

func (f Field) described() string {
	out := ""
	if f.Help != "" {
		out = f.id() + "-hint"
	}
	if f.Error != "" {
		if out != "" {
			out += " "
		}
		out += f.id() + "-error"
	}
	return out
}

func (f Field) invalid() string {
	if f.Error != "" {
		return "true"
	}
	return "false"
}

func (f Field) autocomplete() string {
	if f.Autocomplete == "" {
		return "off"
	}
	return f.Autocomplete
}

func (f Field) rows() string {
	if f.Rows == 0 {
		return "4"
	}
	return strconv.Itoa(f.Rows)
}

func (f Field) input() string {
	if f.Input == "" || f.Input == "number" {
		return "text"
	}
	return f.Input
}

// Link is a text with an address.
type Link struct{ Text, URL string }

// Button is a link when it has a URL, or a form with one button when it has Post.
// Tone is "" (plain), primary, danger or quiet.
type Button struct {
	Text, Icon, Tone string
	URL, Post        string
	// Confirm is asked before a Post is sent.
	Confirm string
	// Values are sent with a Post.
	Values []Pair
}

// Head is the top of a page: what it is, its state, and what can be done.
type Head struct {
	Title   string
	Badges  []Badge
	Text    string
	Actions []Button
}

// Pair is a label and its value; with URL the value is a link, Code sets it in
// the code font, Copy adds a copy button.
type Pair struct {
	Label, Value, URL string
	Code, Copy        bool
	Badge             *Badge
}

// Cell is one cell of a table. Sub is a second, quieter line.
type Cell struct {
	Text, Sub, URL string
	Badges         []Badge
	Num, Code      bool
	NoWrap         bool
	// Buttons are small acts on the row.
	Buttons []Button
}

// Column is a table column's heading.
type Column struct {
	Title string
	Num   bool
}

// Table is a list; on a narrow screen each row becomes a small card.
type Table struct {
	// Label names the table for those who do not see it.
	Label   string
	Columns []Column
	Rows    [][]Cell
}

func (t Table) title(i int) string {
	if i < len(t.Columns) {
		return t.Columns[i].Title
	}
	return ""
}

// Columns makes plain columns out of titles.
func Columns(titles ...string) []Column {
	out := make([]Column, len(titles))
	for i, t := range titles {
		out[i] = Column{Title: t}
	}
	return out
}

// Pager leads to the pages before and after; "" when there is none.
type Pager struct{ Text, PrevURL, NextURL string }

// Filters is a form above a list that filters it by address.
type Filters struct {
	Action   string
	Fields   []Field
	ClearURL string // "" when nothing is filtered
}

// Empty is what stands where a list would be.
type Empty struct {
	Icon, Title, Text string
	Action            *Button
}

// Notice is a sentence to the reader. Tone is info (the default), good, warn or bad.
type Notice struct {
	Tone, Text string
	Items      []string
	Link       *Link
}

func (n Notice) icon() string {
	switch n.Tone {
	case "good":
		return "circle-check"
	case "warn":
		return "triangle-alert"
	case "bad":
		return "circle-alert"
	}
	return "info"
}

func (n Notice) role() string {
	if n.Tone == "bad" {
		return "alert"
	}
	return "status"
}

// Tab is one tab: a link.
type Tab struct {
	Text, URL string
	Current   bool
}

// Tile is one number of a row of numbers.
type Tile struct{ Label, Value, Note, URL string }

// Moment is one entry of a timeline.
type Moment struct {
	Tone, Icon  string
	Title, When string
	// ISO is the time for machines, and its title shows it in full.
	ISO       string
	By, Text  string
	URL       string
	Badges    []Badge
	CodeBlock string
}

func (m Moment) icon() string {
	if m.Icon == "" {
		return "circle-dot"
	}
	return m.Icon
}

// DiffLine is a line of a diff. Kind is same, add, del or gap. Left and Right are
// line numbers, "" where a side has none.
type DiffLine struct{ Kind, Left, Right, Text string }

func (l DiffLine) mark() string {
	switch l.Kind {
	case "add":
		return "+"
	case "del":
		return "-"
	}
	return ""
}

// DiffRow is a row of a side-by-side diff; a side's Kind is same, add, del, gap or
// "" where there is nothing.
type DiffRow struct {
	Left, Right         string
	LeftText, RightText string
	LeftKind, RightKind string
}

// Danger is an act that says what it will do and, with Word, wants a word typed.
// The server checks the field "confirm"; it works without script.
type Danger struct {
	Button, Title, Text string
	Word                string
	Post                string
	Fields              []Field
	Values              []Pair
	// Error is what is wrong with the typed word. Open shows the form unfolded.
	Error string
	Open  bool
}

func lineClass(kind string) string { return "line-" + kind }

type frameKey struct{}

// Frame is what parts need to know of the page they are on.
type Frame struct {
	CSRF  string
	Icons string // address of the icon sprite
}

// WithFrame hands the frame to the parts below.
func WithFrame(ctx context.Context, f Frame) context.Context {
	return context.WithValue(ctx, frameKey{}, f)
}

func frame(ctx context.Context) Frame {
	f, _ := ctx.Value(frameKey{}).(Frame)
	return f
}
