package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector/all"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

type applyCmd struct {
	File    []string `short:"f" required:"" type:"path" help:"File or folder; several are possible. Folders named flows, functions, policies and connections tell the kind; so does a kind in the file's name (names.policy.yaml)."`
	Submit  bool     `help:"Open a review of each revision that is not live."`
	Message string   `short:"m" help:"What changes and why."`
	As      string   `help:"E-mail address of the author. Without it, the first active administrator."`
}

// source is one file to be applied.
type source struct {
	path string
	doc  artifact.Doc
}

// Run saves revisions. Nothing is saved when one file is not readable. What the
// flows that ship hold beside content, their cases and template.yaml, is left out.
func (c applyCmd) Run(ctx context.Context, t *tool) error {
	kinds := artifact.Kinds{Flows: node.All(), Connectors: all.New()}
	sources, err := readSources(kinds, c.File, review.Flow)
	if err != nil {
		return err
	}
	h, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	author, err := h.author(ctx, c.As)
	if err != nil {
		return err
	}
	failed := false
	for _, s := range sources {
		name := fmt.Sprintf("%s %s", s.doc.Kind, s.doc.Key)
		saved, err := h.db.SaveRevision(ctx, author, postgres.Save{Doc: s.doc, Message: c.Message, Base: postgres.AnyBase, Via: "cli"})
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		state := "unchanged, still revision"
		if saved.New {
			state = "saved as revision"
		}
		fmt.Fprintf(t.out, "%s: %s %d (%s)\n", name, state, saved.Revision, saved.Hash[:12])
		for _, p := range saved.Problems {
			fmt.Fprintf(t.out, "  %s: %s\n", p.Path, p.Detail)
		}
		if !c.Submit {
			continue
		}
		r, err := h.db.OpenReview(ctx, author, s.doc.Kind, s.doc.Key, saved.Revision, c.Message)
		switch {
		case fault.Is(err, fault.Conflict):
			fmt.Fprintf(t.out, "  not submitted: %s\n", fault.Sentence(err))
		case err != nil:
			failed = true
			fmt.Fprintf(t.out, "  not submitted: %s\n", fault.Sentence(err))
		default:
			fmt.Fprintf(t.out, "  submitted: %s/reviews/%s\n", h.cfg.BaseURL, r.ID)
		}
	}
	if failed {
		return errSilent
	}
	return nil
}

// author is the person that the command line's revisions are written as.
func (h *house) author(ctx context.Context, email string) (auth.Actor, error) {
	if email != "" {
		u, err := h.db.FindUserByEmail(ctx, email)
		if err == nil && !u.Active {
			err = fault.New(fault.Invalid, "%s is not active.", email)
		}
		return u.Actor(), err
	}
	users, err := h.db.Users(ctx)
	if err != nil {
		return auth.Actor{}, err
	}
	slices.SortFunc(users, func(a, b postgres.User) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for _, u := range users {
		if u.Active && slices.Contains(u.Roles, auth.Admin) {
			return u.Actor(), nil
		}
	}
	return auth.Actor{}, fault.New(fault.Conflict, "There is no administrator yet. Set one up, or name the author with --as.")
}

// readSources reads files and folders. other is the kind of a file that neither its
// name nor its folder tells.
func readSources(kinds artifact.Kinds, paths []string, other review.Kind) ([]source, error) {
	var out []source
	var problems []fault.Problem
	for _, p := range paths {
		err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			ext := filepath.Ext(path)
			if d.IsDir() || ext != ".yaml" && ext != ".yml" && ext != ".json" || slices.Contains(strings.Split(filepath.ToSlash(path), "/"), "cases") || d.Name() == "template.yaml" {
				return nil
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			kind := kindOf(path, other)
			if kind == review.Function {
				if raw, err = withSource(path, raw); err != nil {
					problems = append(problems, fault.Problem{Path: path, Detail: fault.Sentence(err)})
					return nil
				}
			}
			doc, err := kinds.ReadText(kind, "", raw)
			if err != nil {
				problems = append(problems, fault.Problem{Path: path, Detail: fault.Sentence(err)})
				for _, q := range fault.Problems(err) {
					problems = append(problems, fault.Problem{Path: path + ": " + q.Path, Detail: q.Detail})
				}
				return nil
			}
			out = append(out, source{path, doc})
			return nil
		})
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usageError{fault.New(fault.Invalid, "There is no file or folder %s.", p)}
		}
		if err != nil {
			return nil, err
		}
	}
	if err := fault.Refuse("Nothing was saved, because some files are not right.", problems); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Invalid, "There is no .yaml or .json file there.")
	}
	// Connections first: flows use them.
	order := []review.Kind{review.Connection, review.Policy, review.Function, review.Flow}
	slices.SortStableFunc(out, func(a, b source) int { return slices.Index(order, a.doc.Kind) - slices.Index(order, b.doc.Kind) })
	return out, nil
}

