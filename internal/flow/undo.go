package flow

// Undo tells which contents of a history undo and redo lead back to: places in the
// list of hashes, oldest first, -1 where there is none. A content that came again
// right after its own follower was an undo, whoever made it, so undoing goes on
// from before it and can be taken back step by step.
func Undo(history []string) (undo, redo int) {
	var done, undone []int // places, newest last
	for i, hash := range history {
		switch {
		case len(done) > 0 && history[done[len(done)-1]] == hash:
		case len(done) > 1 && history[done[len(done)-2]] == hash:
			undone = append(undone, done[len(done)-1])
			done = done[:len(done)-1]
		case len(undone) > 0 && history[undone[len(undone)-1]] == hash:
			done = append(done, undone[len(undone)-1])
			undone = undone[:len(undone)-1]
		default:
			done, undone = append(done, i), nil
		}
	}
	undo, redo = -1, -1
	if len(done) > 1 {
		undo = done[len(done)-2]
	}
	if len(undone) > 0 {
		redo = undone[len(undone)-1]
	}
	return undo, redo
}
