package web

import (
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/exception"
	"joinery/internal/postgres"
	"joinery/internal/run"
	"joinery/views/home"
	"joinery/views/ui"
)

// homeShow is GET /.
func (s *Server) homeShow(c *fiber.Ctx, who auth.Actor) error {
	h, err := s.DB.Home(c.UserContext())
	if err != nil {
		return err
	}
	return s.show(c, who, frame{Title: "Home", Nav: "/"}, home.Show(s.homePage(h, who)))
}

func (s *Server) homePage(h postgres.Home, who auth.Actor) home.Page {
	p := home.Page{
		Head: ui.Head{Title: "Home", Text: "What needs a person, and how the last 24 hours went."},
		Tiles: []ui.Tile{
			{Label: "Running now", Value: fmt.Sprint(h.Running), URL: "/runs?state=running"},
			{Label: "Waiting", Value: fmt.Sprint(h.Waiting), Note: "for a date or a person", URL: "/runs?state=waiting"},
			{Label: "Succeeded", Value: fmt.Sprint(h.SucceededDay), Note: "in 24 hours", URL: "/runs?state=succeeded"},
			{Label: "Failed", Value: fmt.Sprint(h.FailedDay), Note: "in 24 hours", URL: "/runs?state=failed"},
		},
		Calm:     ui.Empty{Icon: "circle-check", Title: "Nothing needs you", Text: "No failed run, no open question, no exception, no review, no credential that expires soon."},
		NoJoiner: ui.Empty{Icon: "users", Title: "No joiner yet", Text: "Joiners appear here when the HRIS announces one, or when a run is started by hand."},
		Joiners:  ui.Table{Label: "Newest joiners", Columns: ui.Columns("Joiner", "Department", "Starts", "Accounts", "Last run")},
	}
	p.Joiners.Columns[3].Num = true
	if len(h.Joiners) > 0 {
		p.JoinersURL = "/joiners"
	}
	for _, j := range h.Joiners {
		row := []ui.Cell{{Text: joinerName(j.Label, j.Worker), Sub: j.Connection + " · " + j.Worker, URL: "/joiners/" + j.ID}, {Text: j.Department}, {Text: j.StartDate, NoWrap: true}, {Text: fmt.Sprint(j.Accounts), Num: true}, {Text: "none"}}
		if j.LastState != "" {
			row[4] = ui.Cell{Badges: []ui.Badge{runBadge(run.State(j.LastState))}, Sub: j.LastFlow}
		}
		p.Joiners.Rows = append(p.Joiners.Rows, row)
	}
	add := func(title, tone string, items []home.Item, more *ui.Link) {
		if len(items) > 0 {
			p.Groups = append(p.Groups, home.Group{Title: title, Badge: ui.Badge{Tone: tone, Text: fmt.Sprint(len(items))}, Items: items, More: more})
		}
	}
	add("Failed runs", "bad", s.homeRuns(h.Failed, who), &ui.Link{Text: "All failed runs", URL: "/runs?state=failed"})
	add("Parked runs", "warn", s.homeRuns(h.Parked, who), &ui.Link{Text: "All parked runs, and what a limit stopped", URL: "/limits"})
	add("Sign-offs", "warn", s.homeSignoffs(h.Signoffs, who), nil)
	if h.ExceptionCount > 0 && who.Can(auth.RunRead) {
		more := &ui.Link{Text: "All exceptions", URL: "/exceptions"}
		p.Groups = append(p.Groups, home.Group{Title: "Exceptions", Badge: ui.Badge{Tone: "bad", Text: fmt.Sprint(h.ExceptionCount)}, Items: s.homeExceptions(h.Exceptions), More: more})
	}
	add("Reviews", "info", s.homeReviews(h.Reviews), &ui.Link{Text: "All reviews", URL: "/reviews"})
	add("Released without approval", "bad", homeUnratified(h.Unratified), nil)
	if h.DeadLetters > 0 {
		add("Events that could not be used", "bad", []home.Item{{Text: plural(h.DeadLetters, "dead letter", "dead letters"), Sub: "Look at why, mend it, and replay them.", URL: "/events?state=dead"}}, nil)
	}
	add("Credentials", "warn", s.homeCredentials(h.Expiring), &ui.Link{Text: "All credentials", URL: "/credentials"})
	return p
}

