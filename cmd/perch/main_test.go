package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/perch-chat/perch/incident/template"
	"github.com/perch-chat/perch/xapi/xfake"
)

func TestMain(m *testing.M) {
	template.ChildMain()
	testscript.Main(m, map[string]func(){"perch": perchMain})
}

// perchMain is main with an exit code that testscript sees.
func perchMain() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.LookupEnv)
	stop()
	os.Exit(code)
}

// TestScripts runs the command line as people do, beside an X on loopback.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setup,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"freeport": freePort, "x": controlX, "ready": waitReady, "fetch": fetch, "code": wantCode, "token": takeToken, "damage": damage,
			"terminate": terminate,
		},
	})
}

type fakeKey struct{}

func setup(env *testscript.Env) error {
	fake := xfake.New(xfake.Options{AllowHTTPWebhooks: true})
	fake.AddUser(xfake.User{ID: "1", Handle: "larkspur_hq"})
	srv := httptest.NewServer(fake.Handler())
	env.Defer(func() {
		srv.Close()
		_ = fake.Close(context.Background())
	})
	env.Values[fakeKey{}] = fake
	for k, v := range map[string]string{
		"PERCH_X_API_BASE": srv.URL, "PERCH_X_AUTHORIZE_URL": srv.URL + "/i/oauth2/authorize",
		"PERCH_X_CLIENT_ID": "client-id", "PERCH_X_CLIENT_SECRET": "client-secret",
		"PERCH_X_CONSUMER_KEY": "consumer-key", "PERCH_X_CONSUMER_SECRET": "consumer-secret", "PERCH_X_BEARER_TOKEN": "app-bearer",
		"PERCH_ENCRYPTION_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"PERCH_DATA":           env.WorkDir + "/data",
		"GORACE":               "atexit_sleep_ms=0", // else each command of a race test takes a second longer
	} {
		env.Setenv(k, v)
	}
	return nil
}

// freePort puts an address that nobody listens on into a variable.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Check(ln.Close())
	ts.Setenv(args[0], ln.Addr().String())
}

// controlX has X do something: "credits off".
func controlX(ts *testscript.TestScript, _ bool, args []string) {
	fake, _ := ts.Value(fakeKey{}).(*xfake.Server)
	switch strings.Join(args, " ") {
	case "credits off":
		fake.SetCredits(false)
	case "webhooks":
		for _, w := range fake.Webhooks() {
			_, _ = fmt.Fprintln(ts.Stdout(), w.URL)
		}
	default:
		ts.Fatalf("x: unknown order %q", args)
	}
}

// waitReady waits until Perch is ready at an address.
func waitReady(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, _, err := request(ctx, http.MethodGet, "http://"+args[0]+"/readyz", "", ""); err == nil && status == http.StatusOK {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("perch did not become ready at %s", args[0])
		case <-tick.C:
		}
	}
}

func request(ctx context.Context, method, url, token, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/vnd.api+json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	_, err = b.ReadFrom(resp.Body)
	return resp.StatusCode, b.String(), err
}

// fetch is: fetch STATUS METHOD URL [BODYFILE], with the token in $TOKEN. What
// came is its output.
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	body := ""
	if len(args) > 3 {
		body = ts.ReadFile(args[3])
	}
	status, got, err := request(context.Background(), args[1], args[2], ts.Getenv("TOKEN"), body)
	ts.Check(err)
	_, _ = fmt.Fprintln(ts.Stdout(), got)
	if fmt.Sprint(status) != args[0] {
		ts.Fatalf("%s %s: status %d, want %s\n%s", args[1], args[2], status, args[0], got)
	}
}

// takeToken puts the last output of a command into a variable, or with a
// second argument, what that expression finds in it.
func takeToken(ts *testscript.TestScript, _ bool, args []string) {
	got := strings.TrimSpace(ts.ReadFile("stdout"))
	if len(args) > 1 {
		m := regexp.MustCompile(args[1]).FindStringSubmatch(got)
		if len(m) < 2 {
			ts.Fatalf("%s is not in %s", args[1], got)
		}
		got = m[1]
	}
	ts.Setenv(args[0], got)
}

// damage overwrites a part of a file.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, 16<<10), 0)
	ts.Check(err)
	ts.Check(f.Close())
}

