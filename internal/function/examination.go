package function

// Examination is what reading a function and running its cases in the governed
// runtime showed. It is of one content, by its hash.
type Examination struct {
	// Asked are the grants of the manifest, Found those that the source calls,
	// Observed those that the cases used.
	Asked    []string `json:"asked,omitempty"`
	Found    []string `json:"found,omitempty"`
	Observed []string `json:"observed,omitempty"`
	// Calls are the places that ask a system or plan a change.
	Calls    []CallAt `json:"calls,omitempty"`
	Warnings []Line   `json:"warnings,omitempty"`
	// Wrong is what keeps the source from being run.
	Wrong []Line  `json:"wrong,omitempty"`
	Cases []Shown `json:"cases,omitempty"`
	// Lines hold code, Missed are those of them that no case ran.
	Lines  []int `json:"lines,omitempty"`
	Missed []int `json:"missed,omitempty"`
	// Tried is how many small changes of the source the cases were run against;
	// Survivors are those that no case noticed.
	Tried     int    `json:"tried"`
	Survivors []Line `json:"survivors,omitempty"`
	// Varied is what it gave for inputs that no case has. Those for which it ended with an
	// error are left out.
	Varied []Varied `json:"varied,omitempty"`
}

// CallAt is a place in the source that asks or plans. Connection is "?" where the
// source works it out.
type CallAt struct {
	Name       string `json:"name"`
	Connection string `json:"connection"`
	Line       int    `json:"line"`
	Loop       bool   `json:"loop,omitempty"`
}

// Line is something said about one line of the source.
type Line struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// Shown is how a case went.
type Shown struct {
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	Why    string `json:"why,omitempty"`
	Steps  int64  `json:"steps"`
	// Calls is how often it asked a system.
	Calls int `json:"calls,omitempty"`
}

// Unused are grants that are asked for and that no case used.
func (e Examination) Unused() []string {
	seen := map[string]bool{}
	for _, g := range e.Observed {
		seen[g] = true
	}
	var out []string
	for _, g := range e.Asked {
		if !seen[g] {
			out = append(out, g)
		}
	}
	return out
}

// Noticed is how many of a hundred small changes some case noticed.
func (e Examination) Noticed() int {
	if e.Tried == 0 {
		return 100
	}
	return (e.Tried - len(e.Survivors)) * 100 / e.Tried
}

// Passed is how many cases passed.
func (e Examination) Passed() (n int) {
	for _, c := range e.Cases {
		if c.Passed {
			n++
		}
	}
	return n
}
