package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/form"
)

// Groups is a decision table: which joiners get which groups.
type Groups struct {
	// Hit is "all" (every row that matches gives its groups) or "first" (the first
	// one that matches). Empty means all.
	Hit string `json:"hit,omitempty" yaml:"hit,omitempty"`
	// Directory is the connection whose groups the rows name, unless a row says
	// another. Empty: the step of the flow names it.
	Directory  string           `json:"directory,omitempty" yaml:"directory,omitempty"`
	Inputs     []Input          `json:"inputs,omitempty" yaml:"inputs,omitempty"`
	Rows       []GroupRow       `json:"rows,omitempty" yaml:"rows,omitempty"`
	Exceptions []GroupException `json:"exceptions,omitempty" yaml:"exceptions,omitempty"`

	programs *expr.Programs
	once     sync.Once
	compiled *groupTable
}

// GroupRow is one row of the table.
type GroupRow struct {
	// When is a condition in CEL; empty means everybody.
	When string `json:"when,omitempty" yaml:"when,omitempty"`
	// Groups are names; "loc-{{ inputs.site_code }}" makes one.
	Groups    []string `json:"groups" yaml:"groups"`
	Directory string   `json:"directory,omitempty" yaml:"directory,omitempty"`
	// Reason says why, and Owner who answers for it (an e-mail address or a team).
	Reason string `json:"reason,omitempty" yaml:"reason,omitempty"`
	Owner  string `json:"owner,omitempty" yaml:"owner,omitempty"`
	// Until is the last day on which the row counts (2006-01-02), where the joiner works.
	Until string `json:"until,omitempty" yaml:"until,omitempty"`
}

// GroupException gives one person groups that no row gives, or keeps them from
// groups that a row gives. It always has an owner, a reason and an end.
type GroupException struct {
	// Worker is the id in the HRIS, or "connection:id" where several HRIS are in use.
	Worker string `json:"worker" yaml:"worker"`
	// Change is "add" or "remove".
	Change    string   `json:"change" yaml:"change"`
	Groups    []string `json:"groups" yaml:"groups"`
	Directory string   `json:"directory,omitempty" yaml:"directory,omitempty"`
	Reason    string   `json:"reason" yaml:"reason"`
	Owner     string   `json:"owner" yaml:"owner"`
	Until     string   `json:"until" yaml:"until"`
}

var (
	_ Rules  = (*Groups)(nil)
	_ Warner = (*Groups)(nil)
)

// The two hit policies, as DMN names them: collect and first. DMN's priority is
// the order of the rows under first.
const (
	HitAll   = "all"
	HitFirst = "first"
)

// The two kinds of exception.
const (
	ExceptAdd    = "add"
	ExceptRemove = "remove"
)

const (
	maxRows       = 1000
	maxExceptions = 500
	maxRowGroups  = 100
)

func groupsKind() kind {
	return kind{spec: groupsSpec(), rules: func(c Content) (Rules, bool) { return c.Groups, c.Groups != nil }}
}

func groupsSpec() Spec {
	directory := form.Field{Key: "directory", Label: "Directory", Kind: form.Directory, Help: "Where these groups are. Empty: the directory of the whole table."}
	until := form.Field{Key: "until", Label: "Until", Kind: form.Text, Placeholder: "2026-12-31", Help: "The last day on which it counts."}
	owner := form.Field{Key: "owner", Label: "Owner", Kind: form.Text, Placeholder: "sales-ops@example.com", Help: "Who answers for it."}
	groups := form.Field{Key: "groups", Label: "Groups", Kind: form.List, Required: true, Expr: true, Placeholder: "crm-users, loc-{{ joiner.location }}"}
	reason := form.Field{Key: "reason", Label: "Reason", Kind: form.Text}
	required := func(f form.Field) form.Field { f.Required = true; return f }
	names := groups
	names.Expr, names.Placeholder = false, "crm-users"
	return Spec{
		Type: "groups", Title: "Groups", Icon: "users", Help: "Which joiners get which groups, as a table of conditions.",
		Fields: []form.Field{
			{Key: "hit", Label: "When several rows match", Kind: form.Select, Default: HitAll, Options: []form.Option{{Value: HitAll, Label: "All of them give their groups"}, {Value: HitFirst, Label: "Only the first one does"}}},
			{Key: "directory", Label: "Directory", Kind: form.Directory, Help: "Where the groups are. Empty: the step of the flow names it."},
			{Key: "rows", Label: "Rows", Kind: form.Table, Required: true, Columns: []form.Field{
				{Key: "when", Label: "When", Kind: form.Expression, Result: "bool", Placeholder: `joiner.department == "Sales"`, Help: "Empty: everybody."},
				groups, reason, owner, until, directory,
			}},
			{Key: "exceptions", Label: "Exceptions for single people", Kind: form.Table, Group: "Exceptions", Help: "Each has an owner and an end. Past its end it has no effect.", Columns: []form.Field{
				{Key: "worker", Label: "Worker", Kind: form.Text, Required: true, Placeholder: "4711", Help: "The id in the HRIS; connection:id where several HRIS are in use."},
				{Key: "change", Label: "Gets or not", Kind: form.Select, Required: true, Options: []form.Option{{Value: ExceptAdd, Label: "gets"}, {Value: ExceptRemove, Label: "does not get"}}},
				names, required(reason), required(owner), required(until), directory,
			}},
			inputsField(),
		},
		Starter: "key: department-groups\nname: Department groups\ntype: groups\ngroups:\n  rows:\n    - groups: [all-staff]\n      reason: Everybody\n    - when: joiner.department == \"Sales\"\n      groups: [crm-users]\n      reason: Works with customers\ncases:\n  - name: Sales gets the CRM\n    joiner: {department: Sales}\n    expect: {groups: [all-staff, crm-users]}\n",
	}
}

