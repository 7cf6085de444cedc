package main

import (
	"fmt"

	"github.com/perch-chat/perch/internal/config"
)

type configCmd struct {
	Check   configCheckCmd   `cmd:"" help:"Report every mistake in the configuration at once."`
	Example configExampleCmd `cmd:"" help:"Print a commented configuration file."`
}

type configCheckCmd struct {
	fileFlag
}

// Run implements the command.
func (c configCheckCmd) Run(e *env) error {
	if _, err := c.load(e); err != nil {
		return err
	}
	_, err := fmt.Fprintln(e.out, "The configuration is fine. Next: perch doctor")
	return err
}

type configExampleCmd struct{}

// Run implements the command.
func (configExampleCmd) Run(e *env) error {
	_, err := fmt.Fprint(e.out, config.Example())
	return err
}
