package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/exception"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/sections"
	"joinery/views/ui"
)

// exceptionShow is GET /exceptions/:id.
func (s *Server) exceptionShow(c *fiber.Ctx, who auth.Actor) error {
	x, err := s.DB.Exception(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	return s.exceptionPage(c, who, x, 0, nil)
}

// exceptionResolve is POST /exceptions/:id/resolve.
func (s *Server) exceptionResolve(c *fiber.Ctx, who auth.Actor) error {
	x, err := s.DB.Exception(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	wish := exception.Wish{Act: exception.Act(c.FormValue("action")), Reason: c.FormValue("reason"), Owner: c.FormValue("owner")}
	if text := strings.TrimSpace(c.FormValue("until")); text != "" {
		if wish.Until, err = time.Parse(time.DateOnly, text); err != nil {
			return s.exceptionPage(c, who, x, http.StatusUnprocessableEntity, fault.Refuse("Nothing was changed.", []fault.Problem{{Path: "until", Detail: "Write a date such as 2026-12-31."}}))
		}
	}
	state, err := s.DB.ResolveException(c.UserContext(), who, x.ID, postgres.Resolution{Wish: wish, Seen: c.FormValue("seen")})
	if fault.Is(err, fault.Invalid) && len(fault.Problems(err)) > 0 {
		return s.exceptionPage(c, who, x, http.StatusUnprocessableEntity, err)
	}
	if err != nil {
		return err
	}
	s.kick()
	return s.done(c, "/exceptions/"+x.ID, resolvedSentence(wish.Act, state))
}

func resolvedSentence(act exception.Act, state exception.State) string {
	switch {
	case state == exception.Asked:
		return "It is asked for. A person with the contract's role has to agree."
	case act == exception.Push:
		return "Our value is being written again. It is read back before this counts as resolved."
	case act == exception.Refuse:
		return "It is not pushed. The exception is open again."
	case act == exception.AcceptHR:
		return "HR's value is accepted. Ours is given up, and not looked at any more."
	case act == exception.Until:
		return "It may stay so until that day."
	case act == exception.Assign:
		return "The owner is set."
	}
	return "The exception is resolved."
}

func (s *Server) exceptionPage(c *fiber.Ctx, who auth.Actor, x postgres.ExceptionRow, status int, problem error) error {
	story, err := s.DB.ExceptionStory(c.UserContext(), x.ID)
	if err != nil {
		return err
	}
	p := sections.Page{Head: ui.Head{Title: x.Title, Badges: []ui.Badge{exceptionBadge(x.State), {Tone: "neutral", Text: exceptionKind(x.Kind)}}, Text: exceptionText(x.Reason, x, who)}}
	if problem != nil {
		p.Notices = append(p.Notices, ui.Notice{Tone: "bad", Text: fault.Sentence(problem)})
	}
	if x.Field != "" {
		ours, theirs := exceptionValues(x, who)
		p.Wide = append(p.Wide, sections.Section{Title: "The two values of " + x.Field, Table: &ui.Table{Label: "The two values", Columns: ui.Columns("Whose", "Value"),
			Rows: [][]ui.Cell{{{Text: "HR", Sub: "in " + x.Connection}, {Text: theirs}}, {{Text: "Ours", Sub: "what Joinery " + wroteOrWants(x)}, {Text: ours}}}}})
	}
	if who.Can(auth.SignoffDecide) && x.State != exception.Resolved {
		consent, allowed, err := s.DB.PushConsent(c.UserContext(), x)
		if err != nil {
			return err
		}
		p.Wide = append(p.Wide, exceptionActs(c, who, x, pushing{consent, allowed}, problem))
		p.Narrow = append(p.Narrow, exceptionOwnerForm(c, who, x, problem))
	}
	p.Wide = append(p.Wide, sections.Section{Title: "What happened", Timeline: s.exceptionStory(story, x, who)})
	p.Narrow = append([]sections.Section{{Title: "About", Pairs: s.exceptionPairs(x)}}, p.Narrow...)
	return s.show(c, who, frame{Title: x.Title, Nav: "/exceptions", Crumbs: []ui.Link{{Text: "Exceptions", URL: "/exceptions"}}, Status: status}, sections.Show(p))
}

func wroteOrWants(x postgres.ExceptionRow) string {
	if x.Kind == exception.Drift {
		return "wrote"
	}
	return "wants to write"
}

func (s *Server) exceptionPairs(x postgres.ExceptionRow) []ui.Pair {
	var out []ui.Pair
	add := func(label, value, url string) {
		if value != "" {
			out = append(out, ui.Pair{Label: label, Value: value, URL: url})
		}
	}
	if x.JoinerID != "" {
		add("Joiner", joinerName(x.JoinerLabel, x.Worker), "/joiners/"+x.JoinerID)
	}
	add("Connection", x.Connection, "/connections/"+x.Connection)
	add("Field", x.Field, "")
	add("Contract", x.Policy, "/policies/"+x.Policy)
	if x.RunID != "" {
		add("Run", x.Flow, "/runs/"+x.RunID)
	}
	add("Opened", s.moment(x.OpenedAt), "")
	if x.Seen > 1 {
		add("Met", fmt.Sprintf("%d times", x.Seen), "")
	}
	owner := x.OwnerName
	if owner == "" {
		owner = "nobody"
	}
	add("Owner", owner, "")
	if x.Until != nil {
		add("May stay so until", x.Until.UTC().Format("2 Jan 2006"), "")
	}
	if x.ResolvedAt != nil {
		add("Resolved", s.moment(*x.ResolvedAt)+" by "+x.ResolvedName, "")
		add("How", resolutionWord(x.Resolution), "")
		add("Why", x.Comment, "")
	}
	return out
}

func resolutionWord(r string) string {
	return map[string]string{"accept_hr": "HR's value was accepted", "push": "our value was written again and read back", "close": "settled by hand", "agrees": "the two values agree again"}[r]
}

// pushing is what the contract says of writing the value again.
type pushing struct {
	consent exception.Consent
	allowed bool
}

// exceptionActs are the acts that a person may choose from, each with what it will do.
func exceptionActs(c *fiber.Ctx, who auth.Actor, x postgres.ExceptionRow, may pushing, problem error) sections.Section {
	act := func(a exception.Act, button, title, text string, fields ...ui.Field) ui.Danger {
		d := ui.Danger{Button: button, Title: title, Text: text, Post: "/exceptions/" + x.ID + "/resolve", Values: []ui.Pair{{Label: "action", Value: string(a)}, {Label: "seen", Value: x.Hash()}}}
		mine := problem != nil && c.FormValue("action") == string(a)
		for _, f := range fields {
			f.ID = string(a) + "-" + f.Name
			if mine {
				f.Value = c.FormValue(f.Name)
			}
			d.Fields = append(d.Fields, f)
		}
		if mine {
			d.Open, d.Fields = true, withProblems(d.Fields, problem)
		}
		return d
	}
	reason := ui.Field{Name: "reason", Label: "Reason", Help: "Optional; others read it."}
	needed := ui.Field{Name: "reason", Label: "Reason", Required: true}
	owner := ui.Field{Name: "owner", Label: "Who answers for it", Input: "email", Value: who.Email, Required: true, Help: "The e-mail address of a user of this console."}
	var all []ui.Danger
	note := ""
	ours, theirs := exceptionValues(x, who)
	rule := x.Rule()
	if rule.Values && x.State != exception.Pushing {
		all = append(all, act(exception.AcceptHR, "Accept HR's value", "Accept HR's value?", "Joinery gives up “"+ours+"” and keeps HR's “"+theirs+"”. It is not raised again while HR's value stays.", reason))
		push := "Joinery writes “" + ours + "” over HR's “" + theirs + "”, if HR still says that, and reads it back."
		switch {
		case !may.allowed:
			note = "No live contract lets this field be written any more, so ours cannot be pushed."
		case x.State == exception.Asked && !may.consent.Given(who):
			note = "Somebody asked to push our value. The contract wants a person with the role " + may.consent.Role + " to agree."
		case x.State == exception.Asked:
			all = append(all, act(exception.Push, "Agree to push ours", "Agree that ours is written?", push, reason), act(exception.Refuse, "Do not push", "Say no?", "The exception is open again, and HR's value stays.", reason))
		case may.consent.Given(who):
			all = append(all, act(exception.Push, "Push ours again", "Write our value again?", push, reason))
		default:
			all = append(all, act(exception.Push, "Push ours again", "Ask to write our value again?", push+" The contract wants a person with the role "+may.consent.Role+" to agree first.", reason))
		}
	}
	if !rule.Values && x.State != exception.Pushing {
		all = append(all, act(exception.Close, "Close", "Close it as settled by hand?", "Say how it was settled.", needed))
	}
	if x.State != exception.Pushing {
		until := ui.Field{Name: "until", Label: "Until", Input: "date", Required: true}
		all = append(all, act(exception.Until, "Let it stay until a date", "Let it stay so until a date?", "It is not raised again before. Then it is open again.", until, owner, needed))
	}
	if len(all) == 0 {
		return sections.Section{Title: "Reconcile", Text: "Our value is being written again just now. It is read back before this counts as resolved."}
	}
	return sections.Section{Title: "Reconcile", Text: note, Dangers: all}
}

func exceptionOwnerForm(c *fiber.Ctx, who auth.Actor, x postgres.ExceptionRow, problem error) sections.Section {
	f := ui.Field{ID: "assign-owner", Name: "owner", Label: "Who answers for it", Input: "email", Value: who.Email, Required: true}
	form := &sections.Form{Action: "/exceptions/" + x.ID + "/resolve", Submit: "Set owner"}
	form.Fields = []ui.Field{{Name: "action", ID: "assign-action", Input: "hidden", Value: string(exception.Assign)}, f}
	if problem != nil && c.FormValue("action") == string(exception.Assign) {
		form.Fields[1].Value = c.FormValue("owner")
		form.Fields = withProblems(form.Fields, problem)
	}
	return sections.Section{Title: "Owner", Form: form}
}

func (s *Server) exceptionStory(story []postgres.ExceptionAct, x postgres.ExceptionRow, who auth.Actor) []ui.Moment {
	words := map[string][3]string{"open": {"Opened", "circle-alert", "bad"}, "reopen": {"Open again", "circle-alert", "bad"}, "accept_hr": {"HR's value accepted", "circle-check", "good"}, "push": {"To be written again", "undo-2", "info"},
		"ask_push": {"Asked to be written again", "user-check", "warn"}, "refuse": {"Not to be written", "ban", "neutral"}, "push_failed": {"Writing again did not take", "circle-alert", "bad"}, "until": {"May stay so", "clock", "neutral"},
		"assign": {"Owner set", "user-check", "neutral"}, "close": {"Closed", "circle-check", "good"}, "resolved": {"Resolved", "circle-check", "good"}}
	var out []ui.Moment
	for i := len(story) - 1; i >= 0; i-- {
		a := story[i]
		w, ok := words[a.Act]
		if !ok {
			w = [3]string{strings.ReplaceAll(a.Act, "_", " "), "", "neutral"}
		}
		out = append(out, ui.Moment{Title: w[0], Icon: w[1], Tone: w[2], When: s.moment(a.At), ISO: iso(a.At), By: a.Actor, Text: exceptionText(a.Text, x, who)})
	}
	return out
}
