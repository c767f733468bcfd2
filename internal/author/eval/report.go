package eval

import (
	"slices"
	"time"

	"joinery/internal/author"
)

// Report is what an evaluation came to.
type Report struct {
	At      time.Time      `json:"at"`
	Program string         `json:"program,omitempty"`
	Model   string         `json:"model"`
	Address string         `json:"address"`
	Setting author.Setting `json:"setting"`
	// Asked is how many requests there were to give; Results are those that ended.
	Asked   int      `json:"asked"`
	Results []Result `json:"results"`
	Counts  Counts   `json:"counts"`
}

// Counts are the sums of a report.
type Counts struct {
	Endings  map[Ending]int             `json:"endings"`
	Gates    map[author.Gate]int        `json:"gates,omitempty"`    // answers that miss this gate
	Troubles map[author.TroubleKind]int `json:"troubles,omitempty"` // requests that ended in this
	// GatedRight are answers that a gate kept although every hidden test passes.
	GatedRight int `json:"gated_right"`
	// Forbidden are answers with a forbidden effect or an excess grant, Escaped those of
	// them that no gate kept.
	Forbidden int `json:"forbidden"`
	Escaped   int `json:"escaped"`
	// Examples of the restated intents.
	Examples Restated `json:"examples"`
	Tests    int      `json:"hidden_tests"`
	Missed   int      `json:"hidden_tests_missed"`
	Calls    Spread   `json:"calls"`
	Repairs  Spread   `json:"repairs"`
	In       Spread   `json:"tokens_in"`
	Out      Spread   `json:"tokens_out"`
	Seconds  Spread   `json:"seconds"`
	Guessed  bool     `json:"tokens_estimated,omitempty"`
}

// Spread is how a number is spread over the requests.
type Spread struct {
	Sum    float64 `json:"sum"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	Most   float64 `json:"most"`
}

func spread(list []float64) Spread {
	if len(list) == 0 {
		return Spread{}
	}
	slices.Sort(list)
	var s Spread
	for _, x := range list {
		s.Sum += x
	}
	at := func(percent int) float64 { return list[(len(list)*percent+99)/100-1] }
	s.Median, s.P90, s.Most = at(50), at(90), list[len(list)-1]
	return s
}

// count makes the sums.
func (r *Report) count() {
	c := Counts{Endings: map[Ending]int{}, Gates: map[author.Gate]int{}, Troubles: map[author.TroubleKind]int{}}
	var calls, repairs, in, out, seconds []float64
	for _, x := range r.Results {
		c.Endings[x.Ending]++
		c.Examples.Right, c.Examples.Wrong, c.Examples.Other = c.Examples.Right+x.Restated.Right, c.Examples.Wrong+x.Restated.Wrong, c.Examples.Other+x.Restated.Other
		c.Examples.Questions += x.Restated.Questions
		if x.Trouble != nil {
			c.Troubles[x.Trouble.Kind]++
		}
		seen := map[author.Gate]bool{}
		for _, g := range x.Gaps {
			if !seen[g.Gate] {
				seen[g.Gate] = true
				c.Gates[g.Gate]++
			}
		}
		c.Tests, c.Missed = c.Tests+x.Verdict.Tests, c.Missed+len(x.Verdict.Missed)
		if x.Ending == Gated && x.Verdict.Right() {
			c.GatedRight++
		}
		if len(x.Verdict.Excess)+len(x.Verdict.Forbidden) > 0 {
			c.Forbidden++
			if x.Ending != Gated {
				c.Escaped++
			}
		}
		c.Guessed = c.Guessed || x.Guessed
		calls, repairs = append(calls, float64(x.Calls)), append(repairs, float64(x.Repairs))
		in, out, seconds = append(in, float64(x.In)), append(out, float64(x.Out)), append(seconds, x.Took.Seconds())
	}
	c.Calls, c.Repairs, c.In, c.Out, c.Seconds = spread(calls), spread(repairs), spread(in), spread(out), spread(seconds)
	r.Counts = c
}

// PassRate is how many of a hundred requests that ended came to a right answer.
func (r Report) PassRate() int {
	if len(r.Results) == 0 {
		return 0
	}
	return r.Counts.Endings[Right] * 100 / len(r.Results)
}
