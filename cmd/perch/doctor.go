package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/doctor"
)

type doctorCmd struct {
	fileFlag
	JSON bool `help:"Print one JSON object: ok, findings." name:"json"`
}

// examined is the answer of doctor --json.
type examined struct {
	OK       bool             `json:"ok"`
	Findings []doctor.Finding `json:"findings"`
}

// Run implements the command.
func (c doctorCmd) Run(e *env) error {
	cfg, configErr := config.Load(c.Config, e.lookup)
	p := showProgress(e.err, "Examining")
	var all examined
	var failed, warned int
	ok, err := app.Examine(e.ctx, cfg, configErr, buildVersion(), func(f doctor.Finding) {
		all.Findings = append(all.Findings, f)
		switch f.State {
		case doctor.Fail:
			failed++
		case doctor.Warn:
			warned++
		case doctor.OK, doctor.Skip:
		}
		p.set("%s done", f.Check)
		if c.JSON {
			return
		}
		_, _ = fmt.Fprintf(e.out, "%s %s: %s\n", f.State.Sign(), f.Check, f.Text)
		if f.Do != "" {
			_, _ = fmt.Fprintf(e.out, "   → %s\n", f.Do)
		}
	})
	p.end()
	all.OK = ok && err == nil
	if c.JSON {
		enc := json.NewEncoder(e.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = errors.Join(err, enc.Encode(all))
	} else if err == nil {
		_, err = fmt.Fprintf(e.out, "\n%s.\n", summary(failed, warned))
	}
	if err == nil && !ok {
		err = exitCode(1)
	}
	return err
}

func summary(failed, warned int) string {
	switch {
	case failed == 0 && warned == 0:
		return "All is well"
	case failed == 0:
		return "Perch works; " + count(warned, "thing") + " could be better"
	case warned == 0:
		return count(failed, "problem") + " to solve"
	}
	return count(failed, "problem") + " to solve, and " + count(warned, "thing") + " that could be better"
}
