package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkSlackStart starts the released binary over a stand-in of Slack, in
// turns with the least app on Bolt: how long from the start of the process
// until its first socket, and until both of Perch's, are open and greeted; how
// much memory is resident three seconds later, and after people gave commands
// that Perch answered. Then each of them is asked as fast as it can, which for
// Perch is the whole of it: commands that are stored, acknowledged, handled
// and answered by a real command of its own.
func BenchmarkSlackStart(b *testing.B) {
	node, conformance := bolt(b)
	dir := b.TempDir()
	bin := release(b, dir)
	perchApp := func(fake string) *exec.Cmd {
		conf := filepath.Join(dir, "perch.yaml")
		if err := os.WriteFile(conf, []byte(slackConfig(fake, filepath.Join(dir, "data"))), 0o600); err != nil {
			b.Fatal(err)
		}
		return exec.Command(bin, "serve", "--config", conf)
	}
	boltOne := func(fake string) *exec.Cmd { return boltApp(node, conformance, fake, 1) }
	for b.Loop() {
		var first, both, other []time.Duration
		for range 5 {
			f, t := connected(b, perchApp, 2)
			first, both = append(first, f), append(both, t)
			f, _ = connected(b, boltOne, 1)
			other = append(other, f)
		}
		idle, loaded := memory(b, perchApp, "/duty", "who", 2)
		boltIdle, boltLoaded := memory(b, boltOne, "/ack", "", 1)
		median := func(d []time.Duration) float64 {
			slices.Sort(d)
			return float64(d[len(d)/2].Microseconds()) / 1000
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(first), "connected_ms")
		b.ReportMetric(median(both), "both_ms")
		b.ReportMetric(median(other), "bolt_connected_ms")
		b.ReportMetric(median(other)/median(first), "start_ratio")
		b.ReportMetric(float64(idle)/(1<<20), "idle_MiB")
		b.ReportMetric(float64(loaded)/(1<<20), "loaded_MiB")
		b.ReportMetric(float64(boltIdle)/(1<<20), "bolt_idle_MiB")
		b.ReportMetric(float64(boltLoaded)/(1<<20), "bolt_loaded_MiB")
		if median(both) > float64(maxConnected.Milliseconds()) {
			bar(b, "connected after %.0f ms, want %s", median(both), maxConnected)
		}
		if loaded > maxResident {
			bar(b, "%d bytes resident, want %d", loaded, maxResident)
		}
	}
}

// release builds the program as it is released.
func release(b *testing.B, dir string) string {
	b.Helper()
	bin := filepath.Join(dir, "perch")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "github.com/perch-chat/perch/cmd/perch")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v: %s", err, out)
	}
	return bin
}

// slackConfig is what an operator writes who has Slack alone.
func slackConfig(fake, data string) string {
	return fmt.Sprintf(`listen: 127.0.0.1:0
public_url: http://127.0.0.1:8080
data: %s
encryption_key: %s
x: {client_id: c, client_secret: s, webhook: false}
chat: {slack: {bot_token: %s, app_token: %s, api_url: "%s/api/"}}
team: {admins: ["slack:U0P0"]}
channels: {setup: "slack:C00000000", incidents: "slack:C00000001"}
log: {level: warn}
`, data, childKey, slackBot, slackApp, fake)
}

// connected starts an app and returns how long until its first socket was
// open, and until all were.
func connected(b *testing.B, app func(fake string) *exec.Cmd, sockets int) (first, all time.Duration) {
	b.Helper()
	p := slackOf(b, 2)
	p.cmd = app(p.url)
	p.cmd.Stderr = os.Stderr
	began := time.Now()
	p.start(b)
	p.await(b, 1)
	first = time.Since(began)
	p.await(b, sockets)
	all = time.Since(began)
	p.end(b)
	return first, all
}

// memory is what an app has resident when it is idle, and after a load.
func memory(b *testing.B, app func(fake string) *exec.Cmd, command, text string, sockets int) (idle, loaded int) {
	b.Helper()
	p := slackOf(b, 4000)
	p.cmd = app(p.url)
	p.cmd.Stderr = os.Stderr
	p.start(b)
	p.await(b, sockets)
	<-time.After(3 * time.Second)
	idle = resident(b, p.cmd.Process.Pid)
	p.text = text
	for range rounds {
		p.turn(b, command, 16)
	}
	b.Logf("%s %s: %.0f/s, acknowledged after %s, 1%% after more than %s", command, text, p.rate(), p.percentile(50), p.percentile(99))
	loaded = resident(b, p.cmd.Process.Pid)
	p.end(b)
	return idle, loaded
}
