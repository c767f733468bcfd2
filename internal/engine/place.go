package engine

// Places on the way of a run. A test that sets Engine.Reached ends, stops or
// delays the process at one of them; outside of tests the field is nil, and
// archtest sees that no program sets it.
const (
	AtClaimed        = "claimed"            // runs are ours in the database, and nobody here knows them yet
	AtTakenOver      = "taken over"         // the same, of runs whose carrier died
	BeforeRenew      = "before renew"       // the leases are about to be renewed
	AfterRenew       = "after renew"        // they are, and what was lost is not dropped yet
	AtWake           = "waking"             // a run that waited is about to look why it was woken
	Riding           = "riding"             // a step that only read is done, and is kept with what comes next
	BeforeIntent     = "before intent"      // an effect is decided, and no trace of it is kept
	AfterIntent      = "after intent"       // its intent is committed with what rode, and nothing is sent
	AfterWriteIntent = "after write intent" // its fields are recorded, and nothing is sent
	AfterException   = "after exception"    // an exception is opened, and the step is not kept
	AfterEffect      = "after effect"       // the outside has answered, and the answer is not kept
	AfterMoment      = "after moment"       // what a function will be told of the time is kept, and it has not run
	BeforeCheckpoint = "before checkpoint"  // a step is done, and nothing of it is kept
	AfterCheckpoint  = "after checkpoint"   // it is kept, and the next has not begun
	BeforeUndo       = "before undo"        // an effect is about to be taken back
	AfterUndo        = "after undo"         // it is taken back, and that is not kept
	BeforeRelease    = "before release"     // at shutdown: runs are about to be given back
)

func (e *Engine) reached(place string) {
	if e.Reached != nil {
		e.Reached(place)
	}
}
