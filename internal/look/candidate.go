package look

import (
	"context"
	"fmt"

	"joinery/internal/connector"
	"joinery/internal/policy"
)

// mostFound is how many accounts of one rule are looked at.
const mostFound = 20

// Candidates looks through the accounts that the rules of a correlation name, and
// tells of each that one finds what would come of it. Marks are the joiner's own.
func (s *Systems) Candidates(ctx context.Context, c *policy.Correlation, sub policy.Subject, marks []string) ([]Line, error) {
	var out []Line
	for _, key := range c.AccountConnections() {
		byID := map[string]policy.Matched{}
		var order []string
		for i, r := range c.Accounts {
			if r.Connection != key {
				continue
			}
			wanted, err := r.Wanted(ctx, sub)
			if err != nil {
				return nil, err
			}
			if wanted == nil {
				continue
			}
			_ = s.ask(ctx, key, func(ctx context.Context, rd connector.Reading) error {
				found, err := rd.AccountsWith(ctx, wanted, mostFound)
				for _, x := range found {
					if old, known := byID[x.ID]; !known || r.Weight > old.Rule.Weight {
						if !known {
							order = append(order, x.ID)
						}
						byID[x.ID] = policy.Matched{Rule: r, Row: i + 1, Candidate: policy.Candidate{Connection: key, ID: x.ID, Name: x.Name, Enabled: x.Enabled, Mark: x.Stamp, Protected: x.Protected, Groups: x.Groups, Attributes: x.Attributes}}
					}
				}
				return err
			})
		}
		out = append(out, told(c, key, order, byID, marks)...)
	}
	return out, nil
}

func told(c *policy.Correlation, key string, order []string, byID map[string]policy.Matched, marks []string) (out []Line) {
	var fit []policy.Matched
	for _, id := range order {
		if m := byID[id]; c.MayAdopt(m.Candidate, marks) == "" {
			fit = append(fit, m)
		}
	}
	best, decision, why := c.DecideAccounts(fit)
	for _, id := range order {
		m := byID[id]
		l := Line{Connection: key, Title: "Account " + m.Name, Detail: fmt.Sprintf("%s (weight %g).", m.Rule.Title(), m.Rule.Weight)}
		no := c.MayAdopt(m.Candidate, marks)
		switch {
		case no != "":
			l.Detail += " Not adopted: " + no
		case m.ID != best.ID || decision == policy.MatchNew:
			l.Detail += " Too weak, or another one fits better."
		case decision == policy.MatchAdopt:
			l.Good, l.Detail = true, l.Detail+" Would be adopted."
		default:
			l.Good, l.Detail = true, l.Detail+" A person would be asked"
			if why != "" {
				l.Detail += ": " + why
			}
			l.Detail += "."
		}
		out = append(out, l)
	}
	return out
}
