package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/function"
	views "joinery/views/author"
	"joinery/views/ui"
)

// streamID names the text of a stage on the page.
func streamID(t author.TurnID, g author.Stage) string { return string(t) + "-" + string(g) }

// stageView shows one stage of a turn.
func (s *Server) stageView(t talk, x author.Turn, g author.StageState, who auth.Actor, back said, so func(stream, kept string) string) views.Stage {
	badge, id := authorTones[g.State], streamID(x.ID, g.Stage)
	v := views.Stage{ID: id, Title: stageTitles[g.Stage], Tone: badge.Tone, Icon: stageIcons[g.State], Badge: badge}
	switch g.State {
	case author.Running:
		v.Text = stageWork[g.Stage] + "."
		if g.Rounds > 1 {
			v.Text += " " + plural(g.Rounds, "answer", "answers") + " so far."
		}
		said := so(id, g.Said)
		v.Stream = &views.Stream{ID: id, Text: visible(said), At: len(said)}
	case author.Waiting:
		if g.Trouble != nil { // the provider asked to wait
			v.Notice = &ui.Notice{Tone: "warn", Text: visible(g.Trouble.Says) + " It goes on by itself " + inAWhile(g.Trouble.RetryAt.Sub(s.Now())) + "."}
		}
	case author.Failed, author.Cancelled:
		if g.Said != "" {
			v.Stream = &views.Stream{ID: id, Text: visible(g.Said), At: len(g.Said)}
		}
	}
	if len(g.Result) > 0 && (g.State == author.Done || g.State == author.NeedsYou) {
		if err := s.stageResult(&v, t, x, g, who, back); err != nil {
			v.Notice = &ui.Notice{Tone: "bad", Text: "What came of this stage cannot be read. Try again from here."}
		}
	}
	return v
}

// asKept shows what is kept of what the model said.
func asKept(_, kept string) string { return kept }

// stageResult shows what came of a stage.
func (s *Server) stageResult(v *views.Stage, t talk, x author.Turn, g author.StageState, who auth.Actor, back said) error {
	switch g.Stage {
	case author.IntentStage:
		return s.intentView(v, t, x, g, back)
	case author.TestsStage:
		return readStage(g.Result, func(r author.Tests) {
			v.Text = plural(len(r.Cases), "test", "tests")
			v.Tests = testTable(r.Cases)
			if len(r.Obsolete) > 0 {
				v.Notice = &ui.Notice{Tone: "warn", Text: "The model took out tests that do not fit the change, as it says. Look whether that is so:", Items: visibleAll(r.Obsolete)}
			}
		})
	case author.CodeStage:
		return readStage(g.Result, func(r author.Code) {
			v.Text = plural(strings.Count(strings.TrimSpace(r.Source), "\n")+1, "line", "lines")
			v.Code, v.CodeTitle, v.Answer = visible(r.Source), "Its code", visible(r.Notes)
			v.Pairs = limitPairs(r.Limits, r.LimitsWhy)
		})
	case author.ChecksStage:
		return readStage(g.Result, func(r author.Checks) { checksView(v, r, t.agreed(x), t.setting.Mutation) })
	case author.DraftStage:
		return readStage(g.Result, func(r author.Draft) { s.draftView(v, t, x, r, who) })
	case author.AnswerStage:
		return readStage(g.Result, func(r author.Answer) { v.Answer = visible(r.Text) })
	}
	return nil
}

func readStage[T any](raw []byte, use func(T)) error {
	var r T
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("read stage: %w", err)
	}
	use(r)
	return nil
}

