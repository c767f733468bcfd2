package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/expr"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/views/policies"
	"joinery/views/ui"
)

// conditionTest is one comparison as the builder shows it: values as typed text.
type conditionTest struct {
	Attribute string `json:"attribute"`
	Operator  string `json:"operator"`
	Values    string `json:"values"`
}

// condition is an expression and its comparisons, where it has only common ones.
type condition struct {
	Plain bool            `json:"plain"`
	Any   bool            `json:"any"`
	Tests []conditionTest `json:"tests"`
	When  string          `json:"when"`
	Error string          `json:"error,omitempty"`
}

// policyCondition is POST /policies/condition: it reads an expression as common
// comparisons, or writes those as an expression. It keeps nothing.
func (s *Server) policyCondition(c *fiber.Ctx, _ auth.Actor) error {
	if c.FormValue("build") != "" {
		return sendJSON(c, http.StatusOK, writtenCondition(c))
	}
	p, ok := expr.ReadPlain(c.FormValue("when"))
	out := condition{Plain: ok, Any: p.Any, Tests: []conditionTest{}, When: c.FormValue("when")}
	if ok {
		for _, t := range p.Tests {
			out.Tests = append(out.Tests, conditionTest{t.Attribute, t.Operator, form.Write(form.Field{Kind: form.List}, listOf(t))})
		}
	}
	return sendJSON(c, http.StatusOK, out)
}

// listOf gives the values of a comparison as the builder's field shows them.
func listOf(t expr.PlainTest) any {
	if takes(t.Operator) < 2 {
		return strings.Join(t.Values, "")
	}
	out := make([]any, len(t.Values))
	for i, v := range t.Values {
		out[i] = v
	}
	return out
}

func takes(operator string) int {
	for _, o := range expr.PlainOperators() {
		if o.Name == operator {
			return o.Values
		}
	}
	return -1
}

func writtenCondition(c *fiber.Ctx) condition {
	args := c.Request().PostArgs()
	names, operators, values := args.PeekMulti("attribute"), args.PeekMulti("operator"), args.PeekMulti("values")
	p := expr.Plain{Any: c.FormValue("any") != ""}
	if len(operators) != len(names) || len(values) != len(names) {
		return condition{Error: "The builder and the server do not agree. Load the page again."}
	}
	for i := range names {
		t := expr.PlainTest{Attribute: strings.TrimSpace(string(names[i])), Operator: string(operators[i])}
		typed := strings.TrimSpace(string(values[i]))
		switch takes(t.Operator) {
		case 2:
			list, wrong := form.Read(form.Field{Kind: form.List}, typed)
			if wrong != "" {
				return condition{Error: wrong}
			}
			all, _ := list.([]any)
			for _, v := range all {
				t.Values = append(t.Values, fmt.Sprint(v))
			}
		case 1:
			t.Values = []string{typed}
		}
		if t.Attribute == "" {
			return condition{Error: "Choose an attribute in each line, or remove the line."}
		}
		if takes(t.Operator) > 0 && (len(t.Values) == 0 || typed == "") {
			return condition{Error: fmt.Sprintf("Say what %s is compared with.", t.Attribute)}
		}
		p.Tests = append(p.Tests, t)
	}
	when := p.CEL()
	if when == "" && len(p.Tests) > 0 {
		return condition{Error: "An attribute has letters, digits and underscores, such as department."}
	}
	return condition{Plain: true, When: when}
}

// builderPart is what the builder offers.
func builderPart(mentioned []string) policies.Builder {
	out := policies.Builder{Attributes: joiner.Known()}
	for _, name := range mentioned {
		if !slices.Contains(out.Attributes, name) {
			out.Attributes = append(out.Attributes, name)
		}
	}
	for _, o := range expr.PlainOperators() {
		out.Operators = append(out.Operators, ui.Option{Value: o.Name, Label: o.Label, Help: itoa(o.Values)})
	}
	return out
}
