package web

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/policy"
	"joinery/internal/postgres"
)

// policyTry is the joiner that a policy is tried with.
type policyTry struct {
	asked      bool
	query      string
	joiner     string // id of the one that was picked
	attributes map[string]string
	more, now  string
	// extra are the fields of a test that only some types look at, by their keys.
	extra map[string]string
	live  bool
	// look says that live systems are to be asked now, and not at each key.
	look bool
}

func postedTry(c *fiber.Ctx) policyTry {
	t := policyTry{attributes: map[string]string{}, extra: map[string]string{}, query: strings.TrimSpace(c.FormValue("try.q")), joiner: c.FormValue("try.joiner"), more: c.FormValue("try.more"), now: strings.TrimSpace(c.FormValue("try.now")), live: c.FormValue("try.live") != "", look: c.FormValue("look") != "" || c.FormValue("op") == "try" || c.FormValue("op") == "keep"}
	for name, value := range c.Request().PostArgs().All() {
		text := strings.TrimSpace(string(value))
		if a, ok := strings.CutPrefix(string(name), "try.a."); ok {
			t.attributes[a] = text
		} else if a, ok := strings.CutPrefix(string(name), "try.c."); ok {
			t.extra[a] = text
		} else {
			continue
		}
		t.asked = t.asked || text != ""
	}
	t.asked = t.asked || t.joiner != "" || strings.TrimSpace(t.more) != ""
	return t
}

var namedAttribute = regexp.MustCompile(`joiner\.([a-zA-Z_][a-zA-Z0-9_]*)`)

// most is how many attributes the panel shows a field for.
const most = 9

// mentioned lists the attributes that the rules name, and those nearly all do.
func (d policyDraft) mentioned(content []byte) []string {
	var out []string
	add := func(name string) {
		if !slices.Contains(out, name) && len(out) < most {
			out = append(out, name)
		}
	}
	for _, m := range namedAttribute.FindAllSubmatch(content, -1) {
		add(string(m[1]))
	}
	for _, name := range []string{joiner.FirstName, joiner.LastName, joiner.Department} {
		add(name)
	}
	known := joiner.Known()
	place := func(name string) int {
		if i := slices.Index(known, name); i >= 0 {
			return i
		}
		return len(known)
	}
	slices.SortStableFunc(out, func(a, b string) int { return place(a) - place(b) })
	return out
}

// tried is what a try gave.
type tried struct {
	// kase is the joiner that was tried, as a test keeps one.
	kase    map[string]any
	subject policy.Subject
	label   string
	outcome policy.Outcome
	took    time.Duration
	err     error
	// seen is what live systems said; nil when none was asked.
	seen *seen
}

// picked is a joiner as somebody may see them: attributes they may not see are left
// out, because what a rule makes of them would tell.
func (s *Server) picked(ctx context.Context, who auth.Actor, id string) (postgres.JoinerDetail, error) {
	if !who.Can(auth.RunRead) {
		return postgres.JoinerDetail{}, fault.New(fault.Forbidden, "You may not see joiners. Type the attributes instead.")
	}
	j, err := s.DB.Joiner(ctx, id)
	if err != nil {
		return j, err
	}
	if !who.Can(auth.PersonalRead) {
		maps.DeleteFunc(j.Attributes, func(name string, _ any) bool { return slices.Contains(joiner.Personal(), name) })
	}
	return j, nil
}

// readTry reads the panel as a test: the picked joiner, and on top what was typed.
func (s *Server) readTry(ctx context.Context, who auth.Actor, t policyTry) (kase map[string]any, label string, err error) {
	attributes := map[string]any{}
	kase = map[string]any{"joiner": attributes}
	if t.joiner != "" {
		j, err := s.picked(ctx, who, t.joiner)
		if err != nil {
			return nil, "", err
		}
		maps.Copy(attributes, j.Attributes)
		label, kase["worker"], kase["source"] = joinerName(j.Label, j.Worker), j.Worker, j.Connection
	}
	for name, text := range t.attributes {
		if text == "" {
			continue
		}
		v, ok := attributeOf(name, text)
		if !ok {
			return nil, label, fault.New(fault.Invalid, "The value of %s begins like a list, and is not one. Write it like [\"a\", \"b\"].", name)
		}
		attributes[name] = v
	}
	more, wrong := readAttributes(t.more)
	maps.Copy(attributes, more)
	for _, f := range caseFields() {
		v, bad := f.read(t.extra[f.key])
		if bad != "" && wrong == "" {
			wrong = f.label + ": " + bad
		}
		if v != nil {
			kase[f.key] = v
		}
	}
	if t.now != "" {
		kase["now"] = t.now
	}
	if wrong != "" {
		return nil, label, fault.New(fault.Invalid, "%s", wrong)
	}
	return kase, label, nil
}

