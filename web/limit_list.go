package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/views/sections"
	"joinery/views/ui"
)

// limitIndex is GET /limits.
func (s *Server) limitIndex(c *fiber.Ctx, who auth.Actor) error { return s.limitPage(c, who, nil) }

func (s *Server) limitPage(c *fiber.Ctx, who auth.Actor, refused error) error {
	flows, err := s.DB.ParkedFlows(c.UserContext())
	if err != nil {
		return err
	}
	lifts, next, err := s.DB.Lifts(c.UserContext(), "", c.Query("before"), 20)
	if err != nil {
		return err
	}
	alone, err := s.DB.Alone(c.UserContext())
	if err != nil {
		return err
	}
	p := sections.Page{Head: ui.Head{Title: "Limits", Text: "What a limit stopped, and what a second person let past one. Nobody does that alone, and nobody decides about their own."}}
	for _, f := range flows {
		p.Wide = append(p.Wide, parkedSection(f, who))
	}
	if len(flows) == 0 {
		p.Wide = append(p.Wide, sections.Section{Title: "Stopped by a limit", Empty: &ui.Empty{Icon: "shield-check", Title: "Nothing is stopped", Text: "When a flow or a connection reaches its limit, what comes after parks and is shown here."}})
	}
	p.Wide = append(p.Wide, s.liftTable(lifts, next))
	p.Wide = append(p.Wide, aloneSections(alone, who)...)
	status := 0
	if refused != nil {
		p.Notices, status = []ui.Notice{refusal(refused)}, http.StatusUnprocessableEntity
	}
	return s.show(c, who, frame{Title: "Limits", Nav: "/runs", Status: status}, sections.Show(p))
}

func parkedSection(f postgres.ParkedFlow, who auth.Actor) sections.Section {
	out := sections.Section{Title: "Stopped: " + f.Flow, Text: fmt.Sprintf("%s parked. %s", plural(f.Runs, "run is", "runs are"), f.Reason),
		Pairs:   []ui.Pair{{Label: "Flow", Value: f.Flow, URL: "/flows/" + f.Flow}, {Label: "Runs", Value: "Look at them", URL: "/runs?flow=" + f.Flow + "&state=parked"}},
		Actions: nil}
	switch {
	case f.Open != "":
		out.Pairs = append(out.Pairs, ui.Pair{Label: "Asked", Value: "A second person is asked", URL: "/limits/" + f.Open})
	case who.Can(auth.RunOperate):
		hint := fmt.Sprintf("Up to %d go at once: so many more may one person let go today. More wait for a second person.", f.Alone)
		if f.Alone == 0 {
			hint = "One person may let no more go today, so a second person is asked."
		}
		out.Form = &sections.Form{Action: "/limits", Submit: "Let them go", Fields: []ui.Field{{Name: "flow", Input: "hidden", Value: f.Flow},
			{Name: "most", ID: "most-" + f.Flow, Label: "How many", Input: "number", Value: itoa(f.Runs), Required: true, Help: hint}, {Name: "reason", ID: "reason-" + f.Flow, Label: "Reason", Required: true, Help: "Why it is right that so many come. It goes on record."}}}
	}
	return out
}

func (s *Server) liftTable(lifts []postgres.Lift, next string) sections.Section {
	t := ui.Table{Label: "Second persons", Columns: []ui.Column{{Title: "What"}, {Title: "People", Num: true}, {Title: "State"}, {Title: "Asked"}, {Title: "Decided"}}}
	for _, l := range lifts {
		decided := ui.Cell{Text: "–"}
		if l.DecidedAt != nil {
			decided = ui.Cell{Text: s.ago(*l.DecidedAt), Sub: "by " + l.DecidedBy}
		}
		t.Rows = append(t.Rows, []ui.Cell{{Text: liftTitle(l), URL: "/limits/" + l.ID, Sub: l.Reason}, {Text: itoa(l.People), Num: true}, {Badges: []ui.Badge{liftBadge(l)}}, {Text: s.ago(l.AskedAt), Sub: "by " + l.AskedBy}, decided})
	}
	out := sections.Section{Title: "Second persons", Table: &t, Empty: &ui.Empty{Icon: "users", Title: "Nothing yet", Text: "Nobody has asked a second person."}}
	if next != "" {
		out.Actions = []ui.Button{{Text: "Older", URL: "/limits?before=" + next}}
	}
	return out
}

func liftTitle(l postgres.Lift) string {
	if l.Kind == postgres.LiftList {
		return "A list for the flow " + l.Flow
	}
	return "Parked runs of the flow " + l.Flow
}

func liftBadge(l postgres.Lift) ui.Badge {
	switch l.State {
	case postgres.LiftApproved:
		return ui.Badge{Tone: "good", Text: "Agreed"}
	case postgres.LiftRefused:
		return ui.Badge{Tone: "bad", Text: "Refused"}
	}
	return ui.Badge{Tone: "warn", Text: "A second person is asked"}
}

