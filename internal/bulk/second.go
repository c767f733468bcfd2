package bulk

import (
	"fmt"
	"slices"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// Alone is how much one person may set going by themselves. What is more needs a
// second person who had no part in it.
type Alone struct {
	// People is how many people lists of one flow may bring in within a day.
	People int `json:"people"`
	// Collisions is how many people of a list may get another name than their first.
	Collisions int `json:"collisions"`
	// Licences is how many people of a list may get one group or account in one system.
	Licences int `json:"licences"`
	// Parked is how many runs of one flow that a limit stopped may be let go within a day.
	Parked int `json:"parked"`
}

// Cautious is what holds until somebody says otherwise.
func Cautious() Alone { return Alone{People: 25, Collisions: 5, Licences: 25, Parked: 10} }

// Check refuses numbers that mean nothing.
func (a Alone) Check() error {
	for name, n := range map[string]int{"people": a.People, "collisions": a.Collisions, "licences": a.Licences, "parked": a.Parked} {
		if n < 0 || n > MaxRows {
			return fault.Refuse(fmt.Sprintf("Write a number from 0 to %d.", MaxRows), []fault.Problem{{Path: name, Detail: fmt.Sprintf("Write a number from 0 to %d.", MaxRows)}})
		}
	}
	return nil
}

// Allows reports whether these limits let one person do more than others anywhere.
func (a Alone) Allows(than Alone) bool {
	return a.People > than.People || a.Collisions > than.Collisions || a.Licences > than.Licences || a.Parked > than.Parked
}

// Why says what makes a list need a second person; nothing when one may start it.
// before is how many people lists of the flow brought in today without one.
func (a Alone) Why(people, before int, r *Report) []string {
	var out []string
	switch {
	case people > a.People:
		out = append(out, fmt.Sprintf("It has %d people, and one person may bring in %d.", people, a.People))
	case people+before > a.People:
		out = append(out, fmt.Sprintf("With it, lists of this flow bring in %d people within a day, and one person may bring in %d.", people+before, a.People))
	}
	if r == nil {
		return out
	}
	if r.NamesTaken > a.Collisions {
		out = append(out, fmt.Sprintf("%d people get another name than their first, because somebody has it; one person may start a list with %d.", r.NamesTaken, a.Collisions))
	}
	for _, g := range r.Groups {
		if g.People > a.Licences {
			out = append(out, fmt.Sprintf("%d people get the group %s in %s, and the licences that follow; one person may start a list with %d.", g.People, g.Group, g.Connection, a.Licences))
			break
		}
	}
	for _, l := range r.Limits {
		out = append(out, fmt.Sprintf("%d %s are planned, and the limit is %d an hour.", l.Planned, l.What, l.Limit))
	}
	return out
}

// Second judges whether somebody may be the second person for what others did.
func Second(by auth.Actor, authors []string) error {
	switch {
	case by.UserID == "" || !by.Can(auth.LimitLift):
		return fault.New(fault.Forbidden, "Only an operator, a reviewer or an administrator can be the second person.")
	case slices.Contains(authors, by.UserID):
		return fault.New(fault.Forbidden, "You had a part in this, so somebody else has to decide.")
	}
	return nil
}
