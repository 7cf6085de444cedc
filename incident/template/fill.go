package template

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // in_time_zone has to work on machines without time zones
	"unicode"

	"github.com/osteele/liquid"
)

// newLiquid returns the engine beneath, as strict as it can be.
func newLiquid() *liquid.Engine {
	e := liquid.NewEngine()
	e.StrictVariables()
	e.UnregisterTag("render") // both read files, and call themselves until the process dies
	e.UnregisterTag("include")
	for name, fn := range ownFilters() {
		e.RegisterFilter(name, fn)
	}
	return e
}

var errTooMuch = errors.New("too much output")

// fill renders src. It is only called in a child process.
func fill(src string, vars map[string]any) (text string, err error) {
	defer func() {
		if r := recover(); r != nil {
			text, err = "", &Error{Message: "the template engine can't do this: " + short(fmt.Sprint(r))}
		}
	}()
	t, perr := newLiquid().ParseTemplateLocation([]byte(src), "", 1)
	if perr != nil {
		return "", &Error{Line: perr.LineNumber(), Message: engineMessage(perr)}
	}
	var out limited
	rerr := t.FRender(&out, vars)
	if out.over {
		return "", tooMuch()
	}
	if rerr != nil {
		return "", &Error{Line: rerr.LineNumber(), Message: engineMessage(rerr)}
	}
	return out.String(), nil
}

// engineMessage is the engine's error without its place, which Error has.
func engineMessage(err error) string {
	msg := err.Error()
	if rest, ok := strings.CutPrefix(msg, "Liquid error"); ok {
		if _, after, ok := strings.Cut(rest, ": "); ok {
			msg = after
		}
	}
	return short(msg)
}

// short is the first line of a message: the engine's may have a stack behind.
func short(msg string) string {
	msg, _, _ = strings.Cut(msg, "\n")
	if r := []rune(msg); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return msg
}

// limited is a buffer that refuses to grow over MaxOutput.
type limited struct {
	bytes.Buffer
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.over || l.Len()+len(p) > MaxOutput {
		l.over = true
		return 0, errTooMuch
	}
	return l.Buffer.Write(p)
}

// ownFilters are those of Rootly's filters that messages have use for.
func ownFilters() map[string]any {
	return map[string]any{
		"to_iso8601": func(t time.Time) string { return t.Format(time.RFC3339) },
		"to_utc":     func(t time.Time) time.Time { return t.UTC() },
		"in_time_zone": func(t time.Time, zone string) (time.Time, error) {
			loc, err := time.LoadLocation(zone)
			if err != nil || zone == "" || zone == "Local" {
				return t, fmt.Errorf("there is no time zone %q: write it like Europe/Berlin", zone)
			}
			return t.In(loc), nil
		},
		"humanize": func(s string) string { return firstUp(strings.ReplaceAll(s, "_", " ")) },
		"titleize": func(s string) string {
			words := strings.Fields(strings.ReplaceAll(s, "_", " "))
			for i, w := range words {
				words[i] = firstUp(w)
			}
			return strings.Join(words, " ")
		},
		"dasherize": func(s string) string { return strings.ReplaceAll(s, "_", "-") },
	}
}

func firstUp(s string) string {
	for i, r := range s {
		return string(unicode.ToUpper(r)) + s[i+len(string(r)):]
	}
	return s
}
