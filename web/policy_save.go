package web

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/policies"
	"joinery/views/ui"
)

// policyNew is GET /policies/new: the types to choose from, or the form of one.
func (s *Server) policyNew(c *fiber.Ctx, who auth.Actor) error {
	spec, ok := policy.SpecOf(c.Query("type"))
	switch {
	case ok && c.Query("as") == "yaml":
		return s.newPage(c, who, review.Policy, spec.Starter, 0, nil)
	case ok:
		d, err := s.startDraft(spec)
		if err != nil {
			return err
		}
		return s.policyForm(c, who, postgres.Artifact{}, d, "", nil)
	}
	p := policies.ChoosePage{Head: ui.Head{Title: "New policy", Text: "What should it decide?"}, TextURL: "/policies/new?as=yaml&type=" + policy.Specs()[0].Type}
	for _, sp := range policy.Specs() {
		p.Choices = append(p.Choices, policies.Choice{Icon: sp.Icon, Title: sp.Title, Help: sp.Help, URL: "/policies/new?type=" + sp.Type})
	}
	return s.show(c, who, frame{Title: "New policy", Crumbs: crumbsOf(review.Policy)}, policies.Choose(p))
}

func (s *Server) startDraft(spec policy.Spec) (policyDraft, error) {
	doc, err := s.kinds().ReadText(review.Policy, "", []byte(spec.Starter))
	if err != nil {
		return policyDraft{}, fmt.Errorf("read the starter of %s: %w", spec.Type, err)
	}
	return draftOf(spec, doc.Content, 0)
}

// postedPolicy reads the form that was sent, on top of what it began with.
func (s *Server) postedPolicy(c *fiber.Ctx) (postgres.Artifact, policyDraft, error) {
	key := c.Params("key")
	if key == "" {
		spec, ok := policy.SpecOf(c.FormValue("type"))
		if !ok {
			return postgres.Artifact{}, policyDraft{}, fault.New(fault.Invalid, "The form does not say which type of policy it is. Open it again.")
		}
		d, err := s.startDraft(spec)
		return postgres.Artifact{}, d.posted(c), err
	}
	a, err := s.DB.Artifact(c.UserContext(), review.Policy, key)
	if err != nil {
		return a, policyDraft{}, err
	}
	base, err := postedBase(c)
	if err == nil && base == 0 {
		err = fault.New(fault.Invalid, "The form does not say which revision it started from. Open it again.")
	}
	if err != nil {
		return a, policyDraft{}, err
	}
	rev, err := s.DB.Revision(c.UserContext(), review.Policy, key, base)
	if err != nil {
		return a, policyDraft{}, err
	}
	d, err := s.draftAt(rev)
	if err != nil {
		return a, d, fault.New(fault.Invalid, "This revision has no form. Edit it as YAML.")
	}
	return a, d.posted(c), nil
}

// policyAct is POST /policies/form and /policies/:key/form: one of the form's
// buttons. Only save and overwrite keep anything.
func (s *Server) policyAct(c *fiber.Ctx, who auth.Actor) error {
	a, d, err := s.postedPolicy(c)
	if err != nil {
		return err
	}
	switch op := c.FormValue("op"); op {
	case "save", "overwrite", "":
		return s.policySave(c, who, a, d)
	case "check":
		return s.policyForm(c, who, a, d, "Nothing was saved. The form is as you left it.", nil)
	case "find":
		d.try.joiner = ""
		return s.policyForm(c, who, a, d, "", nil)
	case "try", "keep":
		d.try.asked = true
		return s.policyForm(c, who, a, d, "", nil)
	default:
		wrong, ok := d.act(op, c.FormValue("paste."+opTable(op)))
		if !ok {
			return fault.New(fault.Invalid, "The form does not know the button %q. Open it again.", clipText(op, 40))
		}
		return s.policyForm(c, who, a, d, wrong, nil)
	}
}

func (s *Server) policySave(c *fiber.Ctx, who auth.Actor, a postgres.Artifact, d policyDraft) error {
	doc, problems, err := d.doc(s.kinds())
	if err != nil && fault.KindOf(err) == fault.Internal {
		return err
	}
	if err != nil || len(problems) > 0 {
		said := "Nothing was saved: some cells cannot be read. They say what is wrong."
		if err != nil {
			said = fault.Sentence(err)
		}
		return s.policyForm(c.Status(http.StatusUnprocessableEntity), who, a, d, said, nil)
	}
	base := d.base
	if c.FormValue("op") == "overwrite" {
		if base, err = strconv.Atoi(c.FormValue("newest")); err != nil || base < 1 {
			return fault.New(fault.Invalid, "The form does not say which revision to save after. Open it again.")
		}
	}
	saved, err := s.DB.SaveRevision(c.UserContext(), who, postgres.Save{Doc: doc, Message: d.message, Base: base, Via: "console"})
	switch {
	case fault.Is(err, fault.Conflict) && d.base > 0:
		return s.policyConflict(c, who, a, d, []byte(doc.Content))
	case badContent(err):
		return s.policyForm(c.Status(http.StatusUnprocessableEntity), who, a, d, fault.Sentence(err), nil)
	case err != nil:
		return err
	}
	return s.done(c, "/policies/"+doc.Key, savedSentence(saved))
}

// policyConflict shows what was saved meanwhile beside what was typed, and keeps
// the form as it is.
func (s *Server) policyConflict(c *fiber.Ctx, who auth.Actor, a postgres.Artifact, d policyDraft, mine []byte) error {
	ctx := c.UserContext()
	began, err := s.DB.Revision(ctx, review.Policy, a.Key, d.base)
	if err != nil {
		return err
	}
	newest, err := s.DB.Revision(ctx, review.Policy, a.Key, 0)
	if err != nil {
		return err
	}
	two := policies.Conflict{Newest: itoa(newest.Number), TheirsURL: fmt.Sprintf("/policies/%s/revisions/%d", a.Key, newest.Number),
		Text: fmt.Sprintf("%s saved revision %d while you were editing revision %d. Nothing of yours is saved yet, and nothing is lost.", newest.AuthorName, newest.Number, d.base)}
	if two.Theirs, _, err = s.changes(review.Policy, began.Content, newest.Content); err != nil {
		return err
	}
	if two.Mine, _, err = s.changes(review.Policy, began.Content, string(mine)); err != nil {
		return err
	}
	if _, two.Lines, err = s.changes(review.Policy, newest.Content, string(mine)); err != nil {
		return err
	}
	return s.policyForm(c, who, a, d, "", &two)
}
