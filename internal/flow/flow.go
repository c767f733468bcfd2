// Package flow knows what a flow is: its content, its nodes and edges, the specs
// of node types, what is wrong with a flow, and which events start it. It is
// pure: no database, no network, no node implementations.
package flow

// NodeID is a node's stable slug inside one flow.
type NodeID string

// ErrorPort is the port every node has besides its own. Unconnected, it stops
// the run as failed and a person has to look.
const ErrorPort = "error"

// Content is a flow as it is written, reviewed and hashed. YAML and JSON carry
// the same fields; unknown fields are refused. Canvas positions are not in it:
// see Layout.
type Content struct {
	Key         string `json:"key" yaml:"key"`
	Name        string `json:"name" yaml:"name"`
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
	// Trigger is the id of the node the flow starts at.
	Trigger NodeID         `json:"trigger" yaml:"trigger"`
	Vars    map[string]any `json:"vars,omitempty" yaml:"vars,omitempty"`
	Nodes   []Node         `json:"nodes" yaml:"nodes"`
	Edges   []Edge         `json:"edges,omitempty" yaml:"edges,omitempty"`
	// Invariants are what must never happen, whatever the nodes say.
	Invariants []Invariant `json:"invariants,omitempty" yaml:"invariants,omitempty"`
	Limits     Limits      `json:"limits,omitzero" yaml:"limits,omitempty"`
	// Backtest says that a revision is tested against past joiners before it goes live.
	Backtest Backtest `json:"backtest,omitzero" yaml:"backtest,omitempty"`
}

// Node is one box.
type Node struct {
	ID     NodeID         `json:"id" yaml:"id"`
	Type   string         `json:"type" yaml:"type"`
	Name   string         `json:"name,omitempty" yaml:"name,omitempty"`
	Params map[string]any `json:"params,omitempty" yaml:"params,omitempty"`
	Retry  *Retry         `json:"retry,omitempty" yaml:"retry,omitempty"`
	// Timeout bounds one attempt: "30s". Empty means 30 s.
	Timeout string `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// OnError is "stop" (default: the error port if connected, else the run
	// fails) or "continue" (leave by the first own port as if nothing happened).
	OnError string `json:"on_error,omitempty" yaml:"on_error,omitempty"`
}

// Retry bounds the retries of faults that may pass (fault.Unavailable only).
type Retry struct {
	// Attempts is the total number of tries, first one included. Default 8.
	Attempts int `json:"attempts,omitempty" yaml:"attempts,omitempty"`
	// First is the wait before the second try; it doubles, with jitter. Default "2s".
	First string `json:"first,omitempty" yaml:"first,omitempty"`
	// Max caps one wait. Default "15m".
	Max string `json:"max,omitempty" yaml:"max,omitempty"`
}

// Edge leads from a port to a node: {from: "find.missing", to: "create"}.
type Edge struct {
	From string `json:"from" yaml:"from"`
	To   NodeID `json:"to" yaml:"to"`
}

// Limits are the flow's safety thresholds. Past one, new runs park. 0 = no limit.
type Limits struct {
	RunsPerHour    int `json:"runs_per_hour,omitempty" yaml:"runs_per_hour,omitempty"`
	CreatesPerHour int `json:"creates_per_hour,omitempty" yaml:"creates_per_hour,omitempty"`
	GrantsPerHour  int `json:"grants_per_hour,omitempty" yaml:"grants_per_hour,omitempty"`
	// WriteBacksPerHour counts updates of workers in an HRIS.
	WriteBacksPerHour int `json:"write_backs_per_hour,omitempty" yaml:"write_backs_per_hour,omitempty"`
}

// Find gives a node by id.
func (c Content) Find(id NodeID) (Node, bool) {
	for _, n := range c.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return Node{}, false
}

// Title is what pages call a node.
func (n Node) Title() string {
	if n.Name != "" {
		return n.Name
	}
	return string(n.ID)
}
