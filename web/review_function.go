package web

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/function"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/reviews"
	"joinery/views/ui"
)

// reviewFunction shows what the function of a review can touch and what the governed
// runtime showed of it.
func (s *Server) reviewFunction(ctx context.Context, d postgres.ReviewDetail, who auth.Actor) (*reviews.Function, error) {
	now, err := function.Decode([]byte(d.Content))
	if err != nil {
		return nil, err
	}
	var before function.Content
	out := &reviews.Function{Against: "Nothing of it is live, so all that it may do is new.", Same: "Nothing of it is live, and it asks for nothing."}
	if d.BaseContent != "" {
		if before, err = function.Decode([]byte(d.BaseContent)); err != nil {
			return nil, err
		}
		out.Against = fmt.Sprintf("Compared with revision %d.", d.BaseRevision)
		out.Same = fmt.Sprintf("It may do exactly what revision %d may, no more and no less.", d.BaseRevision)
	}
	out.More, out.Less = function.Changed(before.Manifest, now.Manifest)
	e, found, err := s.DB.Examination(ctx, d.Hash)
	if err != nil {
		return nil, err
	}
	examined(out, d, e, found, now, who)
	if who.Can(auth.ReviewComment) && s.Functions != nil {
		if out.Scratch, err = s.scratchPart(d, trialOf(now), nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// examined fills in what an examination showed, or how far it is.
func examined(out *reviews.Function, d postgres.ReviewDetail, e postgres.Examination, found bool, c function.Content, who auth.Actor) {
	done := found && e.State == postgres.ExaminationDone
	if d.State == review.Open && who.Can(auth.ReviewComment) && (!found || e.State == postgres.ExaminationFailed) {
		out.ExamineURL = "/reviews/" + d.ID + "/examine"
	}
	switch {
	case !found:
		out.State = &ui.Notice{Tone: "info", Text: "This content has not been examined."}
	case e.State == postgres.ExaminationFailed:
		out.State = &ui.Notice{Tone: "bad", Text: "The examination did not come to its end. " + e.Error}
	case !done:
		out.State = &ui.Notice{Tone: "info", Text: "The examination is under way: its tests are run against small changes of the source. Open this page again in a moment."}
	}
	out.Grants = grantTable(c, e.Report, done)
	if !done {
		return
	}
	r := e.Report
	out.Tests = ui.Table{Label: "Tests", Columns: ui.Columns("Test", "Result")}
	for _, k := range r.Cases {
		badge := ui.Badge{Tone: "good", Text: "Passed"}
		if !k.Passed {
			badge = ui.Badge{Tone: "bad", Text: "Failed"}
		}
		out.Tests.Rows = append(out.Tests.Rows, []ui.Cell{{Text: visible(k.Name), Sub: visible(k.Why)}, {Badges: []ui.Badge{badge}}})
	}
	source := strings.Split(c.Source, "\n")
	out.Coverage = fmt.Sprintf("Its tests run all %d lines that hold code.", len(r.Lines))
	if n := len(r.Missed); n > 0 {
		out.Coverage = fmt.Sprintf("Its tests run %d of %d lines that hold code. Nobody knows what these do:", len(r.Lines)-n, len(r.Lines))
	}
	for _, l := range r.Missed {
		out.Missed = append(out.Missed, sourceLine(source, l, ""))
	}
	out.Changes = fmt.Sprintf("Of %s of the source, its tests notice every one.", plural(r.Tried, "small change", "small changes"))
	switch n := len(r.Survivors); {
	case r.Tried == 0:
		out.Changes = "No small changes of the source were tried."
	case n > 0:
		out.Changes = fmt.Sprintf("Of %s of the source, its tests do not notice %d. A mistake there could go unseen:", plural(r.Tried, "small change", "small changes"), n)
	}
	for _, m := range r.Survivors {
		out.Survivors = append(out.Survivors, sourceLine(source, m.Line, m.Text))
	}
	for _, w := range r.Warnings {
		out.Warnings = append(out.Warnings, sourceLine(source, w.Line, w.Text))
	}
}

// sourceLine is a line of source with its number, and what is said of it.
func sourceLine(source []string, n int, said string) string {
	text := ""
	if n > 0 && n <= len(source) {
		text = strings.TrimSpace(source[n-1])
	}
	if len([]rune(text)) > 120 {
		text = string([]rune(text)[:120]) + "…"
	}
	out := fmt.Sprintf("Line %d: %s", n, visible(text))
	if said != "" {
		out += " – " + said
	}
	return out
}

// grantTable sets what is asked for beside what was found and what the tests used.
func grantTable(c function.Content, r function.Examination, done bool) ui.Table {
	t := ui.Table{Label: "Grants", Columns: ui.Columns("It", "Asked for", "In the source", "In its tests")}
	list := slices.Clone(c.Manifest.Grants)
	for _, g := range r.Found {
		if !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	yes := func(b, known bool, no string) ui.Cell {
		switch {
		case !known:
			return ui.Cell{Text: "–"}
		case b:
			return ui.Cell{Badges: []ui.Badge{{Tone: "good", Text: "Yes"}}}
		}
		return ui.Cell{Badges: []ui.Badge{{Tone: "warn", Text: no}}}
	}
	anywhere := slices.ContainsFunc(r.Calls, func(u function.CallAt) bool { return u.Connection == "?" })
	for _, text := range list {
		g, ok := function.ParseGrant(text)
		if !ok {
			continue
		}
		found := yes(slices.Contains(r.Found, text), done, "Not called")
		if done && anywhere && !slices.Contains(r.Found, text) {
			found = ui.Cell{Badges: []ui.Badge{{Tone: "warn", Text: "Maybe"}}, Sub: "the connection is worked out"}
		}
		t.Rows = append(t.Rows, []ui.Cell{{Text: capitalFirst(g.Says()), Sub: text}, yes(slices.Contains(c.Manifest.Grants, text), true, "No"), found, yes(slices.Contains(r.Observed, text), done, "Not used")})
	}
	return t
}

// reviewUses names the flows that keep a function or use it in a draft.
func (s *Server) reviewUses(ctx context.Context, d postgres.ReviewDetail, deps []postgres.Dependent) ([]string, error) {
	var out []string
	for _, dep := range deps {
		out = append(out, fmt.Sprintf("The flow %s keeps revision %d until it is released again.", dep.Name, dep.Pinned))
	}
	if d.Kind != review.Function {
		return out, nil
	}
	drafts, err := s.DB.FlowsUsing(ctx, d.Kind, d.Key)
	if err != nil {
		return nil, err
	}
	for _, name := range drafts {
		if !slices.ContainsFunc(deps, func(p postgres.Dependent) bool { return p.Name == name }) {
			out = append(out, "The flow "+name+" uses it in a draft that is not live.")
		}
	}
	if len(out) == 0 {
		out = append(out, "No flow uses it yet.")
	}
	return out, nil
}

// reviewSecond says that two reviewers are needed, and who said yes.
func reviewSecond(p *reviews.Page, d postgres.ReviewDetail) {
	p.Effect = "It goes live at once."
	if !d.Second.Needed() || d.State != review.Open {
		return
	}
	p.Second = "Two reviewers have to approve this, because it " + strings.Join(d.Second.Why, "; ") + "."
	p.Effect = "It goes live when a second reviewer approves the same content."
	if len(d.Second.By) > 0 {
		var names []string
		for _, m := range d.Comments {
			if m.What == "approved" {
				names = append(names, m.AuthorName)
			}
		}
		p.Second += " " + strings.Join(names, ", ") + " did; one more is missing."
		p.Effect = "You are the second reviewer: it goes live at once."
	}
}

// reviewExamine is POST /reviews/:id/examine.
func (s *Server) reviewExamine(c *fiber.Ctx, who auth.Actor) error {
	if err := s.DB.AskExamination(c.UserContext(), who, c.Params("id")); err != nil {
		return err
	}
	return s.done(c, "/reviews/"+c.Params("id"), "It is being examined. Open this page again in a moment.")
}
