package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The bars of a start: ready in less than this, with less memory when idle.
const (
	maxReady = 300 * time.Millisecond
	maxIdle  = 40 << 20
)

// BenchmarkStartup starts the program as it is released, with nothing to do:
// how long until it says that it is ready (the median of several starts on
// the same data), and how much memory is resident when it has been idle for
// three seconds.
func BenchmarkStartup(b *testing.B) {
	dir := b.TempDir()
	bin := filepath.Join(dir, "perch")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "github.com/perch-chat/perch/cmd/perch")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v: %s", err, out)
	}
	conf := filepath.Join(dir, "perch.yaml")
	yaml := `listen: 127.0.0.1:0
public_url: http://127.0.0.1:8080
data: ` + filepath.Join(dir, "serve") + `
encryption_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
x: {client_id: c, client_secret: s, webhook: false}
chat: {webchat: true}
team: {admins: ["webchat:U_ada"]}
channels: {setup: "webchat:setup", incidents: "webchat:incidents"}
`
	if err := os.WriteFile(conf, []byte(yaml), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"serve", []string{"serve", "--config", conf}},
		{"sandbox", []string{"sandbox", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "sandbox")}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			var took []time.Duration
			idle := 0
			for b.Loop() {
				for range 7 {
					r := begin(b, bin, tt.args)
					took = append(took, r.took)
					r.end(b)
				}
				r := begin(b, bin, tt.args)
				<-time.After(3 * time.Second)
				idle = max(idle, resident(b, r.cmd.Process.Pid))
				r.end(b)
			}
			slices.Sort(took)
			ready := took[len(took)/2]
			b.ReportMetric(float64(ready.Microseconds())/1000, "ready_ms")
			b.ReportMetric(float64(idle)/(1<<20), "idle_MiB")
			b.ReportMetric(0, "ns/op")
			if ready > maxReady || idle > maxIdle {
				b.Errorf("ready in %s (bar %s), %d bytes resident (bar %d)", ready, maxReady, idle, maxIdle)
			}
		})
	}
}

type running struct {
	cmd  *exec.Cmd
	took time.Duration
}

func begin(b *testing.B, bin string, args []string) running {
	b.Helper()
	cmd := exec.Command(bin, args...)
	cmd.Stderr = os.Stderr
	if args[0] == "serve" {
		cmd.Stderr = nil // it logs that it starts
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		if strings.HasPrefix(sc.Text(), "ready ") {
			return running{cmd, time.Since(began)}
		}
	}
	b.Fatalf("%s ended before it was ready: %v", args[0], cmd.Wait())
	return running{}
}

func (r running) end(b *testing.B) {
	b.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		b.Fatalf("the end: %v", err)
	}
}

// resident is how much memory a process has, in bytes.
func resident(b *testing.B, pid int) int {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skipf("only Linux says how much memory is resident: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")))
			if err != nil {
				b.Fatal(err)
			}
			return n << 10
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
