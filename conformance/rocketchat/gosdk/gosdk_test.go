// Package gosdk lets RocketChat/Rocket.Chat.Go.SDK, which is no longer
// maintained, judge rcfake where it is sound: calls over REST, and one room on
// one connection. docs/adr/0012-rocketchat-client.md says why nothing is built on it.
package gosdk

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/RocketChat/Rocket.Chat.Go.SDK/models"
	"github.com/RocketChat/Rocket.Chat.Go.SDK/realtime"
	"github.com/RocketChat/Rocket.Chat.Go.SDK/rest"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// workspace is a stand-in, its address, and a room with Ada and the bot.
func workspace(t *testing.T) (s *rcfake.Server, at *url.URL, room string) {
	t.Helper()
	s = rcfake.New(rcfake.Options{})
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	s.AddUser(rcfake.User{Username: "ada"})
	at, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return s, at, s.AddRoom("support", true, "ada", "twitter.bot")
}

func login(s *rcfake.Server) *models.UserCredentials {
	id, token := s.Bot()
	return &models.UserCredentials{ID: id, Token: token}
}

func TestREST(t *testing.T) {
	s, at, room := workspace(t)
	c := rest.NewClient(at, false)
	if err := c.Login(login(s)); err != nil {
		t.Fatal(err)
	}
	group, err := c.GetGroupInfo(&models.Channel{ID: room})
	if err != nil || group.Name != "support" {
		t.Fatalf("the room: %+v %v", group, err)
	}
	sent, err := c.PostMessage(&models.PostMessage{RoomID: room, Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetMessage(sent.Message.ID)
	if err != nil || got.Msg != "hello" || got.RoomID != room || got.User.UserName != "twitter.bot" {
		t.Errorf("the message: %+v %v", got, err)
	}
	if _, err := c.UpdateMessage(&models.UpdateMessage{RoomID: room, MsgID: sent.Message.ID, Text: "changed"}); err != nil {
		t.Errorf("changing it: %v", err)
	}
	if all := s.Messages(room); len(all) != 1 || all[0].Text != "changed" || !all[0].Edited {
		t.Errorf("people see %+v", all)
	}
	if _, err := c.DeleteMessage(&models.DeleteMessage{RoomID: room, MsgID: sent.Message.ID}); err != nil || len(s.Messages(room)) != 0 {
		t.Errorf("deleting it: %v", err)
	}
	if _, err := c.GetGroupInfo(&models.Channel{ID: "nothing"}); err == nil || !strings.Contains(err.Error(), "error-room-not-found") {
		t.Errorf("a room that is none: %v", err)
	}
}

func TestRealtime(t *testing.T) {
	s, at, room := workspace(t)
	c, err := realtime.NewClient(at, false)
	if err != nil && strings.Contains(err.Error(), "random id generator") {
		t.Skip("the SDK does not work where there is no private IPv4 address")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	id, _ := s.Bot()
	if u, err := c.Login(login(s)); err != nil || u.ID != id {
		t.Fatalf("login: %+v %v", u, err)
	}
	messages := make(chan models.Message, 16) // a full one would stop the connection
	if err := c.SubscribeToMessageStream(&models.Channel{ID: room}, messages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Say(rcfake.Says{Who: "ada", Room: room, Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-messages:
		if m.Msg != "hello" || m.RoomID != room || m.User.UserName != "ada" {
			t.Errorf("heard %+v", m)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
	}
}
