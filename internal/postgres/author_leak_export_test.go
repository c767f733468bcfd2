package postgres

// ForgetMarksAge has the next text look for new records of people, as after a while.
func ForgetMarksAge(db *DB) {
	db.outgoing.mu.Lock()
	defer db.outgoing.mu.Unlock()
	db.outgoing.until = db.outgoing.until.Add(-marksNew)
}

// MarksKept is how many marks of people's values are kept.
func MarksKept(db *DB) int { return db.outgoing.marks.Len() }
