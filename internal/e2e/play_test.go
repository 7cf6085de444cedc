package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// patience is how long a script waits for what it expects to see.
const patience = 20 * time.Second

const token = "flow-token-0123456789"

// play is one running Perch, the chat and the X around it, and the person who acts.
type play struct {
	bin, data, log string
	run            func(listen string) (*exec.Cmd, error) // instead of the sandbox
	cmd            *exec.Cmd
	exited         chan error
	url            string
	client         *http.Client
	bearer         func() (string, error) // a token of the API; nil is the sandbox's
	conf           map[string]any         // of perch serve; nil in the sandbox

	stage stage
	world world

	dir                   string // of the script
	user, channel, thread string
	asks                  int
	used                  map[string]bool // links to X
}

// sandboxed is a play in the sandbox: the built-in chat and its own X.
func sandboxed(dir string) *play {
	p := &play{bin: perch, dir: dir, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "perch.log"), used: map[string]bool{}}
	p.stage, p.world = webStage{p}, sandboxX{p}
	return p
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

// eventually tries until fn succeeds, and returns its last error otherwise.
func eventually(fn func() error) error { return eventuallyIn(patience, fn) }

// eventuallyIn waits until fn finds nothing wrong, and returns what it still found at
// the end of the time.
func eventuallyIn(d time.Duration, fn func() error) error {
	end := time.Now().Add(d)
	for {
		err := fn()
		if err == nil || time.Now().After(end) {
			return err
		}
		<-time.After(30 * time.Millisecond)
	}
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
