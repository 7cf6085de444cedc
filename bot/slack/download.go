package slack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

const (
	fileTimeout  = 5 * time.Minute // for all bytes of a file
	maxRedirects = 5
)

// fileClient moves the bytes of files, which take longer than a call.
func fileClient(c client) *http.Client {
	own := *c.http // it follows no redirect by itself
	own.Timeout = max(fileTimeout, own.Timeout)
	return &own
}

// mayHaveToken reports whether an address may be sent the bot's token: Slack's
// own, or the API's that the configuration names. Who shares a file decides
// what its address is.
func (a *Adapter) mayHaveToken(u *url.URL) bool {
	if u == nil || u.User != nil {
		return false
	}
	if u.Scheme == "https" && (u.Port() == "" || u.Port() == "443") {
		host := strings.ToLower(u.Hostname())
		for _, own := range []string{"slack.com", "slack-gov.com"} {
			if host == own || strings.HasSuffix(host, "."+own) {
				return true
			}
		}
	}
	base, err := url.Parse(a.web.base)
	return err == nil && u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host)
}

func noFile(code, message string) error { return &bot.Error{Code: code, Message: message} }

func tooLarge(limit int64) error {
	return noFile("file_too_large", fmt.Sprintf("The file is larger than the %s that are taken. Send a smaller one.", bytesText(limit)))
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return strconv.FormatInt(n>>20, 10) + " MB"
	case n >= 1<<10:
		return strconv.FormatInt(n>>10, 10) + " KB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// info is a file as Slack describes it.
type info struct {
	file
	External bool   `json:"is_external"`
	Mode     string `json:"mode"`
	Access   string `json:"file_access"`
	Shares   struct {
		Public  map[string][]share `json:"public"`
		Private map[string][]share `json:"private"`
	} `json:"shares"`
}

// share is a message with a file.
type share struct {
	TS       string `json:"ts"`
	ThreadTS string `json:"thread_ts"`
}

func (a *Adapter) fileInfo(ctx context.Context, id string) (info, error) {
	var out struct {
		File info `json:"file"`
	}
	_, err := a.web.call(ctx, a.o.BotToken, "files.info", values("file", id), &out)
	return out.File, err
}

// Download returns the bytes of a file. The token goes to Slack only, whatever
// address the file has and wherever that leads.
func (a *Adapter) Download(ctx context.Context, f bot.File, limit int64) (io.ReadCloser, error) {
	address, err := a.addressOf(ctx, &f)
	if err != nil {
		return nil, err
	}
	if f.Size > limit {
		return nil, tooLarge(limit)
	}
	resp, err := a.fetch(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := fileAnswer(resp, f, limit); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return &limitedFile{body: resp.Body, left: limit, limit: limit}, nil
}

// addressOf is where a file's bytes are. What the event did not tell, as in
// channels that are shared with another company, Slack is asked for.
func (a *Adapter) addressOf(ctx context.Context, f *bot.File) (*url.URL, error) {
	u, err := url.Parse(f.URL)
	if f.URL != "" && err == nil && a.mayHaveToken(u) {
		return u, nil
	}
	if f.ID == "" {
		return nil, noFile("file_not_found", sentence("file_not_found", ""))
	}
	in, err := a.fileInfo(ctx, f.ID)
	if err != nil {
		return nil, err
	}
	if in.External || in.Mode == "external" {
		return nil, noFile("external_file", "The file is not in Slack but at another service, so Perch can't read it. Download it and attach the file itself.")
	}
	u, err = url.Parse(orWord(in.Download, in.Private))
	if err != nil || u.Host == "" || !a.mayHaveToken(u) {
		return nil, noFile("file_not_visible", "Slack doesn't let Perch read this file. Attach it again in this channel.")
	}
	f.Name, f.Type, f.Size = orWord(f.Name, in.Name), orWord(f.Type, in.Type), in.Size
	return u, nil
}

// fetch gets a file, following redirects within Slack only.
func (a *Adapter) fetch(ctx context.Context, u *url.URL) (*http.Response, error) {
	for range maxRedirects {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, noFile("bad_address", "The file's address can't be used.")
		}
		req.Header.Set("Authorization", "Bearer "+a.o.BotToken)
		req.Header.Set("User-Agent", userAgent)
		resp, err := a.files.Do(req)
		if err != nil {
			// To read again harms nobody.
			return nil, unsent(transport("file", err))
		}
		if resp.StatusCode < 300 || resp.StatusCode >= 400 {
			return resp, nil
		}
		_ = resp.Body.Close()
		next, err := resp.Location()
		if err != nil || !a.mayHaveToken(next) {
			return nil, noFile("bad_redirect", "Slack sends Perch elsewhere for this file, so Perch doesn't read it. Download it and attach the file itself.")
		}
		u = next
	}
	return nil, noFile("bad_redirect", "Slack doesn't say where this file is. Attach it again.")
}

// fileAnswer checks that an answer is the file, not a page that asks to sign in.
func fileAnswer(resp *http.Response, f bot.File, limit int64) error {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return limited(resp.Header)
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return noFile("file_deleted", sentence("file_deleted", ""))
	case resp.StatusCode >= 500:
		return unsent(fmt.Errorf("slack: file: status %d", resp.StatusCode))
	case resp.StatusCode != http.StatusOK:
		return noFile("http_"+strconv.Itoa(resp.StatusCode), "Slack doesn't give this file to Perch. Attach it again in this channel.")
	case resp.ContentLength > limit:
		return tooLarge(limit)
	}
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if kind != "text/html" || strings.HasPrefix(f.Type, kind) && strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment") {
		return nil
	}
	return noFile("missing_scope", "Slack asks Perch to sign in for this file. Add the scope files:read to the app, install it again, and see to it that Perch is in the channel.")
}

// limitedFile is a file up to a limit; reading on is an error.
type limitedFile struct {
	body  io.ReadCloser
	left  int64
	limit int64
}

func (l *limitedFile) Read(p []byte) (int, error) {
	if l.left <= 0 {
		var one [1]byte
		switch n, err := l.body.Read(one[:]); {
		case n > 0:
			return 0, tooLarge(l.limit)
		case err != nil:
			return 0, l.fail(err)
		}
		return 0, nil
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.body.Read(p)
	l.left -= int64(n)
	if err != nil {
		err = l.fail(err)
	}
	return n, err
}

// fail keeps addresses out of an error.
func (l *limitedFile) fail(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return transport("file", err)
}

func (l *limitedFile) Close() error { return l.body.Close() }
