package policy

import (
	"slices"

	"joinery/internal/joiner"
)

// OwnWrite is a field that Joinery wrote a short while ago. Told is the key of the
// event that told of it; "" while none has.
type OwnWrite struct {
	ID, Field, Hash, Told string
}

// Echo finds whether an event tells of nothing but our own writes, and of which.
// It has to name what changed, or to name us as who changed it. Each changed field
// must be one that we wrote, and moreover:
//
//   - where the event gives the new value, that must be what we wrote;
//   - where it names us as the actor, the name of the field is enough;
//   - else one event is taken for the echo of each write: a second one is HR's doing.
//
// Writes come oldest first.
func Echo(e joiner.Event, writes []OwnWrite) (of []string, echo bool) {
	if len(writes) == 0 || e.Actor == joiner.ActorOther {
		return nil, false
	}
	if len(e.Changed) == 0 {
		if e.Actor != joiner.ActorOurs {
			return nil, false
		}
		for _, w := range writes {
			if w.Told == "" || w.Told == e.Key {
				of = append(of, w.ID)
			}
		}
		return of, len(of) > 0
	}
	for _, name := range e.Changed {
		i := slices.IndexFunc(writes, func(w OwnWrite) bool {
			if w.Field != name {
				return false
			}
			if v, told := e.Values[name]; told {
				return ValueHash(name, v) == w.Hash
			}
			return e.Actor == joiner.ActorOurs || w.Told == "" || w.Told == e.Key
		})
		if i < 0 {
			return nil, false
		}
		if !slices.Contains(of, writes[i].ID) {
			of = append(of, writes[i].ID)
		}
	}
	return of, true
}
