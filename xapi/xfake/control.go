package xfake

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// AddUser adds a person to the fake X, or replaces the one with the same id.
func (s *Server) AddUser(u User) User {
	_ = s.do(func() error {
		now := s.now()
		if u.ID == "" {
			u.ID = s.st.nextID(now)
		}
		u.Handle = strings.TrimPrefix(u.Handle, "@")
		if u.Name == "" {
			u.Name = u.Handle
		}
		created := now
		if old := s.st.Users[u.ID]; old != nil {
			created = old.Created
		}
		s.st.Users[u.ID] = &userRec{User: u, Created: created}
		return nil
	})
	return u
}

// Users lists everybody in the order of their ids.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []User
	for _, u := range s.st.sortedUsers() {
		out = append(out, u.User)
	}
	return out
}

// User finds somebody by id or handle.
func (s *Server) User(ref string) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.who(ref)
	if u == nil {
		return User{}, false
	}
	return u.User, true
}

func (s *Server) who(ref string) *userRec {
	if u := s.st.Users[ref]; u != nil {
		return u
	}
	return s.st.byHandle(strings.TrimPrefix(ref, "@"))
}

func (s *Server) whoOr(ref string) (*userRec, error) {
	u := s.who(ref)
	if u == nil {
		return nil, fmt.Errorf("xfake: no user %q", ref)
	}
	return u, nil
}

// File is an attachment that somebody sends in the app.
type File struct {
	Name, Type string
	Data       []byte
}

// SendDMAs sends a direct message as a person does in the app; from and to are
// ids or handles.
func (s *Server) SendDMAs(from, to, text string, files ...File) (DM, error) {
	return s.appDM(from, to, text, false, files)
}

// SendEncryptedDMAs sends an X Chat message: webhooks get chat.received with
// ciphertext, and dm_events never show it.
func (s *Server) SendEncryptedDMAs(from, to, text string) (DM, error) {
	return s.appDM(from, to, text, true, nil)
}

// NativeDM is the owner of the account typing an answer on x.com: the same as
// SendDMAs with the account as sender.
func (s *Server) NativeDM(account, to, text string, files ...File) (DM, error) {
	return s.appDM(account, to, text, false, files)
}

func (s *Server) appDM(from, to, text string, encrypted bool, files []File) (DM, error) {
	var out DM
	err := s.do(func() error {
		f, err := s.whoOr(from)
		if err != nil {
			return err
		}
		t, err := s.whoOr(to)
		if err != nil {
			return err
		}
		if text == "" && len(files) == 0 {
			return errors.New("xfake: an empty message")
		}
		d := &DM{Conversation: convID(f.ID, t.ID), From: f.ID, Text: text, Encrypted: encrypted}
		for _, file := range files {
			d.MediaIDs = append(d.MediaIDs, s.keepFile(f.ID, file))
		}
		s.storeDM(s.direct(f.ID, t.ID), d)
		out = *d
		return nil
	})
	return out, err
}

// PostAs posts as a person does in the app, where the reply rule of the API
// does not hold; inReplyTo may name a post.
func (s *Server) PostAs(from, text string, inReplyTo ...string) (Post, error) {
	var out Post
	err := s.do(func() error {
		u, err := s.whoOr(from)
		if err != nil {
			return err
		}
		p := &Post{AuthorID: u.ID, Text: text}
		if len(inReplyTo) > 0 && inReplyTo[0] != "" {
			if s.st.Posts[inReplyTo[0]] == nil {
				return fmt.Errorf("xfake: no post %q", inReplyTo[0])
			}
			p.InReplyTo = inReplyTo[0]
		}
		s.publish(p)
		out = *p
		return nil
	})
	return out, err
}

// PostFilesAs is PostAs with pictures or a video.
func (s *Server) PostFilesAs(from, text string, files ...File) (Post, error) {
	var out Post
	err := s.do(func() error {
		u, err := s.whoOr(from)
		if err != nil {
			return err
		}
		p := &Post{AuthorID: u.ID, Text: text}
		for _, f := range files {
			id := s.keepFile(u.ID, f)
			s.st.Media[id].Category = "tweet_image"
			p.MediaIDs = append(p.MediaIDs, id)
		}
		s.publish(p)
		out = *p
		return nil
	})
	return out, err
}

// Media returns a file that is on X, as the app shows it to those who may see it.
func (s *Server) Media(id string) (File, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.st.Media[id]
	if m == nil {
		return File{}, false
	}
	return File{Name: m.resource(), Type: m.Type, Data: m.Data}, true
}

