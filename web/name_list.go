package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/sections"
	"joinery/views/settings"
	"joinery/views/ui"
)

// nameBadge shows a name's state.
func nameBadge(state string) ui.Badge {
	switch state {
	case "held":
		return ui.Badge{Tone: "warn", Text: "Held"}
	case "confirmed":
		return ui.Badge{Tone: "good", Text: "In use"}
	case "tombstone":
		return ui.Badge{Tone: "neutral", Text: "Kept"}
	case "found":
		return ui.Badge{Tone: "info", Text: "Found"}
	}
	return ui.Badge{Tone: "neutral", Text: "Released"}
}

// nameIndex is GET /names.
func (s *Server) nameIndex(c *fiber.Ctx, who auth.Actor) error {
	state, notices := pickWord(c.Query("state"), "state", postgres.NameStates())
	f := postgres.NameFilter{Query: strings.TrimSpace(c.Query("q")), Space: strings.TrimSpace(c.Query("space")), State: state, Before: c.Query("before"), Limit: 50}
	spaces, err := s.DB.NameSpaces(c.UserContext())
	if err != nil {
		return err
	}
	rows, next, err := s.DB.Names(c.UserContext(), f)
	if err != nil {
		return err
	}
	p := settings.ListPage{
		Notices: notices,
		Head:    ui.Head{Title: "Names", Text: "Who holds which name, and who held it. No two joiners have the same one in a name space."},
		Filters: &ui.Filters{Action: "/names", Fields: []ui.Field{{Name: "q", Label: "Name, in any spelling", Input: "search", Value: f.Query, Placeholder: "Jörg Müller, jmueller"}, spaceFilter(spaces, f.Space), nameStateFilter(f.State)}},
		Table:   ui.Table{Label: "Names", Columns: ui.Columns("Name", "State", "Whose", "Since", "Until")},
		Empty:   ui.Empty{Icon: "at-sign", Title: "No names", Text: "Names appear here when a flow chooses them with the node Choose names."},
	}
	q := url.Values{}
	for k, v := range map[string]string{"q": f.Query, "space": f.Space, "state": f.State} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) > 0 {
		p.Filters.ClearURL = "/names"
		p.Empty = ui.Empty{Icon: "at-sign", Title: "Nobody has or had this name", Text: "No name begins like this in any spelling that its space takes for the same."}
	}
	for _, n := range rows {
		p.Table.Rows = append(p.Table.Rows, s.nameCells(n))
	}
	if f.Before != "" {
		p.Pager.PrevURL = "/names?" + q.Encode()
	}
	if next != "" {
		q.Set("before", next)
		p.Pager.NextURL = "/names?" + q.Encode()
	}
	if len(rows) > 0 {
		p.Pager.Text = plural(len(rows), "name", "names")
	}
	return s.show(c, who, frame{Title: "Names"}, settings.List(p))
}

func spaceFilter(spaces []string, chosen string) ui.Field {
	out := ui.Field{Name: "space", Label: "Space", Input: "select", Options: []ui.Option{{Label: "Any space"}}}
	for _, v := range spaces {
		out.Options = append(out.Options, ui.Option{Value: v, Label: v, Selected: v == chosen})
	}
	return out
}

func nameStateFilter(chosen string) ui.Field {
	out := ui.Field{Name: "state", Label: "State", Input: "select", Options: []ui.Option{{Label: "Any state"}}}
	for _, v := range postgres.NameStates() {
		out.Options = append(out.Options, ui.Option{Value: v, Label: nameBadge(v).Text, Selected: v == chosen})
	}
	return out
}

func (s *Server) nameCells(n postgres.NameRow) []ui.Cell {
	whose := ui.Cell{Text: "nobody here", Sub: "in use in " + n.FoundIn}
	if n.JoinerID != "" {
		whose = ui.Cell{Text: joinerName(n.Label, n.Worker), Sub: n.Connection + " " + n.Worker, URL: "/joiners/" + n.JoinerID}
	}
	return []ui.Cell{{Text: n.Name, Sub: n.Space, URL: "/names/" + n.ID}, {Badges: []ui.Badge{nameBadge(n.State)}, Sub: n.Reason}, whose, {Text: s.ago(n.ClaimedAt), NoWrap: true}, {Text: s.nameUntil(n)}}
}

// nameUntil says when a state ends by itself.
func (s *Server) nameUntil(n postgres.NameRow) string {
	switch {
	case n.State == "released":
		return "free"
	case n.Until != nil && n.State == "held":
		return s.moment(*n.Until) + ", or longer while its run is under way"
	case n.Until != nil:
		return s.moment(*n.Until)
	}
	return "no end"
}

// nameMeaning says what a state means for others.
func nameMeaning(n postgres.NameRow) string {
	switch n.State {
	case "held":
		return "Held until an account is made with it. Nobody else gets it meanwhile."
	case "confirmed":
		return "An account uses it. Nobody else gets it."
	case "tombstone":
		return map[string]string{"replaced": "The joiner has another name now. This one stays theirs.", "undone": "The run that chose it was undone. Only the same person may have it again.",
			"rescinded": "The joiner never came. Only the same person may have it again.", "terminated": "The joiner left. Only the same person may have it again."}[n.Reason]
	case "found":
		return "An account that Joinery did not make uses it. After its time it is looked for again."
	}
	return "Free for everybody. " + n.Reason
}

