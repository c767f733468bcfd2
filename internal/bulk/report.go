package bulk

import (
	"cmp"
	"slices"
)

// Report is what a forecast of a whole list says.
type Report struct {
	// People were looked at; Ready of them would come through, Waiting would wait
	// for something that a forecast cannot pass, Failing need a person.
	People  int `json:"people"`
	Ready   int `json:"ready"`
	Waiting int `json:"waiting"`
	Failing int `json:"failing"`
	// Known are joiners that Joinery knows from before.
	Known int `json:"known"`
	// Creates counts accounts to be made, Grants memberships, by connection.
	Creates map[string]int `json:"creates"`
	Grants  map[string]int `json:"grants"`
	// Groups counts the people who would get each group: what licences follow.
	Groups []GroupCount `json:"groups"`
	// Messages and Requests would be sent, WriteBacks written to the HRIS.
	Messages   int `json:"messages"`
	Requests   int `json:"requests"`
	WriteBacks int `json:"write_backs"`
	// Failures are the reasons, the most frequent first.
	Failures []Failure `json:"failures"`
	// Names are people who would get another name than the first one of the policy.
	Names      []NameTaken `json:"names"`
	NamesTaken int         `json:"names_taken"`
	// Managers are named as somebody's manager and known nowhere.
	Managers []MissingManager `json:"managers"`
	// Limits that the list would reach: what is past them parks.
	Limits []Limit `json:"limits"`
	// Live says that the directories were asked. Milliseconds is how long it took.
	Live         bool  `json:"live"`
	Milliseconds int64 `json:"milliseconds"`
}

// GroupCount is how many people would get a group.
type GroupCount struct {
	Connection string `json:"connection"`
	Group      string `json:"group"`
	People     int    `json:"people"`
}

// Failure is one reason why people would not come through.
type Failure struct {
	Node   string `json:"node"`
	Why    string `json:"why"`
	People int    `json:"people"`
	// Lines are some of the lines of the file.
	Lines []int `json:"lines"`
}

// NameTaken is a person who would not get the first name of the policy.
type NameTaken struct {
	Line   int    `json:"line"`
	Worker string `json:"worker"`
	Wanted string `json:"wanted"`
	Gets   string `json:"gets"`
	Holder string `json:"holder"`
}

// MissingManager is a manager who is neither in the list nor known.
type MissingManager struct {
	Worker string `json:"worker"`
	People int    `json:"people"`
	Lines  []int  `json:"lines"`
}

// Limit is a limit that the list would reach within an hour.
type Limit struct {
	What    string `json:"what"`
	Limit   int    `json:"limit"`
	Planned int    `json:"planned"`
}

// Bounds of what a report names one by one.
const (
	mostReasons = 50
	mostLines   = 20
	mostNamed   = 200
)

// Tally gathers a report.
type Tally struct {
	Report
	groups   map[[2]string]int
	failures map[[2]string]*Failure
	managers map[string]*MissingManager
}

// NewTally begins a report.
func NewTally() *Tally {
	return &Tally{Report: Report{Creates: map[string]int{}, Grants: map[string]int{}, Groups: []GroupCount{}, Failures: []Failure{}, Names: []NameTaken{}, Managers: []MissingManager{}, Limits: []Limit{}}, groups: map[[2]string]int{}, failures: map[[2]string]*Failure{}, managers: map[string]*MissingManager{}}
}

// Group counts one membership.
func (t *Tally) Group(connection, group string) {
	t.Grants[connection]++
	t.groups[[2]string{connection, group}]++
}

// Failed counts one person who would not come through.
func (t *Tally) Failed(node, why string, line int) {
	t.Failing++
	f := t.failures[[2]string{node, why}]
	if f == nil {
		if len(t.failures) >= 10*mostReasons {
			node, why = "", "other reasons"
		}
		if f = t.failures[[2]string{node, why}]; f == nil {
			f = &Failure{Node: node, Why: why}
			t.failures[[2]string{node, why}] = f
		}
	}
	f.People++
	if len(f.Lines) < mostLines {
		f.Lines = append(f.Lines, line)
	}
}

// Named notes a person who gets another name than the first one.
func (t *Tally) Named(n NameTaken) {
	if t.NamesTaken++; len(t.Names) < mostNamed {
		t.Names = append(t.Names, n)
	}
}

// Manager notes that somebody's manager is known nowhere.
func (t *Tally) Manager(worker string, line int) {
	m := t.managers[worker]
	if m == nil {
		m = &MissingManager{Worker: worker}
		t.managers[worker] = m
	}
	m.People++
	if len(m.Lines) < mostLines {
		m.Lines = append(m.Lines, line)
	}
}

// Done gives the report, the same for the same counts.
func (t *Tally) Done() Report {
	for k, n := range t.groups {
		t.Groups = append(t.Groups, GroupCount{k[0], k[1], n})
	}
	slices.SortFunc(t.Groups, func(a, b GroupCount) int {
		return cmp.Or(cmp.Compare(b.People, a.People), cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Group, b.Group))
	})
	for _, f := range t.failures {
		t.Failures = append(t.Failures, *f)
	}
	slices.SortFunc(t.Failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.People, a.People), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Why, b.Why))
	})
	t.Failures = t.Failures[:min(len(t.Failures), mostReasons)]
	for _, m := range t.managers {
		t.Managers = append(t.Managers, *m)
	}
	slices.SortFunc(t.Managers, func(a, b MissingManager) int {
		return cmp.Or(cmp.Compare(b.People, a.People), cmp.Compare(a.Worker, b.Worker))
	})
	t.Managers = t.Managers[:min(len(t.Managers), mostNamed)]
	return t.Report
}
