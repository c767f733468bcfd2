package backtest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Line is one joiner of a report. Who it is stands beside it, so that a joiner who
// is erased is gone from it.
type Line struct {
	N           int          `json:"n"`
	Run         string       `json:"run"`
	Differences []Difference `json:"differences"`
	// Fails, FailedBefore say that the run would not come through, by the revision
	// and by the live one.
	Fails        bool     `json:"fails,omitempty"`
	FailedBefore bool     `json:"failed_before,omitempty"`
	End          string   `json:"end"`
	Asked        []string `json:"asked,omitempty"`
	Unasked      []string `json:"unasked,omitempty"`
	// Strange says that the live revision, simulated, would not do what is on record:
	// the differences of this joiner prove less.
	Strange string `json:"strange,omitempty"`
}

// Kinds lists the kinds of a line's differences, each once.
func (l Line) Kinds() []string {
	out := []string{}
	for _, d := range l.Differences {
		if !slices.Contains(out, d.Kind) {
			out = append(out, d.Kind)
		}
	}
	return out
}

// Counted is one sort of difference and how many joiners have it.
type Counted struct {
	Kind  string `json:"kind"`
	Where string `json:"where,omitempty"`
	What  string `json:"what"`
	// Way is gain, loss or other.
	Way    string `json:"way"`
	People int    `json:"people"`
}

// Report is what a backtest comes to.
type Report struct {
	People    int `json:"people"`
	Differing int `json:"differing"`
	Failing   int `json:"failing"`
	// NewlyFailing would have come through by the live revision; Healed not.
	NewlyFailing int       `json:"newly_failing"`
	Healed       int       `json:"healed"`
	Counts       []Counted `json:"counts"`
	// Asked counts joiners for whom a system was asked now, Unasked those for whom
	// an answer is assumed, Strange those whose record says otherwise.
	Asked   int `json:"asked"`
	Unasked int `json:"unasked"`
	Strange int `json:"strange"`
	// New says that nothing was live to compare with.
	New bool `json:"new,omitempty"`
}

// Sum counts the lines of a report.
func Sum(lines []Line, isNew bool) Report {
	r := Report{People: len(lines), New: isNew, Counts: []Counted{}}
	counts := map[Counted]int{}
	for _, l := range lines {
		if len(l.Differences) > 0 {
			r.Differing++
		}
		if l.Fails {
			r.Failing++
		}
		if l.Fails && !l.FailedBefore {
			r.NewlyFailing++
		}
		if !l.Fails && l.FailedBefore {
			r.Healed++
		}
		if len(l.Asked) > 0 {
			r.Asked++
		}
		if len(l.Unasked) > 0 {
			r.Unasked++
		}
		if l.Strange != "" {
			r.Strange++
		}
		seen := map[Counted]bool{}
		for _, d := range l.Differences {
			c := Counted{Kind: d.Kind, Where: d.Where, What: d.sort(), Way: d.way()}
			if !seen[c] {
				seen[c] = true
				counts[c]++
			}
		}
	}
	for c, n := range counts {
		c.People = n
		r.Counts = append(r.Counts, c)
	}
	slices.SortFunc(r.Counts, func(a, b Counted) int {
		return cmp.Or(cmp.Compare(place(a.Kind), place(b.Kind)), cmp.Compare(b.People, a.People), cmp.Compare(a.Where, b.Where), cmp.Compare(a.What, b.What), cmp.Compare(a.Way, b.Way))
	})
	return r
}

// sort is what differences of several joiners have in common.
func (d Difference) sort() string {
	if d.Kind == Start {
		return "run"
	}
	return d.What
}

func (d Difference) way() string {
	switch {
	case d.Kind == Failure && strings.HasPrefix(d.Is, "comes"), d.Kind == Start && d.Is == starts(true):
		return "gain"
	case d.Kind == Failure, d.Kind == Start:
		return "loss"
	case d.Was == "":
		return "gain"
	case d.Is == "":
		return "loss"
	}
	return "other"
}

// Say tells how many of all joiners have a difference.
func (c Counted) Say(all int) string {
	in := ""
	if c.Where != "" {
		in = " in " + c.Where
	}
	who := fmt.Sprintf("%d of %d joiners would ", c.People, all)
	pick := func(gain, loss, other string) string {
		switch c.Way {
		case "gain":
			return gain
		case "loss":
			return loss
		}
		return other
	}
	switch c.Kind {
	case Start:
		return who + pick("start a run, and start none now.", "start no run any more.", "")
	case Failure:
		return who + pick("come through at “"+c.What+"”, and do not now.", "need a person at “"+c.What+"”, or for another reason.", "")
	case Person:
		return who + pick("wait for a person at “"+c.What+"”.", "no longer wait for a person at “"+c.What+"”.", "wait for somebody else at “"+c.What+"”.")
	case Login:
		return who + pick("get a login"+in+".", "get no login"+in+" any more.", "get another login"+in+".")
	case Account:
		return who + pick("have this done"+in+": "+c.What+".", "no longer have this done"+in+": "+c.What+".", "have this done otherwise"+in+": "+c.What+".")
	case Group:
		return who + pick("get the group "+c.What+in+".", "no longer get the group "+c.What+in+".", "come into the group "+c.What+in+" otherwise.")
	case Name:
		return who + pick("hold a name of "+c.What+".", "hold no name of "+c.What+".", "get another name of "+c.What+".")
	case Attribute:
		return who + pick("have "+c.What+" set"+in+".", "no longer have "+c.What+" set"+in+".", "have another "+c.What+in+".")
	case WriteBack:
		return who + pick("have "+c.What+" written to "+c.Where+".", "no longer have "+c.What+" written to "+c.Where+".", "have another "+c.What+" written to "+c.Where+".")
	case Message:
		return who + pick("cause the message “"+c.What+"”.", "no longer cause the message “"+c.What+"”.", "cause the message “"+c.What+"” otherwise.")
	case Request:
		return who + pick("cause the request "+c.What+".", "no longer cause the request "+c.What+".", "cause the request "+c.What+" otherwise.")
	case Timing:
		return who + "have this at another time" + in + ": " + c.What + "."
	}
	return who + pick("have this: ", "no longer have this: ", "have this otherwise: ") + c.What + in + "."
}

// Hash names a report: the same for the same lines and sums.
func Hash(r Report, lines []Line) (string, error) {
	h := sha256.New()
	enc := json.NewEncoder(h)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return "", fmt.Errorf("write report: %w", err)
	}
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return "", fmt.Errorf("write report: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
