package luavm

// Layer is one way in which a worker is shut in.
type Layer struct {
	Name   string `json:"name"`
	Active bool   `json:"active"`
	Why    string `json:"why,omitempty"` // it is not
}

// Level is how well workers are shut in on this machine.
type Level string

// The levels. Full takes system calls away and has limits; Landlock too, where
// the kernel has it. Reduced is a process of its own with limits only: a fault
// of the interpreter could reach what the user who runs the server can reach.
const (
	Full    Level = "full"
	Reduced Level = "reduced"
)

// The layers by name.
const (
	layerProcess  = "process of its own, without environment"
	layerDump     = "memory closed to others"
	layerPrivs    = "no new privileges"
	layerLandlock = "no files, no network (Landlock)"
	layerLimits   = "limits of the system (rlimits)"
	layerMemory   = "limit of memory (rlimit)"
	layerCalls    = "no system calls beyond computing (seccomp)"
)

func levelOf(layers []Layer) Level {
	active := map[string]bool{}
	for _, l := range layers {
		active[l.Name] = l.Active
	}
	if active[layerCalls] && active[layerLimits] && active[layerPrivs] {
		return Full
	}
	return Reduced
}

// layer notes whether a step of shutting in worked.
func layer(name string, err error) Layer {
	if err != nil {
		return Layer{Name: name, Why: clip(err.Error(), 200)}
	}
	return Layer{Name: name, Active: true}
}

// buildID is the version of the protocol: host and worker are one program, but an
// upgrade in place could start a newer worker.
func buildID() string { return "1" }
