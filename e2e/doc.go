// Package e2e holds the journeys of people through Joinery, in a real browser
// against the real server. One file per journey.
package e2e
