package flow

import (
	"strconv"
	"strings"
)

// At gives the node that a finding belongs to, and where it is within the node: an
// edge belongs to the node that it leaves, or to the one it leads to when that is not
// there. A finding of the flow as a whole has no node.
func (c Content) At(path string) (NodeID, string) {
	parts := strings.Split(path, ".")
	switch {
	case path == "trigger":
		if hasNode(c, c.Trigger) {
			return c.Trigger, ""
		}
	case len(parts) < 2:
	case parts[0] == "nodes":
		id := NodeID(parts[1])
		if i, err := strconv.Atoi(parts[1]); err == nil && i >= 0 && i < len(c.Nodes) { // an id that cannot be one
			id = c.Nodes[i].ID
		}
		if hasNode(c, id) {
			return id, strings.Join(parts[2:], ".")
		}
	case parts[0] == "edges":
		i, err := strconv.Atoi(parts[1])
		if err != nil || i < 0 || i >= len(c.Edges) {
			return "", ""
		}
		if from, _ := c.Edges[i].Split(); hasNode(c, from) {
			return from, ""
		}
		if hasNode(c, c.Edges[i].To) {
			return c.Edges[i].To, ""
		}
	}
	return "", ""
}

func hasNode(c Content, id NodeID) bool { _, ok := c.Find(id); return ok }
