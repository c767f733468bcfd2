package web

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/policies"
	"joinery/views/reviews"
	"joinery/views/settings"
	"joinery/views/ui"
)

// reviewIndex is GET /reviews.
func (s *Server) reviewIndex(c *fiber.Ctx, who auth.Actor) error {
	state, notices := pickWord(c.Query("state", "open"), "state", append(reviewStates(), "all"))
	if state == "" {
		state = "all"
	}
	before := c.Query("before")
	want := review.State(state)
	if state == "all" {
		want = ""
	}
	rows, next, err := s.DB.Reviews(c.UserContext(), want, before, 50)
	if err != nil {
		return err
	}
	f := ui.Field{Name: "state", Label: "State", Input: "select"}
	for _, o := range []struct{ v, l string }{{"open", "Waiting for a reviewer"}, {"changes_requested", "Changes requested"}, {"approved", "Approved"}, {"closed", "Closed"}, {"all", "All"}} {
		f.Options = append(f.Options, ui.Option{Value: o.v, Label: o.l, Selected: o.v == state})
	}
	p := settings.ListPage{
		Notices: notices,
		Head:    ui.Head{Title: "Reviews", Text: "Nothing goes live before another person approved exactly that content."},
		Filters: &ui.Filters{Action: "/reviews", Fields: []ui.Field{f}},
		Table:   ui.Table{Label: "Reviews", Columns: ui.Columns("What", "Message", "State", "Submitted")},
		Empty:   ui.Empty{Icon: "badge-check", Title: "Nothing to review", Text: "No review is in this state."},
	}
	for _, r := range rows {
		p.Table.Rows = append(p.Table.Rows, []ui.Cell{{Text: r.Name, Sub: fmt.Sprintf("%s, revision %d", r.Kind, r.Revision), URL: "/reviews/" + r.ID}, {Text: r.Message}, {Badges: []ui.Badge{reviewBadge(r.State)}}, {Text: s.ago(r.OpenedAt), Sub: "by " + r.OpenedByName}})
	}
	if before != "" {
		p.Pager.PrevURL = "/reviews?state=" + url.QueryEscape(state)
	}
	if next != "" {
		p.Pager.NextURL = "/reviews?" + url.Values{"state": {state}, "before": {next}}.Encode()
	}
	return s.show(c, who, frame{Title: "Reviews"}, settings.List(p))
}

