package function

// UsualLimits are those of a function that asks for none, and MostLimits what one can
// ask for; the runtime has the same ones.
func UsualLimits() Limits { return Limits{Milliseconds: 1000, MemoryMB: 64, HostCalls: 50} }

// MostLimits bound what a manifest can ask for: what is above is not given.
func MostLimits() Limits { return Limits{Milliseconds: 5000, MemoryMB: 64, HostCalls: 500} }

// UsualSteps is how many instructions a call may take, whatever its manifest says.
const UsualSteps = 5_000_000
