package template

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const childEnv = "PERCH_TEMPLATE_CHILD"

// job is what a child is given on its standard input.
type job struct {
	Source string         `json:"source"`
	Vars   map[string]any `json:"vars"`
	Memory int64          `json:"memory"`
	CPU    time.Duration  `json:"cpu"`
}

// answer is what a child writes to its standard output.
type answer struct {
	Text  string `json:"text,omitempty"`
	Error string `json:"error,omitempty"`
	Line  int    `json:"line,omitempty"`
}

const maxAnswer = 64 << 10 // MaxOutput, escaped as JSON

// child runs a job in a process of its own.
func (e *Engine) child(ctx context.Context, j job) (string, error) {
	if os.Getenv(childEnv) != "" { // else a program without ChildMain would start itself without end
		return "", errors.New("template: this program doesn't begin with template.ChildMain")
	}
	program, err := e.program()
	if err != nil {
		return "", err
	}
	in, err := json.Marshal(j)
	if err != nil {
		return "", fmt.Errorf("encode variables: %w", err)
	}
	timed, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	cmd := exec.CommandContext(timed, program) //nolint:gosec // it is this program
	cmd.Env = []string{childEnv + "=1", "GOMAXPROCS=2", "GOTRACEBACK=none"}
	cmd.Dir = "/"
	cmd.Stdin = bytes.NewReader(in)
	out := &capped{max: maxAnswer}
	cmd.Stdout = out
	cmd.WaitDelay = time.Second
	runErr := cmd.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("render: %w", ctx.Err())
	}
	if runErr != nil {
		return "", e.blame(cmd, timed, runErr)
	}
	return read(out.Bytes())
}

func (e *Engine) program() (string, error) {
	if e.o.Program != "" {
		return e.o.Program, nil
	}
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil // also if the file was replaced by a newer version
	}
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return program, nil
}

// blame says why a child ended without an answer.
func (e *Engine) blame(cmd *exec.Cmd, timed context.Context, runErr error) error { //nolint:revive // the child's own context
	if cmd.ProcessState == nil {
		return fmt.Errorf("start the template's process: %w", runErr)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	switch {
	case timed.Err() != nil && used < e.o.Timeout/4:
		return ErrBusy
	case timed.Err() != nil, used >= e.o.Timeout:
		return &Error{Message: "the template takes too long: make its loops shorter"}
	}
	return &Error{Message: "the template takes too much memory, or broke the template engine: make it simpler"}
}

func read(raw []byte) (string, error) {
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return "", &Error{Message: "the template gave no answer: make it simpler"}
	}
	if a.Error != "" {
		return "", &Error{Line: a.Line, Message: a.Error}
	}
	return a.Text, nil
}

// capped keeps what is written up to a maximum, and drops the rest.
type capped struct {
	bytes.Buffer
	max int
}

func (c *capped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:min(len(p), max(0, c.max-c.Len()))])
	return len(p), nil
}

// ChildMain renders one template and ends the process if it was started for
// that; otherwise it returns at once. It is the first thing that the program's
// main does, and TestMain of tests that render.
func ChildMain() {
	if os.Getenv(childEnv) == "" {
		return
	}
	os.Exit(childMain(os.Stdin, os.Stdout))
}

func childMain(in io.Reader, out io.Writer) int {
	debug.SetMaxStack(16 << 20)
	dec := json.NewDecoder(in)
	dec.UseNumber()
	var j job
	if err := dec.Decode(&j); err != nil {
		return 2
	}
	debug.SetMemoryLimit(j.Memory / 2)
	if err := limit(j.CPU, j.Memory); err != nil {
		return 2
	}
	go watch(uint64(max(j.Memory, 0)))
	vars, _ := plain(j.Vars).(map[string]any)
	text, err := fill(j.Source, vars)
	a := answer{Text: text}
	if err != nil {
		a = answer{Error: err.Error()}
		if e := (*Error)(nil); errors.As(err, &e) {
			a.Error, a.Line = e.Message, e.Line
		}
	}
	if err := json.NewEncoder(out).Encode(a); err != nil {
		return 2
	}
	return 0
}

// watch ends the process when it takes more memory than it may. It sees what
// the system's own limit, where there is one, doesn't.
func watch(most uint64) {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	for range time.Tick(5 * time.Millisecond) {
		metrics.Read(s)
		if s[0].Value.Uint64()+s[1].Value.Uint64() > most {
			os.Exit(3)
		}
	}
}

// plain turns JSON's numbers into the ints and floats that templates expect.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case map[string]any:
		for k, x := range v {
			v[k] = plain(x)
		}
	case []any:
		for i, x := range v {
			v[i] = plain(x)
		}
	}
	return v
}
