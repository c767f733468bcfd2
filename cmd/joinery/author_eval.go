package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"joinery/internal/author"
	"joinery/internal/author/eval"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/luavm"
	"joinery/internal/secret"
)

type authorEvalCmd struct {
	Only        []string `help:"Only the requests of these keys, with commas."`
	Report      []string `type:"path" help:"Write the report to this file: .md for reading, .json with everything, the answers too. May be given twice."`
	List        bool     `help:"List the requests and end."`
	URL         string   `name:"url" help:"Address of an OpenAI-compatible endpoint, such as http://127.0.0.1:11434/v1, instead of the model that is set up in the console. Its key is read from JOINERY_EVAL_KEY."`
	Model       string   `help:"The model's name there."`
	APIVersion  string   `name:"api-version" help:"The API version, for Azure OpenAI."`
	Temperature float64  `default:"0.1" help:"Temperature of the model of --url."`
	NoTools     bool     `help:"The model of --url cannot call tools."`
	Least       int      `help:"End with 1 where fewer of a hundred requests are right."`
	Parallel    int      `default:"1" help:"How many requests are under way at a time."`
	Reduced     bool     `help:"Run although this system cannot shut workers in fully (macOS)."`
}

// named is a model that was named on the command line.
type named struct {
	setting author.Setting
	key     string
}

func (n named) AuthorSetting(context.Context) (author.Setting, error) { return n.setting, nil }
func (n named) AuthorKey(context.Context, author.Setting) (secret.Value, error) {
	return secret.New(n.key), nil
}

// Run gives the committed requests to the model and reports how well it does.
func (c authorEvalCmd) Run(ctx context.Context, t *tool) error {
	items, err := c.chosen()
	if err != nil {
		return err
	}
	if c.List {
		t.listed(items)
		return nil
	}
	if (c.URL == "") != (c.Model == "") || c.Parallel < 1 || c.Least < 0 || c.Least > 100 {
		return usageError{fault.New(fault.Invalid, "--url and --model go together, --parallel is 1 or more, and --least is from 0 to 100.")}
	}
	files, err := c.files()
	if err != nil {
		return err
	}
	defer closed(files)
	r, done, err := c.runner(ctx, t)
	if err != nil {
		return err
	}
	defer done()
	n := 0
	r.Told = func(x eval.Result) {
		n++
		fmt.Fprintf(t.errs, "%d of %d  %-8s %s  %s\n", n, len(items), x.Ending, x.Item, x.Why())
	}
	report, ended := r.Run(ctx, items)
	report.Program = version()
	if len(report.Results) > 0 {
		fmt.Fprint(t.out, report.Markdown())
		if err := kept(files, report); err != nil {
			return errors.Join(ended, err)
		}
		for _, f := range files {
			fmt.Fprintf(t.errs, "The report is in %s.\n", f.Name())
		}
	}
	if errors.Is(ended, context.Canceled) {
		return fault.New(fault.Conflict, "The evaluation was stopped after %d of %d requests.", len(report.Results), len(items))
	}
	if ended == nil && report.PassRate() < c.Least {
		return fault.New(fault.Conflict, "%d of a hundred requests are right; %d were wanted.", report.PassRate(), c.Least)
	}
	return ended
}

func (c authorEvalCmd) chosen() ([]eval.Item, error) {
	all, err := eval.Items()
	if err != nil || len(c.Only) == 0 {
		return all, err
	}
	var out []eval.Item
	for _, key := range c.Only {
		at := slices.IndexFunc(all, func(i eval.Item) bool { return i.Key == key })
		if at < 0 {
			return nil, usageError{fault.New(fault.Invalid, "There is no request %q. joinery author eval --list shows them.", key)}
		}
		out = append(out, all[at])
	}
	return out, nil
}

func (t *tool) listed(items []eval.Item) {
	for _, i := range items {
		fmt.Fprintf(t.out, "%-26s %3d tests  %s (%s)\n", i.Key, len(i.Tests), i.Title, strings.Join(i.About, ", "))
	}
}

// files opens what the report goes to, before anything is asked.
func (c authorEvalCmd) files() ([]*os.File, error) {
	for _, path := range c.Report {
		if e := filepath.Ext(path); e != ".md" && e != ".json" {
			return nil, usageError{fault.New(fault.Invalid, "A report is a .md or a .json file; %s is neither.", path)}
		}
	}
	var out []*os.File
	for _, path := range c.Report {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644) // what is there stays until there is something better
		if err != nil {
			closed(out)
			return nil, fault.Wrap(fault.Invalid, err, "The report cannot be written to %s.", path)
		}
		out = append(out, f)
	}
	return out, nil
}

// closed leaves no empty file behind where there was nothing to report.
func closed(files []*os.File) {
	for _, f := range files {
		info, err := f.Stat()
		_ = f.Close()
		if err == nil && info.Size() == 0 {
			_ = os.Remove(f.Name())
		}
	}
}

func kept(files []*os.File, report eval.Report) error {
	for _, f := range files {
		text := []byte(report.Markdown())
		if filepath.Ext(f.Name()) == ".json" {
			var err error
			if text, err = json.MarshalIndent(report, "", " "); err != nil {
				return fmt.Errorf("write report: %w", err)
			}
		}
		err := f.Truncate(0)
		if err == nil {
			_, err = f.Write(text)
		}
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "The report cannot be written to %s.", f.Name())
		}
	}
	return nil
}

// runner takes the model that was named, or the one of the console.
func (c authorEvalCmd) runner(ctx context.Context, t *tool) (eval.Runner, func(), error) {
	r := eval.Runner{Now: time.Now, Parallel: c.Parallel}
	if c.URL == "" {
		h, err := t.open(ctx)
		if err != nil {
			return r, nil, err
		}
		r.Settings, r.Outbound, r.Pool = h.db, h.guard, h.functions
		if err := ready(ctx, r.Settings); err != nil {
			h.close()
			return r, nil, err
		}
		return r, h.close, nil
	}
	s := author.DefaultSetting()
	s.Policy, s.BaseURL, s.Model, s.APIVersion, s.Temperature, s.NoTools = author.On, strings.TrimRight(c.URL, "/"), c.Model, c.APIVersion, c.Temperature, c.NoTools
	n := named{setting: s, key: t.env("JOINERY_EVAL_KEY")}
	n.setting.NoKey = n.key == ""
	if err := fault.Refuse("This model cannot be asked.", s.Check()); err != nil {
		return r, nil, err
	}
	cfg, err := t.config()
	if err != nil {
		return r, nil, err
	}
	r.Settings = n
	if r.Outbound, err = egress.New(cfg.AllowHosts...); err != nil {
		return r, nil, err
	}
	if r.Pool, err = luavm.Open(luavm.Config{Log: cfg.Log, AllowReduced: c.Reduced}); err != nil {
		return r, nil, err
	}
	return r, r.Pool.Close, nil
}

// ready says clearly when there is no model to ask.
func ready(ctx context.Context, settings author.Settings) error {
	s, err := settings.AuthorSetting(ctx)
	switch {
	case err != nil:
		return err
	case !s.Ready():
		return fault.New(fault.Invalid, "No language model is configured, so there is nothing to evaluate. An administrator sets one up in the console, or name one here with --url and --model. See docs/author-providers.md.")
	case s.Policy == author.Off:
		return fault.New(fault.Forbidden, "The function author is switched off in this console. An administrator can switch it on, or name a model here with --url and --model.")
	}
	return nil
}
