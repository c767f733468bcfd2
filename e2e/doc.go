// Package e2e holds the journeys of people through Joinery, in a real browser
// against the real server. One file per journey; they share the browser's
// process and run beside each other.
package e2e
