package web

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/internal/run"
	"joinery/views/sections"
	"joinery/views/settings"
	"joinery/views/ui"
)

// joinerIndex is GET /joiners.
func (s *Server) joinerIndex(c *fiber.Ctx, who auth.Actor) error {
	q, before := strings.TrimSpace(c.Query("q")), c.Query("before")
	rows, next, err := s.DB.Joiners(c.UserContext(), q, before, 50)
	if err != nil {
		return err
	}
	p := settings.ListPage{
		Head:    ui.Head{Title: "Joiners", Text: "Everybody an HRIS told us about, by the HRIS's own id.", Actions: []ui.Button{{Text: "Managers not there yet", Icon: "network", URL: "/managers"}}},
		Filters: &ui.Filters{Action: "/joiners", Fields: []ui.Field{{Name: "q", Label: "Name, worker id or department", Input: "search", Value: q}}},
		Table:   ui.Table{Label: "Joiners", Columns: []ui.Column{{Title: "Joiner"}, {Title: "Department"}, {Title: "Starts"}, {Title: "Accounts", Num: true}, {Title: "Last run"}, {Title: "Known since"}}},
		Empty:   ui.Empty{Icon: "users", Title: "No joiners", Text: "A joiner appears as soon as the HRIS sends an event about one."},
	}
	link := url.Values{}
	if q != "" {
		p.Filters.ClearURL = "/joiners"
		p.Empty.Text = "Nobody's name, department or worker id has a word that begins like this."
		link.Set("q", q)
	}
	for _, j := range rows {
		last := ui.Cell{Text: "none yet"}
		if j.LastRun != "" {
			last = ui.Cell{Badges: []ui.Badge{runBadge(run.State(j.LastState))}, Sub: j.LastFlow}
		}
		p.Table.Rows = append(p.Table.Rows, []ui.Cell{{Text: joinerName(j.Label, j.Worker), Sub: j.Connection + " " + j.Worker, URL: "/joiners/" + j.ID}, {Text: j.Department}, {Text: j.StartDate, NoWrap: true}, {Text: fmt.Sprint(j.Accounts), Num: true}, last, {Text: s.ago(j.CreatedAt), NoWrap: true}})
	}
	if before != "" {
		p.Pager.PrevURL = "/joiners?" + link.Encode()
	}
	if next != "" {
		link.Set("before", next)
		p.Pager.NextURL = "/joiners?" + link.Encode()
	}
	if len(rows) > 0 {
		p.Pager.Text = plural(len(rows), "joiner", "joiners")
	}
	return s.show(c, who, frame{Title: "Joiners"}, settings.List(p))
}

// joinerShow is GET /joiners/:id.
func (s *Server) joinerShow(c *fiber.Ctx, who auth.Actor) error {
	d, err := s.DB.Joiner(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	p := s.joinerPage(d, who)
	open, _, err := s.DB.Exceptions(c.UserContext(), postgres.ExceptionFilter{Joiner: d.ID, Limit: 20})
	if err != nil {
		return err
	}
	for _, x := range open {
		p.Notices = append(p.Notices, ui.Notice{Tone: "warn", Text: x.Title + ".", Link: &ui.Link{Text: "Look at the exception", URL: "/exceptions/" + x.ID}})
	}
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: []ui.Link{{Text: "Joiners", URL: "/joiners"}}}, sections.Show(p))
}

// groupsCell lists an account's groups, and says which ones Joinery did not give.
func groupsCell(a postgres.AccountLine) ui.Cell {
	cell := ui.Cell{Text: strings.Join(a.Groups, ", ")}
	others := slices.DeleteFunc(slices.Clone(a.Groups), func(g string) bool { return slices.Contains(a.Granted, g) })
	switch {
	case len(others) == len(a.Groups) && len(others) > 0:
		cell.Sub = "in them before"
	case len(others) > 0:
		cell.Sub = "in " + strings.Join(others, ", ") + " before"
	}
	return cell
}

