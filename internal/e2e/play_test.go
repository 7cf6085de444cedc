package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// patience is how long a script waits for what it expects to see.
const patience = 20 * time.Second

const token = "flow-token-0123456789"

// play is one running sandbox and the person who acts in it.
type play struct {
	bin, data, log string
	run            func(listen string) *exec.Cmd // instead of the sandbox
	cmd            *exec.Cmd
	exited         chan error
	url            string
	client         *http.Client

	user, channel, thread string
	asks                  int
	used                  map[string]bool // links to X
}

// start runs the program on the play's data and waits until it is ready.
func (p *play) start() error {
	logFile, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = logFile.Close() }()
	listen := "127.0.0.1:0"
	if p.url != "" {
		listen = strings.TrimPrefix(p.url, "http://") // as an operator would: the same address again
	}
	p.cmd = p.command(listen)
	p.cmd.Stderr = logFile
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.exited = make(chan error, 1)
	ready := make(chan string, 1)
	go func() {
		sc := bufio.NewScanner(out)
		for sc.Scan() {
			if u, ok := strings.CutPrefix(sc.Text(), "ready "); ok {
				ready <- u
			}
		}
		p.exited <- p.cmd.Wait()
	}()
	select {
	case p.url = <-ready:
	case err := <-p.exited:
		return fmt.Errorf("the sandbox ended before it was ready: %w", err)
	case <-time.After(patience):
		return fmt.Errorf("the sandbox was not ready in %s", patience)
	}
	if p.client == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return err
		}
		p.client = &http.Client{Jar: jar, Timeout: patience}
	}
	return nil
}

func (p *play) command(listen string) *exec.Cmd {
	if p.run != nil {
		return p.run(listen)
	}
	return exec.Command(p.bin, "sandbox", "-v", "--listen", listen, "--data", p.data, "--api-token", token)
}

// stop ends the program as an operator does, and says how it went.
func (p *play) stop() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.exited:
		p.cmd = nil
		return err
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("the sandbox did not end in %s", patience)
	}
}

// kill ends the program as a power failure does.
func (p *play) kill() {
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		panic(err) // a program that can't be killed would outlive the test
	}
	<-p.exited //nolint:errcheck // it was killed: that is its error
	p.cmd = nil
}

func (p *play) do(method, path, as string, body, out any) (int, []byte, error) {
	var rd io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		rd = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, rd)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", as)
	req.Header.Set("X-Perch-Sandbox", "1")
	req.Header.Set("Origin", p.url)
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return resp.StatusCode, b, err
	}
	if out != nil && resp.StatusCode < 300 {
		if err := json.Unmarshal(b, out); err != nil {
			return resp.StatusCode, b, fmt.Errorf("%s %s: %w in %s", method, path, err, b)
		}
	}
	return resp.StatusCode, b, nil
}

// ask has the person do something in the chat.
func (p *play) ask(what string, fields map[string]any) error {
	p.asks++
	fields["id"] = fmt.Sprintf("%s-%d-%d", what, os.Getpid(), p.asks)
	fields["as"] = "webchat:U_" + p.user
	status, body, err := p.do(http.MethodPost, "/chat/"+what, "application/json", fields, nil)
	if err != nil {
		return err
	}
	if status >= 300 {
		return fmt.Errorf("%s: %d %s", what, status, body)
	}
	return nil
}

type span struct {
	Text, URL, Mention, Channel string
}

type button struct{ ID, Label, Value, URL string }

type block struct {
	Kind, Text string
	Spans      []span
	Items      [][]span
	Fields     []struct {
		Label string
		Value []span
	}
	Buttons []button
	Preview *struct {
		Account string
		Parts   []string
		Counts  []int
		Limit   int
	}
}

type message struct {
	Ref, Channel, Thread, User, Text string
	Number                           int64
	Only, Deleted                    bool
	Author                           *struct{ Name, Handle string }
	Blocks                           []block
	Reactions                        []struct {
		Emoji string
		Users []string
	}
}

