package author

import (
	"encoding/json"

	"joinery/internal/function"
)

// Agreed is the confirmed intent that a turn's draft is held to; nil where there is none.
// More tests for code that came out of an earlier turn are held to what was agreed there.
func Agreed(earlier []Turn, t Turn) *Intent {
	if in := confirmedIn(t); in != nil || t.Kind != MoreTests {
		return in
	}
	base, err := function.Decode(t.Content)
	if err != nil {
		return nil
	}
	for i := len(earlier) - 1; i >= 0; i-- {
		in, checks := confirmedIn(earlier[i]), earlier[i].At(ChecksStage)
		if in == nil || checks == nil || checks.State != Done {
			continue
		}
		var was Checks
		if json.Unmarshal(checks.Result, &was) == nil && was.Content.Source == base.Source {
			return in
		}
	}
	return nil
}

func confirmedIn(t Turn) *Intent {
	s := t.At(IntentStage)
	if s == nil || s.State != Done {
		return nil
	}
	var in Intent
	if json.Unmarshal(s.Result, &in) != nil {
		return nil
	}
	return &in
}

// Rejudged are the gaps of what the checks left, by the threshold that holds now.
func (c Checks) Rejudged(in *Intent, threshold int) []Gap {
	return append(Judge(c.Content, c.Report, in, threshold), c.Known...)
}
