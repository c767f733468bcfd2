package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/form"
)

// WriteBack is a contract: which fields of an HRIS Joinery may write, when, with
// whose consent, and how it is looked at afterwards. A flow can write no field
// that is not in it.
type WriteBack struct {
	Fields []WriteBackField `json:"fields,omitempty" yaml:"fields,omitempty"`
}

// WriteBackField is one row of the contract: one field of one HRIS.
type WriteBackField struct {
	// Connection is the HRIS, and Field the attribute in Joinery's words (work_email).
	Connection string `json:"connection" yaml:"connection"`
	Field      string `json:"field" yaml:"field"`
	// Owner is whose value counts where the two differ: "joinery" or "hr".
	Owner string `json:"owner,omitempty" yaml:"owner,omitempty"`
	// Write is when Joinery may write: only_if_empty, only_if_equals or overwrite_own.
	Write string `json:"write,omitempty" yaml:"write,omitempty"`
	// Equals is the value that only_if_equals asks for: a text, or "=expression".
	Equals string `json:"equals,omitempty" yaml:"equals,omitempty"`
	// Approve is who consents: "contract" (nobody is asked), "each" (every time) or
	// "on_conflict" (when the condition does not hold). Role is whose sign-off it is.
	Approve string `json:"approve,omitempty" yaml:"approve,omitempty"`
	Role    string `json:"role,omitempty" yaml:"role,omitempty"`
	// VerifyAfter is how long the HRIS may show the old value; VerifyTries how often
	// the field is read again, that long apart, before the write counts as not done.
	VerifyAfter string `json:"verify_after,omitempty" yaml:"verify_after,omitempty"`
	VerifyTries int    `json:"verify_tries,omitempty" yaml:"verify_tries,omitempty"`
	// Echo is for how long an event that tells of our own write starts no run.
	Echo string `json:"echo,omitempty" yaml:"echo,omitempty"`
	// Drift is how often the field is looked at later; "0s" never.
	Drift string `json:"drift,omitempty" yaml:"drift,omitempty"`
}

var _ Rules = (*WriteBack)(nil)

// TypeWriteBack names the type of policy.
const TypeWriteBack = "write-back"

// Words of a contract.
const (
	OwnerHR      = "hr"
	OwnerJoinery = "joinery"

	OnlyIfEmpty  = "only_if_empty"
	OnlyIfEquals = "only_if_equals"
	OverwriteOwn = "overwrite_own"

	ApproveContract   = "contract"
	ApproveEach       = "each"
	ApproveOnConflict = "on_conflict"
)

// What a contract says where it says nothing, and its bounds.
const (
	defaultVerifyTries = 3
	defaultEcho        = time.Hour
	defaultDrift       = 24 * time.Hour
	maxVerifyAfter     = 24 * time.Hour
	maxVerifyTries     = 20
	maxEcho            = 7 * 24 * time.Hour
	minDrift           = 15 * time.Minute
	maxContractFields  = 200
)

const writeBackStarter = `key: hr-write-back
name: What goes back to HR
type: write-back
write_back:
  fields:
    - connection: demo-hris
      field: work_email
      owner: joinery
      write: overwrite_own
      approve: on_conflict
      role: operator
    - connection: demo-hris
      field: employee_number
      owner: hr
      write: only_if_empty
cases:
  - name: A new joiner's work e-mail is written
    joiner: {}
    write: {work_email: ada.lovelace@example.com}
    expect: {written: [work_email]}
  - name: HR typed another work e-mail, so a person is asked
    joiner: {work_email: ada@example.com}
    write: {work_email: ada.lovelace@example.com}
    expect: {asked: [work_email], written: []}
  - name: HR's own employee number stays
    joiner: {employee_number: "1042"}
    write: {employee_number: "77"}
    expect: {kept: [employee_number], written: []}
`

