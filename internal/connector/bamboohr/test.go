package bamboohr

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// unlisted are fields that BambooHR gives although its list of fields, which
// holds what people fill in, may not name them.
var unlisted = []string{"lastchanged", "supervisoreid", "displayname", "status", "employeenumber", "terminationdate"}

// Test tries what a run needs.
func (c *conn) Test(ctx context.Context) []connector.Finding {
	known, err := c.fields(ctx)
	if err != nil {
		return []connector.Finding{{Title: "Sign in", Detail: fault.Sentence(err)}}
	}
	out := []connector.Finding{{Title: "Sign in", OK: true, Detail: "BambooHR took the API key and named its fields."}}
	out = append(out, c.testFields(known))
	list, err := c.changes(ctx, time.Time{}, false)
	if err != nil {
		return append(out, connector.Finding{Title: "List changes", Detail: fault.Sentence(err)})
	}
	out = append(out, connector.Finding{Title: "List changes", OK: true, Detail: fmt.Sprintf("BambooHR said who changed. Employees so far: %d.", len(list))})
	// The newest that is there: a worker made today shows the most.
	for _, x := range slices.Backward(list) {
		if !x.deleted {
			return append(out, c.testWorker(ctx, x.id)...)
		}
	}
	return append(out, connector.Finding{Title: "Read an employee", OK: true, Detail: "Not tried: there is no employee yet."})
}

func (c *conn) testFields(known map[string]bool) connector.Finding {
	f := connector.Finding{Title: "Find the mapped fields", OK: true, Detail: fmt.Sprintf("BambooHR has all %d.", len(c.set.fields))}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(c.set.fields)) {
		field := strings.ToLower(c.set.fields[name])
		if !known[field] && !slices.Contains(unlisted, field) {
			missing = append(missing, fmt.Sprintf("%s (for %s)", c.set.fields[name], name))
		}
	}
	if len(missing) > 0 {
		f.OK, f.Detail = false, "BambooHR has no field "+strings.Join(missing, ", ")+". It would read them as empty and ignore what is written to them. Correct Fields, or leave them out."
	}
	return f
}

func (c *conn) testWorker(ctx context.Context, id string) []connector.Finding {
	w, err := c.Worker(ctx, id)
	if err != nil {
		return []connector.Finding{{Title: "Read an employee", Detail: fault.Sentence(err)}}
	}
	out := []connector.Finding{{Title: "Read an employee", OK: true, Detail: fmt.Sprintf("An employee has %d of the mapped fields.", len(w.Attributes))}}
	for _, need := range []string{joiner.LastName, joiner.StartDate} {
		if w.Text(need) == "" && c.set.fields[need] != "" {
			out = append(out, connector.Finding{Title: "Find " + need, Detail: fmt.Sprintf("The employee shows no %s. The API key's user may lack the right to see it.", c.set.fields[need])})
		}
	}
	if s := w.Text(joiner.Status); s != "" && !slices.Contains([]string{"planned", "active", "rescinded", "terminated"}, s) {
		out = append(out, connector.Finding{Title: "Read the state", Detail: fmt.Sprintf("The state %q is not in States, so flows see it as it is.", s)})
	}
	return out
}