// Connections lists the directories that the table names.
func (g *Groups) Connections() []string {
	var out []string
	add := func(key string) {
		if key != "" && !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	add(g.Directory)
	for _, r := range g.Rows {
		add(r.Directory)
	}
	for _, x := range g.Exceptions {
		add(x.Directory)
	}
	return out
}

// Check finds what is wrong with the table.
func (g *Groups) Check(k Known) []fault.Problem {
	out := checkInputs(g.Inputs)
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if g.Hit != "" && g.Hit != HitAll && g.Hit != HitFirst {
		add("hit", "Choose all or first. What other tables call priority is the order of the rows under first.")
	}
	if len(g.Rows) == 0 {
		add("rows", "The table needs at least one row.")
	}
	if len(g.Rows) > maxRows || len(g.Exceptions) > maxExceptions {
		add("rows", "A table may have up to %d rows and %d exceptions.", maxRows, maxExceptions)
		return out
	}
	out = append(out, k.directory("directory", g.Directory)...)
	for i, r := range g.Rows {
		at := fmt.Sprintf("rows.%d", i)
		out = append(out, checkNames(at+".groups", r.Groups, "Name the groups this row gives.")...)
		out = append(out, checkUntil(at+".until", r.Until)...)
		out = append(out, k.directory(at+".directory", r.Directory)...)
	}
	for i, x := range g.Exceptions {
		out = append(out, x.check(fmt.Sprintf("exceptions.%d", i), k)...)
	}
	return append(out, g.table().problems...)
}

func checkNames(at string, names []string, none string) []fault.Problem {
	if len(names) == 0 {
		return []fault.Problem{{Path: at, Detail: none}}
	}
	if len(names) > maxRowGroups {
		return []fault.Problem{{Path: at, Detail: fmt.Sprintf("A row may name up to %d groups.", maxRowGroups)}}
	}
	var out []fault.Problem
	for j, name := range names {
		if strings.TrimSpace(name) == "" {
			out = append(out, fault.Problem{Path: fmt.Sprintf("%s.%d", at, j), Detail: "A group needs a name."})
		}
	}
	return out
}

func (x GroupException) check(at string, k Known) []fault.Problem {
	out := append(checkNames(at+".groups", x.Groups, "Name the groups of this exception."), checkUntil(at+".until", x.Until)...)
	out = append(out, k.directory(at+".directory", x.Directory)...)
	for _, f := range []struct{ key, value, detail string }{
		{"worker", x.Worker, "Write the worker's id in the HRIS."}, {"reason", x.Reason, "Write why this person is an exception."},
		{"owner", x.Owner, "Name who answers for this exception."}, {"until", x.Until, "An exception has an end. Write a date such as 2026-12-31."},
	} {
		if strings.TrimSpace(f.value) == "" {
			out = append(out, fault.Problem{Path: at + "." + f.key, Detail: f.detail})
		}
	}
	if x.Change != ExceptAdd && x.Change != ExceptRemove {
		out = append(out, fault.Problem{Path: at + ".change", Detail: "Choose add or remove."})
	}
	return out
}

// directory checks a connection that has to have accounts and groups.
func (k Known) directory(path, key string) []fault.Problem {
	if key == "" || k.Connections == nil {
		return nil
	}
	can, found := k.Connections[key]
	switch {
	case !found:
		return []fault.Problem{{Path: path, Detail: fmt.Sprintf("There is no connection %q.", key)}}
	case !slices.Contains(can, "directory"):
		return []fault.Problem{{Path: path, Detail: fmt.Sprintf("The connection %s has no accounts and groups.", key)}}
	}
	return nil
}

// Warnings lists rows and exceptions that ran out or will soon, and rows that no
// joiner reaches.
func (g *Groups) Warnings(now time.Time, _ Known) []fault.Problem {
	var out []fault.Problem
	open := 0
	for i, r := range g.Rows {
		at := fmt.Sprintf("rows.%d", i)
		out = append(out, ending(at+".until", fmt.Sprintf("Row %d (%s)", i+1, strings.Join(r.Groups, ", ")), r.Until, now)...)
		switch {
		case g.Hit != HitFirst:
		case open > 0:
			out = append(out, fault.Problem{Path: at, Detail: fmt.Sprintf("Row %d is never reached: row %d matches everybody, and only the first row that matches counts.", i+1, open)})
		case strings.TrimSpace(strings.TrimPrefix(r.When, "=")) == "" && r.Until == "":
			open = i + 1
		}
	}
	for i, x := range g.Exceptions {
		out = append(out, ending(fmt.Sprintf("exceptions.%d.until", i), fmt.Sprintf("The exception for worker %s (%s)", x.Worker, strings.Join(x.Groups, ", ")), x.Until, now)...)
	}
	return out
}

// where gives the directory of a row: its own, or the table's.
func (g *Groups) where(own string) string { return cmp.Or(own, g.Directory) }