func aloneFields(a bulk.Alone) []ui.Field {
	return []ui.Field{
		{Name: "people", Label: "People of lists of one flow within a day", Input: "number", Value: itoa(a.People), Required: true},
		{Name: "collisions", Label: "People of a list whose name somebody has", Input: "number", Value: itoa(a.Collisions), Required: true},
		{Name: "licences", Label: "People of a list who get one group", Input: "number", Value: itoa(a.Licences), Required: true, Help: "Licences follow groups."},
		{Name: "parked", Label: "Runs of one flow that a limit stopped, within a day", Input: "number", Value: itoa(a.Parked), Required: true},
	}
}

func aloneSections(l postgres.AloneLimits, who auth.Actor) []sections.Section {
	own := sections.Section{Title: "What one person may do alone", Text: "More than this needs a second person. Less holds at once; more has to be agreed to by another administrator."}
	for _, f := range aloneFields(l.Alone) {
		own.Pairs = append(own.Pairs, ui.Pair{Label: f.Label, Value: f.Value})
	}
	if !who.Can(auth.SettingsManage) {
		return []sections.Section{own}
	}
	own.Pairs = nil
	own.Form = &sections.Form{Action: "/limits/alone", Submit: "Save", Fields: aloneFields(l.Alone)}
	if l.Proposed == nil {
		return []sections.Section{own}
	}
	more := sections.Section{Title: "Proposed", Text: l.ByName + " proposes that one person may do more alone."}
	for _, f := range aloneFields(*l.Proposed) {
		more.Pairs = append(more.Pairs, ui.Pair{Label: f.Label, Value: f.Value})
	}
	if who.UserID != l.ByID {
		fields := aloneFields(*l.Proposed)
		for i := range fields {
			fields[i] = ui.Field{Name: fields[i].Name, ID: "agree-" + fields[i].Name, Input: "hidden", Value: fields[i].Value}
		}
		more.Form = &sections.Form{Action: "/limits/alone/agree", Submit: "Agree", Fields: fields}
	} else {
		more.Text += " Another administrator has to agree."
	}
	return []sections.Section{more, own}
}

// limitAsk is POST /limits.
func (s *Server) limitAsk(c *fiber.Ctx, who auth.Actor) error {
	flow := c.FormValue("flow")
	most, err := strconv.Atoi(strings.TrimSpace(c.FormValue("most")))
	if err != nil || most < 1 || most > bulk.MaxRows {
		return s.limitPage(c, who, fault.New(fault.Invalid, "Write how many runs may go on, such as 25."))
	}
	ids, err := s.DB.ParkedRuns(c.UserContext(), flow, most)
	if err != nil {
		return err
	}
	return s.letGo(c, who, flow, ids, func(err error) error { return s.limitPage(c, who, err) })
}

// letGo lets parked runs go, or shows what a second person is asked.
func (s *Server) letGo(c *fiber.Ctx, who auth.Actor, flow string, ids []string, refused func(error) error) error {
	went, lift, err := s.DB.LetGo(c.UserContext(), who, flow, ids, c.FormValue("reason"))
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		return refused(err)
	}
	if err != nil {
		return err
	}
	if lift != "" {
		return s.done(c, "/limits/"+lift, "That is more than one person may let go. A second person is asked now.")
	}
	s.kick()
	return s.done(c, "/limits", plural(went, "run goes on", "runs go on")+".")
}

// limitAlone is POST /limits/alone, limitAgree POST /limits/alone/agree.
func (s *Server) limitAlone(c *fiber.Ctx, who auth.Actor) error {
	want, err := readAlone(c)
	if err != nil {
		return s.limitPage(c, who, err)
	}
	proposed, err := s.DB.SetAlone(c.UserContext(), who, want)
	if fault.Is(err, fault.Invalid) {
		return s.limitPage(c, who, err)
	}
	if err != nil {
		return err
	}
	if proposed {
		return s.done(c, "/limits", "Proposed. It holds once another administrator has agreed.")
	}
	return s.done(c, "/limits", "Saved. It holds at once.")
}

func (s *Server) limitAgree(c *fiber.Ctx, who auth.Actor) error {
	want, err := readAlone(c)
	if err == nil {
		err = s.DB.AgreeAlone(c.UserContext(), who, want)
	}
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		return s.limitPage(c, who, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/limits", "Agreed. It holds at once.")
}

func readAlone(c *fiber.Ctx) (a bulk.Alone, err error) {
	for name, into := range map[string]*int{"people": &a.People, "collisions": &a.Collisions, "licences": &a.Licences, "parked": &a.Parked} {
		n, err := strconv.Atoi(strings.TrimSpace(c.FormValue(name)))
		if err != nil {
			return a, fault.Refuse("Write a whole number in every field.", []fault.Problem{{Path: name, Detail: "Write a whole number."}})
		}
		*into = n
	}
	return a, a.Check()
}
