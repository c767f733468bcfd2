package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/postgres"
	"joinery/views/sections"
	"joinery/views/ui"
)

// functionRules is GET /system/functions.
func (s *Server) functionRules(c *fiber.Ctx, who auth.Actor) error {
	return s.functionRulesPage(c, who, nil)
}

func (s *Server) functionRulesPage(c *fiber.Ctx, who auth.Actor, refused error) error {
	set, err := s.DB.FunctionSetting(c.UserContext())
	if err != nil {
		return err
	}
	p := sections.Page{Head: ui.Head{Title: "Functions", Text: "What this installation asks of function code. Stricter rules hold at once; looser ones once another administrator agrees."}}
	if set.Proposed != nil {
		p.Wide = append(p.Wide, proposedRules(set, who))
	}
	own := sections.Section{Title: "Rules", Pairs: rulePairs(set.Rules)}
	if who.Can(auth.SettingsManage) {
		own.Pairs = nil
		own.Form = &sections.Form{Action: "/system/functions", Submit: "Save", Fields: ruleFields(set.Rules)}
	}
	p.Wide = append(p.Wide, own)
	p.Wide = append(p.Wide, sections.Section{Title: "Isolation on this machine", Pairs: s.shelter(c.UserContext())})
	status := 0
	if refused != nil {
		p.Notices, status = []ui.Notice{refusal(refused)}, http.StatusUnprocessableEntity
	}
	return s.show(c, who, frame{Title: "Functions", Nav: "/system", Crumbs: []ui.Link{{Text: "System", URL: "/system"}}, Status: status}, sections.Show(p))
}

func ruleFields(r postgres.FunctionRules) []ui.Field {
	second := ui.Field{Name: "second", Label: "A second reviewer is needed for a function that", Input: "checks", Help: "Two people who wrote no part of it approve the same content. Functions that are live stay live."}
	for _, k := range function.Sensitives() {
		second.Options = append(second.Options, ui.Option{Value: k.Kind, Label: lowerFirst(k.Says), Selected: slices.Contains(r.Second, k.Kind)})
	}
	return []ui.Field{second,
		{Name: "allow_reduced_sandbox", Label: "Run functions where their workers cannot be shut in fully", Input: "check", Value: "true", Checked: r.AllowReduced, Help: "For developing on systems without seccomp, such as macOS. A fault of the interpreter could then reach what the user who runs this server can reach."}}
}

func rulePairs(r postgres.FunctionRules) []ui.Pair {
	var second []string
	for _, k := range function.Sensitives() {
		if slices.Contains(r.Second, k.Kind) {
			second = append(second, lowerFirst(k.Says))
		}
	}
	if second == nil {
		second = []string{"none"}
	}
	reduced := ui.Pair{Label: "Where workers cannot be shut in fully", Value: "functions do not run"}
	if r.AllowReduced {
		reduced.Value, reduced.Badge = "functions run all the same", &ui.Badge{Tone: "warn", Text: "Look"}
	}
	return []ui.Pair{{Label: "A second reviewer is needed for a function that", Value: strings.Join(second, "; ")}, reduced}
}

func proposedRules(set postgres.FunctionSetting, who auth.Actor) sections.Section {
	out := sections.Section{Title: "Proposed", Text: set.ByName + " proposes rules that ask for less.", Pairs: rulePairs(*set.Proposed)}
	switch {
	case who.UserID == set.ByID:
		out.Text += " Another administrator has to agree."
	case who.Can(auth.SettingsManage):
		fields := []ui.Field{{Name: "allow_reduced_sandbox", ID: "agree-reduced", Input: "hidden", Value: boolWord(set.Proposed.AllowReduced)}}
		for _, k := range set.Proposed.Second {
			fields = append(fields, ui.Field{Name: "second", ID: "agree-" + k, Input: "hidden", Value: k})
		}
		out.Form = &sections.Form{Action: "/system/functions/agree", Submit: "Agree", Fields: fields}
	}
	return out
}

func boolWord(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func postedRules(c *fiber.Ctx) postgres.FunctionRules {
	r := postgres.FunctionRules{Second: []string{}, AllowReduced: c.FormValue("allow_reduced_sandbox") == "true"}
	c.Request().PostArgs().VisitAll(func(key, value []byte) {
		if string(key) == "second" {
			r.Second = append(r.Second, string(value))
		}
	})
	return r
}

// functionRulesSave is POST /system/functions, functionRulesAgree POST /system/functions/agree.
func (s *Server) functionRulesSave(c *fiber.Ctx, who auth.Actor) error {
	proposed, err := s.DB.SetFunctionRules(c.UserContext(), who, postedRules(c))
	if fault.Is(err, fault.Invalid) {
		return s.functionRulesPage(c, who, err)
	}
	if err != nil {
		return err
	}
	if proposed {
		return s.done(c, "/system/functions", "Proposed. It holds once another administrator has agreed.")
	}
	return s.done(c, "/system/functions", "Saved. It holds at once.")
}

func (s *Server) functionRulesAgree(c *fiber.Ctx, who auth.Actor) error {
	err := s.DB.AgreeFunctionRules(c.UserContext(), who, postedRules(c))
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		return s.functionRulesPage(c, who, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/system/functions", "Agreed. It holds at once.")
}
