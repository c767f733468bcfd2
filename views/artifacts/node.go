package artifacts

import "joinery/views/ui"

// triesOpen unfolds the part about failing when something in it is said, or wrong.
func triesOpen(all []ui.Field) bool {
	for _, f := range all {
		if f.Value != "" || f.Error != "" || f.Input == "select" && len(f.Options) > 0 && !f.Options[0].Selected && chosen(f.Options) {
			return true
		}
	}
	return false
}

func chosen(all []ui.Option) bool {
	for _, o := range all {
		if o.Selected {
			return true
		}
	}
	return false
}
