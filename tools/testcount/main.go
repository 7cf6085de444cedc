// Command testcount reads what go test -json prints, shows each package's
// result and what the failing tests said, and ends with one line,
// "N passed, N failed, N skipped". It fails if a test failed, if a package
// didn't build or finish, or if no test ran.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	code, err := run(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
		code = 1
	}
	os.Exit(code)
}

// event is a line of go test -json.
type event struct {
	Action, Package, ImportPath, Test, Output, FailedBuild string
	Elapsed                                                float64
}

// summary is what is known so far.
type summary struct {
	out                     *bufio.Writer
	passed, failed, skipped int
	output                  map[string][]string // of tests and packages under way, by package and test
	began                   map[string]bool     // tests without a result, by package and test
	builds                  map[string]*bytes.Buffer
	skips                   []string
	broken                  map[string]int // failed tests by package
}

func run(in io.Reader, out io.Writer) (code int, err error) {
	s := &summary{
		out:    bufio.NewWriter(out),
		output: map[string][]string{},
		began:  map[string]bool{},
		builds: map[string]*bytes.Buffer{},
		broken: map[string]int{},
	}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return 1, err
		}
	}
	s.close()
	if err := s.out.Flush(); err != nil {
		return 1, err
	}
	if s.failed > 0 || s.passed == 0 {
		return 1, nil
	}
	return 0, nil
}

func (s *summary) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		s.out.Write(line) // not of go test: a warning of the go command, say
		_ = s.out.Flush() // the error stays, and run returns it
		return
	}
	key := e.Package + "\x00" + e.Test
	switch e.Action {
	case "build-output":
		if s.builds[e.ImportPath] == nil {
			s.builds[e.ImportPath] = &bytes.Buffer{}
		}
		s.builds[e.ImportPath].WriteString(e.Output)
	case "run":
		s.began[key] = true
	case "output":
		s.output[key] = append(s.output[key], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.finish(e)
		} else {
			s.result(e, key)
		}
	}
}

// result counts one test.
func (s *summary) result(e event, key string) {
	delete(s.began, key)
	switch e.Action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped++
		s.skips = append(s.skips, e.Package+" "+e.Test+": "+reason(s.output[key]))
	case "fail":
		s.failed++
		s.broken[e.Package]++
		s.show(s.output[key])
	}
	delete(s.output, key)
}

// finish shows a package's result. A package that fails though none of its
// tests did (it doesn't build, panics, runs out of time) counts as one failure.
func (s *summary) finish(e event) {
	took := fmt.Sprintf("%.1fs", e.Elapsed)
	switch e.Action {
	case "pass":
		fmt.Fprintf(s.out, "ok    %-52s %s\n", e.Package, took)
	case "fail":
		unfinished := s.unfinished(e.Package)
		if b := s.builds[e.FailedBuild]; b != nil {
			s.out.Write(b.Bytes())
			delete(s.builds, e.FailedBuild)
		}
		for _, key := range unfinished {
			s.show(s.output[key])
			delete(s.began, key)
		}
		if s.broken[e.Package] == 0 || len(unfinished) > 0 {
			s.failed++
			s.show(s.output[e.Package+"\x00"])
		}
		fmt.Fprintf(s.out, "FAIL  %-52s %s\n", e.Package, took)
	}
	delete(s.output, e.Package+"\x00")
	_ = s.out.Flush()
}

func (s *summary) unfinished(pkg string) []string {
	var keys []string
	for key := range s.began {
		if strings.HasPrefix(key, pkg+"\x00") {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}

func (s *summary) show(output []string) {
	for _, o := range output {
		if !strings.HasPrefix(o, "=== ") {
			s.out.WriteString(o)
		}
	}
}

func (s *summary) close() {
	if len(s.skips) > 0 {
		fmt.Fprintln(s.out, "left out:")
		for _, skip := range s.skips {
			fmt.Fprintln(s.out, " ", skip)
		}
	}
	for key := range s.began { // go test ended in the middle
		fmt.Fprintf(s.out, "FAIL  %s did not finish\n", strings.ReplaceAll(key, "\x00", " "))
		s.failed++
	}
	if s.passed+s.failed == 0 {
		fmt.Fprintln(s.out, "no test ran")
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
}

// reason picks out of a skipped test's output what it said.
func reason(output []string) string {
	for _, o := range output {
		o = strings.TrimSpace(o)
		if o != "" && !strings.HasPrefix(o, "=== ") && !strings.HasPrefix(o, "--- ") {
			return o
		}
	}
	return "no reason given"
}
