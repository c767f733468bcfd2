package web

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	pages "joinery/views/bulk"
	"joinery/views/ui"
)

// bulkShow is GET /bulk/:id.
func (s *Server) bulkShow(c *fiber.Ctx, who auth.Actor) error { return s.bulkPage(c, who, nil) }

func (s *Server) bulkPage(c *fiber.Ctx, who auth.Actor, refused error) error {
	l, err := s.DB.List(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	only, notices := pickWord(c.Query("only"), "only", listFilters())
	after, err := strconv.Atoi(c.Query("after"))
	if err != nil || after < 0 || after > bulk.MaxRows {
		after = 0
	}
	body, err := s.bulkBody(c.UserContext(), l, who, only, after)
	if err != nil {
		return err
	}
	body.Notices = append(notices, body.Notices...)
	status := 0
	if refused != nil {
		body.Notices, status = append([]ui.Notice{refusal(refused)}, body.Notices...), 422
		markColumns(body.Mapping, refused)
	}
	p := pages.Page{Head: ui.Head{Title: l.File, Text: fmt.Sprintf("%s for the flow %s.", plural(l.Rows, "row", "rows"), l.Flow)}, Body: body}
	if l.State == postgres.ListChecking || l.State == postgres.ListStarted || l.State == postgres.ListDone && only == "" && after == 0 {
		p.LiveURL = "/bulk/" + l.ID + "/live"
	}
	if only != "" || after > 0 {
		p.LiveURL = ""
	}
	return s.show(c, who, frame{Title: l.File, Nav: "/bulk", Crumbs: []ui.Link{{Text: "Bulk", URL: "/bulk"}}, Status: status}, pages.Show(p))
}

// bulkLive is GET /bulk/:id/live.
func (s *Server) bulkLive(c *fiber.Ctx, who auth.Actor) error {
	id := strings.Clone(c.Params("id"))
	if _, err := s.DB.List(c.UserContext(), id); err != nil {
		return err
	}
	return s.live(c, func(ctx context.Context) (templ.Component, bool, error) {
		l, err := s.DB.List(ctx, id)
		if err != nil {
			return nil, false, err
		}
		body, err := s.bulkBody(ctx, l, who, "", 0)
		moving := l.State == postgres.ListChecking || l.State == postgres.ListStarted || l.State == postgres.ListDone
		return pages.Part(body), !moving, err
	})
}

func markColumns(m *pages.Mapping, refused error) {
	if m == nil {
		return
	}
	for _, p := range fault.Problems(refused) {
		for i := range m.Columns {
			if p.Path == "attributes."+m.Columns[i].Name {
				m.Columns[i].Field.Error = p.Detail
			}
		}
	}
}

func listFilters() []string {
	return []string{"problem", "foreseen", string(run.Queued), string(run.Running), string(run.Waiting), string(run.Parked), string(run.Succeeded), string(run.Failed), string(run.Canceled)}
}

func (s *Server) bulkBody(ctx context.Context, l postgres.List, who auth.Actor, only string, after int) (pages.Body, error) {
	at := "/bulk/" + l.ID
	may := who.Can(auth.RunStart)
	b := pages.Body{Steps: listSteps(l)}
	a, err := s.DB.Artifact(ctx, review.Flow, l.Flow)
	if err != nil {
		return b, err
	}
	live := ""
	if a.Live != nil {
		live = a.Live.ID
	}
	early := l.State == postgres.ListDraft || l.State == postgres.ListMapped || l.State == postgres.ListChecked
	if early && may {
		if b.Mapping, err = s.bulkMapping(ctx, l, at); err != nil {
			return b, err
		}
	}
	if l.Bad > 0 && l.State != postgres.ListDiscarded {
		b.Notices = append(b.Notices, ui.Notice{Tone: "warn", Text: plural(l.Bad, "row cannot", "rows cannot") + " be taken and will not be started.", Link: &ui.Link{Text: "See which", URL: at + "?only=problem#people"}})
	}
	switch l.State {
	case postgres.ListMapped, postgres.ListChecked:
		if may {
			b.Check = &pages.Form{Title: "Look ahead", Text: "Works out the run of every person, one after the other, and writes nothing anywhere.", Action: at + "/check", Submit: "Look ahead", Fields: []ui.Field{{Name: "live", Label: "Also ask the directories and the HRIS what is there (slower)", Input: "check", Checked: l.Live}}}
			b.Start = startForm(l, at, live)
			b.Acts = append(b.Acts, ui.Danger{Button: "Discard this list", Title: "Discard this list", Text: "Its rows are deleted. Nothing of it has started.", Post: at + "/discard"})
		}
		if err := s.bulkSecond(ctx, l, &b, at, live, who); err != nil {
			return b, err
		}
	case postgres.ListChecking:
		b.Progress = &pages.Progress{Title: "The forecast is under way", Label: "People looked at", Done: itoa(l.Looked), All: itoa(max(1, l.Rows-l.Bad)), Text: fmt.Sprintf("%d of %d people", l.Looked, l.Rows-l.Bad)}
		if l.Silent(s.Now()) && may {
			b.Progress = nil
			b.Notices = append(b.Notices, ui.Notice{Tone: "warn", Text: "The forecast stopped half-way: its process ended. Start it again."})
			b.Check = &pages.Form{Title: "Look ahead", Action: at + "/check", Submit: "Look ahead again"}
		}
	case postgres.ListStarted, postgres.ListDone:
		if err := s.bulkStages(ctx, l, &b, at, live, may, who); err != nil {
			return b, err
		}
	}
	if l.Report != nil {
		b.Report = reportOf(l, live, at)
	}
	if l.State != postgres.ListDraft && l.State != postgres.ListDiscarded {
		if b.Rows, err = s.bulkRows(ctx, l, at, only, after); err != nil {
			return b, err
		}
	}
	b.Pairs = []ui.Pair{{Label: "Flow", Value: l.Flow, URL: "/flows/" + l.Flow}, {Label: "HRIS", Value: l.Connection, URL: "/connections/" + l.Connection}, {Label: "Uploaded", Value: s.moment(l.CreatedAt) + " by " + l.ByName}}
	if l.Reason != "" {
		b.Pairs = append(b.Pairs, ui.Pair{Label: "Reason", Value: l.Reason})
	}
	return b, nil
}

func listSteps(l postgres.List) []pages.Step {
	at := slices.Index([]string{postgres.ListDraft, postgres.ListMapped, postgres.ListChecking, postgres.ListChecked, postgres.ListStarted, postgres.ListDone}, l.State)
	return []pages.Step{
		{Title: "1 Columns", Text: "What the file's columns are", Done: at > 0, Current: at == 0},
		{Title: "2 Forecast", Text: "Who would come through", Done: l.Report != nil || at > 3, Current: at == 1 || at == 2},
		{Title: "3 Start", Text: "A few first, then the rest", Done: at == 5, Current: at == 3 || at == 4},
	}
}

var notAttribute = regexp.MustCompile(`[^a-z0-9]+`)

// ownAttribute makes an attribute's name of a column's.
func ownAttribute(column string) string {
	name := strings.Trim(notAttribute.ReplaceAllString(strings.ToLower(column), "_"), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "column_" + name
	}
	return strings.TrimRight(name[:min(len(name), 60)], "_")
}

func (s *Server) bulkMapping(ctx context.Context, l postgres.List, at string) (*pages.Mapping, error) {
	sheet, err := s.DB.Sheet(ctx, l.ID, 3)
	if err != nil {
		return nil, err
	}
	m := &pages.Mapping{Open: l.State == postgres.ListDraft, Action: at + "/columns", Dates: ui.Field{Name: "dates", Label: "How dates are written", Input: "select"}}
	for _, f := range bulk.DateForms() {
		m.Dates.Options = append(m.Dates.Options, ui.Option{Value: f.Key, Label: f.Label, Selected: f.Key == l.Mapping.Dates})
	}
	for i, name := range l.Columns {
		col := pages.Column{Name: name, Field: ui.Field{Name: fmt.Sprint("column_", i)}}
		for _, r := range sheet.Rows {
			if v := r.Values[i]; v != "" {
				col.Samples = append(col.Samples, v)
			}
		}
		is := l.Mapping.Attributes[name]
		if l.Mapping.Worker == name {
			is = "worker"
		}
		col.Field.Options = []ui.Option{{Value: "", Label: "Not read", Selected: is == ""}, {Value: "worker", Label: "Worker id", Selected: is == "worker"}}
		known := append(joiner.Known(), "birth_date")
		for _, a := range known {
			col.Field.Options = append(col.Field.Options, ui.Option{Value: a, Label: attributeLabel(a), Selected: is == a})
		}
		if own := ownAttribute(name); !slices.Contains(known, own) && own != "worker" {
			col.Field.Options = append(col.Field.Options, ui.Option{Value: own, Label: "Attribute of its own: " + own, Selected: is == own})
		}
		m.Columns = append(m.Columns, col)
	}
	if file, err := s.DB.FromFile(ctx, l.Connection); err != nil {
		return nil, err
	} else if !file {
		m.Note = "This flow reads its people from " + l.Connection + ". The runs take only the worker id from the file; the other columns serve the forecast when it does not ask the HRIS."
	}
	return m, nil
}

func attributeLabel(a string) string {
	words := strings.ReplaceAll(a, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

func startForm(l postgres.List, at, live string) *pages.Form {
	f := &pages.Form{Title: "Start", Action: at + "/start", Submit: "Start the first stage", Fields: []ui.Field{
		{Name: "release", Input: "hidden", Value: live},
		{Name: "plan", Label: "How many first", Value: "5, 50", Help: "The size of each stage, with commas. Who is left after them is the last stage."},
		{Name: "onward", Label: "Go on to the next stage by itself when nobody of the last one failed or parked", Input: "check"},
		{Name: "reason", Label: "Reason", Required: true, Help: "Why these people are brought in together. It goes on record."},
	}}
	if l.Report == nil {
		f.Text = "This list has not been looked at. Look ahead first, unless you know what it holds."
	}
	return f
}

func (s *Server) bulkRows(ctx context.Context, l postgres.List, at, only string, after int) (*pages.Rows, error) {
	rows, more, err := s.DB.ListRows(ctx, l.ID, only, after, 50)
	if err != nil {
		return nil, err
	}
	field := ui.Field{Name: "only", Label: "Show", Input: "select", Options: []ui.Option{{Value: "", Label: "Everybody", Selected: only == ""}}}
	for _, w := range listFilters() {
		label := "Runs: " + strings.ToLower(runBadge(run.State(w)).Text)
		switch w {
		case "problem":
			label = "Rows that cannot be taken"
		case "foreseen":
			label = "Who would not come through"
		}
		field.Options = append(field.Options, ui.Option{Value: w, Label: label, Selected: only == w})
	}
	out := &pages.Rows{Title: "People", Filters: ui.Filters{Action: at + "#people", Fields: []ui.Field{field}},
		Table: ui.Table{Label: "People", Columns: []ui.Column{{Title: "Person"}, {Title: "Line", Num: true}, {Title: "State"}, {Title: "What"}}},
		Empty: ui.Empty{Icon: "users", Title: "Nobody", Text: "No row matches this."}}
	if only != "" {
		out.Filters.ClearURL = at + "#people"
	}
	for _, r := range rows {
		out.Table.Rows = append(out.Table.Rows, listRow(r))
	}
	q := url.Values{}
	if only != "" {
		q.Set("only", only)
	}
	if after > 0 {
		out.Pager.PrevURL = at + "?" + q.Encode() + "#people"
	}
	if more {
		q.Set("after", itoa(rows[len(rows)-1].N))
		out.Pager.NextURL = at + "?" + q.Encode() + "#people"
	}
	return out, nil
}

func listRow(r postgres.ListRow) []ui.Cell {
	who := ui.Cell{Text: r.Label, Sub: r.Worker}
	if who.Text == "" {
		who.Text, who.Sub = r.Worker, ""
	}
	state, what := ui.Cell{}, ui.Cell{}
	switch {
	case r.Problem != "":
		state.Badges, what.Text = []ui.Badge{{Tone: "bad", Text: "Cannot be taken"}}, r.Problem
	case r.Run != "":
		who.URL = "/runs/" + r.Run
		state.Badges, state.Sub = []ui.Badge{runBadge(r.State)}, fmt.Sprintf("stage %d", r.Stage)
		what.Text = r.Reason
		if r.State == run.Waiting {
			what.Text = waitsFor(r.WaitingFor)
		}
	case r.Foreseen == string(run.Succeeded):
		state.Badges = []ui.Badge{{Tone: "good", Text: "Would come through"}}
	case r.Foreseen != "":
		state.Badges, what.Text = []ui.Badge{{Tone: "warn", Text: "Would not come through"}}, r.Why
	default:
		state.Badges = []ui.Badge{{Text: "Not started"}}
	}
	return []ui.Cell{who, {Text: itoa(r.Line), Num: true}, state, what}
}
