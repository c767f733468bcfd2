package flow

import (
	"encoding/json"
	"regexp"
)

var namesEvent = regexp.MustCompile(`\bevent\.[a-z]`)

// AsksEvent reports whether a field of the flow reads what event it was. Such a
// flow goes different ways for different events, so none can stand for another.
func AsksEvent(c Content) bool {
	for _, n := range c.Nodes {
		if n.ID == c.Trigger {
			continue
		}
		raw, err := json.Marshal(n.Params)
		if err != nil || namesEvent.Match(raw) {
			return true
		}
	}
	return false
}
