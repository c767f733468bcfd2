package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/backtest"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/backtests"
	"joinery/views/ui"
)

// backtestIndex is GET /flows/:key/backtests: those of a flow, and the form for a new one.
func (s *Server) backtestIndex(c *fiber.Ctx, who auth.Actor) error {
	a, rev, err := s.newest(c, review.Flow)
	if err != nil {
		return err
	}
	list, err := s.DB.Backtests(c.UserContext(), a.Key, 0)
	if err != nil {
		return err
	}
	f, err := flow.Decode([]byte(rev.Content))
	if err != nil {
		return err
	}
	p := backtests.IndexPage{Head: ui.Head{Title: "Backtests of " + a.Name, Text: "What a revision would have done for those who came last, beside what the live one does. Nothing is written."}, Tabs: artifactTabs(review.Flow, a.Key, "Backtests"),
		Table: ui.Table{Label: "Backtests", Columns: []ui.Column{{Title: "Revision"}, {Title: "State"}, {Title: "Joiners", Num: true}, {Title: "Would differ", Num: true}, {Title: "Newly failing", Num: true}, {Title: "Asked for"}}},
		Empty: ui.Empty{Icon: "history", Title: "No backtest yet", Text: "Test a revision against past joiners before it is approved."}}
	if f.Backtest.Required {
		p.Notices = append(p.Notices, ui.Notice{Tone: "info", Text: fmt.Sprintf("The newest revision asks for a test against %d joiners before it is approved.", f.Backtest.Least())})
	}
	for _, b := range list {
		row := []ui.Cell{{Text: fmt.Sprintf("Revision %d", b.Revision), Sub: compared(b), URL: "/backtests/" + b.ID}, {Badges: []ui.Badge{backtestBadge(b.State)}}, {Text: itoa(len(b.Runs)), Num: true}, {Text: "–", Num: true}, {Text: "–", Num: true}, {Text: s.ago(b.CreatedAt), Sub: "by " + b.ByName}}
		if b.Report != nil {
			row[3].Text, row[4].Text = itoa(b.Report.Differing), itoa(b.Report.NewlyFailing)
		}
		p.Table.Rows = append(p.Table.Rows, row)
	}
	if who.Can(auth.RunSimulate) {
		n := a.Head
		if q, err := strconv.Atoi(c.Query("revision")); err == nil && q > 0 && q <= a.Head {
			n = q
		}
		p.Ask = backtestForm(a.Key, n, f.Backtest.Least())
	}
	return s.show(c, who, frame{Title: "Backtests", Nav: "/flows", Crumbs: crumbsOf(review.Flow, ui.Link{Text: a.Name, URL: "/flows/" + a.Key})}, backtests.Index(p))
}

func backtestForm(key string, revision, joiners int) *backtests.Ask {
	return &backtests.Ask{Action: "/flows/" + key + "/backtests", Fields: []ui.Field{
		{Name: "revision", Label: "Revision", Input: "number", Value: itoa(revision), Required: true},
		{Name: "joiners", Label: "The last joiners", Input: "number", Value: itoa(joiners), Required: true, Help: fmt.Sprintf("How many, up to %d. Of each, the first run counts.", flow.MostBacktest)},
		{Name: "live", Label: "Ask systems what is not on record (read only)", Input: "check", Checked: true, Help: "Without it such answers are assumed, and marked."}}}
}

