package functions

import "fmt"

func granted(g GrantGroup) int {
	n := 0
	for _, o := range g.Options {
		if o.Selected {
			n++
		}
	}
	return n
}

func grantCount(n int) string {
	if n == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d granted", n)
}