// subjectOf is what a policy decides about, of a test. A test without a day is
// about now.
func subjectOf(kase map[string]any, now time.Time) (policy.Subject, error) {
	raw, err := json.Marshal(kase)
	if err != nil {
		return policy.Subject{}, fmt.Errorf("write the joiner: %w", err)
	}
	var k policy.Case
	if err := json.Unmarshal(raw, &k); err != nil {
		return policy.Subject{}, fault.Wrap(fault.Invalid, err, "This is not a joiner: %s.", strings.TrimPrefix(err.Error(), "json: "))
	}
	sub, err := k.Subject()
	if k.Now == "" {
		sub.Now = now
	}
	return sub, err
}

// tryDraft tries what the form holds.
func (s *Server) tryDraft(c *fiber.Ctx, who auth.Actor, t policyTry, content policy.Content) *tried {
	out := &tried{}
	if out.kase, out.label, out.err = s.readTry(c.UserContext(), who, t); out.err != nil {
		return out
	}
	if out.subject, out.err = subjectOf(out.kase, s.Now()); out.err != nil {
		return out
	}
	if t.live {
		if content.Naming != nil {
			if out.subject.Lookups, out.err = s.lookups(c.UserContext(), who, out.subject); out.err != nil {
				return out
			}
		}
		if t.look {
			s.tryLive(c.UserContext(), who, t, content, out)
			return out
		}
		out.seen = &seen{note: "Press Try to ask the connected systems."}
	}
	out.outcome, out.took, out.err = s.tryRules(c.UserContext(), content, out.subject)
	return out
}

// lookups look at the names that are held in this installation. They only read.
func (s *Server) lookups(ctx context.Context, who auth.Actor, sub policy.Subject) (policy.Lookups, error) {
	if !who.Can(auth.RunRead) {
		return nil, fault.New(fault.Forbidden, "You may not see who holds a name. Switch off the names that are held.")
	}
	names, err := s.DB.NamesOf(ctx, sub.Source, sub.Worker.ID)
	return &heldNames{Names: names}, err
}

// tryRules decides for one joiner, in bounded time.
func (s *Server) tryRules(ctx context.Context, content policy.Content, sub policy.Subject) (policy.Outcome, time.Duration, error) {
	rules, ok := content.Rules()
	if !ok {
		return policy.Outcome{}, 0, fault.New(fault.Invalid, "The policy has no rules yet.")
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	began := time.Now()
	out, err := rules.Try(ctx, sub)
	return out, time.Since(began), err
}

// keptCase makes a test of what was tried. Of a real joiner only those attributes
// stay that the rules name: revisions are kept for ever.
func (d *policyDraft) keptCase(t *tried, content []byte) {
	k := maps.Clone(t.kase)
	if d.try.joiner != "" {
		attributes, _ := k["joiner"].(map[string]any)
		named := d.mentioned(content)
		stay := map[string]any{}
		for name, v := range attributes {
			if slices.Contains(named, name) && !slices.Contains(joiner.Personal(), name) {
				stay[name] = v
			}
		}
		k["joiner"] = stay
	}
	if k["now"] == nil && !t.subject.Now.IsZero() {
		k["now"] = t.subject.Now.UTC().Format(time.DateOnly)
	}
	if h, ok := t.subject.Lookups.(*heldNames); ok && len(h.taken) > 0 {
		k["taken"] = h.taken
	}
	switch {
	case t.err != nil:
		k["error"] = fault.Sentence(t.err)
	case t.outcome.Person != "":
		k["error"] = t.outcome.Person
	default:
		k["expect"] = kept(jsonValues(t.outcome.Output))
	}
	k["name"] = d.caseName()
	x := caseDraft(d.freshCase(), plainCase(k))
	x.folded = false
	d.cases, d.focus = append(d.cases, x), "case."+x.id+".name"
}

// plainCase gives a test as it would be read from JSON.
func plainCase(k map[string]any) (out map[string]any) {
	raw, err := json.Marshal(k)
	if err != nil || json.Unmarshal(raw, &out) != nil {
		return k
	}
	return out
}

// caseName names a test after what was typed; a name that is there already gets a number.
func (d *policyDraft) caseName() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(d.try.attributes)) {
		if v := d.try.attributes[name]; v != "" {
			parts = append(parts, v)
		}
	}
	name := clipText(strings.Join(parts, ", "), 60)
	if name == "" {
		name = "A joiner"
	}
	out := name
	for i := 2; slices.ContainsFunc(d.cases, func(k draftCase) bool { return k.texts["name"] == out }); i++ {
		out = fmt.Sprintf("%s (%d)", name, i)
	}
	return out
}