// MentionAs is PostAs for a text that names an account with @handle; it fails
// when nobody is mentioned.
func (s *Server) MentionAs(from, text string, inReplyTo ...string) (Post, error) {
	s.mu.Lock()
	named := slices.ContainsFunc(handlesIn(text), func(h string) bool { return s.st.byHandle(h) != nil })
	s.mu.Unlock()
	if !named {
		return Post{}, fmt.Errorf("xfake: %q mentions nobody", text)
	}
	return s.PostAs(from, text, inReplyTo...)
}

// DeletePostAs deletes a post in the app.
func (s *Server) DeletePostAs(from, postID string) error {
	return s.do(func() error {
		u, err := s.whoOr(from)
		if err != nil {
			return err
		}
		p := s.st.Posts[postID]
		if p == nil || p.Deleted || p.AuthorID != u.ID {
			return fmt.Errorf("xfake: @%s has no post %q", u.Handle, postID)
		}
		s.unpublish(p)
		return nil
	})
}

// Posts returns what is public of a user (id or handle; everybody when empty),
// oldest first, whatever the lag.
func (s *Server) Posts(user string) []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := user
	if u := s.who(user); u != nil {
		id = u.ID
	}
	var out []Post
	for _, pid := range s.st.PostOrder {
		if p := s.st.Posts[pid]; !p.Deleted && (id == "" || p.AuthorID == id) {
			out = append(out, *p)
		}
	}
	return out
}

// Thread returns a post and everything under it, oldest first.
func (s *Server) Thread(rootID string) []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := map[string]bool{rootID: true}
	var out []Post
	for _, pid := range s.st.PostOrder {
		p := s.st.Posts[pid]
		if in[p.InReplyTo] {
			in[p.ID] = true
		}
		if in[p.ID] && !p.Deleted {
			out = append(out, *p)
		}
	}
	return out
}

// DMs returns the messages between two users, oldest first, encrypted ones
// included; one empty user stands for everybody.
func (s *Server) DMs(a, b string) []DM {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := func(ref string, d *DM) bool {
		if ref == "" {
			return true
		}
		u := s.who(ref)
		return u != nil && (d.From == u.ID || contains(d.To, u.ID))
	}
	var out []DM
	for _, d := range s.st.DMs {
		if is(a, d) && is(b, d) && len(d.DeletedBy) == 0 {
			out = append(out, *d)
		}
	}
	return out
}

// SetCredits says whether the app's account has credits; without them every
// paid call is 402.
func (s *Server) SetCredits(on bool) { s.set(func() { s.credits = on }) }

// Credits reports whether there are credits.
func (s *Server) Credits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.credits
}

// SetUsageCap makes reads fail as after the monthly cap.
func (s *Server) SetUsageCap(reached bool) { s.set(func() { s.usageCap = reached }) }

// SetSuspended suspends a user or lifts it.
func (s *Server) SetSuspended(user string, on bool) error {
	return s.edit(user, func(u *userRec) { u.Suspended = on })
}

// SetDMsClosed closes a user's inbox or opens it.
func (s *Server) SetDMsClosed(user string, on bool) error {
	return s.edit(user, func(u *userRec) { u.DMsClosed = on })
}

func (s *Server) set(fn func()) {
	_ = s.do(func() error { fn(); return nil })
}

func (s *Server) edit(user string, fn func(*userRec)) error {
	return s.do(func() error {
		u, err := s.whoOr(user)
		if err == nil {
			fn(u)
		}
		return err
	})
}

// RevokeUser is the user removing the app on X's connected apps page: all
// tokens die and oauth.revoke is delivered.
func (s *Server) RevokeUser(user string) error {
	return s.edit(user, func(u *userRec) {
		for _, g := range s.st.Grants {
			if g.UserID == u.ID {
				g.kill("the user removed the app")
			}
		}
		s.emitRevoked(u)
	})
}

// Connected reports whether the app holds a living grant of the user.
func (s *Server) Connected(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.who(user)
	for _, g := range s.st.Grants {
		if u != nil && g.UserID == u.ID && !g.Dead && (g.Refresh != "" || len(g.Access) > 0) {
			return true
		}
	}
	return false
}

// Snapshot returns everything users made as JSON; it holds tokens, so treat it
// as a secret. Faults, limits and deliveries under way are not in it.
func (s *Server) Snapshot() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := json.Marshal(&s.st)
	if err != nil {
		return nil, fmt.Errorf("xfake: snapshot: %w", err)
	}
	return b, nil
}

// Restore replaces everything with a Snapshot; registered callback URLs are
// kept.
func (s *Server) Restore(b []byte) error {
	var st state
	if err := json.Unmarshal(b, &st); err != nil {
		return fmt.Errorf("xfake: restore: %w", err)
	}
	st.init()
	return s.do(func() error {
		for _, u := range s.st.Redirects {
			if !contains(st.Redirects, u) {
				st.Redirects = append(st.Redirects, u)
			}
		}
		s.st = st
		return nil
	})
}
