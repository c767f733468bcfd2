package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/policies"
	"joinery/views/ui"
)

// verdict is what is known about a form: what is wrong, how its tests went, and
// what came of trying it.
type verdict struct {
	problems []fault.Problem
	results  []policy.CaseResult
	doc      artifact.Doc
	content  policy.Content
	// unread says that some cell cannot be read, so there is no content to try.
	unread bool
	tried  *tried
}

// judge reads a form, checks it, runs its tests, and tries it when that was asked.
func (s *Server) judge(c *fiber.Ctx, who auth.Actor, d policyDraft) (verdict, error) {
	var v verdict
	var err error
	v.doc, v.problems, err = d.doc(s.kinds())
	if err != nil && fault.KindOf(err) == fault.Internal {
		return v, err
	}
	if err != nil {
		v.problems = []fault.Problem{{Detail: fault.Sentence(err)}}
	}
	if v.unread = len(v.problems) > 0; v.unread {
		if d.try.asked {
			v.tried = &tried{err: fault.New(fault.Invalid, "Some cells cannot be read yet. They say what is wrong.")}
		}
		return v, nil
	}
	if v.problems, err = s.problems(c.UserContext(), review.Policy, v.doc.Content); err != nil {
		return v, err
	}
	if v.content, err = s.kinds().Policy(v.doc.Content); err != nil {
		return v, err
	}
	if !rulesAreWrong(v.problems) {
		v.results = policy.RunCases(c.UserContext(), v.content)
	}
	if d.try.asked {
		v.tried = s.tryDraft(c, who, d.try, v.content)
	}
	return v, nil
}

// rulesAreWrong tells whether there is no use in running the tests.
func rulesAreWrong(problems []fault.Problem) bool {
	return slices.ContainsFunc(problems, func(p fault.Problem) bool { return !strings.HasPrefix(p.Path, "cases") })
}

// policyShow is GET /policies/:key: the form of the newest revision.
func (s *Server) policyShow(c *fiber.Ctx, who auth.Actor) error {
	a, rev, err := s.newest(c, review.Policy)
	if err != nil {
		return err
	}
	d, err := s.draftAt(rev)
	if errors.Is(err, errNoForm) {
		return c.Redirect("/policies/"+a.Key+"/yaml", http.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	return s.policyForm(c, who, a, d, "", nil)
}

// errNoForm says that a content has a type that is not known, so only its text can
// be shown.
var errNoForm = errors.New("no form")

func (s *Server) draftAt(rev postgres.Revision) (policyDraft, error) {
	spec, ok := policy.SpecOf(s.kinds().PolicyType([]byte(rev.Content)))
	if !ok {
		return policyDraft{}, errNoForm
	}
	return draftOf(spec, []byte(rev.Content), rev.Number)
}

// policyForm answers with the page of a form. Said is what an act has to say, and
// two is set when somebody saved meanwhile.
func (s *Server) policyForm(c *fiber.Ctx, who auth.Actor, a postgres.Artifact, d policyDraft, said string, two *policies.Conflict) error {
	v, err := s.judge(c, who, d)
	if err != nil {
		return err
	}
	if c.FormValue("op") == "keep" && v.tried != nil {
		d.keptCase(v.tried, v.doc.Content)
		d.try.look = false // the systems were asked a moment ago
		if v, err = s.judge(c, who, d); err != nil {
			return err
		}
		said = "The test is below. Name it after what it shows, and look at what it keeps for ever: real people's data do not belong into it."
	}
	p, err := s.policyPage(c, who, d, v)
	if err != nil {
		return err
	}
	if p.Try, err = s.tryPart(c, who, d, v.doc.Content, v); err != nil {
		return err
	}
	if len(v.doc.Content) > 0 {
		more, err := s.warnings(c.UserContext(), review.Policy, v.doc.Content)
		if err != nil {
			return err
		}
		p.Notices = append(p.Notices, more...)
	}
	p.Changed = c.Method() == http.MethodPost
	if said != "" {
		p.Notices = append([]ui.Notice{{Text: said}}, p.Notices...)
	}
	f := frame{Title: "New policy", Crumbs: crumbsOf(review.Policy)}
	if two != nil {
		p.Conflict, f.Status = two, http.StatusConflict
	}
	if a.Key == "" {
		p.Head = ui.Head{Title: "New policy: " + d.spec.Title, Text: "Nothing is kept before you save it."}
		return s.show(c, who, f, policies.Edit(p))
	}
	f.Title, p.Head, p.Tabs = a.Name, ui.Head{Title: a.Name, Badges: artifactBadges(a), Text: d.description}, artifactTabs(review.Policy, a.Key, "Rules")
	if !p.Changed {
		p.Head.Actions = s.submitButton(who, a)
	}
	if p.Uses, err = s.policyUses(c, who, a); err != nil {
		return err
	}
	return s.show(c, who, f, policies.Edit(p))
}

// policyUses tells which flows use a policy, and offers them the live revision.
func (s *Server) policyUses(c *fiber.Ctx, who auth.Actor, a postgres.Artifact) (*policies.Uses, error) {
	deps, err := s.DB.Dependents(c.UserContext(), review.Policy, a.Key)
	if err != nil {
		return nil, err
	}
	out := policies.Uses{Text: "No live flow uses this policy yet. A step of a flow names it; the flow's release pins the exact revision."}
	behind := 0
	for _, d := range deps {
		u := policies.Use{Name: d.Name, URL: "/flows/" + d.Key, Text: "Pinned at revision " + itoa(d.Pinned) + "."}
		if !d.Current && a.Live != nil {
			behind++
			u.Behind = true
			if who.Can(auth.ReleaseRollback) {
				u.Take = &ui.Danger{Button: fmt.Sprintf("Take revision %d", a.Live.Revision), Title: fmt.Sprintf("Release %s again with revision %d", d.Name, a.Live.Revision),
					Text: "The flow stays as it is; it uses the live releases of everything it uses from then on. Runs under way keep what they began with.", Post: "/flows/" + d.Key + "/refresh",
					Fields: []ui.Field{{ID: "reason-" + d.Key, Name: "reason", Label: "Reason", Required: true, Help: "At least 10 characters."}}}
			}
		}
		out.Flows = append(out.Flows, u)
	}
	switch {
	case behind > 0:
		out.Text = fmt.Sprintf("%s can take revision %d.", plural(behind, "flow", "flows"), a.Live.Revision)
	case len(deps) > 0:
		out.Text = "They all use what is live."
	}
	return &out, nil
}
