package xfake

import "fmt"

// EditPostAs changes a post as its author does in the app: X gives it a new
// id, and it names the ids of all its versions
// (https://docs.x.com/x-api/fundamentals/edit-posts).
func (s *Server) EditPostAs(from, postID, text string) (Post, error) {
	var out Post
	err := s.do(func() error {
		u, err := s.whoOr(from)
		if err != nil {
			return err
		}
		old := s.st.Posts[postID]
		if old == nil || old.Deleted || old.AuthorID != u.ID {
			return fmt.Errorf("xfake: @%s has no post %q", u.Handle, postID)
		}
		old.Deleted = true // only the newest version is on timelines; nothing tells of the others
		p := &Post{
			AuthorID: u.ID, Text: text, InReplyTo: old.InReplyTo, MediaIDs: old.MediaIDs, ReplySettings: old.ReplySettings,
			Versions: append(append([]string(nil), old.Versions...), old.ID), began: old.Conversation,
		}
		s.publish(p)
		out = *p
		return nil
	})
	return out, err
}

// history lists the ids of a post's versions, the newest last.
func (p *Post) history() []string { return append(append([]string(nil), p.Versions...), p.ID) }
