package artifacts

// role is what a drawing is to a screen reader: links in a picture would not be found.
func (d Drawing) role() string {
	if d.Linked {
		return "group"
	}
	return "img"
}
