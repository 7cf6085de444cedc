package rocketchat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
)

const (
	fileTimeout  = 5 * time.Minute // for all bytes of a file
	maxRedirects = 5
)

var (
	_ bot.Filer  = (*Adapter)(nil)
	_ bot.Stager = (*Adapter)(nil)
)

// files is the client for the bytes of files, which take longer than a call.
func (c client) files() client {
	own := *c.http
	own.Timeout = max(fileTimeout, own.Timeout)
	c.http = &own
	return c
}

// Upload posts a file. See [bot.Filer].
func (a *Adapter) Upload(ctx context.Context, u bot.Upload) (bot.MessageRef, error) {
	id, err := a.Stage(ctx, u)
	if err != nil {
		return "", err
	}
	return a.Share(ctx, u, id)
}

// Stage brings a file to its room, where nobody sees it yet; the server forgets
// it after a day. See [bot.Stager].
func (a *Adapter) Stage(ctx context.Context, u bot.Upload) (string, error) {
	rid, _, err := a.where(ctx, bot.Message{Channel: u.Channel, Thread: u.Thread})
	if err != nil {
		return "", err
	}
	if _, live := liveRoom(u.Thread); live && u.Author != nil {
		_, token, err := a.asCustomer(ctx, u.Thread, bot.Message{Author: u.Author})
		if err != nil {
			return "", err
		}
		id, err := a.tellFile(ctx, rid, token, u)
		return toldMark + id, a.shut(ctx, rid, err)
	}
	body, content := form(ctx, u, nil)
	defer func() { _ = body.Close() }()
	var out struct {
		File struct {
			ID string `json:"_id"`
		} `json:"file"`
	}
	r := request{route: "POST rooms.media/:rid", path: "rooms.media/" + url.PathEscape(rid), stream: body, content: content}
	if err := a.rest.files().call(ctx, r, &out); err != nil {
		return "", err
	}
	if out.File.ID == "" {
		return "", errors.New("rocketchat: rooms.media: no file in the answer")
	}
	a.staged.add(out.File.ID)
	return out.File.ID, nil
}

// staged are files that were brought to the server and that nobody has asked
// it to show yet.
type staged struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (s *staged) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil || len(s.ids) >= known {
		s.ids = map[string]bool{}
	}
	s.ids[id] = true
}

// take reports whether a file surely isn't shown yet, once.
func (s *staged) take(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := s.ids[id]
	delete(s.ids, id)
	return ok
}

// toldMark stands before the message of a customer's file, in place of a file's ID.
const toldMark = "told."

// Share shows a staged file. The server would show it again if it was asked
// again, so that before a repeat is looked whether it is there.
// See https://github.com/RocketChat/Rocket.Chat/issues/41886
func (a *Adapter) Share(ctx context.Context, u bot.Upload, fileID string) (bot.MessageRef, error) {
	rid, thread, err := a.where(ctx, bot.Message{Channel: u.Channel, Thread: u.Thread})
	if err != nil {
		return "", err
	}
	if !idRE.MatchString(fileID) {
		return "", gone("file")
	}
	if id, ok := strings.CutPrefix(fileID, toldMark); ok {
		return messageRef(rid, id), nil // a customer's file is shown as soon as it is there
	}
	if !a.staged.take(fileID) {
		if ref, err := a.shown(ctx, rid, fileID); code(err) != goneFile {
			return ref, err
		}
	}
	body := map[string]string{"msg": escape(clean(u.Text))}
	if thread != "" {
		body["tmid"] = thread
	}
	if u.Alt != "" {
		body["description"] = escape(cut(clean(u.Alt), 1000))
	}
	var out struct{ Message message }
	err = a.rest.call(ctx, request{route: "POST rooms.mediaConfirm/:rid/:file", path: "rooms.mediaConfirm/" + url.PathEscape(rid) + "/" + url.PathEscape(fileID), body: body}, &out)
	if code(err) == "invalid-file" {
		return "", gone("file") // it was never shown and is not kept any more
	}
	return messageRef(rid, out.Message.ID), err
}

// stagedLife is how long the server keeps a file that nobody sees.
const stagedLife = 24 * time.Hour

// goneFile is the word for a file that no message has.
const goneFile = "file_not_found"

// shown finds the message with a file.
func (a *Adapter) shown(ctx context.Context, rid, fileID string) (bot.MessageRef, error) {
	updated, _, err := a.sync(ctx, rid, a.now().Add(-stagedLife-time.Hour))
	if err != nil {
		return "", err
	}
	for _, m := range updated {
		for _, f := range m.files() {
			if f.ID == fileID {
				return messageRef(rid, m.ID), nil
			}
		}
	}
	return "", gone("file")
}

