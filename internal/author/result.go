package author

import "joinery/internal/function"

// Intent is what was understood, restated: the person corrects and confirms it, and
// the gates hold the code to it.
type Intent struct {
	Key         string  `json:"key"`
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Inputs      []Value `json:"inputs"`
	Outputs     []Value `json:"outputs"`
	// Examples are worked examples. They become tests that the model cannot change.
	Examples []function.Case `json:"examples"`
	// Reads and Writes are the grants that the function may need.
	Reads  []string `json:"reads"`
	Writes []string `json:"writes"`
	// Forbidden are effects that it must not have.
	Forbidden []Forbidden `json:"forbidden"`
	// Questions are asked back; an answer is the person's.
	Questions []Question `json:"questions"`
}

// Value is one field of the input or the output. Type is text, number, boolean, list
// or table.
type Value struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Means    string `json:"means"`
	Optional bool   `json:"optional,omitempty"`
}

// Question is something the request leaves open.
type Question struct {
	Ask    string `json:"ask"`
	Answer string `json:"answer,omitempty"`
}

// Tests are the manifest's two schemas and the cases, the examples of the intent first,
// then those that were there before. Obsolete names those of them that are left out.
type Tests struct {
	Input    map[string]any  `json:"input"`
	Output   map[string]any  `json:"output"`
	Cases    []function.Case `json:"cases"`
	Obsolete []string        `json:"obsolete,omitempty"`
}

// Code is what the model wrote.
type Code struct {
	Source string   `json:"source"`
	Grants []string `json:"grants"`
	// Limits are those that it asks for beside the usual ones, LimitsWhy says why.
	Limits    function.Limits `json:"limits,omitzero"`
	LimitsWhy string          `json:"limits_why,omitempty"`
	// Notes is what it says about the code: shown, and never part of it.
	Notes string `json:"notes,omitempty"`
}

// Checks are what the gates showed, and the content as it is after the repairs.
type Checks struct {
	Content function.Content     `json:"content"`
	Report  function.Examination `json:"report"`
	Gaps    []Gap                `json:"gaps"`
	// Known are the gaps about values that the console knows of people: only the store can
	// look for them again.
	Known []Gap `json:"known,omitempty"`
	// LimitsWhy says why it asks for more than the usual limits.
	LimitsWhy string `json:"limits_why,omitempty"`
	// Repairs is how often the model was asked to repair, and Replaced the tests of its
	// own that it changed or took out on the way.
	Repairs  int      `json:"repairs"`
	Replaced []string `json:"replaced,omitempty"`
}

// Draft is the revision that was saved; New is false when nothing had changed.
type Draft struct {
	Function string `json:"function"`
	Revision int    `json:"revision"`
	Hash     string `json:"hash"`
	New      bool   `json:"new"`
	Gaps     []Gap  `json:"gaps"`
}

// Answer is an explanation in the model's words.
type Answer struct {
	Text string `json:"text"`
}

// Gate names one thing that a function has to show before it can be submitted.
type Gate string

// The gates.
const (
	GateCode      Gate = "code"      // it can be read and uses the library only
	GateTests     Gate = "tests"     // its tests pass
	GateMutation  Gate = "mutation"  // its tests notice small changes
	GateGrants    Gate = "grants"    // it asks for what it uses, no less and no more
	GateLimits    Gate = "limits"    // it asks for no more time and questions than there are, or than its tests show
	GateIntent    Gate = "intent"    // it writes only where the confirmed intent says so
	GateForbidden Gate = "forbidden" // it has no effect that the intent forbids
	GateLiterals  Gate = "literals"  // no text in it looks like a secret or a real person
)

// Gates lists all, in the order in which they are shown.
func Gates() []Gate {
	return []Gate{GateCode, GateTests, GateMutation, GateGrants, GateLimits, GateIntent, GateForbidden, GateLiterals}
}

// Gap is a gate that is missed, at a line where there is one, and what to do. Test is
// the test that shows it, where one does.
type Gap struct {
	Gate Gate   `json:"gate"`
	Line int    `json:"line,omitempty"`
	Test string `json:"test,omitempty"`
	Says string `json:"says"`
}
