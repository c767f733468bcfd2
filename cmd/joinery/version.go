package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"joinery/internal/postgres"
)

type versionCmd struct{}

// Run says what an operator must know before an upgrade.
func (versionCmd) Run(t *tool) error {
	v, revision := build()
	fmt.Fprintf(t.out, "joinery %s\nbuilt from %s with %s for %s/%s\nnewest migration %d\n", v, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH, postgres.NewestMigration())
	return nil
}

func version() string { v, _ := build(); return v }

// build says which version this is and which commit it was built from, as the Go
// command noted it.
func build() (version, revision string) {
	version, revision = "dev", "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, revision
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return version, revision
}
