package policies

import (
	"strconv"
	"strings"
)

func rowCount(n int) string {
	if n == 1 {
		return "1 row"
	}
	return strconv.Itoa(n) + " rows"
}

func labelled(t Table, r Row, c Cell) string {
	return t.Key + "-h-" + c.Column + " " + t.Key + "-" + r.ID
}

func errorID(name string) string { return "e-" + strings.ReplaceAll(name, ".", "-") }

func described(c Cell) string {
	if c.Error == "" {
		return ""
	}
	return errorID(c.Name)
}

func invalid(c Cell) string {
	if c.Error == "" {
		return "false"
	}
	return "true"
}

// lines is how many lines a cell shows where the browser cannot tell by itself.
func lines(value string) string { return strconv.Itoa(min(strings.Count(value, "\n")+1, 6)) }

func tookIcon(took bool) string {
	if took {
		return "check"
	}
	return "minus"
}

func tookWord(took bool) string {
	if took {
		return "Took effect: "
	}
	return "No effect: "
}

func seenWord(good bool) string {
	if good {
		return ""
	}
	return "Look at this: "
}

func seenIcon(good bool) string {
	if good {
		return "check"
	}
	return "triangle-alert"
}