func writeBackKind() kind {
	var roles []form.Option
	for _, r := range contractRoles() {
		roles = append(roles, form.Option{Value: r, Label: r})
	}
	return kind{
		spec: Spec{
			Type: TypeWriteBack, Title: "Write-back", Icon: "undo-2", Help: "Which fields of an HRIS may be written, when, and who agrees: a contract. A flow can write no other field.",
			Fields: []form.Field{
				{Key: "fields", Label: "Fields", Kind: form.Table, Required: true, Columns: []form.Field{
					{Key: "connection", Label: "HRIS", Kind: form.HRIS, Required: true},
					{Key: "field", Label: "Field", Kind: form.Text, Required: true, Placeholder: "work_email", Help: "The attribute, in Joinery's name for it."},
					{Key: "owner", Label: "Owner", Kind: form.Select, Default: OwnerJoinery, Help: "Whose value counts where the two differ.", Options: []form.Option{{Value: OwnerJoinery, Label: "Joinery"}, {Value: OwnerHR, Label: "HR"}}},
					{Key: "write", Label: "Write", Kind: form.Select, Default: OnlyIfEmpty, Help: "If empty; if it has the value beside; or if it is empty or still what Joinery wrote.", Options: []form.Option{{Value: OnlyIfEmpty, Label: "if empty"}, {Value: OnlyIfEquals, Label: "if equal to"}, {Value: OverwriteOwn, Label: "if still ours"}}},
					{Key: "equals", Label: "Equal to", Kind: form.Text, Expr: true, Placeholder: "=joiner.personal_email", Help: "Only for: if equal to."},
					{Key: "approve", Label: "Who agrees", Kind: form.Select, Default: ApproveContract, Help: "Nobody: the contract is enough. Or a person, when HR has another value, or each time.", Options: []form.Option{{Value: ApproveContract, Label: "nobody"}, {Value: ApproveOnConflict, Label: "on conflict"}, {Value: ApproveEach, Label: "each time"}}},
					{Key: "role", Label: "Asked", Kind: form.Select, Default: string(auth.Operator), Options: roles, Help: "Only where a person agrees."},
					{Key: "verify_after", Label: "Read back after", Kind: form.Duration, Placeholder: "30s", Help: "How long the HRIS may still show the old value. Empty: at once."},
					{Key: "verify_tries", Label: "Read back at most", Kind: form.Number, Default: float64(defaultVerifyTries), Help: "Times, that long apart."},
					{Key: "echo", Label: "Ignore our echo for", Kind: form.Duration, Placeholder: "1h", Help: "An event that only tells of our own write starts no run. Empty: one hour."},
					{Key: "drift", Label: "Look again every", Kind: form.Duration, Placeholder: "1d", Help: "Only fields that Joinery owns. Empty: every day. 0s: never."},
				}},
			},
			Starter: writeBackStarter,
		},
		rules: func(c Content) (Rules, bool) { return c.WriteBack, c.WriteBack != nil },
	}
}

// contractRoles are the roles that a contract may ask.
func contractRoles() []string {
	return []string{string(auth.Operator), string(auth.Reviewer), string(auth.Admin)}
}

// Filled gives the row with what it leaves out.
func (f WriteBackField) Filled() WriteBackField {
	set := func(s *string, v string) {
		if *s = strings.TrimSpace(*s); *s == "" {
			*s = v
		}
	}
	set(&f.Owner, OwnerJoinery)
	set(&f.Write, OnlyIfEmpty)
	set(&f.Approve, ApproveContract)
	set(&f.Role, string(auth.Operator))
	if f.VerifyTries <= 0 {
		f.VerifyTries = defaultVerifyTries
	}
	return f
}

// Lag is how long to wait before each reading that verifies a write.
func (f WriteBackField) Lag() time.Duration { return durationOr(f.VerifyAfter, 0) }

// EchoWindow is for how long an event of our own write starts no run.
func (f WriteBackField) EchoWindow() time.Duration { return durationOr(f.Echo, defaultEcho) }

// DriftEvery is how often the field is looked at later; 0 means never: HR's own
// fields are HR's to change.
func (f WriteBackField) DriftEvery() time.Duration {
	if f.Filled().Owner != OwnerJoinery {
		return 0
	}
	return durationOr(f.Drift, defaultDrift)
}

func durationOr(text string, otherwise time.Duration) time.Duration {
	d, err := form.ParseDuration(text)
	if strings.TrimSpace(text) == "" || err != nil {
		return otherwise
	}
	return d
}

// Find gives the row of a field, filled.
func (w *WriteBack) Find(connection, field string) (WriteBackField, bool) {
	for _, f := range w.Fields {
		if f.Connection == connection && f.Field == field {
			return f.Filled(), true
		}
	}
	return WriteBackField{}, false
}

// Connections lists the HRIS connections of the contract.
func (w *WriteBack) Connections() []string {
	var out []string
	for _, f := range w.Fields {
		if f.Connection != "" && !slices.Contains(out, f.Connection) {
			out = append(out, f.Connection)
		}
	}
	return out
}

// Check finds what is wrong with the contract.
func (w *WriteBack) Check(k Known) []fault.Problem {
	var out []fault.Problem
	if len(w.Fields) == 0 {
		return []fault.Problem{{Path: "fields", Detail: "The contract needs at least one field."}}
	}
	if len(w.Fields) > maxContractFields {
		return []fault.Problem{{Path: "fields", Detail: fmt.Sprintf("A contract may have up to %d fields.", maxContractFields)}}
	}
	seen := map[[2]string]int{}
	for i, f := range w.Fields {
		at := fmt.Sprintf("fields.%d", i)
		out = append(out, f.check(at, k)...)
		key := [2]string{f.Connection, f.Field}
		if first, twice := seen[key]; twice && f.Field != "" {
			out = append(out, fault.Problem{Path: at + ".field", Detail: fmt.Sprintf("Row %d is about this field already. Two rows could say two things.", first+1)})
			continue
		}
		seen[key] = i
	}
	return out
}
