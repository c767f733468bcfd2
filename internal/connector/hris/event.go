package hris

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// Key makes an event's key out of what identifies it, for vendors that give
// their events none.
func Key(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Changed names the attributes behind changed fields, and says what kind of
// change that is: a moved start date, the end of a job, or any other.
func Changed(fields map[string]string, changed []string) (attributes []string, kind string) {
	kind = "worker.updated"
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.ContainsFunc(changed, func(f string) bool { return strings.EqualFold(f, fields[name]) }) {
			continue
		}
		attributes = append(attributes, name)
	}
	switch {
	case slices.Contains(attributes, joiner.StartDate):
		kind = "worker.start_moved"
	case slices.Contains(attributes, joiner.EndDate), slices.Contains(attributes, joiner.Status):
		kind = "worker.terminated"
	}
	return attributes, kind
}

// CheckTypes judges a mapping of a vendor's types of event to Joinery's.
func CheckTypes(types map[string]string) []fault.Problem {
	var out []fault.Problem
	for _, word := range slices.Sorted(maps.Keys(types)) {
		if !slices.Contains(joiner.EventTypes(), types[word]) {
			out = append(out, fault.Problem{Path: "types", Detail: fmt.Sprintf("%q is not one of Joinery's types of event: %s.", Short(types[word]), strings.Join(joiner.EventTypes(), ", "))})
		}
	}
	return out
}

// CheckWorker judges the worker's id of an event.
func CheckWorker(id string) error {
	if id == "" {
		return fault.New(fault.Invalid, "The event names no employee.")
	}
	return joiner.CheckWorker(id)
}