// reviewShow is GET /reviews/:id.
func (s *Server) reviewShow(c *fiber.Ctx, who auth.Actor) error {
	d, err := s.DB.Review(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	deps, err := s.DB.Dependents(c.UserContext(), d.Kind, d.Key)
	if err != nil {
		return err
	}
	p, err := s.reviewPage(c.UserContext(), d, deps, who)
	if err != nil {
		return err
	}
	return s.show(c, who, frame{Title: p.Head.Title, Crumbs: []ui.Link{{Text: "Reviews", URL: "/reviews"}}}, reviews.Show(p))
}

func (s *Server) reviewPage(ctx context.Context, d postgres.ReviewDetail, deps []postgres.Dependent, who auth.Actor) (reviews.Page, error) {
	p := reviews.Page{Head: ui.Head{Title: fmt.Sprintf("%s, revision %d", d.Name, d.Revision), Badges: []ui.Badge{reviewBadge(d.State)}, Text: d.Message}, Hash: d.Hash, Same: d.BaseContent == d.Content}
	var err error
	if p.Words, p.Lines, err = s.changes(d.Kind, d.BaseContent, d.Content); err != nil {
		return p, err
	}
	text, err := s.kinds().YAML(d.Kind, []byte(d.Content))
	if err != nil {
		return p, err
	}
	p.Content = visible(string(text))
	if d.Kind == review.Policy {
		if p.Tests, err = reviewTests(ctx, d.Content); err != nil {
			return p, err
		}
	}
	if d.Kind == review.Function {
		if p.Function, err = s.reviewFunction(ctx, d, who); err != nil {
			return p, err
		}
		if err = s.reviewAsked(ctx, &p, d, who); err != nil {
			return p, err
		}
	}
	reviewSecond(&p, d)
	at := "/" + d.Kind.Plural() + "/" + d.Key
	against := ui.Pair{Label: "Compared with", Value: "nothing: it is new"}
	if d.BaseRevision > 0 {
		against = ui.Pair{Label: "Compared with", Value: "revision " + itoa(d.BaseRevision) + ", live when it was submitted", URL: fmt.Sprintf("%s/revisions/%d", at, d.BaseRevision)}
	}
	p.Pairs = []ui.Pair{{Label: strings.ToUpper(string(d.Kind)[:1]) + string(d.Kind)[1:], Value: d.Key, URL: at}, {Label: "Revision", Value: itoa(d.Revision), URL: fmt.Sprintf("%s/revisions/%d", at, d.Revision)}, against,
		{Label: "Written by", Value: strings.Join(d.AuthorNames, ", ")}, {Label: "Submitted", Value: d.OpenedByName + ", " + s.moment(d.OpenedAt)}}
	if d.Release != "" {
		p.Pairs = append(p.Pairs, ui.Pair{Label: "Release", Value: d.Release, Code: true, Copy: true})
	}
	for _, k := range d.Checks {
		badge := ui.Badge{Tone: "good", Text: "Passed"}
		if !k.Passed {
			badge = ui.Badge{Tone: "bad", Text: "Failed"}
		}
		p.Checks = append(p.Checks, reviews.Check{Badge: badge, Name: strings.ToUpper(k.Name[:1]) + k.Name[1:], Detail: k.Detail})
	}
	if p.Drawn, err = s.reviewDrawn(ctx, d); err != nil {
		return p, err
	}
	if err := s.reviewBacktest(ctx, &p, d, who); err != nil {
		return p, err
	}
	if p.Uses, err = s.reviewUses(ctx, d, deps); err != nil {
		return p, err
	}
	for _, m := range d.Comments {
		p.Timeline = append(p.Timeline, s.reviewMoment(m))
	}
	s.reviewActs(&p, d, who)
	return p, nil
}

// reviewTests runs the tests of the revision that is reviewed.
func reviewTests(ctx context.Context, content string) (*policies.Results, error) {
	c, err := policy.Decode([]byte(content))
	if err != nil {
		return nil, err
	}
	out := testResults(policy.RunCases(ctx, c))
	if len(out.Tests) == 0 {
		out.Text = "This policy has no tests. Ask for one that shows what the change is for."
	}
	return &out, nil
}

func (s *Server) reviewMoment(m postgres.ReviewComment) ui.Moment {
	out := ui.Moment{When: s.moment(m.At), ISO: iso(m.At), By: m.AuthorName, Text: m.Body, Tone: "neutral", Icon: "message-square", Title: "Comment"}
	switch m.What {
	case "approved":
		out.Tone, out.Icon, out.Title = "good", "check", "Approved"
	case "changes_requested":
		out.Tone, out.Icon, out.Title = "warn", "undo-2", "Changes requested"
	case "withdrawn", "superseded":
		out.Icon, out.Title = "x", strings.ToUpper(m.What[:1])+m.What[1:]
	}
	return out
}

// reviewActs asks the rule itself what the reader may do, on a copy.
func (s *Server) reviewActs(p *reviews.Page, d postgres.ReviewDetail, who auth.Actor) {
	at := "/reviews/" + d.ID
	try := func(f func(r *review.Review) error) error { r := d.Review; return f(&r) }
	if err := try(func(r *review.Review) error { return r.Approve(who, d.Hash) }); err == nil {
		p.ApproveURL = at + "/approve"
	} else if d.State == review.Open {
		p.Why = fault.Sentence(err)
	}
	if try(func(r *review.Review) error { return r.RequestChanges(who, "x") }) == nil {
		p.ChangesURL = at + "/request-changes"
	}
	if try(func(r *review.Review) error { return r.Withdraw(who) }) == nil {
		p.WithdrawURL = at + "/withdraw"
	}
	if who.Can(auth.ReviewComment) {
		p.CommentURL = at + "/comments"
	}
}

// reviewApprove is POST /reviews/:id/approve.
func (s *Server) reviewApprove(c *fiber.Ctx, who auth.Actor) error {
	r, err := s.DB.ApproveReview(c.UserContext(), who, c.Params("id"), c.FormValue("hash"), c.FormValue("comment"))
	if err != nil {
		return err
	}
	if r.ID == "" {
		return s.done(c, "/reviews/"+c.Params("id"), "Your approval is on record. It goes live when a second reviewer approves the same content.")
	}
	return s.done(c, "/reviews/"+c.Params("id"), "Approved. It is live.")
}

// reviewRequestChanges is POST /reviews/:id/request-changes.
func (s *Server) reviewRequestChanges(c *fiber.Ctx, who auth.Actor) error {
	if err := s.DB.RequestChanges(c.UserContext(), who, c.Params("id"), c.FormValue("comment")); err != nil {
		return err
	}
	return s.done(c, "/reviews/"+c.Params("id"), "The authors are asked to change it.")
}

// reviewComment is POST /reviews/:id/comments.
func (s *Server) reviewComment(c *fiber.Ctx, who auth.Actor) error {
	if err := s.DB.CommentReview(c.UserContext(), who, c.Params("id"), c.FormValue("body")); err != nil {
		return err
	}
	return s.done(c, "/reviews/"+c.Params("id"), "")
}

// reviewWithdraw is POST /reviews/:id/withdraw.
func (s *Server) reviewWithdraw(c *fiber.Ctx, who auth.Actor) error {
	if err := s.DB.WithdrawReview(c.UserContext(), who, c.Params("id")); err != nil {
		return err
	}
	return s.done(c, "/reviews/"+c.Params("id"), "The review is withdrawn.")
}
