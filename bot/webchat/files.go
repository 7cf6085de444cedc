package webchat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot"
)

// Limits of files.
const (
	maxFiles     = 4        // of one message
	maxFileBytes = 8 << 20  // of all files of one message of a person
	maxUpload    = 64 << 20 // of one file of the bot
	maxFileBody  = 12 << 20 // of a request with files: JSON writes bytes in base64
	maxStaged    = 64       // files that are here and not shown yet
)

// file is a file of a message, as it is stored. Its bytes are beside the
// journal, under its ID, which nobody can guess.
type file struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // by its first bytes
	Size int64  `json:"size"`
	Alt  string `json:"alt,omitempty"`
}

// Attach is a file that a person writes with.
type Attach struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// shelf keeps the bytes of files: in a folder, or in memory for a chat without
// a journal.
type shelf struct {
	dir string
	mem map[string][]byte
}

func newShelf(journal string) (*shelf, error) {
	if journal == "" {
		return &shelf{mem: map[string][]byte{}}, nil
	}
	dir := journal + ".files"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("webchat: make the folder of files: %w", err)
	}
	return &shelf{dir: dir}, nil
}

func (s *shelf) path(id string) string { return filepath.Join(s.dir, id) }

// add keeps up to limit bytes. What is longer is not kept.
func (s *shelf) add(id string, r io.Reader, limit int64) (n int64, head []byte, err error) {
	if s.dir == "" {
		data, err := io.ReadAll(io.LimitReader(r, limit+1))
		if err == nil && int64(len(data)) <= limit {
			s.mem[id] = data
		}
		return int64(len(data)), data[:min(512, len(data))], err
	}
	f, err := os.OpenFile(s.path(id), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, nil, err
	}
	n, err = io.Copy(f, io.LimitReader(r, limit+1))
	if err == nil {
		err = f.Sync()
	}
	head = make([]byte, 512)
	k, _ := f.ReadAt(head, 0) // of an empty file it is nothing
	err = errors.Join(err, f.Close())
	if err != nil || n > limit {
		s.drop(id)
	}
	return n, head[:k], err
}

func (s *shelf) drop(id string) {
	if s.dir == "" {
		delete(s.mem, id)
		return
	}
	_ = os.Remove(s.path(id)) // what is left goes at the next start
}

func (s *shelf) open(id string) (io.ReadSeekCloser, error) {
	if s.dir == "" {
		data, ok := s.mem[id]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return struct {
			io.ReadSeeker
			io.Closer
		}{strings.NewReader(string(data)), io.NopCloser(nil)}, nil
	}
	return os.Open(s.path(id))
}

// sweep removes what no message knows: a process may have ended between a file
// and its message.
func (s *shelf) sweep(known func(id string) bool) error {
	if s.dir == "" {
		return nil
	}
	list, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("webchat: look at the files: %w", err)
	}
	for _, e := range list {
		if !known(e.Name()) {
			s.drop(e.Name())
		}
	}
	return nil
}

// shown are the types that the page shows; all others can be saved only.
func shown() []string {
	return []string{"image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4", "video/webm"}
}

func typeOf(head []byte) string {
	typ, _, _ := strings.Cut(http.DetectContentType(head), ";")
	return typ
}

