package web

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/postgres"
	"joinery/internal/run"
	pages "joinery/views/bulk"
	"joinery/views/ui"
)

// reportOf shows a forecast.
func reportOf(l postgres.List, live, at string) *pages.Report {
	r := *l.Report
	out := &pages.Report{Tiles: []ui.Tile{
		{Label: "Would come through", Value: itoa(r.Ready), Note: fmt.Sprintf("of %d", r.People)},
		{Label: "Need a person", Value: itoa(r.Failing), URL: at + "?only=foreseen#people"},
		{Label: "Rows that cannot be taken", Value: itoa(l.Bad), URL: at + "?only=problem#people"},
		{Label: "Known from before", Value: itoa(r.Known)},
	}}
	if r.Waiting > 0 {
		out.Tiles = append(out.Tiles, ui.Tile{Label: "Would wait", Value: itoa(r.Waiting)})
	}
	if l.ReportOf != live && (l.State == postgres.ListMapped || l.State == postgres.ListChecked) {
		out.Notices = append(out.Notices, ui.Notice{Tone: "warn", Text: "The flow has another live release since this forecast. Look ahead again before you start."})
	}
	for _, x := range r.Limits {
		out.Notices = append(out.Notices, ui.Notice{Tone: "warn", Text: fmt.Sprintf("%d %s are planned, and the limit is %d an hour. What is past it parks until a person lets it go.", x.Planned, x.What, x.Limit)})
	}
	if len(r.Failures) > 0 {
		t := &ui.Table{Label: "Reasons", Columns: []ui.Column{{Title: "Why"}, {Title: "Where"}, {Title: "People", Num: true}, {Title: "Lines"}}}
		for _, f := range r.Failures {
			t.Rows = append(t.Rows, []ui.Cell{{Text: f.Why}, {Text: f.Node}, {Text: itoa(f.People), Num: true}, {Text: someLines(f.Lines, f.People)}})
		}
		out.Failures = t
	}
	if len(r.Names) > 0 {
		t := &ui.Table{Label: "Names", Columns: []ui.Column{{Title: "Person"}, {Title: "Line", Num: true}, {Title: "Wanted"}, {Title: "Gets"}, {Title: "Held by"}}}
		for _, n := range r.Names {
			t.Rows = append(t.Rows, []ui.Cell{{Text: n.Worker}, {Text: itoa(n.Line), Num: true}, {Text: n.Wanted, Code: true}, {Text: n.Gets, Code: true}, {Text: n.Holder}})
		}
		out.Names = t
		if r.NamesTaken > len(r.Names) {
			out.NamesMore = fmt.Sprintf("The first %d of %d.", len(r.Names), r.NamesTaken)
		}
	}
	if len(r.Managers) > 0 {
		t := &ui.Table{Label: "Managers", Columns: []ui.Column{{Title: "Manager's worker id"}, {Title: "People", Num: true}, {Title: "Lines"}}}
		for _, m := range r.Managers {
			t.Rows = append(t.Rows, []ui.Cell{{Text: m.Worker, Code: true}, {Text: itoa(m.People), Num: true}, {Text: someLines(m.Lines, m.People)}})
		}
		out.Managers = t
	}
	out.Makes, out.Groups = makes(r), groupCounts(r)
	how := "without asking the directories: it takes no account to be there, and every group"
	if r.Live {
		how = "asking the directories and the HRIS"
	}
	out.Note = fmt.Sprintf("Worked out in %s, %s. What others do until then may change it.", (time.Duration(r.Milliseconds) * time.Millisecond).Round(100*time.Millisecond), how)
	return out
}

func someLines(lines []int, people int) string {
	var out []string
	for _, n := range lines {
		out = append(out, itoa(n))
	}
	text := strings.Join(out, ", ")
	if people > len(lines) {
		text += ", …"
	}
	return text
}