// nameShow is GET /names/:id.
func (s *Server) nameShow(c *fiber.Ctx, who auth.Actor) error {
	n, err := s.DB.Name(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	return s.name(c, who, n, 0, nil)
}

// nameRelease is POST /names/:id/release. The name must be typed.
func (s *Server) nameRelease(c *fiber.Ctx, who auth.Actor) error {
	n, err := s.DB.Name(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	if strings.TrimSpace(c.FormValue("confirm")) != n.Name {
		return s.name(c, who, n, http.StatusUnprocessableEntity, fault.Refuse("Nothing was released.", []fault.Problem{{Path: "confirm", Detail: "Type " + n.Name + " exactly."}}))
	}
	err = s.DB.ReleaseName(c.UserContext(), who, n.ID, c.FormValue("reason"))
	if fault.Is(err, fault.Invalid) {
		return s.name(c, who, n, http.StatusUnprocessableEntity, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/names/"+n.ID, "The name is free for everybody.")
}

func (s *Server) name(c *fiber.Ctx, who auth.Actor, n postgres.NameRow, status int, problem error) error {
	p := sections.Page{Head: ui.Head{Title: n.Name, Badges: []ui.Badge{nameBadge(n.State)}, Text: nameMeaning(n)}}
	pairs := []ui.Pair{{Label: "Space", Value: n.Space, URL: "/names?space=" + url.QueryEscape(n.Space)}}
	if n.Within != "" {
		pairs = append(pairs, ui.Pair{Label: "Unique within", Value: n.Within})
	}
	if n.JoinerID != "" {
		pairs = append(pairs, ui.Pair{Label: "Joiner", Value: joinerName(n.Label, n.Worker) + ", worker " + n.Worker + " of " + n.Connection, URL: "/joiners/" + n.JoinerID})
	}
	if n.FoundIn != "" {
		pairs = append(pairs, ui.Pair{Label: "Found in", Value: n.FoundIn, URL: "/connections/" + n.FoundIn})
	}
	if n.RunID != "" {
		pairs = append(pairs, ui.Pair{Label: "Chosen by", Value: "the run " + n.RunID, URL: "/runs/" + n.RunID})
	}
	if n.Policy != "" {
		pairs = append(pairs, ui.Pair{Label: "Policy", Value: n.Policy, URL: "/policies/" + n.Policy})
	}
	pairs = append(pairs, ui.Pair{Label: "Since", Value: s.moment(n.ClaimedAt)}, ui.Pair{Label: "First account", Value: s.momentOr(n.ConfirmedAt, "none yet")}, ui.Pair{Label: "Changed", Value: s.moment(n.ChangedAt)}, ui.Pair{Label: "Until", Value: s.nameUntil(n)})
	if n.Reason != "" {
		pairs = append(pairs, ui.Pair{Label: "Why", Value: capitalFirst(n.Reason)})
	}
	about := sections.Section{Title: "About this name", Pairs: pairs}
	if who.Can(auth.RunOperate) && n.State != "released" {
		about.Dangers = []ui.Danger{releaseForm(c, n, problem)}
	}
	p.Wide = []sections.Section{about}
	return s.show(c, who, frame{Title: n.Name, Crumbs: []ui.Link{{Text: "Names", URL: "/names"}}, Status: status}, sections.Show(p))
}

func releaseForm(c *fiber.Ctx, n postgres.NameRow, problem error) ui.Danger {
	text := "From then on anybody may get it. Accounts that use it are not changed."
	if n.State == "confirmed" {
		text = "An account uses this name. From then on another joiner may get the same one where the system allows it, and mail may go to the wrong person. The account is not changed."
	}
	d := ui.Danger{Button: "Release", Title: "Release this name?", Text: text, Word: n.Name, Post: "/names/" + n.ID + "/release",
		Fields: withProblems([]ui.Field{{Name: "reason", Label: "Reason", Value: c.FormValue("reason"), Required: true}}, problem)}
	for _, w := range fault.Problems(problem) {
		d.Open = true
		if w.Path == "confirm" {
			d.Error = w.Detail
		}
	}
	return d
}

func capitalFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// nameTable is what a joiner's page shows of the joiner's names.
func (s *Server) nameTable(rows []postgres.NameRow) *ui.Table {
	t := &ui.Table{Label: "Names", Columns: ui.Columns("Name", "Space", "State", "Until")}
	for _, n := range rows {
		t.Rows = append(t.Rows, []ui.Cell{{Text: n.Name, URL: "/names/" + n.ID}, {Text: n.Space}, {Badges: []ui.Badge{nameBadge(n.State)}}, {Text: s.nameUntil(n)}})
	}
	return t
}

// findNames finds names for the palette.
func (s *Server) findNames(ctx context.Context, q string) ([]paletteItem, error) {
	all, _, err := s.DB.Names(ctx, postgres.NameFilter{Query: q, Limit: foundMost})
	var out []paletteItem
	for _, n := range all {
		out = append(out, paletteItem{Title: fmt.Sprintf("%s (%s)", n.Name, n.Space), Kind: "Name", URL: "/names/" + n.ID, Icon: "at-sign"})
	}
	return out, err
}