type chatState struct {
	Messages []message
	Forms    []struct {
		ID   string
		Form struct {
			ID     string
			Title  string
			Inputs []struct{ Name, Initial string }
		}
	}
}

func (p *play) chat() (chatState, error) {
	var s chatState
	status, body, err := p.do(http.MethodGet, "/chat/state?as="+url.QueryEscape("webchat:U_"+p.user), "", nil, &s)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("chat state: %d %s", status, body)
	}
	return s, err
}

// here are the messages of the channel and thread the person looks at.
func (p *play) here(s chatState) []message {
	var out []message
	for _, m := range s.Messages {
		if m.Channel == "webchat:"+p.channel && !m.Deleted && (p.thread == "" || m.Thread == p.thread || m.Ref == p.thread) {
			out = append(out, m)
		}
	}
	return out
}

func spansText(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
		if s.Mention != "" {
			b.WriteString("@" + strings.TrimPrefix(s.Mention, "webchat:U_"))
		}
		if s.Channel != "" {
			b.WriteString("#" + strings.TrimPrefix(s.Channel, "webchat:"))
		}
	}
	return b.String()
}

// reads is everything a person reads in a message.
func (m message) reads() string {
	var b strings.Builder
	if m.Author != nil {
		fmt.Fprintf(&b, "%s @%s: ", m.Author.Name, m.Author.Handle)
	}
	if len(m.Blocks) == 0 {
		b.WriteString(m.Text)
	}
	for _, bl := range m.Blocks {
		b.WriteString(bl.Text)
		b.WriteString(spansText(bl.Spans))
		for _, it := range bl.Items {
			b.WriteString(spansText(it) + "\n")
		}
		for _, f := range bl.Fields {
			b.WriteString(f.Label + ": " + spansText(f.Value) + "\n")
		}
		if bl.Preview != nil {
			for i, part := range bl.Preview.Parts {
				fmt.Fprintf(&b, "@%s %s (%d/%d)\n", bl.Preview.Account, part, bl.Preview.Counts[i], bl.Preview.Limit)
			}
		}
		for _, bt := range bl.Buttons {
			b.WriteString("[" + bt.Label + "] ")
		}
		b.WriteByte('\n')
	}
	for _, r := range m.Reactions {
		b.WriteString(":" + r.Emoji + ": ")
	}
	return b.String()
}

// eventually tries until fn succeeds, and returns its last error otherwise.
func eventually(fn func() error) error {
	end := time.Now().Add(patience)
	for {
		err := fn()
		if err == nil || time.Now().After(end) {
			return err
		}
		<-time.After(30 * time.Millisecond)
	}
}

type xState struct {
	X struct {
		Posts []struct {
			ID     string
			Author struct{ Handle string }
			Text   string
			Reply  string `json:"reply_to"`
		}
		Customers []struct {
			Handle   string
			Messages []struct {
				Mine bool
				Text string
			}
		}
		Faults []string
	}
	Tour map[string]bool
}

func (p *play) x() (xState, error) {
	var s xState
	status, body, err := p.do(http.MethodGet, "/sandbox/state", "", nil, &s)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("sandbox state: %d %s", status, body)
	}
	return s, err
}

var hidden = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"`)

// authorize follows a link of Perch to X's page as a browser does, presses the
// button there for the user, and follows back. It returns the last page.
func (p *play) authorize(link, user string, allow bool) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return "", err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	page, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close()
	if err != nil {
		return "", err
	}
	at := resp.Request.URL
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(page), "<form") {
		return string(page), nil
	}
	form := url.Values{"user": {user}, "decision": {"allow"}}
	if !allow {
		form.Set("decision", "cancel")
	}
	for _, m := range hidden.FindAllStringSubmatch(string(page), -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Scheme+"://"+at.Host+"/i/oauth2/authorize", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err = p.client.Do(post)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	page, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return string(page), err
}

// send makes a request and reads the answer.
func send(client *http.Client, req *http.Request) (int, []byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	return resp.StatusCode, b, err
}
