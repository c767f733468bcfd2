package node

import (
	"context"
	"fmt"
	"strings"
	"time"

	"joinery/internal/connector"
	"joinery/internal/exception"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/joiner"
)

// ManagerResolve writes a reference to the joiner's manager into the joiner's
// account, and waits for a manager who has no account yet.
type ManagerResolve struct{}

var _ Type = ManagerResolve{}

// What a reference is made of.
const (
	referenceID   = "id"
	referenceName = "name"
)

// Spec describes the node.
func (ManagerResolve) Spec() flow.Spec {
	const elsewhere = "Where the manager's account is"
	return flow.Spec{
		Kind: "manager.resolve", Version: 1, Category: "people", Title: "Set manager", Icon: "network", Writes: true,
		Help: "Finds the manager's account by the manager's id in the HRIS and writes it into the joiner's account. A manager who has none yet is waited for: the reference is filled in when the account appears. HR owns who manages whom, so the directory is corrected and HR is never written.",
		Fields: []form.Field{
			directoryField(), accountField(),
			{Key: "attribute", Label: "Attribute", Kind: form.Text, Default: "manager", Required: true, Help: "Attribute of the joiner's account that names the manager."},
			{Key: "reference", Label: "Is filled with", Kind: form.Select, Default: referenceID, Options: []form.Option{{Value: referenceID, Label: "the account's own id (in LDAP its place, the DN)"}, {Value: referenceName, Label: "the user name"}}},
			{Key: "connection", Label: "HRIS", Kind: form.HRIS, Required: true, Help: "Holds the manager's record."},
			{Key: "manager", Label: "Manager's worker id", Kind: form.Text, Expr: true, Placeholder: "=joiner.manager_id", Help: "Empty: the joiner's manager_id."},
			{Key: "other_directory", Label: "Other directory", Kind: form.Directory, Group: elsewhere, Help: "Looked into when the manager has no account in the joiner's directory, such as another domain."},
			{Key: "match", Label: "Match attribute", Kind: form.Text, Group: elsewhere, Placeholder: "employeeID", Help: "For managers from before Joinery: the attribute of their account that holds the worker id or employee number."},
			{Key: "match_by", Label: "It holds", Kind: form.Select, Group: elsewhere, Default: "worker", Options: []form.Option{{Value: "worker", Label: "the worker id"}, {Value: joiner.EmployeeNo, Label: "the employee number"}}},
			{Key: "when_left", Label: "If the manager has left", Kind: form.Select, Default: "next", Options: []form.Option{{Value: "next", Label: "take the manager's manager"}, {Value: "person", Label: "a person decides"}}},
			{Key: "wait_days", Label: "Wait at most, in days", Kind: form.Number, Default: float64(14), Help: "After that a person has to look."},
		},
		Ports: []flow.Port{{Name: "set", Label: "is right now"}, {Name: "none", Label: "HR names no manager"}, {Name: "unresolved", Label: "a person has to look"}},
		Outputs: []flow.Output{{Name: "manager", Type: "string", Help: "Worker id of the manager who was taken."}, {Name: "account_id", Type: "string"}, {Name: "name", Type: "string"},
			{Name: "changed", Type: "bool"}, {Name: "passed_over", Type: "list", Of: "string", Help: "Managers who have left and were passed over."}},
	}
}

// managerAgain is how often a manager is looked for without a sign that the
// account is there.
const managerAgain = 24 * time.Hour

// longestChain bounds a walk up the managers. More is a mistake in HR.
const longestChain = 50

// wanted is the manager that a joiner should have.
type wanted struct {
	worker     joiner.Worker
	passedOver []any
	// why says that a person has to look; "" when the manager is known.
	why string
}

// Run resolves, or waits.
func (ManagerResolve) Run(ctx context.Context, call Call) (Result, error) {
	dir, err := call.Directory(ctx, call.Params.Text("directory"))
	if err != nil {
		return Result{}, err
	}
	mine, err := account(ctx, call, dir)
	if err != nil {
		return Result{}, err
	}
	attribute := call.Params.Text("attribute")
	id := strings.TrimSpace(call.Params.Text("manager"))
	if id == "" {
		id = call.Joiner.Text(joiner.ManagerID)
	}
	if id == "" {
		changes, err := dir.UpdateAccount(ctx, mine.ID, map[string]any{attribute: nil})
		return Result{Port: "none", Output: map[string]any{"manager": "", "account_id": "", "name": "", "changed": len(changes) > 0, "passed_over": []any{}}}, err
	}
	want, err := wantedManager(ctx, call, id)
	if err != nil {
		return Result{}, err
	}
	if want.why != "" {
		return unresolved(ctx, call, id, want.why, want)
	}
	found, ok, err := managerAccount(ctx, call, dir, want.worker)
	if err != nil {
		return Result{}, err
	}
	if !ok {
		return awaitManager(ctx, call, id, want)
	}
	reference := found.ID
	if call.Params.Text("reference") == referenceName {
		reference = found.Name
	}
	changes, err := dir.UpdateAccount(ctx, mine.ID, map[string]any{attribute: reference})
	if err != nil {
		return Result{}, err
	}
	if err := call.settled(ctx, id); err != nil {
		return Result{}, err
	}
	return Result{Port: "set", Output: map[string]any{"manager": want.worker.ID, "account_id": found.ID, "name": found.Name, "changed": len(changes) > 0, "passed_over": want.list()}}, nil
}

func (w wanted) list() []any { return append([]any{}, w.passedOver...) }