func makes(r bulk.Report) *ui.Table {
	t := &ui.Table{Label: "What would be made", Columns: []ui.Column{{Title: "What"}, {Title: "Where"}, {Title: "How many", Num: true}}}
	add := func(what, where string, n int) {
		if n > 0 {
			t.Rows = append(t.Rows, []ui.Cell{{Text: what}, {Text: where}, {Text: itoa(n), Num: true}})
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r.Creates)) {
		add("Accounts", k, r.Creates[k])
	}
	for _, k := range slices.Sorted(maps.Keys(r.Grants)) {
		add("Memberships", k, r.Grants[k])
	}
	add("Messages", "", r.Messages)
	add("Requests", "", r.Requests)
	add("Fields written to the HRIS", "", r.WriteBacks)
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

func groupCounts(r bulk.Report) *ui.Table {
	if len(r.Groups) == 0 {
		return nil
	}
	t := &ui.Table{Label: "Groups", Columns: []ui.Column{{Title: "Group"}, {Title: "Where"}, {Title: "People", Num: true}}}
	for _, g := range r.Groups {
		t.Rows = append(t.Rows, []ui.Cell{{Text: g.Group}, {Text: g.Connection}, {Text: itoa(g.People), Num: true}})
	}
	return t
}

// bulkStages shows how far a started list is and what can be done with it.
func (s *Server) bulkStages(ctx context.Context, l postgres.List, b *pages.Body, at, live string, may bool, who auth.Actor) error {
	stages, err := s.DB.ListStages(ctx, l.ID)
	if err != nil {
		return err
	}
	states := []run.State{run.Queued, run.Running, run.Waiting, run.Parked, run.Succeeded, run.Failed, run.Canceled}
	t := &ui.Table{Label: "Stages", Columns: []ui.Column{{Title: "Stage"}, {Title: "People", Num: true}}}
	for _, st := range states {
		t.Columns = append(t.Columns, ui.Column{Title: runBadge(st).Text, Num: true})
	}
	total := map[run.State]int{}
	left := 0
	for _, g := range stages {
		name := fmt.Sprintf("Stage %d", g.Stage)
		if g.Stage == 0 {
			name, left = "Not started", g.People
		}
		row := []ui.Cell{{Text: name}, {Text: itoa(g.People), Num: true}}
		for _, st := range states {
			n := g.States[st]
			total[st] += n
			cell := ui.Cell{Num: true, Text: "–"}
			if n > 0 {
				cell.Text, cell.URL = itoa(n), at+"?only="+string(st)+"#people"
			}
			row = append(row, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	b.Stages = t
	if total[run.Queued]+total[run.Running]+total[run.Waiting] > 0 {
		pace, err := s.DB.ListPace(ctx, l.ID)
		if err != nil {
			return err
		}
		if f, ok := pace.Forecast(s.Now()); ok {
			b.Progress = s.drainProgress(f, l.Rows-l.Bad-left-f.Left, l.Rows-l.Bad-left)
		}
	}
	if l.Stopped != "" {
		b.Notices = append(b.Notices, ui.Notice{Tone: "warn", Text: "This list does not go on by itself: " + l.Stopped})
	}
	if l.State == postgres.ListStarted && live != l.Release {
		if err := s.bulkSecond(ctx, l, b, at, live, who); err != nil {
			return err
		}
	}
	if may && l.State == postgres.ListStarted && left > 0 {
		next := left
		if l.Stage < len(l.Plan) {
			next = min(left, l.Plan[l.Stage])
		}
		b.Buttons = append(b.Buttons, ui.Button{Text: fmt.Sprintf("Start the next %d", next), Icon: "play", Tone: "primary", Post: at + "/continue", Values: []ui.Pair{{Label: "release", Value: live}}, Confirm: fmt.Sprintf("Start %s of this list now?", plural(next, "more person", "more people"))})
	}
	if who.Can(auth.RunOperate) {
		listActs(b, at, total, live != "" && live != l.Release)
	}
	return nil
}

// drainProgress tells when the last run under way will have ended.
func (s *Server) drainProgress(f bulk.Forecast, done, all int) *pages.Progress {
	rate := fmt.Sprintf("%.0f a second", f.PerSecond)
	if f.PerSecond < 10 {
		rate = fmt.Sprintf("%.1f a second", f.PerSecond)
	}
	if f.PerSecond < 1 {
		rate = fmt.Sprintf("%.1f a minute", f.PerSecond*60)
	}
	return &pages.Progress{Title: "Under way", Done: itoa(done), All: itoa(max(1, all)), Label: "Runs that ended",
		Text: fmt.Sprintf("%d of %d are through, lately %s. At this pace the last one ends in about %s, at %s.", done, all, rate, span(f.In), s.moment(s.Now().Add(f.In)))}
}

func listActs(b *pages.Body, at string, total map[run.State]int, newer bool) {
	if n := total[run.Failed]; n > 0 {
		retry := func(text, most, confirm string) {
			act := ui.Button{Text: text, Icon: "rotate-ccw", Post: at + "/retry", Values: []ui.Pair{{Label: "most", Value: most}}, Confirm: confirm}
			if newer {
				act.Text += " by the newest revision"
				act.Values = append(act.Values, ui.Pair{Label: "newest", Value: "true"})
			}
			b.Buttons = append(b.Buttons, act)
		}
		if n > 2 {
			retry("Retry two of the failed", "2", "")
		}
		retry(fmt.Sprintf("Retry all %d failed", n), itoa(n), fmt.Sprintf("Retry %s from the step that failed?", plural(n, "run", "runs")))
	}
	if n := total[run.Parked]; n > 0 {
		b.Acts = append(b.Acts, ui.Danger{Button: "Resume parked runs", Title: "Resume parked runs", Text: "They go on, the first of the file first. More than one person may let go waits for a second person.", Post: at + "/resume",
			Fields: []ui.Field{{Name: "most", Label: "How many", Value: itoa(n), Input: "number", Required: true}, {Name: "reason", Label: "Reason", Required: true}}})
	}
	if n := total[run.Queued] + total[run.Waiting] + total[run.Parked] + total[run.Running]; n > 0 {
		b.Acts = append(b.Acts, ui.Danger{Button: "Cancel what is not done", Title: "Cancel what is not done", Text: plural(n, "run", "runs") + " of this list end. What they did so far stays.", Post: at + "/cancel", Word: "cancel",
			Fields: []ui.Field{{Name: "reason", Label: "Reason", Required: true}}})
	}
}
