//go:build !race

package luavm

const raceDetector = false
