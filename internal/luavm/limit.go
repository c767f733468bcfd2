package luavm

import "time"

// Limits bound one call. Zero values take the defaults.
type Limits struct {
	// Steps are instructions of the virtual machine; what library functions do is charged in the same unit.
	Steps int64 `json:"steps"`
	// Compute is how much of a processor the call may take. Waiting for answers of the host, or
	// on a busy machine for the processor, is not counted.
	Compute time.Duration `json:"compute"`
	// Total is how long the call may take, waiting counted.
	Total time.Duration `json:"total"`
	// Heap bounds what the call holds, in bytes.
	Heap int64 `json:"heap"`
	// HostCalls is how often it may ask the host.
	HostCalls int `json:"host_calls"`
	// PlanEntries is how much it may plan.
	PlanEntries int `json:"plan_entries"`
}

// Defaults are the limits of a function that asks for none.
func Defaults() Limits {
	return Limits{Steps: 5_000_000, Compute: time.Second, Total: 30 * time.Second, Heap: 64 << 20, HostCalls: 50, PlanEntries: 50}
}

// Most is what a function can ask for.
func Most() Limits {
	return Limits{Steps: 20_000_000, Compute: 5 * time.Second, Total: 2 * time.Minute, Heap: 64 << 20, HostCalls: 500, PlanEntries: 200}
}

// Within fills what is missing and cuts what is above the most.
func (l Limits) Within() Limits {
	d, m := Defaults(), Most()
	pick := func(v, def, most int64) int64 {
		if v <= 0 {
			v = def
		}
		return min(v, most)
	}
	return Limits{
		Steps:       pick(l.Steps, d.Steps, m.Steps),
		Compute:     time.Duration(pick(int64(l.Compute), int64(d.Compute), int64(m.Compute))),
		Total:       time.Duration(pick(int64(l.Total), int64(d.Total), int64(m.Total))),
		Heap:        pick(l.Heap, d.Heap, m.Heap),
		HostCalls:   int(pick(int64(l.HostCalls), int64(d.HostCalls), int64(m.HostCalls))),
		PlanEntries: int(pick(int64(l.PlanEntries), int64(d.PlanEntries), int64(m.PlanEntries))),
	}
}

// Bounds that no function can move.
const (
	maxSource     = 64 << 10 // bytes
	maxDepth      = 200      // of the syntax tree
	maxNodes      = 50_000   // of the syntax tree
	maxString     = 1 << 20  // bytes that one library call makes
	maxList       = 100_000  // elements that one library call handles
	maxUnpack     = 4_000
	maxCalls      = 200 // depth of calls
	maxProtected  = 50  // depth of pcall
	maxRegistry   = 64 << 10
	maxArrayIndex = 1 << 18
	maxResult     = 256 << 10 // bytes of JSON
	maxResultDeep = 32
	maxResultSize = 20_000 // values
	maxErrorText  = 2_000  // bytes
	maxLogLines   = 200
	maxLogLine    = 500      // bytes
	maxArgument   = 64 << 10 // bytes of JSON of one host call
	maxAnswer     = 256 << 10
)
