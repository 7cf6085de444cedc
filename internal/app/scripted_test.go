package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/perch-chat/perch/bot"
)

// scripted is a chat that does as it is told.
type scripted struct {
	mu     sync.Mutex
	n      int
	posts  []said
	calls  []string
	forms  []bot.Form
	script map[string][]outcome // by call, what the next ones do
	gate   chan struct{}        // if set, a post waits for it
	sink   chan bot.Sink
	closed int

	files  map[string][]byte     // people's files, by id
	staged map[string]bot.Upload // files that the bot brought, by id; Content is a *bytes.Reader
	shown  map[string]bool
}

// said is a message in the chat.
type said struct {
	ref bot.MessageRef
	bot.Message
	reactions []string
	deleted   bool
}

// outcome is how a call goes: with effect or without, and with which error.
type outcome struct {
	effect bool
	err    error
}

func newScripted() *scripted {
	return &scripted{script: map[string][]outcome{}, sink: make(chan bot.Sink, 4), files: map[string][]byte{}, staged: map[string]bot.Upload{}, shown: map[string]bool{}}
}

var (
	_ bot.Platform  = (*scripted)(nil)
	_ bot.Editor    = (*scripted)(nil)
	_ bot.Reactor   = (*scripted)(nil)
	_ bot.Opener    = (*scripted)(nil)
	_ bot.Finder    = (*scripted)(nil)
	_ bot.Channeler = (*scripted)(nil)
	_ bot.Stager    = (*scripted)(nil)
)

func (s *scripted) Name() string { return "webchat" }

func (s *scripted) Run(ctx context.Context, sink bot.Sink) error {
	s.sink <- sink
	<-ctx.Done()
	return nil
}

func (s *scripted) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// next says how a call goes; it expects the lock.
func (s *scripted) next(call string) outcome {
	s.calls = append(s.calls, call)
	if l := s.script[call]; len(l) > 0 {
		s.script[call] = l[1:]
		return l[0]
	}
	return outcome{effect: true}
}

func (s *scripted) Post(ctx context.Context, m bot.Message) (bot.MessageRef, error) {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.next("post")
	var ref bot.MessageRef
	if o.effect {
		s.n++
		ref = bot.MessageRef(fmt.Sprintf("webchat:m%d", s.n))
		s.posts = append(s.posts, said{ref: ref, Message: m})
	}
	return ref, o.err
}

func (s *scripted) FindMessage(_ context.Context, m bot.Message) (bot.MessageRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.next("find"); o.err != nil {
		return "", o.err
	}
	for _, p := range s.posts {
		if p.Key == m.Key {
			return p.ref, nil
		}
	}
	return "", bot.ErrNotFound
}

func (s *scripted) on(call string, ref bot.MessageRef, fn func(p *said)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.next(call)
	i := slices.IndexFunc(s.posts, func(p said) bool { return p.ref == ref })
	if i < 0 {
		return &bot.Error{Code: "message_not_found", Message: "The message is gone."}
	}
	if o.effect {
		fn(&s.posts[i])
	}
	return o.err
}

func (s *scripted) Edit(_ context.Context, ref bot.MessageRef, m bot.Message) error {
	return s.on("edit", ref, func(p *said) { p.Text, p.Blocks = m.Text, m.Blocks })
}

func (s *scripted) Delete(_ context.Context, ref bot.MessageRef) error {
	return s.on("delete", ref, func(p *said) { p.deleted = true })
}

func (s *scripted) React(_ context.Context, ref bot.MessageRef, emoji string, on bool) error {
	return s.on("react", ref, func(p *said) {
		p.reactions = slices.DeleteFunc(p.reactions, func(e string) bool { return e == emoji })
		if on {
			p.reactions = append(p.reactions, emoji)
		}
	})
}

func (s *scripted) Open(_ context.Context, _ string, f bot.Form) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.next("open")
	if o.effect {
		s.forms = append(s.forms, f)
	}
	return o.err
}

func (s *scripted) EnsureChannel(_ context.Context, name, _ string, _ bool) (bot.ChannelRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.next("channel")
	return bot.ChannelRef("webchat:" + name), o.err
}

// Download hands out what a person wrote with.
func (s *scripted) Download(_ context.Context, f bot.File, limit int64) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.next("download")
	data, ok := s.files[f.ID]
	switch {
	case o.err != nil:
		return nil, o.err
	case !ok:
		return nil, &bot.Error{Code: "file_not_found", Message: "The file was deleted. Send it again."}
	case int64(len(data)) > limit:
		return nil, &bot.Error{Code: "file_too_large", Message: "It is too large."}
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Stage keeps a file that nobody sees yet.
func (s *scripted) Stage(_ context.Context, u bot.Upload) (string, error) {
	data, err := io.ReadAll(u.Content)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.next("stage")
	if !o.effect {
		return "", o.err
	}
	s.n++
	id := fmt.Sprintf("F%d", s.n)
	u.Content = bytes.NewReader(data)
	s.staged[id] = u
	return id, o.err
}

// Share shows a staged file once.
func (s *scripted) Share(_ context.Context, u bot.Upload, id string) (bot.MessageRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.next("share")
	if _, ok := s.staged[id]; !ok {
		return "", &bot.Error{Code: "file_not_found", Message: "The file is gone."}
	}
	var ref bot.MessageRef
	if o.effect && !s.shown[id] {
		s.shown[id] = true
		s.n++
		ref = bot.MessageRef(fmt.Sprintf("webchat:m%d", s.n))
		s.posts = append(s.posts, said{ref: ref, Message: bot.Message{Channel: u.Channel, Thread: u.Thread, Text: "file " + u.Name}})
	}
	return ref, o.err
}

// Upload does both.
func (s *scripted) Upload(ctx context.Context, u bot.Upload) (bot.MessageRef, error) {
	id, err := s.Stage(ctx, u)
	if err != nil {
		return "", err
	}
	return s.Share(ctx, u, id)
}

// see are the texts in a channel that are still there.
func (s *scripted) see(channel bot.ChannelRef) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var texts []string
	for _, p := range s.posts {
		if p.Channel == channel && !p.deleted {
			texts = append(texts, p.Text)
		}
	}
	return texts
}

// then scripts what the next calls do.
func (s *scripted) then(call string, o ...outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[call] = append(s.script[call], o...)
}

func (s *scripted) count(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c == call {
			n++
		}
	}
	return n
}
