package form

import (
	"fmt"
	"strings"
	"time"
)

// ParseDuration reads a Go duration with d for days: "90s", "1d12h".
func ParseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	var n int
	if _, err := fmt.Sscanf(days, "%d", &n); err != nil || fmt.Sprint(n) != days {
		return 0, fmt.Errorf("%q is not a duration", text)
	}
	if rest == "" {
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(rest)
	return time.Duration(n)*24*time.Hour + d, err
}
