// Package flows holds the flows that ship, as data.
package flows

import "embed"

// Files are the shipped flows: <key>/flow.yaml and <key>/cases/*.yaml.
//
//go:embed */flow.yaml */cases/*.yaml
var Files embed.FS

// Keys lists the shipped flows.
func Keys() []string { return []string{"employee-joiner", "employee-joiner-ldap"} }

// Flow gives the text of a shipped flow.
func Flow(key string) ([]byte, error) { return Files.ReadFile(key + "/flow.yaml") }