// withSource puts the Lua file beside a function's file into it: phone.lua belongs
// to phone.yaml.
func withSource(path string, raw []byte) ([]byte, error) {
	lua, err := os.ReadFile(strings.TrimSuffix(path, filepath.Ext(path)) + ".lua")
	if errors.Is(err, fs.ErrNotExist) {
		return raw, nil
	}
	if err != nil {
		return nil, err
	}
	var content map[string]any
	if err := yaml.Unmarshal(raw, &content); err != nil {
		return raw, nil // told better by the reader of the whole
	}
	if _, both := content["source"]; both {
		return nil, fault.New(fault.Invalid, "The source is in this file and in the Lua file beside it. Keep one of them.")
	}
	content["source"] = string(lua)
	return json.Marshal(content)
}

// kindOf tells the kind of a file by its folder or its name; those of the kind other
// need neither.
func kindOf(path string, other review.Kind) review.Kind {
	parts := strings.Split(filepath.ToSlash(path), "/")
	slices.Reverse(parts)
	name := strings.Split(parts[0], ".")
	for _, k := range review.Kinds() {
		if len(name) > 2 && (name[len(name)-2] == string(k)) {
			return k
		}
	}
	for _, dir := range parts[1:] {
		if k, ok := review.ParseKind(dir); ok && dir == k.Plural() {
			return k
		}
	}
	return other
}

type exportCmd struct {
	Kind string `help:"Only this kind: flows, functions, policies or connections."`
	Out  string `default:"." type:"path" help:"Folder to write to."`
}

// Run writes the newest revision of each artifact; apply reads the files back to
// the same hashes.
func (c exportCmd) Run(ctx context.Context, t *tool) error {
	kinds := review.Kinds()
	if c.Kind != "" {
		k, ok := review.ParseKind(c.Kind)
		if !ok {
			return usageError{fault.New(fault.Invalid, "There is no kind %q. The kinds are: flows, functions, policies, connections.", c.Kind)}
		}
		kinds = []review.Kind{k}
	}
	h, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	n := 0
	for _, k := range kinds {
		for after := ""; ; {
			page, next, err := h.db.Artifacts(ctx, k, "", after, 200)
			if err != nil {
				return err
			}
			for _, a := range page {
				if err := h.export(ctx, c.Out, a); err != nil {
					return err
				}
				n++
			}
			if after = next; after == "" {
				break
			}
		}
	}
	fmt.Fprintf(t.out, "Wrote %d files to %s.\n", n, c.Out)
	return nil
}

func (h *house) export(ctx context.Context, out string, a postgres.Artifact) error {
	rev, err := h.db.Revision(ctx, a.Kind, a.Key, 0)
	if err != nil {
		return err
	}
	text, err := h.kinds.YAML(a.Kind, []byte(rev.Content))
	if err != nil {
		return err
	}
	dir := filepath.Join(out, a.Kind.Plural())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return writeWhole(filepath.Join(dir, a.Key+".yaml"), text)
}

// writeWhole writes a file whole or leaves the one that was there: an export onto
// a disk that fills up must not look complete.
func writeWhole(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".joinery-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

type flowCheckCmd struct {
	File string `arg:"" type:"path" help:"The flow's YAML or JSON."`
}

// Run checks a file without a database: connections are not looked up.
func (c flowCheckCmd) Run(t *tool) error {
	raw, err := os.ReadFile(c.File)
	if errors.Is(err, fs.ErrNotExist) {
		return usageError{fault.New(fault.Invalid, "There is no file %s.", c.File)}
	}
	if err != nil {
		return err
	}
	f, err := flow.Parse(raw)
	if err != nil {
		return err
	}
	problems := flow.Check(f, node.All(), flow.Known{})
	if err := fault.Refuse(fmt.Sprintf("The flow %s has %d problems.", f.Key, len(problems)), problems); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "The flow %s has no problems: %d nodes.\n", f.Key, len(f.Nodes))
	return nil
}