// joinerName names a joiner. A work name is what everybody in the company sees, so
// it is shown to all readers; personal fields are not (redact.go).
func joinerName(label, worker string) string {
	switch {
	case label != "":
		return label
	case worker != "":
		return "Worker " + worker
	}
	return "A joiner"
}

func (s *Server) homeRuns(rows []postgres.RunRow, who auth.Actor) []home.Item {
	var out []home.Item
	for _, r := range rows {
		out = append(out, home.Item{Text: joinerName(r.JoinerLabel, r.Worker) + " · " + r.Flow, Sub: r.Reason, URL: "/runs/" + r.ID, When: s.ago(r.ChangedAt), ISO: iso(r.ChangedAt)})
	}
	return out
}

func (s *Server) homeSignoffs(rows []postgres.SignoffLine, who auth.Actor) []home.Item {
	var out []home.Item
	for _, r := range rows {
		r = questionFor(r, who)
		i := home.Item{Text: r.Title, Sub: joinerName(r.Joiner, "") + " · " + r.Flow, URL: "/runs/" + r.RunID, When: s.ago(r.At), ISO: iso(r.At)}
		if r.Deadline != nil {
			i.Badge = &ui.Badge{Tone: "warn", Text: "due " + s.ago(*r.Deadline)}
			if r.Deadline.Before(s.Now()) {
				i.Badge = &ui.Badge{Tone: "bad", Text: "overdue"}
			}
		}
		out = append(out, i)
	}
	return out
}

func (s *Server) homeReviews(rows []postgres.ReviewRow) []home.Item {
	var out []home.Item
	for _, r := range rows {
		out = append(out, home.Item{Text: fmt.Sprintf("%s, revision %d", r.Name, r.Revision), Sub: string(r.Kind) + " · by " + r.OpenedByName, URL: "/reviews/" + r.ID, When: s.ago(r.OpenedAt), ISO: iso(r.OpenedAt)})
	}
	return out
}

func (s *Server) homeExceptions(rows []postgres.ExceptionRow) []home.Item {
	var out []home.Item
	for _, x := range rows {
		i := home.Item{Text: x.Title, Sub: joinerName(x.JoinerLabel, x.Worker) + " · " + exceptionKind(x.Kind), URL: "/exceptions/" + x.ID, When: s.ago(x.OpenedAt), ISO: iso(x.OpenedAt)}
		if x.State == exception.Asked {
			i.Badge = &ui.Badge{Tone: "warn", Text: "push asked for"}
		}
		out = append(out, i)
	}
	return out
}

func homeUnratified(rows []postgres.Artifact) []home.Item {
	var out []home.Item
	for _, a := range rows {
		out = append(out, home.Item{Text: a.Name, Sub: string(a.Kind) + " · a second person must ratify it", URL: "/" + a.Kind.Plural() + "/" + a.Key})
	}
	return out
}

func (s *Server) homeCredentials(rows []postgres.Credential) []home.Item {
	var out []home.Item
	for _, r := range rows {
		i := home.Item{Text: r.Connection + " · " + r.Name, Sub: "owner: " + r.OwnerName, URL: "/credentials"}
		switch {
		case !r.OwnerActive:
			i.Badge = &ui.Badge{Tone: "bad", Text: "owner not active"}
		case !r.ExpiresAt.After(s.Now()):
			i.Badge = &ui.Badge{Tone: "bad", Text: "expired"}
		default:
			i.Badge = &ui.Badge{Tone: "warn", Text: "expires " + inAWhile(r.ExpiresAt.Sub(s.Now()).Round(time.Minute))}
		}
		out = append(out, i)
	}
	return out
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