func compared(b postgres.Backtest) string {
	if b.Base == "" {
		return "nothing was live"
	}
	return fmt.Sprintf("compared with revision %d, live then", b.BaseRevision)
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

func backtestBadge(state string) ui.Badge {
	switch state {
	case review.BacktestDone:
		return ui.Badge{Tone: "good", Text: "Done"}
	case review.BacktestFailed:
		return ui.Badge{Tone: "bad", Text: "Failed"}
	case review.BacktestCanceled:
		return ui.Badge{Tone: "neutral", Text: "Canceled"}
	case review.BacktestRunning:
		return ui.Badge{Tone: "info", Text: "Under way"}
	}
	return ui.Badge{Tone: "neutral", Text: "Waiting"}
}

// backtestAsk is POST /flows/:key/backtests.
func (s *Server) backtestAsk(c *fiber.Ctx, who auth.Actor) error {
	n, err := strconv.Atoi(strings.TrimSpace(c.FormValue("revision")))
	if err != nil {
		n = 0
	}
	joiners, err := strconv.Atoi(strings.TrimSpace(c.FormValue("joiners")))
	if err != nil {
		joiners = -1
	}
	id, err := s.DB.AskBacktest(c.UserContext(), who, c.Params("key"), n, joiners, c.FormValue("live") != "")
	if err != nil {
		return err
	}
	return s.done(c, "/backtests/"+id, "")
}

// backtestCancel is POST /backtests/:id/cancel.
func (s *Server) backtestCancel(c *fiber.Ctx, who auth.Actor) error {
	if err := s.DB.CancelBacktest(c.UserContext(), who, c.Params("id")); err != nil {
		return err
	}
	return s.done(c, "/backtests/"+c.Params("id"), "The backtest is canceled.")
}

// reportQuery is what a reader wants to see of a report.
type reportQuery struct {
	only, kind, where, what, q string
	after                      int
}

func askedReport(c *fiber.Ctx) reportQuery {
	q := reportQuery{only: c.Query("only"), kind: c.Query("kind"), where: c.Query("where"), what: c.Query("what"), q: c.Query("q")}
	if q.kind != "" && !slices.Contains(backtest.Kinds(), q.kind) {
		q.kind = ""
	}
	if q.after, _ = strconv.Atoi(c.Query("after")); q.after < 0 {
		q.after = 0
	}
	return q
}

// backtestShow is GET /backtests/:id.
func (s *Server) backtestShow(c *fiber.Ctx, who auth.Actor) error {
	b, err := s.DB.Backtest(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	body, err := s.backtestBody(c.UserContext(), b, who, askedReport(c))
	if err != nil {
		return err
	}
	p := backtests.Page{Head: ui.Head{Title: fmt.Sprintf("Backtest of %s, revision %d", b.Flow, b.Revision), Text: "Against the last joiners, each with the time, the reading and the accounts of then. " + sentence(compared(b))}, Body: body}
	if !b.Ended() {
		p.LiveURL = "/backtests/" + b.ID + "/live"
	}
	return s.show(c, who, frame{Title: "Backtest", Nav: "/flows", Crumbs: crumbsOf(review.Flow, ui.Link{Text: b.Flow, URL: "/flows/" + b.Flow + "/backtests"})}, backtests.Show(p))
}

// backtestLive is GET /backtests/:id/live.
func (s *Server) backtestLive(c *fiber.Ctx, who auth.Actor) error {
	id := strings.Clone(c.Params("id"))
	if _, err := s.DB.Backtest(c.UserContext(), id); err != nil {
		return err
	}
	return s.live(c, func(ctx context.Context) (templ.Component, bool, error) {
		b, err := s.DB.Backtest(ctx, id)
		if err != nil {
			return nil, false, err
		}
		body, err := s.backtestBody(ctx, b, who, reportQuery{})
		return backtests.Part(body), b.Ended(), err
	})
}

func (s *Server) backtestBody(ctx context.Context, b postgres.Backtest, who auth.Actor, q reportQuery) (backtests.Body, error) {
	at := "/backtests/" + b.ID
	out := backtests.Body{}
	switch b.State {
	case review.BacktestQueued, review.BacktestRunning:
		out.Progress = &backtests.Progress{Done: itoa(b.Looked), All: itoa(max(1, len(b.Runs))), Text: fmt.Sprintf("%d of %d joiners", b.Looked, len(b.Runs))}
		if who.Can(auth.RunSimulate) {
			out.Cancel = &ui.Button{Text: "Cancel", Post: at + "/cancel"}
		}
	case review.BacktestFailed:
		out.Notices = append(out.Notices, ui.Notice{Tone: "bad", Text: "It did not come to an end. " + b.Error})
	case review.BacktestCanceled:
		out.Notices = append(out.Notices, ui.Notice{Tone: "warn", Text: "It was canceled, so there is no report."})
	}
	badge := backtestBadge(b.State)
	out.Pairs = []ui.Pair{{Label: "State", Badge: &badge}, {Label: "Flow", Value: b.Flow, URL: "/flows/" + b.Flow}, {Label: "Revision", Value: itoa(b.Revision), URL: fmt.Sprintf("/flows/%s/revisions/%d", b.Flow, b.Revision)}, {Label: "Baseline", Value: compared(b)},
		{Label: "Asked for", Value: s.moment(b.CreatedAt) + " by " + b.ByName}, {Label: "Content and parts", Value: b.Root, Code: true, Copy: true}}
	if b.EndedAt != nil {
		out.Pairs = append(out.Pairs, ui.Pair{Label: "Ended", Value: s.moment(*b.EndedAt)})
	}
	if b.Report == nil {
		return out, nil
	}
	r := *b.Report
	out.Pairs = append(out.Pairs, ui.Pair{Label: "Report", Value: b.ReportHash, Code: true, Copy: true})
	out.Tiles = []ui.Tile{{Label: "Joiners", Value: itoa(r.People), URL: at + "#joiners"}, {Label: "Would differ", Value: itoa(r.Differing), URL: at + "?only=differs#joiners"},
		{Label: "Newly failing", Value: itoa(r.NewlyFailing), Note: fmt.Sprintf("%d fail in all", r.Failing), URL: at + "?only=fails#joiners"}, {Label: "Not fully on record", Value: itoa(r.Asked + r.Unasked), Note: fmt.Sprintf("asked now: %d, assumed: %d", r.Asked, r.Unasked), URL: at + "?only=asked#joiners"}}
	out.Notices = append(out.Notices, reportNotices(r, at)...)
	for _, n := range r.Counts {
		out.Counts = append(out.Counts, backtests.Count{Kind: kindWord(n.Kind), Text: n.Say(r.People), URL: at + "?" + url.Values{"kind": {n.Kind}, "where": {n.Where}, "what": {n.What}}.Encode() + "#joiners"})
	}
	return out, s.backtestRows(ctx, b, q, &out)
}

func reportNotices(r backtest.Report, at string) []ui.Notice {
	var out []ui.Notice
	switch {
	case r.People == 0:
		out = append(out, ui.Notice{Tone: "warn", Text: "Nobody has come through this flow yet, so the test says nothing."})
	case r.Differing == 0:
		out = append(out, ui.Notice{Tone: "good", Text: fmt.Sprintf("For none of the %d joiners anything would differ.", r.People)})
	}
	if r.New && r.People > 0 {
		out = append(out, ui.Notice{Tone: "info", Text: "Nothing was live to compare with: the report lists all that would be done."})
	}
	if r.Strange > 0 {
		out = append(out, ui.Notice{Tone: "warn", Text: plural(r.Strange, "joiner has a record", "joiners have a record") + " that the live revision, worked out today, would not give. Their differences prove less.", Link: &ui.Link{Text: "See whom", URL: at + "?only=strange#joiners"}})
	}
	return out
}

func kindWord(kind string) string {
	switch kind {
	case backtest.WriteBack:
		return "Write-back"
	case backtest.Person:
		return "Asks a person"
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

func (s *Server) backtestRows(ctx context.Context, b postgres.Backtest, q reportQuery, out *backtests.Body) error {
	const page = 50
	people, err := s.DB.BacktestPeople(ctx, b.ID, postgres.BacktestFilter{Kind: q.kind, Only: q.only, Query: q.q, Where: q.where, What: q.what, After: q.after, Limit: page + 1})
	if err != nil {
		return err
	}
	at := "/backtests/" + b.ID
	only := ui.Field{Name: "only", Label: "Show", Input: "select"}
	for _, o := range [][2]string{{"", "Everybody"}, {"differs", "Who would differ"}, {"same", "Who would not"}, {"fails", "Who would fail"}, {"asked", "Not fully on record"}, {"strange", "Whose record says otherwise"}} {
		only.Options = append(only.Options, ui.Option{Value: o[0], Label: o[1], Selected: o[0] == q.only})
	}
	kind := ui.Field{Name: "kind", Label: "Difference", Input: "select", Options: []ui.Option{{Value: "", Label: "Any"}}}
	for _, k := range backtest.Kinds() {
		kind.Options = append(kind.Options, ui.Option{Value: k, Label: kindWord(k), Selected: k == q.kind})
	}
	rows := &backtests.Rows{Filters: ui.Filters{Action: at + "#joiners", Fields: []ui.Field{{Name: "q", Label: "Find", Input: "search", Value: q.q, Placeholder: "Name, worker id or value"}, only, kind}}}
	if q != (reportQuery{}) {
		rows.Filters.ClearURL = at + "#joiners"
	}
	if len(people) > page {
		people = people[:page]
		v := url.Values{"only": {q.only}, "kind": {q.kind}, "where": {q.where}, "what": {q.what}, "q": {q.q}, "after": {itoa(people[page-1].N)}}
		rows.Pager.NextURL = at + "?" + v.Encode() + "#joiners"
	}
	if q.after > 0 {
		rows.Pager.PrevURL = at + "#joiners"
	}
	for _, p := range people {
		rows.People = append(rows.People, s.backtestPerson(p))
	}
	if len(people) == 0 {
		rows.Empty = &ui.Empty{Icon: "users", Title: "Nobody", Text: "No joiner of this report is like that, or its joiners are forgotten: they are kept for 90 days."}
	}
	out.Rows = rows
	return nil
}

func (s *Server) backtestPerson(p postgres.BacktestPerson) backtests.Person {
	out := backtests.Person{ID: itoa(p.N), Name: joinerName(p.Label, p.Worker), URL: "/joiners/" + p.JoinerID, RunURL: "/runs/" + p.Run, When: s.moment(p.RunAt), End: p.End, Strange: p.Strange}
	if p.Worker == "" {
		out.Name, out.URL = "A joiner who is erased", ""
	}
	for _, d := range p.Differences {
		out.Differences = append(out.Differences, backtests.Difference{Kind: kindWord(d.Kind), Text: d.Say()})
	}
	switch {
	case p.Fails && !p.FailedBefore:
		out.Badges = append(out.Badges, ui.Badge{Tone: "bad", Text: "Newly failing"})
	case p.Fails:
		out.Badges = append(out.Badges, ui.Badge{Tone: "warn", Text: "Fails"})
	}
	if n := len(p.Differences); n > 0 {
		out.Badges = append(out.Badges, ui.Badge{Tone: "violet", Text: plural(n, "difference", "differences")})
	} else {
		out.Badges = append(out.Badges, ui.Badge{Tone: "neutral", Text: "Same"})
	}
	if len(p.Asked) > 0 {
		out.Notes = append(out.Notes, "Asked now, because it is not on record: "+strings.Join(p.Asked, ", ")+".")
	}
	if len(p.Unasked) > 0 {
		out.Notes = append(out.Notes, "Not asked, so only assumed: "+strings.Join(p.Unasked, ", ")+".")
	}
	return out
}
