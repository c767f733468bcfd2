// Command joinery is the whole program: the server and its tools. wire.go is
// where all parts meet.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones of joiners, on machines without a zone database

	"github.com/alecthomas/kong"

	"joinery/internal/fault"
	"joinery/internal/luavm"
)

// commands is the command line.
type commands struct {
	Version kong.VersionFlag `help:"Print the version and end."`
	Serve   serveCmd         `cmd:"" help:"Run the console, the API and the engine."`
	Ready   readyCmd         `cmd:"" help:"Ask the server on this machine whether it is ready; for health checks."`
	Migrate migrateCmd       `cmd:"" help:"Bring the database up to date and end."`
	User    struct {
		Add userAddCmd `cmd:"" help:"Add a user."`
	} `cmd:"" help:"Users."`
	Token struct {
		Create tokenCreateCmd `cmd:"" help:"Make an API token and print it once."`
	} `cmd:"" help:"API tokens."`
	Apply  applyCmd  `cmd:"" help:"Save flows, policies, functions and connections from files as revisions."`
	Export exportCmd `cmd:"" help:"Write what is live (or newest) as files that apply reads."`
	Schema schemaCmd `cmd:"" help:"Print the JSON Schema of flow, policy or function files, for editors."`
	Flow   struct {
		Check    flowCheckCmd    `cmd:"" help:"Check a flow file and say what is wrong with it."`
		Backtest flowBacktestCmd `cmd:"" help:"Test a revision against past joiners and print what would differ."`
	} `cmd:"" help:"Flows."`
	Policy struct {
		Test policyTestCmd `cmd:"" help:"Check policy files and run their tests, without a database."`
	} `cmd:"" help:"Policies."`
	Function struct {
		Test functionTestCmd `cmd:"" help:"Read function files, run their cases in the governed runtime, and say what they may touch."`
	} `cmd:"" help:"Functions."`
	Author struct {
		Eval authorEvalCmd `cmd:"" help:"Give the language model requests whose right answers are settled, and report how well it does."`
	} `cmd:"" help:"The function author."`
	Run struct {
		Start runStartCmd `cmd:"" help:"Start a run by hand."`
	} `cmd:"" help:"Runs."`
	Audit struct {
		Verify auditVerifyCmd `cmd:"" help:"Verify the audit chain and name the first broken record."`
	} `cmd:"" help:"The audit log."`
	Tell  versionCmd `cmd:"" name:"version" help:"Print the version, what it was built from, and the newest migration it knows."`
	Bench benchCmd   `cmd:"" help:"Measure Joinery beside its baselines on this machine."`
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == luavm.SandboxCommand {
		os.Exit(luavm.Serve()) // a worker for function code: before flags, settings, logs and secrets
	}
	ctx, stop := context.WithCancel(context.Background())
	go untilTold(stop)
	os.Exit(command(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// untilTold ends the process in order at the first signal, and at once at the second.
func untilTold(stop context.CancelFunc) {
	told := make(chan os.Signal, 2)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	<-told
	stop()
	s := <-told
	if n, ok := s.(syscall.Signal); ok {
		os.Exit(128 + int(n))
	}
	os.Exit(1)
}

// usageError makes the exit code 2.
type usageError struct{ error }

// command is main without the process: 0 done, 1 failed, 2 usage.
func command(ctx context.Context, args []string, in io.Reader, out, errs io.Writer, env func(string) string) int {
	if len(args) == 1 && args[0] == "help" {
		args = []string{"--help"}
	}
	if len(args) > 1 && args[0] == "help" {
		args = append(args[1:], "--help")
	}
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("joinery"), kong.Description("Joinery brings new employees in: governed joiner flows between HRIS and directories."),
		kong.Vars{"version": version()}, kong.Writers(out, errs), kong.Exit(func(code int) { exited = code }), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Summary: true}))
	if err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(errs, "joinery: %v\nRun joinery help to see the commands.\n", err)
		return 2
	}
	t := &tool{in: in, out: out, errs: errs, env: env}
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(t); err != nil {
		return t.report(err)
	}
	return 0
}

// tool is what a command has to work with.
type tool struct {
	in        io.Reader
	out, errs io.Writer
	env       func(string) string
}

func (t *tool) report(err error) int {
	var usage usageError
	if errors.Is(err, errSilent) {
		return 1
	}
	var f *fault.Error
	if errors.As(err, &f) {
		fmt.Fprintln(t.errs, f.Sentence)
		for _, p := range f.Problems {
			fmt.Fprintf(t.errs, "  %s: %s\n", p.Path, p.Detail)
		}
		if f.Kind == fault.Internal && f.Cause != nil {
			fmt.Fprintln(t.errs, "  "+f.Cause.Error())
		}
	} else {
		fmt.Fprintln(t.errs, err)
	}
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// errSilent says that the command has told already what failed.
var errSilent = errors.New("failed")
