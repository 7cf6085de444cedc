package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/perch-chat/perch/bot"
)

const (
	maxFileName = 255
	maxAltText  = 1000
	maxComment  = 3000

	shareLooks = 8 // for the message of a share, 100 ms apart at first
)

// Upload posts a file. See [bot.Filer].
func (a *Adapter) Upload(ctx context.Context, u bot.Upload) (bot.MessageRef, error) {
	id, err := a.Stage(ctx, u)
	if err != nil {
		return "", err
	}
	return a.Share(ctx, u, id)
}

// Stage brings a file's bytes to Slack, where nobody sees them yet: all its
// errors say that nothing was shown.
func (a *Adapter) Stage(ctx context.Context, u bot.Upload) (string, error) {
	if u.Size <= 0 {
		return "", noFile("empty_file", "The file is empty.")
	}
	var at struct {
		URL string `json:"upload_url"`
		ID  string `json:"file_id"`
	}
	args := values("filename", fileName(u), "length", strconv.FormatInt(u.Size, 10), "alt_txt", cut(clean(u.Alt), maxAltText))
	if _, err := a.web.call(ctx, a.o.BotToken, "files.getUploadURLExternal", args, &at); err != nil {
		return "", unsent(err)
	}
	to, err := url.Parse(at.URL)
	if err != nil || at.ID == "" || !a.mayHaveToken(to) {
		return "", noFile("bad_address", "Slack doesn't say where it takes files.")
	}
	// The address itself is the right to write there; it gets no token.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), io.NopCloser(io.LimitReader(u.Content, u.Size)))
	if err != nil {
		return "", noFile("bad_address", "Slack doesn't say where it takes files.")
	}
	req.ContentLength = u.Size
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("User-Agent", userAgent)
	resp, err := a.files.Do(req)
	if err != nil {
		return "", unsent(transport("upload", err))
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection is used again
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return "", limited(resp.Header)
	case resp.StatusCode != http.StatusOK:
		return "", unsent(fmt.Errorf("slack: upload: status %d", resp.StatusCode))
	}
	return at.ID, nil
}

// fileName is a name that every chat and disk takes, with the ending that
// tells what is in it.
func fileName(u bot.Upload) string {
	n := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			return -1 // could turn the letters of the ending around
		}
		return r
	}, u.Name)
	n = strings.TrimSpace(path.Base(strings.ReplaceAll(clean(n), `\`, "/")))
	if strings.Trim(n, "./") == "" {
		n = "file"
		if _, sub, ok := strings.Cut(u.Type, "/"); ok && len(sub) <= 10 {
			n += "." + slug(sub)
		}
	}
	if ext := path.Ext(n); size(n) > maxFileName && size(ext) < 20 {
		return cut(strings.TrimSuffix(n, ext), maxFileName-size(ext)) + ext
	}
	return cut(n, maxFileName)
}

// Share shows a file that was staged. Slack shows a file once, so that calling
// it again finds what came of the first time.
func (a *Adapter) Share(ctx context.Context, u bot.Upload, fileID string) (bot.MessageRef, error) {
	channel, ok := a.refs.channelID(u.Channel)
	if !ok {
		return "", noChannel()
	}
	thread := ""
	if u.Thread != "" {
		root, ok := a.refs.messageID(u.Thread)
		if !ok || root.only || root.channel != channel {
			return "", &bot.Error{Code: "thread_not_found", Message: sentence("thread_not_found", "")}
		}
		thread = root.ts
	}
	args, err := a.shareArgs(u, channel, thread, fileID)
	if err != nil {
		return "", err
	}
	err = a.joined(ctx, channel, func() error {
		_, err := a.web.call(ctx, a.o.BotToken, "files.completeUploadExternal", args, nil)
		return err
	})
	done := err == nil
	if err != nil && code(err) != "file_not_found" && code(err) != "" {
		return "", err
	}
	// Slack posts the message a moment after its answer, and the answer may be
	// lost, or be no to a repeat: the file itself knows where it was shown.
	at, ok, lerr := a.shared(ctx, fileID, channel, done)
	switch {
	case ok:
		return a.landed(ctx, at, channel, thread, fileID)
	case done:
		a.log.Warn("slack does not say yet where a file was shown", "file", fileID, "err", lerr)
		return "", nil
	case code(err) != "" && (lerr == nil || code(lerr) != ""):
		return "", err // Slack has no such file
	}
	return "", fmt.Errorf("slack: files.completeUploadExternal: %w", errOpaque{err})
}

func (a *Adapter) shareArgs(u bot.Upload, channel, thread, fileID string) (url.Values, error) {
	files, err := json.Marshal([]map[string]string{{"id": fileID, "title": fileName(u)}})
	if err != nil {
		return nil, noFile("bad_name", "The file's name can't be used.")
	}
	args := values("files", string(files), "channel_id", channel, "thread_ts", thread)
	if strings.TrimSpace(clean(u.Text)) != "" {
		// Not as initial_comment, in which Slack would look for markup.
		c, err := renderer{refs: a.refs}.message(bot.Message{Text: cut(u.Text, maxComment)})
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(c.blocks)
		if err != nil {
			return nil, &bot.Error{Code: "invalid_blocks", Message: sentence("invalid_blocks", ""), Err: err}
		}
		args.Set("blocks", string(raw))
	}
	return args, nil
}

// shared finds the message that a file is shown in. It looks for a while if the
// file surely was shared.
func (a *Adapter) shared(ctx context.Context, fileID, channel string, surely bool) (share, bool, error) {
	wait := backoff{first: 100 * time.Millisecond, most: time.Second}
	var last error
	for i := range shareLooks {
		if i > 0 {
			if err := wait.sleep(ctx); err != nil {
				return share{}, false, errors.Join(last, err)
			}
		}
		in, err := a.fileInfo(ctx, fileID)
		last = err
		for _, at := range slices.Concat(in.Shares.Public[channel], in.Shares.Private[channel]) {
			if stampRE.MatchString(at.TS) {
				return at, true, nil
			}
		}
		if err != nil && !surely && code(err) != "ratelimited" && code(err) != "" {
			return share{}, false, err
		}
	}
	return share{}, false, last
}

// landed checks that a file was shown where it belongs. One that Slack put into
// the channel because its thread is gone is taken back: what belongs to one
// customer must not be seen by all.
func (a *Adapter) landed(ctx context.Context, at share, channel, thread, fileID string) (bot.MessageRef, error) {
	if thread == "" || at.ThreadTS == thread || at.TS == thread {
		return a.refs.message(channel, at.TS), nil
	}
	if _, err := a.web.call(ctx, a.o.BotToken, "files.delete", values("file", fileID), nil); err != nil && code(err) != "file_deleted" && code(err) != "file_not_found" {
		return "", fmt.Errorf("slack: a file landed outside of its thread: %w", errOpaque{err})
	}
	return "", &bot.Error{Code: "thread_not_found", Message: sentence("thread_not_found", "")}
}
