package hibob

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// Test tries what a run needs.
func (c *conn) Test(ctx context.Context) []connector.Finding {
	known, err := c.fields(ctx)
	if err != nil {
		return []connector.Finding{{Title: "Sign in", Detail: fault.Sentence(err)}}
	}
	out := []connector.Finding{{Title: "Sign in", OK: true, Detail: fmt.Sprintf("Bob took the service user and named %d fields.", len(known))}, c.testFields(known)}
	ids, err := c.everybody(ctx, false)
	if err != nil {
		return append(out, connector.Finding{Title: "List employees", Detail: fault.Sentence(err)})
	}
	if len(ids) == 0 {
		return append(out, connector.Finding{Title: "List employees", Detail: "Bob shows no employee. Put the service user into a permission group whose data covers the employees."})
	}
	out = append(out, connector.Finding{Title: "List employees", OK: true, Detail: fmt.Sprintf("Employees that Bob shows, the inactive ones included: %d.", len(ids))})
	w, err := c.Worker(ctx, ids[len(ids)-1]) // the newest
	if err != nil {
		return append(out, connector.Finding{Title: "Read an employee", Detail: fault.Sentence(err)})
	}
	out = append(out, connector.Finding{Title: "Read an employee", OK: true, Detail: fmt.Sprintf("An employee has %d of the mapped fields.", len(w.Attributes))})
	for _, need := range []string{joiner.LastName, joiner.StartDate, joiner.Status} {
		if w.Text(need) == "" && c.set.fields[need] != "" {
			out = append(out, connector.Finding{Title: "Find " + need, Detail: fmt.Sprintf("The employee shows no %s: Bob leaves out without a word what the service user may not see. Give its permission group the field's category.", c.set.fields[need])})
		}
	}
	if s := w.Text(joiner.Status); s != "" && !slices.Contains([]string{"planned", "active", "rescinded", "terminated"}, s) {
		out = append(out, connector.Finding{Title: "Read the state", Detail: fmt.Sprintf("The state %q is not in States, so flows see it as it is.", s)})
	}
	return out
}

func (c *conn) testFields(known map[string]field) connector.Finding {
	f := connector.Finding{Title: "Find the mapped fields", OK: true, Detail: fmt.Sprintf("Bob has all %d.", len(c.set.fields))}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(c.set.fields)) {
		if _, ok := known[c.set.fields[name]]; !ok {
			missing = append(missing, fmt.Sprintf("%s (for %s)", c.set.fields[name], name))
		}
	}
	if len(missing) > 0 {
		f.OK, f.Detail = false, "Bob has no field "+strings.Join(missing, ", ")+". It would leave them out. Correct Fields, or take them out."
	}
	return f
}
