package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

func itoa(n int) string { return strconv.Itoa(n) }

// artifactTabs lead through the parts of one artifact.
func artifactTabs(kind review.Kind, key, current string) []ui.Tab {
	at := "/" + kind.Plural() + "/" + key
	var out []ui.Tab
	if kind == review.Flow {
		out = append(out, ui.Tab{Text: "Outline", URL: at}, ui.Tab{Text: "Canvas", URL: at + "/canvas"})
		out = append(out, ui.Tab{Text: "YAML", URL: at + "/yaml"})
	} else if kind == review.Policy {
		out = append(out, ui.Tab{Text: "Rules", URL: at})
		out = append(out, ui.Tab{Text: "YAML", URL: at + "/yaml"})
	} else if kind == review.Connection {
		out = append(out, ui.Tab{Text: "Settings", URL: at})
	} else {
		out = append(out, ui.Tab{Text: "Editor", URL: at}, ui.Tab{Text: "YAML", URL: at + "/yaml"})
	}
	out = append(out, ui.Tab{Text: "History", URL: at + "/revisions"})
	if kind == review.Flow {
		out = append(out, ui.Tab{Text: "Try", URL: at + "/try"}, ui.Tab{Text: "Backtests", URL: at + "/backtests"})
	}
	for i := range out {
		out[i].Current = out[i].Text == current
	}
	return out
}

func crumbsOf(kind review.Kind, more ...ui.Link) []ui.Link {
	return append([]ui.Link{{Text: wordsOf[kind].title, URL: "/" + kind.Plural()}}, more...)
}

// artifactText is GET /flows/:key/yaml, and the page of functions and policies.
func (s *Server) artifactText(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		a, rev, err := s.newest(c, kind)
		if err != nil {
			return err
		}
		text, err := s.kinds().YAML(kind, []byte(rev.Content))
		if err != nil {
			return err
		}
		notices, err := s.warnings(c.UserContext(), kind, []byte(rev.Content))
		if err != nil {
			return err
		}
		return s.textPage(c, who, a, string(text), rev.Number, "", 0, notices)
	}
}

func (s *Server) newest(c *fiber.Ctx, kind review.Kind) (postgres.Artifact, postgres.Revision, error) {
	a, err := s.DB.Artifact(c.UserContext(), kind, c.Params("key"))
	if err != nil {
		return a, postgres.Revision{}, err
	}
	rev, err := s.DB.Revision(c.UserContext(), kind, a.Key, 0)
	return a, rev, err
}

func (s *Server) textPage(c *fiber.Ctx, who auth.Actor, a postgres.Artifact, text string, base int, message string, status int, notices []ui.Notice) error {
	at := "/" + a.Kind.Plural() + "/" + a.Key
	p := artifacts.TextPage{Head: ui.Head{Title: a.Name, Badges: artifactBadges(a)}, Tabs: artifactTabs(a.Kind, a.Key, "Content"), Text: text, Base: itoa(base), Action: at + "/yaml", CheckURL: at + "/check", Message: message,
		Rows: itoa(min(max(strings.Count(text, "\n")+3, 16), 40)), ReadOnly: !who.Can(auth.ArtifactWrite), Notices: notices}
	if a.Kind != review.Connection {
		p.Tabs = artifactTabs(a.Kind, a.Key, "YAML")
	}
	if a.Kind == review.Flow {
		p.Head.Actions = append(p.Head.Actions, ui.Button{Text: "Export", Icon: "download", URL: at + "/export"})
	}
	p.Head.Actions = append(p.Head.Actions, s.submitButton(who, a)...)
	return s.show(c, who, frame{Title: a.Name, Crumbs: crumbsOf(a.Kind), Status: status}, artifacts.Text(p))
}

// submitButton offers the review of the newest revision, when it is worth one.
func (s *Server) submitButton(who auth.Actor, a postgres.Artifact) []ui.Button {
	if a.OpenReview != "" {
		return []ui.Button{{Text: "Open review", Icon: "badge-check", URL: "/reviews/" + a.OpenReview}}
	}
	if !who.Can(auth.ArtifactWrite) || a.Head == 0 || a.Live != nil && a.Live.Hash == a.HeadHash {
		return nil
	}
	return []ui.Button{{Text: "Submit for review", Icon: "badge-check", Tone: "primary", Post: "/" + a.Kind.Plural() + "/" + a.Key + "/reviews", Values: []ui.Pair{{Label: "revision", Value: itoa(a.Head)}}}}
}

// artifactSave is POST /{kind}/:key/yaml.
func (s *Server) artifactSave(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		a, err := s.DB.Artifact(c.UserContext(), kind, c.Params("key"))
		if err != nil {
			return err
		}
		base, err := postedBase(c)
		if err != nil {
			return err
		}
		saved, err := s.saveText(c, who, kind, a.Key, base)
		if badContent(err) {
			return s.textPage(c, who, a, c.FormValue("text"), base, c.FormValue("message"), http.StatusUnprocessableEntity, []ui.Notice{refusal(err)})
		}
		if err != nil {
			return err
		}
		to := "/" + kind.Plural() + "/" + a.Key
		if kind != review.Connection {
			to += "/yaml"
		}
		return s.done(c, to, savedSentence(saved))
	}
}

