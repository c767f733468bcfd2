// Package layout is the frame around all pages.
package layout

import "joinery/views/ui"

// Item is one place in the navigation.
type Item struct {
	Text, URL, Icon string
	Current         bool
	// Count is what waits there for the reader; "" when nothing does.
	Count string
}

// Section is a group of places; the first has no title.
type Section struct {
	Title string
	Items []Item
}

// Page is the frame of one page.
type Page struct {
	Title  string
	Crumbs []ui.Link // the last one is this page and needs no address
	Nav    []Section
	// User is who reads; Roles is what they may do, in words.
	User, Email, Roles string
	CSRF               string
	// Theme is light, dark or "" (as the system has it).
	Theme string
	// Demo is the sentence on top of every page of a demo, in parts.
	Demo    []ui.Link
	Notices []ui.Notice
	Version string
	Assets  Assets
}

// Assets are the addresses of what pages load.
type Assets struct {
	Style, Script, Icons, Favicon string
	// MoreStyle and MoreScript are what an island needs; "" on all other pages.
	MoreStyle, MoreScript string
}

// title is what the browser shows.
func (p Page) title() string {
	if p.Title == "" || p.Title == "Joinery" {
		return "Joinery"
	}
	return p.Title + " · Joinery"
}

func (p Page) frame() ui.Frame { return ui.Frame{CSRF: p.CSRF, Icons: p.Assets.Icons} }