func (s *Server) intentView(v *views.Stage, t talk, x author.Turn, g author.StageState, back said) error {
	var failed error
	err := readStage(g.Result, func(in author.Intent) {
		if g.State == author.Done {
			v.Text, v.Restated = "Confirmed", restated(in)
			return
		}
		if !t.mine {
			v.Text, v.Restated = t.OwnerName+" has to confirm it.", restated(in)
			return
		}
		v.Text = "Correct it until it says what you mean. The code is held to it."
		d := intentDraftOf(in)
		if back.turn == x.ID && back.intent != nil {
			d = *back.intent
		}
		v.Intent, failed = s.intentForm(fmt.Sprintf("/author/%s/turns/%s/confirm#%s", t.ID, x.ID, x.ID), in, d, x.BaseRevision > 0)
	})
	return errors.Join(err, failed)
}

// testTable lists tests with what they expect.
func testTable(cases []function.Case) *ui.Table {
	t := &ui.Table{Label: "Tests", Columns: ui.Columns("Test", "Input", "Expected")}
	for _, k := range cases {
		expected := "ends with " + k.Error
		if k.Error == "" {
			expected = shortJSON(k.Output)
		}
		if n := len(k.Plan); n > 0 {
			expected += ", and plans " + plural(n, "change", "changes")
		}
		t.Rows = append(t.Rows, []ui.Cell{{Text: visible(k.Name)}, {Text: visible(shortJSON(k.Input)), Code: true}, {Text: visible(expected), Code: true}})
	}
	return t
}

// shortJSON writes a value on one line, clipped.
func shortJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil || string(raw) == "null" {
		return "{}"
	}
	return clipText(string(raw), 160)
}

// agreed is what a turn's draft is held to.
func (t talk) agreed(x author.Turn) *author.Intent {
	i := slices.IndexFunc(t.turns, func(o author.Turn) bool { return o.ID == x.ID })
	return author.Agreed(t.turns[:max(i, 0)], x)
}

// gatesOf are the gates of a function: those that compare with what was agreed only where
// something was.
func gatesOf(in *author.Intent) []author.Gate {
	if in != nil {
		return author.Gates()
	}
	return slices.DeleteFunc(author.Gates(), func(g author.Gate) bool { return g == author.GateIntent || g == author.GateForbidden })
}

// limitPairs say what beyond the usual limits is asked for, and why; none where nothing is.
func limitPairs(l function.Limits, why string) []ui.Pair {
	if !author.MoreThanUsual(l) {
		return nil
	}
	usual := function.UsualLimits()
	var asks []string
	for _, x := range []struct {
		has, usual int
		what       string
	}{{l.Milliseconds, usual.Milliseconds, "ms of computing"}, {l.MemoryMB, usual.MemoryMB, "MB of memory"}, {l.HostCalls, usual.HostCalls, "questions to systems"}} {
		if x.has > x.usual {
			asks = append(asks, fmt.Sprintf("%d %s (usual: %d)", x.has, x.what, x.usual))
		}
	}
	return []ui.Pair{{Label: "More than the usual limits", Value: strings.Join(asks, ", ")}, {Label: "Why, as the model says", Value: visible(why)}}
}

// checksView shows the gates by the settings of now: what kept a draft back when it was
// written may be enough today, or the other way round.
func checksView(v *views.Stage, r author.Checks, in *author.Intent, threshold int) {
	gaps := r.Rejudged(in, threshold)
	v.Gates = gateList(gaps, gatesOf(in))
	v.Text = "All gates passed"
	if len(gaps) == 0 {
		v.Passed = plural(len(v.Gates), "gate", "gates") + " passed"
	}
	if n := missed(gaps); n > 0 {
		v.Text = plural(n, "gate", "gates") + " missed"
	}
	if missed(gaps) != missed(r.Gaps) {
		v.Text += fmt.Sprintf(" by the settings of now: %d of 100 small changes have to be noticed", threshold)
	}
	if r.Repairs > 0 {
		v.Code, v.CodeTitle = visible(r.Content.Source), "Its code after that"
		v.Text += ", after " + plural(r.Repairs, "repair", "repairs")
	}
	if len(r.Replaced) > 0 {
		v.Notice = &ui.Notice{Tone: "warn", Text: "On the way the model changed tests of its own. Look whether they still mean what you asked for:", Items: visibleAll(r.Replaced)}
	}
}

