package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/sections"
	"joinery/views/ui"
)

// artifactHistory is GET /{kind}/:key/revisions.
func (s *Server) artifactHistory(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		ctx, key := c.UserContext(), c.Params("key")
		a, err := s.DB.Artifact(ctx, kind, key)
		if err != nil {
			return err
		}
		before, _ := strconv.Atoi(c.Query("before"))
		revs, next, err := s.DB.Revisions(ctx, kind, key, before, 50)
		if err != nil {
			return err
		}
		rels, err := s.DB.Releases(ctx, kind, key)
		if err != nil {
			return err
		}
		deps, err := s.DB.Dependents(ctx, kind, key)
		if err != nil {
			return err
		}
		p := sections.Page{Head: ui.Head{Title: a.Name, Badges: artifactBadges(a), Text: "Every save, and everything that was live."}, Tabs: artifactTabs(kind, key, "History")}
		p.Head.Actions = s.submitButton(who, a)
		p.Wide = []sections.Section{{Title: "Revisions", Table: s.revisionTable(a, revs, who)}, {Title: "Releases", Table: s.releaseTable(a, rels), Empty: &ui.Empty{Icon: "tag", Title: "Nothing was live yet", Text: "Submit a revision; another person approves it, and it goes live."}}}
		p.Narrow = s.releaseActs(a, revs, deps, who)
		if next > 0 {
			p.Wide[0].Actions = nil
			p.Head.Actions = append(p.Head.Actions, ui.Button{Text: "Older revisions", URL: fmt.Sprintf("/%s/%s/revisions?before=%d", kind.Plural(), key, next)})
		}
		return s.show(c, who, frame{Title: a.Name, Crumbs: crumbsOf(kind)}, sections.Show(p))
	}
}

func (s *Server) revisionTable(a postgres.Artifact, revs []postgres.Revision, who auth.Actor) *ui.Table {
	at := "/" + a.Kind.Plural() + "/" + a.Key
	t := ui.Table{Label: "Revisions", Columns: ui.Columns("Revision", "What", "By", "State", "Hash", "")}
	for _, d := range drawings(revs, a) {
		r := d.Revision
		var badges []ui.Badge
		switch {
		case a.Live != nil && a.Live.Revision == r.Number:
			badges = append(badges, ui.Badge{Tone: "good", Text: "Live"})
		case r.Released:
			badges = append(badges, ui.Badge{Tone: "neutral", Text: "Was live"})
		case r.Approved:
			badges = append(badges, ui.Badge{Tone: "info", Text: "Approved"})
		}
		what := r.Message
		switch {
		case d.first < r.Number:
			what = fmt.Sprintf("%s: revisions %d to %d", keptBy[r.Via], d.first, r.Number)
		case what == "" && keptBy[r.Via] != "":
			what = keptBy[r.Via]
		case what == "":
			what = "no message"
		}
		cell := ui.Cell{}
		if a.Live != nil && a.Live.Revision != r.Number {
			cell.Buttons = append(cell.Buttons, ui.Button{Text: "Compare with live", URL: fmt.Sprintf("%s/diff?from=%d&to=%d", at, a.Live.Revision, r.Number)})
		} else if d.first > 1 {
			cell.Buttons = append(cell.Buttons, ui.Button{Text: "Compare", URL: fmt.Sprintf("%s/diff?from=%d&to=%d", at, d.first-1, r.Number)})
		}
		if who.Can(auth.ArtifactWrite) && r.Number != a.Head {
			cell.Buttons = append(cell.Buttons, ui.Button{Text: "Restore", Post: at + "/restore", Confirm: fmt.Sprintf("Make a new revision with the content of revision %d? Nothing goes live by that.", r.Number),
				Values: []ui.Pair{{Label: "revision", Value: itoa(r.Number)}, {Label: "base", Value: itoa(a.Head)}}})
		}
		t.Rows = append(t.Rows, []ui.Cell{{Text: "Revision " + itoa(r.Number), Sub: s.ago(r.At), URL: fmt.Sprintf("%s/revisions/%d", at, r.Number)}, {Text: what}, {Text: r.AuthorName, Sub: "via " + r.Via}, {Badges: badges}, {Text: ui.Short(r.Hash), Code: true}, cell})
	}
	return &t
}

