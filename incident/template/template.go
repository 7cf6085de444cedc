// Package template fills in the Liquid messages of workflows. Templates are
// written by people and their mistakes end up in public, so it is strict:
// what is unclosed, unknown or left over is an error with its place. A message
// is rendered in a child process with little time and memory, because the
// engine beneath has no limits of its own. The package never publishes
// anything and reads no files.
package template

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// Limits of a template.
const (
	MaxSource  = 16 << 10 // bytes of a template
	MaxOutput  = 8 << 10  // bytes of a message
	MaxRange   = 10_000   // length of a range such as (1..10)
	MaxNesting = 10       // of blocks
)

// ErrBusy is returned when the machine was too busy to render in time. It says
// nothing of the template.
var ErrBusy = errors.New("the machine was too busy to fill in the template: try again")

// Error is a mistake in a template.
type Error struct {
	Line, Col int    // from 1; 0 if it isn't known where
	Message   string // for people
}

func (e *Error) Error() string {
	switch {
	case e.Line > 0 && e.Col > 0:
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Col, e.Message)
	case e.Line > 0:
		return fmt.Sprintf("line %d: %s", e.Line, e.Message)
	}
	return e.Message
}

// Options of an Engine. The zero Options are right for most.
type Options struct {
	Timeout  time.Duration // how long a template may take; default 2 s
	Memory   int64         // how much memory it may take, in bytes; default 256 MiB
	Children int           // how many may be rendered at once; default 2
	Program  string        // what to run as the child; default this program
}

// Engine renders templates. Its methods are safe for concurrent use.
type Engine struct {
	o     Options
	slots chan struct{} // one for each child that runs
}

// New returns an engine. The program's main must begin with [ChildMain].
func New(o Options) *Engine {
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.Memory <= 0 {
		o.Memory = 256 << 20
	}
	if o.Children <= 0 {
		o.Children = min(2, runtime.NumCPU())
	}
	return &Engine{o: o, slots: make(chan struct{}, o.Children)}
}

// Check reports the mistakes of src that can be known before it is used: those
// that its text shows, and those that come up when it is filled in with
// sample. It returns what came of that.
func (e *Engine) Check(ctx context.Context, src string, sample map[string]any) (string, error) {
	return e.Render(ctx, src, sample)
}

// Render fills src in with vars. Errors are *Error, ErrBusy or ctx's.
func (e *Engine) Render(ctx context.Context, src string, vars map[string]any) (string, error) {
	if err := lint(src, vars); err != nil {
		return "", err
	}
	if !strings.Contains(src, "{") {
		if len(src) > MaxOutput {
			return "", tooMuch()
		}
		return src, nil // nothing to fill in
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return "", fmt.Errorf("wait to render: %w", ctx.Err())
	}
	out, err := e.child(ctx, job{Source: src, Vars: vars, Memory: e.o.Memory, CPU: e.o.Timeout})
	if err != nil {
		return "", err
	}
	return out, leftover(out)
}

func tooMuch() *Error {
	return &Error{Message: fmt.Sprintf("the message comes out longer than %d bytes", MaxOutput)}
}

// leftover refuses an output that still looks like a template.
func leftover(out string) error {
	for _, mark := range []string{"{{", "}}", "{%", "%}"} {
		if strings.Contains(out, mark) {
			return &Error{Message: fmt.Sprintf("the message comes out with %q left in it", mark)}
		}
	}
	return nil
}
