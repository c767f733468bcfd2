package web

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/template"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// templateShow is GET /templates/:template.
func (s *Server) templateShow(c *fiber.Ctx, who auth.Actor) error {
	if c.Params("template") == blankTemplate {
		return s.blankPage(c, who, "", "", nil)
	}
	if c.Params("template") == "empty" {
		return s.newPage(c, who, review.Flow, starters[review.Flow], 0, nil)
	}
	t, err := template.Find(s.kinds(), c.Params("template"))
	if err != nil {
		return err
	}
	choice := template.Choice{Key: t.Key, Name: t.Name, Connections: map[string]string{}}
	own, err := s.ownConnections(c)
	if err != nil {
		return err
	}
	fits := fitting(t, own)
	for place, options := range fits { // the only one that fits is chosen already
		if len(options) == 1 {
			choice.Connections[place] = options[0].Value
		}
	}
	return s.templatePage(c, who, t, choice, fits, nil)
}

// templateTake is POST /templates/:template: it shows what will be made, or saves it.
func (s *Server) templateTake(c *fiber.Ctx, who auth.Actor) error {
	if c.Params("template") == blankTemplate {
		return s.blankTake(c, who)
	}
	t, err := template.Find(s.kinds(), c.Params("template"))
	if err != nil {
		return err
	}
	own, err := s.ownConnections(c)
	if err != nil {
		return err
	}
	fits := fitting(t, own)
	choice := template.Choice{Key: strings.TrimSpace(c.FormValue("key")), Name: strings.TrimSpace(c.FormValue("name")), Domain: strings.ToLower(strings.TrimSpace(c.FormValue("domain"))), Connections: map[string]string{}}
	for _, place := range t.Connections {
		choice.Connections[place.Key] = c.FormValue("connection." + place.Key)
	}
	if err := judgeChoice(t, choice, fits); err != nil || c.FormValue("op") == "look" {
		return s.templatePage(c, who, t, choice, fits, err)
	}
	made, err := t.Make(s.kinds(), choice, s.hashOf(c))
	if err == nil {
		err = s.saveMade(c, who, t, made)
	}
	if badContent(err) {
		return s.templatePage(c, who, t, choice, fits, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/flows/"+choice.Key, madeSentence(made))
}

func madeSentence(made template.Made) string {
	n := map[review.Kind]int{}
	for _, d := range made.Docs {
		n[d.Kind]++
	}
	var with []string
	if k := n[review.Function]; k > 0 {
		with = append(with, plural(k, "function", "functions"))
	}
	if k := n[review.Policy]; k > 0 {
		with = append(with, plural(k, "policy", "policies"))
	}
	if len(with) == 0 {
		return "The flow is saved; what it uses was there already. Look at it, then submit it for review."
	}
	return "The flow and " + strings.Join(with, " and ") + " are saved as revisions. Submit what it uses for review first, then the flow."
}

func (s *Server) saveMade(c *fiber.Ctx, who auth.Actor, t template.Template, made template.Made) error {
	message := strings.TrimSpace(c.FormValue("message"))
	if message == "" {
		message = "From the template " + t.Title
	}
	var all []postgres.Save
	for _, d := range made.Docs {
		all = append(all, postgres.Save{Doc: d, Message: message, Base: 0, Via: "console"})
	}
	_, err := s.DB.SaveTogether(c.UserContext(), who, all)
	return err
}

var mailDomain = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

// judgeChoice says what is wrong with what somebody chose.
func judgeChoice(t template.Template, choice template.Choice, fits map[string][]ui.Option) error {
	var problems []fault.Problem
	if choice.Name == "" {
		problems = append(problems, fault.Problem{Path: "name", Detail: "Write what the flow is called."})
	}
	if choice.Domain != "" && (!mailDomain.MatchString(choice.Domain) || len(choice.Domain) > 200) {
		problems = append(problems, fault.Problem{Path: "domain", Detail: "Write a domain such as example.com, without @."})
	}
	for _, place := range t.Connections {
		key := choice.Connections[place.Key]
		if !slices.ContainsFunc(fits[place.Key], func(o ui.Option) bool { return o.Value == key && key != "" }) {
			problems = append(problems, fault.Problem{Path: "connection." + place.Key, Detail: "Choose the connection that stands for this."})
		}
	}
	return fault.Refuse("Some fields are not right yet. Nothing was saved.", problems)
}

// hashOf tells which policy or function has a key.
func (s *Server) hashOf(c *fiber.Ctx) template.Taken {
	return func(kind review.Kind, key string) (string, error) {
		a, err := s.DB.Artifact(c.UserContext(), kind, key)
		switch {
		case fault.Is(err, fault.NotFound):
			return "", nil
		case err != nil:
			return "", err
		case a.HeadHash == "":
			return "taken", nil
		}
		return a.HeadHash, nil
	}
}

func (s *Server) templatePage(c *fiber.Ctx, who auth.Actor, t template.Template, choice template.Choice, fits map[string][]ui.Option, refused error) error {
	p := artifacts.TemplatePage{Head: ui.Head{Title: t.Title, Text: t.Summary}, Drawing: drawing(flow.Draw(t.Content, flow.Layout{}, s.Nodes), t.Title), Action: "/templates/" + t.Key, CancelURL: "/flows/new"}
	status, wrong := 0, map[string]string{}
	if refused != nil {
		p.Notices, status = []ui.Notice{{Tone: "bad", Text: fault.Sentence(refused)}}, http.StatusUnprocessableEntity
		for _, x := range fault.Problems(refused) {
			wrong[x.Path] = x.Detail
		}
	}
	p.Fields = []ui.Field{
		{Name: "name", Label: "Name of the flow", Value: choice.Name, Required: true, Error: wrong["name"], MaxLength: 200},
		{Name: "key", Label: "Key", Value: choice.Key, Required: true, Error: wrong["key"], MaxLength: 63, Help: "Lower-case letters, digits and hyphens. It never changes."},
		{Name: "domain", Label: "E-mail domain of your company", Value: choice.Domain, Error: wrong["domain"], Placeholder: template.Domain, MaxLength: 200, Help: "Stands in the naming rules, their tests and the addresses of owners. Empty: " + template.Domain + ", to be changed later."},
	}
	var missing []string
	for _, place := range t.Connections {
		f := ui.Field{Name: "connection." + place.Key, Label: place.Title, Input: "select", Required: true, Help: place.Help, Error: wrong["connection."+place.Key], Options: []ui.Option{{Label: "Choose a connection"}}}
		for _, o := range fits[place.Key] {
			o.Selected = o.Value == choice.Connections[place.Key]
			f.Options = append(f.Options, o)
		}
		if len(fits[place.Key]) == 0 {
			missing = append(missing, place.Title+": "+placeNeeds(place))
		}
		p.Places = append(p.Places, f)
	}
	if len(missing) > 0 {
		p.Notices = append(p.Notices, ui.Notice{Tone: "warn", Text: "Something that this flow needs is not there yet. Nothing can be saved before.", Items: missing, Link: &ui.Link{Text: "New connection", URL: "/connections/new"}})
	}
	var err error
	if p.Calls, err = s.calls(c, t); err != nil {
		return err
	}
	if p.Brings, err = s.brings(c, t, choice); err != nil {
		return err
	}
	for _, place := range t.Connections {
		if groups := t.Groups[place.Key]; len(groups) > 0 {
			p.Groups = append(p.Groups, ui.Pair{Label: place.Title, Value: strings.Join(groups, ", ")})
		}
	}
	return s.show(c, who, frame{Title: t.Title, Nav: "/flows", Crumbs: crumbsOf(review.Flow, ui.Link{Text: "New flow", URL: "/flows/new"}), Status: status}, artifacts.TemplateForm(p))
}

// brings tells which policies and functions the choice would make. A choice that is not complete
// yet is looked at with the template's own names.
func (s *Server) brings(c *fiber.Ctx, t template.Template, choice template.Choice) (ui.Table, error) {
	out := ui.Table{Label: "What comes with it", Columns: ui.Columns("Name", "Kind", "Key", "What happens")}
	look := choice
	look.Connections = map[string]string{}
	for _, place := range t.Connections {
		if look.Connections[place.Key] = choice.Connections[place.Key]; look.Connections[place.Key] == "" {
			look.Connections[place.Key] = place.Key
		}
	}
	made, err := t.Make(s.kinds(), look, s.hashOf(c))
	if badContent(err) {
		look.Key = t.Key
		made, err = t.Make(s.kinds(), look, s.hashOf(c))
	}
	if err != nil {
		return out, err
	}
	for _, p := range made.Parts {
		what := "Made new"
		switch {
		case p.Reused:
			what = "Is there already, the very same, and is used"
		case p.Now != p.Key:
			what = "Made new; " + p.Key + " is another one already"
		}
		out.Rows = append(out.Rows, []ui.Cell{{Text: p.Name, Sub: p.Description}, {Text: string(p.Kind)}, {Text: p.Now}, {Text: what}})
	}
	return out, nil
}