// terminate asks what runs in the background to end, as a service manager
// does, and kills it if it takes too long: then its exit code tells.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range ts.BackgroundCmds() {
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended
		late := time.AfterFunc(12*time.Second, func() { _ = c.Process.Kill() })
		ts.Defer(func() { late.Stop() })
	}
}

// wantCode is: code N perch …, which runs the command inside the test.
func wantCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		var n int
		if _, scan := fmt.Sscanf(err.Error(), "exit status %d", &n); scan != nil {
			ts.Fatalf("%v: %v", args[1:], err)
		}
		got = n
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%v: exit code %d, want %s", args[1:], got, args[0])
	}
}

// call runs a command in this process.
func call(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	none := func(string) (string, bool) { return "", false }
	code = run(t.Context(), args, streams{in: strings.NewReader(in), out: &o, err: &e}, none)
	return code, o.String(), e.String()
}

func TestPreviewJSON(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("The 08:14 from Larkspur runs ten minutes late. ", 12))
	tests := []struct {
		name, in string
		want     previewed
	}{
		{"short", "Hello", previewed{5, 280, true, []string{"Hello"}}},
		{"newline of echo", "Hello\n", previewed{5, 280, true, []string{"Hello"}}},
		{"newline of Windows", "Hello\r\n", previewed{5, 280, true, []string{"Hello"}}},
		{"newline within", "a\nb\n", previewed{3, 280, true, []string{"a\nb"}}},
		{"markup", "<b> & \"x\"", previewed{9, 280, true, []string{"<b> & \"x\""}}},
		{"empty", "", previewed{0, 280, false, []string{}}},
		{"newline only", "\n", previewed{0, 280, false, []string{}}},
		{"blanks only", "  \t \n", previewed{0, 280, false, []string{}}},
		{"link", "https://perch.example.com/a/very/long/path/that/counts/23", previewed{23, 280, true, []string{"https://perch.example.com/a/very/long/path/that/counts/23"}}},
		{"invalid character", "a\ufffeb", previewed{4, 280, false, []string{}}},
		{"broken text", "a\xffb", previewed{4, 280, true, []string{"a\ufffdb"}}},
		{"too long for any thread", strings.Repeat("word ", 10000), previewed{50000, 280, false, []string{}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errOut := call(t, tt.in, "preview", "--json")
			if code != 0 || errOut != "" || strings.Count(out, "\n") != 1 {
				t.Fatalf("preview --json = %d, %q, %q; want one line", code, out, errOut)
			}
			var got previewed
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("preview of %q (-want +got):\n%s", tt.in, diff)
			}
		})
	}
	t.Run("thread", func(t *testing.T) {
		_, out, _ := call(t, long+"\n", "preview", "--json")
		var got map[string]json.RawMessage
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		if len(got) != 4 {
			t.Errorf("keys of %s: want weighted_length, limit, valid, parts", out)
		}
		var parts []string
		if err := json.Unmarshal(got["parts"], &parts); err != nil || len(parts) < 2 {
			t.Fatalf("parts = %s, %v; want a thread", got["parts"], err)
		}
		for i, p := range parts {
			if n := fmt.Sprintf("%d/%d", i+1, len(parts)); !strings.Contains(p, n) || len(p) > 280 {
				t.Errorf("part %q: want at most 280 with its number %s", p, n)
			}
		}
		if string(got["valid"]) != "false" || string(got["weighted_length"]) != fmt.Sprint(len(long)) {
			t.Errorf("preview = %s", out)
		}
	})
}

func TestPreviewText(t *testing.T) {
	tests := []struct{ in, want string }{
		{"Hello\n", "5 of 280: fits in one post.\n"},
		{"", "0 of 280: there is no text. Give it on the standard input.\n"},
		{"a\ufffeb", "4 of 280: X refuses U+FFFE at byte 1. Remove it.\n"},
		{strings.Repeat("word ", 10000), "50000 of 280: too long even for a thread. Shorten it.\n"},
	}
	for _, tt := range tests {
		if code, got, _ := call(t, tt.in, "preview"); code != 0 || got != tt.want {
			t.Errorf("preview of %.20q = %d, %q; want 0, %q", tt.in, code, got, tt.want)
		}
	}
	_, got, _ := call(t, strings.Repeat("word ", 100), "preview")
	if !strings.Contains(got, "As a thread of 2:") {
		t.Errorf("preview of a long text = %q; want a thread", got)
	}
	if code, _, errOut := call(t, strings.Repeat("x", maxPreview+1), "preview"); code != 1 || !strings.Contains(errOut, "1 MiB") {
		t.Errorf("preview of too much = %d, %q; want 1 and the limit", code, errOut)
	}
}

