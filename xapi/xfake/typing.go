package xfake

import "strconv"

// TypeAs is a person writing a direct message to an account, which X tells its
// subscribers while the message is not sent yet; from and to are ids or handles.
func (s *Server) TypeAs(from, to string) error {
	return s.do(func() error {
		f, err := s.whoOr(from)
		if err != nil {
			return err
		}
		t, err := s.whoOr(to)
		if err != nil {
			return err
		}
		now := s.now()
		what := map[string]any{"direct_message_indicate_typing_events": []any{map[string]any{
			"created_timestamp": strconv.FormatInt(now.UnixMilli(), 10), "sender_id": f.ID, "target": map[string]any{"recipient_id": t.ID},
		}}}
		s.emit(event{kind: "dm.indicate_typing", userID: t.ID, uuid: "typing-" + f.ID + strconv.FormatInt(now.UnixNano(), 10), xaa: what, aaa: what})
		return nil
	})
}
