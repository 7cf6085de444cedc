// Command perch runs a company's X accounts from the chat its team already
// uses. It reads flags, signals and the environment; all else is elsewhere.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/perch-chat/perch/incident/template"
	"github.com/perch-chat/perch/internal/config"
)

// version is set by the linker for releases.
var version = "" // a variable, for -ldflags can set nothing else

func main() {
	template.ChildMain() // a template is rendered in a child process of this program
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.LookupEnv)
	stop()
	os.Exit(code)
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// cli is the commands and their flags.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run Perch."`
	Sandbox sandboxCmd `cmd:"" help:"Try Perch in the browser, with no account anywhere."`
	Config  configCmd  `cmd:"" help:"Check the configuration, or print an example."`
	Doctor  doctorCmd  `cmd:"" help:"Find what is wrong with keys, permissions, credits, webhook, clock, disk and team, and what to do."`
	Token   tokenCmd   `cmd:"" help:"Make, list and revoke tokens for the HTTP API."`
	Store   storeCmd   `cmd:"" help:"Back up, restore and check what Perch keeps."`
	Slack   slackCmd   `cmd:"" help:"Set up the app in Slack."`
	Preview previewCmd `cmd:"" help:"Count a text as X does and show the posts it would become."`
	Health  healthCmd  `cmd:"" help:"Ask a running Perch if it is ready."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// env is what every command may use.
type env struct {
	streams
	ctx    context.Context //nolint:containedctx // the life of one command
	lookup config.Env
}

// exitCode is an error that was already shown.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run is main without its process: it returns the exit code, 0 for success, 1
// for a failure and 2 for a mistake in the call.
func run(ctx context.Context, args []string, s streams, lookup config.Env) int {
	exited := -1
	parser, err := kong.New(&cli{},
		kong.Name("perch"),
		kong.Description("Run your company's X accounts from Slack and Rocket.Chat.\n\nTry it: perch sandbox"),
		kong.UsageOnError(),
		kong.Writers(s.out, s.err),
		kong.Vars{"scopes": scopeNames()},
		kong.Exit(func(code int) { exited = code; panic(exitCode(code)) }), // kong goes on otherwise
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		_, _ = fmt.Fprintln(s.err, "perch:", err)
		return 2
	}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(exitCode); !ok {
				panic(r)
			}
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parse(parser, args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		_, _ = fmt.Fprintf(s.err, "perch: %s\nSee: perch --help\n", err)
		return 2
	}
	err = k.Run(&env{streams: s, ctx: ctx, lookup: lookup})
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	_, _ = fmt.Fprintln(s.err, "perch:", err)
	return 1
}

// parse is parser.Parse for which --help is no panic.
func parse(parser *kong.Kong, args []string) (k *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(exitCode); !ok {
				panic(r)
			}
		}
	}()
	return parser.Parse(args)
}

type versionCmd struct{}

// Run implements the command.
func (versionCmd) Run(e *env) error {
	_, err := fmt.Fprintln(e.out, "perch", buildVersion())
	return err
}

// buildVersion is the release, or what the build says of itself.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
