package web

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/settings"
	"joinery/views/ui"
)

// policyIndex is GET /policies.
func (s *Server) policyIndex(c *fiber.Ctx, who auth.Actor) error {
	q, after := strings.TrimSpace(c.Query("q")), c.Query("after")
	rows, next, err := s.DB.Policies(c.UserContext(), q, after, 50)
	if err != nil {
		return err
	}
	w := wordsOf[review.Policy]
	p := settings.ListPage{
		Head:    ui.Head{Title: w.title, Text: w.help},
		Filters: &ui.Filters{Action: "/policies", Fields: []ui.Field{{Name: "q", Label: "Name or key", Input: "search", Value: q}}},
		Table:   ui.Table{Label: w.title, Columns: ui.Columns("Name", "Type", "State", "Used by", "Problems", "Changed")},
		Empty:   ui.Empty{Icon: w.icon, Title: "No policies yet", Text: "A policy says once, for all flows, how names are made, which groups follow, how attributes are filled and what is written back."},
	}
	link := url.Values{}
	if q != "" {
		p.Filters.ClearURL, p.Empty.Title, p.Empty.Text = "/policies", "None here", "Nothing matches."
		link.Set("q", q)
	}
	if who.Can(auth.ArtifactWrite) {
		p.Head.Actions = []ui.Button{{Text: w.newText, Icon: "plus", Tone: "primary", URL: "/policies/new"}}
	}
	for _, r := range rows {
		kind := ui.Cell{Text: r.Type}
		if spec, ok := policy.SpecOf(r.Type); ok {
			kind.Text = spec.Title
		}
		used := ui.Cell{Text: "no live flow"}
		if len(r.Flows) > 0 {
			used = ui.Cell{Text: strings.Join(names(r.Flows, 2), ", ")}
			if n := behind(r); n > 0 {
				used.Sub = fmt.Sprintf("%s can take revision %d", plural(n, "flow", "flows"), r.Live.Revision)
			}
		}
		wrong := ui.Cell{Badges: []ui.Badge{{Tone: "good", Text: "None"}}}
		if n := len(r.Problems); n > 0 {
			wrong = ui.Cell{Badges: []ui.Badge{{Tone: "bad", Text: plural(n, "problem", "problems")}}, Sub: clipText(r.Problems[0].Detail, 200)}
		}
		if n := len(r.Warnings); n > 0 && len(r.Problems) == 0 {
			wrong = ui.Cell{Badges: []ui.Badge{{Tone: "warn", Text: fmt.Sprintf("%d to look at", n)}}, Sub: clipText(r.Warnings[0].Detail, 200)}
		}
		p.Table.Rows = append(p.Table.Rows, []ui.Cell{{Text: r.Name, Sub: r.Key, URL: "/policies/" + r.Key}, kind, {Badges: artifactBadges(r.Artifact)}, used, wrong, {Text: s.ago(r.UpdatedAt), Sub: "by " + r.HeadBy, NoWrap: true}})
	}
	if after != "" {
		p.Pager.PrevURL = "/policies?" + link.Encode()
	}
	if next != "" {
		link.Set("after", next)
		p.Pager.NextURL = "/policies?" + link.Encode()
	}
	return s.show(c, who, frame{Title: w.title}, settings.List(p))
}

// names gives the names of the first flows, and how many more there are.
func names(all []postgres.Dependent, n int) []string {
	var out []string
	for i, d := range all {
		if i == n {
			return append(out, fmt.Sprintf("and %d more", len(all)-n))
		}
		out = append(out, d.Name)
	}
	return out
}

// behind counts the flows that pin another release than the live one.
func behind(r postgres.PolicyRow) int {
	n := 0
	for _, d := range r.Flows {
		if !d.Current && r.Live != nil {
			n++
		}
	}
	return n
}