func savedSentence(saved postgres.Saved) string {
	out := fmt.Sprintf("Saved as revision %d.", saved.Revision)
	if !saved.New {
		out = "Nothing changed, so there is no new revision."
	}
	if n := len(saved.Problems); n > 0 {
		out += " " + plural(n, "problem", "problems") + " to solve before it can be submitted."
	}
	return out
}

func badContent(err error) bool {
	return fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) || fault.Is(err, fault.TooLarge)
}

// refusal is a fault as a notice, with its problems.
func refusal(err error) ui.Notice {
	n := ui.Notice{Tone: "bad", Text: fault.Sentence(err)}
	for _, p := range fault.Problems(err) {
		if line := p.Path + ": " + p.Detail; !strings.Contains(n.Text, p.Detail) {
			n.Items = append(n.Items, line)
		}
	}
	return n
}

func postedBase(c *fiber.Ctx) (int, error) {
	base, err := strconv.Atoi(c.FormValue("base"))
	if err != nil || base < 0 {
		return 0, fault.New(fault.Invalid, "The form does not say which revision it started from. Open it again.")
	}
	return base, nil
}

func (s *Server) saveText(c *fiber.Ctx, who auth.Actor, kind review.Kind, key string, base int) (postgres.Saved, error) {
	doc, err := s.kinds().ReadText(kind, key, []byte(c.FormValue("text")))
	if err != nil {
		return postgres.Saved{}, err
	}
	s.askSchemas(c.UserContext(), kind, doc.Content)
	return s.DB.SaveRevision(c.UserContext(), who, postgres.Save{Doc: doc, Message: c.FormValue("message"), Base: base, Via: "console"})
}

// artifactCheck is POST /{kind}/:key/check: it says what is wrong and saves nothing.
func (s *Server) artifactCheck(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		a, err := s.DB.Artifact(c.UserContext(), kind, c.Params("key"))
		if err != nil {
			return err
		}
		base, err := postedBase(c)
		if err != nil {
			return err
		}
		notice := ui.Notice{Tone: "good", Text: "No problems were found. Nothing was saved."}
		doc, err := s.kinds().ReadText(kind, a.Key, []byte(c.FormValue("text")))
		if err != nil {
			notice = refusal(err)
		} else if problems, err := s.problems(c.UserContext(), kind, doc.Content); err != nil {
			return err
		} else if len(problems) > 0 {
			notice = refusal(fault.Refuse(plural(len(problems), "problem", "problems")+" to solve. Nothing was saved.", problems))
		}
		notices := []ui.Notice{notice}
		if doc.Key != "" {
			more, err := s.warnings(c.UserContext(), kind, doc.Content)
			if err != nil {
				return err
			}
			notices = append(notices, more...)
		}
		return s.textPage(c, who, a, c.FormValue("text"), base, c.FormValue("message"), 0, notices)
	}
}

// policyStarter is the first text of a policy of the first type there is.
func policyStarter() string { return policy.Specs()[0].Starter }

// starters are the first text of a new artifact.
var starters = map[review.Kind]string{
	review.Flow: `key: my-flow
name: My flow
trigger: hired
nodes:
  - id: hired
    type: hris.event
    name: Somebody is hired
    params:
      connection: demo-hris
      events: [worker.hired]
  - id: create
    type: account.ensure
    name: Create the account
    params:
      directory: demo-scim
      name: =Lower(NormalizeDiacritics(joiner.first_name + "." + joiner.last_name))
      attributes:
        displayName: =joiner.first_name + " " + joiner.last_name
edges:
  - {from: hired.started, to: create}
`,
	review.Policy:   policyStarter(),
	review.Function: function.Starter,
}

// artifactNew is GET /{kind}/new.
func (s *Server) artifactNew(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error { return s.newPage(c, who, kind, starters[kind], 0, nil) }
}

func (s *Server) newPage(c *fiber.Ctx, who auth.Actor, kind review.Kind, text string, status int, notices []ui.Notice) error {
	w := wordsOf[kind]
	p := artifacts.TextPage{Head: ui.Head{Title: w.newText}, Text: text, Base: "0", Action: "/" + kind.Plural(), CancelURL: "/" + kind.Plural(), Rows: "24", Notices: notices, Message: c.FormValue("message"),
		Intro: "Change the key and the name first. After it is saved you can go on with forms."}
	if kind != review.Flow {
		p.Intro = "Change the key and the name first."
	}
	return s.show(c, who, frame{Title: w.newText, Crumbs: crumbsOf(kind), Status: status}, artifacts.Text(p))
}

// artifactAdd is POST /{kind}.
func (s *Server) artifactAdd(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		var doc artifact.Doc
		doc, err := s.kinds().ReadText(kind, "", []byte(c.FormValue("text")))
		var saved postgres.Saved
		if err == nil {
			saved, err = s.DB.SaveRevision(c.UserContext(), who, postgres.Save{Doc: doc, Message: c.FormValue("message"), Base: 0, Via: "console"})
		}
		if badContent(err) {
			return s.newPage(c, who, kind, c.FormValue("text"), http.StatusUnprocessableEntity, []ui.Notice{refusal(err)})
		}
		if err != nil {
			return err
		}
		return s.done(c, "/"+kind.Plural()+"/"+doc.Key, savedSentence(saved))
	}
}