// wantedManager reads the manager from the HRIS, passes over those who have left,
// and finds a chain that leads back to the joiner.
func wantedManager(ctx context.Context, call Call, id string) (wanted, error) {
	source, err := call.Workers(ctx, call.Params.Text("connection"))
	if err != nil {
		return wanted{}, err
	}
	var out wanted
	taken := false
	seen := map[string]bool{call.Ref.Worker: true}
	for next := id; next != ""; {
		if seen[next] {
			out.why = fmt.Sprintf("In HR the managers lead round in a circle: from worker %s up the chain to worker %s again.", call.Ref.Worker, next)
			return out, nil
		}
		seen[next] = true
		if len(seen) > longestChain {
			out.why = fmt.Sprintf("In HR more than %d managers stand above worker %s.", longestChain, call.Ref.Worker)
			return out, nil
		}
		w, err := source.Worker(ctx, next)
		gone := fault.Is(err, fault.NotFound)
		if err != nil && !gone {
			return out, err
		}
		if gone && taken {
			return out, nil // above the manager; no matter here
		}
		switch {
		case taken:
		case !gone && !left(w):
			out.worker, taken = w, true
		case gone:
			out.why = fmt.Sprintf("HR names worker %s as the manager, and has no such worker.", next)
			return out, nil
		case call.Params.Text("when_left") == "person":
			out.why = fmt.Sprintf("The manager, worker %s, has left.", next)
			return out, nil
		default:
			call.Log("Worker %s, the manager, has left; the next one up is taken.", next)
			out.passedOver = append(out.passedOver, next)
		}
		next = w.Text(joiner.ManagerID)
	}
	if !taken {
		out.why = fmt.Sprintf("Every manager above worker %s has left.", call.Ref.Worker)
	}
	return out, nil
}

func left(w joiner.Worker) bool {
	s := w.Text(joiner.Status)
	return s == "terminated" || s == "rescinded"
}

// managerAccount looks for the manager's account: by Joinery's mark, then by the
// match attribute, in the joiner's directory and then in the other one.
func managerAccount(ctx context.Context, call Call, own connector.Directory, m joiner.Worker) (connector.Account, bool, error) {
	places := []connector.Directory{own}
	if other := call.Params.Text("other_directory"); other != "" {
		dir, err := call.Directory(ctx, other)
		if err != nil {
			return connector.Account{}, false, err
		}
		places = append(places, dir)
	}
	ref := joiner.Ref{Connection: call.Params.Text("connection"), Worker: m.ID}
	stamp := ref.Stamp()
	if call.People != nil {
		var err error
		if stamp, err = call.People.Stamp(ctx, ref); err != nil {
			return connector.Account{}, false, err
		}
	}
	by := []connector.Lookup{{Stamp: stamp}}
	value := m.ID
	if call.Params.Text("match_by") == joiner.EmployeeNo {
		value = m.Text(joiner.EmployeeNo)
	}
	if a := strings.TrimSpace(call.Params.Text("match")); a != "" && value != "" {
		by = append(by, connector.Lookup{Attribute: a, Value: value})
	}
	for _, dir := range places {
		for _, b := range by {
			a, found, err := dir.FindAccount(ctx, b)
			if err != nil || found {
				return a, found, err
			}
		}
	}
	return connector.Account{}, false, nil
}

// awaitManager waits until the manager's account appears, or says that it did not
// in time.
func awaitManager(ctx context.Context, call Call, id string, want wanted) (Result, error) {
	now := call.Now()
	since := now
	if text, _ := call.Memory["since"].(string); text != "" && call.Memory["manager"] == want.worker.ID {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			since = t
		}
	}
	days := 14.0
	switch n := call.Params["wait_days"].(type) {
	case float64:
		days = n
	case int64:
		days = float64(n)
	case int:
		days = float64(n)
	}
	deadline := since.Add(time.Duration(days * 24 * float64(time.Hour)))
	where := call.Params.Text("directory")
	if other := call.Params.Text("other_directory"); other != "" {
		where += " or " + other
	}
	if !now.Before(deadline) {
		return unresolved(ctx, call, id, fmt.Sprintf("The manager, worker %s, has had no account in %s for %g days.", want.worker.ID, where, days), want)
	}
	until := now.Add(managerAgain)
	if deadline.Before(until) {
		until = deadline
	}
	return Result{
		Output: map[string]any{"manager": want.worker.ID, "since": since.UTC().Format(time.RFC3339), "passed_over": want.list()},
		Wait: &Wait{Until: until, For: fmt.Sprintf("for the manager, worker %s, to have an account in %s", want.worker.ID, where),
			Account: &Awaited{HRIS: call.Params.Text("connection"), Worker: want.worker.ID, Directory: call.Params.Text("directory"), Other: call.Params.Text("other_directory"), Since: since, Deadline: deadline}},
	}, nil
}

// unresolved gives the reference to a person.
func unresolved(ctx context.Context, call Call, id, why string, want wanted) (Result, error) {
	_, err := call.Exception(ctx, Exception{Kind: exception.Manager, Subject: call.managerSubject(), Title: "The manager is not set in " + call.Params.Text("directory"), Reason: why, Connection: call.Params.Text("connection"),
		Detail: map[string]any{"manager": id, "directory": call.Params.Text("directory")}})
	if err != nil {
		return Result{}, err
	}
	call.Log("%s", why)
	return Result{Port: "unresolved", Output: map[string]any{"manager": "", "account_id": "", "name": "", "changed": false, "passed_over": want.list()}}, nil
}

func (c Call) managerSubject() string {
	return "manager:" + c.Ref.Stamp() + ":" + c.Params.Text("directory")
}

// settled ends the exception that an earlier run opened about this reference.
func (c Call) settled(ctx context.Context, id string) error {
	if c.Settled == nil {
		return nil
	}
	return c.Settled(ctx, c.managerSubject(), fmt.Sprintf("Worker %s has an account now, and it is set.", id))
}