func (s *Server) joinerPage(d postgres.JoinerDetail, who auth.Actor) sections.Page {
	p := sections.Page{Head: ui.Head{Title: joinerName(d.Label, d.Worker), Text: "Worker " + d.Worker + " of " + d.Connection + "."}}
	accounts := ui.Table{Label: "Accounts", Columns: ui.Columns("Account", "Directory", "Can sign in", "Groups", "How")}
	for _, a := range d.Accounts {
		state := ui.Badge{Tone: "good", Text: "Enabled"}
		if !a.Enabled {
			state = ui.Badge{Tone: "neutral", Text: "Disabled"}
		}
		how := "was there before"
		if a.Created {
			how = "made by a run"
		}
		accounts.Rows = append(accounts.Rows, []ui.Cell{{Text: a.Name, Sub: a.AccountID}, {Text: a.Connection, URL: "/connections/" + a.Connection}, {Badges: []ui.Badge{state}}, groupsCell(a), {Text: how, URL: "/runs/" + a.RunID}})
	}
	runs := ui.Table{Label: "Runs", Columns: ui.Columns("Run", "State", "What", "Started")}
	for _, r := range d.Runs {
		cells := s.runCells(r)
		runs.Rows = append(runs.Rows, []ui.Cell{{Text: r.Flow, Sub: fmt.Sprintf("revision %d", r.Revision), URL: "/runs/" + r.ID}, cells[2], cells[3], cells[4]})
	}
	p.Wide = []sections.Section{
		{Title: "Accounts", Table: &accounts, Empty: &ui.Empty{Icon: "id-card", Title: "No account yet", Text: "No run has made or found an account of this joiner."}},
		{Title: "Names", Table: s.nameTable(d.Names), Empty: &ui.Empty{Icon: "at-sign", Title: "No names yet", Text: "No run has chosen names for this joiner by a policy."}},
		{Title: "Runs", Table: &runs, Empty: &ui.Empty{Icon: "history", Title: "No run yet", Text: "No live flow listened to what the HRIS said about this joiner."}},
		{Title: "What happened", Timeline: s.joinerTimeline(d)},
	}
	var facts []ui.Pair
	attributes, _ := attributesFor(d.Attributes, who).(map[string]any)
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		facts = append(facts, ui.Pair{Label: strings.ReplaceAll(k, "_", " "), Value: settingText(attributes[k])})
	}
	about := sections.Section{Title: "What the HRIS says", Pairs: facts}
	if d.ReadAt != nil {
		about.Text = "Read " + s.ago(*d.ReadAt) + "."
	} else {
		about.Text = "Not read yet."
	}
	p.Narrow = []sections.Section{about}
	if len(d.Others) > 0 {
		same := sections.Section{Title: "The same person"}
		for _, o := range d.Others {
			same.Pairs = append(same.Pairs, ui.Pair{Label: o.Connection + " " + o.Worker, Value: joinerName(o.Label, o.Worker), URL: "/joiners/" + o.ID})
		}
		p.Narrow = append(p.Narrow, same)
	}
	return p
}

// joinerTimeline joins events and runs, newest first.
func (s *Server) joinerTimeline(d postgres.JoinerDetail) []ui.Moment {
	type at struct {
		when string
		m    ui.Moment
	}
	var all []at
	for _, e := range d.Events {
		all = append(all, at{e.ReceivedAt.UTC().Format("20060102150405.000000"), ui.Moment{Tone: "info", Icon: "inbox", Title: "The HRIS sent " + e.Type, When: s.moment(e.ReceivedAt), ISO: iso(e.ReceivedAt), URL: "/events/" + e.ID}})
	}
	for _, r := range d.Runs {
		all = append(all, at{r.CreatedAt.UTC().Format("20060102150405.000000"), ui.Moment{Tone: "neutral", Icon: "play", Title: "A run of " + r.Flow + " came in", When: s.moment(r.CreatedAt), ISO: iso(r.CreatedAt), URL: "/runs/" + r.ID}})
		if r.EndedAt != nil {
			all = append(all, at{r.EndedAt.UTC().Format("20060102150405.000000"), ui.Moment{Tone: runBadge(r.State).Tone, Icon: "flag", Title: "The run of " + r.Flow + " ended: " + strings.ToLower(runBadge(r.State).Text), Text: r.Reason, When: s.moment(*r.EndedAt), ISO: iso(*r.EndedAt), URL: "/runs/" + r.ID}})
		}
	}
	slices.SortStableFunc(all, func(a, b at) int { return strings.Compare(b.when, a.when) })
	var out []ui.Moment
	for _, x := range all {
		if x.m.Icon == "flag" {
			x.m.Icon = ""
		}
		out = append(out, x.m)
	}
	return out
}