// keptBy says how revisions without a message came about.
var keptBy = map[string]string{viaCanvas: "Drawn on the canvas", viaEditor: "Written in the editor"}

// drawn is a revision, or several that were kept by themselves while one person drew.
type drawn struct {
	postgres.Revision
	first int
}

// drawnWithin is how long a pause in drawing may be and still be one sitting.
const drawnWithin = time.Hour

// drawings puts revisions that were kept by themselves, by one person in one sitting,
// together under the newest of them. Each is still there by its number. What was
// approved or live, or has a message, is never put under another.
func drawings(revs []postgres.Revision, a postgres.Artifact) []drawn {
	quiet := func(r postgres.Revision) bool {
		return (r.Via == viaCanvas || r.Via == viaEditor) && r.Message == "" && !r.Approved && !r.Released && (a.Live == nil || a.Live.Revision != r.Number)
	}
	var out []drawn
	for i, r := range revs {
		if n := len(out); n > 0 {
			newer := &out[n-1]
			last := revs[i-1]
			if quiet(r) && newer.Via == r.Via && newer.Message == "" && newer.AuthorID == r.AuthorID && newer.first == r.Number+1 && last.At.Sub(r.At) < drawnWithin {
				newer.first = r.Number
				continue
			}
		}
		out = append(out, drawn{r, r.Number})
	}
	return out
}

func (s *Server) releaseTable(a postgres.Artifact, rels []review.Release) *ui.Table {
	t := ui.Table{Label: "Releases", Columns: ui.Columns("When", "Revision", "How", "By", "Root hash")}
	words := map[review.How]ui.Badge{review.ByApproval: {Tone: "good", Text: "Approved"}, review.ByRollback: {Tone: "warn", Text: "Rolled back"}, review.ByRefresh: {Tone: "info", Text: "Newer parts"}, review.ByBreakGlass: {Tone: "bad", Text: "Without approval"}}
	for _, r := range rels {
		t.Rows = append(t.Rows, []ui.Cell{{Text: s.moment(r.At), Sub: r.ID}, {Text: "Revision " + itoa(r.Revision), URL: fmt.Sprintf("/%s/%s/revisions/%d", a.Kind.Plural(), a.Key, r.Revision)}, {Badges: []ui.Badge{words[r.How]}, Sub: r.Reason}, {Text: r.By}, {Text: ui.Short(r.Root), Code: true}})
	}
	return &t
}

// releaseActs are what can be released without a new approval, and the emergency.
func (s *Server) releaseActs(a postgres.Artifact, revs []postgres.Revision, deps []postgres.Dependent, who auth.Actor) []sections.Section {
	at := "/" + a.Kind.Plural() + "/" + a.Key
	reason := ui.Field{Name: "reason", Label: "Reason", Required: true, Help: "At least 10 characters."}
	var out []sections.Section
	if who.Can(auth.ReleaseRollback) && a.Live != nil {
		pick := ui.Field{Name: "revision", Label: "Revision", Input: "select"}
		for _, r := range revs {
			if r.Approved && r.Number != a.Live.Revision {
				pick.Options = append(pick.Options, ui.Option{Value: itoa(r.Number), Label: "Revision " + itoa(r.Number)})
			}
		}
		if len(pick.Options) > 0 {
			out = append(out, sections.Section{Title: "Roll back", Dangers: []ui.Danger{{Button: "Roll back", Title: "Make an earlier approved revision live", Text: "It was approved before, so it needs no new approval. New runs use it at once; runs under way keep what they began with.", Post: at + "/rollback", Fields: []ui.Field{pick, reason}}}})
		}
		if a.Kind == review.Flow {
			out = append(out, sections.Section{Title: "Parts it uses", Pairs: pinPairs(a.Live.Pins), Dangers: []ui.Danger{{Button: "Take the newest parts", Title: "Release again with the newest approved parts", Text: "The same revision, with the live releases of the connections it uses.", Post: at + "/refresh", Fields: []ui.Field{reason}}}})
		}
	}
	if a.Unratified && who.Can(auth.ReviewDecide) {
		out = append(out, sections.Section{Title: "Released without approval", Text: "A second person has to look at it and ratify it.", Actions: []ui.Button{{Text: "Ratify", Tone: "primary", Post: at + "/ratify", Values: []ui.Pair{{Label: "release", Value: a.Live.ID}}}}})
	}
	if who.Can(auth.BreakGlass) && (a.Live == nil || a.Live.Hash != a.HeadHash) && a.Head > 0 {
		out = append(out, sections.Section{Title: "Emergency", Dangers: []ui.Danger{{Button: "Release without approval", Title: "Release revision " + itoa(a.Head) + " without approval", Text: "It goes live at once, is flagged everywhere until a second person ratifies it, and is on record for ever.", Word: a.Key, Post: at + "/breakglass",
			Fields: []ui.Field{reason}, Values: []ui.Pair{{Label: "revision", Value: itoa(a.Head)}}}}})
	}
	if len(deps) > 0 {
		sec := sections.Section{Title: "Flows that use it"}
		for _, d := range deps {
			line := d.Name + " uses revision " + itoa(d.Pinned)
			if !d.Current {
				line += ", not the live one"
			}
			sec.List = append(sec.List, line+".")
		}
		out = append(out, sec)
	}
	return out
}

