package main

import (
	"fmt"
	"os"
	"path/filepath"

	"joinery/internal/artifact"
	"joinery/internal/connector/all"
	"joinery/internal/fault"
	"joinery/internal/node"
	"joinery/internal/review"
)

type schemaCmd struct {
	Kind string `arg:"" optional:"" help:"flow, policy or function. Without it, all of them; then --out says where to."`
	Out  string `type:"path" help:"Folder to write flow.json, policy.json and function.json into, instead of printing."`
}

// Run prints or writes the JSON Schemas of files that apply reads, as the server
// publishes them, without a database.
func (c schemaCmd) Run(t *tool) error {
	kinds := artifact.Published()
	if c.Kind != "" {
		k, ok := review.ParseKind(c.Kind)
		if !ok {
			return usageError{fault.New(fault.Invalid, "There is no schema of %q. There is one of: flow, policy, function.", c.Kind)}
		}
		kinds = []review.Kind{k}
	} else if c.Out == "" {
		return usageError{fault.New(fault.Invalid, "Name a kind to print its schema (flow, policy, function), or a folder for all of them with --out.")}
	}
	for _, k := range kinds {
		schema, err := artifact.Kinds{Flows: node.All(), Connectors: all.New()}.JSONSchema(k)
		if err != nil {
			return usageError{err}
		}
		text, err := artifact.SchemaText(schema)
		if err != nil {
			return err
		}
		if c.Out == "" {
			_, err = t.out.Write(text)
			return err
		}
		if err := os.MkdirAll(c.Out, 0o755); err != nil {
			return err
		}
		if err := writeWhole(filepath.Join(c.Out, string(k)+".json"), text); err != nil {
			return err
		}
	}
	fmt.Fprintf(t.out, "Wrote %d schemas to %s.\n", len(kinds), c.Out)
	return nil
}
