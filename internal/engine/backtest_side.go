package engine

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/backtest"
	"joinery/internal/flow"
	"joinery/internal/run"
)

// sideOf is what a foreseen run comes to, as a backtest compares it.
func sideOf(f Forecast, c flow.Content) backtest.Side {
	out := backtest.Side{Starts: true, State: string(f.State), Reason: f.Reason}
	g := &gathered{single: map[[3]string]int{}}
	for _, s := range f.Steps {
		n, _ := c.Find(s.Node)
		if s.State == run.StepFailed && f.State == run.Failed && !run.HandlesError(c, s.Node) || s.Type == "stop" && s.State == run.StepSucceeded && f.State == run.Failed {
			out.Node = n.Title()
		}
		if s.State == run.StepSucceeded && s.Type == "name.generate" {
			names, _ := s.Output["names"].(map[string]any)
			for _, space := range slices.Sorted(maps.Keys(names)) {
				g.one(backtest.Name, "", space, text(names[space]), time.Time{})
			}
		}
		if len(s.People) > 0 {
			g.add(backtest.Person, "", n.Title(), "", time.Time{})
		}
		for _, ch := range s.Changes {
			g.change(ch, s, n.Title())
		}
	}
	out.Effects = g.list
	out.Asked, out.Unasked = f.Asked()
	return out
}

// gathered are the effects of a run. Of some the last counts: what an attribute is in
// the end, what an account is called.
type gathered struct {
	list   []backtest.Effect
	single map[[3]string]int
}

func (g *gathered) add(kind, where, what, value string, at time.Time) {
	g.list = append(g.list, backtest.Effect{Kind: kind, Where: where, What: what, Value: value, At: at})
}

func (g *gathered) one(kind, where, what, value string, at time.Time) {
	k := [3]string{kind, where, what}
	if i, ok := g.single[k]; ok {
		g.list[i].Value = value
		return
	}
	g.single[k] = len(g.list)
	g.add(kind, where, what, value, at)
}

func (g *gathered) change(c Change, s ForecastStep, title string) {
	switch c.Operation {
	case opCreate:
		g.one(backtest.Login, c.Connection, "login", c.Target, time.Time{})
		g.add(backtest.Account, c.Connection, "account made", "", s.Began)
		g.attributes(c)
	case opUpdate:
		g.attributes(c)
	case opRename:
		g.one(backtest.Login, c.Connection, "login", text(s.Output["name"]), time.Time{})
	case opMove:
		g.attributes(c)
	case opEnable:
		g.add(backtest.Account, c.Connection, "account enabled", "", s.Began)
	case opDisable:
		g.add(backtest.Account, c.Connection, "account disabled", "", s.Began)
	case opAdd:
		g.add(backtest.Group, c.Connection, c.Target, "", time.Time{})
	case opRemove:
		g.add(backtest.Group, c.Connection, c.Target, "taken away", time.Time{})
	case opWriteBack:
		for _, a := range c.Attributes {
			g.one(backtest.WriteBack, c.Connection, a.Attribute, text(a.After), time.Time{})
		}
	case opMail:
		g.add(backtest.Message, "", title, c.Target, time.Time{})
	case opHTTP:
		g.add(backtest.Request, "", title, c.Target, time.Time{})
	case opName: // told by the step's output
	default:
		g.add(backtest.Other, c.Connection, title, c.Sentence, time.Time{})
	}
}

func (g *gathered) attributes(c Change) {
	for _, a := range c.Attributes {
		g.one(backtest.Attribute, c.Connection, a.Attribute, text(a.After), time.Time{})
	}
}

const longestValue = 200

// text writes a value as people read it, bounded.
func text(v any) string {
	s, ok := v.(string)
	if !ok {
		raw, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		if s = string(raw); v == nil {
			s = "nothing"
		}
	}
	if s = strings.ToValidUTF8(s, ""); len([]rune(s)) > longestValue {
		s = string([]rune(s)[:longestValue]) + "…"
	}
	return s
}