func pinPairs(pins []review.Pin) []ui.Pair {
	var out []ui.Pair
	for _, p := range pins {
		out = append(out, ui.Pair{Label: p.Key, Value: "revision " + itoa(p.Revision), URL: fmt.Sprintf("/%s/%s/revisions/%d", p.Kind.Plural(), p.Key, p.Revision)})
	}
	return out
}

// artifactRevision is GET /{kind}/:key/revisions/:n.
func (s *Server) artifactRevision(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		n, err := strconv.Atoi(c.Params("n"))
		if err != nil || n < 1 {
			return fault.New(fault.NotFound, "There is no such revision.")
		}
		a, err := s.DB.Artifact(c.UserContext(), kind, c.Params("key"))
		if err != nil {
			return err
		}
		r, err := s.DB.Revision(c.UserContext(), kind, a.Key, n)
		if err != nil {
			return err
		}
		text, err := s.kinds().YAML(kind, []byte(r.Content))
		if err != nil {
			return err
		}
		yes, err := s.DB.ApprovalsOf(c.UserContext(), kind, a.Key, n)
		if err != nil {
			return err
		}
		title := fmt.Sprintf("%s, revision %d", a.Name, n)
		p := sections.Page{Head: ui.Head{Title: title, Text: r.Message}, Wide: []sections.Section{{Title: "Content", Code: visible(string(text))}},
			Narrow: []sections.Section{{Title: "About", Pairs: []ui.Pair{{Label: "Author", Value: r.AuthorName}, {Label: "Saved", Value: s.moment(r.At)}, {Label: "Via", Value: r.Via}, {Label: "Hash", Value: r.Hash, Code: true, Copy: true}}}}}
		if len(yes) > 0 {
			said := sections.Section{Title: "Approved"}
			for _, y := range yes {
				said.Pairs = append(said.Pairs, ui.Pair{Label: y.ApproverName, Value: s.moment(y.At), URL: "/reviews/" + y.ReviewID})
			}
			p.Narrow = append(p.Narrow, said)
		}
		if kind == review.Flow {
			p.Narrow = append(p.Narrow, s.revisionTests(a.Key, n))
		}
		if n > 1 {
			p.Head.Actions = []ui.Button{{Text: "Compare with the one before", URL: fmt.Sprintf("/%s/%s/diff?from=%d&to=%d", kind.Plural(), a.Key, n-1, n)}}
		}
		return s.show(c, who, frame{Title: title, Crumbs: crumbsOf(kind, ui.Link{Text: a.Name, URL: "/" + kind.Plural() + "/" + a.Key}, ui.Link{Text: "History", URL: "/" + kind.Plural() + "/" + a.Key + "/revisions"})}, sections.Show(p))
	}
}

