// Package run knows what a run is and how it goes forward: states, steps, and
// which node may run next (token flow with dead-path elimination). It is pure.
package run

// ID is a run's id: a UUIDv7, so ids sort by time.
type ID string

// State is where a run stands.
type State string

// The states of a run (public contract).
const (
	Queued      State = "queued"
	Running     State = "running"
	Waiting     State = "waiting"
	Parked      State = "parked" // a threshold or pause stopped it; a person resumes or cancels
	Succeeded   State = "succeeded"
	Failed      State = "failed"
	Canceled    State = "canceled"
	Compensated State = "compensated"
)

// StepState is where a step stands.
type StepState string

// The states of a step (public contract).
const (
	StepPending   StepState = "pending"
	StepRunning   StepState = "running"
	StepWaiting   StepState = "waiting"
	StepSucceeded StepState = "succeeded"
	StepFailed    StepState = "failed"
	StepSkipped   StepState = "skipped"
	StepCanceled  StepState = "canceled"
	StepUndone    StepState = "undone"
)

// Mode says whether writes may leave the process.
type Mode string

// The modes.
const (
	Live     Mode = "live"
	Simulate Mode = "simulate"
)

// Terminal reports whether a run has ended.
func (s State) Terminal() bool {
	switch s {
	case Succeeded, Failed, Canceled, Compensated:
		return true
	}
	return false
}
