package pgtest

import (
	"runtime/debug"
	"slices"
	"testing"
)

// WithoutRaceDetector skips a test that measures, or that does so much that the race
// detector would take minutes over it. `make test` runs each of them once more
// without the detector.
func WithoutRaceDetector(t testing.TB) {
	t.Helper()
	info, ok := debug.ReadBuildInfo()
	if ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" }) {
		t.Skip("runs without the race detector; make test does that too")
	}
}