// artifactDiff is GET /{kind}/:key/diff.
func (s *Server) artifactDiff(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		ctx, key := c.UserContext(), c.Params("key")
		a, err := s.DB.Artifact(ctx, kind, key)
		if err != nil {
			return err
		}
		from, err1 := strconv.Atoi(c.Query("from"))
		to, err2 := strconv.Atoi(c.Query("to"))
		if err1 != nil || err2 != nil || from < 1 || to < 1 {
			return fault.New(fault.Invalid, "Say which two revisions to compare: ?from=1&to=2.")
		}
		old, err := s.DB.Revision(ctx, kind, key, from)
		if err != nil {
			return err
		}
		now, err := s.DB.Revision(ctx, kind, key, to)
		if err != nil {
			return err
		}
		words, lines, err := s.changes(kind, old.Content, now.Content)
		if err != nil {
			return err
		}
		at := "/" + kind.Plural() + "/" + key
		p := artifacts.DiffPage{Head: ui.Head{Title: fmt.Sprintf("%s: revision %d → %d", a.Name, from, to)}, Tabs: artifactTabs(kind, key, "History"), Words: words, Lines: lines, Same: old.Hash == now.Hash,
			Pick: ui.Filters{Action: at + "/diff", Fields: []ui.Field{{Name: "from", Label: "From revision", Value: itoa(from)}, {Name: "to", Label: "To revision", Value: itoa(to)}}}}
		if kind == review.Flow && !p.Same {
			if p.Drawn, err = s.drawnDiffOf(ctx, a, from, to, old.Content, now.Content, ""); err != nil {
				return err
			}
		}
		return s.show(c, who, frame{Title: "Compare", Crumbs: crumbsOf(kind, ui.Link{Text: a.Name, URL: at})}, artifacts.Diff(p))
	}
}

// changes gives the difference of two contents in words and in lines. An empty
// old content is nothing.
func (s *Server) changes(kind review.Kind, old, now string) ([]string, []ui.DiffLine, error) {
	write := func(content string) (string, error) {
		if content == "" {
			return "", nil
		}
		text, err := s.kinds().YAML(kind, []byte(content))
		return string(text), err
	}
	a, err := write(old)
	if err != nil {
		return nil, nil, err
	}
	b, err := write(now)
	if err != nil {
		return nil, nil, err
	}
	words, err := s.differences(kind, old, now)
	if err != nil {
		return nil, nil, err
	}
	return words, diffLines(visible(a), visible(b)), nil
}

// differences tells in words what changed, for the kinds whose content has them.
func (s *Server) differences(kind review.Kind, old, now string) (words []string, err error) {
	switch kind {
	case review.Policy:
		var x, y policy.Content
		if old != "" {
			if x, err = policy.Decode([]byte(old)); err != nil {
				return nil, err
			}
		}
		if y, err = policy.Decode([]byte(now)); err != nil {
			return nil, err
		}
		words = policy.Differences(x, y)
	case review.Flow:
		var x, y flow.Content
		if old != "" {
			if x, err = flow.Decode([]byte(old)); err != nil {
				return nil, err
			}
		}
		if y, err = flow.Decode([]byte(now)); err != nil {
			return nil, err
		}
		words = flow.Differences(x, y, s.Nodes)
	}
	for i := range words {
		words[i] = visible(words[i])
	}
	return words, nil
}

// diffLines gives a unified difference with line numbers on both sides.
func diffLines(a, b string) []ui.DiffLine {
	var out []ui.DiffLine
	left, right, started := 0, 0, false
	for line := range strings.SplitSeq(strings.TrimSuffix(udiff.Unified("a", "b", a, b), "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "--- ") && !started, strings.HasPrefix(line, "+++ ") && !started, line == "", strings.HasPrefix(line, `\`):
		case strings.HasPrefix(line, "@@ "):
			var n int
			if _, err := fmt.Sscanf(line, "@@ -%d,%d +%d", &left, &n, &right); err != nil {
				_, _ = fmt.Sscanf(line, "@@ -%d +%d", &left, &right)
			}
			if started {
				out = append(out, ui.DiffLine{Kind: "gap", Text: "…"})
			}
			started = true
		case line[0] == '+':
			out = append(out, ui.DiffLine{Kind: "add", Right: itoa(right), Text: line[1:]})
			right++
		case line[0] == '-':
			out = append(out, ui.DiffLine{Kind: "del", Left: itoa(left), Text: line[1:]})
			left++
		default:
			out = append(out, ui.DiffLine{Kind: "same", Left: itoa(left), Right: itoa(right), Text: line[1:]})
			left++
			right++
		}
	}
	return out
}
