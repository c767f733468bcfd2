package joiner

import (
	"strings"
	"unicode/utf8"

	"joinery/internal/fault"
)

// CheckWorker judges a worker's id that a person or program typed. Space around
// it would silently make another joiner of the same worker.
func CheckWorker(id string) error {
	switch {
	case strings.TrimSpace(id) == "":
		return fault.New(fault.Invalid, "A worker's id has 1 to 200 characters.")
	case len(id) > 200:
		return fault.New(fault.Invalid, "The worker's id is longer than 200 bytes.")
	case !utf8.ValidString(id) || strings.ContainsAny(id, "\x00\ufffd"):
		return fault.New(fault.Invalid, "The worker's id holds characters that cannot be stored (a null byte or broken UTF-8).")
	case strings.TrimSpace(id) != id:
		return fault.New(fault.Invalid, "The worker's id begins or ends with a space.")
	}
	return nil
}
