package rocketchat_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

func errorCode(err error) string {
	if e, ok := errors.AsType[*bot.Error](err); ok {
		return e.Code
	}
	return ""
}

// TestLivechatLong has a customer write more than the workspace takes at once:
// it comes in pieces, in order, all of it, and once.
func TestLivechatLong(t *testing.T) {
	text := strings.TrimSpace(strings.Repeat("Where is *my* order? ", 450)) // 9449 characters, more once they are escaped
	for name, set := range map[string]func(s *service) int{
		"as it comes": func(*service) int { return 5000 },
		"with a limit for customers": func(s *service) int {
			s.Set("Livechat_enable_message_character_limit", true)
			s.Set("Livechat_message_character_limit", 700)
			return 700
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			most := set(s)
			v := s.customer(1)
			room, rid := s.enter(t, v)
			m := words(v, room, "long", text)
			// The answer to one of the pieces is lost.
			s.AddFault(rcfake.Fault{Route: "POST livechat/message", Skip: 2, Drop: rcfake.DropAfter})
			if _, err := s.Post(t.Context(), m); err == nil {
				t.Fatal("the lost answer was not noticed")
			}
			ref, err := s.Post(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			s.tell(t, v, room, "short", "Hello?")
			if again := s.tell(t, v, room, "long", text); again != ref {
				t.Errorf("a repeat is %s, want %s", again, ref)
			}
			got := s.said(rid)
			for _, x := range got {
				if n := len([]rune(x)); n > most {
					t.Errorf("a piece has %d characters, want %d at most", n, most)
				}
			}
			want := strings.ReplaceAll(text, "*", "\\*") + " Hello?"
			if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
				t.Errorf("agents read (-want +got):\n%s", diff)
			}
			if found, err := s.FindMessage(t.Context(), m); err != nil || found != ref {
				t.Errorf("FindMessage = %q, %v, want %q", found, err, ref)
			}
			// Its author deletes it on X.
			if err := s.Edit(t.Context(), ref, words(v, "", "", "Deleted on X by its author.")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"Deleted on X by its author.", "Hello?"}, s.said(rid)); diff != "" {
				t.Errorf("after the deletion (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLivechatHalfTold: of a message in pieces that was not told to its end it is
// not said that it is there.
func TestLivechatHalfTold(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	room, _ := s.enter(t, v)
	m := words(v, room, "long", strings.Repeat("word ", 1500))
	s.AddFault(rcfake.Fault{Route: "POST livechat/message", Skip: 2, Drop: rcfake.DropBefore})
	if _, err := s.Post(t.Context(), m); err == nil {
		t.Fatal("the lost call was not noticed")
	}
	if ref, err := s.FindMessage(t.Context(), m); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("FindMessage = %q, %v", ref, err)
	}
}

// TestLivechatLookLater: a look that the server does not answer is no reason to
// give up on what a customer said.
func TestLivechatLookLater(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	room, _ := s.enter(t, v)
	m := words(v, room, "k1", "Hello?")
	s.tell(t, v, room, "k1", "Hello?")
	s.AddFault(rcfake.Fault{Route: "GET chat.getMessage", Times: -1, Status: 502})
	_, err := s.FindMessage(t.Context(), m)
	if e, ok := errors.AsType[*bot.Error](err); !ok || !e.Temporary || e.RetryAfter == 0 {
		t.Errorf("FindMessage: %v, want an error that ends by itself", err)
	}
	// Nor is it said that it was refused.
	if _, err := s.Post(t.Context(), m); err == nil || errorCode(err) != "" {
		t.Errorf("Post: %v, want that nobody knows", err)
	}
}

// TestLivechatClosedWhileWriting: the room is closed between the server's look
// and its writing. It says where the message is, and it is nowhere twice.
func TestLivechatClosedWhileWriting(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	room, rid := s.enter(t, v)
	s.CloseWhileWriting("sam")
	if _, err := s.Post(t.Context(), words(v, room, "k1", "Hello?")); errorCode(err) != "room-closed" {
		t.Fatalf("Post: %v, want that the room is closed", err)
	}
	next, nextID := s.enter(t, v)
	if next == room {
		t.Fatal("the closed room was entered again")
	}
	s.tell(t, v, next, "k1:again", "Hello?")
	if got := append(s.said(rid), s.said(nextID)...); len(got) != 1 {
		t.Errorf("agents read %q, want it once", got)
	}
	if n := len(s.Rooms("l")); n != 2 {
		t.Errorf("%d rooms, want 2", n)
	}
}

// TestLivechatMoved: as before, but what is to be taken back of the message is
// not at once, or not known of: it is nowhere twice.
func TestLivechatMoved(t *testing.T) {
	for name, fault := range map[string]rcfake.Fault{
		"the answer lost":       {Route: "POST livechat/message", Drop: rcfake.DropAfter},
		"not taken back":        {Route: "DELETE livechat/message/:id", Status: 503},
		"taken back, not heard": {Route: "DELETE livechat/message/:id", Drop: rcfake.DropAfter},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			v := s.customer(1)
			room, rid := s.enter(t, v)
			s.CloseWhileWriting("sam")
			s.AddFault(fault)
			m := words(v, room, "k1", "Hello?")
			_, err := s.Post(t.Context(), m)
			if err != nil && errorCode(err) != "room-closed" {
				_, err = s.Post(t.Context(), m) // as the outbox does then
			}
			if errorCode(err) != "room-closed" {
				t.Fatalf("Post: %v, want that the room is closed", err)
			}
			next, nextID := s.enter(t, v)
			s.tell(t, v, next, "k1:again", "Hello?")
			s.tell(t, v, next, "k2", "Anybody?")
			if got := append(s.said(rid), s.said(nextID)...); !slices.Equal(got, []string{"Hello?", "Anybody?"}) {
				t.Errorf("agents read %q, want it once", got)
			}
		})
	}
}

func picture(v bot.Visitor, room bot.MessageRef, key, text string) bot.Upload {
	return bot.Upload{
		Thread: room, Name: "photo.png", Type: "image/png", Size: int64(len(text)), Key: key,
		Author: &bot.Author{Name: v.Name}, Content: strings.NewReader(text),
	}
}

// TestLivechatFileOnce: a customer's file whose upload had no answer is there
// once.
func TestLivechatFileOnce(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	room, rid := s.enter(t, v)
	s.AddFault(rcfake.Fault{Route: "POST livechat/upload/:rid", Drop: rcfake.DropAfter})
	if _, err := s.Upload(t.Context(), picture(v, room, "file 1", "pixels")); err == nil {
		t.Fatal("the lost answer was not noticed")
	}
	first, err := s.Upload(t.Context(), picture(v, room, "file 1", "pixels"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Upload(t.Context(), picture(v, room, "file 2", "pixels"))
	if err != nil || first == second {
		t.Fatalf("another file: %s %v", second, err)
	}
	files := func() (out []string) {
		for _, m := range s.Messages(rid) {
			out = append(out, m.Files...)
		}
		return out
	}
	if got := files(); len(got) != 2 || !strings.HasPrefix(got[0], "photo-") || !strings.HasSuffix(got[0], ".png") {
		t.Errorf("files %q, want two", got)
	}
	// Its sender deletes it on X.
	if err := s.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), first); err != nil {
		t.Errorf("deleted again: %v", err)
	}
	if got := files(); len(got) != 1 {
		t.Errorf("files %q, want one", got)
	}
	if err := s.CloseRoom("sam", rid, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Upload(t.Context(), picture(v, room, "file 3", "pixels")); errorCode(err) != "room-closed" {
		t.Errorf("a file for a closed room: %v", err)
	}
}

// TestLivechatServes: where the workspace accepts chats without agents it says
// itself that they would be served. They are counted.
func TestLivechatServes(t *testing.T) {
	s := newService(t)
	s.AddDepartment("Sales")
	s.Set("Livechat_accept_chats_with_no_agents", true)
	serves := func(department string, want bool) {
		t.Helper()
		if got, err := s.Serves(t.Context(), department); err != nil || got != want {
			t.Errorf("Serves(%q) = %v, %v, want %v", department, got, err, want)
		}
	}
	serves("", true)
	serves("Support", true)
	serves("Sales", false)
	s.AddUser(rcfake.User{Username: "zoe", Agent: true, Departments: []string{"Sales"}})
	s.Set("API_Upper_Count_Limit", 1) // agents in a list
	serves("Sales", true)
	s.SetOffline("zoe", true)
	serves("Sales", false)
	s.Set("API_Upper_Count_Limit", 100)
	e, err := s.Enter(t.Context(), s.customer(1))
	if err != nil || !e.Fresh || !e.Served {
		t.Errorf("entered: %+v %v", e, err)
	}
	s.SetOffline("sam", true)
	serves("", false)
	serves("Support", false)
	e, err = s.Enter(t.Context(), s.customer(2))
	if err != nil || !e.Fresh || e.Served {
		t.Errorf("entered with nobody there: %+v %v", e, err)
	}
}

// TestLivechatFileWords: what a customer's picture shows, as they say, is said
// with it, and mentions nobody.
func TestLivechatFileWords(t *testing.T) {
	s := newService(t)
	v := s.customer(1)
	room, rid := s.enter(t, v)
	u := picture(v, room, "file 1", "pixels")
	u.Alt = "A broken cup, @all"
	if _, err := s.Upload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	all := s.Messages(rid)
	if got := all[len(all)-1]; len(got.Alts) != 1 || got.Alts[0] != "A broken cup, @\u2060all" {
		t.Errorf("agents see %+v", got)
	}
}