func missed(gaps []author.Gap) int {
	seen := map[author.Gate]bool{}
	for _, g := range gaps {
		seen[g.Gate] = true
	}
	return len(seen)
}

func visibleAll(all []string) (out []string) {
	for _, t := range all {
		out = append(out, visible(t))
	}
	return out
}

// gateList shows gates, each with what it misses.
func gateList(gaps []author.Gap, gates []author.Gate) []views.Gate {
	var out []views.Gate
	for _, gate := range gates {
		v := views.Gate{Badge: ui.Badge{Tone: "good", Text: "Passed"}, Title: gateTitles[gate]}
		for _, g := range gaps {
			if g.Gate != gate {
				continue
			}
			v.Badge = ui.Badge{Tone: "bad", Text: "Missed"}
			line := visible(g.Says)
			if g.Line > 0 {
				line = fmt.Sprintf("Line %d: %s", g.Line, line)
			}
			v.Details = append(v.Details, line)
		}
		out = append(out, v)
	}
	return out
}

// draftView leads to the revision that was saved, and shows what it changed.
func (s *Server) draftView(v *views.Stage, t talk, x author.Turn, r author.Draft, who auth.Actor) {
	at := "/functions/" + r.Function
	v.Text = fmt.Sprintf("Revision %d of %s", r.Revision, r.Function)
	if !r.New {
		v.Text += ": nothing had to change"
	}
	v.Acts = []ui.Button{{Text: "Open the function", Icon: "file-code-2", URL: at}}
	if x.BaseRevision > 0 && r.New {
		v.Acts = append(v.Acts, ui.Button{Text: "Compare", Icon: "git-compare", URL: fmt.Sprintf("%s/diff?from=%d&to=%d", at, x.BaseRevision, r.Revision)})
		v.Diff = sourceDiff(x, r)
	}
	gaps := r.Gaps
	if g := x.At(author.ChecksStage); g != nil {
		_ = readStage(g.Result, func(c author.Checks) { gaps = c.Rejudged(t.agreed(x), t.setting.Mutation) }) // what cannot be read says so at its stage
	}
	switch {
	case t.newer(x):
	case len(gaps) > 0:
		v.Notice = &ui.Notice{Tone: "warn", Text: "It is kept as a draft, and cannot be submitted while a gate is missed. Ask for a change, or mend it in the editor: the same gates are looked at again."}
	case t.setting.Policy != author.On:
		v.Notice = &ui.Notice{Tone: "info", Text: "Here the model is for drafts only. Change this by hand in the editor; what you saved then can be submitted."}
	case who.Can(auth.ArtifactWrite) && r.New:
		v.Acts = append(v.Acts, ui.Button{Text: "Submit for review", Icon: "badge-check", Tone: "primary", Post: at + "/reviews", Values: []ui.Pair{{Label: "revision", Value: itoa(r.Revision)}, {Label: "message", Value: clipText(x.Ask, 400)}}})
	}
}

// newer says that a later turn made another draft.
func (t talk) newer(x author.Turn) bool {
	return slices.ContainsFunc(t.turns, func(o author.Turn) bool {
		g := o.At(author.DraftStage)
		return o.Number > x.Number && g != nil && g.State == author.Done
	})
}

// sourceDiff is the difference of the code before a change and after it.
func sourceDiff(x author.Turn, r author.Draft) *views.Diff {
	before, err := function.Decode(x.Content)
	g := x.At(author.ChecksStage)
	if err != nil || g == nil {
		return nil
	}
	var checks author.Checks
	if json.Unmarshal(g.Result, &checks) != nil {
		return nil
	}
	lines := diffLines(visible(before.Source), visible(checks.Content.Source))
	if len(lines) == 0 {
		return nil
	}
	return &views.Diff{Title: fmt.Sprintf("Code: from revision %d to revision %d", x.BaseRevision, r.Revision), Lines: lines}
}