func TestLifetime(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
	}{
		{"90d", 2160 * time.Hour}, {"2160h", 2160 * time.Hour}, {"0", 0}, {"0d", 0}, {"90m", 90 * time.Minute},
	}
	for _, tt := range tests {
		var l lifetime
		if err := l.UnmarshalText([]byte(tt.in)); err != nil || time.Duration(l) != tt.want {
			t.Errorf("lifetime %q = %s, %v; want %s", tt.in, time.Duration(l), err, tt.want)
		}
	}
	for _, in := range []string{"", "d", "-1d", "-5h", "3y", "1.5d", "99999d", "40000d", "1000000h"} {
		var l lifetime
		if err := l.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("lifetime %q = %s; want an error", in, time.Duration(l))
		}
	}
}

// TestHelp keeps each command's help short, and each flag explained.
func TestHelp(t *testing.T) {
	for _, c := range []string{
		"", "serve", "sandbox", "config check", "config example", "doctor", "token create", "token list", "token revoke",
		"store backup", "store restore", "store check", "preview", "health", "version",
	} {
		code, out, errOut := call(t, "", append(strings.Fields(c), "--help")...)
		if code != 0 || errOut != "" {
			t.Errorf("perch %s --help = %d, %q; want 0", c, code, errOut)
		}
		lines := 0
		for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); lines++ {
			if len(s.Text()) > 80 {
				t.Errorf("perch %s --help: %q is wider than a terminal", c, s.Text())
			}
		}
		if lines < 4 || lines > 34 || !strings.HasPrefix(out, "Usage: perch") {
			t.Errorf("perch %s --help has %d lines:\n%s", c, lines, out)
		}
	}
}

// TestBare: who knows nothing of Perch yet is shown what there is.
func TestBare(t *testing.T) {
	if code, out, errOut := call(t, ""); code != 0 || errOut != "" || !strings.Contains(out, "perch sandbox") {
		t.Errorf("perch = %d, %q, %q; want 0 and the help", code, out, errOut)
	}
}

func TestMistakesInTheCall(t *testing.T) {
	tests := []struct {
		args string
		want string
	}{
		{"sevre", `did you mean one of "serve"`},
		{"docter", `did you mean "doctor"`},
		{"previw", `did you mean "preview"`},
		{"store bakcup", `did you mean "backup"`},
		{"token creat x", `did you mean "create"`},
		{"preview --jsn", `did you mean "--json"`},
		{"store", `expected one of "backup"`},
		{"store backup", `expected "<file>"`},
		{"token create x --expires soon", "write it as 90d, 12h or 0 for ever"},
		{"token create x --scopes posts:write", "the scopes are events:read, events:write, incidents:read, incidents:write, workflows:write"},
	}
	for _, tt := range tests {
		code, out, errOut := call(t, "", strings.Fields(tt.args)...)
		if code != 2 || out != "" || !strings.Contains(errOut, tt.want) {
			t.Errorf("perch %s = %d, %q, %q; want 2 and %q", tt.args, code, out, errOut, tt.want)
		}
	}
}

// TestProgress: what takes a while says so, what does not is silent.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := showProgress(&b, "Working")
		time.Sleep(patience - time.Millisecond)
		p.end()
		if b.Len() > 0 {
			t.Errorf("progress of a short work: %q; want silence", b.String())
		}
		p = showProgress(&b, "Working")
		p.set("%d records", 7)
		time.Sleep(2*patience + time.Millisecond)
		p.end()
		if want := "Working: 2s, 7 records\nWorking: 4s, 7 records\n"; b.String() != want {
			t.Errorf("progress = %q; want %q", b.String(), want)
		}
	})
}

func TestVersion(t *testing.T) {
	if code, out, _ := call(t, "", "version"); code != 0 || !strings.HasPrefix(out, "perch ") || len(out) < 8 {
		t.Errorf("version = %d, %q", code, out)
	}
}