// form is a multipart body with the file of an upload, written while it is
// read. It is to be closed.
func form(ctx context.Context, u bot.Upload, fields map[string]string) (io.ReadCloser, string) {
	pr, pw := io.Pipe()
	mw := multipart.NewWriter(pw)
	go func() { // ends with the reader: closing that fails every write
		err := func() error {
			for k, v := range fields {
				if err := mw.WriteField(k, v); err != nil {
					return err
				}
			}
			name := strings.NewReplacer("\\", "_", "\"", "_", "\r", "_", "\n", "_", "/", "_").Replace(clean(u.Name))
			h := textproto.MIMEHeader{}
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="file"; filename="%s"`, name))
			h.Set("Content-Type", u.Type)
			part, err := mw.CreatePart(h)
			if err != nil {
				return err
			}
			if _, err := io.Copy(part, u.Content); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			return mw.Close()
		}()
		_ = pw.CloseWithError(err)
	}()
	return pr, mw.FormDataContentType()
}

// Download returns the bytes of a file. See [bot.Filer]. The bot's login goes
// to the workspace alone: where it keeps its files elsewhere, it sends us there
// with an address that needs none.
func (a *Adapter) Download(ctx context.Context, f bot.File, limit int64) (io.ReadCloser, error) {
	base, err := url.Parse(a.rest.base)
	if err != nil {
		return nil, gone("file")
	}
	path, err := url.Parse(f.URL)
	if err == nil && path.Scheme == base.Scheme && strings.EqualFold(path.Host, base.Host) {
		path = &url.URL{Path: strings.TrimPrefix(path.Path, base.Path), RawQuery: path.RawQuery} // some say where they are themselves
	}
	if err != nil || !isFile(path) {
		return nil, gone("file")
	}
	// Some workspaces live under a path.
	at := base.JoinPath(path.EscapedPath())
	at.RawQuery = path.RawQuery
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	resp, err := a.fetch(ctx, at, base)
	if err != nil {
		cancel()
		return nil, err
	}
	tooLarge := &bot.Error{Code: "file_too_large", Message: fmt.Sprintf("The file is larger than the %d KB that are taken. Send a smaller one.", limit>>10)}
	switch {
	case resp.StatusCode == http.StatusForbidden, resp.StatusCode == http.StatusNotFound:
		err = gone("file")
	case resp.StatusCode >= 300:
		err = fmt.Errorf("rocketchat: file: status %d", resp.StatusCode)
	case resp.ContentLength > limit:
		err = tooLarge
	}
	if err != nil {
		_ = resp.Body.Close()
		cancel()
		return nil, err
	}
	return &bounded{body: resp.Body, left: limit, over: tooLarge, cancel: cancel}, nil
}

// isFile reports whether an address is that of a file in the workspace, and of
// nothing else there: it came with a message, and is asked for as the bot.
func isFile(u *url.URL) bool {
	if u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(u.Path, filesPath) {
		return false
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(u.Path, "\\", "/"), "/") {
		if twice, err := url.PathUnescape(part); err == nil && (twice == "." || twice == "..") {
			return false
		}
	}
	return true
}

// fetch gets an address and follows where it leads, without the login from the
// first other host on.
func (a *Adapter) fetch(ctx context.Context, at, home *url.URL) (*http.Response, error) {
	away := false
	for range maxRedirects {
		away = away || at.Scheme != home.Scheme || !strings.EqualFold(at.Host, home.Host)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
		if err != nil {
			return nil, gone("file")
		}
		req.Header.Set("User-Agent", userAgent)
		if !away {
			req.Header.Set("X-User-Id", a.rest.auth.user)
			req.Header.Set("X-Auth-Token", a.rest.auth.token)
		}
		resp, err := a.rest.files().http.Do(req)
		if err != nil {
			return nil, transport("GET file-upload", err)
		}
		if resp.StatusCode < 300 || resp.StatusCode >= 400 {
			return resp, nil
		}
		to, err := resp.Location()
		_ = resp.Body.Close()
		if err != nil || to.Scheme != "https" && to.Scheme != home.Scheme || to.User != nil {
			return nil, gone("file")
		}
		at = to
	}
	return nil, gone("file")
}

// bounded is a body of which no more than a limit is read.
type bounded struct {
	body   io.ReadCloser
	left   int64
	over   error
	cancel context.CancelFunc
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.over
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, b.over
	}
	return n, err
}

// Close ends the download.
func (b *bounded) Close() error {
	defer b.cancel()
	return b.body.Close()
}