// cleanName is a file's name without folders and control characters.
func cleanName(s string) string {
	s = strings.ReplaceAll(s, `\`, "/")
	s = s[strings.LastIndexByte(s, '/')+1:]
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 100 {
		s = string(r[len(r)-100:])
	}
	if strings.Trim(s, ". ") == "" {
		return "file"
	}
	return s
}

// keep stores the files that a person writes with.
func (a *Adapter) keep(list []Attach) ([]file, error) {
	total := 0
	for _, f := range list {
		total += len(f.Data)
		if len(f.Data) == 0 {
			return nil, problem(http.StatusUnprocessableEntity, "empty_file", "%s is empty.", cleanName(f.Name))
		}
	}
	switch {
	case len(list) > maxFiles:
		return nil, problem(http.StatusUnprocessableEntity, "too_many_files", "At most %d files go with a message.", maxFiles)
	case total > maxFileBytes:
		return nil, problem(http.StatusRequestEntityTooLarge, "too_large", "The files of a message may have %d MB.", maxFileBytes>>20)
	}
	var out []file
	for _, f := range list {
		one := file{ID: rand.Text(), Name: cleanName(f.Name), Size: int64(len(f.Data)), Type: typeOf(f.Data[:min(512, len(f.Data))])}
		if _, _, err := a.shelf.add(one.ID, strings.NewReader(string(f.Data)), maxFileBytes); err != nil {
			return nil, fmt.Errorf("keep a file: %w", err)
		}
		out = append(out, one)
	}
	return out, nil
}

func (a *Adapter) fileURL(id string) string {
	return strings.TrimSuffix(a.o.PublicURL, "/") + "/chat/file/" + url.PathEscape(id)
}

func (a *Adapter) botFiles(list []file) (out []bot.File) {
	for _, f := range list {
		out = append(out, bot.File{ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size, URL: a.fileURL(f.ID)})
	}
	return out
}

// Download hands out a file that a person wrote with.
func (a *Adapter) Download(ctx context.Context, f bot.File, limit int64) (io.ReadCloser, error) {
	if err := begin(ctx); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.st.files[f.ID]
	if !ok {
		return nil, refused("file_not_found", "The file was deleted from the chat. Send it again.")
	}
	if known.Size > limit {
		return nil, refused("file_too_large", "The file is larger than the limit.")
	}
	r, err := a.shelf.open(f.ID)
	if err != nil {
		return nil, &bot.Error{Code: "file_not_found", Message: "The file is not there any more. Send it again.", Err: err}
	}
	return r, nil
}

// Upload posts a file.
func (a *Adapter) Upload(ctx context.Context, u bot.Upload) (bot.MessageRef, error) {
	id, err := a.Stage(ctx, u)
	if err != nil {
		return "", err
	}
	return a.Share(ctx, u, id)
}

// Stage keeps a file that nobody sees yet.
func (a *Adapter) Stage(ctx context.Context, u bot.Upload) (string, error) {
	if err := begin(ctx); err != nil {
		return "", err
	}
	if u.Size > maxUpload {
		return "", refused("file_too_large", "The built-in chat takes files of up to 64 MB.")
	}
	f := file{ID: rand.Text(), Name: cleanName(u.Name), Alt: u.Alt}
	a.mu.Lock()
	defer a.mu.Unlock()
	n, head, err := a.shelf.add(f.ID, u.Content, maxUpload)
	switch {
	case err != nil:
		return "", stored(fmt.Errorf("keep a file: %w", err))
	case n > maxUpload:
		return "", refused("file_too_large", "The built-in chat takes files of up to 64 MB.")
	case n == 0:
		a.shelf.drop(f.ID)
		return "", refused("file_empty", "The file is empty.")
	}
	f.Size, f.Type = n, typeOf(head)
	if err := a.commitLocked(record{File: &f}); err != nil {
		a.shelf.drop(f.ID)
		return "", stored(err)
	}
	return f.ID, nil
}

// Share shows a staged file, once.
func (a *Adapter) Share(ctx context.Context, u bot.Upload, fileID string) (bot.MessageRef, error) {
	if err := begin(ctx); err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if ref, ok := a.st.shared[fileID]; ok {
		return ref, nil
	}
	f, ok := a.st.files[fileID]
	if !ok {
		return "", refused("file_not_found", "The file is not there any more.")
	}
	thread, err := a.place(u.Channel, u.Thread)
	if err != nil {
		return "", err
	}
	f.Name, f.Alt = cleanName(u.Name), u.Alt
	msg := &message{
		Ref: bot.MessageRef(Platform + ":m:" + a.st.next()), Number: a.st.seq + 1,
		Channel: u.Channel, Thread: thread, User: a.o.Bot.Ref, Author: u.Author, Text: u.Text, Files: []file{f}, At: time.Now().UTC(),
	}
	return msg.Ref, stored(a.commitLocked(record{Message: msg}))
}

// place is the first message of the thread that a message of the bot goes to.
func (a *Adapter) place(ch bot.ChannelRef, thread bot.MessageRef) (bot.MessageRef, error) {
	if _, ok := a.st.channels[ch]; !ok {
		return "", refused("channel_not_found", "This channel does not exist in the built-in chat.")
	}
	if thread == "" {
		return "", nil
	}
	t, ok := a.st.messages[thread]
	if !ok || t.Channel != ch {
		return "", refused("thread_not_found", "The thread to answer in does not exist any more.")
	}
	return t.root(), nil
}

// serveFile sends a file: pictures and films to be shown, all else to be saved.
func (a *Adapter) serveFile(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	f, ok := a.st.files[r.PathValue("id")]
	a.mu.Unlock()
	if !ok {
		writeProblem(w, problem(http.StatusNotFound, "file_not_found", "This file does not exist any more."))
		return
	}
	c, err := a.shelf.open(f.ID)
	if err != nil {
		a.writeError(w, r, fmt.Errorf("open a file: %w", err))
		return
	}
	defer func() { _ = c.Close() }()
	ServeFile(w, r, f.Name, f.Type, c)
}

// ServeFile sends a file of which nothing is trusted: pictures and films of a
// few types are shown, all else can be saved only, and nothing in it runs.
func ServeFile(w http.ResponseWriter, r *http.Request, name, typ string, content io.ReadSeeker) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	how := "inline"
	if !slices.Contains(shown(), typ) {
		how, typ = "attachment", "application/octet-stream"
	}
	h.Set("Content-Type", typ)
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": cleanName(name)}))
	http.ServeContent(w, r, "", time.Time{}, content)
}

// ViewFile is a file as it is shown.
type ViewFile struct {
	URL  string `json:"url"` // on the page's own host
	Name string `json:"name"`
	Show string `json:"show,omitempty"` // "image", "video"; empty: it can be saved
	Size int64  `json:"size"`
	Alt  string `json:"alt,omitempty"`
}

func viewFiles(list []file) (out []ViewFile) {
	for _, f := range list {
		v := ViewFile{URL: "/chat/file/" + url.PathEscape(f.ID), Name: f.Name, Size: f.Size, Alt: f.Alt}
		if slices.Contains(shown(), f.Type) {
			v.Show, _, _ = strings.Cut(f.Type, "/")
		}
		out = append(out, v)
	}
	return out
}
